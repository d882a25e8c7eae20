/* What tls_conn.c and tls_listener.c share. */
#ifndef NET_TLS_CONN_PRIVATE_H
#define NET_TLS_CONN_PRIVATE_H

#include "io/loop.h"
#include "net/tls_conn.h"

/* Small when idle counts more than fast: what crosses is a few messages. */
#define RECV_BYTES 8192u
#define SEND_BYTES 16384u

struct tls_conn {
    struct loop *loop;
    struct tls_session *session; /* owned */
    struct tls_context *context; /* borrowed; used until the session is made */
    struct address peer;
    int fd; /* owned; -1 = none yet, or not any more */
    uint8_t state;
    uint32_t timeout_ms;

    bool is_running; /* in tls_conn_run(): a nested one leaves it to that */
    bool has_end;    /* `end` and `error` are set; the first reason wins */
    bool is_flushed; /* all of ours is with the kernel, and so is our FIN */
    bool peer_gone;  /* it sends nothing any more */
    enum tls_conn_end end;
    int error;
    int broken_error; /* errno with which the connection broke, or 0 */

    const struct tls_conn_events *events; /* NULL until adopted */
    void *owner;

    struct tls_listener *listener; /* NULL on the client's side */
    struct tls_conn *previous;     /* those that no owner has adopted */
    struct tls_conn *next;

    struct loop_post begin_post;
    struct loop_op connect_op;
    struct loop_op recv_op;
    struct loop_op send_op;
    struct loop_op close_op;
    struct loop_timer timer; /* the handshake's end, or the flush's */
    uint8_t recv_data[RECV_BYTES];
    uint8_t send_data[SEND_BYTES];
};

/* Starts the server's side on an accepted descriptor, which it takes over.
 * NULL when memory is used up; the descriptor is then still the caller's. */
struct tls_conn *tls_conn_start_server(struct tls_listener *listener,
                                       struct loop *loop,
                                       struct tls_context *context, int fd,
                                       uint32_t timeout_ms);

/* Shows a connection whose handshake is done to the listener's user. */
void tls_listener_show(struct tls_conn *conn);
/* Takes back what the listener knows of a connection, which is gone. */
void tls_listener_forget(struct tls_conn *conn);

#endif
