#include "net/http_server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "http_peer.h"

#define MS UINT64_C(1000000)

/* What the handler does is in the path:
 *   /echo   answers with the body     /early  answers at its first byte
 *   /later  keeps the exchange        /none   is refused: 404
 *   /big    answers with BIG_BYTES    /only-post is refused: 405
 */
#define BIG_BYTES 500000u

static struct http_server server;
static struct http_server_limits limits;
static struct http_exchange *kept;
static uint32_t kept_count;
static uint32_t gone_count;
static uint32_t body_bytes;
static bool stopped;

static bool is_path(const struct http_exchange *exchange, const char *path)
{
    return text_is(exchange->head->path, path);
}

static uint16_t on_head(void *owner, struct http_exchange *exchange,
                        const struct http_head *head)
{
    cr_assert_eq(owner, &server);
    cr_assert_eq(exchange->head, head);
    cr_assert_null(exchange->user);
    body_bytes = 0;
    if (text_is(head->path, "/none"))
        return 404;
    if (text_is(head->path, "/only-post") && head->method != HTTP_METHOD_POST)
        return 405;
    struct text_builder *body =
        arena_take_zeroed(&exchange->arena, 1, sizeof *body);
    cr_assert_not_null(body);
    exchange->user = body;
    return 0;
}

static void on_body(void *owner, struct http_exchange *exchange,
                    const uint8_t *data, uint32_t size_bytes)
{
    (void)owner;
    body_bytes += size_bytes;
    if (is_path(exchange, "/early")) {
        text_builder_free(exchange->user);
        http_exchange_respond(exchange, &(struct http_response){
                                            .status = 500,
                                            .body = text_of("enough"),
                                        });
        return;
    }
    text_add(exchange->user, text_from((const char *)data, size_bytes));
}

static void on_end(void *owner, struct http_exchange *exchange)
{
    struct text_builder *body = exchange->user;
    struct http_response response = {
        .status = 200,
        .content_type = "text/plain",
        .body = text_built(body),
    };

    (void)owner;
    if (is_path(exchange, "/later")) {
        kept = exchange;
        kept_count++;
        return;
    }
    if (is_path(exchange, "/big")) {
        for (uint32_t i = 0; i < BIG_BYTES / 10; i++)
            text_add_string(body, "0123456789");
        http_exchange_respond_with(exchange, &response, body);
        return;
    }
    struct text_builder mine = *body; /* the arena is emptied */
    http_exchange_respond(exchange, &response);
    text_builder_free(&mine);
}

static void on_gone(void *owner, struct http_exchange *exchange)
{
    (void)owner;
    text_builder_free(exchange->user);
    gone_count++;
}

static void on_refused(void *owner, struct http_exchange *exchange,
                       const struct http_head *head,
                       struct http_response *response)
{
    (void)owner;
    (void)exchange;
    if (head != NULL && text_is(head->path, "/only-post")) {
        response->allow = "POST";
        response->content_type = "text/xml";
        response->body = text_of("<fault/>");
    }
}

static const struct http_server_handler handler = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .gone = on_gone,
    .refused = on_refused,
};

static void open_server(void)
{
    struct address address;

    cr_assert(address_parse(text_of("127.0.0.1:0"), &address));
    cr_assert_eq(http_server_open(&server, peer_loop, &address, &handler,
                                  &server, &limits),
                 0);
    cr_assert_neq(server.address.port, 0);
}

static void set_up(void)
{
    peer_set_up();
    limits = http_server_limits_default;
}

static void server_stopped(struct http_server *of)
{
    cr_assert_eq(of, &server);
    stopped = true;
}

static void tear_down(void)
{
    if (!server.stopping)
        http_server_stop(&server, server_stopped);
    http_server_abort(&server);
    peer_wait(&stopped);
    peer_tear_down();
}

TestSuite(http_server, .init = set_up, .fini = tear_down, .timeout = 20);

static void respond_kept(const char *body)
{
    text_builder_free(kept->user);
    http_exchange_respond(
        kept, &(struct http_response){.status = 200, .body = text_of(body)});
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, size) \
    "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: " size "\r\n\r\n"

