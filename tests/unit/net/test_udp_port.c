#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/udp_port.h"

#define RUN_UNTIL(condition)     \
    do {                         \
        while (!(condition))     \
            loop_run_once(loop); \
    } while (0)

#define KEPT_BYTES (4u << 20)

/* An end that keeps all that arrives. */
struct end {
    struct udp_port_owner owner;
    struct udp_port *port;
    struct address address; /* to reach it */
    struct address peer;    /* of the last datagram */
    uint8_t ecn;
    uint32_t datagram_count;
    uint32_t turn_count;
    uint32_t most_in_turn;
    uint32_t in_turn;
    uint32_t last_bytes;
    uint32_t largest_bytes;
    uint32_t smallest_bytes;
    uint32_t kept_bytes;
    uint8_t *kept;
    bool closed;
};

static struct loop *loop;
static struct end ends[2];
static uint8_t data[UDP_PORT_TRAIN_BYTES_MAX + 1];
static uint32_t no_segments_logged;

static void end_received(struct udp_port_owner *owner,
                         const struct address *peer, uint8_t ecn,
                         const struct udp_datagram *datagrams, uint32_t count)
{
    struct end *end = OWNER_OF(owner, struct end, owner);

    cr_assert_geq(count, 1);
    cr_assert_leq(count, UDP_PORT_ARRIVED_MAX);
    end->peer = *peer;
    end->ecn = ecn;
    end->in_turn++;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size_bytes = datagrams[i].size_bytes;
        end->datagram_count++;
        end->last_bytes = size_bytes;
        if (size_bytes > end->largest_bytes)
            end->largest_bytes = size_bytes;
        if (size_bytes < end->smallest_bytes)
            end->smallest_bytes = size_bytes;
        if (end->kept == NULL)
            continue;
        cr_assert_leq(size_bytes, KEPT_BYTES - end->kept_bytes);
        memcpy(end->kept + end->kept_bytes, datagrams[i].data, size_bytes);
        memset(datagrams[i].data, 0xee, size_bytes); /* it is ours to write */
        end->kept_bytes += size_bytes;
    }
}

static void end_turn_over(struct udp_port_owner *owner)
{
    struct end *end = OWNER_OF(owner, struct end, owner);

    cr_assert_geq(end->in_turn, 1);
    if (end->in_turn > end->most_in_turn)
        end->most_in_turn = end->in_turn;
    end->in_turn = 0;
    end->turn_count++;
}

static void end_closed(struct udp_port_owner *owner)
{
    struct end *end = OWNER_OF(owner, struct end, owner);
    end->closed = true;
}

static void end_open(struct end *end, const char *bind_to)
{
    struct address bind_address;

    end->owner.received = end_received;
    end->owner.turn_over = end_turn_over;
    end->smallest_bytes = UINT32_MAX;
    end->kept = malloc(KEPT_BYTES);
    cr_assert(address_parse(text_of(bind_to), &bind_address));
    cr_assert_eq(udp_port_open(&end->port, loop, &bind_address, &end->owner),
                 0);
    end->address = *udp_port_address(end->port);
    cr_assert_neq(end->address.port, 0);
}

static void count_line(enum log_level level, const char *line)
{
    if (level == LOG_WARN && strstr(line, "udp.no_segments") != NULL)
        no_segments_logged++;
}

