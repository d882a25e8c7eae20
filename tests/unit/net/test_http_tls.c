#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/identity.h"
#include "http_peer.h"
#include "net/http_transport.h"

#define MANY_BYTES (1u << 20)

static struct tls_context *server_context;
static struct tls_context *client_context;

struct side {
    struct http_transport transport;
    uint8_t *room;
    uint32_t room_bytes;
    uint8_t *got;
    uint32_t got_bytes;
    uint32_t end_count; /* of receives that ended in no bytes */
    int end_result;
    uint32_t sent_count;
    int sent_result;
    bool closed;
};

static struct side client;
static struct side server;

static void set_up(void)
{
    struct identity identity;
    struct text_builder pem = {0};

    peer_set_up();
    identity_make(&identity);
    identity_format(&identity, &pem);
    server_context = tls_context_open_https(text_built(&pem), text_built(&pem));
    client_context = tls_context_open_https_client(TEXT_ABSENT);
    cr_assert(server_context != NULL && client_context != NULL);
    text_builder_free(&pem);
}

static void received(struct http_transport *transport, int result)
{
    struct side *side = OWNER_OF(transport, struct side, transport);

    if (result <= 0) {
        side->end_count++;
        side->end_result = result;
        return;
    }
    cr_assert_leq((uint32_t)result, side->room_bytes);
    cr_assert_leq(side->got_bytes + (uint32_t)result, MANY_BYTES);
    memcpy(side->got + side->got_bytes, side->room, (uint32_t)result);
    side->got_bytes += (uint32_t)result;
    http_transport_recv(transport, side->room, side->room_bytes, received);
}

static void sent(struct http_transport *transport, int result)
{
    struct side *side = OWNER_OF(transport, struct side, transport);

    side->sent_count++;
    side->sent_result = result;
}

static void closed(struct http_transport *transport)
{
    OWNER_OF(transport, struct side, transport)->closed = true;
}

static void open_side(struct side *side, int fd, uint32_t room_bytes,
                      struct tls_context *context, const char *host)
{
    *side = (struct side){.room = malloc(room_bytes),
                          .room_bytes = room_bytes,
                          .got = malloc(MANY_BYTES)};
    http_transport_open(&side->transport, peer_loop, fd);
    cr_assert(http_transport_use_tls(&side->transport, context, host));
    http_transport_recv(&side->transport, side->room, room_bytes, received);
}

static void close_side(struct side *side)
{
    http_transport_close(&side->transport, closed);
    peer_wait(&side->closed);
    free(side->room);
    free(side->got);
}

static void open_pair(uint32_t room_bytes)
{
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    open_side(&server, fds[0], room_bytes, server_context, NULL);
    open_side(&client, fds[1], room_bytes, client_context, "localhost");
}

static void tear_down(void)
{
    tls_context_close(client_context);
    tls_context_close(server_context);
    peer_tear_down();
}

TestSuite(http_tls, .init = set_up, .fini = tear_down);

static void fill(uint8_t *data, uint32_t size_bytes, uint32_t seed)
{
    for (uint32_t i = 0; i < size_bytes; i++)
        data[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}

/* Around a record, and with rooms that no record fits. */
Test(http_tls, whatever_is_sent_is_received_in_both_directions_at_once)
{
    static const uint32_t sizes[] = {1,     2,     4096,  16383,
                                     16384, 16385, 32769, MANY_BYTES};
    static const uint32_t rooms[] = {1000, 4096, 65536};
    uint8_t *there = malloc(MANY_BYTES);
    uint8_t *back = malloc(MANY_BYTES);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t j = 0; j < sizeof rooms / sizeof rooms[0]; j++) {
            uint32_t size = sizes[i];
            fill(there, size, 1);
            fill(back, size, 2);
            open_pair(rooms[j]);
            http_transport_send(&client.transport, there, size, sent);
            http_transport_send(&server.transport, back, size, sent);
            peer_wait_count(&server.got_bytes, size);
            peer_wait_count(&client.got_bytes, size);
            peer_wait_count(&client.sent_count, 1);
            peer_wait_count(&server.sent_count, 1);
            cr_assert_gt(client.sent_result, 0);
            cr_assert_gt(server.sent_result, 0);
            cr_assert_eq(memcmp(server.got, there, size), 0, "%u", size);
            cr_assert_eq(memcmp(client.got, back, size), 0, "%u", size);
            close_side(&client);
            close_side(&server);
        }
    free(there);
    free(back);
}

