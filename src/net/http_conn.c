#include "net/http_conn.h"

#include "base/log.h"
#include "base/state.h"
#include "http/writer.h"
#include "io/socket.h"

enum conn_state {
    CONN_READING,
    CONN_HANDLING,
    CONN_WRITING,
    CONN_DRAINING,
    CONN_CLOSING,
    CONN_CLOSED,
};

static const struct state_rule rules[] = {
    [CONN_READING] = {"reading", NEXT(CONN_HANDLING) | NEXT(CONN_WRITING) |
                                     NEXT(CONN_CLOSING)},
    [CONN_HANDLING] = {"handling", NEXT(CONN_WRITING) | NEXT(CONN_CLOSING)},
    [CONN_WRITING] = {"writing", NEXT(CONN_READING) | NEXT(CONN_DRAINING) |
                                     NEXT(CONN_CLOSING)},
    [CONN_DRAINING] = {"draining", NEXT(CONN_CLOSING)},
    [CONN_CLOSING] = {"closing", NEXT(CONN_CLOSED)},
    [CONN_CLOSED] = {"closed", 0},
};

/* An idle connection gives back what its last request grew after a second. */
#define TRIM_NS UINT64_C(1000000000)

static const char continue_text[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* What a step left behind: more to do now, or something to wait for. */
enum step { STEP_AGAIN, STEP_WAIT };

static void move(struct http_conn *conn, enum conn_state next)
{
    state_move(&conn->state, (uint8_t)next, rules);
}

/* ---- time ---- */

static void http_conn_timer_fired(struct loop_timer *timer);

/* A deadline that only moves away costs no work: the timer that runs already
 * looks at `deadline_ns` when it fires. */
static void set_deadline(struct http_conn *conn, uint64_t wait_ns)
{
    struct loop *loop = conn->server->loop;
    uint64_t now_ns = loop_now_ns(loop);

    conn->deadline_ns =
        wait_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + wait_ns;
    if (conn->deadline_ns != UINT64_MAX &&
        (!loop_timer_running(&conn->timer) ||
         conn->timer.node.due_ns > conn->deadline_ns))
        loop_timer_start(loop, &conn->timer, conn->deadline_ns,
                         http_conn_timer_fired);
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void start_idle(struct http_conn *conn)
{
    conn->idle_ns = loop_now_ns(conn->server->loop);
    set_deadline(conn, min_ns(TRIM_NS, conn->server->limits.idle_ns));
}

/* Gives back the memory that a connection does not need while it waits. */
static void trim(struct http_conn *conn)
{
    arena_free(&conn->exchange.arena);
    text_builder_free(&conn->out);
    http_parser_free(&conn->parser);
}

/* ---- the handler ---- */

/* Ends the exchange without an answer of the handler's. */
static void tell_gone(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    if (!conn->exchange_open)
        return;
    conn->exchange_open = false;
    server->handler->gone(server->owner, &conn->exchange);
    conn->exchange.user = NULL;
}

static void close_conn(struct http_conn *conn)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED)
        return;
    move(conn, CONN_CLOSING);
    tell_gone(conn);
}

/* Ends a request that is no good: nothing more is read of it. */
static void refuse(struct http_conn *conn, uint16_t status, const char *reason)
{
    char peer[ADDRESS_TEXT_BYTES];

    address_format(&conn->exchange.peer, peer);
    LOG(http_refused, peer, status, reason);
    tell_gone(conn);
    http_conn_refuse(conn, status, reason);
}

/* ---- reading ---- */

static void http_conn_recv_done(struct http_transport *transport, int result)
{
    struct http_conn *conn = OWNER_OF(transport, struct http_conn, transport);

    if (result > 0)
        conn->read_used += (uint32_t)result;
    else if (result == 0)
        conn->peer_ended = true;
    else
        close_conn(conn); /* it was reset, or the network went away */
    http_conn_run(conn);
}

/* A body that will not fit gets a large buffer, and gives it back. */
static void choose_buffer(struct http_conn *conn)
{
    const struct http_head *head = &conn->parser.head;
    bool is_large =
        conn->parser.head_done && conn->state == CONN_READING &&
        (head->is_chunked || head->content_length > HTTP_CONN_SMALL_BYTES);

    if (is_large && conn->large == NULL) {
        conn->large = http_server_take_buffer(conn->server); /* NULL will do */
    } else if (!is_large && conn->large != NULL) {
        http_server_give_buffer(conn->server, conn->large);
        conn->large = NULL;
    }
}

/* All that was read has been used. */
static void start_recv(struct http_conn *conn)
{
    CHECK(conn->read_at == conn->read_used);
    if (http_transport_recv_busy(&conn->transport) || conn->peer_ended)
        return;
    choose_buffer(conn);
    conn->read_at = 0;
    conn->read_used = 0;
    if (conn->large != NULL)
        http_transport_recv(&conn->transport, conn->large->data,
                            HTTP_BUFFER_BYTES, http_conn_recv_done);
    else
        http_transport_recv(&conn->transport, conn->small,
                            HTTP_CONN_SMALL_BYTES, http_conn_recv_done);
}

