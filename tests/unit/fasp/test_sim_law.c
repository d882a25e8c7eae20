/* How the law follows what changes: the start, the path, the rates. */
#include <criterion/criterion.h>

#include "sim_rows.h"

#define GIGABIT_MBIT 1000

static struct sim *gigabit(unsigned long seed)
{
    return sim_new(seed, sim_row_path(GIGABIT_MBIT, 100, 0, 1));
}

/* From the first data on; the trains left a round trip before. */
Test(sim_law, the_start_takes_half_a_second, .timeout = 60)
{
    struct sim *sim = gigabit(1);
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

    /* Keys, a round trip, 0.6 s, and the way there. */
    sim_run_for(sim, 700 * SIM_MS);
    double mbit = sim_mbit_for(sim, flow, 100 * SIM_MS);
    sim_note("start: %.0f Mbit/s after 0.6 s, longest queue %.1f ms", mbit,
             sim_queue_ms(sim, 100));
    cr_expect_geq(mbit, 900, "%.0f", mbit);
    sim_run_for(sim, 2 * SIM_S);
    cr_expect_leq(sim_queue_ms(sim, 100), 20, "%.1f", sim_queue_ms(sim, 100));
    cr_expect_eq(sim->dropped, 0);
    sim_free(sim);
}

/* Nobody answers them: 32 datagrams, and doubled. */
Test(sim_law, without_trains_the_start_takes_two_seconds, .timeout = 60)
{
    struct sim *sim = gigabit(1);
    struct sim_flow_options options = sim_endless(FASP_POLICY_FAIR);
    options.trains = false;
    struct sim_flow *flow = sim_add(sim, options);

    sim_run_for(sim, 2 * SIM_S);
    cr_expect_geq(sim_mbit_for(sim, flow, SIM_S), 880);
    cr_expect_eq(sim->dropped, 0);
    sim_free(sim);
}

Test(sim_law, loss_jumps, .timeout = 300)
{
    static const struct {
        uint32_t before_ppm;
        uint32_t after_ppm;
    } rows[] = {{0, 50000}, {0, 200000}, {100000, 1000}};

    for (size_t i = 0; i < 3; i++) {
        struct sim *sim = gigabit(1);
        struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

        sim->path.loss_ppm = sim->path.loss_back_ppm = rows[i].before_ppm;
        sim_run_for(sim, 20 * SIM_S);
        sim->path.loss_ppm = sim->path.loss_back_ppm = rows[i].after_ppm;
        double util = sim_mbit_for(sim, flow, 10 * SIM_S) /
                      (1000 - rows[i].after_ppm / 1000.0);
        sim_note("loss from %.1f to %.1f %%: util %.3f in 10 s",
                 rows[i].before_ppm / 1e4, rows[i].after_ppm / 1e4, util);
        cr_expect_geq(util, 0.97, "row %zu: %.3f", i, util);
        sim_free(sim);
    }
}

Test(sim_law, the_path_becomes_longer_or_shorter, .timeout = 300)
{
    static const int64_t changes_ms[] = {50, -40};

    for (size_t i = 0; i < 2; i++) {
        struct sim *sim = gigabit(1);
        struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

        sim_run_for(sim, 12 * SIM_S);
        sim->path.there_ns = (uint64_t)((int64_t)sim->path.there_ns +
                                        changes_ms[i] * (int64_t)SIM_MS);
        sim_run_for(sim, 4 * SIM_S);
        double mbit = sim_mbit_for(sim, flow, SIM_S);
        sim_note("path %+lld ms: %.0f Mbit/s after 4 s",
                 (long long)changes_ms[i], mbit);
        cr_expect_geq(mbit, 900, "row %zu: %.0f", i, mbit);
        sim_free(sim);
    }
}

