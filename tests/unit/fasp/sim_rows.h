/* What the tables of the law's tests share.
 *
 * In `test` each table runs the rows marked `quick`; `./zigw build test:sim`
 * sets FERRY_SIM_ALL, runs all of them, and prints what each measured. */
#ifndef TESTS_SIM_ROWS_H
#define TESTS_SIM_ROWS_H

#include "sim.h"

bool sim_all(void);
/* Prints a measured row in the long run. */
__attribute__((format(printf, 1, 2))) void sim_note(const char *format, ...);

/* Buffer in BDP, at least 10 datagrams. */
struct sim_path sim_row_path(double mbit, double rtt_ms, double loss_percent,
                             double bdp);

/* Endless, by trains. */
struct sim_flow_options sim_endless(enum fasp_policy policy);

/* Bytes of all flows now, to take differences of. */
struct sim_mark {
    uint64_t now_ns;
    uint64_t wire[SIM_FLOWS_MAX];
};
struct sim_mark sim_mark(const struct sim *sim);
/* Mbit/s on the wire that arrived of a flow since. */
double sim_mbit_since(const struct sim_flow *flow, const struct sim_mark *mark);
/* Of our flows only. */
double sim_jain_since(const struct sim *sim, const struct sim_mark *mark);

/* Mbit/s that arrive of a flow while time passes. */
double sim_mbit_for(struct sim *sim, const struct sim_flow *flow,
                    uint64_t span_ns);

#endif
