#include "io_test.h"

static struct loop *loop;
static int pair[2];

static void set_up(void)
{
    loop = test_loop();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void tear_down(void)
{
    loop_free(loop);
    close(pair[0]);
    close(pair[1]);
}

TestSuite(loop, .init = set_up, .fini = tear_down, .timeout = 30);

Test(loop, what_is_sent_is_received)
{
    struct seen send = {0}, recv = {0};
    char data[16] = "";

    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    loop_send(loop, &send.op, pair[1], "hello", 5, seen_done);
    cr_assert(loop_op_busy(&recv.op));
    cr_assert_eq(loop_busy_count(loop), 2);
    RUN_UNTIL(loop, recv.count == 1 && send.count == 1);

    cr_assert_eq(send.result, 5);
    cr_assert_eq(recv.result, 5);
    cr_assert_str_eq(data, "hello");
    cr_assert_not(loop_op_busy(&recv.op));
    cr_assert_eq(loop_busy_count(loop), 0);
}

Test(loop, a_send_larger_than_the_socket_takes_is_sent_whole)
{
    static char out[8 << 20], in[sizeof out];
    struct seen send = {0}, recv = {0};
    uint32_t received = 0;

    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)(i * 7 + (i >> 12));
    loop_send(loop, &send.op, pair[1], out, sizeof out, seen_done);
    while (received < sizeof in) {
        uint32_t before = recv.count;
        loop_recv(loop, &recv.op, pair[0], in + received,
                  (uint32_t)sizeof in - received, seen_done);
        RUN_UNTIL(loop, recv.count > before);
        cr_assert_gt(recv.result, 0);
        received += (uint32_t)recv.result;
    }
    RUN_UNTIL(loop, send.count == 1);

    cr_assert_eq(send.result, (int)sizeof out);
    cr_assert_eq(memcmp(in, out, sizeof out), 0);
}

Test(loop, the_end_of_a_stream_is_a_receive_of_nothing)
{
    struct seen recv = {0};
    char data[4];

    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    close(pair[1]);
    pair[1] = dup(pair[0]);
    RUN_UNTIL(loop, recv.count == 1);
    cr_assert_eq(recv.result, 0);
}

Test(loop, a_send_to_a_peer_that_left_fails_without_a_signal)
{
    struct seen send = {0};

    close(pair[0]);
    pair[0] = dup(pair[1]);
    loop_send(loop, &send.op, pair[1], "x", 1, seen_done);
    RUN_UNTIL(loop, send.count == 1);
    cr_assert_eq(send.result, -EPIPE);
}

Test(loop, a_bad_descriptor_is_a_result)
{
    struct seen seen = {0};
    char data[4];

    loop_recv(loop, &seen.op, -1, data, sizeof data, seen_done);
    RUN_UNTIL(loop, seen.count == 1);
    cr_assert_eq(seen.result, -EBADF);
    loop_close(loop, &seen.op, 999, seen_done);
    RUN_UNTIL(loop, seen.count == 2);
    cr_assert_eq(seen.result, -EBADF);
}

Test(loop, closing_closes)
{
    struct seen seen = {0};
    int fd = dup(pair[0]);

    loop_close(loop, &seen.op, fd, seen_done);
    RUN_UNTIL(loop, seen.count == 1);
    cr_assert_eq(seen.result, 0);
    cr_assert_eq(close(fd), -1);
}

Test(loop, shutting_down_ends_a_receive)
{
    struct seen recv = {0};
    char data[4];

    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    loop_shutdown(loop, pair[0]);
    RUN_UNTIL(loop, recv.count == 1);
    cr_assert_eq(recv.result, 0);
}

Test(loop, a_cancelled_receive_ends_once_as_cancelled)
{
    struct seen recv = {0};
    char data[4];

    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    loop_cancel(loop, &recv.op);
    loop_cancel(loop, &recv.op);
    cr_assert_eq(recv.count, 0, "not from inside the call");
    RUN_UNTIL(loop, recv.count > 0);
    cr_assert_eq(recv.result, -ECANCELED);

    /* What comes later finds the operation free, and used again. */
    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    cr_assert_eq(write(pair[1], "x", 1), 1);
    RUN_UNTIL(loop, recv.count == 2);
    cr_assert_eq(recv.result, 1);
}

