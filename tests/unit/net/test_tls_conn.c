#include "net/tls_conn.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/socket.h"

/* A test that does not end fails by the suite's .timeout. */
#define RUN_UNTIL(condition)     \
    do {                         \
        while (!(condition))     \
            loop_run_once(loop); \
    } while (0)

#define LARGE_BYTES (8u << 20)
#define SHORT_MS 30

/* One end of a connection, and what it has seen. */
struct side {
    struct tls_conn *conn;
    uint32_t ready_count;
    uint32_t closed_count;
    enum tls_conn_end end;
    int error;
    uint64_t received_bytes;
    uint8_t text[64]; /* the first bytes */
    bool is_wrong;    /* a byte of a large transfer was */
    /* What to do, and when. */
    const char *say_when_ready;
    bool close_when_ready;
    bool close_when_received;
    bool abort_when_received;
    bool echo;
    bool check_pattern;
};

static struct identity identity;
static struct tls_context *server_context;
static struct tls_context *client_context;
static struct loop *loop;
static struct tls_listener *listener;
static struct side server;
static struct side client;
static uint32_t accepted_count;
static bool adopt;
static bool stopped;
static char logged[LOG_LINE_BYTES_MAX];

static uint8_t pattern(uint64_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

static void side_ready(struct tls_conn *conn, void *owner)
{
    struct side *side = owner;

    side->ready_count++;
    if (side->say_when_ready != NULL)
        tls_conn_send(conn, side->say_when_ready,
                      (uint32_t)strlen(side->say_when_ready));
    if (side->close_when_ready)
        tls_conn_close(conn);
}

static void side_received(struct tls_conn *conn, const uint8_t *data,
                          uint32_t size_bytes, void *owner)
{
    struct side *side = owner;

    cr_assert_eq(side->closed_count, 0);
    for (uint32_t i = 0; i < size_bytes; i++) {
        uint64_t place = side->received_bytes + i;
        if (place < sizeof side->text)
            side->text[place] = data[i];
        if (side->check_pattern && data[i] != pattern(place))
            side->is_wrong = true;
    }
    side->received_bytes += size_bytes;
    if (side->echo)
        tls_conn_send(conn, data, size_bytes);
    if (side->close_when_received)
        tls_conn_close(conn);
    if (side->abort_when_received)
        tls_conn_abort(conn);
}

static void side_closed(struct tls_conn *conn, enum tls_conn_end end, int error,
                        void *owner)
{
    struct side *side = owner;

    cr_assert_eq(conn, side->conn);
    side->closed_count++;
    side->end = end;
    side->error = error;
    side->conn = NULL;
}

static const struct tls_conn_events side_events = {
    .ready = side_ready,
    .received = side_received,
    .closed = side_closed,
};

static void conn_accepted(struct tls_conn *conn, void *user)
{
    cr_assert_eq(user, &server);
    accepted_count++;
    if (!adopt)
        return;
    tls_conn_adopt(conn, &side_events, &server);
    server.conn = conn;
    side_ready(conn, &server);
}

static void listener_stopped(void *user)
{
    cr_assert_eq(user, &stopped);
    stopped = true;
}

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    snprintf(logged, sizeof logged, "%s", line);
}

static struct address loopback(uint16_t port)
{
    struct address address;
    cr_assert(address_parse_ip(text_of("127.0.0.1"), port, &address));
    return address;
}

static void listen_for(uint32_t timeout_ms)
{
    struct address address = loopback(0);
    cr_assert_eq(tls_listener_open(&listener, loop, server_context, &address,
                                   timeout_ms, conn_accepted, &server),
                 0);
}

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_set_sink(keep_line);
    identity_make(&identity);
    server_context = tls_context_open_server(&identity);
    client_context = tls_context_open_client();
    cr_assert_eq(loop_open(&loop, 1), 0);
    adopt = true;
}