Test(http_server, a_connection_serves_one_request_after_another)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    for (int i = 0; i < 20; i++) {
        peer_send(peer, POST("/echo", "5") "hello");
        peer_expect(peer, "HTTP/1.1 200 OK\r\nDate: ");
        peer_expect(peer, "Content-Type: text/plain\r\n"
                          "Content-Length: 5\r\n\r\nhello");
    }
    peer_read(peer);
    cr_assert_not(peer->ended);
    cr_assert_eq(peer->size_bytes, 0);
    peer_close(peer);
}

Test(http_server, a_hundred_pipelined_requests_are_answered_in_order)
{
    char data[200];

    open_server();
    struct http_peer *peer = peer_connect(&server.address);
    for (int i = 0; i < 100; i++) {
        snprintf(data, sizeof data, POST("/echo", "3") "%03d", i);
        peer_send(peer, data);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(data, sizeof data, "Content-Length: 3\r\n\r\n%03d", i);
        peer_expect(peer, data);
    }
    peer_close(peer);
}

Test(http_server, garbage_behind_a_request_is_answered_and_ends_it)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/echo") "\x01\x02\r\n\r\n");
    peer_expect(peer, "HTTP/1.1 200 OK");
    peer_expect(peer, "HTTP/1.1 400 Bad Request");
    peer_expect(peer, "Connection: close\r\n\r\n");
    peer_expect_end(peer);
    peer_close(peer);
}

Test(http_server, chunked_bodies_arrive_whole_whatever_the_cuts)
{
    static const char data[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";

    open_server();
    struct http_peer *peer = peer_connect(&server.address);
    for (size_t i = 0; i < sizeof data - 1; i++) {
        peer_send_bytes(peer, data + i, 1);
        loop_run_once(peer_loop);
    }
    peer_expect(peer, "\r\n\r\nhello, world");
    peer_close(peer);
}

Test(http_server, continue_is_sent_to_who_waits_for_it)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    peer_expect(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_send(peer, "hello");
    peer_expect(peer, "HTTP/1.1 200 OK");
    peer_expect(peer, "hello");

    /* Its body is here already, so nobody waits. */
    peer_send(peer, "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    peer_expect(peer, "hello");
    cr_assert_eq(peer_count(peer, "100 Continue"), 0);

    peer_send(peer, "POST /none HTTP/1.1\r\nHost: h\r\n"
                    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    peer_expect(peer, "HTTP/1.1 404 Not Found");
    peer_expect_end(peer);
    peer_close(peer);
}

Test(http_server, bodies_of_megabytes_come_and_go)
{
    static char body[3 << 20];
    char head[100];

    open_server();
    struct http_peer *peer = peer_connect(&server.address);
    memset(body, 'x', sizeof body);
    snprintf(head, sizeof head,
             "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
             sizeof body);
    peer_send(peer, head);
    peer_send_bytes(peer, body, sizeof body);
    peer_wait_count(&kept_count, 1);
    cr_assert_eq(body_bytes, sizeof body);
    respond_kept("");
    peer_expect(peer, "\r\n\r\n");

    peer_send(peer, GET("/big"));
    peer_expect(peer, "Content-Length: 500000\r\n\r\n0123456789");
    while (peer->size_bytes < BIG_BYTES - 10) {
        loop_run_once(peer_loop);
        peer_read(peer);
        cr_assert_not(peer->ended);
    }
    cr_assert_eq(peer->size_bytes, BIG_BYTES - 10);
    cr_assert_eq(peer_count(peer, "0123456789"), BIG_BYTES / 10 - 1);
    peer_send(peer, GET("/echo"));
    peer_expect(peer, "HTTP/1.1 200 OK");
    peer_close(peer);
}

Test(http_server, an_answer_may_come_later_and_nothing_is_read_meanwhile)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/later"));
    peer_wait_count(&kept_count, 1);
    peer_send(peer, GET("/echo") GET("/later"));
    peer_turn_ms(20);
    peer_read(peer);
    cr_assert_eq(peer->size_bytes, 0);
    cr_assert_eq(kept_count, 1);
    respond_kept("late");
    peer_expect(peer, "late");
    peer_expect(peer, "Content-Length: 0");
    peer_wait_count(&kept_count, 2);
    respond_kept("later");
    peer_expect(peer, "later");
    peer_close(peer);
}

Test(http_server, a_client_that_resets_is_gone_and_is_not_answered)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/later"));
    peer_wait_count(&kept_count, 1);
    peer_reset(peer);
    peer_wait_count(&gone_count, 1);
    peer_turn_ms(5);
    cr_assert_eq(server.connection_count, 0);
    cr_assert_eq(gone_count, 1);
}

Test(http_server, a_client_that_leaves_inside_its_body_is_gone)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, POST("/echo", "5") "hel");
    peer_turn_ms(5);
    peer_close(peer);
    peer_wait_count(&gone_count, 1);
    cr_assert_eq(gone_count, 1);
}

