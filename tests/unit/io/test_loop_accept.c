#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/log.h"
#include "io_test.h"

static struct loop *loop;
static int listen_fd;
static struct address address;

struct host {
    struct loop_op op;
    uint32_t accepted_count;
    uint32_t ended_count;
    int ended_result;
    int fds[256];
};

static void host_accepted(struct loop_op *op, int result)
{
    struct host *host = OWNER_OF(op, struct host, op);

    if (result >= 0) {
        host->fds[host->accepted_count++ % 256] = result;
        return;
    }
    cr_assert_not(loop_op_busy(op));
    host->ended_count++;
    host->ended_result = result;
}

static void set_up(void)
{
    loop = test_loop();
    cr_assert(address_parse(text_of("127.0.0.1:0"), &address));
    cr_assert_eq(socket_listen(&address, &listen_fd), 0);
    cr_assert_eq(socket_local_address(listen_fd, &address), 0);
    cr_assert_neq(address.port, 0);
}

static void tear_down(void)
{
    loop_free(loop);
    close(listen_fd);
}

TestSuite(loop_accept, .init = set_up, .fini = tear_down, .timeout = 30);

/* A client that needs no turn of the loop: the backlog takes it. */
static int connect_now(void)
{
    struct address_sockaddr sockaddr =
        address_to_sockaddr(&address, address_family(&address));
    int fd = -1;

    cr_assert_eq(socket_open(&address, &fd), 0);
    cr_assert_eq(connect(fd, &sockaddr.any, sockaddr.size_bytes), 0);
    return fd;
}

Test(loop_accept, many_connections_come_from_one_start)
{
    struct host host = {0};
    int clients[200];

    loop_accept(loop, &host.op, listen_fd, host_accepted);
    for (int i = 0; i < 200; i++)
        clients[i] = connect_now();
    RUN_UNTIL(loop, host.accepted_count == 200);
    cr_assert(loop_op_busy(&host.op));
    cr_assert_eq(fcntl(host.fds[0], F_GETFD), FD_CLOEXEC);
    for (int i = 0; i < 200; i++) {
        close(clients[i]);
        close(host.fds[i]);
    }
}

Test(loop_accept, both_ends_of_a_connection_know_each_others_address)
{
    struct host host = {0};
    struct seen connected = {0};
    struct address peer, local;
    int client = -1;

    cr_assert_eq(socket_open(&address, &client), 0);
    loop_accept(loop, &host.op, listen_fd, host_accepted);
    loop_connect(loop, &connected.op, client, &address, seen_done);
    RUN_UNTIL(loop, connected.count == 1 && host.accepted_count == 1);
    cr_assert_eq(connected.result, 0);
    cr_assert_eq(socket_peer_address(client, &peer), 0);
    cr_assert(address_equal(&peer, &address));
    cr_assert_eq(socket_local_address(client, &local), 0);
    cr_assert_eq(socket_peer_address(host.fds[0], &peer), 0);
    cr_assert(address_equal(&peer, &local));
    close(client);
    close(host.fds[0]);
}

Test(loop_accept, connecting_to_a_port_where_nobody_listens_is_a_result)
{
    struct seen connected = {0};
    int client = -1;

    close(listen_fd);
    listen_fd = dup(0);
    cr_assert_eq(socket_open(&address, &client), 0);
    loop_connect(loop, &connected.op, client, &address, seen_done);
    RUN_UNTIL(loop, connected.count == 1);
    cr_assert_eq(connected.result, -ECONNREFUSED);
    close(client);
}

Test(loop_accept, after_a_cancel_nothing_is_accepted_and_nothing_leaks)
{
    struct host host = {0};
    int client, next_fd = dup(0);

    close(next_fd);
    loop_accept(loop, &host.op, listen_fd, host_accepted);
    client = connect_now();
    loop_cancel(loop, &host.op);
    RUN_UNTIL(loop, host.ended_count == 1);
    cr_assert_eq(host.ended_result, -ECANCELED);
    cr_assert_eq(host.accepted_count, 0);
    cr_assert_eq(client, next_fd);
    close(client);
    cr_assert_eq(dup(0), next_fd, "an accepted descriptor was left open");
}

static struct host raced;

static void cancel_the_race(struct loop_op *op, int result)
{
    (void)op;
    (void)result;
    loop_cancel(loop, &raced.op);
}