static void tear_down(void)
{
    if (listener != NULL && !stopped) {
        tls_listener_stop(listener, listener_stopped, &stopped);
        RUN_UNTIL(stopped);
    }
    cr_assert_null(client.conn);
    cr_assert_null(server.conn);
    cr_assert_leq(client.closed_count, 1);
    cr_assert_leq(server.closed_count, 1);
    cr_assert_eq(loop_busy_count(loop), 0);
    loop_free(loop);
    tls_context_close(server_context);
    tls_context_close(client_context);
}

TestSuite(tls_conn, .init = set_up, .fini = tear_down, .timeout = 20);

static void connect_to(const struct address *address, uint32_t timeout_ms)
{
    client.conn = tls_conn_start_client(loop, client_context, address,
                                        timeout_ms, &side_events, &client);
    cr_assert_not_null(client.conn);
}

static void connect_both(void)
{
    listen_for(0);
    connect_to(tls_listener_address(listener), 0);
}

static void close_both(void)
{
    tls_conn_close(client.conn);
    RUN_UNTIL(client.closed_count + server.closed_count == 2);
    cr_assert_eq(client.end, TLS_CONN_END_OURS);
    cr_assert_eq(server.end, TLS_CONN_END_PEER);
}

/* A client that speaks no TLS. */
static int raw_client(void)
{
    struct address_sockaddr peer =
        address_to_sockaddr(tls_listener_address(listener), AF_INET);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, &peer.any, peer.size_bytes), 0);
    return fd;
}

Test(tls_conn, echoes_and_both_ends_know_each_other)
{
    uint8_t one[32], other[32];

    server.echo = true;
    client.say_when_ready = "hello";
    connect_both();
    RUN_UNTIL(client.received_bytes == 5);
    cr_assert_eq(memcmp(client.text, "hello", 5), 0);
    cr_assert_eq(client.ready_count, 1);
    cr_assert_eq(accepted_count, 1);
    cr_assert(fingerprint_equal(tls_conn_fingerprint(client.conn),
                                identity.fingerprint));
    tls_conn_export(client.conn, "EXPORTER-ferry-test", "", 0, one, 32);
    tls_conn_export(server.conn, "EXPORTER-ferry-test", "", 0, other, 32);
    cr_assert_eq(memcmp(one, other, 32), 0);
    cr_assert(address_is_loopback(tls_conn_peer(server.conn)));
    cr_assert(address_equal(tls_conn_peer(client.conn),
                            tls_listener_address(listener)));
    close_both();
}

Test(tls_conn, what_was_sent_before_the_close_arrives)
{
    client.say_when_ready = "last words";
    client.close_when_ready = true;
    server.say_when_ready = "unread";
    connect_both();
    RUN_UNTIL(client.closed_count + server.closed_count == 2);
    cr_assert_eq(client.end, TLS_CONN_END_OURS);
    cr_assert_eq(server.end, TLS_CONN_END_PEER);
    cr_assert_eq(server.received_bytes, 10);
    cr_assert_eq(memcmp(server.text, "last words", 10), 0);
}

Test(tls_conn, an_answer_reaches_a_peer_that_is_still_sending)
{
    static uint8_t much[1u << 20];

    server.close_when_received = true;
    server.say_when_ready = "refused: 19";
    connect_both();
    RUN_UNTIL(client.ready_count == 1);
    tls_conn_send(client.conn, much, sizeof much);
    RUN_UNTIL(client.closed_count + server.closed_count == 2);
    cr_assert_eq(client.received_bytes, 11);
    cr_assert_eq(memcmp(client.text, "refused: 19", 11), 0);
    cr_assert_eq(client.end, TLS_CONN_END_PEER);
    cr_assert_eq(server.end, TLS_CONN_END_OURS);
}

