#include "base/clock.h"
#include "base/limits.h"
#include "http/fields.h"
#include "http/writer.h"
#include "net/http_client_private.h"

/* The body's limit is the call's, which is met by reading no further. */
const struct http_limits client_response_limits = {
    .head_bytes_max = LIMIT_HTTP_HEADER_BYTES,
    .header_count_max = LIMIT_HTTP_HEADER_COUNT,
    .target_bytes_max = 0,
    .body_bytes_max = INT64_MAX,
};

/* Up to here a body is copied behind its head, so that one send takes both. */
#define COPY_BYTES 16384u

/* "100 Continue" and its like; more is a peer that plays with us. */
#define INTERIM_COUNT_MAX 8

/* Writes the request of the call that was just taken. */
void client_talk_start(struct client_conn *conn)
{
    const struct http_call_request *request = &conn->call->request;
    struct http_request_head head = {
        .method = request->method,
        .path = request->url.path,
        .query = request->url.query,
        .host = request->url.authority,
        .content_type = request->content_type,
        .soap_action = request->soap_action,
        .authorization = request->authorization,
        .webhook_id = request->webhook_id,
        .webhook_timestamp = request->webhook_timestamp,
        .webhook_signature = request->webhook_signature,
        .content_length = request->body.size_bytes,
    };

    text_builder_reset(&conn->out);
    http_write_request(&conn->out, &head);
    conn->out_sent = false;
    conn->body_sent = request->method != HTTP_METHOD_POST ||
                      request->body.size_bytes <= COPY_BYTES;
    if (request->method == HTTP_METHOD_POST && conn->body_sent)
        text_add(&conn->out, request->body);
    conn->answer_ended = false;
    conn->interim_count = 0;
    if (conn->out.failed)
        client_conn_fail(conn, HTTP_CALL_BAD_VALUE);
}

static void client_conn_send_done(struct http_transport *transport, int result)
{
    struct client_conn *conn =
        OWNER_OF(transport, struct client_conn, transport);

    /* A peer that does not read on may have answered all the same: "413". */
    if (result < 0) {
        conn->send_failed = true;
        conn->body_sent = true;
    }
    client_conn_run(conn);
}

static void client_conn_recv_done(struct http_transport *transport, int result)
{
    struct client_conn *conn =
        OWNER_OF(transport, struct client_conn, transport);

    if (result > 0) {
        conn->recv_used += (uint32_t)result;
    } else {
        conn->peer_ended = true;
        conn->peer_reset = result < 0;
    }
    client_conn_run(conn);
}

static void send_more(struct client_conn *conn)
{
    const struct text *body = &conn->call->request.body;

    if (http_transport_send_busy(&conn->transport))
        return;
    if (!conn->out_sent) {
        conn->out_sent = true;
        http_transport_send(&conn->transport, conn->out.data,
                            conn->out.size_bytes, client_conn_send_done);
    } else if (!conn->body_sent) {
        conn->body_sent = true;
        http_transport_send(&conn->transport, body->data, body->size_bytes,
                            client_conn_send_done);
    }
}

void client_talk_recv(struct client_conn *conn)
{
    if (http_transport_recv_busy(&conn->transport))
        return;
    conn->recv_at = 0;
    conn->recv_used = 0;
    http_transport_recv(&conn->transport, conn->recv_data, CLIENT_RECV_BYTES,
                        client_conn_recv_done);
}

static bool is_interim(const struct client_conn *conn)
{
    return conn->parser.head.status < 200;
}

static void take_head(struct client_conn *conn)
{
    const struct http_head *head = &conn->parser.head;
    struct http_call *call = conn->call;

    if (is_interim(conn)) {
        if (++conn->interim_count > INTERIM_COUNT_MAX)
            client_conn_fail(conn, HTTP_CALL_PROTOCOL);
        return;
    }
    call->result.status = head->status;
    call->result.body_is_coded = head->content_is_coded;
    if (!http_retry_after_s(head->retry_after, clock_wall_us(),
                            &call->result.retry_after_s))
        call->result.retry_after_s = 0;
    if (head->has_media_type &&
        text_to_string(head->media_type, call->media_type,
                       sizeof call->media_type))
        call->result.media_type =
            (struct text){call->media_type, head->media_type.size_bytes};
}

