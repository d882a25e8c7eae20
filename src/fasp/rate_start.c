/* The start: from an estimate of the path to what the path gives. */
#include "fasp/rate_parts.h"

/* Without an estimate it doubles each round. */
#define GROWTH 1.5
#define GROWTH_BLIND 2.0
/* The last step goes a little beyond the estimate: a queue must show. */
#define BEYOND 1.05
#define WAIT_TRIPS 3

static void finish_start(struct rate *rate)
{
    double delivered = rate->recent > 0 ? rate->recent : rate->delivered;
    double a = rate_queue_asked(rate, delivered);

    if (rate->start_before.judged > 0) {
        rate->path_loss = rate_smaller(rate_share(&rate->start_before), 0.1);
        rate->path_loss_margin =
            rate->path_loss > 0 ? rate_margin(&rate->start_before) : 0;
    }
    if (delivered > 0)
        rate->budget = rate_smaller(
            rate->budget,
            delivered / (1 - rate->path_loss) * rate_loop_s(rate) + a);
    rate->budget = rate_larger(rate->budget, rate_budget_min(rate));
    rate->d_max = rate->d_long = rate_larger(rate->delivered, delivered);
    rate->a = a;
    rate->state = RATE_RUN;
    rate->low_rounds = 0;
    rate->test.ask_next_s = 0; /* p0 is a guess until it is asked */
    rate_clear_windows(rate);
    rate_begin_round(rate, &rate->last);
}

void rate_start_report(struct rate *rate, double now_s)
{
    double limit_s = rate_larger(0.002 + 2 * rate->sigma_s,
                                 rate_smaller(0.004, rate->trip_s / 16));

    /* The queue of our own trains says nothing. */
    if (rate->queue_s > limit_s && now_s >= rate->train_clear_s)
        finish_start(rate);
}

bool fasp_rates_want_trains(const struct fasp_rates *rates, uint64_t bytes,
                            uint64_t rtt_ns)
{
    double trip_s = rate_larger((double)rtt_ns * 1e-9, 0.02);
    uint64_t bps = rates->target_bps;

    if (rates->cap_bps > 0 && rates->cap_bps < bps)
        bps = rates->cap_bps;
    return rates->policy != FASP_POLICY_FIXED &&
           (double)bps / 8 * trip_s >= (double)bytes;
}

/* A later report may know of more trains: the newest estimate counts, until
 * the first step is made. */
static bool learn(struct rate *rate, double known)
{
    if (rate->state != RATE_START || known <= 0 || rate->train_at_s == 0 ||
        known == rate->train_rate)
        return false;
    rate->train_rate = known;
    rate->train_clear_s = rate->train_at_s + rate->trip_s +
                          rate_smaller(rate->train_bytes / known, 1.0);
    if (rate->start_rounds > 0)
        return false;
    double speed = rate_smaller(known / 2, rate_ceiling(rate));
    rate->budget =
        rate_larger(rate_budget_min(rate), speed * rate_loop_s(rate));
    return true;
}

void rate_trains(struct rate *rate, uint64_t bytes, uint64_t train_rate,
                 uint64_t now_ns)
{
    double now_s = (double)now_ns * 1e-9;

    rate->train_until_s = now_s + WAIT_TRIPS * rate->trip_s + 0.02;
    rate->train_bytes = (double)bytes;
    rate->train_at_s = now_s;
    if (rate->rates.policy != FASP_POLICY_FIXED &&
        learn(rate, (double)train_rate))
        rate_publish(rate);
}

void rate_start_estimate(struct rate *rate, const struct rate_report *report)
{
    if (learn(rate, (double)report->train_rate))
        rate_begin_round(rate, report);
}

static void grow(struct rate *rate)
{
    double most = BEYOND * rate->train_rate * rate_loop_s(rate);

    if (rate->train_rate == 0) {
        if ((double)rate->last.now_ns * 1e-9 >= rate->train_until_s)
            rate->budget *= GROWTH_BLIND;
        return;
    }
    if (rate->budget < most) {
        rate->budget =
            GROWTH * rate->budget / rate_loop_s(rate) > rate->train_rate
                ? most
                : GROWTH * rate->budget;
        return;
    }
    if (rate->queue_s < 0.02 * rate_loop_s(rate))
        rate->budget *= GROWTH_BLIND; /* the estimate was low */
}

void rate_start_round(struct rate *rate, const struct rate_result *result)
{
    double excess =
        rate_share(&rate->now_window) - rate_margin(&rate->now_window);
    /* Twice nothing is no growth: one datagram lasts longer than a round. */
    bool flat = result->delivered == 0 ||
                result->delivered < 1.2 * rate->start_delivered;

    if (!rate->limited) {
        rate->flat_rounds = flat ? rate->flat_rounds + 1 : 0;
        if (rate->flat_rounds >= 3 || (excess > 0.02 && flat)) {
            finish_start(rate);
            return;
        }
        rate->start_rounds++;
        grow(rate);
        rate->start_delivered = result->delivered;
    }
    /* Loss of this round is of "the rounds before the last" from the next on.
     */
    rate->start_before.judged += result->loss.judged;
    rate->start_before.lost += result->loss.lost;
    rate->start_before.runs += result->loss.runs;
}
