/* Two nodes of one machine, or of one room: a round trip far shorter than the
 * time between reports, and hosts that run now and then only. */
#include <criterion/criterion.h>

#include "sim.h"

/* Loopback with a receiver that takes 7 Gbit/s, a socket buffer of 4 MB, and
 * cores that others use up to 4 ms at a time. */
static const struct sim_path loopback = {.rate_bps = 7000 * MBIT,
                                         .there_ns = 50 * SIM_US,
                                         .back_ns = 50 * SIM_US,
                                         .queue_bytes = 4000000,
                                         .busy_ns = 4 * SIM_MS};

/* Mbit/s that arrive after half a second. */
static double mbit_of(enum fasp_policy policy, uint64_t target_bps, bool trains,
                      unsigned long seed)
{
    struct sim *sim = sim_new(seed, loopback);
    struct sim_flow *flow =
        sim_add(sim, (struct sim_flow_options){
                         .rates = {.policy = policy, .target_bps = target_bps},
                         .trains = trains,
                         .datagram_bytes = FASP_DATAGRAM_BYTES_MAX});

    sim_run_for(sim, SIM_S / 2);
    uint64_t before = flow->arrived_wire;
    sim_run_for(sim, 2 * SIM_S);
    double mbit = (double)(flow->arrived_wire - before) * 8e-6 / 2;
    sim_free(sim);
    return mbit;
}

/* It was 53 to 268: the budget was sent at once, then nothing until the next
 * report, 5 ms later, and the less that made arrive, the smaller the budget
 * became. */
Test(sim_local, fair_fills_a_fast_path_between_busy_hosts, .timeout = 120)
{
    static const uint64_t targets[] = {500 * MBIT, 1000 * MBIT, 5000 * MBIT,
                                       10000 * MBIT};

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        for (unsigned long seed = 1; seed <= 3; seed++) {
            double fixed = mbit_of(FASP_POLICY_FIXED, targets[i], false, seed);
            double fair =
                mbit_of(FASP_POLICY_FAIR, targets[i], seed % 2 == 0, seed);
            cr_expect_geq(fair, 0.8 * fixed, "row %zu, seed %lu: %.0f of %.0f",
                          i, seed, fair, fixed);
        }
    }
}
