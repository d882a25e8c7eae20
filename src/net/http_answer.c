#include "http/writer.h"
#include "net/http_conn.h"

/* Up to here a body is copied behind its head, so that one send takes both. */
#define COPY_BYTES 16384u

/* Puts head, and body where that is small, into `out`.  A large `body`, where
 * it is not NULL, is taken over. */
static void build_answer(struct http_conn *conn,
                         const struct http_response *response,
                         struct text_builder *body)
{
    struct http_server *server = conn->server;
    const struct http_head *request = &conn->parser.head;
    struct text text = body ? text_built(body) : response->body;

    CHECK(!conn->answered);
    conn->close_after = response->close || server->stopping ||
                        !conn->request_ended || !request->keep_alive;
    struct http_response_head head = {
        .status = response->status,
        .version_minor = request->version_minor,
        .close = conn->close_after,
        .date = http_server_date(server),
        .content_type = response->content_type,
        .content_length = text.size_bytes,
        .allow = response->allow,
        .retry_after_s = response->retry_after_s,
        .authenticate = response->authenticate,
    };
    http_write_response(&conn->out, &head);
    /* RFC 9110, section 9.3.2: the answer to HEAD has no content. */
    bool is_large = text.size_bytes > COPY_BYTES;
    if (request->method != HTTP_METHOD_HEAD) {
        if (is_large && body != NULL) {
            conn->body = *body;
            *body = (struct text_builder){0};
        } else {
            text_add(is_large ? &conn->body : &conn->out, text);
        }
    }
    conn->answered = true;
}

/* For want of memory, or with a value that would break the head, there is no
 * answer but this one. */
static void check_answer(struct http_conn *conn)
{
    if (!conn->out.failed && !conn->body.failed)
        return;
    text_builder_free(&conn->out);
    text_builder_free(&conn->body);
    conn->close_after = true;
    text_add_string(&conn->out, "HTTP/1.1 500 Internal Server Error\r\n"
                                "Content-Length: 0\r\n"
                                "Connection: close\r\n\r\n");
}

static void respond(struct http_exchange *exchange,
                    const struct http_response *response,
                    struct text_builder *body)
{
    struct http_conn *conn = OWNER_OF(exchange, struct http_conn, exchange);

    CHECK(conn->exchange_open);
    conn->exchange_open = false;
    build_answer(conn, response, body);
    check_answer(conn);
    exchange->user = NULL;
    arena_reset(&exchange->arena);
    if (!conn->running)
        http_conn_run(conn);
}

void http_exchange_respond(struct http_exchange *exchange,
                           const struct http_response *response)
{
    respond(exchange, response, NULL);
}

void http_exchange_respond_with(struct http_exchange *exchange,
                                const struct http_response *response,
                                struct text_builder *body)
{
    if (body->failed)
        respond(exchange, &(struct http_response){.status = 500}, NULL);
    else
        respond(exchange, response, body);
    text_builder_free(body);
}

void http_conn_refuse(struct http_conn *conn, uint16_t status,
                      const char *reason)
{
    struct http_server *server = conn->server;
    const struct http_head *head =
        conn->parser.head_done ? &conn->parser.head : NULL;
    struct http_response response = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .allow = status == 405 ? HTTP_METHODS_ALLOWED : NULL,
        .body = text_of(reason),
    };

    if (server->handler->refused != NULL)
        server->handler->refused(server->owner, &conn->exchange, head,
                                 &response);
    build_answer(conn, &response, NULL);
    check_answer(conn);
    conn->exchange.user = NULL;
    arena_reset(&conn->exchange.arena);
}
