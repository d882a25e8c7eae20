/* An HTTP/1.1 client: pushes notifications to observers, and carries the calls
 * of the command line.
 *
 * Knows: the loop, http/, the resolver, how many connections a destination may
 * get.
 * Must not know: SOAP, subscriptions, which addresses are allowed (the caller's
 * address_check says so).
 *
 * A destination is a scheme, a host and a port.  Its connections are kept open
 * for the next call; calls beyond its connections wait in the order in which
 * they came.  The life of a connection:
 *
 *   RESOLVING --> CONNECTING --> TALKING <--> KEPT
 *       |             |             |           |
 *       +-------------+-- CLOSING <-+-----------+
 *                            |
 *                          CLOSED
 *
 * A call on a kept connection that the peer closed before any byte of the
 * answer came is made once more on a new connection: the peer had given up the
 * connection, as it may at any time (RFC 9112, section 9.3.1).  Redirects are
 * not followed, nothing is decompressed, no credentials are sent but those of
 * the call.  Over https nothing is sent before the server has proved who it is,
 * unless http_client_tls says that it need not.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/check.h"
#include "base/heap.h"
#include "base/text.h"
#include "crypto/tls.h"
#include "http/head.h"
#include "http/url.h"
#include "io/loop.h"

struct client_conn;
struct client_destination;
struct http_call;
struct http_client;

/* Why there is no answer.  central/ makes all but the first a failed attempt
 * of a delivery. */
enum http_call_error {
    HTTP_CALL_GOOD,      /* there is a status, whichever */
    HTTP_CALL_NO_TLS,    /* https, and nothing to check certificates with */
    HTTP_CALL_TLS,       /* the handshake failed: tls_error */
    HTTP_CALL_RESOLVE,   /* the name has no address */
    HTTP_CALL_FORBIDDEN, /* address_check refused every address */
    HTTP_CALL_CONNECT,   /* nobody listens, no route, ... */
    HTTP_CALL_TIMEOUT,   /* timeout_ns */
    HTTP_CALL_BUSY,      /* wait_ns_max: no connection became free */
    HTTP_CALL_CLOSED,    /* the peer closed it without a whole answer */
    HTTP_CALL_PROTOCOL,  /* the answer was not HTTP, or over its limits */
    HTTP_CALL_TOO_LARGE, /* the body is over response_bytes_max; status and
                          * the first of the body are there */
    HTTP_CALL_CANCELLED, /* http_call_cancel() */
    HTTP_CALL_NO_MEMORY, /* memory or descriptors are used up here */
    HTTP_CALL_BAD_VALUE, /* a field of the request holds a control character */
};

struct http_call_result {
    enum http_call_error error;
    int system_error;       /* errno of a failed connect, or 0 */
    enum tls_error tls_error; /* of HTTP_CALL_TLS */
    uint16_t status;        /* 0 = no answer */
    uint32_t retry_after_s; /* 0 = not said; at most a year */
    bool body_is_coded;     /* Content-Encoding: the body means nothing here */
    struct text body;       /* absent without an answer; borrowed */
    struct text media_type; /* of the body; borrowed; absent if too long */
};

/* A few words for people: "cannot connect". */
const char *http_call_error_text(const struct http_call_result *result);

#define HTTP_CALL_MEDIA_TYPE_BYTES 64

/* Everything is borrowed until `done`. */
struct http_call_request {
    enum http_method method; /* GET or POST */
    struct http_url url;
    struct text content_type;    /* absent: the field is left out */
    struct text soap_action;     /* absent: the field is left out; "" is sent */
    struct text authorization;   /* absent: the field is left out */
    struct text webhook_id;      /* absent: the field is left out, as below */
    struct text webhook_timestamp;
    struct text webhook_signature;
    struct text body;            /* of a POST */
    /* From when it has a connection, or begins to make one: it is not the
     * destination's fault how long a call waits for others to end.  0 =
     * HTTP_CALL_TIMEOUT_NS. */
    uint64_t timeout_ns;
    uint64_t wait_ns_max; /* for a connection; 0 = as long as it takes */
    uint32_t response_bytes_max; /* 0 = HTTP_CALL_RESPONSE_BYTES */
    /* May be NULL: then every address is allowed.  Sees each address before a
     * connection to it is made or used; false refuses it. */
    bool (*address_check)(struct http_call *call,
                          const struct address *address);
};

