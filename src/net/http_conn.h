/* One connection of the HTTP server; private to http_server.c, http_conn.c
 * (its life) and http_answer.c (its answers).
 *
 * http_server.h has the drawing of its states.
 */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "http/parser.h"
#include "net/http_server.h"
#include "net/http_transport.h"

/* A usual request fits; a connection that waits holds no more.  Apart from the
 * connection, and with room for the allocator's own words, since that rounds
 * up to a power of two. */
#define HTTP_CONN_SMALL_BYTES 2032
/* Large enough that a body of some megabytes is not a matter of calls. */
#define HTTP_BUFFER_BYTES 65536

struct http_buffer {
    struct http_buffer *next; /* in the server's list */
    uint8_t data[HTTP_BUFFER_BYTES];
};

struct http_conn {
    struct http_exchange exchange;
    struct http_server *server;
    struct http_conn *next; /* in the server's list, or in its pool */
    struct http_conn **link;
    struct http_transport transport;
    struct http_parser parser;
    struct loop_timer timer;
    uint64_t deadline_ns; /* UINT64_MAX: none */
    uint64_t idle_ns;     /* when the last request ended */
    uint8_t state;        /* enum conn_state */

    bool running;       /* http_conn_run() is on the stack */
    bool in_request;    /* its first byte was there, and so is a deadline */
    bool feed_due;      /* the parser may have an event without more bytes */
    bool exchange_open; /* head() said yes; neither responded nor gone */
    bool request_ended; /* its last byte was read */
    bool answered;      /* `out` and `body` hold the answer */
    bool out_sent;
    bool body_sent;
    bool close_after;        /* the answer said so */
    bool peer_ended;         /* it sends no more */
    uint16_t refused_status; /* head() said no; told when the request ends */
    bool ended;              /* we send no more */

    struct text_builder out;  /* head, and body unless that is large */
    struct text_builder body; /* a large one */

    uint8_t *small;            /* HTTP_CONN_SMALL_BYTES; the server's */
    struct http_buffer *large; /* instead of `small`, or NULL */
    uint32_t read_at;
    uint32_t read_used;
};

/* Begins the life of a connection on `fd`.  `is_over_limit`: it is answered
 * with 503 whatever it asks.  The memory, of which only `next`, `link` and
 * `small` are initialised, is the server's again at
 * http_server_conn_closed(). */
void http_conn_start(struct http_conn *conn, struct http_server *server, int fd,
                     bool is_over_limit);

/* The server stops: ends the connection, at once if nothing is handled on it
 * or `is_abort` says so, else after the answer. */
void http_conn_stop(struct http_conn *conn, bool is_abort);

/* Goes on with the connection, not from inside itself (`running`). */
void http_conn_run(struct http_conn *conn);

/* In http_answer.c: answers in place of the handler, which may still choose
 * the words. */
void http_conn_refuse(struct http_conn *conn, uint16_t status,
                      const char *reason);

/* In http_server.c. */
void http_server_conn_closed(struct http_conn *conn);
struct http_buffer *http_server_take_buffer(struct http_server *server);
void http_server_give_buffer(struct http_server *server,
                             struct http_buffer *buffer);
/* The Date field's value for now. */
const char *http_server_date(struct http_server *server);

#endif