Test(sim_law, a_receiver_that_stops_for_two_seconds, .timeout = 300)
{
    struct sim *sim = gigabit(1);
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

    sim_run_for(sim, 12 * SIM_S);
    sim_stop_receiver(flow, sim->now_ns + 2 * SIM_S);
    sim_run_for(sim, 2 * SIM_S + SIM_MS);
    double util = sim_mbit_for(sim, flow, 10 * SIM_S) / 1000;
    sim_note("stall of 2 s: util %.3f in the 10 s after", util);
    cr_expect_geq(util, 0.90, "%.3f", util);
    sim_free(sim);
}

Test(sim_law, clocks_that_run_apart, .timeout = 300)
{
    static const struct {
        double mbit;
        double rtt_ms;
        int32_t ppm;
        uint64_t skip_s;
        bool quick;
    } rows[] = {
        {1000, 100, 100, 10, false},
        {1000, 100, -100, 10, true},
        {10000, 20, 100, 40, false},
        {10000, 20, -100, 40, false},
    };

    for (size_t i = 0; i < 4; i++) {
        if (!rows[i].quick && !sim_all())
            continue;
        struct sim *sim =
            sim_new(1, sim_row_path(rows[i].mbit, rows[i].rtt_ms, 0, 1));
        struct sim_flow_options options = sim_endless(FASP_POLICY_FAIR);
        options.clock_ppm = rows[i].ppm;
        struct sim_flow *flow = sim_add(sim, options);

        sim_run_for(sim, rows[i].skip_s * SIM_S);
        double util = sim_mbit_for(sim, flow, 20 * SIM_S) / rows[i].mbit;
        sim_note("clock %+d ppm, %.0f M: util %.3f", rows[i].ppm, rows[i].mbit,
                 util);
        cr_expect_geq(util, 0.97, "row %zu: %.3f", i, util);
        sim_free(sim);
    }
}

Test(sim_law, less_capacity_is_noticed, .timeout = 300)
{
    struct sim *sim = gigabit(1);
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

    sim_run_for(sim, 12 * SIM_S);
    uint64_t dropped = sim->dropped;
    uint64_t passed = sim->passed;
    /* The bytes that wait stay, and take ten times as long. */
    uint64_t left_ns = sim->link_free_ns - sim->now_ns;
    sim->path.rate_bps = 100 * MBIT;
    sim->link_free_ns = sim->now_ns + 10 * left_ns;
    sim_run_for(sim, 250 * SIM_MS);
    double budget = (double)sim_sent(flow).budget_bytes / 1250000;
    double first = sim_mbit_for(sim, flow, 9750 * SIM_MS);
    double later = sim_mbit_for(sim, flow, 10 * SIM_S);
    dropped = sim->dropped - dropped;
    passed = sim->passed - passed;
    double drops = (double)dropped / (double)(dropped + passed);
    sim_note("1 G to 100 M: W %.1f BDP after 2.5 RTT, drops %.2f %%, util %.3f "
             "in 10 s, %.3f later",
             budget, drops * 100, first / 100, later / 100);
    cr_expect_leq(budget, 3, "%.2f", budget);
    cr_expect_leq(drops, 0.01, "%.4f", drops);
    cr_expect_geq(first, 50, "%.1f", first);
    cr_expect_geq(later, 97, "%.1f", later);
    sim_free(sim);
}

Test(sim_law, more_capacity_is_found, .timeout = 300)
{
    struct sim *sim = sim_new(1, sim_row_path(100, 100, 0, 1));
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

    sim_run_for(sim, 12 * SIM_S);
    sim->path.rate_bps = 1000 * MBIT;
    sim->path.queue_bytes = 12500000;
    sim_run_for(sim, 3 * SIM_S);
    double mbit = sim_mbit_for(sim, flow, SIM_S);
    sim_note("100 M to 1 G: %.0f Mbit/s after 3 s", mbit);
    cr_expect_geq(mbit, 900, "%.0f", mbit);
    sim_free(sim);
}

/* 128 KB may pass at once, 3.5 ms: a policer that lets less through at a time
 * than a burst of one millisecond (37 KB) would see loss at any rate. */
