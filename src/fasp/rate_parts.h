/* What the files of the rate law share; nobody else includes it. */
#ifndef FASP_RATE_PARTS_H
#define FASP_RATE_PARTS_H

#include <math.h>

#include "fasp/rate.h"

/* More is under way, or arrives in a second, on no path: 100 Gbit/s and 60 s. */
#define RATE_BYTES_MAX 1e12

/* Delays below are noise of timers, not a queue. */
#define RATE_QUEUE_S_MIN 0.0001

/* The least time between reports (docs/protocol.md, "Receiving"). */
#define RATE_INTERVAL_S 0.005

/* B, as the law takes it: the round trip, or how often we hear of it. */
static inline double rate_loop_s(const struct rate *rate)
{
    return rate->trip_s > RATE_INTERVAL_S ? rate->trip_s : RATE_INTERVAL_S;
}

/* A whole round, as its end sees it. */
struct rate_result {
    double now_s;
    double span_s;
    double queue_s;
    double delivered; /* D */
    struct rate_window loss;
};

static inline double rate_share(const struct rate_window *window)
{
    return window->judged > 0 ? window->lost / window->judged : 0;
}

/* How far the share of lost datagrams may be from the truth: three standard
 * deviations, wider when losses come in runs. */
static inline double rate_margin(const struct rate_window *window)
{
    if (window->judged <= 0)
        return 1;
    double run = window->runs > 0 ? window->lost / window->runs : 1;
    double share = rate_share(window);
    return 3 * sqrt((run < 1 ? 1 : run) * (share + 1 / window->judged) /
                    window->judged);
}

static inline double rate_larger(double left, double right)
{
    return left > right ? left : right;
}

static inline double rate_smaller(double left, double right)
{
    return left < right ? left : right;
}

/* Of the root of the rate, as much as a fair flow asks for. */
static inline double rate_weight(const struct rate *rate)
{
    static const double weights[] = {
        [FASP_POLICY_FIXED] = 1,
        [FASP_POLICY_HIGH] = 1.4142135623730951,
        [FASP_POLICY_FAIR] = 1,
        [FASP_POLICY_LOW] = 0.316227766016838,
    };
    return weights[rate->rates.policy];
}

/* rate.c */
double rate_ceiling(const struct rate *rate);
void rate_publish(struct rate *rate);
void rate_start_anew(struct rate *rate, double now_s);

/* rate_report.c */
void rate_begin_round(struct rate *rate, const struct rate_report *report);

/* rate_start.c */
void rate_start_estimate(struct rate *rate, const struct rate_report *report);
void rate_start_report(struct rate *rate, double now_s);
void rate_start_round(struct rate *rate, const struct rate_result *result);

/* rate_law.c */
double rate_queue_asked(const struct rate *rate, double delivered);
double rate_budget_min(const struct rate *rate);
void rate_run_round(struct rate *rate, const struct rate_result *result);
void rate_fixed_round(struct rate *rate, const struct rate_result *result);
void rate_clear_windows(struct rate *rate);

/* rate_drain.c */
void rate_drain_begin(struct rate *rate, double now_s, bool test, bool asking,
                      uint64_t sent_number);
void rate_drain_tick(struct rate *rate, double now_s, uint64_t sent_number);
void rate_test_report(struct rate *rate, const struct rate_report *report);

/* rate_skew.c */
void rate_skew_begin(struct rate *rate);
void rate_skew_report(struct rate *rate, double owd_s, double rtt_s,
                      double now_s);
void rate_skew_end(struct rate *rate);

/* rate_rival.c */
void rate_rival_drain_begin(struct rate *rate);
void rate_rival_report(struct rate *rate);
void rate_rival_drain_end(struct rate *rate, double now_s);
void rate_rival_round(struct rate *rate, const struct rate_result *result);

#endif
