#include "net/http_client.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/state.h"
#include "io/socket.h"
#include "net/http_client_private.h"

static const struct state_rule rules[] = {
    [CONN_RESOLVING] = {"resolving",
                        NEXT(CONN_CONNECTING) | NEXT(CONN_CLOSING)},
    [CONN_CONNECTING] = {"connecting", NEXT(CONN_TALKING) | NEXT(CONN_CLOSING)},
    [CONN_TALKING] = {"talking", NEXT(CONN_KEPT) | NEXT(CONN_CLOSING)},
    [CONN_KEPT] = {"kept", NEXT(CONN_TALKING) | NEXT(CONN_CLOSING)},
    [CONN_CLOSING] = {"closing", NEXT(CONN_CLOSED)},
    [CONN_CLOSED] = {"closed", 0},
};

void client_conn_move(struct client_conn *conn, enum client_conn_state next)
{
    state_move(&conn->state, (uint8_t)next, rules);
}

/* ---- how a call leaves its connection ---- */

/* Ends the call, unless the kernel still sends its body: then with the
 * connection. */
void client_conn_release(struct client_conn *conn)
{
    struct http_call *call = conn->call;

    if (call == NULL)
        return;
    call->state = CALL_ENDING;
    if (conn->is_open && http_transport_send_busy(&conn->transport))
        return;
    conn->call = NULL;
    if (conn->call_is_lost)
        client_requeue(call);
    else
        client_finish(call);
}

void client_conn_close(struct client_conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return;
    client_conn_move(conn, CONN_CLOSING);
    client_conn_release(conn);
}

void client_conn_fail(struct client_conn *conn, enum http_call_error error)
{
    if (conn->state == CONN_CLOSING)
        return;
    if (conn->call != NULL)
        conn->call->result.error = error;
    client_conn_close(conn);
}

/* ---- resolving ---- */

static void client_conn_resolved(struct resolver_query *query)
{
    struct client_conn *conn = OWNER_OF(query, struct client_conn, query);

    client_conn_run(conn);
}

static void start_resolving(struct client_conn *conn)
{
    const struct client_destination *destination = conn->destination;
    struct text host = text_of(destination->host);

    conn->query.strand = destination->strand;
    if (address_parse_ip(host, destination->port, &conn->query.addresses[0]))
        conn->query.address_count = 1;
    else
        resolver_start(client_conn_client(conn)->loop, &conn->query, host,
                       destination->port, client_conn_resolved);
}

static enum client_step step_resolving(struct client_conn *conn)
{
    if (resolver_busy(&conn->query))
        return STEP_WAIT;
    if (conn->query.address_count == 0)
        client_conn_fail(conn, HTTP_CALL_RESOLVE);
    else
        client_conn_move(conn, CONN_CONNECTING);
    return STEP_AGAIN;
}

/* ---- connecting ---- */