static void http_conn_send_done(struct http_transport *transport, int result)
{
    struct http_conn *conn = OWNER_OF(transport, struct http_conn, transport);

    if (result < 0)
        close_conn(conn);
    http_conn_run(conn);
}

/* RFC 9110, section 10.1.1: no "100 Continue" when the body is there already,
 * or when the request is refused without it. */
static void send_continue(struct http_conn *conn)
{
    if (conn->parser.head.expects_continue &&
        conn->read_at == conn->read_used &&
        !http_transport_send_busy(&conn->transport))
        http_transport_send(&conn->transport, continue_text,
                            sizeof continue_text - 1, http_conn_send_done);
}

static void take_head(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const struct http_head *head = &conn->parser.head;

    conn->exchange.head = head;
    conn->exchange.user = NULL;
    conn->exchange_open = true;
    uint16_t status =
        server->handler->head(server->owner, &conn->exchange, head);
    CHECK(!conn->answered); /* head() responds by its return value */
    if (conn->state != CONN_READING)
        return; /* it stopped the server */
    if (status == 0) {
        send_continue(conn);
        return;
    }
    conn->exchange_open = false;
    /* Without a body there is nothing to lose track of: keep-alive. */
    if (!head->is_chunked && head->content_length == 0)
        conn->refused_status = status;
    else
        http_conn_refuse(conn, status, http_status_text(status));
}

static void take_end(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    conn->request_ended = true;
    if (conn->refused_status != 0) {
        http_conn_refuse(conn, conn->refused_status,
                         http_status_text(conn->refused_status));
        return;
    }
    move(conn, CONN_HANDLING);
    set_deadline(conn, UINT64_MAX); /* how long is the handler's affair */
    server->handler->end(server->owner, &conn->exchange);
}

/* Hands what the parser finds to the handler. */
static void take_event(struct http_conn *conn, enum http_event event)
{
    struct http_server *server = conn->server;

    switch (event) {
    case HTTP_EVENT_MORE:
        return;
    case HTTP_EVENT_HEAD:
        take_head(conn);
        return;
    case HTTP_EVENT_BODY:
        server->handler->body(server->owner, &conn->exchange, conn->parser.body,
                              conn->parser.body_bytes);
        return;
    case HTTP_EVENT_END:
        take_end(conn);
        return;
    case HTTP_EVENT_REFUSED:
        refuse(conn, conn->parser.status, conn->parser.reason);
        return;
    }
    NEVER("an HTTP event outside its enum");
}

static void start_writing(struct http_conn *conn)
{
    const struct http_server_limits *limits = &conn->server->limits;
    uint64_t large_ns = (uint64_t)conn->body.size_bytes * 1000000000 /
                        limits->write_bytes_per_s;

    move(conn, CONN_WRITING);
    set_deadline(conn, limits->write_ns + large_ns);
}

static const uint8_t *read_data(const struct http_conn *conn)
{
    return conn->large != NULL ? conn->large->data : conn->small;
}

static enum step step_reading(struct http_conn *conn)
{
    if (conn->answered) {
        start_writing(conn);
        return STEP_AGAIN;
    }
    if (conn->read_at == conn->read_used && !conn->feed_due) {
        if (conn->peer_ended) {
            close_conn(conn); /* between two requests, or inside one */
            return STEP_AGAIN;
        }
        start_recv(conn);
        return STEP_WAIT;
    }

    uint32_t used;
    enum http_event event =
        http_parser_feed(&conn->parser, read_data(conn) + conn->read_at,
                         conn->read_used - conn->read_at, &used);
    conn->read_at += used;
    conn->feed_due = event == HTTP_EVENT_HEAD || event == HTTP_EVENT_BODY;
    if (!conn->in_request) {
        conn->in_request = true;
        set_deadline(conn, conn->server->limits.request_ns);
    }
    take_event(conn, event);
    return STEP_AGAIN;
}

/* While the handler thinks, a receive waits for the peer to reset: but what it
 * sends is not looked at, and there is no second one. */
static enum step step_handling(struct http_conn *conn)
{
    if (conn->answered) {
        start_writing(conn);
        return STEP_AGAIN;
    }
    if (conn->read_at == conn->read_used)
        start_recv(conn);
    return STEP_WAIT;
}

/* ---- writing ---- */

/* Makes ready for the next request. */
static void start_next(struct http_conn *conn)
{
    text_builder_reset(&conn->out);
    text_builder_free(&conn->body);
    conn->answered = false;
    conn->out_sent = false;
    conn->body_sent = false;
    conn->request_ended = false;
    conn->in_request = false;
    conn->feed_due = false;
    conn->refused_status = 0;
    http_parser_next(&conn->parser);
    start_idle(conn);
    move(conn, CONN_READING);
}

