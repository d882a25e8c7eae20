#include "net/http_transport.h"

#include <sys/socket.h>

#include "base/check.h"
#include "net/http_tls.h"

void http_transport_open(struct http_transport *transport, struct loop *loop,
                         int fd)
{
    CHECK(fd >= 0);
    *transport = (struct http_transport){.loop = loop, .fd = fd};
}

static void http_transport_recv_done(struct loop_op *op, int result)
{
    struct http_transport *transport =
        OWNER_OF(op, struct http_transport, recv_op);

    if (transport->closing)
        http_transport_close_when_idle(transport);
    else
        transport->recv_done(transport, result);
}

static void http_transport_send_done(struct loop_op *op, int result)
{
    struct http_transport *transport =
        OWNER_OF(op, struct http_transport, send_op);

    if (transport->closing)
        http_transport_close_when_idle(transport);
    else
        transport->send_done(transport, result);
}

void http_transport_recv(struct http_transport *transport, void *data,
                         uint32_t room_bytes, http_transport_fn done)
{
    CHECK(!transport->closing);
    transport->recv_done = done;
    if (transport->tls != NULL) {
        http_tls_recv(transport, data, room_bytes);
        return;
    }
    loop_recv(transport->loop, &transport->recv_op, transport->fd, data,
              room_bytes, http_transport_recv_done);
}

void http_transport_send(struct http_transport *transport, const void *data,
                         uint32_t size_bytes, http_transport_fn done)
{
    CHECK(!transport->closing);
    transport->send_done = done;
    if (transport->tls != NULL) {
        http_tls_send(transport, data, size_bytes);
        return;
    }
    loop_send(transport->loop, &transport->send_op, transport->fd, data,
              size_bytes, http_transport_send_done);
}

bool http_transport_use_tls(struct http_transport *transport,
                            struct tls_context *context, const char *host)
{
    transport->tls = http_tls_open(transport, context, host);
    return transport->tls != NULL;
}

enum tls_error http_transport_tls_error(const struct http_transport *transport)
{
    return transport->tls != NULL ? http_tls_error(transport->tls)
                                  : TLS_ERROR_NONE;
}

bool http_transport_recv_busy(const struct http_transport *transport)
{
    if (transport->tls != NULL && !transport->closing)
        return http_tls_recv_busy(transport->tls);
    return loop_op_busy(&transport->recv_op);
}

bool http_transport_send_busy(const struct http_transport *transport)
{
    if (transport->closing)
        return false;
    if (transport->tls != NULL)
        return http_tls_send_busy(transport->tls);
    return loop_op_busy(&transport->send_op);
}

void http_transport_end(struct http_transport *transport)
{
    if (transport->tls != NULL) {
        http_tls_end(transport);
        return;
    }
    /* It fails when the peer has gone, which the next receive tells. */
    (void)shutdown(transport->fd, SHUT_WR);
}

static void http_transport_close_done(struct loop_op *op, int result)
{
    struct http_transport *transport =
        OWNER_OF(op, struct http_transport, send_op);

    (void)result; /* the descriptor is gone whatever close() says */
    transport->fd = -1;
    http_tls_free(transport->tls);
    transport->tls = NULL;
    transport->closed(transport);
}

/* The kernel may write to a buffer until its operation has come back. */
void http_transport_close_when_idle(struct http_transport *transport)
{
    if (loop_op_busy(&transport->recv_op) ||
        loop_op_busy(&transport->send_op)) {
        if (!transport->shut)
            loop_shutdown(transport->loop, transport->fd);
        transport->shut = true;
        return;
    }
    loop_close(transport->loop, &transport->send_op, transport->fd,
               http_transport_close_done);
}

void http_transport_close(struct http_transport *transport,
                          http_transport_closed_fn closed)
{
    CHECK(!transport->closing);
    if (transport->tls != NULL)
        http_tls_stop(transport);
    transport->closing = true;
    transport->closed = closed;
    http_transport_close_when_idle(transport);
}
