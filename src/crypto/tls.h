/* A TLS session as bytes in and bytes out: 1.3, and 1.2 with HTTPS clients.
 *
 * Knows: the protocol, through wolfSSL; one identity on the server's side.
 * Must not know: sockets, which server is called, whom to trust.
 *
 *   HANDSHAKING -> OPEN -> CLOSED          the peer said close_notify
 *        |          |
 *        +----------+----> FAILED          tls_error() says why; it sticks
 *
 * How it is driven, at both ends:
 *
 *   tls_feed(what arrived);
 *   while ((count = tls_read(session, buffer, sizeof buffer)) > 0) use it;
 *   while ((count = tls_take_output(session, buffer, sizeof buffer)) > 0)
 *       send it;                           also when FAILED: the alert
 *
 * A client sees its session OPEN before its last flight has been taken, so
 * what it writes then leaves together with that flight.
 *
 * The client of a node accepts any certificate; the peer's signature with the
 * key in it is verified.  Whose key that is, is the caller's to judge, by
 * tls_peer_fingerprint(), before it writes a secret.  A client of an HTTPS
 * server opens only if an authority that it was given has signed the server's
 * chain, the certificate is for the server's name (RFC 9525) or address, and
 * the system's clock is within its time; unless its context checks nothing.
 *
 * Memory: some 10 KiB a session, and for a moment twice that; a record
 * (16 KiB) while one is incomplete, and at most `output_bytes_max` for output.
 *
 * Source: RFC 8446; exporter, its section 7.5.  No tickets, no early data, no
 * client certificates, nothing below 1.3; HTTPS: RFC 5246 too, with ephemeral
 * keys and AEAD only, without renegotiation.
 */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/identity.h"

struct tls_context;
struct tls_session;

enum tls_state {
    TLS_HANDSHAKING,
    TLS_OPEN,
    TLS_CLOSED,
    TLS_FAILED,
};

/* Every one ends the control connection: transfer error 12, but for
 * TLS_ERROR_MEMORY, which is 32. */
enum tls_error {
    TLS_ERROR_NONE,
    TLS_ERROR_NOT_TLS,     /* the first bytes are no TLS record */
    TLS_ERROR_VERSION,     /* the peer has no TLS 1.3 */
    TLS_ERROR_PARAMETERS,  /* no cipher, group or signature in common */
    TLS_ERROR_CERTIFICATE, /* unreadable, or its signature does not hold */
    /* Of a client of an HTTPS server: */
    TLS_ERROR_AUTHORITY, /* its certificate is of nobody whom we know */
    TLS_ERROR_EXPIRED,   /* or not valid yet */
    TLS_ERROR_NAME,      /* for another name than the one that was called */
    TLS_ERROR_PROTOCOL,    /* out of order, malformed, does not decrypt */
    TLS_ERROR_ALERT,       /* the peer gave up, with an alert */
    TLS_ERROR_LIMIT,       /* handshake too large, output not fetched */
    TLS_ERROR_MEMORY,
};

/* "the peer does not speak TLS" and so on. */
const char *tls_error_text(enum tls_error error);

/* Open a context, which many sessions share.  NULL when memory is used up,
 * or, for a server, when the identity cannot be used.  The identity is
 * copied. */
struct tls_context *tls_context_open_server(const struct identity *identity);
struct tls_context *tls_context_open_client(void);
/* A server for clients that are no nodes: TLS 1.2 too, ALPN "http/1.1" for
 * those that ask.  `certificates` is a chain in PEM, the server's own first,
 * `key` the key of that in PEM; other blocks are passed over.  NULL also when
 * the two do not belong together.  Its sessions export no keys. */
struct tls_context *tls_context_open_https(struct text certificates,
                                           struct text key);
/* A client of HTTPS servers: TLS 1.2 too.  `authorities` is a bundle in PEM, of
 * which what cannot be used is passed over; absent: no certificate is checked.
 * NULL also when nothing in it can be used.  For tls_session_open_https(). */
struct tls_context *tls_context_open_https_client(struct text authorities);
/* Its sessions live on. */
void tls_context_close(struct tls_context *context);

/* Opens a session; NULL when memory is used up.  More than `output_bytes_max`
 * of output that nobody takes fails it with TLS_ERROR_LIMIT.  A client's first
 * flight is there to be taken at once. */
struct tls_session *tls_session_open(struct tls_context *context,
                                     uint32_t output_bytes_max);
/* The same with an HTTPS server, called by a name or an IP address.  A name
 * that no certificate could be for makes the session FAILED from the start. */
struct tls_session *tls_session_open_https(struct tls_context *context,
                                           const char *host,
                                           uint32_t output_bytes_max);
void tls_session_close(struct tls_session *session);

enum tls_state tls_session_state(const struct tls_session *session);
enum tls_error tls_session_error(const struct tls_session *session);

/* Gives `size_bytes` bytes from the peer to the session, which borrows them
 * until tls_read() has returned 0; only then may it be fed again. */
void tls_feed(struct tls_session *session, const void *data,
              uint32_t size_bytes);
/* Goes on with the handshake and reads up to `room_bytes` of what the peer
 * wrote.  Returns 0 when all that was fed is used up, or the session is no
 * longer open.  During the handshake it returns 0 when that is done, with the
 * rest kept: look at the state, and call again. */
uint32_t tls_read(struct tls_session *session, void *room, uint32_t room_bytes);
/* Whether fed bytes remain that tls_read() has not looked at. */
bool tls_has_input(const struct tls_session *session);

/* Encrypts `size_bytes`; only when OPEN.  Fails the session with
 * TLS_ERROR_LIMIT or TLS_ERROR_MEMORY where there is no room. */
void tls_write(struct tls_session *session, const void *data,
               uint32_t size_bytes);
/* Says close_notify: nothing is written after it.  Does nothing unless the
 * session is OPEN, or CLOSED by the peer. */
void tls_write_end(struct tls_session *session);

/* Moves up to `room_bytes` of what is to be sent to the peer into `room`, and
 * returns how many. */
uint32_t tls_take_output(struct tls_session *session, void *room,
                         uint32_t room_bytes);
uint32_t tls_output_bytes(const struct tls_session *session);

/* The fingerprint of the key that the server proved to hold.  Client side,
 * once OPEN. */
struct fingerprint tls_peer_fingerprint(const struct tls_session *session);

/* Derives `size_bytes` (at most 255 * 32) that both ends share and nobody else
 * knows, from a label (at most 240 characters) and a context.  Once OPEN. */
void tls_export(struct tls_session *session, const char *label,
                const void *context, uint32_t context_bytes, void *out,
                uint32_t size_bytes);

#endif
