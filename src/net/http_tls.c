#include "net/http_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"
#include "crypto/tls.h"

/* Requests are small; a record comes in pieces, which the session joins. */
#define IN_BYTES 4096u
/* A whole record, and what TLS adds to it. */
#define OUT_BYTES 17408u
#define PIECE_BYTES 16384u

struct http_tls {
    struct http_transport *transport;
    struct tls_session *session;
    struct loop_timer now; /* for what is done already */

    uint8_t *room; /* the caller's; NULL: no receive is in flight */
    uint32_t room_bytes;
    int recv_result; /* once `recv_ready` */
    bool recv_ready;

    const uint8_t *data; /* the caller's; NULL: no send is in flight */
    uint32_t data_bytes; /* not given to the session yet */
    int send_result;
    bool send_ready;

    int socket_result; /* 0, or what ended the socket's receives: 1 = end */
    bool failed;       /* a send did */
    bool is_client;    /* whose caller tells of failures */
    bool logged;
    bool end_due;
    bool ended;

    uint8_t in[IN_BYTES];
    uint8_t out[OUT_BYTES];
};

static void turn(struct http_tls *tls);

struct http_tls *http_tls_open(struct http_transport *transport,
                               struct tls_context *context, const char *host)
{
    struct http_tls *tls = calloc(1, sizeof *tls);

    if (tls == NULL)
        return NULL;
    tls->transport = transport;
    tls->is_client = host != NULL;
    tls->session =
        tls->is_client
            ? tls_session_open_https(context, host, LIMIT_TLS_CONN_QUEUE_BYTES)
            : tls_session_open(context, LIMIT_TLS_CONN_QUEUE_BYTES);
    if (tls->session == NULL) {
        free(tls);
        return NULL;
    }
    return tls;
}

enum tls_error http_tls_error(const struct http_tls *tls)
{
    return tls_session_error(tls->session);
}

void http_tls_free(struct http_tls *tls)
{
    if (tls == NULL)
        return;
    tls_session_close(tls->session);
    free(tls);
}

/* ---- the socket ---- */

static void http_tls_socket_recv_done(struct loop_op *op, int result)
{
    struct http_transport *transport =
        OWNER_OF(op, struct http_transport, recv_op);
    struct http_tls *tls = transport->tls;

    if (transport->closing) {
        http_transport_close_when_idle(transport);
        return;
    }
    if (result > 0)
        tls_feed(tls->session, tls->in, (uint32_t)result);
    else
        tls->socket_result = result < 0 ? result : 1;
    turn(tls);
}

static void http_tls_socket_send_done(struct loop_op *op, int result)
{
    struct http_transport *transport =
        OWNER_OF(op, struct http_transport, send_op);
    struct http_tls *tls = transport->tls;

    if (transport->closing) {
        http_transport_close_when_idle(transport);
        return;
    }
    tls->failed |= result < 0;
    turn(tls);
}

static void start_socket_send(struct http_tls *tls)
{
    struct http_transport *transport = tls->transport;

    if (loop_op_busy(&transport->send_op) || tls->failed)
        return;
    uint32_t size = tls_take_output(tls->session, tls->out, sizeof tls->out);
    if (size > 0)
        loop_send(transport->loop, &transport->send_op, transport->fd, tls->out,
                  size, http_tls_socket_send_done);
    else if (tls->end_due && !tls->ended) {
        tls->ended = true;
        /* It fails when the peer has gone, which the next receive tells. */
        (void)shutdown(transport->fd, SHUT_WR);
    }
}

static void start_socket_recv(struct http_tls *tls)
{
    struct http_transport *transport = tls->transport;

    if (!loop_op_busy(&transport->recv_op) && tls->socket_result == 0 &&
        !tls_has_input(tls->session))
        loop_recv(transport->loop, &transport->recv_op, transport->fd, tls->in,
                  sizeof tls->in, http_tls_socket_recv_done);
}

/* ---- what the caller waits for ---- */

static bool is_over(const struct http_tls *tls)
{
    enum tls_state state = tls_session_state(tls->session);

    return state == TLS_CLOSED || state == TLS_FAILED;
}

/* An end without close_notify counts as one: HTTP knows where a message ends,
 * and many clients close so. */
static int end_result(const struct http_tls *tls)
{
    if (tls_session_state(tls->session) == TLS_FAILED)
        return -EPROTO;
    return tls->socket_result < 0 ? tls->socket_result : 0;
}

static void log_failure(struct http_tls *tls)
{
    if (tls->is_client || tls->logged ||
        tls_session_state(tls->session) != TLS_FAILED)
        return;
    tls->logged = true;
    LOG(http_tls_failed, tls_error_text(tls_session_error(tls->session)));
}

/* What ends the session tells the peer why, before our caller hears of it and
 * closes: an alert that waits for the loop would be cut off by that. */
static bool has_alert_on_its_way(const struct http_tls *tls)
{
    return tls_session_state(tls->session) == TLS_FAILED && !tls->failed &&
           tls->socket_result == 0 &&
           (tls_output_bytes(tls->session) > 0 ||
            loop_op_busy(&tls->transport->send_op));
}

