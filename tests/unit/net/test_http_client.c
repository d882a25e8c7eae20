#include "net/http_client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_peer.h"

#define MS UINT64_C(1000000)
#define CALLS_MAX 20

/* The calls of a test and what became of each. */
struct outcome {
    struct http_call call;
    uint32_t done_count;
    struct http_call_result result;
    char body[256];
    uint32_t order; /* among those that are done */
};

static struct http_client client;
static struct http_client_limits limits;
static struct outcome outcomes[CALLS_MAX];
static uint32_t done_count;
static struct address observer;
static int listen_fd;
static bool stopped;
static uint32_t checked_count;
static struct address checked;

static void set_up(void)
{
    peer_set_up();
    limits = http_client_limits_default;
    http_client_init(&client, peer_loop, &limits);
    listen_fd = peer_listen(&observer);
}

static void client_stopped(struct http_client *of)
{
    cr_assert_eq(of, &client);
    stopped = true;
}

static void tear_down(void)
{
    if (!client.stopping)
        http_client_stop(&client, client_stopped);
    peer_wait(&stopped);
    cr_assert_eq(client.destination_count, 0);
    close(listen_fd);
    peer_tear_down();
}

TestSuite(http_client, .init = set_up, .fini = tear_down, .timeout = 20);

static void call_done(struct http_call *call,
                      const struct http_call_result *result)
{
    struct outcome *outcome = call->user;

    cr_assert_eq(call, &outcome->call);
    cr_assert_not(http_call_busy(call));
    outcome->done_count++;
    outcome->order = done_count++;
    outcome->result = *result;
    if (!text_is_absent(result->body))
        snprintf(outcome->body, sizeof outcome->body, "%.*s",
                 (int)result->body.size_bytes, result->body.data);
}

/* A POST of "ping" to the observer, by its address or by `host`. */
static struct http_call_request ping_to(const char *host)
{
    static char url[200];
    struct http_call_request request = {
        .method = HTTP_METHOD_POST,
        .content_type = text_of("text/xml"),
        .soap_action = text_of("urn:a#Notify"),
        .body = text_of("ping"),
        .timeout_ns = 3000 * MS,
    };

    snprintf(url, sizeof url, "http://%s:%u/notify?x=1", host, observer.port);
    cr_assert_eq(http_url_parse(text_of(url), &request.url), HTTP_URL_GOOD);
    return request;
}

static struct http_call_request ping(void)
{
    return ping_to("127.0.0.1");
}

static struct outcome *start(uint32_t index, struct http_call_request request)
{
    struct outcome *outcome = &outcomes[index];

    outcome->call.user = outcome;
    http_call_start(&client, &outcome->call, &request, call_done);
    return outcome;
}

static void wait_done(struct outcome *outcome)
{
    peer_wait_count(&outcome->done_count, 1);
    cr_assert_eq(outcome->done_count, 1);
    outcome->done_count = 0;
}

static void expect(struct outcome *outcome, enum http_call_error error,
                   uint16_t status)
{
    const struct http_call_result expected = {.error = error};

    wait_done(outcome);
    cr_expect_eq(outcome->result.error, error, "%s, not %s",
                 http_call_error_text(&outcome->result),
                 http_call_error_text(&expected));
    cr_expect_eq(outcome->result.status, status);
}

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Test(http_client, a_request_is_what_was_asked_for)
{
    char host[100];
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    snprintf(host, sizeof host, "Host: 127.0.0.1:%u\r\n", observer.port);
    peer_expect(peer, "POST /notify?x=1 HTTP/1.1\r\n");
    peer_expect(peer, host);
    peer_expect(peer, "Content-Type: text/xml\r\n"
                      "SOAPAction: \"urn:a#Notify\"\r\n"
                      "Content-Length: 4\r\n\r\nping");
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
                    "Content-Length: 4\r\n\r\npong");
    expect(outcome, HTTP_CALL_GOOD, 200);
    cr_assert_str_eq(outcome->body, "pong");
    peer_close(peer);
}