Test(sim_law, a_policer_has_no_queue_to_see, .timeout = 300)
{
    for (uint32_t loss = 0; loss <= 2; loss += 2) {
        struct sim_path path = sim_row_path(1000, 100, loss, 1);
        path.police_bps = 300 * MBIT;
        path.police_bytes = 131072;
        struct sim *sim = sim_new(1, path);
        struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

        sim_run_for(sim, 30 * SIM_S);
        double util = sim_mbit_for(sim, flow, 30 * SIM_S) / (300 - 3.0 * loss);
        double drops =
            (double)sim->dropped / (double)(sim->passed + sim->dropped);
        sim_note("policer 300 M, loss %u %%: util %.3f, drops %.2f %%", loss,
                 util, drops * 100);
        cr_expect_geq(util, 0.96, "%u %%: %.3f", loss, util);
        cr_expect_leq(drops, 0.03, "%u %%: %.4f", loss, drops);
        sim_free(sim);
    }
}

Test(sim_law, disks_slower_than_the_path, .timeout = 300)
{
    static const struct {
        uint64_t source_mbit;
        uint64_t sink_mbit;
        uint64_t later_mbit;
    } rows[] = {{300, 0, 0}, {0, 300, 0}, {0, 2000, 300}};

    for (size_t i = 0; i < 3; i++) {
        struct sim *sim = gigabit(1);
        struct sim_flow_options options = sim_endless(FASP_POLICY_FAIR);
        options.source_bps = rows[i].source_mbit * MBIT;
        options.disk_bps = rows[i].sink_mbit * MBIT;
        struct sim_flow *flow = sim_add(sim, options);

        sim_run_for(sim, 10 * SIM_S);
        if (rows[i].later_mbit > 0) {
            flow->options.disk_bps = rows[i].later_mbit * MBIT;
            sim_run_for(sim, 5 * SIM_S);
        }
        uint64_t before = sim_received(flow).received_bytes;
        sim_run_for(sim, 10 * SIM_S);
        double mbit =
            (double)(sim_received(flow).received_bytes - before) * 8e-7;
        struct fasp_receiver_statistics statistics = sim_received(flow);
        sim_note("disk, row %zu: %.0f Mbit/s, %llu datagrams without room", i,
                 mbit, (unsigned long long)statistics.no_room_packets);
        cr_expect_geq(mbit, 270, "row %zu: %.0f", i, mbit);
        cr_expect_eq(statistics.no_room_packets, 0, "row %zu", i);
        sim_free(sim);
    }
}

Test(sim_law, it_is_never_dead, .timeout = 300)
{
    for (int i = 0; i < 2; i++) {
        double least = 1;
        for (unsigned long seed = 1; seed <= (sim_all() ? 20 : 5); seed++) {
            struct sim *sim =
                sim_new(seed, sim_row_path(10, i == 0 ? 10 : 50, 30, 4));
            struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

            sim_run_for(sim, 20 * SIM_S);
            double util = sim_mbit_for(sim, flow, 20 * SIM_S) / 7;
            least = util < least ? util : least;
            cr_expect_geq(util, 0.95, "row %d, seed %lu: %.3f", i, seed, util);
            sim_free(sim);
        }
        sim_note("never dead, row %d: least util %.3f", i, least);
    }
}

/* ---- what the operator says ---- */

Test(sim_law, the_breaker_stops_a_rate_that_does_not_arrive, .timeout = 300)
{
    struct sim *sim = sim_new(1, sim_row_path(50, 100, 0, 1));
    struct sim_flow_options options = sim_endless(FASP_POLICY_FIXED);
    options.rates.target_bps = 500 * MBIT;
    options.trains = false;
    struct sim_flow *flow = sim_add(sim, options);

    sim_run_for(sim, 28 * SIM_S);
    cr_assert_not(sim_sent(flow).breaker_tripped);
    cr_assert_eq(sim_sent(flow).rate_bps, 500 * MBIT);
    sim_run_for(sim, 5 * SIM_S);
    cr_assert(sim_sent(flow).breaker_tripped);
    cr_assert_leq(sim_sent(flow).rate_bps, 70 * MBIT);
    cr_assert_geq(sim_sent(flow).rate_bps, 50 * MBIT);
    sim_free(sim);
}

