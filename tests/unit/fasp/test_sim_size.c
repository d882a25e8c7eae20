/* Paths that carry other datagrams than those that a session begins with. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sim.h"

#define MIB (UINT64_C(1) << 20)

Test(sim_size, the_largest_datagrams_that_come_through_are_found, .timeout = 300)
{
    static const struct {
        uint32_t first, most; /* that the session tries */
        uint32_t path;        /* that come through */
        uint32_t change;      /* that come through from 1 s on; 0 = the same */
        uint32_t least;       /* that are found */
        uint32_t loss_ppm;
        enum fasp_policy policy;
    } rows[] = {
        {1472, 8948, 8948, 0, 8948, 0, FASP_POLICY_FAIR},
        {1472, 8948, 1472, 0, 1472, 0, FASP_POLICY_FAIR},
        {1472, 8948, 4000, 0, 3985, 10000, FASP_POLICY_FIXED},
        /* Tunnels: what everybody begins with vanishes. */
        {1472, 1472, 1372, 0, 1350, 0, FASP_POLICY_FAIR},
        {1472, 1472, 1232, 0, 1232, 100000, FASP_POLICY_FAIR},
        {1472, 8948, 1372, 0, 1350, 100000, FASP_POLICY_FIXED},
        {8948, 8948, 1472, 0, 1450, 0, FASP_POLICY_FIXED},
        /* The path changes: pieces of 8906 bytes go again in parts. */
        {1472, 8948, 8948, 1472, 1450, 0, FASP_POLICY_FAIR},
        {1472, 8948, 8948, 1300, 1284, 50000, FASP_POLICY_FIXED},
        {1472, 8948, 8948, 1300, 1284, 300000, FASP_POLICY_FAIR},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim *sim = sim_new(
            i + 1, (struct sim_path){.rate_bps = 100 * MBIT,
                                     .there_ns = 10 * SIM_MS,
                                     .back_ns = 10 * SIM_MS,
                                     .queue_bytes = 500000,
                                     .loss_ppm = rows[i].loss_ppm,
                                     .loss_back_ppm = rows[i].loss_ppm,
                                     .mtu_bytes = rows[i].path});
        struct sim_flow *flow = sim_add(
            sim, (struct sim_flow_options){
                     .rates = {.policy = rows[i].policy,
                               .target_bps = 50 * MBIT},
                     .data_bytes = 32 * MIB,
                     .catalogue_bytes = 50000,
                     .content = true,
                     .datagram_bytes = rows[i].first,
                     .datagram_bytes_max = rows[i].most});
        sim_run_for(sim, SIM_S);
        if (rows[i].change > 0) {
            cr_expect_eq(sim_sent(flow).datagram_bytes, rows[i].path, "row %zu",
                         i);
            sim->path.mtu_bytes = rows[i].change;
        }
        uint32_t carried = sim->path.mtu_bytes;
        cr_expect(sim_run_to_end(sim, 60 * SIM_S), "row %zu: not done", i);
        cr_expect(sim_flow_is_right(flow), "row %zu: wrong bytes", i);
        cr_expect_not(flow->nonsense, "row %zu", i);
        uint32_t found = sim_sent(flow).datagram_bytes;
        cr_expect_geq(found, rows[i].least, "row %zu: %u", i, found);
        cr_expect_leq(found, carried, "row %zu: %u", i, found);
        printf("%zu: %u of %u in %.1f s, %.2f %% twice\n", i, found, carried,
               (double)flow->done_ns / 1e9,
               (double)sim_received(flow).duplicate_bytes * 100 / (32 * MIB));
        sim_free(sim);
    }
}

/* A datagram of 9 KB lasts 72 ms there, and a round 9: most see none. */
Test(sim_size, a_slow_session_with_large_datagrams_goes_on, .timeout = 300)
{
    struct sim *sim =
        sim_new(1, (struct sim_path){.there_ns = SIM_US, .back_ns = SIM_US});
    struct sim_flow *flow = sim_add(
        sim, (struct sim_flow_options){
                 .rates = {.policy = FASP_POLICY_FAIR, .target_bps = 1 * MBIT},
                 .data_bytes = 8 * MIB,
                 .datagram_bytes = 8948});

    cr_expect(sim_run_to_end(sim, 120 * SIM_S));
    cr_expect_lt(sim_sent(flow).budget_bytes, 100 * MIB);
    sim_free(sim);
}