static void set_up(void)
{
    log_set_sink(count_line);
    cr_assert_eq(loop_open(&loop, 1), 0);
    end_open(&ends[0], "127.0.0.1:0");
    end_open(&ends[1], "127.0.0.1:0");
    for (uint32_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void tear_down(void)
{
    for (int i = 0; i < 2; i++) {
        if (!ends[i].closed) {
            udp_port_close(ends[i].port, end_closed);
            RUN_UNTIL(ends[i].closed);
        }
        free(ends[i].kept);
    }
    cr_assert_eq(loop_busy_count(loop), 0);
    loop_free(loop);
}

TestSuite(udp_port, .init = set_up, .fini = tear_down, .timeout = 30);

static int send_bytes(uint32_t size_bytes, uint32_t segment_bytes)
{
    return udp_port_send(ends[0].port, &ends[1].address, data, size_bytes,
                         segment_bytes);
}

static void expect_train(uint32_t size_bytes, uint32_t segment_bytes)
{
    uint32_t count = (size_bytes + segment_bytes - 1) / segment_bytes;
    uint32_t last_bytes = size_bytes - (count - 1) * segment_bytes;

    RUN_UNTIL(ends[1].datagram_count >= count);
    cr_assert_eq(ends[1].datagram_count, count);
    cr_assert_eq(ends[1].kept_bytes, size_bytes);
    cr_assert_eq(ends[1].largest_bytes, count > 1 ? segment_bytes : last_bytes);
    cr_assert_eq(ends[1].last_bytes, last_bytes);
    cr_assert_eq(memcmp(ends[1].kept, data, size_bytes), 0);
    cr_assert(address_equal(&ends[1].peer, &ends[0].address));
}

Test(udp_port, a_train_arrives_cut_up_as_it_was_sent)
{
    static const struct {
        uint32_t size_bytes;
        uint32_t segment_bytes;
    } cases[] = {
        {40 * 1400, 1400},     /* full */
        {39 * 1400 + 1, 1400}, /* the last one is short */
        {39 * 1400 + 1399, 1400},
        {1, 1400},
        {1400, 1400},
        {1401, 1400},
        {64, 1},
        {64 * 1000, 1000},
        {UDP_PORT_TRAIN_BYTES_MAX, 1016},
        {2 * 8948, 8948},
        {UDP_PORT_TRAIN_BYTES_MAX, UDP_PORT_TRAIN_BYTES_MAX},
        {1, UDP_PORT_TRAIN_BYTES_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t size_bytes = cases[i].size_bytes;
        uint32_t segment_bytes = cases[i].segment_bytes;
        int count = (int)((size_bytes + segment_bytes - 1) / segment_bytes);

        ends[1].datagram_count = 0;
        ends[1].kept_bytes = 0;
        ends[1].largest_bytes = 0;
        cr_assert_eq(send_bytes(size_bytes, segment_bytes), count);
        expect_train(size_bytes, segment_bytes);
    }
    cr_assert_eq(udp_port_stats(ends[0].port)->sent_trains,
                 sizeof cases / sizeof cases[0]);
    cr_assert_eq(no_segments_logged, 0);
}

Test(udp_port, a_train_travels_as_one)
{
    cr_assert_eq(send_bytes(40 * 1400, 1400), 40);
    expect_train(40 * 1400, 1400);

    const struct udp_port_stats *sent = udp_port_stats(ends[0].port);
    cr_assert_eq(sent->sent_trains, 1);
    cr_assert_eq(sent->sent_count, 40);
    cr_assert_eq(sent->sent_bytes, 40 * 1400);
    const struct udp_port_stats *received = udp_port_stats(ends[1].port);
    cr_assert_eq(received->received_trains, 1);
    cr_assert_eq(received->received_count, 40);
    cr_assert_eq(received->received_bytes, 40 * 1400);
    cr_assert_eq(ends[1].turn_count, 1);
}

Test(udp_port, where_segments_are_refused_datagrams_go_one_by_one)
{
    static const int errors[] = {EIO, EINVAL};

    for (uint32_t i = 0; i < 2; i++) {
        /* Each address is remembered: the second case needs another one. */
        struct address to = ends[1].address;
        if (i == 1)
            cr_assert(address_parse(text_of("127.0.0.2:9"), &to));
        udp_port_refuse_segments(ends[0].port, errors[i]);
        for (uint32_t round = 0; round < 3; round++)
            cr_assert_eq(
                udp_port_send(ends[0].port, &to, data, 3 * 1400 + 7, 1400), 4);
        cr_assert_eq(no_segments_logged, i + 1, "each address once");
    }
    RUN_UNTIL(ends[1].datagram_count == 12);
    cr_assert_eq(ends[1].kept_bytes, 3 * (3 * 1400 + 7));
    cr_assert_eq(ends[1].largest_bytes, 1400);
    cr_assert_eq(ends[1].last_bytes, 7);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(
            memcmp(ends[1].kept + i * (3 * 1400 + 7), data, 3 * 1400 + 7), 0);
    cr_assert_eq(udp_port_stats(ends[0].port)->sent_count, 24);
}

Test(udp_port, an_address_that_refused_segments_is_not_asked_again)
{
    udp_port_refuse_segments(ends[0].port, EIO);
    cr_assert_eq(send_bytes(2 * 1400, 1400), 2);
    udp_port_refuse_segments(ends[0].port, EPERM); /* would show */
    cr_assert_eq(send_bytes(2 * 1400, 1400), 2);

    /* More of them than are remembered: the oldest is asked again. */
    udp_port_refuse_segments(ends[0].port, EIO);
    for (uint32_t i = 1; i <= 16; i++) {
        struct address other = ends[1].address;
        other.ip[15] = (uint8_t)(i + 1);
        cr_assert_eq(udp_port_send(ends[0].port, &other, data, 2 * 1400, 1400),
                     2);
    }
    udp_port_refuse_segments(ends[0].port, EPERM);
    cr_assert_eq(send_bytes(2 * 1400, 1400), -EPERM);
}

Test(udp_port, another_error_is_the_callers)
{
    struct address ipv6, other;

    udp_port_refuse_segments(ends[0].port, ENETUNREACH);
    cr_assert_eq(send_bytes(2 * 1400, 1400), -ENETUNREACH);
    cr_assert_eq(send_bytes(1400, 1400), 1, "one datagram needs no segments");

    cr_assert(address_parse(text_of("[::1]:9"), &ipv6));
    cr_assert_not(udp_port_reaches(ends[0].port, &ipv6));
    cr_assert(udp_port_reaches(ends[0].port, &ends[1].address));
    cr_assert_eq(udp_port_send(ends[0].port, &ipv6, data, 1, 1), -EAFNOSUPPORT);

    cr_assert(address_parse(text_of("127.0.0.1:0"), &other));
    cr_assert_eq(udp_port_send(ends[0].port, &other, data, 1, 1), -EINVAL);
}

Test(udp_port, a_busy_port_gives_the_loop_its_turns)
{
    enum { TRAINS = 300 };

    for (uint32_t i = 0; i < TRAINS; i++)
        cr_assert_eq(send_bytes(4 * 1000, 1000), 4);
    RUN_UNTIL(ends[1].datagram_count == TRAINS * 4);
    RUN_UNTIL(ends[1].in_turn == 0);

    cr_assert_leq(ends[1].most_in_turn, UDP_PORT_TURN_TRAINS);
    cr_assert_geq(ends[1].turn_count, TRAINS / UDP_PORT_TURN_TRAINS);
    for (uint32_t i = 0; i < TRAINS; i++)
        cr_assert_eq(memcmp(ends[1].kept + i * 4000, data, 4000), 0);
}

Test(udp_port, an_empty_datagram_is_told)
{
    struct address_sockaddr to = address_to_sockaddr(&ends[1].address, AF_INET);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    cr_assert_eq(sendto(fd, "", 0, 0, &to.any, to.size_bytes), 0);
    RUN_UNTIL(ends[1].datagram_count == 1);
    cr_assert_eq(ends[1].last_bytes, 0);
    close(fd);
}

Test(udp_port, the_mark_of_congestion_arrives)
{
    struct address_sockaddr to = address_to_sockaddr(&ends[1].address, AF_INET);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), tos = 3;

    cr_assert_eq(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos), 0);
    cr_assert_eq(sendto(fd, "x", 1, 0, &to.any, to.size_bytes), 1);
    RUN_UNTIL(ends[1].datagram_count == 1);
    cr_assert_eq(ends[1].ecn, 3);
    close(fd);
}

Test(udp_port, what_the_full_buffer_drops_is_counted)
{
    uint8_t *kept = ends[1].kept;

    /* Nobody receives meanwhile: far more than any buffer. */
    ends[1].kept = NULL;
    for (uint32_t i = 0; i < 4000; i++)
        cr_assert_eq(send_bytes(40 * 1400, 1400), 40);
    while (ends[1].last_bytes != 1) {
        cr_assert_eq(send_bytes(1, 1), 1);
        loop_run_once(loop);
    }
    const struct udp_port_stats *stats = udp_port_stats(ends[1].port);
    cr_assert_lt(stats->received_count, 4000 * 40);
    cr_assert_gt(stats->dropped_count, 0);
    cr_assert_eq(stats->truncated_count, 0);
    ends[1].kept = kept;
}

struct waiting {
    struct udp_port_waiter waiter;
    uint32_t count;
    bool wait_again;
    struct waiting *stop;
};

static void told(struct udp_port_waiter *waiter)
{
    struct waiting *waiting = OWNER_OF(waiter, struct waiting, waiter);

    cr_assert_not(waiter->waiting);
    waiting->count++;
    if (waiting->stop != NULL)
        udp_port_stop_waiting(ends[0].port, &waiting->stop->waiter);
    if (waiting->wait_again)
        udp_port_wait_writable(ends[0].port, waiter, told);
}

Test(udp_port, those_who_wait_are_told_once_when_there_is_room)
{
    struct waiting first = {0}, stopped = {0}, again = {.wait_again = true};

    udp_port_wait_writable(ends[0].port, &first.waiter, told);
    udp_port_wait_writable(ends[0].port, &first.waiter, told);
    udp_port_wait_writable(ends[0].port, &stopped.waiter, told);
    udp_port_wait_writable(ends[0].port, &again.waiter, told);
    udp_port_stop_waiting(ends[0].port, &stopped.waiter);
    udp_port_stop_waiting(ends[0].port, &stopped.waiter);
    cr_assert_eq(first.count, 0);
    RUN_UNTIL(again.count == 1);
    cr_assert_eq(first.count, 1);
    RUN_UNTIL(again.count == 2);
    cr_assert_eq(first.count, 1);
    cr_assert_eq(stopped.count, 0);
    udp_port_stop_waiting(ends[0].port, &again.waiter);
}

Test(udp_port, one_who_is_told_may_stop_the_next)
{
    struct waiting last = {0}, next = {0};
    struct waiting first = {.stop = &next};

    udp_port_wait_writable(ends[0].port, &first.waiter, told);
    udp_port_wait_writable(ends[0].port, &next.waiter, told);
    udp_port_wait_writable(ends[0].port, &last.waiter, told);
    RUN_UNTIL(last.count == 1);
    cr_assert_eq(first.count, 1);
    cr_assert_eq(next.count, 0);
}

Test(udp_port, ipv6_any_serves_ipv4_and_ipv6)
{
    struct end both = {0};
    struct address ipv4, ipv6;

    end_open(&both, "[::]:0");
    cr_assert(address_parse_ip(text_of("127.0.0.1"), both.address.port, &ipv4));
    cr_assert(address_parse_ip(text_of("::1"), both.address.port, &ipv6));
    cr_assert(udp_port_reaches(both.port, &ipv4));

    cr_assert_eq(udp_port_send(ends[0].port, &ipv4, data, 2800, 1400), 2);
    RUN_UNTIL(both.datagram_count == 2);
    cr_assert(address_equal(&both.peer, &ends[0].address));

    /* And back to where it came from, in the same form. */
    cr_assert_eq(udp_port_send(both.port, &both.peer, data, 4200, 1400), 3);
    RUN_UNTIL(ends[0].datagram_count == 3);
    cr_assert(address_equal(&ends[0].peer, &ipv4));

    cr_assert_eq(udp_port_send(both.port, &ipv6, data, 5600, 1400), 4);
    RUN_UNTIL(both.datagram_count == 6);
    cr_assert(address_equal(&both.peer, &ipv6));
    udp_port_close(both.port, end_closed);
    RUN_UNTIL(both.closed);
    free(both.kept);
}

Test(udp_port, a_port_in_use_is_an_error_after_two_seconds)
{
    struct udp_port *port = NULL;

    cr_assert_eq(udp_port_open(&port, loop, &ends[0].address, &ends[0].owner),
                 -EADDRINUSE);
    cr_assert_null(port);
}

Test(udp_port, a_closed_port_tells_nothing_more)
{
    struct waiting waiting = {0};

    cr_assert_eq(send_bytes(1400, 1400), 1);
    udp_port_wait_writable(ends[1].port, &waiting.waiter, told);
    udp_port_close(ends[1].port, end_closed);
    cr_assert_not(ends[1].closed, "not from inside the call");
    RUN_UNTIL(ends[1].closed);
    cr_assert_eq(ends[1].datagram_count, 0);
    cr_assert_eq(waiting.count, 0);
}

Test(udp_port, a_closed_port_frees_its_address)
{
    struct address address = ends[1].address;

    udp_port_close(ends[1].port, end_closed);
    RUN_UNTIL(ends[1].closed);
    ends[1].closed = false;
    cr_assert_eq(udp_port_open(&ends[1].port, loop, &address, &ends[1].owner),
                 0);
}

Test(udp_port, the_limits_of_a_train_hold, .signal = SIGABRT)
{
    cr_expect_eq(send_bytes(64, 1), 64);
    cr_expect_lt(send_bytes(65, 1), 0);
}

Test(udp_port, more_bytes_than_a_train_has_are_a_bug, .signal = SIGABRT)
{
    cr_expect_lt(send_bytes(UDP_PORT_TRAIN_BYTES_MAX + 1, 8948), 0);
}
