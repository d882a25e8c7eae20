#include "net/tls_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/state.h"
#include "io/socket.h"
#include "net/tls_conn_private.h"

/* Records add 22 bytes to 16 KiB, and the handshake and alerts count too. */
#define OUTPUT_BYTES_MAX (LIMIT_TLS_CONN_QUEUE_BYTES + (64u << 10))
/* What one record holds at most (RFC 8446 section 5.1). */
#define RECORD_BYTES 16384u
/* Data that nobody acknowledges for so long means that the peer is gone. */
#define UNACKNOWLEDGED_MS 60000
#define NS_PER_MS UINT64_C(1000000)

enum conn_state {
    CONN_CONNECTING,
    CONN_HANDSHAKING,
    CONN_OPEN,
    CONN_FLUSHING,
    CONN_CLOSING,
    CONN_CLOSED,
};

static const struct state_rule rules[] = {
    [CONN_CONNECTING] = {"connecting",
                         NEXT(CONN_HANDSHAKING) | NEXT(CONN_CLOSING)},
    [CONN_HANDSHAKING] = {"handshaking", NEXT(CONN_OPEN) | NEXT(CONN_FLUSHING) |
                                             NEXT(CONN_CLOSING)},
    [CONN_OPEN] = {"open", NEXT(CONN_FLUSHING) | NEXT(CONN_CLOSING)},
    [CONN_FLUSHING] = {"flushing", NEXT(CONN_CLOSING)},
    [CONN_CLOSING] = {"closing", NEXT(CONN_CLOSED)},
    [CONN_CLOSED] = {"closed", 0},
};

enum step {
    STEP_AGAIN,
    STEP_WAIT,
};

static void conn_run(struct tls_conn *conn);
static void conn_recv_done(struct loop_op *op, int result);
static void conn_send_done(struct loop_op *op, int result);
static void conn_timer_fired(struct loop_timer *timer);

static void move(struct tls_conn *conn, enum conn_state next)
{
    state_move(&conn->state, (uint8_t)next, rules);
}

static bool is_alive(const struct tls_conn *conn)
{
    return conn->state < CONN_FLUSHING;
}

static void set_timer(struct tls_conn *conn, uint32_t wait_ms)
{
    loop_timer_start(conn->loop, &conn->timer,
                     loop_now_ns(conn->loop) + wait_ms * NS_PER_MS,
                     conn_timer_fired);
}

/* Leaves the living states for `next`, which is FLUSHING or CLOSING.  Of
 * several reasons the first is told. */
static void leave(struct tls_conn *conn, enum conn_state next,
                  enum tls_conn_end end, int error)
{
    if (!conn->has_end) {
        conn->has_end = true;
        conn->end = end;
        conn->error = error;
    }
    /* There is nothing to flush before there is a connection. */
    if (conn->state == CONN_CONNECTING)
        next = CONN_CLOSING;
    move(conn, next);
    if (next == CONN_FLUSHING) {
        set_timer(conn, LIMIT_TLS_CONN_FLUSH_MS);
        tls_write_end(conn->session);
    }
}

/* Notes that nothing comes from the peer any more (`error` 0: it said so), or
 * that the connection is broken.  FLUSHING can do with the first. */
static void lose_peer(struct tls_conn *conn, int error)
{
    conn->peer_gone = true;
    if (conn->broken_error == 0)
        conn->broken_error = error;
    if (is_alive(conn))
        leave(conn, CONN_CLOSING, TLS_CONN_END_LOST, error);
}

/* ---- completions ---- */

static void conn_connect_done(struct loop_op *op, int result)
{
    struct tls_conn *conn = OWNER_OF(op, struct tls_conn, connect_op);

    if (conn->state == CONN_CONNECTING) {
        if (result < 0)
            leave(conn, CONN_CLOSING, TLS_CONN_END_REFUSED, -result);
        else
            move(conn, CONN_HANDSHAKING);
    }
    conn_run(conn);
}

static void conn_recv_done(struct loop_op *op, int result)
{
    struct tls_conn *conn = OWNER_OF(op, struct tls_conn, recv_op);

    if (result <= 0)
        lose_peer(conn, -result);
    else if (is_alive(conn))
        tls_feed(conn->session, conn->recv_data, (uint32_t)result);
    conn_run(conn);
}

