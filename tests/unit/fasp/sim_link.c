/* The path: a policer, a narrow link with a queue, loss, jitter. */
#include "sim_parts.h"

static bool is_listed(const struct sim *sim, uint64_t number)
{
    for (const uint32_t *lose = sim->path.lose; lose && *lose != 0; lose++)
        if (*lose == number)
            return true;
    return false;
}

static bool loses(struct sim *sim, uint64_t number)
{
    uint32_t run = sim->path.loss_run > 0 ? sim->path.loss_run : 1;

    if (sim->path.lose != NULL)
        return is_listed(sim, number);
    if (sim->lose_left > 0) {
        sim->lose_left--;
        return true;
    }
    if (random_below(&sim->random, UINT64_C(1000000) * run) >=
        sim->path.loss_ppm)
        return false;
    sim->lose_left = run - 1;
    return true;
}

static uint64_t extra_delay_ns(struct sim *sim)
{
    uint64_t extra = 0;

    if (sim->path.jitter_ns > 0) {
        if (sim->now_ns >= sim->jitter_until_ns) {
            sim->jitter_now_ns =
                random_below(&sim->random, sim->path.jitter_ns + 1);
            sim->jitter_until_ns = sim->now_ns + 5 * SIM_MS;
        }
        extra += sim->jitter_now_ns;
    }
    if (sim->path.late_ppm > 0 &&
        random_below(&sim->random, 1000000) < sim->path.late_ppm)
        extra += sim->path.late_ns;
    return extra;
}

/* A bucket that fills at the policer's rate. */
static bool is_policed(struct sim *sim, uint64_t wire_bytes)
{
    if (sim->path.police_bps == 0)
        return false;
    sim->police_left += (double)(sim->now_ns - sim->police_ns) *
                        (double)sim->path.police_bps / 8e9;
    sim->police_ns = sim->now_ns;
    if (sim->police_left > (double)sim->path.police_bytes)
        sim->police_left = (double)sim->path.police_bytes;
    if (sim->police_left < (double)wire_bytes)
        return true;
    sim->police_left -= (double)wire_bytes;
    return false;
}

static bool queue_up(struct sim *sim, uint64_t wire_bytes, uint64_t *out_ns)
{
    uint64_t rate = sim->path.rate_bps;

    if (is_policed(sim, wire_bytes))
        return false;
    *out_ns = sim->now_ns;
    if (rate == 0)
        return true;
    uint64_t start_ns =
        sim->link_free_ns > sim->now_ns ? sim->link_free_ns : sim->now_ns;
    double queued = (double)(start_ns - sim->now_ns) * (double)rate / 8e9;
    if (queued + (double)wire_bytes > (double)sim->path.queue_bytes)
        return false;
    *out_ns = start_ns + wire_bytes * 8 * SIM_S / rate;
    sim->link_free_ns = *out_ns;
    return true;
}

bool sim_link_pass(struct sim *sim, struct sim_flow *flow, uint64_t wire_bytes,
                   uint64_t number, const char *kind, uint64_t *arrival_ns)
{
    uint64_t out_ns;

    if (!queue_up(sim, wire_bytes, &out_ns)) {
        sim->dropped++;
        flow->dropped++;
        sim_say(sim, "tx", number, " dropped");
        return false;
    }
    sim->passed++;
    bool lost = loses(sim, number) ||
                (sim->path.mtu_bytes > 0 &&
                 wire_bytes > sim->path.mtu_bytes + FASP_WIRE_BYTES);
    sim_say(sim, kind, number, lost ? " lost" : "");
    if (lost)
        return false;
    *arrival_ns = out_ns + sim->path.there_ns + flow->options.far_ns / 2 +
                  extra_delay_ns(sim);
    return true;
}