/* Tops up the queue of one end until all is sent. */
static void top_up(struct side *side, uint64_t *sent_bytes)
{
    uint8_t piece[50000];

    while (*sent_bytes < LARGE_BYTES &&
           tls_conn_queued_bytes(side->conn) < 1u << 20) {
        uint32_t size = sizeof piece;
        if (size > LARGE_BYTES - *sent_bytes)
            size = (uint32_t)(LARGE_BYTES - *sent_bytes);
        for (uint32_t i = 0; i < size; i++)
            piece[i] = pattern(*sent_bytes + i);
        tls_conn_send(side->conn, piece, size);
        *sent_bytes += size;
    }
}

Test(tls_conn, carries_8_mib_both_ways_at_once)
{
    uint64_t client_sent = 0;
    uint64_t server_sent = 0;

    client.check_pattern = true;
    server.check_pattern = true;
    connect_both();
    RUN_UNTIL(client.ready_count == 1 && accepted_count == 1);
    while (client.received_bytes < LARGE_BYTES ||
           server.received_bytes < LARGE_BYTES) {
        top_up(&client, &client_sent);
        top_up(&server, &server_sent);
        loop_run_once(loop);
    }
    cr_assert_eq(client.received_bytes, LARGE_BYTES);
    cr_assert_eq(server.received_bytes, LARGE_BYTES);
    cr_assert_not(client.is_wrong);
    cr_assert_not(server.is_wrong);
    close_both();
}

Test(tls_conn, tells_who_ended_it)
{
    client.say_when_ready = "x";
    server.abort_when_received = true;
    connect_both();
    RUN_UNTIL(client.closed_count + server.closed_count == 2);
    cr_assert_eq(server.end, TLS_CONN_END_ABORTED);
    cr_assert_eq(client.end, TLS_CONN_END_LOST);
}

Test(tls_conn, a_refused_connection_is_told_with_its_errno)
{
    struct address address = loopback(0);
    int fd;

    /* A port that was free a moment ago. */
    cr_assert_eq(socket_listen(&address, &fd), 0);
    cr_assert_eq(socket_local_address(fd, &address), 0);
    close(fd);
    connect_to(&address, 0);
    cr_assert_eq(client.closed_count, 0);
    RUN_UNTIL(client.closed_count == 1);
    cr_assert_eq(client.end, TLS_CONN_END_REFUSED);
    cr_assert_eq(client.error, ECONNREFUSED);
    cr_assert_eq(client.ready_count, 0);
}

Test(tls_conn, a_server_that_says_nothing_runs_into_the_timeout)
{
    struct address address = loopback(0);
    int fd;

    cr_assert_eq(socket_listen(&address, &fd), 0);
    cr_assert_eq(socket_local_address(fd, &address), 0);
    connect_to(&address, SHORT_MS);
    RUN_UNTIL(client.closed_count == 1);
    cr_assert_eq(client.end, TLS_CONN_END_HANDSHAKE_TIMEOUT);
    close(fd);
}

Test(tls_conn, a_client_that_says_nothing_runs_into_the_timeout)
{
    char byte;

    listen_for(SHORT_MS);
    int fd = raw_client();
    RUN_UNTIL(strstr(logged, "tls.refused") != NULL);
    cr_assert_not_null(strstr(logged, "not with TLS in time"), "%s", logged);
    cr_assert_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
    cr_assert_eq(accepted_count, 0);
}

Test(tls_conn, a_client_of_another_protocol_is_logged_and_closed)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: ferry\r\n\r\n";
    char byte;

    listen_for(0);
    int fd = raw_client();
    cr_assert_eq(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
    shutdown(fd, SHUT_WR);
    RUN_UNTIL(strstr(logged, "tls.refused") != NULL);
    cr_assert_not_null(strstr(logged, "does not speak TLS"), "%s", logged);
    cr_assert_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
    cr_assert_eq(accepted_count, 0);
}

