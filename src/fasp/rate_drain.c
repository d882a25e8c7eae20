/* Drains, and the test of what the path loses by itself. */
#include "fasp/rate_parts.h"

#define DEPTH_MIN 0.5
#define DRAIN_S_MIN 0.1
#define DRAIN_S_MAX 2.0
/* Datagrams that a test wants, and without which it says nothing. */
#define TEST_COUNT 60
#define TEST_COUNT_MIN 20
#define WAIT_S_MIN 10.0
#define WAIT_S_MAX 120.0

void rate_drain_begin(struct rate *rate, double now_s, bool test, bool asking,
                      uint64_t sent_number)
{
    double loop_s = rate_loop_s(rate);
    double span_s = loop_s + rate->queue_s;

    rate->depth = rate_larger(
        DEPTH_MIN, span_s > 0 ? 1 - (rate->queue_s + 0.05) / span_s : 0);
    if (test) {
        rate->depth = DEPTH_MIN;
        struct rate_test *running = &rate->test;
        running->running = true;
        running->asking = asking;
        running->begun = false;
        running->from = sent_number;
        running->end = 0;
        /* A queue that is no network's loses nothing. */
        running->queue_before_s =
            rate_smaller(rate->queue_round_s, rate->path_queue_s);
        running->queue_max_s = -1;
    }
    rate->state = RATE_DRAIN;
    rate->drain_begin_s = now_s;
    rate->drain_end_s = now_s + rate_larger(loop_s + span_s / 2, DRAIN_S_MIN);
    rate_skew_begin(rate);
    rate_rival_drain_begin(rate);
    rate_publish(rate);
}

static void end_drain(struct rate *rate, double now_s, uint64_t sent_number)
{
    rate->depth = 1;
    rate->state = RATE_REST;
    rate->rest_end_s = now_s + rate_loop_s(rate) + rate->queue_s;
    rate->test.end = sent_number;
    rate->test.end_s = now_s;
    rate_publish(rate);
}

void rate_drain_tick(struct rate *rate, double now_s, uint64_t sent_number)
{
    struct rate_test *test = &rate->test;

    if (rate->state == RATE_REST) {
        if (now_s < rate->rest_end_s)
            return;
        rate->state = RATE_RUN;
        rate_skew_end(rate);
        rate_rival_drain_end(rate, now_s);
        rate_begin_round(rate, &rate->last);
        return;
    }
    if (test->running) {
        double age_s = now_s - rate->drain_begin_s;
        double whole_s = rate->drain_end_s - rate->drain_begin_s;
        /* Its first tenth was sent before, for all the path knows. */
        if (age_s < whole_s / 10)
            test->from = sent_number;
        if (sent_number - test->from < TEST_COUNT && age_s < DRAIN_S_MAX)
            return;
    }
    if (now_s >= rate->drain_end_s)
        end_drain(rate, now_s, sent_number);
}

/* How long to wait for the next: longer each time that nothing was new. */
static void plan_next(struct rate *rate, double now_s, bool new_found)
{
    struct rate_test *test = &rate->test;
    double *wait_s = test->asking ? &test->ask_wait_s : &test->test_wait_s;
    double least_s = (test->asking ? 60 : 30) * rate->trip_s;

    *wait_s = new_found ? WAIT_S_MIN : rate_smaller(WAIT_S_MAX, 2 * *wait_s);
    double next_s = now_s + rate_larger(least_s, *wait_s);
    if (test->asking)
        test->ask_next_s = next_s;
    else
        test->test_next_s = next_s;
}

static void conclude(struct rate *rate, double now_s)
{
    struct rate_test *test = &rate->test;
    struct rate_window found = {
        (double)(test->judged_last - test->judged),
        (double)(test->lost_last - test->lost),
        (double)(test->runs_last - test->runs),
    };
    double queue_s_max = rate_larger(0.001, test->queue_before_s / 4);

    test->running = false;
    bool known = found.judged >= TEST_COUNT_MIN && test->queue_max_s >= 0;
    if (!known || test->queue_max_s >= queue_s_max) {
        /* A queue in spite of the drain: the loss may be somebody else's. */
        if (test->asking && known) {
            /* A guess: if loss goes on, it is tested at once. */
            if (rate->path_loss > 0)
                test->test_next_s = 0;
            rate->path_loss = 0;
            rate->path_loss_margin = 0;
        }
        plan_next(rate, now_s, false);
        return;
    }
    double share = rate_share(&found);
    double margin = rate_margin(&found);
    bool new_found = fabs(share - rate->path_loss) > margin;

    if (fabs(share - rate_share(&test->pool)) <= margin) {
        test->pool.judged += found.judged;
        test->pool.lost += found.lost;
        test->pool.runs += found.runs;
    } else {
        test->pool = found;
    }
    if (share > rate->path_loss + rate->path_loss_margin) {
        /* What was taken for ours was not: the verdicts fall. */
        rate->a_cap = INFINITY;
        rate->probe_next_s = 0;
        rate->probe_wait_s = 4;
    }
    rate->path_loss = rate_share(&test->pool);
    rate->path_loss_margin = rate_margin(&test->pool);
    rate_clear_windows(rate);
    plan_next(rate, now_s, new_found);
}

void rate_test_report(struct rate *rate, const struct rate_report *report)
{
    struct rate_test *test = &rate->test;
    double now_s = (double)report->now_ns * 1e-9;

    if (!test->running)
        return;
    /* All that this report is about came after `from`, and was sent before
     * `end`, since it takes a round trip to hear of it. */
    if (report->fresh && test->begun &&
        (test->end == 0 || now_s - rate->trip_s <= test->end_s))
        test->queue_max_s = rate_larger(test->queue_max_s, rate->path_queue_s);

    if (report->judged < test->from)
        return;
    if (!test->begun) {
        test->begun = true;
        test->judged = report->judged;
        test->lost = report->lost;
        test->runs = report->runs;
    }
    if (test->end == 0 || report->judged <= test->end) {
        test->judged_last = report->judged;
        test->lost_last = report->lost;
        test->runs_last = report->runs;
    }
    if (test->end != 0 && report->judged >= test->end)
        conclude(rate, now_s);
}
