#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/random.h"
#include "net/http_client_private.h"

#define SECOND_NS UINT64_C(1000000000)

const struct http_client_limits http_client_limits_default = {
    .connections_per_destination_max = LIMIT_DELIVERIES_PER_ADDRESS,
    .kept_ns = LIMIT_HTTP_KEPT_S * SECOND_NS,
    .connect_ns = LIMIT_HTTP_CONNECT_S * SECOND_NS,
};

const char *http_call_error_text(const struct http_call_result *result)
{
    switch (result->error) {
    case HTTP_CALL_GOOD:
        return "answered";
    case HTTP_CALL_NO_TLS:
        return "https needs authorities to trust: ferry/callback_ca";
    case HTTP_CALL_TLS:
        return tls_error_text(result->tls_error);
    case HTTP_CALL_RESOLVE:
        return "the name cannot be resolved";
    case HTTP_CALL_FORBIDDEN:
        return "the address is not allowed";
    case HTTP_CALL_CONNECT:
        return "cannot connect";
    case HTTP_CALL_TIMEOUT:
        return "no answer in time";
    case HTTP_CALL_BUSY:
        return "all its connections are in use";
    case HTTP_CALL_CLOSED:
        return "the connection was closed without an answer";
    case HTTP_CALL_PROTOCOL:
        return "the answer is not HTTP";
    case HTTP_CALL_TOO_LARGE:
        return "the answer is too large";
    case HTTP_CALL_CANCELLED:
        return "cancelled";
    case HTTP_CALL_NO_MEMORY:
        return "out of memory or descriptors";
    case HTTP_CALL_BAD_VALUE:
        return "the request holds a control character";
    }
    NEVER("a call's error outside its enum");
}

/* ---- the turn ---- */

static void http_client_turn(struct loop_post *post);

static void post_turn(struct http_client *client)
{
    client->turn_due = true;
    loop_post(client->loop, &client->turn_post, http_client_turn);
}

void client_wake(struct client_destination *destination)
{
    struct http_client *client = destination->client;

    if (destination->is_ready)
        return;
    destination->is_ready = true;
    destination->ready_next = client->ready;
    client->ready = destination;
    post_turn(client);
}

void client_finish(struct http_call *call)
{
    struct http_client *client = call->client;

    CHECK(call->state != CALL_IDLE);
    CHECK(call->state != CALL_FINISHED);
    call->state = CALL_FINISHED;
    call->conn = NULL;
    call->next = NULL;
    loop_timer_stop(client->loop, &call->deadline);
    if (client->finished_first == NULL)
        client->finished_first = call;
    else
        client->finished_last->next = call;
    client->finished_last = call;
    post_turn(client);
}

static void tell(struct http_call *call)
{
    struct http_call_result result = call->result;
    struct text_builder body = call->body;
    char media_type[HTTP_CALL_MEDIA_TYPE_BYTES];

    /* The callee may start it again, or free it. */
    memcpy(media_type, call->media_type, sizeof media_type);
    if (result.status != 0)
        result.body = text_built(&body);
    if (!text_is_absent(result.media_type))
        result.media_type.data = media_type;
    call->body = (struct text_builder){0};
    call->state = CALL_IDLE;
    call->done(call, &result);
    text_builder_free(&body);
}

/* ---- destinations ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* FNV-1a from a random start. */
static struct client_destination **bucket_of(struct http_client *client,
                                             struct text host, uint16_t port)
{
    uint64_t hash = client->hash_key ^ port;

    for (uint32_t i = 0; i < host.size_bytes; i++) {
        hash ^= (uint8_t)lower(host.data[i]);
        hash *= UINT64_C(0x100000001b3);
    }
    return &client->buckets[(hash >> 32) % HTTP_CLIENT_BUCKETS];
}

