/* Company that fills the buffer whatever we do: then a virtual window of
 * Cubic keeps a share for us. */
#include "fasp/rate_parts.h"

#define QUEUE_S_MIN 0.003
/* Of the queue that our drain should have taken away. */
#define FALL_MIN 0.6
#define DRAINS 2
#define FREE_ROUNDS 30
#define C 0.4
#define BETA_LOSS 0.3

void rate_rival_drain_begin(struct rate *rate)
{
    rate->rival.queue_s_before =
        rate_smaller(rate->queue_round_s, rate->path_queue_s);
    rate->rival.queue_s_min = INFINITY;
    rate->rival.depth = rate->depth;
}

void rate_rival_report(struct rate *rate)
{
    if (rate->state == RATE_DRAIN || rate->state == RATE_REST)
        rate->rival.queue_s_min =
            rate_smaller(rate->rival.queue_s_min, rate->path_queue_s);
}

static double flows(const struct rate *rate)
{
    return rate->rates.policy == FASP_POLICY_HIGH ? 2 : 1;
}

/* From `window` now to `most` later. */
static void begin_epoch(struct rate *rate, double now_s)
{
    struct rate_rival *rival = &rate->rival;
    double gap = rate_larger(0, rival->most - rival->window) / rate->mss;

    rival->epoch_s = now_s;
    rival->k_s = cbrt(gap / (C * flows(rate)));
}

static void begin(struct rate *rate, double now_s)
{
    struct rate_rival *rival = &rate->rival;
    double span_s = rate_loop_s(rate) + rival->queue_s_before;

    rival->active = true;
    rival->free_rounds = 0;
    rival->drains_free = 0;
    rival->window = rate->budget;
    rival->most =
        rate_larger(rate->budget,
                    rate_smaller(4 * rate->budget, rate->d_long * span_s / 2));
    rival->loss_next_s = now_s;
    begin_epoch(rate, now_s);
}

void rate_rival_drain_end(struct rate *rate, double now_s)
{
    struct rate_rival *rival = &rate->rival;
    double before_s = rival->queue_s_before;
    double taken_s = (1 - rival->depth) * (rate_loop_s(rate) + before_s);
    double fall_s = before_s - rival->queue_s_min;

    if (rival->queue_s_min == INFINITY || rate->clock_unsynchronised ||
        rate->rates.policy == FASP_POLICY_LOW)
        return;
    bool stays = before_s > QUEUE_S_MIN &&
                 fall_s < FALL_MIN * rate_smaller(before_s, taken_s);
    rival->drains = stays ? rival->drains + 1 : 0;
    rival->drains_free = stays ? 0 : rival->drains_free + 1;
    if (!rival->active && rival->drains >= DRAINS)
        begin(rate, now_s);
    else if (rival->drains_free >= DRAINS)
        rival->active = false;
}

void rate_rival_round(struct rate *rate, const struct rate_result *result)
{
    struct rate_rival *rival = &rate->rival;
    double expected = rate->path_loss * result->loss.judged;

    if (!rival->active)
        return;
    rival->free_rounds = result->queue_s * result->delivered < rate->a / 4
                             ? rival->free_rounds + 1
                             : 0;
    if (rival->free_rounds >= FREE_ROUNDS) {
        rival->active = false;
        rival->drains = 0;
        return;
    }
    if (result->loss.lost > expected + sqrt(expected) + 0.5 &&
        result->now_s >= rival->loss_next_s) {
        double span_s = rate_loop_s(rate) + result->queue_s;
        rival->loss_next_s = result->now_s + 2 * span_s;
        rival->most = rate->budget;
        rival->window = rate->budget * (1 - BETA_LOSS / flows(rate));
        begin_epoch(rate, result->now_s);
        return;
    }
    double t = result->now_s - rival->epoch_s - rival->k_s;
    double window = rival->most + C * flows(rate) * t * t * t * rate->mss;
    rate->budget =
        rate_larger(rate->budget, rate_smaller(1.5 * rate->budget, window));
}