/* The peer has said all it has to say, and reads on. */
Test(tls_conn, a_client_of_tls_1_2_gets_an_alert_although_it_has_shut_down)
{
    static const uint8_t hello[52] = {22,   3,    1,    0,    47, 1,
                                      0,    0,    43,   3,    3,  [45] = 4,
                                      0xc0, 0x2b, 0xc0, 0x2c, 1,  0};
    uint8_t answer[16];

    listen_for(0);
    int fd = raw_client();
    cr_assert_eq(send(fd, hello, sizeof hello, 0), sizeof hello);
    shutdown(fd, SHUT_WR);
    RUN_UNTIL(strstr(logged, "tls.refused") != NULL);
    cr_assert_not_null(strstr(logged, "does not speak TLS 1.3"), "%s", logged);
    cr_assert_eq(recv(fd, answer, sizeof answer, 0), 7);
    cr_assert_eq(answer[0], 21); /* an alert: */
    cr_assert_eq(answer[6], 70); /* protocol_version */
    close(fd);
}

Test(tls_conn, a_client_that_hangs_up_at_once_harms_nobody)
{
    listen_for(0);
    close(raw_client());
    RUN_UNTIL(strstr(logged, "tls.refused") != NULL);
    cr_assert_not_null(strstr(logged, "hung up"), "%s", logged);

    client.say_when_ready = "hello";
    connect_to(tls_listener_address(listener), 0);
    RUN_UNTIL(server.received_bytes == 5);
    close_both();
}

Test(tls_conn, a_server_of_another_protocol_is_called_so)
{
    struct address address = loopback(0);
    int listen_fd;

    cr_assert_eq(socket_listen(&address, &listen_fd), 0);
    cr_assert_eq(socket_local_address(listen_fd, &address), 0);
    connect_to(&address, 0);
    fcntl(listen_fd, F_SETFL, O_NONBLOCK);
    int fd;
    RUN_UNTIL((fd = accept(listen_fd, NULL, NULL)) >= 0);
    cr_assert_eq(send(fd, "SSH-2.0-x\r\n", 11, 0), 11);
    shutdown(fd, SHUT_WR);
    RUN_UNTIL(client.closed_count == 1);
    cr_assert_eq(client.end, TLS_CONN_END_HANDSHAKE);
    cr_assert_eq(client.error, TLS_ERROR_NOT_TLS);
    close(fd);
    close(listen_fd);
}

Test(tls_conn, a_full_queue_is_sent_and_one_more_byte_ends_the_connection)
{
    static uint8_t data[LIMIT_TLS_CONN_QUEUE_BYTES + 1];

    connect_both();
    RUN_UNTIL(client.ready_count == 1 && accepted_count == 1);
    tls_conn_send(client.conn, data, LIMIT_TLS_CONN_QUEUE_BYTES);
    RUN_UNTIL(server.received_bytes == LIMIT_TLS_CONN_QUEUE_BYTES);
    RUN_UNTIL(tls_conn_queued_bytes(client.conn) == 0);

    tls_conn_send(client.conn, data, LIMIT_TLS_CONN_QUEUE_BYTES + 1);
    tls_conn_send(client.conn, data, 1); /* ignored: it is ending */
    cr_assert_eq(client.closed_count, 0);
    RUN_UNTIL(client.closed_count + server.closed_count == 2);
    cr_assert_eq(client.end, TLS_CONN_END_OVERFLOW);
    cr_assert_eq(server.end, TLS_CONN_END_LOST);
    cr_assert_eq(server.received_bytes, LIMIT_TLS_CONN_QUEUE_BYTES);
}

Test(tls_conn, giving_up_before_the_loop_has_begun_is_told_like_anything_else)
{
    struct address address = loopback(1);

    connect_to(&address, 0);
    tls_conn_abort(client.conn);
    tls_conn_abort(client.conn);
    tls_conn_close(client.conn);
    cr_assert_eq(client.closed_count, 0);
    RUN_UNTIL(client.closed_count == 1);
    cr_assert_eq(client.end, TLS_CONN_END_ABORTED);
}

