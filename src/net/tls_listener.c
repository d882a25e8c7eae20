#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "io/socket.h"
#include "net/tls_conn_private.h"

#define REASON_BYTES 160

struct tls_listener {
    struct loop *loop;
    struct tls_context *context;
    struct address address;
    int fd; /* owned; -1 = closed */
    uint32_t timeout_ms;
    uint32_t conn_count;      /* all that began here and are not gone */
    uint32_t handshake_count; /* of these, how many are in `first` */
    struct tls_conn *first;   /* those that no owner has adopted, the newest */
    struct tls_conn *last;    /* first: the oldest */
    bool is_stopping;
    bool has_stopped; /* `stopped` was called: memory goes with the last one */
    tls_listener_accepted_fn accepted;
    tls_listener_stopped_fn stopped;
    void *user;
    void *stopped_user;
    struct loop_op accept_op;
    struct loop_op close_op;
};

static void listener_run(struct tls_listener *listener);

static void link_conn(struct tls_listener *listener, struct tls_conn *conn)
{
    conn->next = listener->first;
    if (conn->next != NULL)
        conn->next->previous = conn;
    else
        listener->last = conn;
    listener->first = conn;
    listener->handshake_count++;
}

static void unlink_conn(struct tls_listener *listener, struct tls_conn *conn)
{
    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        listener->first = conn->next;
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    else
        listener->last = conn->previous;
    conn->previous = NULL;
    conn->next = NULL;
    listener->handshake_count--;
}

/* ---- accepting ---- */

/* Too many handshakes: the oldest makes room, since an honest one takes a few
 * round trips, and who holds connections open holds the oldest ones. */
static void make_room(struct tls_listener *listener)
{
    struct tls_conn *conn = listener->last;

    if (listener->handshake_count < LIMIT_TLS_HANDSHAKES)
        return;
    LOG(tls_full, listener->conn_count, listener->handshake_count);
    while (conn != NULL && conn->has_end)
        conn = conn->previous; /* is being closed */
    if (conn != NULL)
        tls_conn_abort(conn);
}

static void take_in(struct tls_listener *listener, int fd)
{
    struct tls_conn *conn = NULL;

    make_room(listener);
    if (listener->conn_count < LIMIT_TLS_CONNECTIONS)
        conn =
            tls_conn_start_server(listener, listener->loop, listener->context,
                                  fd, listener->timeout_ms);
    if (conn == NULL) {
        LOG(tls_full, listener->conn_count, listener->handshake_count);
        close(fd);
        return;
    }
    listener->conn_count++;
    link_conn(listener, conn);
}

static void listener_accept_done(struct loop_op *op, int result)
{
    struct tls_listener *listener =
        OWNER_OF(op, struct tls_listener, accept_op);

    if (result >= 0) {
        if (listener->is_stopping)
            close(result);
        else
            take_in(listener, result);
        return;
    }
    if (!listener->is_stopping)
        LOG(tls_deaf, -result);
    listener_run(listener);
}

void tls_listener_show(struct tls_conn *conn)
{
    struct tls_listener *listener = conn->listener;

    listener->accepted(conn, listener->user);
    if (conn->events == NULL)
        tls_conn_close(conn);
}

void tls_conn_adopt(struct tls_conn *conn, const struct tls_conn_events *events,
                    void *owner)
{
    CHECK(conn->listener != NULL);
    CHECK(conn->events == NULL);
    conn->events = events;
    conn->owner = owner;
    unlink_conn(conn->listener, conn);
}

static void log_refused(const struct tls_conn *conn)
{
    char peer[ADDRESS_TEXT_BYTES];
    char reason[REASON_BYTES];

    address_format(&conn->peer, peer);
    tls_conn_end_format(conn->end, conn->error, reason, sizeof reason);
    LOG(tls_refused, peer, reason);
}

void tls_listener_forget(struct tls_conn *conn)
{
    struct tls_listener *listener = conn->listener;

    if (conn->events == NULL) {
        log_refused(conn);
        unlink_conn(listener, conn);
    }
    listener->conn_count--;
    listener_run(listener);
}

/* ---- stopping ---- */

static void listener_close_done(struct loop_op *op, int result)
{
    struct tls_listener *listener = OWNER_OF(op, struct tls_listener, close_op);

    (void)result;
    listener->fd = -1;
    listener_run(listener);
}

/* Goes on with the end, once it was asked for: the accept, the descriptor, the
 * connections that nobody has adopted, and at last all others. */
static void listener_run(struct tls_listener *listener)
{
    if (!listener->is_stopping || loop_op_busy(&listener->accept_op) ||
        loop_op_busy(&listener->close_op))
        return;
    if (listener->fd >= 0) {
        loop_close(listener->loop, &listener->close_op, listener->fd,
                   listener_close_done);
        return;
    }
    if (listener->first != NULL)
        return;
    if (!listener->has_stopped) {
        listener->has_stopped = true;
        listener->stopped(listener->stopped_user);
    }
    if (listener->conn_count == 0)
        free(listener);
}

void tls_listener_stop(struct tls_listener *listener,
                       tls_listener_stopped_fn stopped, void *user)
{
    CHECK(!listener->is_stopping);
    listener->is_stopping = true;
    listener->stopped = stopped;
    listener->stopped_user = user;
    if (loop_op_busy(&listener->accept_op))
        loop_cancel(listener->loop, &listener->accept_op);
    for (struct tls_conn *conn = listener->first; conn != NULL;
         conn = conn->next)
        tls_conn_abort(conn);
    listener_run(listener);
}

/* ---- opening ---- */

int tls_listener_open(struct tls_listener **opened, struct loop *loop,
                      struct tls_context *context,
                      const struct address *address, uint32_t timeout_ms,
                      tls_listener_accepted_fn accepted, void *user)
{
    struct tls_listener *listener = calloc(1, sizeof *listener);
    int ret;

    if (listener == NULL)
        return -ENOMEM;
    listener->loop = loop;
    listener->context = context;
    listener->timeout_ms = timeout_ms;
    listener->accepted = accepted;
    listener->user = user;
    ret = socket_listen(address, &listener->fd);
    if (ret < 0)
        goto free_listener;
    ret = socket_local_address(listener->fd, &listener->address);
    if (ret < 0)
        goto close_fd;
    loop_accept(loop, &listener->accept_op, listener->fd, listener_accept_done);
    *opened = listener;
    return 0;

close_fd:
    close(listener->fd);
free_listener:
    free(listener);
    return ret;
}

const struct address *tls_listener_address(const struct tls_listener *listener)
{
    return &listener->address;
}