static void go_on_receiving(struct http_tls *tls)
{
    if (tls->room == NULL || tls->recv_ready)
        return;
    uint32_t count = 0;
    enum tls_state before;
    do {
        before = tls_session_state(tls->session);
        count = tls_read(tls->session, tls->room, tls->room_bytes);
        /* A handshake that is done leaves the rest to be read. */
    } while (count == 0 && before == TLS_HANDSHAKING &&
             tls_session_state(tls->session) == TLS_OPEN);
    log_failure(tls);
    if (count > 0) {
        tls->recv_ready = true;
        tls->recv_result = (int)count;
    } else if (has_alert_on_its_way(tls)) {
        start_socket_send(tls); /* which comes back here */
    } else if (is_over(tls) || tls->socket_result != 0) {
        tls->recv_ready = true;
        tls->recv_result = end_result(tls);
    } else {
        start_socket_recv(tls);
    }
}

static void go_on_sending(struct http_tls *tls)
{
    struct http_transport *transport = tls->transport;

    if (tls->data == NULL || tls->send_ready)
        return;
    while (tls->data_bytes > 0 && !tls->failed &&
           tls_session_state(tls->session) == TLS_OPEN &&
           tls_output_bytes(tls->session) == 0 &&
           !loop_op_busy(&transport->send_op)) {
        uint32_t size =
            tls->data_bytes < PIECE_BYTES ? tls->data_bytes : PIECE_BYTES;
        tls_write(tls->session, tls->data, size);
        tls->data += size;
        tls->data_bytes -= size;
        start_socket_send(tls);
    }
    bool is_lost = tls->failed || is_over(tls) ||
                   (tls->socket_result != 0 &&
                    tls_session_state(tls->session) == TLS_HANDSHAKING);
    bool is_through = tls->data_bytes == 0 &&
                      tls_output_bytes(tls->session) == 0 &&
                      !loop_op_busy(&transport->send_op);
    if (is_through || is_lost) {
        tls->send_ready = true;
        tls->send_result = is_through && !tls->failed ? 1 : -EPIPE;
    }
}

static void http_tls_now(struct loop_timer *timer)
{
    turn(OWNER_OF(timer, struct http_tls, now));
}

/* Goes on with all that can go on. */
static void advance(struct http_tls *tls)
{
    struct http_transport *transport = tls->transport;

    go_on_receiving(tls);
    start_socket_send(tls);
    go_on_sending(tls);
    /* A client whose handshake is not done sends before it is sent to. */
    if (tls->data != NULL && tls_session_state(tls->session) == TLS_HANDSHAKING)
        start_socket_recv(tls);
    if ((tls->recv_ready || tls->send_ready) && !loop_timer_running(&tls->now))
        loop_timer_start(transport->loop, &tls->now,
                         loop_now_ns(transport->loop), http_tls_now);
}

/* From the loop: the same, and tells the caller.  Its callbacks may receive,
 * send and close. */
static void turn(struct http_tls *tls)
{
    struct http_transport *transport = tls->transport;

    advance(tls);
    if (tls->recv_ready) {
        tls->recv_ready = false;
        tls->room = NULL;
        transport->recv_done(transport, tls->recv_result);
        if (transport->closing)
            return;
    }
    if (tls->send_ready) {
        tls->send_ready = false;
        tls->data = NULL;
        transport->send_done(transport, tls->send_result);
        if (transport->closing)
            return;
    }
    if (!tls->recv_ready && !tls->send_ready)
        loop_timer_stop(transport->loop, &tls->now);
}

/* ---- the caller's side ---- */

void http_tls_recv(struct http_transport *transport, void *data,
                   uint32_t room_bytes)
{
    struct http_tls *tls = transport->tls;

    CHECK(tls->room == NULL);
    tls->room = data;
    tls->room_bytes = room_bytes;
    advance(tls);
}

void http_tls_send(struct http_transport *transport, const void *data,
                   uint32_t size_bytes)
{
    struct http_tls *tls = transport->tls;

    CHECK(tls->data == NULL && size_bytes > 0);
    tls->data = data;
    tls->data_bytes = size_bytes;
    advance(tls);
}

bool http_tls_recv_busy(const struct http_tls *tls)
{
    return tls->room != NULL;
}

bool http_tls_send_busy(const struct http_tls *tls)
{
    return tls->data != NULL;
}

void http_tls_end(struct http_transport *transport)
{
    struct http_tls *tls = transport->tls;

    tls_write_end(tls->session);
    tls->end_due = true;
    advance(tls);
}

void http_tls_stop(struct http_transport *transport)
{
    struct http_tls *tls = transport->tls;

    loop_timer_stop(transport->loop, &tls->now);
    tls_write_end(tls->session);
    if (loop_op_busy(&transport->send_op) || tls->failed)
        return;
    uint32_t size = tls_take_output(tls->session, tls->out, sizeof tls->out);
    if (size > 0)
        (void)!send(transport->fd, tls->out, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}
