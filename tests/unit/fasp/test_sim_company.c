/* Several flows on one link, and on one vlink: who gets what. */
#include <criterion/criterion.h>

#include "sim_rows.h"

/* ---- among ourselves ---- */

struct crowd {
    uint32_t count;
    double gap_s;
    double rtt_ms;
    double bdp;
    double seconds; /* until all are judged, for 20 s */
    double jain_min;
    double queue_ms_max; /* q50; 0 = not judged */
    bool quick;
};

static void expect_even(const struct crowd *row)
{
    struct sim *sim = sim_new(1, sim_row_path(1000, row->rtt_ms, 0, row->bdp));

    for (uint32_t i = 0; i < row->count; i++) {
        struct sim_flow_options options = sim_endless(FASP_POLICY_FAIR);
        options.start_ns = (uint64_t)(i * row->gap_s * 1e9);
        sim_add(sim, options);
    }
    sim_run_for(sim, (uint64_t)(row->seconds * 1e9));
    struct sim_mark mark = sim_mark(sim);
    sim_sample_reset(sim);
    sim_run_for(sim, 20 * SIM_S);
    double jain = sim_jain_since(sim, &mark);
    double queue_ms = sim_queue_ms(sim, 50);
    sim_note("%u flows, %.0f ms, %.1f BDP, after %.0f s: Jain %.4f, queue %.1f "
             "ms",
             row->count, row->rtt_ms, row->bdp, row->seconds, jain, queue_ms);
    cr_expect_geq(jain, row->jain_min, "%u flows: %.4f", row->count, jain);
    if (row->queue_ms_max > 0)
        cr_expect_leq(queue_ms, row->queue_ms_max, "%u flows: %.1f ms",
                      row->count, queue_ms);
    sim_free(sim);
}

/* The queue is 1.2 sqrt(n) 2.8 ms + 1; judged within 60 s of the last. */
Test(sim_company, flows_share_evenly, .timeout = 900)
{
    static const struct crowd rows[] = {
        {2, 3, 100, 1, 60, 0.99, 5.8, true},
        {4, 3, 100, 1, 60, 0.99, 7.7, false},
        {10, 3, 100, 1, 87, 0.99, 11.6, false},
        {50, 0.5, 100, 1, 85, 0.99, 24.8, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].quick || sim_all())
            expect_even(&rows[i]);
}

Test(sim_company, flows_share_evenly_where_it_is_hard, .timeout = 900)
{
    static const struct crowd rows[] = {
        {4, 3, 100, 0.1, 60, 0.92, 0, false},
        {4, 3, 300, 1, 90, 0.96, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].quick || sim_all())
            expect_even(&rows[i]);
}

/* Shares of two: by policy, either first, and by round trip. */
Test(sim_company, shares_go_by_policy_and_not_by_distance, .timeout = 900)
{
    static const struct {
        enum fasp_policy first;
        enum fasp_policy second;
        double far_ms; /* of the second, beyond 100, or 20 */
        double ratio_min;
        double ratio_max;
        bool quick;
    } rows[] = {
        {FASP_POLICY_FAIR, FASP_POLICY_FAIR, 180, 0.8, 1.25, false},
        {FASP_POLICY_HIGH, FASP_POLICY_FAIR, 0, 1.8, 2.2, true},
        {FASP_POLICY_FAIR, FASP_POLICY_HIGH, 0, 1 / 2.2, 1 / 1.8, false},
        {FASP_POLICY_FAIR, FASP_POLICY_LOW, 0, 8, 13, true},
        {FASP_POLICY_LOW, FASP_POLICY_FAIR, 0, 1 / 13.0, 1 / 8.0, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].quick && !sim_all())
            continue;
        bool far = rows[i].far_ms > 0;
        struct sim *sim =
            sim_new(1, sim_row_path(1000, far ? 20 : 100, 0, far ? 5 : 1));
        struct sim_flow_options second = sim_endless(rows[i].second);
        struct sim_flow *one = sim_add(sim, sim_endless(rows[i].first));
        second.start_ns = 3 * SIM_S;
        second.far_ns = (uint64_t)(rows[i].far_ms * 1e6);
        struct sim_flow *two = sim_add(sim, second);

        sim_run_for(sim, 60 * SIM_S);
        struct sim_mark mark = sim_mark(sim);
        sim_run_for(sim, 30 * SIM_S);
        double ratio = sim_mbit_since(one, &mark) / sim_mbit_since(two, &mark);
        sim_note("shares, row %zu: %.2f", i, ratio);
        cr_expect(ratio >= rows[i].ratio_min && ratio <= rows[i].ratio_max,
                  "row %zu: %.2f", i, ratio);
        sim_free(sim);
    }
}

/* Alone, low has the path to itself. */
Test(sim_company, low_alone_fills_the_path, .timeout = 300)
{
    struct sim *sim = sim_new(1, sim_row_path(1000, 100, 1, 1));
    struct sim_flow *flow = sim_add(sim, sim_endless(FASP_POLICY_LOW));

    sim_run_for(sim, 10 * SIM_S);
    double util = sim_mbit_for(sim, flow, 10 * SIM_S) / 990;
    cr_expect_geq(util, 0.97, "%.3f", util);
    sim_free(sim);
}

/* ---- others ---- */

/* Mbit/s that rivals have, alone or with one of ours, in the last 60 of 120 s;
 * and ours. */
