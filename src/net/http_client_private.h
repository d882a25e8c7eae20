/* What http_client.c (calls, destinations), http_client_conn.c (the life of a
 * connection) and http_client_talk.c (its request and answer) share.
 *
 * Who may end what: a connection never runs its destination and never calls a
 * caller; it marks them, and the client's turn, a post, does both.  So nothing
 * is re-entered, and a connection may free itself at the end of its run.
 */
#ifndef NET_HTTP_CLIENT_PRIVATE_H
#define NET_HTTP_CLIENT_PRIVATE_H

#include "http/parser.h"
#include "net/http_client.h"
#include "net/http_transport.h"
#include "net/resolver.h"

/* Answers are small as a rule. */
#define CLIENT_RECV_BYTES 4096

/* WAITING -> ACTIVE -> ENDING -> FINISHED -> IDLE; a call that a connection
 * lost goes from ACTIVE back to WAITING, once. */
enum call_state {
    CALL_IDLE,
    CALL_WAITING,  /* for a connection */
    CALL_ACTIVE,   /* carried by one */
    CALL_ENDING,   /* its result is known; the kernel still has its body */
    CALL_FINISHED, /* `done` comes in the client's next turn */
};

struct client_destination {
    struct http_client *client;
    struct client_destination *next; /* in its bucket */
    struct client_destination *ready_next;
    bool is_ready;
    bool is_https;
    uint16_t port;
    uint32_t conn_count;
    struct client_conn *conns;
    struct loop_strand *strand; /* of its resolving */
    struct http_call *waiting_first;
    struct http_call *waiting_last;
    char host[]; /* in lower case */
};

enum client_conn_state {
    CONN_RESOLVING,
    CONN_CONNECTING,
    CONN_TALKING,
    CONN_KEPT,
    CONN_CLOSING,
    CONN_CLOSED,
};

/* What a step left behind.  After GONE there is no connection any more. */
enum client_step { STEP_AGAIN, STEP_WAIT, STEP_GONE };

struct client_conn {
    struct client_destination *destination;
    struct client_conn *next; /* of its destination */
    struct client_conn **link;
    struct http_call *call; /* NULL: none (any more) */
    uint8_t state;          /* enum client_conn_state */
    bool running;
    bool is_open;      /* `transport` is, and `fd` is its */
    bool is_reused;    /* this is not its first call */
    bool call_is_lost; /* to be made again on another connection */
    bool peer_ended;
    bool peer_reset; /* not in an orderly way */
    bool send_failed;
    bool out_sent;
    bool body_sent;
    bool feed_due;
    bool answer_ended;
    uint8_t interim_count; /* 1xx answers so far */
    uint32_t tls_generation; /* of the client, when it was opened */

    struct resolver_query query;
    uint32_t address_index; /* of the next to try */
    struct address address; /* connected to */
    bool any_allowed;
    int system_error; /* of the last connect */
    int fd;
    struct loop_op connect_op;
    struct loop_timer timer; /* of one connect, or of being kept */

    struct http_transport transport;
    struct http_parser parser;
    struct text_builder out; /* head, and body where that is small */
    uint32_t recv_at;
    uint32_t recv_used;
    uint8_t recv_data[CLIENT_RECV_BYTES];
};

/* ---- http_client.c ---- */

/* The call's result is final: `done` comes in the next turn. */
void client_finish(struct http_call *call);
/* Puts a call that was lost first in the queue again. */
void client_requeue(struct http_call *call);
/* There may be something to do for the destination. */
void client_wake(struct client_destination *destination);

/* ---- http_client_conn.c ---- */

static inline struct http_client *
client_conn_client(const struct client_conn *conn)
{
    return conn->destination->client;
}

/* Makes a connection for `call`.  Returns false when there is no memory. */
bool client_conn_start(struct client_destination *destination,
                       struct http_call *call);
/* True for one that is kept, ... */
bool client_conn_is_free(const struct client_conn *conn);
/* ... for one whose address the call allows, ... */
bool client_conn_allows(const struct client_conn *conn, struct http_call *call);
/* ... for one that was opened under other rules for https. */
bool client_conn_is_outdated(const struct client_conn *conn);
/* What an https destination is met with; NULL: it cannot be. */
struct tls_context *
client_tls_context(const struct client_destination *destination);
/* Makes `call` on a connection that is free. */
void client_conn_take(struct client_conn *conn, struct http_call *call);
/* Ends it; its call, if any, gets `error`.  It may be freed in here. */
void client_conn_stop(struct client_conn *conn, enum http_call_error error);

/* For http_client_talk.c: */

void client_conn_move(struct client_conn *conn, enum client_conn_state next);
/* Goes on, not from inside itself (`running`); may free the connection. */
void client_conn_run(struct client_conn *conn);
/* Ends the connection's call, unless the kernel still sends its body: then
 * with the connection. */
void client_conn_release(struct client_conn *conn);
/* Begin to close; the second gives the call an error. */
void client_conn_close(struct client_conn *conn);
void client_conn_fail(struct client_conn *conn, enum http_call_error error);
/* The call has its answer; the connection waits for the next. */
void client_conn_keep(struct client_conn *conn);

/* ---- http_client_talk.c ---- */

extern const struct http_limits client_response_limits;

/* Writes the request of the call that was just taken. */
void client_talk_start(struct client_conn *conn);
enum client_step client_talk_step(struct client_conn *conn);
/* Receives, unless it does so already. */
void client_talk_recv(struct client_conn *conn);

#endif