Test(http_client, a_connection_is_used_again)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    for (int i = 0; i < 5; i++) {
        peer_expect(peer, "ping");
        peer_send(peer, OK_EMPTY);
        expect(outcome, HTTP_CALL_GOOD, 200);
        start(0, ping());
    }
    peer_expect(peer, "ping");
    peer_send(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                    "Content-Length: 0\r\n\r\n");
    expect(outcome, HTTP_CALL_GOOD, 200);
    peer_expect_end(peer);
    peer_close(peer);
}

Test(http_client, chunked_and_unbounded_answers_are_read)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_send(peer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n2\r\npo\r\n");
    peer_turn_ms(2);
    peer_send(peer, "2\r\nng\r\n0\r\n\r\n");
    expect(outcome, HTTP_CALL_GOOD, 200);
    cr_assert_str_eq(outcome->body, "pong");

    start(0, ping());
    peer_expect(peer, "pingPOST ");
    peer_send(peer, "HTTP/1.0 200 OK\r\n\r\npo");
    peer_turn_ms(2);
    peer_send(peer, "ng");
    peer_close(peer);
    expect(outcome, HTTP_CALL_GOOD, 200);
    cr_assert_str_eq(outcome->body, "pong");
}

Test(http_client, a_refusal_and_its_retry_after_are_passed_on)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_send(peer, "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\n"
                    "Content-Length: 0\r\n\r\n");
    expect(outcome, HTTP_CALL_GOOD, 503);
    cr_assert_eq(outcome->result.retry_after_s, 17);
    peer_close(peer);
}

Test(http_client, a_redirect_is_only_a_status)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_send(peer, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                    "Content-Length: 0\r\n\r\n");
    expect(outcome, HTTP_CALL_GOOD, 302);
    peer_close(peer);
}

Test(http_client, compressed_answers_are_marked_and_left_alone)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_expect(peer, "Accept-Encoding: identity\r\n");
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                    "Content-Length: 3\r\n\r\n\x1f\x8b\x08");
    expect(outcome, HTTP_CALL_GOOD, 200);
    cr_assert(outcome->result.body_is_coded);
    cr_assert_eq(outcome->result.body.size_bytes, 3);
    peer_close(peer);
}

Test(http_client, a_large_request_is_sent_whole)
{
    static char body[300000];
    struct http_call_request request = ping();

    memset(body, 'x', sizeof body);
    body[sizeof body - 1] = '!';
    request.body = text_from(body, sizeof body);
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_expect(peer, "Content-Length: 300000\r\n\r\n");
    peer_expect(peer, "!");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);
    peer_close(peer);
}