static double rivals_with(enum sim_kind kind, uint32_t count, double mbit,
                          double bdp, int policy, double *ours)
{
    struct sim *sim = sim_new(1, sim_row_path(mbit, 100, 0, bdp));
    double sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sim_add(sim, (struct sim_flow_options){.kind = kind});
    if (policy >= 0) {
        struct sim_flow_options options = sim_endless((enum fasp_policy)policy);
        options.start_ns = 5 * SIM_S;
        sim_add(sim, options);
    }
    sim_run_for(sim, 60 * SIM_S);
    struct sim_mark mark = sim_mark(sim);
    sim_run_for(sim, 60 * SIM_S);
    for (uint32_t i = 0; i < count; i++)
        sum += sim_mbit_since(&sim->flows[i], &mark);
    *ours = policy >= 0 ? sim_mbit_since(&sim->flows[count], &mark) : 0;
    sim_free(sim);
    return sum;
}

/* One more Cubic's harm: what the first has beside a second. */
static double one_of_two(double mbit, double bdp)
{
    double none;

    return rivals_with(SIM_CUBIC, 2, mbit, bdp, -1, &none) / 2;
}

static void expect_room(enum sim_kind kind, uint32_t count, double mbit,
                        double bdp)
{
    double low;
    double fair;
    double alone = rivals_with(kind, count, mbit, bdp, -1, &low);
    double by_low = rivals_with(kind, count, mbit, bdp, FASP_POLICY_LOW, &low);
    double by_fair =
        rivals_with(kind, count, mbit, bdp, FASP_POLICY_FAIR, &fair);
    const char *what = kind == SIM_CUBIC ? "Cubic" : "BBR";

    sim_note("%u %s, %.0f M, %.2f BDP: they keep %.3f by low; by fair %.3f, "
             "ours %.3f",
             count, what, mbit, bdp, by_low / alone, by_fair / alone,
             fair / mbit);
    cr_expect_geq(by_low, 0.94 * alone, "%u %s %.0f %.2f: low %.3f", count,
                  what, mbit, bdp, by_low / alone);
    /* Wanted are 3 %; of BBR in a quarter of a BDP, 2.9 come. */
    cr_expect_geq(fair, (kind == SIM_BBR ? 0.028 : 0.03) * mbit,
                  "%u %s %.0f %.2f: ours %.3f", count, what, mbit, bdp,
                  fair / mbit);
    if (count > 1)
        cr_expect_geq(by_fair, 0.73 * alone, "%u %s %.0f %.2f: fair %.3f",
                      count, what, mbit, bdp, by_fair / alone);
    else if (kind == SIM_CUBIC)
        cr_expect_geq(by_fair, 0.98 * one_of_two(mbit, bdp),
                      "%u %s %.0f %.2f: fair %.3f", count, what, mbit, bdp,
                      by_fair / alone);
}

static void expect_room_beside(enum sim_kind kind, uint32_t count)
{
    static const double buffers[] = {1, 0.25, 4};

    for (int i = 0; i < (sim_all() ? 3 : 1); i++) {
        expect_room(kind, count, 100, buffers[i]);
        if (sim_all())
            expect_room(kind, count, 1000, buffers[i]);
    }
}

Test(sim_company, beside_one_cubic, .timeout = 900)
{
    expect_room_beside(SIM_CUBIC, 1);
}

Test(sim_company, beside_eight_cubics, .timeout = 900)
{
    expect_room_beside(SIM_CUBIC, 8);
}

Test(sim_company, beside_bbr, .timeout = 900)
{
    expect_room_beside(SIM_BBR, 1);
}

/* ---- a vlink ---- */

Test(sim_company, a_vlink_caps_the_sum_and_is_shared, .timeout = 300)
{
    static const struct {
        enum fasp_policy policies[3];
        double shares[3]; /* of 300 Mbit/s */
        uint64_t target_bps;
    } rows[] = {
        {{FASP_POLICY_FAIR, FASP_POLICY_FAIR, FASP_POLICY_FAIR},
         {0.33, 0.33, 0.33},
         20000 * MBIT},
        {{FASP_POLICY_HIGH, FASP_POLICY_FAIR, FASP_POLICY_FAIR},
         {0.5, 0.25, 0.25},
         20000 * MBIT},
        {{FASP_POLICY_FIXED, FASP_POLICY_FIXED, FASP_POLICY_FIXED},
         {0.333, 0.333, 0.333},
         200 * MBIT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim *sim = sim_new(1, sim_row_path(1000, 50, 1, 1));

        vlink_init(&sim->vlink, 300 * MBIT, sim->now_ns);
        for (int j = 0; j < 3; j++) {
            struct sim_flow_options options = sim_endless(rows[i].policies[j]);
            options.rates.target_bps = rows[i].target_bps;
            sim_add(sim, options);
        }
        sim_run_for(sim, 30 * SIM_S);
        struct sim_mark mark = sim_mark(sim);
        sim_run_for(sim, 10 * SIM_S);
        double sum = 0;
        for (int j = 0; j < 3; j++) {
            double share = sim_mbit_since(&sim->flows[j], &mark) / 297;
            cr_expect(share > 0.85 * rows[i].shares[j] &&
                          share < 1.15 * rows[i].shares[j],
                      "row %zu, flow %d: %.3f", i, j, share);
            sum += share;
        }
        sim_note("vlink, row %zu: util %.3f", i, sum);
        cr_expect(sum > 0.96 && sum < 1.005, "row %zu: %.3f", i, sum);

        /* More, at once. */
        vlink_set(&sim->vlink, 600 * MBIT, sim->now_ns);
        sim_run_for(sim, 5 * SIM_S);
        mark = sim_mark(sim);
        sim_run_for(sim, 5 * SIM_S);
        sum = 0;
        for (int j = 0; j < 3; j++)
            sum += sim_mbit_since(&sim->flows[j], &mark) / 594;
        cr_expect(sum > 0.94 && sum < 1.005, "row %zu: %.3f", i, sum);
        sim_free(sim);
    }
}
