/* What the sender goes by, and what the operator asks for. */
#include "fasp/rate.h"

#include "fasp/rate_parts.h"

#define WALL_SLOT_US (10 * 1000 * 1000)
#define START_DATAGRAMS 32
#define BURST_S 0.001
/* What one send of UDP_SEGMENT takes. */
#define BURST_BYTES_MAX 65507.0
/* With this queue on their vlink, members of policy fixed stop. */
#define VLINK_QUEUE_S 0.050
/* Estimates outlive a pause of this length. */
#define PAUSE_S_MAX 60.0

bool fasp_rates_supported(const struct fasp_rates *rates)
{
    return rates->target_bps <= FASP_RATE_BPS_MAX &&
           rates->cap_bps <= FASP_RATE_BPS_MAX &&
           rates->minimum_bps <= rates->target_bps;
}

void rate_init(struct rate *rate, const struct fasp_rates *rates,
               uint32_t mss_bytes, uint64_t rtt_ns, bool clock_unsynchronised,
               uint64_t now_ns)
{
    *rate = (struct rate){
        .rates = *rates,
        .state = RATE_START,
        .mss = mss_bytes,
        .clock_unsynchronised = clock_unsynchronised,
        .trip_s = (double)rtt_ns * 1e-9,
        .budget = START_DATAGRAMS * (double)mss_bytes,
        .a_cap = INFINITY,
        .limited_s = -INFINITY,
        .probe_wait_s = 4,
        .drain_slot = -1,
        .depth = 1,
        .round = {.begin_ns = now_ns, .judged = 1},
        .last = {.judged = 1},
        .test = {.test_wait_s = 10, .ask_wait_s = 10},
        .skew = {.owd_s_min = INFINITY, .rtt_s_min = INFINITY},
    };
    rate_publish(rate);
}

void rate_set_size(struct rate *rate, uint32_t mss_bytes)
{
    rate->mss = mss_bytes;
}

/* The highest rate that is allowed now, in bytes a second. */
double rate_ceiling(const struct rate *rate)
{
    uint64_t bps = rate->rates.target_bps;

    if (rate->rates.cap_bps > 0 && rate->rates.cap_bps < bps)
        bps = rate->rates.cap_bps;
    return (double)bps / 8;
}

static double floor_rate(const struct rate *rate)
{
    double least = FASP_RATE_BPS_MIN / 8.0;

    return rate_larger(least, (double)rate->rates.minimum_bps / 8);
}

void rate_publish(struct rate *rate)
{
    double speed = rate_ceiling(rate);
    /* Whatever a peer reports, numbers stay numbers. */
    rate->budget = rate_smaller(rate->budget, RATE_BYTES_MAX);
    double budget = rate->budget * rate->depth;
    double span_s = rate_loop_s(rate) + rate->queue_s;

    if (rate->paused || speed == 0) {
        rate->rate_bps = 0;
        return;
    }
    if (rate->rates.policy == FASP_POLICY_FIXED) {
        if (rate->breaker_tripped)
            speed = rate_smaller(speed, 1.25 * rate->delivered);
        /* On a vlink all give up the same part of what they ask for. */
        double wait_s = (double)rate->vlink_queue_ns * 1e-9;
        speed *= rate_larger(0, 1 - wait_s / VLINK_QUEUE_S);
    } else if (span_s > 0) {
        budget = rate_larger(budget, 1.1 * floor_rate(rate) * span_s);
        speed = rate_smaller(speed, 1.1 * budget / span_s);
    }
    /* The least wins over the law, and what the operator allows over it. */
    speed = rate_larger(speed, floor_rate(rate));
    if (speed > rate_ceiling(rate))
        speed = rate_larger(rate_ceiling(rate), FASP_RATE_BPS_MIN / 8.0);

    double burst = rate_smaller(speed * BURST_S, BURST_BYTES_MAX);
    rate->budget_bytes = UINT64_MAX;
    if (rate->rates.policy != FASP_POLICY_FIXED) {
        burst = rate_smaller(burst, rate->a_cap / 2);
        burst = rate_smaller(burst, budget / 2);
        budget = rate_larger(budget, rate->mss);
        rate->budget_bytes = (uint64_t)budget;
    }
    rate->burst_bytes = (uint64_t)rate_larger(burst, rate->mss);
    rate->rate_bps = (uint64_t)(speed * 8);
}

