/* The law itself: what a round changes in the budget. */
#include "fasp/rate_parts.h"

/* Bytes of ours that wait in the queue at 1 Gbit/s: 2.8 ms.  They grow with
 * the root of the rate, so that flows share evenly. */
#define A1_BYTES 350e3
#define A1_RATE 125e6
#define A_DATAGRAMS_MIN 4
#define A_DATAGRAMS_MIN_LOW 2
/* Low asks for no longer queue, and leaves one that is longer. */
#define LOW_QUEUE_S 0.005
#define LOW_LEAVES_S 0.010
#define SIGMA_S_MAX 0.020

/* Lasting loss below this is not worth a reaction. */
#define EXCESS_LONG_MIN 0.002
/* What remains of the queue asked for after a cut. */
#define CUT 0.7
/* Of what the path gave lately, what a wrong p0 cannot take. */
#define KEEP 0.9

#define BREAKER_S 30.0

void rate_clear_windows(struct rate *rate)
{
    rate->now_window = (struct rate_window){0};
    rate->long_window = (struct rate_window){0};
    rate->excess = 0;
    rate->excess_long = 0;
    rate->excess_rounds = 0;
}

double rate_budget_min(const struct rate *rate)
{
    return (rate->rates.policy == FASP_POLICY_LOW ? A_DATAGRAMS_MIN_LOW
                                                  : A_DATAGRAMS_MIN) *
           rate->mss;
}

/* The queue that a flow of this rate asks for, before any cut. */
double rate_queue_asked(const struct rate *rate, double delivered)
{
    double a = rate_weight(rate) * A1_BYTES * sqrt(delivered / A1_RATE);

    if (rate->rates.policy == FASP_POLICY_LOW)
        return rate_larger(rate_smaller(a, LOW_QUEUE_S * delivered),
                           rate_budget_min(rate));
    a = rate_larger(a, rate_budget_min(rate));
    return rate_larger(a, rate_smaller(rate->sigma_s, SIGMA_S_MAX) * delivered);
}

static void judge_loss(struct rate *rate)
{
    const struct rate_window *now = &rate->now_window;
    const struct rate_window *lasting = &rate->long_window;
    double least = rate->path_loss + rate->path_loss_margin;

    rate->excess = rate_larger(0, rate_share(now) - rate_margin(now) - least);
    rate->excess_long =
        rate_larger(0, rate_share(lasting) - rate_margin(lasting) - least);
    if (rate->excess_long < EXCESS_LONG_MIN)
        rate->excess_long = 0;
    if (rate_share(lasting) + rate_margin(lasting) < rate->path_loss) {
        rate->path_loss = rate_share(lasting);
        rate->path_loss_margin =
            rate_smaller(rate->path_loss_margin, rate_margin(lasting));
    }

    if (rate->excess > 0.003 || rate->excess_long > 0)
        rate->excess_rounds++;
    else
        rate->excess_rounds = 0;
    /* A surprise: p0 is asked at the next drain. */
    if (fabs(rate_share(now) - rate->path_loss) > rate_margin(now) + 0.01)
        rate->test.ask_next_s = 0;
}

static void follow_best(struct rate *rate, const struct rate_result *result)
{
    double decay = rate_larger(0, 1 - 0.02 * result->span_s);

    rate->d_max *= decay;
    rate->d_long = rate_larger(result->delivered, rate->d_long * decay);
    rate->fall_rounds = !rate->limited && result->delivered < rate->d_max / 2
                            ? rate->fall_rounds + 1
                            : 0;
    if (result->delivered > rate->d_max || rate->fall_rounds >= 3) {
        rate->d_max = result->delivered;
        rate->fall_rounds = 0;
    }
    if (result->delivered > 1.05 * rate->delivered_best) {
        rate->delivered_best = result->delivered;
        rate->probe_wait_s = 4;
    }
}

/* Loss lowers first the queue asked for, so that a wrong verdict costs
 * milliseconds of queue and no rate. */
static void cut(struct rate *rate, const struct rate_result *result)
{
    double asked = rate_queue_asked(rate, result->delivered);
    double round_s = rate_loop_s(rate) + result->queue_s;
    bool lasting = rate->excess_long > 0 && result->loss.lost > 0;

    rate->a = rate_smaller(asked, rate->a_cap);
    if ((rate->excess > 0 || lasting) && result->now_s >= rate->cut_next_s) {
        double least = rate_smaller(rate_smaller(rate->a_cap, rate->a),
                                    result->queue_s * result->delivered);
        rate->cut_next_s = result->now_s + (rate->excess > 0 ? 1 : 8) * round_s;
        rate->now_window = (struct rate_window){0};
        rate->a_cap = rate_larger(rate_budget_min(rate), CUT * least);
    } else if (rate->a_cap < INFINITY) {
        rate->a_cap += 0.05 * asked * result->span_s;
        if (rate->a_cap > 2 * asked)
            rate->a_cap = INFINITY;
    }
    rate->a = rate_smaller(asked, rate->a_cap);
}