/* Finds or makes it; NULL without memory. */
static struct client_destination *find(struct http_client *client,
                                       const struct http_url *url)
{
    struct client_destination **bucket =
        bucket_of(client, url->host, url->port);
    struct client_destination *destination = *bucket;

    for (; destination != NULL; destination = destination->next)
        if (destination->port == url->port &&
            destination->is_https == url->is_https &&
            text_is_nocase(url->host, destination->host))
            return destination;

    destination = malloc(sizeof *destination + url->host.size_bytes + 1);
    if (destination == NULL)
        return NULL;
    *destination = (struct client_destination){
        .client = client,
        .next = *bucket,
        .is_https = url->is_https,
        .port = url->port,
        .strand = &client->strands[client->strand_index],
    };
    client->strand_index = (client->strand_index + 1) % HTTP_CLIENT_STRANDS;
    for (uint32_t i = 0; i < url->host.size_bytes; i++)
        destination->host[i] = lower(url->host.data[i]);
    destination->host[url->host.size_bytes] = '\0';
    *bucket = destination;
    client->destination_count++;
    return destination;
}

static void forget(struct client_destination *destination)
{
    struct http_client *client = destination->client;
    struct client_destination **link =
        bucket_of(client, text_of(destination->host), destination->port);

    while (*link != destination)
        link = &(*link)->next;
    *link = destination->next;
    client->destination_count--;
    free(destination);
}

static void push_first(struct client_destination *destination,
                       struct http_call *call)
{
    call->next = destination->waiting_first;
    destination->waiting_first = call;
    if (destination->waiting_last == NULL)
        destination->waiting_last = call;
}

static void push_last(struct client_destination *destination,
                      struct http_call *call)
{
    call->next = NULL;
    if (destination->waiting_first == NULL)
        destination->waiting_first = call;
    else
        destination->waiting_last->next = call;
    destination->waiting_last = call;
}

static void pop_first(struct client_destination *destination)
{
    struct http_call *call = destination->waiting_first;

    destination->waiting_first = call->next;
    if (call->next == NULL)
        destination->waiting_last = NULL;
}

static void take_out(struct client_destination *destination,
                     struct http_call *call)
{
    struct http_call *before = NULL;
    struct http_call *other = destination->waiting_first;

    while (other != call) {
        before = other;
        other = other->next;
    }
    if (before == NULL)
        destination->waiting_first = call->next;
    else
        before->next = call->next;
    if (destination->waiting_last == call)
        destination->waiting_last = before;
}

static void http_call_deadline_fired(struct loop_timer *timer);

/* Ends the state that the call is in after `limit_ns`. */
static void start_deadline(struct http_call *call, uint64_t limit_ns)
{
    struct loop *loop = call->client->loop;

    loop_timer_start(loop, &call->deadline, loop_now_ns(loop) + limit_ns,
                     http_call_deadline_fired);
}

static void start_waiting(struct http_call *call)
{
    call->state = CALL_WAITING;
    if (call->request.wait_ns_max != 0)
        start_deadline(call, call->request.wait_ns_max);
    else
        loop_timer_stop(call->client->loop, &call->deadline);
}

void client_requeue(struct http_call *call)
{
    start_waiting(call);
    call->conn = NULL;
    call->result = (struct http_call_result){0};
    push_first(call->destination, call);
    client_wake(call->destination);
}

static struct client_conn *
find_free_conn(const struct client_destination *destination)
{
    struct client_conn *conn = destination->conns;

    while (conn != NULL && !client_conn_is_free(conn))
        conn = conn->next;
    return conn;
}

struct tls_context *
client_tls_context(const struct client_destination *destination)
{
    const struct http_client_tls *tls = &destination->client->tls;

    if (tls->is_unchecked != NULL &&
        tls->is_unchecked(tls->user, text_of(destination->host),
                          destination->port))
        return tls->unchecked;
    return tls->checked;
}

/* Gives the first call that waits what it needs.  Returns false when it must
 * go on waiting. */
static bool serve_first(struct client_destination *destination)
{
    const struct http_client *client = destination->client;
    struct http_call *call = destination->waiting_first;
    struct client_conn *conn = find_free_conn(destination);

    if (conn != NULL && !call->retried && !client_conn_is_outdated(conn) &&
        client_conn_allows(conn, call)) {
        pop_first(destination);
        start_deadline(call, call->request.timeout_ns);
        client_conn_take(conn, call);
        return true;
    }
    /* One that is no good for this call must not keep its place. */
    if (conn != NULL)
        client_conn_stop(conn, HTTP_CALL_CLOSED);
    if (destination->conn_count >=
        client->limits.connections_per_destination_max)
        return false;
    pop_first(destination);
    start_deadline(call, call->request.timeout_ns);
    if (!client_conn_start(destination, call)) {
        call->result.error = HTTP_CALL_NO_MEMORY;
        client_finish(call);
    }
    return true;
}

