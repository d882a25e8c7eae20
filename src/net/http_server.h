/* An HTTP/1.1 server: reads requests, hands them to a handler, sends answers.
 *
 * Knows: the loop, http/, limits.
 * Must not know: XML, SOAP operations, paths, users.
 *
 * A connection handles one request at a time; what a client sends meanwhile
 * waits in the kernel (so pipelined requests are answered in order).
 *
 *      +-----------------------------------------+
 *      v                                         |
 *   READING --> HANDLING --> WRITING ------------+    keep-alive
 *    | | |         |         ^ |
 *    | | +---------|---------+ +--> DRAINING          answered before the
 *    | |           |                   |              request was all read
 *    +-+-----------+--> CLOSING <------+
 *                          |
 *                        CLOSED                       back in the pool
 *
 * The handler sees a request as an exchange:
 *
 *   head() ... body()* ... end()  ->  http_exchange_respond(), now or later
 *
 * For each exchange whose head() returned 0 there is exactly one
 * http_exchange_respond() by the handler or one gone() by the server.  It may
 * respond from body() already; then no body() and end() follow, and the
 * connection ends after the answer.
 *
 * A client that ends its direction of the connection (shutdown) still gets its
 * answer; one that resets it is gone.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/text.h"
#include "http/head.h"
#include "http/parser.h"
#include "io/loop.h"

struct http_buffer;
struct http_conn;
struct http_server;
struct tls_context;

/* One request and its answer.  It belongs to the server: valid from head()
 * until http_exchange_respond() or gone(). */
struct http_exchange {
    void *user; /* the handler's; NULL at the start of each request */
    const struct http_head *head; /* valid as long as the exchange */
    struct address peer;
    /* For whatever the handler needs until it has responded; emptied then. */
    struct arena arena;
};

/* Strings are NULL when there is none; all are borrowed for the call. */
struct http_response {
    uint16_t status;
    const char *content_type; /* "text/xml; charset=utf-8" */
    const char *allow;        /* of a 405 */
    const char *authenticate; /* WWW-Authenticate of a 401 */
    uint32_t retry_after_s;   /* 0 = not said */
    bool close;               /* end the connection after it */
    struct text body;
};

struct http_server_handler {
    /* A request's head has come.  0: read on; else it is refused with this
     * status, and no other callback follows for it. */
    uint16_t (*head)(void *owner, struct http_exchange *exchange,
                     const struct http_head *head);
    /* A piece of its body, at most once for each piece that arrives. */
    void (*body)(void *owner, struct http_exchange *exchange,
                 const uint8_t *data, uint32_t size_bytes);
    /* The request is complete. */
    void (*end)(void *owner, struct http_exchange *exchange);
    /* The client, the network, or a limit ended the exchange before it was
     * responded to.  It must not be used any more. */
    void (*gone)(void *owner, struct http_exchange *exchange);
    /* May be NULL.  Dresses the answer to a request that is refused, by head()
     * or by the server itself: `response` holds status, Allow and a line of
     * plain text, and may be changed.  Its strings are static or in
     * exchange->arena.  `head` is NULL when the request had none that could be
     * read; exchange->user is what head() left there, or NULL after gone(). */
    void (*refused)(void *owner, struct http_exchange *exchange,
                    const struct http_head *head,
                    struct http_response *response);
};

struct http_server_limits {
    struct http_limits http;
    uint32_t connection_count_max;
    uint64_t request_ns; /* from the first byte of a request to its last */
    uint64_t idle_ns;    /* without a request */
    uint64_t write_ns;   /* for an answer, and ... */
    uint32_t write_bytes_per_s; /* ... what a large one has beyond that */
    uint64_t drain_ns;          /* for a client to read an early answer */
    uint32_t arena_bytes_max;   /* exchange->arena */
};

/* The limits of limits.h. */
extern const struct http_server_limits http_server_limits_default;

typedef void (*http_server_fn)(struct http_server *server);

/* All fields are private but those that are marked. */
struct http_server {
    struct address address;    /* read only: what it listens on */
    uint32_t connection_count; /* read only */

    struct loop *loop;
    const struct http_server_handler *handler;
    void *owner;
    struct http_server_limits limits;
    struct tls_context *tls; /* borrowed; NULL: clear */
    int fd;
    struct loop_op accept_op;
    struct loop_op close_op;
    struct http_conn *conns; /* all that are open */
    struct http_conn *pool;  /* closed ones, kept for the next */
    uint32_t pool_count;
    struct http_buffer *buffers; /* large ones that nobody uses */
    uint32_t buffer_count;
    uint64_t full_due_ns; /* of the next log line about the limit */
    bool stopping;
    http_server_fn stopped;
    int64_t date_s; /* of the text below */
    char date[32];
};

/* Listens on `address` (port 0 takes a free one) and serves.  `handler`,
 * `limits` (NULL = the defaults; copied) and `owner` are the caller's; the
 * first must outlive the server.
 *
 * Returns 0, or -errno of socket_listen().  On failure nothing is held. */
MUST_USE int http_server_open(struct http_server *server, struct loop *loop,
                              const struct address *address,
                              const struct http_server_handler *handler,
                              void *owner,
                              const struct http_server_limits *limits);
/* Connections that the kernel holds until they are accepted. */
void http_server_set_backlog(struct http_server *server, uint32_t count);

/* Right after opening: every connection speaks TLS of `context`, which must
 * outlive the server. */
void http_server_use_tls(struct http_server *server,
                         struct tls_context *context);

/* Ends it in an orderly way: no connection is accepted any more, requests that
 * are being handled get their answer, everything else is closed; then
 * `stopped`, from the loop, after which the struct is the caller's again. */
void http_server_stop(struct http_server *server, http_server_fn stopped);

/* Cuts short an http_server_stop(): exchanges that are still open are gone(),
 * connections are closed.  `stopped` comes as promised. */
void http_server_abort(struct http_server *server);

/* Answers a request.  The body is copied.  Ends the exchange. */
void http_exchange_respond(struct http_exchange *exchange,
                           const struct http_response *response);

/* The same with a body (in place of response->body) that the server takes
 * over: `*body` is empty afterwards.  For large answers.  One that failed for
 * want of memory is answered with 500. */
void http_exchange_respond_with(struct http_exchange *exchange,
                                const struct http_response *response,
                                struct text_builder *body);

#endif