void rate_tick(struct rate *rate, uint64_t now_ns, int64_t wall_us,
               uint64_t sent_number)
{
    int64_t slot = wall_us / WALL_SLOT_US;
    double now_s = (double)now_ns * 1e-9;

    if (rate->state == RATE_DRAIN || rate->state == RATE_REST)
        rate_drain_tick(rate, now_s, sent_number);
    else if (rate->rates.policy != FASP_POLICY_FIXED &&
             rate->state == RATE_RUN && rate->rate_bps > 0) {
        struct rate_test *test = &rate->test;
        bool doubt = rate->path_loss > 0.005 || rate->excess_long > 0;

        if (slot != rate->drain_slot && rate->drain_slot >= 0) {
            bool ask = doubt && !test->running && now_s >= test->ask_next_s;
            rate_drain_begin(rate, now_s, ask, ask, sent_number);
        } else if (rate->excess_rounds >= 2 && !test->running &&
                   now_s >= test->test_next_s) {
            rate_drain_begin(rate, now_s, true, false, sent_number);
        }
    }
    rate->drain_slot = slot;
}

void rate_limited(struct rate *rate, uint64_t now_ns)
{
    rate->limited_s = (double)now_ns * 1e-9;
}

void rate_unlimited(struct rate *rate)
{
    if (rate->state != RATE_START)
        return;
    if (rate->last_known)
        rate_begin_round(rate, &rate->last);
    rate->limited_s = -INFINITY;
}

/* From what arrives now, the law finds its way. */
void rate_start_anew(struct rate *rate, double now_s)
{
    double known = rate->delivered * (rate_loop_s(rate) + rate->queue_s);

    rate->budget = rate_larger(START_DATAGRAMS * rate->mss, known);
    rate->state = RATE_START;
    rate->start_rounds = 0;
    rate->flat_rounds = 0;
    rate->start_delivered = 0;
    rate->start_before = (struct rate_window){0};
    rate->train_rate = 0;
    rate->depth = 1;
    rate->test.running = false;
    rate->rival.active = false;
    rate_clear_windows(rate);
    rate->round.begin_ns = (uint64_t)(now_s * 1e9);
}

void rate_set(struct rate *rate, const struct fasp_rates *rates,
              uint64_t now_ns)
{
    bool to_law = rate->rates.policy == FASP_POLICY_FIXED &&
                  rates->policy != FASP_POLICY_FIXED;

    rate->rates = *rates;
    rate->breaker_tripped = false;
    rate->breaker_since_s = 0;
    if (to_law)
        rate_start_anew(rate, (double)now_ns * 1e-9);
    rate_publish(rate);
}

void rate_pause(struct rate *rate, bool paused, uint64_t now_ns)
{
    double now_s = (double)now_ns * 1e-9;

    if (paused && !rate->paused)
        rate->paused_s = now_s;
    if (!paused && rate->paused && now_s - rate->paused_s > PAUSE_S_MAX &&
        rate->rates.policy != FASP_POLICY_FIXED) {
        rate->delivered = 0; /* says nothing any more */
        rate_start_anew(rate, now_s);
    }
    if (!paused && rate->paused) {
        if (rate->last_known)
            rate_begin_round(rate, &rate->last);
        rate_limited(rate, now_ns);
    }
    rate->paused = paused;
    rate_publish(rate);
}

void rate_vlink_queue(struct rate *rate, uint64_t queue_ns)
{
    if (queue_ns == rate->vlink_queue_ns)
        return;
    rate->vlink_queue_ns = queue_ns;
    if (rate->rates.policy == FASP_POLICY_FIXED)
        rate_publish(rate);
}