Test(loop, a_receive_that_was_just_done_keeps_its_result_when_cancelled)
{
    struct seen recv = {0};
    char data[4];

    cr_assert_eq(write(pair[1], "abc", 3), 3);
    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    loop_cancel(loop, &recv.op); /* the receive is first in the queue */
    RUN_UNTIL(loop, recv.count > 0);
    cr_assert_eq(recv.count, 1);
    cr_assert_eq(recv.result, 3);
}

Test(loop, a_cancelled_send_that_is_half_done_ends_as_cancelled)
{
    static char out[8 << 20];
    struct seen send = {0}, recv = {0};
    char first;

    loop_send(loop, &send.op, pair[1], out, sizeof out, seen_done);
    loop_recv(loop, &recv.op, pair[0], &first, 1, seen_done);
    RUN_UNTIL(loop, recv.count == 1);
    cr_assert_eq(send.count, 0);
    loop_cancel(loop, &send.op);
    RUN_UNTIL(loop, send.count == 1);
    cr_assert_eq(send.result, -ECANCELED);
    cr_assert_eq(loop_busy_count(loop), 0);
}

struct echo {
    struct loop_op op;
    uint32_t left;
    uint32_t depth;
    bool nested;
    char byte;
};

static void echo_recv_done(struct loop_op *op, int result);

static void echo_send_done(struct loop_op *op, int result)
{
    struct echo *echo = OWNER_OF(op, struct echo, op);

    cr_assert_eq(result, 1);
    if (--echo->left == 0)
        return;
    echo->nested |= echo->depth++ > 0;
    loop_recv(loop, op, pair[0], &echo->byte, 1, echo_recv_done);
    echo->depth--;
}

static void echo_recv_done(struct loop_op *op, int result)
{
    struct echo *echo = OWNER_OF(op, struct echo, op);

    cr_assert_eq(result, 1);
    echo->nested |= echo->depth++ > 0;
    loop_send(loop, op, pair[1], &echo->byte, 1, echo_send_done);
    echo->depth--;
}

Test(loop, callbacks_start_the_next_operation_and_never_nest)
{
    struct echo echo = {.left = 1000};

    cr_assert_eq(write(pair[1], "x", 1), 1);
    loop_recv(loop, &echo.op, pair[0], &echo.byte, 1, echo_recv_done);
    RUN_UNTIL(loop, echo.left == 0);
    cr_assert_not(echo.nested);
}

Test(loop, more_operations_than_the_queue_holds_all_end)
{
    enum { COUNT = 2000 };
    static struct seen seen[COUNT];
    uint32_t ended = 0;

    for (int i = 0; i < COUNT; i++)
        loop_poll(loop, &seen[i].op, pair[0], POLLOUT, seen_done);
    cr_assert_eq(loop_busy_count(loop), COUNT);
    RUN_UNTIL(loop, loop_busy_count(loop) == 0);
    for (int i = 0; i < COUNT; i++)
        ended += seen[i].count == 1 && (seen[i].result & POLLOUT) != 0;
    cr_assert_eq(ended, COUNT);
}

Test(loop, a_poll_waits_for_what_was_asked)
{
    struct seen in = {0}, out = {0};

    loop_poll(loop, &in.op, pair[0], POLLIN, seen_done);
    loop_poll(loop, &out.op, pair[0], POLLOUT, seen_done);
    RUN_UNTIL(loop, out.count == 1);
    cr_assert_eq(in.count, 0);
    cr_assert_eq(write(pair[1], "x", 1), 1);
    RUN_UNTIL(loop, in.count == 1);
    cr_assert_eq(in.result & POLLIN, POLLIN);
}

Test(loop, a_poll_for_many_tells_of_each_change_until_it_is_cancelled)
{
    struct seen seen = {0};
    char data[8];

    loop_poll_many(loop, &seen.op, pair[0], POLLIN, seen_done);
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t before = seen.count;
        cr_assert_eq(write(pair[1], "x", 1), 1);
        RUN_UNTIL(loop, seen.count > before);
        cr_assert_eq(seen.result & POLLIN, POLLIN);
        cr_assert_eq(read(pair[0], data, sizeof data), 1);
        cr_assert(loop_op_busy(&seen.op));
    }

    uint32_t before = seen.count;
    cr_assert_eq(write(pair[1], "x", 1), 1);
    loop_cancel(loop, &seen.op);
    RUN_UNTIL(loop, !loop_op_busy(&seen.op));
    cr_assert_eq(seen.count, before + 1,
                 "a change behind a cancel is not told");
    cr_assert_eq(seen.result, -ECANCELED);
}

