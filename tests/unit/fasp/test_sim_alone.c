/* One flow on a narrow link: how much of it is used, and how long the queue
 * is.
 *
 * `util` is what arrives of what the link and its loss let through, on the
 * wire, in the second half of 40 s or 120 round trips. */
#include <criterion/criterion.h>

#include "sim_rows.h"

struct result {
    double util;
    double queue_ms_50;
    double queue_ms_95;
    double waste; /* dropped and duplicate, of all that passed */
};

static struct result run_row(double mbit, double rtt_ms, double loss,
                             double loss_back, double bdp, double seconds)
{
    struct sim_path path = sim_row_path(mbit, rtt_ms, loss, bdp);
    path.loss_back_ppm = (uint32_t)(loss_back * 1e4);
    struct sim *sim = sim_new(1, path);
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));
    uint64_t half_ns = (uint64_t)(seconds * 5e8);

    sim_run_for(sim, half_ns);
    sim_sample_reset(sim);
    double got = sim_mbit_for(sim, flow, half_ns);
    struct fasp_receiver_statistics statistics = sim_received(flow);
    struct result result = {
        .util = got * 100 / (mbit * (100 - loss)),
        .queue_ms_50 = sim_queue_ms(sim, 50),
        .queue_ms_95 = sim_queue_ms(sim, 95),
        .waste = (double)sim->dropped / (double)sim->passed +
                 (double)statistics.duplicate_bytes /
                     (double)statistics.received_bytes,
    };
    cr_expect_not(flow->nonsense);
    sim_note(
        "alone %5.0f M %4.0f ms, loss %2.0f %% there %2.0f %% back, buffer "
        "%.1f BDP: util %.3f, queue %.1f and %.1f ms, waste %.2f %%",
        mbit, rtt_ms, loss, loss_back, bdp, result.util, result.queue_ms_50,
        result.queue_ms_95, result.waste * 100);
    sim_free(sim);
    return result;
}

static const double losses[] = {0, 1, 10, 30};

/* All buffers, in the long run; in the short one, one BDP. */
static void expect_full(double mbit, double rtt_ms)
{
    static const double buffers[] = {1, 0.1, 4};
    double seconds = rtt_ms > 333 ? rtt_ms * 0.12 : 40;

    for (int i = 0; i < (sim_all() ? 3 : 1); i++) {
        for (int j = 0; j < 4; j++) {
            if (!sim_all() && j == 2)
                continue;
            struct result result =
                run_row(mbit, rtt_ms, losses[j], losses[j], buffers[i],
                        sim_all() ? seconds : 20);
            double packets = mbit * 125 * rtt_ms * buffers[i] / 1500;
            /* With 30 % of reports lost, which come each 5 ms, four in a row
             * stop the sender: at 10 ms 0.968 where 0.97 is wanted, and 0.92
             * with a buffer of 1 ms (of lost reports 0.90 is wanted).  Losing
             * data only it is 0.99. */
            double least = losses[j] != 30 || rtt_ms > 10 ? 0.97
                           : buffers[i] < 1               ? 0.90
                                                          : 0.96;

            cr_expect_geq(result.util, least,
                          "%.0f Mbit/s, %.0f ms, %.0f %%, %.1f BDP: %.3f", mbit,
                          rtt_ms, losses[j], buffers[i], result.util);
            cr_expect_leq(result.util, 1.01);
            if (packets >= 100)
                cr_expect_leq(result.waste, 0.015, "%.4f", result.waste);
            if (mbit >= 1000 && buffers[i] >= 1 && losses[j] <= 10) {
                cr_expect_leq(result.queue_ms_50, 5, "%.1f",
                              result.queue_ms_50);
                cr_expect_leq(result.queue_ms_95, 8, "%.1f",
                              result.queue_ms_95);
            }
        }
    }
}

Test(sim_alone, fair_fills_100_mbit_at_10_and_30_ms, .timeout = 600)
{
    expect_full(100, 10);
    expect_full(100, 30);
}

Test(sim_alone, fair_fills_100_mbit_at_100_and_300_ms, .timeout = 600)
{
    expect_full(100, 100);
    expect_full(100, 300);
}

Test(sim_alone, fair_fills_1_gbit_at_10_and_30_ms, .timeout = 600)
{
    expect_full(1000, 10);
    if (sim_all())
        expect_full(1000, 30);
}

Test(sim_alone, fair_fills_1_gbit_at_100_ms, .timeout = 600)
{
    expect_full(1000, 100);
}

Test(sim_alone, fair_fills_1_gbit_at_300_ms, .timeout = 600)
{
    if (sim_all())
        expect_full(1000, 300);
}