Test(http_server, a_client_that_only_ends_its_direction_is_answered)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/later") GET("/echo"));
    peer_end(peer);
    peer_wait_count(&kept_count, 1);
    peer_turn_ms(5);
    respond_kept("late");
    peer_expect(peer, "late");
    peer_expect(peer, "HTTP/1.1 200 OK");
    peer_expect_end(peer);
    cr_assert_eq(gone_count, 0);
    peer_close(peer);
}

Test(http_server, old_and_closing_clients_are_told_what_happens)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    peer_expect(peer, "Connection: keep-alive\r\n\r\n");
    peer_send(peer, "GET /echo HTTP/1.0\r\n\r\n");
    peer_expect(peer, "Connection: close\r\n\r\n");
    peer_expect_end(peer);
    peer_close(peer);

    peer = peer_connect(&server.address);
    peer_send(peer, "GET /echo HTTP/1.1\r\nHost: h\r\n"
                    "Connection: TE, close\r\n\r\n");
    peer_expect(peer, "Connection: close\r\n\r\n");
    peer_expect_end(peer);
    peer_close(peer);
}

Test(http_server, a_refusal_keeps_the_connection_if_nothing_is_lost)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/none"));
    peer_expect(peer, "HTTP/1.1 404 Not Found");
    peer_expect(peer, "\r\n\r\nNot Found");
    peer_send(peer, GET("/only-post"));
    peer_expect(peer, "HTTP/1.1 405 Method Not Allowed");
    peer_expect(peer, "Content-Type: text/xml\r\n");
    peer_expect(peer, "Allow: POST\r\n");
    peer_expect(peer, "<fault/>");
    peer_send(peer, "HEAD /none HTTP/1.1\r\nHost: h\r\n\r\n" GET("/echo"));
    peer_expect(peer, "404 Not Found");
    peer_expect(peer, "Content-Length: 9\r\n\r\nHTTP/1.1 200 OK");
    peer_close(peer);
}

Test(http_server, other_methods_are_refused_with_what_is_allowed)
{
    static const char *const methods[] = {"PUT", "TRACE", "OPTIONS", "DELETE",
                                          "M-POST"};

    open_server();
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct http_peer *peer = peer_connect(&server.address);
        peer_send(peer, methods[i]);
        peer_send(peer, " /echo HTTP/1.1\r\nHost: h\r\n\r\n");
        peer_expect(peer, "HTTP/1.1 405 Method Not Allowed");
        peer_expect(peer, "Allow: GET, HEAD, POST\r\n");
        peer_expect_end(peer);
        peer_close(peer);
    }
}

Test(http_server, an_early_answer_arrives_although_the_client_still_sends)
{
    static char body[1 << 20];

    open_server();
    struct http_peer *peer = peer_connect(&server.address);
    memset(body, 'x', sizeof body);
    peer_send(peer, POST("/early", "8000000"));
    for (int i = 0; i < 4; i++)
        peer_send_bytes(peer, body, sizeof body);
    peer_expect(peer, "HTTP/1.1 500 Internal Server Error");
    peer_expect(peer, "Connection: close\r\n\r\nenough");
    peer_close(peer);

    peer = peer_connect(&server.address);
    peer_send(peer, POST("/echo", "8388609"));
    peer_send_bytes(peer, body, sizeof body);
    peer_expect(peer, "HTTP/1.1 413 Content Too Large");
    peer_close(peer);
    cr_assert_eq(gone_count, 0);
}