Test(tls_conn, giving_up_in_any_turn_ends_cleanly)
{
    listen_for(0);
    for (int turns = 0; turns < 12; turns++) {
        client = (struct side){0};
        server = (struct side){0};
        connect_to(tls_listener_address(listener), 0);
        for (int i = 0; i < turns && client.ready_count == 0; i++)
            loop_run_once(loop);
        tls_conn_abort(client.conn);
        RUN_UNTIL(client.closed_count == 1 && server.conn == NULL &&
                  loop_busy_count(loop) == 1);
        cr_assert_eq(client.end, TLS_CONN_END_ABORTED);
    }
}

Test(tls_conn, a_connection_that_nobody_adopts_is_closed)
{
    adopt = false;
    connect_both();
    RUN_UNTIL(client.closed_count == 1);
    cr_assert_eq(client.ready_count, 1);
    cr_assert_eq(client.end, TLS_CONN_END_PEER);
    cr_assert_eq(accepted_count, 1);
    cr_assert_eq(server.ready_count, 0);
}

Test(tls_conn, stopping_the_listener_leaves_adopted_connections_alone)
{
    struct side *third = &(struct side){0};

    connect_both();
    RUN_UNTIL(client.ready_count == 1 && accepted_count == 1);
    /* One that is in its handshake when the listener stops. */
    int fd = raw_client();
    loop_run_once(loop);
    struct address address = *tls_listener_address(listener);

    tls_listener_stop(listener, listener_stopped, &stopped);
    cr_assert_not(stopped);
    RUN_UNTIL(stopped);
    close(fd);
    third->conn = tls_conn_start_client(loop, client_context, &address, 0,
                                        &side_events, third);
    RUN_UNTIL(third->closed_count == 1);
    cr_assert_eq(third->end, TLS_CONN_END_REFUSED);

    tls_conn_send(client.conn, "still", 5);
    RUN_UNTIL(server.received_bytes == 5);
    close_both();
}

Test(tls_conn, a_port_in_use_is_an_error)
{
    struct tls_listener *second = NULL;

    listen_for(0);
    cr_assert_eq(tls_listener_open(&second, loop, server_context,
                                   tls_listener_address(listener), 0,
                                   conn_accepted, &server),
                 -EADDRINUSE);
    cr_assert_null(second);
}

Test(tls_conn, a_handshake_beyond_the_limit_ends_the_oldest)
{
    static int fds[LIMIT_TLS_HANDSHAKES];
    char byte;

    listen_for(0);
    for (uint32_t i = 0; i < LIMIT_TLS_HANDSHAKES; i++)
        fds[i] = raw_client();
    int one_more = raw_client();
    RUN_UNTIL(strstr(logged, "tls.full") != NULL);
    RUN_UNTIL(recv(fds[0], &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN);
    cr_assert_lt(recv(fds[1], &byte, 1, MSG_DONTWAIT), 0);
    cr_assert_eq(errno, EAGAIN);
    cr_assert_lt(recv(one_more, &byte, 1, MSG_DONTWAIT), 0);
    cr_assert_eq(errno, EAGAIN);
    close(one_more);
    for (uint32_t i = 0; i < LIMIT_TLS_HANDSHAKES; i++)
        close(fds[i]);
}

Test(tls_conn, ends_have_texts)
{
    char text[160];

    tls_conn_end_format(TLS_CONN_END_REFUSED, ECONNREFUSED, text, sizeof text);
    cr_assert_str_eq(text,
                     "the connection could not be made: Connection refused");
    tls_conn_end_format(TLS_CONN_END_HANDSHAKE, TLS_ERROR_VERSION, text,
                        sizeof text);
    cr_assert_str_eq(text, "no TLS session was agreed: the peer does not speak "
                           "TLS 1.3");
    tls_conn_end_format(TLS_CONN_END_LOST, 0, text, sizeof text);
    cr_assert_str_eq(text, "the connection was lost: the peer hung up");
    tls_conn_end_format(TLS_CONN_END_PEER, 0, text, sizeof text);
    cr_assert_str_eq(text, "closed by the peer");
}
