#include "sim_rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool sim_all(void)
{
    return getenv("FERRY_SIM_ALL") != NULL;
}

void sim_note(const char *format, ...)
{
    char line[256];
    va_list list;

    if (!sim_all())
        return;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fprintf(stderr, "sim: %s\n", line);
}

struct sim_path sim_row_path(double mbit, double rtt_ms, double loss_percent,
                             double bdp)
{
    double queue_bytes = mbit * 125 * rtt_ms * bdp;

    if (queue_bytes < 15000)
        queue_bytes = 15000;
    return (struct sim_path){
        .rate_bps = (uint64_t)(mbit * 1e6),
        .there_ns = (uint64_t)(rtt_ms * 5e5),
        .back_ns = (uint64_t)(rtt_ms * 5e5),
        .queue_bytes = (uint64_t)queue_bytes,
        .loss_ppm = (uint32_t)(loss_percent * 1e4),
        .loss_back_ppm = (uint32_t)(loss_percent * 1e4),
    };
}

struct sim_flow_options sim_endless(enum fasp_policy policy)
{
    return (struct sim_flow_options){
        .rates = {.policy = policy, .target_bps = 20000 * MBIT},
        .trains = true,
    };
}

struct sim_mark sim_mark(const struct sim *sim)
{
    struct sim_mark mark = {.now_ns = sim->now_ns};

    for (uint32_t i = 0; i < sim->flow_count; i++)
        mark.wire[i] = sim->flows[i].arrived_wire;
    return mark;
}

double sim_mbit_since(const struct sim_flow *flow, const struct sim_mark *mark)
{
    const struct sim *sim = flow->sim;
    uint64_t bytes = flow->arrived_wire - mark->wire[flow - sim->flows];

    return (double)bytes * 8e3 / (double)(sim->now_ns - mark->now_ns);
}

double sim_jain_since(const struct sim *sim, const struct sim_mark *mark)
{
    double sum = 0;
    double squares = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->flow_count; i++) {
        if (sim->flows[i].rival != NULL)
            continue;
        double mbit = sim_mbit_since(&sim->flows[i], mark);
        sum += mbit;
        squares += mbit * mbit;
        count++;
    }
    return squares > 0 ? sum * sum / (count * squares) : 0;
}

double sim_mbit_for(struct sim *sim, const struct sim_flow *flow,
                    uint64_t span_ns)
{
    struct sim_mark mark = sim_mark(sim);

    sim_run_for(sim, span_ns);
    return sim_mbit_since(flow, &mark);
}