Test(http_client, an_answer_before_the_request_is_all_sent_counts)
{
    static char body[8 << 20];
    struct http_call_request request = ping();

    memset(body, 'x', sizeof body);
    request.body = text_from(body, sizeof body);
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_expect(peer, "\r\n\r\n");
    peer_send(peer, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    expect(outcome, HTTP_CALL_GOOD, 413);
    peer_close(peer);
}

Test(http_client, one_that_never_answers_runs_into_the_deadline)
{
    struct http_call_request request = ping();

    request.timeout_ns = 30 * MS;
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    expect(outcome, HTTP_CALL_TIMEOUT, 0);
    peer_expect_end(peer);
    peer_close(peer);
}

Test(http_client, one_that_trickles_runs_into_the_deadline)
{
    struct http_call_request request = ping();

    request.timeout_ns = 40 * MS;
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (outcome->done_count == 0) {
        peer_send(peer, "x");
        peer_turn_ms(2);
    }
    expect(outcome, HTTP_CALL_TIMEOUT, 200);
    peer_close(peer);
}

Test(http_client, one_that_sends_for_ever_is_cut_off)
{
    static char data[100000];
    struct http_call_request request = ping();

    memset(data, 'x', sizeof data);
    request.response_bytes_max = 10;
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_send(peer, "HTTP/1.1 200 OK\r\n\r\n0123456789");
    peer_turn_ms(2);
    cr_assert_eq(outcome->done_count, 0);
    peer_send_bytes(peer, data, sizeof data);
    expect(outcome, HTTP_CALL_TOO_LARGE, 200);
    cr_assert_str_eq(outcome->body, "0123456789");
    peer_close(peer);

    start(0, request);
    peer = peer_accept(listen_fd);
    peer_send(peer, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 200 && outcome->done_count == 0; i++)
        peer_send(peer, "X: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    expect(outcome, HTTP_CALL_PROTOCOL, 0);
    peer_close(peer);
}

Test(http_client, one_that_speaks_something_else_is_a_failure)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_send(peer, "SSH-2.0-OpenSSH\r\n");
    expect(outcome, HTTP_CALL_PROTOCOL, 0);
    peer_close(peer);
}

Test(http_client, one_that_closes_early_is_a_failure)
{
    static const char *const answers[] = {
        "", "HTTP/1.1 200 OK\r\nConte",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"};

    for (uint32_t i = 0; i < 3; i++) {
        struct outcome *outcome = start(i, ping());
        struct http_peer *peer = peer_accept(listen_fd);
        peer_expect(peer, "ping");
        peer_send(peer, answers[i]);
        peer_close(peer);
        expect(outcome, HTTP_CALL_CLOSED, i == 2 ? 200 : 0);
    }
    /* A reset must not look like the end of a body. */
    struct outcome *outcome = start(3, ping());
    struct http_peer *peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    peer_send(peer, "HTTP/1.1 200 OK\r\n\r\nhalf");
    peer_turn_ms(5);
    peer_reset(peer);
    expect(outcome, HTTP_CALL_CLOSED, 200);
}

Test(http_client, nobody_there_is_a_failure_with_its_errno)
{
    close(listen_fd);
    struct outcome *outcome = start(0, ping());

    expect(outcome, HTTP_CALL_CONNECT, 0);
    cr_assert_eq(outcome->result.system_error, ECONNREFUSED);
    listen_fd = peer_listen(&observer);
}

Test(http_client, a_stale_connection_is_replaced_once)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_expect(peer, "ping");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);

    /* The peer takes the next request and closes without a word. */
    start(0, ping());
    peer_expect(peer, "ping");
    peer_close(peer);
    peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);

    /* Not twice. */
    start(0, ping());
    peer_expect(peer, "ping");
    peer_close(peer);
    peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    peer_close(peer);
    expect(outcome, HTTP_CALL_CLOSED, 0);
}

Test(http_client, a_connection_that_broke_inside_an_answer_is_not_retried)
{
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_expect(peer, "ping");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);
    start(0, ping());
    peer_expect(peer, "ping");
    peer_send(peer, "HTTP/1.1 2");
    peer_turn_ms(5);
    peer_close(peer);
    expect(outcome, HTTP_CALL_CLOSED, 0);
}

Test(http_client, kept_connections_are_closed_by_either_side)
{
    client.limits.kept_ns = 20 * MS;
    struct outcome *outcome = start(0, ping());
    struct http_peer *peer = peer_accept(listen_fd);

    peer_expect(peer, "ping");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);
    peer_expect_end(peer); /* by us */
    peer_close(peer);

    client.limits.kept_ns = 60000 * MS;
    start(0, ping());
    peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);
    peer_close(peer); /* by the peer: noticed before the next call */
    peer_turn_ms(5);
    cr_assert_eq(client.destination_count, 0);
}

Test(http_client, calls_beyond_the_connections_wait_in_order)
{
    struct http_peer *peers[2];

    client.limits.connections_per_destination_max = 2;
    for (uint32_t i = 0; i < 8; i++)
        start(i, ping());
    for (int i = 0; i < 2; i++) {
        peers[i] = peer_accept(listen_fd);
        peer_expect(peers[i], "ping");
    }
    peer_turn_ms(10);
    for (uint32_t done = 1; done <= 7; done++) {
        peer_send(peers[0], OK_EMPTY);
        peer_wait_count(&done_count, done);
        if (done < 7)
            peer_expect(peers[0], "ping");
    }
    peer_send(peers[1], OK_EMPTY);
    peer_wait_count(&done_count, 8);
    /* The last two connections' calls apart, they ended as they came. */
    for (uint32_t i = 3; i < 8; i++)
        cr_assert_lt(outcomes[i - 1].order, outcomes[i].order, "%u", i);
    peer_close(peers[0]);
    peer_close(peers[1]);
}