#define HTTP_CALL_TIMEOUT_NS UINT64_C(30000000000)
/* A SOAP fault with its detail takes less. */
#define HTTP_CALL_RESPONSE_BYTES 65536u

typedef void (*http_call_fn)(struct http_call *call,
                             const struct http_call_result *result);

/* The caller embeds it, zero-initialised, and keeps it until `done`. */
struct http_call {
    void *user; /* the caller's */

    /* Private. */
    uint8_t state; /* enum call_state */
    bool retried;
    struct http_client *client;
    struct http_call_request request;
    http_call_fn done;
    struct client_destination *destination;
    struct client_conn *conn; /* that it is carried by */
    struct http_call *next;   /* waiting or finished */
    struct loop_timer deadline; /* of waiting, then of the call */
    struct http_call_result result;
    struct text_builder body;
    char media_type[HTTP_CALL_MEDIA_TYPE_BYTES];
};

static inline bool http_call_busy(const struct http_call *call)
{
    return call->state != 0;
}

typedef void (*http_client_fn)(struct http_client *client);

struct http_client_limits {
    uint32_t connections_per_destination_max;
    uint64_t kept_ns;    /* an unused connection is closed after it */
    uint64_t connect_ns; /* per address, while there are others to try */
};

extern const struct http_client_limits http_client_limits_default;

/* How https servers are met.  All zero: none is. */
struct http_client_tls {
    /* Borrowed until the next http_client_use_tls(); may be NULL. */
    struct tls_context *checked;
    /* For those that need not prove who they are. */
    struct tls_context *unchecked;
    /* Which are these; may be NULL. */
    bool (*is_unchecked)(void *user, struct text host, uint16_t port);
    void *user;
};

#define HTTP_CLIENT_BUCKETS 1024u
/* At most so many of the loop's workers are busy with resolving: the others
 * move files. */
#define HTTP_CLIENT_STRANDS 2u

/* All fields are private. */
struct http_client {
    struct loop *loop;
    struct http_client_limits limits;
    struct http_client_tls tls;
    uint32_t tls_generation; /* connections of earlier ones take no calls */
    uint64_t hash_key;
    struct client_destination *buckets[HTTP_CLIENT_BUCKETS];
    struct loop_strand strands[HTTP_CLIENT_STRANDS];
    uint32_t strand_index;            /* of the next destination */
    struct client_destination *ready; /* have something to do */
    struct http_call *finished_first; /* their `done` is due */
    struct http_call *finished_last;
    struct loop_post turn_post; /* does both */
    uint32_t destination_count;
    bool turn_due;
    bool stopping;
    http_client_fn stopped;
};

/* Starts without connections.  `limits` NULL = the defaults; copied. */
void http_client_init(struct http_client *client, struct loop *loop,
                      const struct http_client_limits *limits);

/* Sets how https servers are met from now on: calls that begin later are made
 * on new connections.  Copied. */
void http_client_use_tls(struct http_client *client,
                         const struct http_client_tls *tls);

/* Cancels all calls, closes all connections, then calls `stopped` from the
 * loop: the struct is the caller's again.  Name resolutions that are under way
 * are waited for. */
void http_client_stop(struct http_client *client, http_client_fn stopped);

/* Makes a call.  Cannot fail: `done` comes exactly once, from the loop, and
 * the result is valid during it.  `call` may be started again from it, or
 * freed. */
void http_call_start(struct http_client *client, struct http_call *call,
                     const struct http_call_request *request,
                     http_call_fn done);

/* Asks for the end of a call that is busy; `done` still comes, as a rule with
 * HTTP_CALL_CANCELLED.  Nothing happens to one that is not busy. */
void http_call_cancel(struct http_call *call);

#endif