/* TLS 1.2 knows no half of a connection that goes on, and we treat 1.3 alike. */
Test(http_tls, an_end_is_told_once_and_nothing_is_sent_behind_it)
{
    open_pair(4096);
    http_transport_send(&client.transport, "ask", 3, sent);
    peer_wait_count(&server.got_bytes, 3);
    http_transport_end(&client.transport);
    peer_wait_count(&server.end_count, 1);
    cr_expect_eq(server.end_result, 0);
    http_transport_send(&server.transport, "answer", 6, sent);
    peer_wait_count(&server.sent_count, 1);
    cr_expect_lt(server.sent_result, 0);
    peer_turn_ms(20);
    cr_expect_eq(client.got_bytes, 0);
    cr_expect_eq(server.end_count, 1);
    close_side(&client);
    close_side(&server);
}

/* Many HTTP clients do so. */
Test(http_tls, an_end_without_close_notify_is_one)
{
    open_pair(4096);
    http_transport_send(&client.transport, "ask", 3, sent);
    peer_wait_count(&server.got_bytes, 3);
    cr_assert_eq(shutdown(client.transport.fd, SHUT_RDWR), 0);
    peer_wait_count(&server.end_count, 1);
    cr_expect_eq(server.end_result, 0);
    close_side(&client);
    close_side(&server);
}

/* What a socket without TLS sends, and what it gets. */
static void expect_refused(const void *data, uint32_t size, bool with_alert,
                           const char *what)
{
    uint8_t answer[64];
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    open_side(&server, fds[0], 4096, server_context, NULL);
    cr_assert_eq(write(fds[1], data, size), (ssize_t)size);
    peer_wait_count(&server.end_count, 1);
    cr_expect_eq(server.end_result, -EPROTO, "%s", what);
    cr_expect_neq(http_transport_tls_error(&server.transport), TLS_ERROR_NONE,
                  "%s", what);
    ssize_t count = recv(fds[1], answer, sizeof answer, MSG_DONTWAIT);
    cr_expect_eq(count > 0, with_alert, "%s: before the end is told", what);
    cr_expect(count <= 0 || answer[0] == 0x15, "%s", what);
    close_side(&server);
    close(fds[1]);
}

Test(http_tls, what_is_no_tls_ends_and_who_speaks_it_gets_an_alert)
{
    static const uint8_t too_large[] = {0x16, 3, 1, 0xff, 0xff, 1, 0, 0, 0};
    static const uint8_t bad_hello[] = {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0};
    static const uint8_t data_first[] = {0x17, 3, 3, 0, 4, 1, 2, 3, 4};

    expect_refused("GET / HTTP/1.1\r\n\r\n", 18, false, "clear HTTP");
    expect_refused(too_large, sizeof too_large, true,
                   "a record too large");
    expect_refused(bad_hello, sizeof bad_hello, true,
                   "a hello that is none");
    expect_refused(data_first, sizeof data_first, true,
                   "data before a hello");
}

Test(http_tls, a_peer_that_leaves_ends_what_is_in_flight)
{
    uint8_t *data = calloc(1, MANY_BYTES);
    int fds[2];

    for (int with_hello = 0; with_hello < 2; with_hello++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
        open_side(&server, fds[0], 4096, server_context, NULL);
        http_transport_send(&server.transport, data, MANY_BYTES, sent);
        if (with_hello)
            cr_assert_eq(write(fds[1], "\x16\x03\x01", 3), 3);
        peer_turn_ms(5);
        cr_assert_eq(server.sent_count, 0, "there is nobody to send to yet");
        close(fds[1]);
        peer_wait_count(&server.sent_count, 1);
        cr_expect_lt(server.sent_result, 0);
        peer_wait_count(&server.end_count, 1);
        close_side(&server);
    }
    free(data);
}

/* At any time: before, in and behind the handshake, with all in flight. */
Test(http_tls, closing_calls_nothing_back_but_closed)
{
    uint8_t *data = calloc(1, MANY_BYTES);

    for (uint32_t turns = 0; turns < 30; turns++) {
        open_pair(4096);
        http_transport_send(&client.transport, data, MANY_BYTES, sent);
        http_transport_send(&server.transport, data, MANY_BYTES, sent);
        for (uint32_t i = 0; i < turns; i++)
            loop_run_once(peer_loop);
        uint32_t before = server.sent_count + server.end_count;
        uint32_t got = server.got_bytes;
        http_transport_close(&server.transport, closed);
        peer_wait(&server.closed);
        peer_turn_ms(1);
        cr_expect_eq(server.sent_count + server.end_count, before);
        cr_expect_eq(server.got_bytes, got);
        free(server.room);
        free(server.got);
        close_side(&client);
    }
    free(data);
}