static void conn_send_done(struct loop_op *op, int result)
{
    struct tls_conn *conn = OWNER_OF(op, struct tls_conn, send_op);

    if (result < 0)
        lose_peer(conn, -result);
    conn_run(conn);
}

static void conn_timer_fired(struct loop_timer *timer)
{
    struct tls_conn *conn = OWNER_OF(timer, struct tls_conn, timer);

    switch ((enum conn_state)conn->state) {
    case CONN_CONNECTING:
        leave(conn, CONN_CLOSING, TLS_CONN_END_CONNECT_TIMEOUT, 0);
        break;
    case CONN_HANDSHAKING:
        leave(conn, CONN_CLOSING, TLS_CONN_END_HANDSHAKE_TIMEOUT, 0);
        break;
    case CONN_FLUSHING:
        lose_peer(conn, ETIMEDOUT);
        break;
    case CONN_OPEN:
    case CONN_CLOSING:
    case CONN_CLOSED:
        NEVER("the timer runs in a state that has none");
    }
    conn_run(conn);
}

static void conn_close_done(struct loop_op *op, int result)
{
    struct tls_conn *conn = OWNER_OF(op, struct tls_conn, close_op);

    (void)result; /* whatever it says, the descriptor is gone */
    conn->fd = -1;
    conn_run(conn);
}

/* ---- steps ---- */

/* Starts what can be started.  Nothing is received while the session still
 * borrows what was received before. */
static void keep_going(struct tls_conn *conn)
{
    if (!loop_op_busy(&conn->send_op)) {
        uint32_t count =
            tls_take_output(conn->session, conn->send_data, SEND_BYTES);
        if (count > 0)
            loop_send(conn->loop, &conn->send_op, conn->fd, conn->send_data,
                      count, conn_send_done);
    }
    if (!loop_op_busy(&conn->recv_op) && !conn->peer_gone)
        loop_recv(conn->loop, &conn->recv_op, conn->fd, conn->recv_data,
                  RECV_BYTES, conn_recv_done);
}

/* Ends for what is wrong with the session; its alert still goes out. */
static void leave_failed(struct tls_conn *conn)
{
    enum tls_error error = tls_session_error(conn->session);
    enum tls_conn_end end = conn->state == CONN_HANDSHAKING
                                ? TLS_CONN_END_HANDSHAKE
                                : TLS_CONN_END_TLS;

    if (error == TLS_ERROR_MEMORY)
        leave(conn, CONN_CLOSING, TLS_CONN_END_MEMORY, 0);
    else
        leave(conn, CONN_FLUSHING, end, (int)error);
}

static enum step step_handshaking(struct tls_conn *conn)
{
    uint8_t unused;

    /* Gives nothing before the session is open. */
    (void)tls_read(conn->session, &unused, sizeof unused);
    switch (tls_session_state(conn->session)) {
    case TLS_HANDSHAKING:
        keep_going(conn);
        return STEP_WAIT;
    case TLS_OPEN:
        move(conn, CONN_OPEN);
        loop_timer_stop(conn->loop, &conn->timer);
        /* Before anything is sent: what is written now leaves together with
         * the last flight of the handshake. */
        if (conn->listener != NULL)
            tls_listener_show(conn);
        else
            conn->events->ready(conn, conn->owner);
        return STEP_AGAIN;
    case TLS_CLOSED:
    case TLS_FAILED:
        leave_failed(conn);
        return STEP_AGAIN;
    }
    NEVER("a TLS session in no state");
}

static enum step step_open(struct tls_conn *conn)
{
    uint8_t plain[RECORD_BYTES];
    uint32_t count;

    while (conn->state == CONN_OPEN &&
           (count = tls_read(conn->session, plain, sizeof plain)) > 0)
        conn->events->received(conn, plain, count, conn->owner);
    if (conn->state != CONN_OPEN)
        return STEP_AGAIN;

