#include "net/http_server.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/fields.h"
#include "io/socket.h"
#include "net/http_conn.h"

#define SECOND_NS UINT64_C(1000000000)

const struct http_server_limits http_server_limits_default = {
    .http =
        {
            .head_bytes_max = LIMIT_HTTP_HEADER_BYTES,
            .header_count_max = LIMIT_HTTP_HEADER_COUNT,
            .target_bytes_max = LIMIT_HTTP_TARGET_BYTES,
            .body_bytes_max = LIMIT_HTTP_BODY_BYTES,
        },
    .connection_count_max = LIMIT_HTTP_CONNECTIONS,
    .request_ns = LIMIT_HTTP_REQUEST_S * SECOND_NS,
    .idle_ns = LIMIT_HTTP_IDLE_S * SECOND_NS,
    .write_ns = LIMIT_HTTP_WRITE_S * SECOND_NS,
    .write_bytes_per_s = LIMIT_HTTP_WRITE_BYTES_PER_S,
    .drain_ns = LIMIT_HTTP_DRAIN_S * SECOND_NS,
    .arena_bytes_max = LIMIT_HTTP_ARENA_BYTES,
};

/* Connections beyond the limit that are told so; more are only closed. */
#define REFUSING_COUNT_MAX 64u
/* Kept for the next; a burst of more goes back to the heap. */
#define POOL_COUNT_MAX 256u
#define BUFFER_COUNT_MAX 16u

const char *http_server_date(struct http_server *server)
{
    int64_t now_us = clock_wall_us();

    if (now_us / 1000000 != server->date_s) {
        server->date_s = now_us / 1000000;
        http_date_format(now_us, server->date);
    }
    return server->date;
}

struct http_buffer *http_server_take_buffer(struct http_server *server)
{
    struct http_buffer *buffer = server->buffers;

    if (buffer == NULL)
        return malloc(sizeof *buffer);
    server->buffers = buffer->next;
    server->buffer_count--;
    return buffer;
}

void http_server_give_buffer(struct http_server *server,
                             struct http_buffer *buffer)
{
    if (server->buffer_count >= BUFFER_COUNT_MAX) {
        free(buffer);
        return;
    }
    buffer->next = server->buffers;
    server->buffers = buffer;
    server->buffer_count++;
}

static struct http_conn *new_conn(void)
{
    struct http_conn *conn = malloc(sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->small = malloc(HTTP_CONN_SMALL_BYTES);
    if (conn->small == NULL) {
        free(conn);
        return NULL;
    }
    return conn;
}

static void free_conn(struct http_conn *conn)
{
    free(conn->small);
    free(conn);
}

static struct http_conn *take_conn(struct http_server *server)
{
    struct http_conn *conn = server->pool;

    if (conn == NULL)
        return new_conn();
    server->pool = conn->next;
    server->pool_count--;
    return conn;
}

static void give_conn(struct http_server *server, struct http_conn *conn)
{
    if (server->pool_count >= POOL_COUNT_MAX) {
        free_conn(conn);
        return;
    }
    conn->next = server->pool;
    server->pool = conn;
    server->pool_count++;
}

/* Once a second at most: a flood must not fill the log too. */
static void log_full(struct http_server *server)
{
    uint64_t now_ns = loop_now_ns(server->loop);

    if (now_ns < server->full_due_ns)
        return;
    server->full_due_ns = now_ns + SECOND_NS;
    LOG(http_full, server->connection_count);
}

static void accept_conn(struct http_server *server, int fd)
{
    uint64_t max = server->limits.connection_count_max;
    bool is_over_limit = server->connection_count >= max;
    struct http_conn *conn = NULL;

    if (server->connection_count < max + REFUSING_COUNT_MAX)
        conn = take_conn(server);
    if (is_over_limit || conn == NULL)
        log_full(server);
    if (conn == NULL) {
        close(fd);
        return;
    }
    socket_tune(fd);
    server->connection_count++;
    conn->next = server->conns;
    conn->link = &server->conns;
    if (conn->next != NULL)
        conn->next->link = &conn->next;
    server->conns = conn;
    http_conn_start(conn, server, fd, is_over_limit);
}

static void http_server_close_done(struct loop_op *op, int result)
{
    struct http_server *server = OWNER_OF(op, struct http_server, close_op);

    (void)result; /* the descriptor is gone whatever close() says */
    while (server->pool != NULL) {
        struct http_conn *conn = server->pool;
        server->pool = conn->next;
        free_conn(conn);
    }
    while (server->buffers != NULL) {
        struct http_buffer *buffer = server->buffers;
        server->buffers = buffer->next;
        free(buffer);
    }
    server->fd = -1;
    server->stopped(server);
}

/* The last step of a stop, once nothing is left that would come back. */
static void close_when_idle(struct http_server *server)
{
    if (!server->stopping || server->connection_count > 0 ||
        loop_op_busy(&server->accept_op) || loop_op_busy(&server->close_op))
        return;
    loop_close(server->loop, &server->close_op, server->fd,
               http_server_close_done);
}

static void http_server_accept_done(struct loop_op *op, int result)
{
    struct http_server *server = OWNER_OF(op, struct http_server, accept_op);

    if (result >= 0 && server->stopping)
        close(result); /* it came while the accept was being cancelled */
    else if (result >= 0)
        accept_conn(server, result);
    else if (!server->stopping)
        LOG(http_deaf, result);
    close_when_idle(server);
}

void http_server_conn_closed(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    server->connection_count--;
    give_conn(server, conn);
    close_when_idle(server);
}

int http_server_open(struct http_server *server, struct loop *loop,
                     const struct address *address,
                     const struct http_server_handler *handler, void *owner,
                     const struct http_server_limits *limits)
{
    struct address bound;
    int fd;

    CHECK(handler->head != NULL && handler->body != NULL);
    CHECK(handler->end != NULL && handler->gone != NULL);
    CHECK(limits == NULL || limits->write_bytes_per_s > 0);

    int ret = socket_listen(address, &fd);
    if (ret < 0)
        return ret;
    ret = socket_local_address(fd, &bound);
    if (ret < 0)
        goto close_fd;

    *server = (struct http_server){
        .address = bound,
        .loop = loop,
        .handler = handler,
        .owner = owner,
        .limits = limits ? *limits : http_server_limits_default,
        .fd = fd,
        .date_s = INT64_MIN,
    };
    loop_accept(loop, &server->accept_op, fd, http_server_accept_done);
    return 0;

close_fd:
    close(fd);
    return ret;
}

void http_server_set_backlog(struct http_server *server, uint32_t count)
{
    int result = listen(server->fd, count < INT_MAX ? (int)count : INT_MAX);

    CHECK(result == 0); /* it listens already */
}

static void stop_conns(struct http_server *server, bool is_abort)
{
    /* None leaves the list before the loop goes on. */
    for (struct http_conn *conn = server->conns; conn != NULL;
         conn = conn->next)
        http_conn_stop(conn, is_abort);
}

void http_server_use_tls(struct http_server *server,
                         struct tls_context *context)
{
    CHECK(server->connection_count == 0);
    server->tls = context;
}

void http_server_stop(struct http_server *server, http_server_fn stopped)
{
    CHECK(!server->stopping);
    CHECK(stopped != NULL);

    server->stopping = true;
    server->stopped = stopped;
    if (loop_op_busy(&server->accept_op))
        loop_cancel(server->loop, &server->accept_op);
    stop_conns(server, false);
    close_when_idle(server);
}

void http_server_abort(struct http_server *server)
{
    CHECK(server->stopping);
    stop_conns(server, true);
}