static void take_body(struct client_conn *conn)
{
    struct http_call *call = conn->call;
    uint32_t room = call->request.response_bytes_max - call->body.size_bytes;
    uint32_t size = conn->parser.body_bytes;

    text_add(&call->body, (struct text){(const char *)conn->parser.body,
                                        size < room ? size : room});
    if (call->body.failed)
        client_conn_fail(conn, HTTP_CALL_NO_MEMORY);
    else if (size > room)
        client_conn_fail(conn, HTTP_CALL_TOO_LARGE);
}

static void take_event(struct client_conn *conn, enum http_event event)
{
    switch (event) {
    case HTTP_EVENT_MORE:
        return;
    case HTTP_EVENT_HEAD:
        take_head(conn);
        return;
    case HTTP_EVENT_BODY:
        take_body(conn);
        return;
    case HTTP_EVENT_END:
        if (is_interim(conn))
            http_parser_next(&conn->parser);
        else
            conn->answer_ended = true;
        return;
    case HTTP_EVENT_REFUSED:
        client_conn_fail(conn,
                         conn->peer_ended && conn->recv_at == conn->recv_used
                             ? HTTP_CALL_CLOSED
                             : HTTP_CALL_PROTOCOL);
        return;
    }
    NEVER("an HTTP event outside its enum");
}

/* The peer closed the connection without a whole answer. */
static void fail_closed(struct client_conn *conn)
{
    enum tls_error tls_error = http_transport_tls_error(&conn->transport);
    bool nothing_came = http_parser_is_idle(&conn->parser);

    if (tls_error != TLS_ERROR_NONE && !conn->is_reused) {
        conn->call->result.tls_error = tls_error;
        client_conn_fail(conn, HTTP_CALL_TLS);
        return;
    }
    if (conn->is_reused && nothing_came && !conn->call->retried) {
        conn->call->retried = true;
        conn->call_is_lost = true;
    }
    client_conn_fail(conn, HTTP_CALL_CLOSED);
}

static void take_end_of_stream(struct client_conn *conn)
{
    if (http_parser_is_idle(&conn->parser))
        fail_closed(conn);
    else if (conn->peer_reset)
        client_conn_fail(conn, HTTP_CALL_CLOSED);
    else
        take_event(conn, http_parser_finish(&conn->parser));
}

/* The answer is complete.  What follows it unasked, or a request that is not
 * all sent, makes the connection useless. */
static void end_talking(struct client_conn *conn)
{
    struct http_client *client = client_conn_client(conn);
    bool keep = conn->parser.head.keep_alive && !conn->peer_ended &&
                conn->recv_at == conn->recv_used && conn->out_sent &&
                conn->body_sent && !conn->send_failed && !client->stopping &&
                !http_transport_send_busy(&conn->transport);

    if (!keep) {
        client_conn_close(conn);
        return;
    }
    client_conn_keep(conn);
}

enum client_step client_talk_step(struct client_conn *conn)
{
    if (conn->answer_ended) {
        end_talking(conn);
        return STEP_AGAIN;
    }
    send_more(conn);
    if (conn->recv_at == conn->recv_used && !conn->feed_due) {
        if (!conn->peer_ended) {
            client_talk_recv(conn);
            return STEP_WAIT;
        }
        take_end_of_stream(conn);
        return STEP_AGAIN;
    }
    uint32_t used;
    enum http_event event =
        http_parser_feed(&conn->parser, conn->recv_data + conn->recv_at,
                         conn->recv_used - conn->recv_at, &used);
    conn->recv_at += used;
    conn->feed_due = event == HTTP_EVENT_HEAD || event == HTTP_EVENT_BODY;
    take_event(conn, event);
    return STEP_AGAIN;
}