    switch (tls_session_state(conn->session)) {
    case TLS_OPEN:
        keep_going(conn);
        return STEP_WAIT;
    case TLS_CLOSED:
        leave(conn, CONN_FLUSHING, TLS_CONN_END_PEER, 0);
        return STEP_AGAIN;
    case TLS_FAILED:
        leave_failed(conn);
        return STEP_AGAIN;
    case TLS_HANDSHAKING:
        break;
    }
    NEVER("an open TLS session handshakes again");
}

/* Sends the rest, says that it was all, and waits until the peer has said so,
 * too: closing before would reset the connection, if the peer has sent what we
 * have not read, and what it has not read yet would be lost to it. */
static enum step step_flushing(struct tls_conn *conn)
{
    if (conn->broken_error == 0) {
        keep_going(conn);
        if (!conn->is_flushed && !loop_op_busy(&conn->send_op)) {
            (void)shutdown(conn->fd, SHUT_WR);
            conn->is_flushed = true;
        }
        if (!conn->is_flushed || !conn->peer_gone)
            return STEP_WAIT;
    }

    if (!conn->is_flushed && conn->end == TLS_CONN_END_OURS) {
        conn->end = TLS_CONN_END_LOST;
        conn->error = conn->broken_error;
    }
    move(conn, CONN_CLOSING);
    return STEP_AGAIN;
}

static bool cancel_if_busy(struct tls_conn *conn, struct loop_op *op)
{
    if (!loop_op_busy(op))
        return false;
    loop_cancel(conn->loop, op);
    return true;
}

static enum step step_closing(struct tls_conn *conn)
{
    bool connects = cancel_if_busy(conn, &conn->connect_op);
    bool receives = cancel_if_busy(conn, &conn->recv_op);
    bool sends = cancel_if_busy(conn, &conn->send_op);

    loop_timer_stop(conn->loop, &conn->timer);
    if (connects || receives || sends || conn->begin_post.queued ||
        loop_op_busy(&conn->close_op))
        return STEP_WAIT; /* their callbacks come back here */
    if (conn->fd >= 0) {
        loop_close(conn->loop, &conn->close_op, conn->fd, conn_close_done);
        return STEP_WAIT;
    }
    move(conn, CONN_CLOSED);
    return STEP_AGAIN;
}

static void give_back(struct tls_conn *conn)
{
    if (conn->events != NULL)
        conn->events->closed(conn, conn->end, conn->error, conn->owner);
    if (conn->listener != NULL)
        tls_listener_forget(conn);
    tls_session_close(conn->session);
    free(conn);
}

/* The whole life of a connection, in the order in which it happens. */
static void conn_run(struct tls_conn *conn)
{
    enum step step = STEP_AGAIN;

    if (conn->is_running)
        return; /* a callback of ours calls us; the outer run goes on */
    conn->is_running = true;
    while (step == STEP_AGAIN) {
        switch ((enum conn_state)conn->state) {
        case CONN_CONNECTING:
            step = STEP_WAIT;
            break;
        case CONN_HANDSHAKING:
            step = step_handshaking(conn);
            break;
        case CONN_OPEN:
            step = step_open(conn);
            break;
        case CONN_FLUSHING:
            step = step_flushing(conn);
            break;
        case CONN_CLOSING:
            step = step_closing(conn);
            break;
        case CONN_CLOSED:
            give_back(conn);
            return;
        }
    }
    conn->is_running = false;
}

/* ---- starting ---- */

