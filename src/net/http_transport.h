/* A stream of bytes under an HTTP connection: TCP.
 *
 * Knows: the loop, one descriptor.
 * Must not know: HTTP.
 *
 * This is the seam at which TLS will stand: whoever holds a transport reads
 * and writes clear bytes and does not see what becomes of them.
 *
 * At most one receive and one send are in flight.  Callbacks come from the
 * loop, never from inside these functions.
 */
#ifndef NET_HTTP_TRANSPORT_H
#define NET_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"

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
    struct loop_op recv_op;
    struct loop_op send_op; /* also closes, at the end */
    http_transport_fn recv_done;
    http_transport_fn send_done;
    http_transport_closed_fn closed;
};

/* Takes over `fd`, a connected socket. */
void http_transport_open(struct http_transport *transport, struct loop *loop,
                         int fd);

/* Receives 1 to `room_bytes` bytes; result 0 is the peer's end. */
void http_transport_recv(struct http_transport *transport, void *data,
                         uint32_t room_bytes, http_transport_fn done);
/* Sends all of `data`, which stays in place until `done`. */
void http_transport_send(struct http_transport *transport, const void *data,
                         uint32_t size_bytes, http_transport_fn done);

static inline bool
http_transport_recv_busy(const struct http_transport *transport)
{
    return loop_op_busy(&transport->recv_op);
}

static inline bool
http_transport_send_busy(const struct http_transport *transport)
{
    return !transport->closing && loop_op_busy(&transport->send_op);
}

/* Tells the peer that no more will be sent; receiving goes on. */
void http_transport_end(struct http_transport *transport);

/* Closes it: what is in flight is ended, without its callback; `closed` comes
 * when the kernel uses no buffer any more.  Once. */
void http_transport_close(struct http_transport *transport,
                          http_transport_closed_fn closed);

#endif