Test(http_client, the_deadline_counts_from_when_there_is_a_connection)
{
    struct http_call_request request = ping();

    client.limits.connections_per_destination_max = 1;
    start(0, request);
    request.timeout_ns = 400 * MS;
    start(1, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    peer_turn_ms(500);
    cr_assert_eq(outcomes[1].done_count, 0, "it only waits its turn");
    peer_send(peer, OK_EMPTY);
    expect(&outcomes[0], HTTP_CALL_GOOD, 200);
    peer_expect(peer, "ping");
    peer_send(peer, OK_EMPTY);
    expect(&outcomes[1], HTTP_CALL_GOOD, 200);
    request.timeout_ns = 20 * MS;
    start(1, request);
    peer_expect(peer, "ping");
    expect(&outcomes[1], HTTP_CALL_TIMEOUT, 0);
    peer_close(peer);
}

Test(http_client, a_call_may_limit_how_long_it_waits_for_a_connection)
{
    struct http_call_request request = ping();

    client.limits.connections_per_destination_max = 1;
    start(0, request);
    request.wait_ns_max = 20 * MS;
    start(1, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    expect(&outcomes[1], HTTP_CALL_BUSY, 0);
    request.wait_ns_max = 400 * MS;
    start(1, request);
    peer_send(peer, OK_EMPTY);
    expect(&outcomes[0], HTTP_CALL_GOOD, 200);
    /* Its turn came in time: now it has all of timeout_ns. */
    peer_expect(peer, "ping");
    peer_turn_ms(500);
    peer_send(peer, OK_EMPTY);
    expect(&outcomes[1], HTTP_CALL_GOOD, 200);
    peer_close(peer);
}

static bool check_no(struct http_call *call, const struct address *address)
{
    cr_assert_eq(call, &outcomes[0].call);
    checked = *address;
    checked_count++;
    return false;
}

Test(http_client, an_address_that_is_refused_is_not_connected_to)
{
    static const char *const hosts[] = {"127.0.0.1", "2130706433"};

    for (uint32_t i = 0; i < 2; i++) {
        struct http_call_request request = ping_to(hosts[i]);
        request.address_check = check_no;
        struct outcome *outcome = start(0, request);
        expect(outcome, HTTP_CALL_FORBIDDEN, 0);
        cr_assert_eq(checked_count, i + 1);
        cr_assert(address_equal(&checked, &observer));
    }
    peer_turn_ms(5);
    cr_assert_lt(accept(listen_fd, NULL, NULL), 0);
}

Test(http_client, a_kept_connection_is_checked_again)
{
    struct http_call_request request = ping();
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);

    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);
    request.address_check = check_no;
    start(0, request);
    expect(outcome, HTTP_CALL_FORBIDDEN, 0);
    peer_expect_end(peer);
    cr_assert_eq(peer_count(peer, "ping"), 1);
    peer_close(peer);
}

Test(http_client, names_are_resolved)
{
    struct outcome *outcome = start(0, ping_to("localhost"));
    struct http_peer *peer = peer_accept(listen_fd);

    peer_expect(peer, "Host: localhost:");
    peer_send(peer, OK_EMPTY);
    expect(outcome, HTTP_CALL_GOOD, 200);
    peer_close(peer);

    start(0, ping_to("no-such-name.invalid"));
    expect(outcome, HTTP_CALL_RESOLVE, 0);
}

static struct http_call_request https_ping(void)
{
    static char url[100];
    struct http_call_request request = ping();

    snprintf(url, sizeof url, "https://127.0.0.1:%u/", observer.port);
    cr_assert_eq(http_url_parse(text_of(url), &request.url), HTTP_URL_GOOD);
    return request;
}

Test(http_client, https_needs_somebody_to_trust)
{
    struct outcome *outcome = start(0, https_ping());

    expect(outcome, HTTP_CALL_NO_TLS, 0);
}

static bool any(void *user, struct text host, uint16_t port)
{
    cr_assert_eq(user, &client);
    cr_assert(text_is(host, "127.0.0.1"));
    cr_assert_eq(port, observer.port);
    return true;
}