/* An empty queue: back to what the path gave lately, then beyond it, slowly
 * at first. */
static double grow(struct rate *rate, const struct rate_result *result,
                   double wanted)
{
    static const double steps[] = {1.05, 1.1, 1.2, 1.4, 1.5};
    double known = rate->d_max / (1 - rate->path_loss) * rate_loop_s(rate);

    rate->low_rounds++;
    if (rate->low_rounds < 2)
        return wanted;
    if (rate->budget < KEEP * known)
        return rate_larger(wanted,
                           rate_smaller(1.25 * rate->budget, 0.95 * known));

    wanted = rate_larger(wanted, rate->budget + rate->a);
    if (rate->low_rounds >= 6 && rate->low_rounds % 2 == 0 &&
        result->now_s >= rate->probe_next_s) {
        uint32_t step = (rate->low_rounds - 6) / 2;
        wanted = rate_larger(wanted, rate->budget * steps[step < 4 ? step : 4]);
    }
    return wanted;
}

/* A queue that stays as it is while we send much less is none: the path became
 * longer. */
static void notice_longer_path(struct rate *rate, double queue_s, double a_s)
{
    bool long_queue = queue_s > rate_larger(0.005, 3 * a_s);
    bool steady = fabs(queue_s - rate->steady_queue_s) <=
                  rate_larger(0.001, 0.05 * queue_s);

    if (!long_queue || !steady) {
        rate->steady_queue_s = queue_s;
        rate->steady_budget = rate->budget;
        rate->steady_rounds = 0;
        return;
    }
    if (++rate->steady_rounds < 6 || rate->budget > 0.6 * rate->steady_budget)
        return;
    for (int i = 0; i < RATE_BUCKETS; i++)
        rate->buckets[i] = (struct rate_bucket){0};
    rate->steady_rounds = 0;
}

void rate_run_round(struct rate *rate, const struct rate_result *result)
{
    double trip = rate_loop_s(rate);
    double queue = result->queue_s;
    double delivered = result->delivered;

    judge_loss(rate);
    double open = 1 - rate->path_loss; /* what the path lets through */
    double over = rate_share(&rate->now_window) - rate->path_loss;
    follow_best(rate, result);
    cut(rate, result);

    double keep = rate->budget *
                  (1 - rate_smaller(rate->excess_long, rate_larger(0, over)));
    keep = rate_larger(
        keep, rate_smaller(rate->budget, KEEP * rate->d_max / open * trip));
    double wanted =
        rate->budget / 2 + (keep * trip / (trip + queue) + rate->a) / 2;
    /* What arrives now is ours whatever the queue. */
    if (rate->rates.policy != FASP_POLICY_LOW)
        wanted = rate_larger(
            wanted, rate_smaller(rate->budget, KEEP * delivered / open * trip));
    else if (rate->d_long > 0 &&
             queue > LOW_LEAVES_S + 2 * rate->mss / rate->d_long)
        wanted = rate_smaller(wanted, rate->budget / 2);

    bool empty = queue * delivered < rate->a / 4;
    if (empty && rate->excess_long == 0)
        wanted = grow(rate, result, wanted);
    else
        rate->low_rounds = 0;
    if (rate->excess_long > 0 && queue * delivered < rate->a &&
        result->now_s >= rate->probe_next_s) {
        rate->probe_next_s = result->now_s + rate->probe_wait_s;
        rate->probe_wait_s = rate_smaller(60, 2 * rate->probe_wait_s);
    }

    double most = rate->limited
                      ? rate->budget
                      : 1.5 * delivered / open * (trip + queue) + rate->a;
    rate->budget =
        rate_larger(rate_budget_min(rate), rate_smaller(wanted, most));
    rate_rival_round(rate, result);
    notice_longer_path(rate, queue,
                       delivered > 0 ? rate->a / delivered : INFINITY);
}

/* The circuit breaker: a rate of which less than half arrives for long is a
 * mistake, or an attack on everybody else. */
void rate_fixed_round(struct rate *rate, const struct rate_result *result)
{
    double rate_now = (double)rate->rate_bps / 8;

    if (rate->limited || rate_now == 0 || rate->breaker_tripped ||
        result->delivered >= rate_now / 2) {
        rate->breaker_since_s = 0;
        return;
    }
    if (rate->breaker_since_s == 0)
        rate->breaker_since_s = result->now_s;
    if (result->now_s - rate->breaker_since_s >= BREAKER_S)
        rate->breaker_tripped = true; /* until the rate is set again */
}