Test(loop_accept, a_connection_that_was_just_accepted_is_closed_by_a_cancel)
{
    struct loop_op first = {0};
    int client = connect_now(), next_fd = dup(0);

    /* Both are ready at once, and the one that cancels is told first. */
    close(next_fd);
    loop_poll(loop, &first, client, POLLOUT, cancel_the_race);
    loop_accept(loop, &raced.op, listen_fd, host_accepted);
    RUN_UNTIL(loop, raced.ended_count == 1);
    cr_assert_eq(raced.ended_result, -ECANCELED);
    cr_assert_eq(raced.accepted_count, 0);
    cr_assert_eq(dup(0), next_fd, "the accepted descriptor was left open");
    close(client);
}

Test(loop_accept, what_is_no_listening_socket_ends_it)
{
    struct host host = {0};
    int fd = -1;

    cr_assert_eq(socket_open(&address, &fd), 0);
    loop_accept(loop, &host.op, fd, host_accepted);
    RUN_UNTIL(loop, host.ended_count == 1);
    cr_assert_eq(host.ended_result, -EINVAL);
    close(fd);
}

static uint32_t logged_count;

static void count_line(enum log_level level, const char *line)
{
    logged_count += level == LOG_ERROR && strstr(line, "no_descriptors");
}

/* No descriptor that is free may be opened from now on. */
static void use_up_descriptors(struct rlimit *before)
{
    int top = dup(0);

    close(top);
    getrlimit(RLIMIT_NOFILE, before);
    struct rlimit limit = {(rlim_t)top, before->rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void noted(struct loop_timer *timer)
{
    timer->fired = NULL;
}

Test(loop_accept, without_descriptors_clients_are_turned_away_without_spinning)
{
    struct host host = {0};
    struct seen recv = {0};
    struct rlimit before;
    struct loop_timer timer = {0};
    char data[4];
    int clients[3];

    log_set_sink(count_line);
    for (int i = 0; i < 3; i++)
        clients[i] = connect_now();
    use_up_descriptors(&before);
    loop_accept(loop, &host.op, listen_fd, host_accepted);

    /* They are closed at once, and told. */
    for (uint32_t i = 0; i < 3; i++) {
        loop_recv(loop, &recv.op, clients[i], data, sizeof data, seen_done);
        RUN_UNTIL(loop, recv.count == i + 1);
        cr_assert(recv.result == 0 || recv.result == -ECONNRESET);
    }
    cr_assert_eq(logged_count, 1);
    cr_assert_eq(host.ended_count, 0);

    /* A third of a second of need costs a few turns, not thousands. */
    uint32_t turns = 0;
    loop_timer_start(loop, &timer, clock_mono_ns() + 330000000, noted);
    for (; loop_timer_running(&timer); turns++)
        loop_run_once(loop);
    cr_assert_lt(turns, 20);

    /* And when there are descriptors again, it goes on. */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    int client = connect_now();
    RUN_UNTIL(loop, host.accepted_count == 1);
    cr_assert_eq(logged_count, 1);
    close(client);
}

Test(loop_accept, one_that_waits_for_descriptors_can_be_cancelled)
{
    struct host host = {0};
    struct rlimit before;

    log_set_sink(count_line);
    use_up_descriptors(&before);
    loop_accept(loop, &host.op, listen_fd, host_accepted);
    RUN_UNTIL(loop, logged_count == 1);
    loop_cancel(loop, &host.op);
    RUN_UNTIL(loop, host.ended_count == 1);
    cr_assert_eq(host.ended_result, -ECANCELED);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

Test(loop_accept, an_ipv6_any_address_takes_ipv4_too)
{
    struct host host = {0};
    struct address any;
    int fd = -1, client;

    cr_assert(address_parse(text_of("[::]:0"), &any));
    cr_assert_eq(socket_listen(&any, &fd), 0);
    cr_assert_eq(socket_local_address(fd, &any), 0);
    address.port = any.port;
    loop_accept(loop, &host.op, fd, host_accepted);
    client = connect_now();
    RUN_UNTIL(loop, host.accepted_count == 1);
    close(client);
    close(fd);
}

Test(loop_accept, a_port_in_use_is_an_error_and_holds_nothing)
{
    int fd = -7, next_fd = dup(0);

    close(next_fd);
    cr_assert_eq(socket_listen(&address, &fd), -EADDRINUSE);
    cr_assert_eq(fd, -7);
    cr_assert_eq(dup(0), next_fd);
}