static enum step step_writing(struct http_conn *conn)
{
    if (http_transport_send_busy(&conn->transport))
        return STEP_WAIT;
    if (!conn->out_sent) {
        conn->out_sent = true;
        http_transport_send(&conn->transport, conn->out.data,
                            conn->out.size_bytes, http_conn_send_done);
        return STEP_WAIT;
    }
    if (!conn->body_sent && conn->body.size_bytes > 0) {
        conn->body_sent = true;
        http_transport_send(&conn->transport, conn->body.data,
                            conn->body.size_bytes, http_conn_send_done);
        return STEP_WAIT;
    }
    if (!conn->close_after) {
        start_next(conn);
    } else if (conn->peer_ended ||
               (conn->request_ended && conn->read_at == conn->read_used)) {
        close_conn(conn);
    } else {
        set_deadline(conn, conn->server->limits.drain_ns);
        move(conn, CONN_DRAINING);
    }
    return STEP_AGAIN;
}

/* Closing with bytes unread would reset the connection, and the client might
 * never see the answer (RFC 9112, section 9.6). */
static enum step step_draining(struct http_conn *conn)
{
    if (!conn->ended)
        http_transport_end(&conn->transport);
    conn->ended = true;
    if (conn->peer_ended) {
        close_conn(conn);
        return STEP_AGAIN;
    }
    conn->read_at = conn->read_used;
    start_recv(conn);
    return STEP_WAIT;
}

/* ---- the end ---- */

static void http_conn_closed(struct http_transport *transport)
{
    struct http_conn *conn = OWNER_OF(transport, struct http_conn, transport);

    move(conn, CONN_CLOSED);
    if (conn->large != NULL)
        http_server_give_buffer(conn->server, conn->large);
    trim(conn);
    text_builder_free(&conn->body);
    http_server_conn_closed(conn);
}

static enum step step_closing(struct http_conn *conn)
{
    loop_timer_stop(conn->server->loop, &conn->timer);
    if (!conn->transport.closing)
        http_transport_close(&conn->transport, http_conn_closed);
    return STEP_WAIT;
}

/* The whole life of a connection, in the order in which it happens. */
void http_conn_run(struct http_conn *conn)
{
    enum step step = STEP_AGAIN;

    CHECK(!conn->running);
    conn->running = true;
    while (step == STEP_AGAIN) {
        switch ((enum conn_state)conn->state) {
        case CONN_READING:
            step = step_reading(conn);
            break;
        case CONN_HANDLING:
            step = step_handling(conn);
            break;
        case CONN_WRITING:
            step = step_writing(conn);
            break;
        case CONN_DRAINING:
            step = step_draining(conn);
            break;
        case CONN_CLOSING:
            step = step_closing(conn);
            break;
        case CONN_CLOSED:
            NEVER("a closed connection is run again");
        }
    }
    conn->running = false;
}

/* A deadline has passed. */
static void give_up(struct http_conn *conn)
{
    if (conn->state == CONN_READING && conn->in_request)
        refuse(conn, 408, "The request took too long.");
    else
        close_conn(conn);
}

static void http_conn_timer_fired(struct loop_timer *timer)
{
    struct http_conn *conn = OWNER_OF(timer, struct http_conn, timer);
    struct http_server *server = conn->server;
    uint64_t now_ns = loop_now_ns(server->loop);

    if (now_ns < conn->deadline_ns) {
        if (conn->deadline_ns != UINT64_MAX)
            loop_timer_start(server->loop, timer, conn->deadline_ns,
                             http_conn_timer_fired);
        return;
    }
    uint64_t idle_end_ns = conn->idle_ns + server->limits.idle_ns;
    if (conn->state == CONN_READING && !conn->in_request &&
        now_ns < idle_end_ns) {
        trim(conn);
        set_deadline(conn, idle_end_ns - now_ns);
        return;
    }
    give_up(conn);
    http_conn_run(conn);
}

void http_conn_start(struct http_conn *conn, struct http_server *server, int fd,
                     bool is_over_limit)
{
    struct http_conn *next = conn->next;
    struct http_conn **link = conn->link;
    uint8_t *small = conn->small;

    *conn = (struct http_conn){
        .server = server,
        .next = next,
        .link = link,
        .small = small,
        .state = CONN_READING,
    };
    arena_init(&conn->exchange.arena, server->limits.arena_bytes_max);
    http_parser_init(&conn->parser, HTTP_KIND_REQUEST, &server->limits.http);
    http_transport_open(&conn->transport, server->loop, fd);
    /* It may have left again; then there is no address to log. */
    if (socket_peer_address(fd, &conn->exchange.peer) < 0)
        conn->exchange.peer = (struct address){0};
    start_idle(conn);
    if (server->tls != NULL &&
        !http_transport_use_tls(&conn->transport, server->tls, NULL))
        close_conn(conn);
    else if (is_over_limit)
        http_conn_refuse(conn, 503, "The server has no room for more.");
    http_conn_run(conn);
}

void http_conn_stop(struct http_conn *conn, bool is_abort)
{
    bool is_handled = conn->state == CONN_HANDLING ||
                      conn->state == CONN_WRITING ||
                      conn->state == CONN_DRAINING;

    conn->close_after = true;
    if (!is_handled || is_abort)
        close_conn(conn);
    if (conn->state == CONN_CLOSING && !conn->running)
        http_conn_run(conn);
}