Test(sim_law, a_minimum_rate_is_kept_in_company, .timeout = 300)
{
    struct sim *sim = sim_new(1, sim_row_path(100, 100, 0, 1));
    struct sim_flow_options options = sim_endless(FASP_POLICY_FAIR);
    options.rates.minimum_bps = 70 * MBIT;
    struct sim_flow *first = sim_add(sim, options);

    sim_add(sim, sim_endless(FASP_POLICY_FAIR));
    sim_run_for(sim, 20 * SIM_S);
    cr_expect_geq(sim_mbit_for(sim, first, 10 * SIM_S), 66);
    sim_free(sim);
}

/* Target, cap and policy act with the next burst: after the queue and the way
 * there, nothing of the old rate comes any more. */
Test(sim_law, changes_act_with_the_next_burst, .timeout = 300)
{
    static const struct {
        struct fasp_rates rates;
        double mbit;
    } rows[] = {
        {{FASP_POLICY_FAIR, 100 * MBIT, 0, 0}, 100},
        {{FASP_POLICY_FAIR, 20000 * MBIT, 0, 50 * MBIT}, 50},
        {{FASP_POLICY_FIXED, 200 * MBIT, 0, 0}, 200},
    };

    for (size_t i = 0; i < 3; i++) {
        struct sim *sim = gigabit(1);
        struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

        sim_run_for(sim, 3 * SIM_S);
        cr_assert(
            fasp_sender_set_rates(flow->sender, &rows[i].rates, sim->now_ns));
        sim_run_for(sim, 58 * SIM_MS);
        double mbit = sim_mbit_for(sim, flow, 500 * SIM_MS);
        cr_expect(mbit > 0.97 * rows[i].mbit && mbit < 1.03 * rows[i].mbit,
                  "row %zu: %.1f", i, mbit);
        sim_free(sim);
    }
}

/* After a pause the estimates hold for 60 s; then it starts anew, from half of
 * what the trains said. */
Test(sim_law, estimates_outlive_a_short_pause, .timeout = 300)
{
    for (uint64_t pause_s = 59; pause_s <= 61; pause_s += 2) {
        struct sim *sim = gigabit(1);
        struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

        sim_run_for(sim, 5 * SIM_S);
        fasp_sender_pause(flow->sender, true, sim->now_ns);
        sim_run_for(sim, SIM_S);
        cr_expect_leq(sim_mbit_for(sim, flow, (pause_s - 1) * SIM_S), 0.01);
        fasp_sender_pause(flow->sender, false, sim->now_ns);
        sim_run_for(sim, 60 * SIM_MS);
        double mbit = sim_mbit_for(sim, flow, 200 * SIM_MS);
        if (pause_s < 60)
            cr_expect_geq(mbit, 900, "%.0f", mbit);
        else
            cr_expect_leq(mbit, 600, "%.0f", mbit);
        sim_free(sim);
    }
}

/* What arrives just after a source that stood still left before: it says
 * nothing of the path.  The budget used to fall to almost nothing. */
Test(sim_law, a_source_that_stood_still_goes_on_as_before, .timeout = 60)
{
    struct sim *sim = gigabit(1);
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_FAIR));

    sim_run_for(sim, 10 * SIM_S); /* between two drains */
    for (int i = 0; i < 3; i++) {
        flow->options.missing_ppm = 1000000;
        sim_run_for(sim, SIM_S);
        flow->options.missing_ppm = 0;
        sim_run_for(sim, 60 * SIM_MS);
        double mbit = sim_mbit_for(sim, flow, 200 * SIM_MS);
        cr_expect_geq(mbit, 900, "%.0f", mbit);
        sim_run_for(sim, 300 * SIM_MS);
    }
    sim_free(sim);
}