static void http_client_turn(struct loop_post *post)
{
    struct http_client *client = OWNER_OF(post, struct http_client, turn_post);

    client->turn_due = false;
    while (client->ready != NULL) {
        struct client_destination *destination = client->ready;
        client->ready = destination->ready_next;
        destination->is_ready = false;
        while (destination->waiting_first != NULL && serve_first(destination))
            ;
        if (!destination->is_ready && destination->waiting_first == NULL &&
            destination->conn_count == 0)
            forget(destination);
    }

    /* What is finished by these calls belongs to the next turn. */
    struct http_call *call = client->finished_first;
    client->finished_first = NULL;
    client->finished_last = NULL;
    while (call != NULL) {
        struct http_call *next = call->next;
        tell(call);
        call = next;
    }
    if (client->stopping && client->destination_count == 0 && !client->turn_due)
        client->stopped(client);
}

/* ---- calls ---- */

static void end_call(struct http_call *call, enum http_call_error error)
{
    switch ((enum call_state)call->state) {
    case CALL_WAITING:
        take_out(call->destination, call);
        client_wake(call->destination); /* it may be the last */
        call->result.error = error;
        client_finish(call);
        break;
    case CALL_ACTIVE:
        client_conn_stop(call->conn, error);
        break;
    case CALL_IDLE:
    case CALL_ENDING:
    case CALL_FINISHED:
        break; /* too late */
    }
}

static void http_call_deadline_fired(struct loop_timer *timer)
{
    struct http_call *call = OWNER_OF(timer, struct http_call, deadline);

    end_call(call, call->state == CALL_WAITING ? HTTP_CALL_BUSY
                                               : HTTP_CALL_TIMEOUT);
}

void http_call_cancel(struct http_call *call)
{
    end_call(call, HTTP_CALL_CANCELLED);
}

void http_call_start(struct http_client *client, struct http_call *call,
                     const struct http_call_request *request, http_call_fn done)
{
    CHECK(!http_call_busy(call));
    CHECK(done != NULL);
    CHECK(request->method != HTTP_METHOD_HEAD); /* its answer has no body */

    *call = (struct http_call){
        .user = call->user,
        .state = CALL_WAITING,
        .client = client,
        .request = *request,
        .done = done,
    };
    if (call->request.timeout_ns == 0)
        call->request.timeout_ns = HTTP_CALL_TIMEOUT_NS;
    if (call->request.response_bytes_max == 0)
        call->request.response_bytes_max = HTTP_CALL_RESPONSE_BYTES;
    if (client->stopping) {
        call->result.error = HTTP_CALL_CANCELLED;
        client_finish(call);
        return;
    }
    call->destination = find(client, &request->url);
    if (call->destination == NULL) {
        call->result.error = HTTP_CALL_NO_MEMORY;
        client_finish(call);
        return;
    }
    start_waiting(call);
    push_last(call->destination, call);
    client_wake(call->destination);
}

void http_client_init(struct http_client *client, struct loop *loop,
                      const struct http_client_limits *limits)
{
    *client = (struct http_client){
        .loop = loop,
        .limits = limits ? *limits : http_client_limits_default,
    };
    random_system(&client->hash_key, sizeof client->hash_key);
}

void http_client_use_tls(struct http_client *client,
                         const struct http_client_tls *tls)
{
    client->tls = *tls;
    client->tls_generation++;
}

static void stop_destination(struct client_destination *destination)
{
    while (destination->waiting_first != NULL)
        end_call(destination->waiting_first, HTTP_CALL_CANCELLED);
    for (struct client_conn *conn = destination->conns, *next; conn != NULL;
         conn = next) {
        next = conn->next;
        client_conn_stop(conn, HTTP_CALL_CANCELLED);
    }
    client_wake(destination);
}

void http_client_stop(struct http_client *client, http_client_fn stopped)
{
    CHECK(!client->stopping);
    client->stopping = true;
    client->stopped = stopped;
    for (uint32_t i = 0; i < HTTP_CLIENT_BUCKETS; i++)
        for (struct client_destination *destination = client->buckets[i];
             destination != NULL; destination = destination->next)
            stop_destination(destination);
    post_turn(client);
}
