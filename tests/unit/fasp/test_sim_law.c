/* How the law behaves: start, queue, company, changes of the path. */
#include <criterion/criterion.h>

#include "sim.h"

static const struct sim_path gigabit = {.rate_bps = 1000 * MBIT,
                                        .there_ns = 50 * SIM_MS,
                                        .back_ns = 50 * SIM_MS,
                                        .queue_bytes = 12500000};

static const struct sim_flow_options endless = {
    .rates = {.policy = FASP_POLICY_FAIR, .target_bps = 10000 * MBIT}};

static double mbit_for(struct sim *sim, struct sim_flow *flow, uint64_t span)
{
    uint64_t before = sim_received(flow).received_bytes;

    sim_run_until(sim, sim->now_ns + span);
    return (double)(sim_received(flow).received_bytes - before) * 8e3 /
           (double)span;
}

Test(sim_law, alone_the_queue_stays_small, .timeout = 900)
{
    struct sim *sim = sim_new(1, gigabit);

    sim_add(sim, endless);
    sim_run_until(sim, sim->now_ns + 10 * SIM_S);
    sim_sample_reset(sim);
    sim_run_until(sim, sim->now_ns + 20 * SIM_S);
    cr_expect_leq(sim_queue_ms(sim, 50), 5.0);
    cr_expect_leq(sim_queue_ms(sim, 95), 8.0);
    sim_free(sim);
}

/* Without trains it doubles from 32 datagrams. */
Test(sim_law, the_start_takes_two_seconds_and_loses_nothing)
{
    struct sim *sim = sim_new(1, gigabit);
    struct sim_flow *flow = sim_add(sim, endless);

    sim_run_until(sim, sim->now_ns + 2 * SIM_S);
    cr_expect_geq(mbit_for(sim, flow, SIM_S), 850);
    cr_expect_eq(sim->dropped, 0);
    sim_free(sim);
}

Test(sim_law, flows_share_evenly, .timeout = 900)
{
    static const uint32_t counts[] = {2, 4};

    for (size_t row = 0; row < 2; row++) {
        struct sim *sim = sim_new(1, gigabit);
        double sum = 0;
        double squares = 0;
        uint64_t before[4];

        for (uint32_t i = 0; i < counts[row]; i++) {
            struct sim_flow_options options = endless;
            options.start_ns = i * 3 * SIM_S;
            sim_add(sim, options);
        }
        sim_run_until(sim, sim->now_ns + 60 * SIM_S);
        for (uint32_t i = 0; i < counts[row]; i++)
            before[i] = sim_received(&sim->flows[i]).received_bytes;
        sim_run_until(sim, sim->now_ns + 20 * SIM_S);
        for (uint32_t i = 0; i < counts[row]; i++) {
            double share =
                (double)(sim_received(&sim->flows[i]).received_bytes -
                         before[i]);
            sum += share;
            squares += share * share;
        }
        double jain = sum * sum / (counts[row] * squares);
        cr_expect_geq(jain, 0.99, "%u flows: %.4f", counts[row], jain);
        sim_free(sim);
    }
}

Test(sim_law, less_capacity_is_noticed, .timeout = 900)
{
    struct sim *sim = sim_new(1, gigabit);
    struct sim_flow *flow = sim_add(sim, endless);

    sim_run_until(sim, sim->now_ns + 10 * SIM_S);
    sim->path.rate_bps = 100 * MBIT;
    cr_expect_geq(mbit_for(sim, flow, 10 * SIM_S), 50);
    cr_expect_geq(mbit_for(sim, flow, 10 * SIM_S), 90);
    sim_free(sim);
}

Test(sim_law, more_capacity_is_found, .timeout = 900)
{
    struct sim_path path = gigabit;
    path.rate_bps = 100 * MBIT;
    struct sim *sim = sim_new(1, path);
    struct sim_flow *flow = sim_add(sim, endless);

    sim_run_until(sim, sim->now_ns + 10 * SIM_S);
    sim->path.rate_bps = 1000 * MBIT;
    sim_run_until(sim, sim->now_ns + 5 * SIM_S);
    cr_expect_geq(mbit_for(sim, flow, 5 * SIM_S), 800);
    sim_free(sim);
}

Test(sim_law, jitter_is_no_queue, .timeout = 900)
{
    static const struct {
        uint64_t jitter_ns;
        double mbit_min; /* of 953 that are data */
    } rows[] = {{2 * SIM_MS, 925}, {10 * SIM_MS, 840}};

    for (size_t i = 0; i < 2; i++) {
        struct sim_path path = gigabit;
        path.jitter_ns = rows[i].jitter_ns;
        struct sim *sim = sim_new(1, path);
        struct sim_flow *flow = sim_add(sim, endless);

        sim_run_until(sim, sim->now_ns + 10 * SIM_S);
        double mbit = mbit_for(sim, flow, 10 * SIM_S);
        cr_expect_geq(mbit, rows[i].mbit_min, "row %zu: %.0f", i, mbit);
        sim_free(sim);
    }
}

Test(sim_law, the_breaker_stops_a_rate_that_does_not_arrive, .timeout = 900)
{
    struct sim_path path = gigabit;
    path.rate_bps = 50 * MBIT;
    path.queue_bytes = 625000;
    struct sim *sim = sim_new(1, path);
    struct sim_flow *flow = sim_add(
        sim, (struct sim_flow_options){.rates = {.policy = FASP_POLICY_FIXED,
                                                 .target_bps = 500 * MBIT}});

    sim_run_until(sim, sim->now_ns + 28 * SIM_S);
    cr_assert_not(sim_sent(flow).breaker_tripped);
    cr_assert_eq(sim_sent(flow).rate_bps, 500 * MBIT);
    sim_run_until(sim, sim->now_ns + 5 * SIM_S);
    cr_assert(sim_sent(flow).breaker_tripped);
    cr_assert_leq(sim_sent(flow).rate_bps, 70 * MBIT);
    cr_assert_geq(sim_sent(flow).rate_bps, 50 * MBIT);
    sim_free(sim);
}

Test(sim_law, a_minimum_rate_is_kept_in_company, .timeout = 900)
{
    struct sim_path path = gigabit;
    path.rate_bps = 100 * MBIT;
    path.queue_bytes = 1250000;
    struct sim *sim = sim_new(1, path);
    struct sim_flow_options options = endless;
    options.rates.minimum_bps = 70 * MBIT;
    struct sim_flow *first = sim_add(sim, options);

    sim_add(sim, endless);
    sim_run_until(sim, sim->now_ns + 20 * SIM_S);
    cr_expect_geq(mbit_for(sim, first, 10 * SIM_S), 63);
    sim_free(sim);
}