Test(sim_alone, fair_fills_long_and_fast_paths, .timeout = 1200)
{
    static const struct {
        double mbit;
        double loss;
        bool quick;
    } rows[] = {
        {10, 0, true},     {10, 1, false},    {10, 10, false},
        {10, 30, true},    {100, 0, false},   {100, 1, false},
        {100, 10, false},  {100, 30, false},  {1000, 0, false},
        {1000, 1, false},  {1000, 10, false}, {1000, 30, false},
        {10000, 1, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].quick && !sim_all())
            continue;
        struct result result =
            run_row(rows[i].mbit, 1000, rows[i].loss, rows[i].loss, 1,
                    rows[i].mbit > 1000 ? 60 : 120);
        cr_expect_geq(result.util, 0.91, "row %zu: %.3f", i, result.util);
    }
}

Test(sim_alone, lost_reports_cost_little, .timeout = 300)
{
    static const struct {
        double rtt_ms;
        double loss;
    } rows[] = {{100, 10}, {10, 30}, {10, 0}, {100, 0}};

    for (size_t i = 0; i < (sim_all() ? 4 : 2); i++) {
        struct result result =
            run_row(1000, rows[i].rtt_ms, rows[i].loss, 30, 1, 20);
        cr_expect_geq(result.util, 0.90, "row %zu: %.3f", i, result.util);
    }
}

/* The mean of five seeds: one burst more or less in 20 s decides. */
Test(sim_alone, bursts_of_loss, .timeout = 300)
{
    static const struct {
        double loss;
        uint32_t run;
    } rows[] = {{1, 20}, {5, 50}};

    for (size_t i = 0; i < 2; i++) {
        double sum = 0;
        unsigned long seeds = sim_all() ? 5 : 1;

        for (unsigned long seed = 1; seed <= seeds; seed++) {
            struct sim_path path = sim_row_path(1000, 100, rows[i].loss, 1);
            path.loss_run = rows[i].run;
            path.loss_back_ppm = 0;
            struct sim *sim = sim_new(seed, path);
            struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));
            uint64_t half_ns = (sim_all() ? 20 : 10) * SIM_S;
            sim_run_for(sim, half_ns);
            sum +=
                sim_mbit_for(sim, flow, half_ns) / (1000 - 10 * rows[i].loss);
            sim_free(sim);
        }
        sim_note("bursts of %u, %.0f %%: util %.3f", rows[i].run, rows[i].loss,
                 sum / (double)seeds);
        cr_expect_geq(sum / (double)seeds, 0.93, "row %zu: %.3f", i,
                      sum / (double)seeds);
    }
}

Test(sim_alone, jitter_is_no_queue, .timeout = 300)
{
    static const struct {
        uint64_t jitter_ns;
        double util_min;
    } rows[] = {{2 * SIM_MS, 0.97}, {10 * SIM_MS, 0.88}};

    for (size_t i = 0; i < 2; i++) {
        struct sim_path path = sim_row_path(1000, 100, 0, 1);
        path.jitter_ns = rows[i].jitter_ns;
        struct sim *sim = sim_new(1, path);
        struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

        sim_run_for(sim, 10 * SIM_S);
        double util = sim_mbit_for(sim, flow, 10 * SIM_S) / 1000;
        sim_note("jitter %llu ms: util %.3f",
                 (unsigned long long)(rows[i].jitter_ns / SIM_MS), util);
        cr_expect_geq(util, rows[i].util_min, "row %zu: %.3f", i, util);
        sim_free(sim);
    }
}

Test(sim_alone, fixed_sends_what_was_asked_for, .timeout = 300)
{
    for (int i = 0; i < 4; i++) {
        struct sim *sim = sim_new(1, sim_row_path(1000, 100, losses[i], 1));
        struct sim_flow_options options = sim_endless(FASP_POLICY_FIXED);
        options.rates.target_bps = 200 * MBIT;
        struct sim_flow *flow = sim_add(sim, options);

        sim_run_for(sim, SIM_S);
        double got = sim_mbit_for(sim, flow, 10 * SIM_S);
        double util = got / (2 * (100 - losses[i]));
        cr_expect_geq(util, 0.99, "row %d: %.3f", i, util);
        cr_expect_leq(util, 1.01, "row %d: %.3f", i, util);
        sim_free(sim);
    }
}

Test(sim_alone, a_target_below_the_path_is_kept, .timeout = 300)
{
    struct sim *sim = sim_new(1, sim_row_path(1000, 100, 1, 1));
    struct sim_flow_options options = sim_endless(FASP_POLICY_FAIR);
    options.rates.target_bps = 300 * MBIT;
    struct sim_flow *flow = sim_add(sim, options);

    sim_run_for(sim, 2 * SIM_S);
    double util = sim_mbit_for(sim, flow, 10 * SIM_S) / 297;
    cr_assert_geq(util, 0.98, "%.3f", util);
    cr_assert_leq(util, 1.01, "%.3f", util);
    sim_free(sim);
}