static void close_fd(struct client_conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

static void client_conn_connect_done(struct loop_op *op, int result)
{
    struct client_conn *conn = OWNER_OF(op, struct client_conn, connect_op);

    loop_timer_stop(client_conn_client(conn)->loop, &conn->timer);
    if (result < 0) {
        /* Our own timer cancels it; nobody else does while CONNECTING. */
        conn->system_error = result == -ECANCELED ? ETIMEDOUT : -result;
        close_fd(conn);
    }
    client_conn_run(conn);
}

static void client_conn_connect_late(struct loop_timer *timer)
{
    struct client_conn *conn = OWNER_OF(timer, struct client_conn, timer);

    if (loop_op_busy(&conn->connect_op))
        loop_cancel(client_conn_client(conn)->loop, &conn->connect_op);
}

/* The next address that the caller allows; NULL when there is none. */
static const struct address *next_address(struct client_conn *conn)
{
    while (conn->address_index < conn->query.address_count) {
        const struct address *address =
            &conn->query.addresses[conn->address_index++];
        conn->address = *address;
        if (client_conn_allows(conn, conn->call)) {
            conn->any_allowed = true;
            return address;
        }
    }
    return NULL;
}

static void start_connect(struct client_conn *conn,
                          const struct address *address)
{
    struct http_client *client = client_conn_client(conn);

    int ret = socket_open(address, &conn->fd);
    if (ret < 0) {
        conn->system_error = -ret;
        conn->fd = -1;
        return;
    }
    loop_connect(client->loop, &conn->connect_op, conn->fd, address,
                 client_conn_connect_done);
    if (conn->address_index < conn->query.address_count)
        loop_timer_start(client->loop, &conn->timer,
                         loop_now_ns(client->loop) + client->limits.connect_ns,
                         client_conn_connect_late);
}

/* There is a socket: from here on bytes go through the transport. */
static void open_transport(struct client_conn *conn)
{
    const struct client_destination *destination = conn->destination;

    http_transport_open(&conn->transport, client_conn_client(conn)->loop,
                        conn->fd);
    conn->is_open = true;
    conn->tls_generation = destination->client->tls_generation;
    if (destination->is_https) {
        struct tls_context *context = client_tls_context(destination);
        if (context == NULL) {
            client_conn_fail(conn, HTTP_CALL_NO_TLS);
            return;
        }
        if (!http_transport_use_tls(&conn->transport, context,
                                    destination->host)) {
            client_conn_fail(conn, HTTP_CALL_NO_MEMORY);
            return;
        }
    }
    client_conn_move(conn, CONN_TALKING);
    client_talk_start(conn);
}

static enum client_step step_connecting(struct client_conn *conn)
{
    if (loop_op_busy(&conn->connect_op))
        return STEP_WAIT;
    if (conn->fd >= 0) {
        open_transport(conn);
        return STEP_AGAIN;
    }
    const struct address *address = next_address(conn);
    if (address != NULL) {
        start_connect(conn, address);
        return STEP_AGAIN;
    }
    conn->call->result.system_error = conn->system_error;
    if (!conn->any_allowed)
        client_conn_fail(conn, HTTP_CALL_FORBIDDEN);
    else if (conn->system_error == EMFILE || conn->system_error == ENFILE ||
             conn->system_error == ENOMEM || conn->system_error == ENOBUFS)
        client_conn_fail(conn, HTTP_CALL_NO_MEMORY);
    else
        client_conn_fail(conn, HTTP_CALL_CONNECT);
    return STEP_AGAIN;
}

/* ---- kept ---- */

static void client_conn_kept_late(struct loop_timer *timer)
{
    struct client_conn *conn = OWNER_OF(timer, struct client_conn, timer);

    client_conn_close(conn);
    client_conn_run(conn);
}

/* From here on a receive waits for the peer to close it. */
void client_conn_keep(struct client_conn *conn)
{
    struct http_client *client = client_conn_client(conn);

    client_conn_release(conn);
    http_parser_next(&conn->parser);
    http_parser_free(&conn->parser);
    text_builder_free(&conn->out);
    client_conn_move(conn, CONN_KEPT);
    loop_timer_start(client->loop, &conn->timer,
                     loop_now_ns(client->loop) + client->limits.kept_ns,
                     client_conn_kept_late);
    client_wake(conn->destination);
}

/* A receive waits for the peer to close it, as it may at any time; bytes that
 * nobody asked for end it too. */
static enum client_step step_kept(struct client_conn *conn)
{
    if (conn->peer_ended || conn->recv_used != conn->recv_at) {
        client_conn_close(conn);
        return STEP_AGAIN;
    }
    client_talk_recv(conn);
    return STEP_WAIT;
}

bool client_conn_is_free(const struct client_conn *conn)
{
    return conn->state == CONN_KEPT;
}

bool client_conn_allows(const struct client_conn *conn, struct http_call *call)
{
    return call->request.address_check == NULL ||
           call->request.address_check(call, &conn->address);
}

bool client_conn_is_outdated(const struct client_conn *conn)
{
    return conn->destination->is_https &&
           conn->tls_generation != client_conn_client(conn)->tls_generation;
}

void client_conn_take(struct client_conn *conn, struct http_call *call)
{
    loop_timer_stop(client_conn_client(conn)->loop, &conn->timer);
    conn->call = call;
    conn->is_reused = true;
    call->conn = conn;
    call->state = CALL_ACTIVE;
    client_conn_move(conn, CONN_TALKING);
    client_talk_start(conn);
    client_conn_run(conn);
}

/* ---- the end ---- */

static void free_conn(struct client_conn *conn)
{
    struct client_destination *destination = conn->destination;

    client_conn_move(conn, CONN_CLOSED);
    client_conn_release(conn);
    CHECK(conn->call == NULL);
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    destination->conn_count--;
    http_parser_free(&conn->parser);
    text_builder_free(&conn->out);
    free(conn);
    client_wake(destination);
}

static void client_conn_closed(struct http_transport *transport)
{
    struct client_conn *conn =
        OWNER_OF(transport, struct client_conn, transport);

    conn->is_open = false;
    free_conn(conn);
}

static enum client_step step_closing(struct client_conn *conn)
{
    struct loop *loop = client_conn_client(conn)->loop;

    loop_timer_stop(loop, &conn->timer);
    if (resolver_busy(&conn->query))
        return STEP_WAIT;
    if (loop_op_busy(&conn->connect_op)) {
        loop_cancel(loop, &conn->connect_op);
        return STEP_WAIT;
    }
    if (conn->is_open) {
        if (!conn->transport.closing)
            http_transport_close(&conn->transport, client_conn_closed);
        return STEP_WAIT;
    }
    close_fd(conn);
    free_conn(conn);
    return STEP_GONE;
}

/* The whole life of a connection, in the order in which it happens. */
void client_conn_run(struct client_conn *conn)
{
    enum client_step step = STEP_AGAIN;

    CHECK(!conn->running);
    conn->running = true;
    while (step == STEP_AGAIN) {
        switch ((enum client_conn_state)conn->state) {
        case CONN_RESOLVING:
            step = step_resolving(conn);
            break;
        case CONN_CONNECTING:
            step = step_connecting(conn);
            break;
        case CONN_TALKING:
            step = client_talk_step(conn);
            break;
        case CONN_KEPT:
            step = step_kept(conn);
            break;
        case CONN_CLOSING:
            step = step_closing(conn);
            break;
        case CONN_CLOSED:
            NEVER("a closed connection is run again");
        }
    }
    if (step == STEP_WAIT)
        conn->running = false;
}

bool client_conn_start(struct client_destination *destination,
                       struct http_call *call)
{
    struct client_conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return false;
    conn->destination = destination;
    conn->state = CONN_RESOLVING;
    conn->fd = -1;
    conn->call = call;
    conn->next = destination->conns;
    conn->link = &destination->conns;
    if (conn->next != NULL)
        conn->next->link = &conn->next;
    destination->conns = conn;
    destination->conn_count++;
    call->conn = conn;
    call->state = CALL_ACTIVE;
    http_parser_init(&conn->parser, HTTP_KIND_RESPONSE,
                     &client_response_limits);
    start_resolving(conn);
    client_conn_run(conn);
    return true;
}

void client_conn_stop(struct client_conn *conn, enum http_call_error error)
{
    client_conn_fail(conn, error);
    if (!conn->running)
        client_conn_run(conn);
}
