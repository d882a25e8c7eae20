/* Reports to estimates, and these to rounds. */
#include "fasp/rate_parts.h"

/* A round is never longer, whatever a peer says of its delays. */
#define ROUND_S_MAX 10.0
#define ROUND_S_MIN 0.001

/* Minima of the last 12 s, kept for each second. */
static void take_delays(struct rate *rate, const struct rate_report *report)
{
    uint64_t second = report->now_ns / 1000000000 + 1;
    struct rate_bucket *bucket = &rate->buckets[second % RATE_BUCKETS];
    double base_s = INFINITY;
    double trip_s = INFINITY;
    double now_s = (double)report->now_ns * 1e-9;
    double owd_s = 0;

    if (bucket->second != second)
        *bucket = (struct rate_bucket){second, INFINITY, 0, INFINITY};
    if (report->fresh) {
        if (!rate->owd_known)
            rate->owd_zero_us = report->owd_min_us;
        rate->owd_known = true;
        owd_s = (int32_t)(report->owd_min_us - rate->owd_zero_us) * 1e-6;
        if (owd_s <= bucket->owd_s) {
            bucket->owd_s = owd_s;
            bucket->owd_at_s = now_s;
        }
        double over_s =
            (int32_t)(report->owd_mean_us - report->owd_min_us) * 1e-6;
        rate->sigma_s += (rate_larger(over_s, 0) - rate->sigma_s) / 16;
    }
    if (report->rtt_ns > 0)
        bucket->rtt_s =
            rate_smaller(bucket->rtt_s, (double)report->rtt_ns * 1e-9);

    for (int i = 0; i < RATE_BUCKETS; i++) {
        const struct rate_bucket *each = &rate->buckets[i];
        if (each->second == 0 || each->second + RATE_BUCKETS <= second)
            continue;
        double drift_s = rate->skew.skew * (now_s - each->owd_at_s);
        base_s = rate_smaller(base_s, each->owd_s + drift_s);
        trip_s = rate_smaller(trip_s, each->rtt_s);
    }
    if (trip_s < INFINITY)
        rate->trip_s = trip_s;
    if (base_s < INFINITY)
        rate->base_s = base_s;

    if (report->fresh)
        rate->path_queue_s = rate_larger(owd_s - rate->base_s, 0);
    if (rate->state == RATE_DRAIN || rate->state == RATE_REST)
        rate_skew_report(rate, report->fresh ? owd_s : INFINITY,
                         report->rtt_ns > 0 ? (double)report->rtt_ns * 1e-9
                                            : INFINITY,
                         now_s);
    uint64_t other_ns = report->disk_queue_ns > rate->vlink_queue_ns
                            ? report->disk_queue_ns
                            : rate->vlink_queue_ns;
    rate->queue_s = rate_larger(rate->path_queue_s, (double)other_ns * 1e-9);
    if (rate->queue_s < RATE_QUEUE_S_MIN)
        rate->queue_s = 0;
}

/* D of the last reports, over about B/8. */
static void take_recent(struct rate *rate, const struct rate_report *report)
{
    double span_s = (double)(report->rx_time_us - rate->recent_rx_us) * 1e-6;

    if (rate->recent_rx_us != 0 &&
        span_s < rate_larger(rate->trip_s / 8, RATE_INTERVAL_S / 2))
        return;
    if (rate->recent_rx_us != 0)
        rate->recent =
            (double)(report->delivered_bytes - rate->recent_delivered_bytes) /
            span_s;
    rate->recent_rx_us = report->rx_time_us;
    rate->recent_delivered_bytes = report->delivered_bytes;
}

void rate_begin_round(struct rate *rate, const struct rate_report *report)
{
    rate->round = (struct rate_round){
        .begin_ns = report->now_ns,
        .delivered_bytes = report->delivered_bytes,
        .rx_time_us = report->rx_time_us,
        .judged = report->judged,
        .lost = report->lost,
        .runs = report->runs,
        .queue_s_min = INFINITY,
    };
}