/* Two that are ready in the same turn: the first to be told cancels the other,
 * whose change is in our hands already. */
struct rival {
    struct seen seen;
    struct rival *other;
};

static void rival_done(struct loop_op *op, int result)
{
    struct seen *seen = OWNER_OF(op, struct seen, op);
    struct rival *rival = OWNER_OF(seen, struct rival, seen);

    seen_done(op, result);
    if (result >= 0 && loop_op_busy(&rival->other->seen.op))
        loop_cancel(loop, &rival->other->seen.op);
}

Test(loop, a_change_that_was_just_seen_is_not_told_after_a_cancel)
{
    struct rival rivals[2] = {{.other = &rivals[1]}, {.other = &rivals[0]}};

    for (int i = 0; i < 2; i++)
        loop_poll_many(loop, &rivals[i].seen.op, pair[0], POLLOUT, rival_done);
    RUN_UNTIL(loop, !loop_op_busy(&rivals[0].seen.op) ||
                        !loop_op_busy(&rivals[1].seen.op));
    int loser = loop_op_busy(&rivals[0].seen.op) ? 1 : 0;
    cr_assert_eq(rivals[loser].seen.count, 1);
    cr_assert_eq(rivals[loser].seen.result, -ECANCELED);
    cr_assert_geq(rivals[!loser].seen.count, 1);
}

Test(loop, a_busy_operation_cannot_be_started, .signal = SIGABRT)
{
    struct seen recv = {0};
    char data[4];

    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
    loop_recv(loop, &recv.op, pair[0], data, sizeof data, seen_done);
}

Test(loop, an_idle_operation_cannot_be_cancelled, .signal = SIGABRT)
{
    struct loop_op op = {0};
    loop_cancel(loop, &op);
}

Test(loop, a_receive_into_no_room_is_a_bug, .signal = SIGABRT)
{
    struct seen recv = {0};
    char data[4];
    loop_recv(loop, &recv.op, pair[0], data, 0, seen_done);
}

Test(loop, it_can_be_freed_with_operations_in_flight)
{
    struct loop *other = test_loop();
    struct seen recv = {0};
    char data[4];

    loop_recv(other, &recv.op, pair[0], data, sizeof data, seen_done);
    loop_poll_many(other, &(struct loop_op){0}, pair[0], POLLIN, seen_done);
    loop_free(other);
    cr_assert_eq(recv.count, 0);
    loop_free(NULL);
}

static void stop_later(struct loop_timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

Test(loop, it_runs_until_it_is_stopped)
{
    struct loop_timer timer = {0};

    for (int i = 0; i < 2; i++) {
        loop_timer_start(loop, &timer, loop_now_ns(loop) + 1000, stop_later);
        loop_run(loop);
        cr_assert_not(loop_timer_running(&timer));
    }
}

struct signalled {
    struct loop_signals signals;
    uint32_t count;
    int numbers[4];
};

static void caught(struct loop_signals *signals, int number)
{
    struct signalled *seen = OWNER_OF(signals, struct signalled, signals);
    seen->numbers[seen->count++ % 4] = number;
}

Test(loop, signals_arrive_as_callbacks)
{
    struct signalled seen = {0};

    loop_signals_block();
    cr_assert_eq(loop_signals_open(loop, &seen.signals, caught), 0);
    raise(SIGTERM);
    RUN_UNTIL(loop, seen.count == 1);
    cr_assert_eq(seen.numbers[0], SIGTERM);
    raise(SIGHUP);
    raise(SIGUSR1);
    RUN_UNTIL(loop, seen.count == 3);
    raise(SIGINT);
    RUN_UNTIL(loop, seen.count == 4);
    cr_assert_eq(seen.numbers[3], SIGINT);
    cr_assert_eq(loop_busy_count(loop), 0);
    loop_free(loop); /* `seen` goes before the suite's tear_down */
    loop = test_loop();
}