static void tune(int fd)
{
    int wait_ms = UNACKNOWLEDGED_MS;

    /* Not vital: without it TCP gives up after a quarter of an hour. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait_ms,
                     sizeof wait_ms);
}

static struct tls_conn *
make_conn(struct loop *loop, struct tls_context *context, uint32_t timeout_ms)
{
    struct tls_conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->session = tls_session_open(context, OUTPUT_BYTES_MAX);
    if (conn->session == NULL) {
        free(conn);
        return NULL;
    }
    conn->loop = loop;
    conn->fd = -1;
    conn->timeout_ms = timeout_ms > 0 ? timeout_ms : LIMIT_TLS_HANDSHAKE_MS;
    return conn;
}

static void begin(struct loop_post *post)
{
    struct tls_conn *conn = OWNER_OF(post, struct tls_conn, begin_post);

    if (conn->state == CONN_CONNECTING) {
        int ret = socket_open(&conn->peer, &conn->fd);
        if (ret < 0) {
            leave(conn, CONN_CLOSING, TLS_CONN_END_REFUSED, -ret);
        } else {
            tune(conn->fd);
            set_timer(conn, conn->timeout_ms);
            loop_connect(conn->loop, &conn->connect_op, conn->fd, &conn->peer,
                         conn_connect_done);
        }
    }
    conn_run(conn);
}

struct tls_conn *
tls_conn_start_client(struct loop *loop, struct tls_context *context,
                      const struct address *address, uint32_t timeout_ms,
                      const struct tls_conn_events *events, void *owner)
{
    struct tls_conn *conn = make_conn(loop, context, timeout_ms);

    if (conn == NULL)
        return NULL;
    conn->peer = *address;
    conn->events = events;
    conn->owner = owner;
    /* From the loop, so that a socket that cannot be had is told by `closed`
     * like anything else that goes wrong. */
    loop_post(loop, &conn->begin_post, begin);
    return conn;
}

struct tls_conn *tls_conn_start_server(struct tls_listener *listener,
                                       struct loop *loop,
                                       struct tls_context *context, int fd,
                                       uint32_t timeout_ms)
{
    struct tls_conn *conn = make_conn(loop, context, timeout_ms);

    if (conn == NULL)
        return NULL;
    conn->listener = listener;
    conn->fd = fd;
    conn->state = CONN_HANDSHAKING;
    socket_tune(fd);
    tune(fd);
    /* A peer that is gone already is noticed by the first receive. */
    (void)!socket_peer_address(fd, &conn->peer);
    set_timer(conn, conn->timeout_ms);
    keep_going(conn);
    return conn;
}

/* ---- what the owner asks ---- */

void tls_conn_send(struct tls_conn *conn, const void *data, uint32_t size_bytes)
{
    CHECK(conn->state >= CONN_OPEN);
    if (conn->state != CONN_OPEN ||
        tls_session_state(conn->session) != TLS_OPEN)
        return; /* it is ending, or about to find out */

    uint32_t queued_bytes = tls_output_bytes(conn->session);
    bool fits = queued_bytes <= LIMIT_TLS_CONN_QUEUE_BYTES &&
                size_bytes <= LIMIT_TLS_CONN_QUEUE_BYTES - queued_bytes;
    if (fits)
        tls_write(conn->session, data, size_bytes);
    /* Many small messages can reach the session's own limit first. */
    if (!fits || tls_session_error(conn->session) == TLS_ERROR_LIMIT)
        leave(conn, CONN_CLOSING, TLS_CONN_END_OVERFLOW, 0);
    conn_run(conn);
}

uint32_t tls_conn_queued_bytes(const struct tls_conn *conn)
{
    uint32_t sent_bytes =
        loop_op_busy(&conn->send_op) ? conn->send_op.size_bytes : 0;
    return tls_output_bytes(conn->session) + sent_bytes;
}

void tls_conn_close(struct tls_conn *conn)
{
    if (!is_alive(conn))
        return;
    leave(conn, CONN_FLUSHING, TLS_CONN_END_OURS, 0);
    conn_run(conn);
}

void tls_conn_abort(struct tls_conn *conn)
{
    if (conn->state >= CONN_CLOSING)
        return;
    if (conn->state == CONN_FLUSHING && !conn->is_flushed &&
        conn->end == TLS_CONN_END_OURS)
        conn->end = TLS_CONN_END_ABORTED;
    leave(conn, CONN_CLOSING, TLS_CONN_END_ABORTED, 0);
    conn_run(conn);
}

struct fingerprint tls_conn_fingerprint(const struct tls_conn *conn)
{
    return tls_peer_fingerprint(conn->session);
}

void tls_conn_export(struct tls_conn *conn, const char *label,
                     const void *context, uint32_t context_bytes, void *out,
                     uint32_t size_bytes)
{
    tls_export(conn->session, label, context, context_bytes, out, size_bytes);
}

const struct address *tls_conn_peer(const struct tls_conn *conn)
{
    return &conn->peer;
}
