/* A stream of bytes under an HTTP connection: TCP, or TLS over it.
 *
 * Knows: the loop, one descriptor, a TLS session.
 * Must not know: HTTP.
 *
 * This is the seam at which TLS stands: whoever holds a transport reads and
 * writes clear bytes and does not see what becomes of them.  A handshake that
 * fails is a receive that fails, with -EPROTO.
 *
 * At most one receive and one send are in flight.  Callbacks come from the
 * loop, never from inside these functions.
 */
#ifndef NET_HTTP_TRANSPORT_H
#define NET_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "crypto/tls.h"
#include "io/loop.h"

struct http_tls;
struct http_transport;

/* `result` is as of the loop's operations: bytes, 0 or -errno. */
typedef void (*http_transport_fn)(struct http_transport *transport, int result);
typedef void (*http_transport_closed_fn)(struct http_transport *transport);

/* All fields are private. */
struct http_transport {
    struct loop *loop;
    int fd;
    bool closing;
    bool shut; /* both directions, on the way to closed */
    struct http_tls *tls; /* owned; NULL: the bytes are clear */
    struct loop_op recv_op;
    struct loop_op send_op; /* also closes, at the end */
    http_transport_fn recv_done;
    http_transport_fn send_done;
    http_transport_closed_fn closed;
};

/* Takes over `fd`, a connected socket. */
void http_transport_open(struct http_transport *transport, struct loop *loop,
                         int fd);
/* Before the first receive or send: speaks TLS as a server of `context`, or,
 * given a `host`, as a client of that.  False when there is no memory; then
 * close it. */
MUST_USE bool http_transport_use_tls(struct http_transport *transport,
                                     struct tls_context *context,
                                     const char *host);
/* Why a receive failed with -EPROTO; TLS_ERROR_NONE for clear bytes, and while
 * all is well. */
enum tls_error http_transport_tls_error(const struct http_transport *transport);

/* Receives 1 to `room_bytes` bytes; result 0 is the peer's end. */
void http_transport_recv(struct http_transport *transport, void *data,
                         uint32_t room_bytes, http_transport_fn done);
/* Sends all of `data`, which stays in place until `done`. */
void http_transport_send(struct http_transport *transport, const void *data,
                         uint32_t size_bytes, http_transport_fn done);

bool http_transport_recv_busy(const struct http_transport *transport);
bool http_transport_send_busy(const struct http_transport *transport);

/* Tells the peer that no more will be sent; receiving goes on. */
void http_transport_end(struct http_transport *transport);

/* Closes it: what is in flight is ended, without its callback; `closed` comes
 * when the kernel uses no buffer any more.  Once. */
void http_transport_close(struct http_transport *transport,
                          http_transport_closed_fn closed);

#endif
