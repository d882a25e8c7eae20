/* The law as a function: reports in, rate and budget out.  How it behaves on
 * a path is for the simulator. */
#include <criterion/criterion.h>

#include "fasp/rate.h"

#define MS UINT64_C(1000000)
#define MBIT UINT64_C(1000000)

enum { MSS = 1500 };

static struct rate rate;
static struct rate_report report;
static uint64_t now_ns;

static void start(enum fasp_policy policy, uint64_t target_bps)
{
    struct fasp_rates rates = {.policy = policy, .target_bps = target_bps};

    now_ns = 1000 * MS;
    report = (struct rate_report){.judged = 1, .rx_time_us = 5000};
    rate_init(&rate, &rates, MSS, 100 * MS, false, now_ns);
}

/* 25 ms pass in which `count` datagrams arrive, `lost` get lost, and the
 * queue is `queue_us`. */
static void pass(uint64_t count, uint64_t lost, uint32_t queue_us)
{
    now_ns += 25 * MS;
    report.now_ns = now_ns;
    report.rtt_ns = 100 * MS + queue_us * 1000;
    report.rx_time_us += 25000;
    report.delivered_bytes += count * MSS;
    report.judged += count + lost;
    report.lost += lost;
    report.runs += lost;
    report.fresh = count > 0;
    report.owd_min_us = report.owd_mean_us = 7000000 + queue_us;
    rate_report(&rate, &report);
}

Test(rate, fixed_is_at_its_target_at_once)
{
    start(FASP_POLICY_FIXED, 300 * MBIT);
    cr_assert_eq(rate.rate_bps, 300 * MBIT);
    cr_assert_eq(rate.budget_bytes, UINT64_MAX);
    cr_assert_eq(rate.burst_bytes, 37500); /* a millisecond */
    pass(10, 500, 90000);
    cr_assert_eq(rate.rate_bps, 300 * MBIT);
}

Test(rate, fair_starts_with_32_datagrams_and_doubles)
{
    start(FASP_POLICY_FAIR, 1000 * MBIT);
    cr_assert_eq(rate.budget_bytes, 32 * MSS);
    pass(8, 0, 0);
    for (int i = 0; i < 7; i++)
        pass(8, 0, 0);
    cr_assert_eq(rate.budget_bytes, 64 * MSS);
}

Test(rate, while_the_application_is_the_limit_the_start_waits)
{
    start(FASP_POLICY_FAIR, 1000 * MBIT);
    for (int i = 0; i < 20; i++) {
        rate_limited(&rate, now_ns);
        pass(8, 0, 0);
    }
    cr_assert_eq(rate.budget_bytes, 32 * MSS);
}

Test(rate, a_queue_ends_the_start)
{
    start(FASP_POLICY_FAIR, 1000 * MBIT);
    pass(8, 0, 0);
    pass(8, 0, 3000);
    cr_assert_eq(rate.state, RATE_START);
    pass(8, 0, 5000);
    cr_assert_eq(rate.state, RATE_RUN);
}

Test(rate, the_target_and_the_cap_bound_the_rate)
{
    struct fasp_rates rates = {.policy = FASP_POLICY_FIXED,
                               .target_bps = 300 * MBIT,
                               .cap_bps = 20 * MBIT};

    start(FASP_POLICY_FIXED, 300 * MBIT);
    rate_set(&rate, &rates, now_ns);
    cr_assert_eq(rate.rate_bps, 20 * MBIT);
    cr_assert_eq(rate.burst_bytes, 2500);
}

Test(rate, no_rate_is_below_the_least)
{
    start(FASP_POLICY_FAIR, 1000);
    cr_assert_eq(rate.rate_bps, FASP_RATE_BPS_MIN);
    cr_assert_eq(rate.burst_bytes, MSS);
}

Test(rate, a_pause_is_no_rate)
{
    start(FASP_POLICY_FAIR, 100 * MBIT);
    uint64_t before = rate.rate_bps;
    rate_pause(&rate, true, now_ns);
    cr_assert_eq(rate.rate_bps, 0);
    rate_pause(&rate, false, now_ns);
    cr_assert_eq(rate.rate_bps, before);
}

/* Into RUN, at 64 datagrams a round trip of 100 ms, and a queue of 5 ms. */
static void run(void)
{
    start(FASP_POLICY_FAIR, 1000 * MBIT);
    for (int i = 0; i < 8; i++)
        pass(16, 0, 0);
    for (int i = 0; i < 12; i++)
        pass(16, 0, 5000);
    cr_assert_eq(rate.state, RATE_RUN);
}

Test(rate, a_drain_halves_the_budget_at_ten_seconds_of_the_wall_clock)
{
    run();
    rate_tick(&rate, now_ns, 1009999999, 20000);
    uint64_t budget = rate.budget_bytes;
    cr_assert_eq(rate.state, RATE_RUN);
    rate_tick(&rate, now_ns + 1000, 1010000000, 20000);
    cr_assert_eq(rate.state, RATE_DRAIN);
    cr_assert_leq(rate.budget_bytes, budget * 6 / 10);
    rate_tick(&rate, now_ns + 200 * MS, 1010200000, 22000);
    cr_assert_eq(rate.state, RATE_REST);
    cr_assert_eq(rate.budget_bytes, budget);
    rate_tick(&rate, now_ns + 400 * MS, 1010400000, 24000);
    cr_assert_eq(rate.state, RATE_RUN);
}

Test(rate, a_long_queue_takes_the_budget_down)
{
    run();
    uint64_t budget = rate.budget_bytes;
    for (int i = 0; i < 20; i++)
        pass(16, 0, 60000);
    cr_assert_lt(rate.budget_bytes, budget);
}

/* But never beyond half as much again as arrives, and `a`. */
Test(rate, an_empty_queue_lets_it_grow_within_what_arrives)
{
    run();
    uint64_t budget = rate.budget_bytes;
    for (int i = 0; i < 48; i++)
        pass(16, 0, 0);
    cr_assert_gt(rate.budget_bytes, budget * 11 / 10);
    cr_assert_leq((double)rate.budget_bytes,
                  1.5 * (double)(64 * MSS) + rate.a + 1);
}

Test(rate, no_report_makes_it_faster_than_the_target)
{
    run();
    for (uint32_t i = 0; i < 2000; i++) {
        pass(i * 1000, 0, 0);
        rate_tick(&rate, now_ns, (int64_t)(now_ns / 1000), report.judged);
        cr_assert_leq(rate.rate_bps, 1000 * MBIT);
    }
}
