/* A TLS control connection on the loop, and the listener that accepts them.
 *
 * Knows: TCP sockets, the loop, TLS sessions.
 * Must not know: messages, users, which fingerprint to trust.
 *
 *   CONNECTING -> HANDSHAKING -> OPEN -> FLUSHING -> CLOSING -> CLOSED
 *        |             |          |          |          |
 *        +-------------+----------+----------+----------+
 *
 * FLUSHING sends what is queued and close_notify; CLOSING waits for the kernel
 * to give every buffer back.  A connection accepted by a listener begins in
 * HANDSHAKING and is shown to the owner once it is OPEN.
 *
 * Callbacks come from the loop only, never from inside a call of this header.
 * `closed` is the last one and comes exactly once; the connection is gone when
 * it returns.  Any call here is allowed in any callback but `closed`.
 */
#ifndef NET_TLS_CONN_H
#define NET_TLS_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/check.h"
#include "crypto/identity.h"
#include "crypto/tls.h"

struct loop;
struct tls_conn;
struct tls_listener;

/* How a connection ended.  `error`, beside it, is an errno for REFUSED and
 * LOST (0: the peer hung up without close_notify), an enum tls_error for
 * HANDSHAKE and TLS, else 0.  Transfer errors: 13 for the two timeouts, 32 for
 * MEMORY, 39 for PEER where nothing was agreed, 12 for the others. */
enum tls_conn_end {
    TLS_CONN_END_OURS,      /* tls_conn_close(), and all was flushed */
    TLS_CONN_END_ABORTED,   /* tls_conn_abort() */
    TLS_CONN_END_PEER,      /* the peer said close_notify */
    TLS_CONN_END_REFUSED,   /* no connection: errno says why */
    TLS_CONN_END_LOST,      /* the network, or the peer's process, is gone */
    TLS_CONN_END_HANDSHAKE, /* TLS was not agreed: enum tls_error */
    TLS_CONN_END_TLS,       /* TLS failed later: enum tls_error */
    TLS_CONN_END_CONNECT_TIMEOUT,   /* no answer to TCP in time */
    TLS_CONN_END_HANDSHAKE_TIMEOUT, /* TCP, but no TLS in time */
    TLS_CONN_END_OVERFLOW,          /* the peer does not read: queue full */
    TLS_CONN_END_MEMORY,
};

/* What callbacks an owner gets; none may be NULL, but `ready` on a connection
 * that was adopted from a listener. */
struct tls_conn_events {
    /* Client side: the handshake is done.  The owner looks at
     * tls_conn_fingerprint() and may send; that leaves together with the
     * handshake's last flight. */
    void (*ready)(struct tls_conn *conn, void *owner);
    /* The next piece of what the peer wrote; borrowed for the call. */
    void (*received)(struct tls_conn *conn, const uint8_t *data,
                     uint32_t size_bytes, void *owner);
    void (*closed)(struct tls_conn *conn, enum tls_conn_end end, int error,
                   void *owner);
};

/* "the connection was refused", with strerror or tls_error_text() where
 * there is more to say; written to `text` of `text_bytes`, at least 1. */
void tls_conn_end_format(enum tls_conn_end end, int error, char *text,
                         uint32_t text_bytes);

/* Starts connecting to `address`; whatever goes wrong is told by `closed`.
 * `timeout_ms` is for TCP and TLS together; 0 = LIMIT_TLS_HANDSHAKE_MS.
 * `events` must outlive the connection.  NULL when memory is used up, and only
 * then. */
struct tls_conn *
tls_conn_start_client(struct loop *loop, struct tls_context *context,
                      const struct address *address, uint32_t timeout_ms,
                      const struct tls_conn_events *events, void *owner);

/* Queues `size_bytes`, copied.  More than LIMIT_TLS_CONN_QUEUE_BYTES queued
 * ends the connection with TLS_CONN_END_OVERFLOW.  Allowed from `ready` (or
 * adoption) on; does nothing on a connection that is ending. */
void tls_conn_send(struct tls_conn *conn, const void *data,
                   uint32_t size_bytes);
/* What is queued and not yet taken by the kernel, encrypted. */
uint32_t tls_conn_queued_bytes(const struct tls_conn *conn);

/* Flushes what is queued, says close_notify, waits until the peer has hung up,
 * so that it can read all, and closes.  What the peer still sends is ignored.
 * All that is given LIMIT_TLS_CONN_FLUSH_MS. */
void tls_conn_close(struct tls_conn *conn);
/* Closes at once. */
void tls_conn_abort(struct tls_conn *conn);

/* See tls_peer_fingerprint(); client side, from `ready` on. */
struct fingerprint tls_conn_fingerprint(const struct tls_conn *conn);
/* See tls_export(); from `ready` (or adoption) on, until `closed`. */
void tls_conn_export(struct tls_conn *conn, const char *label,
                     const void *context, uint32_t context_bytes, void *out,
                     uint32_t size_bytes);
/* The address connected to, or that of the accepted peer. */
const struct address *tls_conn_peer(const struct tls_conn *conn);

/* Tells of a connection whose handshake is done.  The callee calls
 * tls_conn_adopt() on it before it returns, else it is closed. */
typedef void (*tls_listener_accepted_fn)(struct tls_conn *conn, void *user);

void tls_conn_adopt(struct tls_conn *conn, const struct tls_conn_events *events,
                    void *owner);

/* Listens on `address` (port 0 takes a free one).  At most
 * LIMIT_TLS_CONNECTIONS at once, of which LIMIT_TLS_HANDSHAKES may not have
 * finished their handshake: one more, and the oldest of these is closed.
 * `timeout_ms` as above.  Returns 0 or -errno of socket, bind or listen. */
MUST_USE int tls_listener_open(struct tls_listener **listener,
                               struct loop *loop, struct tls_context *context,
                               const struct address *address,
                               uint32_t timeout_ms,
                               tls_listener_accepted_fn accepted, void *user);
/* The address it listens on, with the port that was taken. */
const struct address *tls_listener_address(const struct tls_listener *listener);

/* Stops listening and aborts handshakes; connections that were adopted live
 * on.  `stopped` is called from the loop when the last of the listener's
 * unadopted connections is gone; the listener's memory is then given back. */
typedef void (*tls_listener_stopped_fn)(void *user);
void tls_listener_stop(struct tls_listener *listener,
                       tls_listener_stopped_fn stopped, void *user);

#endif