Test(http_server, slow_requests_are_refused_and_idle_ones_closed)
{
    limits.request_ns = 60 * MS;
    limits.idle_ns = 30 * MS;
    open_server();
    struct http_peer *head = peer_connect(&server.address);
    struct http_peer *body = peer_connect(&server.address);
    struct http_peer *idle = peer_connect(&server.address);

    peer_send(head, "GET /echo HTTP/1.1\r\nHo");
    peer_send(body, POST("/echo", "5") "he");
    peer_expect_end(idle);
    cr_assert_eq(idle->size_bytes, 0);
    /* A byte now and then buys no time. */
    peer_turn_ms(10);
    peer_send(head, "s");
    peer_expect(head, "HTTP/1.1 408 Request Timeout");
    peer_expect_end(head);
    peer_expect(body, "HTTP/1.1 408 Request Timeout");
    cr_assert_eq(gone_count, 1);
    peer_close(head);
    peer_close(body);
    peer_close(idle);
}

Test(http_server, a_client_that_does_not_read_is_closed)
{
    limits.write_ns = 20 * MS;
    limits.write_bytes_per_s = 1u << 31;
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    for (int i = 0; i < 40; i++)
        peer_send(peer, GET("/big"));
    while (server.connection_count == 0)
        loop_run_once(peer_loop);
    while (server.connection_count > 0)
        loop_run_once(peer_loop);
    cr_assert_eq(gone_count, 0);
    peer_close(peer);
}

Test(http_server, connections_beyond_the_limit_are_told_so)
{
    limits.connection_count_max = 2;
    open_server();
    struct http_peer *first = peer_connect(&server.address);
    struct http_peer *second = peer_connect(&server.address);
    struct http_peer *third = peer_connect(&server.address);

    peer_send(third, GET("/echo"));
    peer_expect(third, "HTTP/1.1 503 Service Unavailable");
    peer_expect_end(third);
    peer_send(second, GET("/echo"));
    peer_expect(second, "HTTP/1.1 200 OK");
    peer_close(third);
    peer_close(second);
    peer_turn_ms(10);
    struct http_peer *fourth = peer_connect(&server.address);
    peer_send(fourth, GET("/echo"));
    peer_expect(fourth, "HTTP/1.1 200 OK");
    peer_close(first);
    peer_close(fourth);
}

Test(http_server, a_flood_of_connections_is_survived)
{
    struct http_peer *peers[100];

    limits.connection_count_max = 2;
    open_server();
    for (int i = 0; i < 100; i++)
        peers[i] = peer_connect(&server.address);
    peer_turn_ms(20);
    cr_assert_leq(server.connection_count, 2 + 64);
    for (int i = 0; i < 100; i++)
        peer_close(peers[i]);
    while (server.connection_count > 0)
        loop_run_once(peer_loop);
    struct http_peer *peer = peer_connect(&server.address);
    peer_send(peer, GET("/echo"));
    peer_expect(peer, "HTTP/1.1 200 OK");
    peer_close(peer);
}

Test(http_server, a_stop_waits_for_what_is_being_handled)
{
    open_server();
    struct http_peer *busy = peer_connect(&server.address);
    struct http_peer *idle = peer_connect(&server.address);

    peer_send(busy, GET("/later"));
    peer_send(idle, GET("/echo"));
    peer_expect(idle, "HTTP/1.1 200 OK");
    peer_wait_count(&kept_count, 1);
    http_server_stop(&server, server_stopped);
    peer_expect_end(idle);
    peer_turn_ms(10);
    cr_assert_not(stopped);
    respond_kept("last");
    peer_expect(busy, "Connection: close\r\n\r\nlast");
    peer_expect_end(busy);
    peer_wait(&stopped);
    cr_assert_eq(gone_count, 0);
    peer_close(busy);
    peer_close(idle);
}

Test(http_server, an_abort_ends_what_is_being_handled)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/later"));
    peer_wait_count(&kept_count, 1);
    http_server_stop(&server, server_stopped);
    http_server_abort(&server);
    cr_assert_eq(gone_count, 1);
    peer_expect_end(peer);
    peer_wait(&stopped);
    peer_close(peer);
}

Test(http_server, a_port_in_use_is_an_error)
{
    static struct http_server other;

    open_server();
    cr_assert_eq(http_server_open(&other, peer_loop, &server.address, &handler,
                                  &other, NULL),
                 -EADDRINUSE);
}

Test(http_server, responding_twice_is_a_bug, .signal = SIGABRT)
{
    open_server();
    struct http_peer *peer = peer_connect(&server.address);

    peer_send(peer, GET("/later"));
    peer_wait_count(&kept_count, 1);
    respond_kept("once");
    http_exchange_respond(kept, &(struct http_response){.status = 200});
}