/* Adds to a window that holds about `room` datagrams. */
static void window_add(struct rate_window *window,
                       const struct rate_window *more, double room)
{
    room = rate_larger(room, more->judged);
    double kept = 1;
    if (window->judged + more->judged > room)
        kept = (room - more->judged) / window->judged;

    window->judged = window->judged * kept + more->judged;
    window->lost = window->lost * kept + more->lost;
    window->runs = window->runs * kept + more->runs;
}

/* Whether a round is over; a queue that builds up fast ends it at once. */
static bool is_round_over(const struct rate *rate,
                          const struct rate_report *report)
{
    double age_s = (double)(report->now_ns - rate->round.begin_ns) * 1e-9;
    double loop_s = rate_loop_s(rate);
    double length_s = rate->state == RATE_START ? 1.25 * loop_s + 0.003
                                                : loop_s + rate->queue_s;
    double jump_s = rate_larger(rate->trip_s / 2, 0.02);

    length_s = rate_smaller(rate_larger(length_s, ROUND_S_MIN), ROUND_S_MAX);
    return report->rx_time_us > rate->round.rx_time_us &&
           (age_s >= length_s ||
            (rate->state == RATE_RUN &&
             rate->queue_s > rate->queue_round_s + jump_s));
}

static void end_round(struct rate *rate, const struct rate_report *report)
{
    const struct rate_round *round = &rate->round;
    double span_s = (double)(report->rx_time_us - round->rx_time_us) * 1e-6;
    struct rate_result result = {
        .now_s = (double)report->now_ns * 1e-9,
        .span_s = span_s,
        .queue_s = round->queue_s_sum / round->reports,
        .delivered =
            (double)(report->delivered_bytes - round->delivered_bytes) / span_s,
        .loss = {(double)(report->judged - round->judged),
                 (double)(report->lost - round->lost),
                 (double)(report->runs - round->runs)},
    };

    result.delivered = rate_smaller(result.delivered, RATE_BYTES_MAX);
    /* What arrived in this round left a round trip before. */
    rate->limited = rate->limited_s >= (double)round->begin_ns * 1e-9 -
                                           rate_loop_s(rate) - rate->queue_s;
    rate->delivered = result.delivered;
    rate->delivered_hi =
        rate_larger(result.delivered, 0.9 * rate->delivered_hi);
    rate->arriving = rate->delivered_hi / rate_larger(0.5, 1 - rate->path_loss);
    window_add(&rate->now_window, &result.loss, 400);
    window_add(&rate->long_window, &result.loss,
               rate_larger(3200, 8 * result.loss.judged));

    if (rate->rates.policy == FASP_POLICY_FIXED)
        rate_fixed_round(rate, &result);
    else if (rate->state == RATE_START)
        rate_start_round(rate, &result);
    else if (rate->state == RATE_RUN)
        rate_run_round(rate, &result);
    rate->queue_round_s = result.queue_s;
    rate_begin_round(rate, report);
}

void rate_report(struct rate *rate, const struct rate_report *report)
{
    take_delays(rate, report);
    take_recent(rate, report);
    if (!rate->last_known || rate->round.rx_time_us == 0) {
        /* What came before the first report has no known beginning. */
        rate_begin_round(rate, report);
        rate->last_known = true;
    }
    rate->last = *report;
    rate->round.queue_s_sum += rate->queue_s;
    rate->round.queue_s_min =
        rate_smaller(rate->round.queue_s_min, rate->queue_s);
    rate->round.reports++;

    if (rate->rates.policy != FASP_POLICY_FIXED) {
        rate_test_report(rate, report);
        rate_rival_report(rate);
        rate_start_estimate(rate, report);
        if (rate->state == RATE_START)
            rate_start_report(rate, (double)report->now_ns * 1e-9);
    }
    if (rate->rate_bps == 0)
        /* A pause says nothing of the path. */
        rate_begin_round(rate, report);
    else if (is_round_over(rate, report))
        end_round(rate, report);
    rate_publish(rate);
}