/* Who proves himself, and who does not, is in tests/e2e. */
Test(http_client, a_handshake_that_comes_to_nothing_ends_the_call)
{
    struct http_client_tls tls = {
        .unchecked = tls_context_open_https_client((struct text){0}),
        .is_unchecked = any,
        .user = &client,
    };
    struct http_call_request request = https_ping();

    http_client_use_tls(&client, &tls);
    request.timeout_ns = 50 * MS;
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    expect(outcome, HTTP_CALL_TIMEOUT, 0);
    peer_expect_end(peer);
    cr_assert_gt(peer->size_bytes, 0, "a hello, and");
    cr_assert_eq(peer_count(peer, "ping"), 0, "nothing of the call");
    peer_close(peer);

    start(0, https_ping());
    peer = peer_accept(listen_fd);
    peer_send(peer, "HTTP/1.1 400 what is this?\r\n\r\n");
    expect(outcome, HTTP_CALL_TLS, 0);
    cr_assert_eq(outcome->result.tls_error, TLS_ERROR_NOT_TLS);
    peer_close(peer);

    start(0, https_ping());
    peer = peer_accept(listen_fd);
    peer_close(peer);
    expect(outcome, HTTP_CALL_CLOSED, 0);
    tls_context_close(tls.unchecked);
}

Test(http_client, a_field_that_would_break_the_request_is_refused)
{
    struct http_call_request request = ping();

    request.soap_action = text_of("a\r\nX: y");
    struct outcome *outcome = start(0, request);
    expect(outcome, HTTP_CALL_BAD_VALUE, 0);
}

Test(http_client, a_call_can_be_cancelled_in_every_state)
{
    struct http_peer *peer;

    client.limits.connections_per_destination_max = 1;
    start(0, ping()); /* resolved, but not begun */
    http_call_cancel(&outcomes[0].call);
    http_call_cancel(&outcomes[0].call);
    expect(&outcomes[0], HTTP_CALL_CANCELLED, 0);

    start(0, ping()); /* talking, */
    start(1, ping()); /* and waiting for it */
    peer = peer_accept(listen_fd);
    peer_expect(peer, "ping");
    http_call_cancel(&outcomes[1].call);
    expect(&outcomes[1], HTTP_CALL_CANCELLED, 0);
    http_call_cancel(&outcomes[0].call);
    expect(&outcomes[0], HTTP_CALL_CANCELLED, 0);
    peer_expect_end(peer);
    peer_close(peer);

    start(0, ping_to("localhost")); /* being resolved */
    loop_run_once(peer_loop);
    http_call_cancel(&outcomes[0].call);
    expect(&outcomes[0], HTTP_CALL_CANCELLED, 0);
    http_call_cancel(&outcomes[0].call); /* done already: nothing happens */
}

Test(http_client, a_cancelled_body_is_borrowed_until_the_kernel_lets_go)
{
    static char body[16 << 20];
    struct http_call_request request = ping();

    memset(body, 'x', sizeof body);
    request.body = text_from(body, sizeof body);
    struct outcome *outcome = start(0, request);
    struct http_peer *peer = peer_accept(listen_fd);
    peer_expect(peer, "xxx");
    http_call_cancel(&outcome->call);
    cr_assert(http_call_busy(&outcome->call));
    expect(outcome, HTTP_CALL_CANCELLED, 0);
    peer_close(peer);
}

Test(http_client, a_stop_cancels_everything)
{
    client.limits.connections_per_destination_max = 1;
    start(0, ping());
    start(1, ping());
    start(2, ping_to("localhost"));
    struct http_peer *peer = peer_accept(listen_fd);
    http_client_stop(&client, client_stopped);
    expect(&outcomes[0], HTTP_CALL_CANCELLED, 0);
    expect(&outcomes[1], HTTP_CALL_CANCELLED, 0);
    expect(&outcomes[2], HTTP_CALL_CANCELLED, 0);
    peer_wait(&stopped);
    peer_close(peer);
}

Test(http_client, starting_a_busy_call_is_a_bug, .signal = SIGABRT)
{
    start(0, ping());
    start(0, ping());
}
