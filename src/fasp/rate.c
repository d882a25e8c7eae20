/* Reports to estimates, rounds, and what the sender goes by. */
#include "fasp/rate.h"

#include "fasp/rate_parts.h"

#define WALL_SLOT_US (10 * 1000 * 1000)
#define START_DATAGRAMS 32
#define BURST_S 0.001
/* What one send of UDP_SEGMENT takes. */
#define BURST_BYTES_MAX 65507.0
/* A round is never longer, whatever a peer says of its delays. */
#define ROUND_S_MAX 10.0
#define ROUND_S_MIN 0.001

bool fasp_rates_supported(const struct fasp_rates *rates)
{
    if (rates->policy != FASP_POLICY_FIXED && rates->policy != FASP_POLICY_FAIR)
        return false;
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
        .probe_wait_s = 4,
        .drain_slot = -1,
        .depth = 1,
        .round = {.begin_ns = now_ns, .judged = 1},
        .last = {.judged = 1},
        .test = {.test_wait_s = 10, .ask_wait_s = 10},
    };
    rate_publish(rate);
}

/* The highest rate that is allowed now, in bytes a second. */
static double ceiling(const struct rate *rate)
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
    double speed = ceiling(rate);
    double budget = rate->budget * rate->depth;
    double span_s = rate->trip_s + rate->queue_s;

    if (rate->paused || speed == 0) {
        rate->rate_bps = 0;
        return;
    }
    if (rate->rates.policy == FASP_POLICY_FIXED) {
        if (rate->breaker_tripped)
            speed = rate_smaller(speed, 1.25 * rate->delivered);
    } else if (span_s > 0) {
        budget = rate_larger(budget, 1.1 * floor_rate(rate) * span_s);
        speed = rate_smaller(speed, 1.1 * budget / span_s);
    }
    /* The least wins over the law, and what the operator allows over it. */
    speed = rate_larger(speed, floor_rate(rate));
    if (speed > ceiling(rate))
        speed = rate_larger(ceiling(rate), FASP_RATE_BPS_MIN / 8.0);

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

/* Minima of the last 12 s, kept for each second. */
static void take_delays(struct rate *rate, const struct rate_report *report)
{
    uint64_t second = report->now_ns / 1000000000 + 1;
    struct rate_bucket *bucket = &rate->buckets[second % RATE_BUCKETS];
    double base_s = INFINITY;
    double trip_s = INFINITY;
    double owd_s = 0;

    if (bucket->second != second)
        *bucket = (struct rate_bucket){second, INFINITY, INFINITY};
    if (report->fresh) {
        if (!rate->owd_known)
            rate->owd_zero_us = report->owd_min_us;
        rate->owd_known = true;
        owd_s = (int32_t)(report->owd_min_us - rate->owd_zero_us) * 1e-6;
        bucket->owd_s = rate_smaller(bucket->owd_s, owd_s);
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
        base_s = rate_smaller(base_s, each->owd_s);
        trip_s = rate_smaller(trip_s, each->rtt_s);
    }
    if (trip_s < INFINITY)
        rate->trip_s = trip_s;
    if (base_s < INFINITY)
        rate->base_s = base_s;

    if (report->fresh)
        rate->queue_s = rate_larger(owd_s - rate->base_s, 0);
    rate->queue_s =
        rate_larger(rate->queue_s, (double)report->disk_queue_ns * 1e-9);
    if (rate->queue_s < RATE_QUEUE_S_MIN)
        rate->queue_s = 0;
}

/* D of the last reports, over about B/8. */
static void take_recent(struct rate *rate, const struct rate_report *report)
{
    double span_s = (double)(report->rx_time_us - rate->recent_rx_us) * 1e-6;

    if (rate->recent_rx_us != 0 &&
        span_s < rate_larger(rate->trip_s / 8, 0.001))
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
    };
    rate->limited = false;
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
    double length_s = rate->state == RATE_START ? 1.25 * rate->trip_s + 0.003
                                                : rate->trip_s + rate->queue_s;
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
    rate->round.reports++;

    if (rate->rates.policy != FASP_POLICY_FIXED) {
        rate_test_report(rate, report);
        if (rate->state == RATE_START)
            rate_start_report(rate, (double)report->now_ns * 1e-9);
    }
    if (is_round_over(rate, report))
        end_round(rate, report);
    rate_publish(rate);
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

void rate_limited(struct rate *rate)
{
    rate->limited = true;
}

void rate_set(struct rate *rate, const struct fasp_rates *rates,
              uint64_t now_ns)
{
    bool to_law = rate->rates.policy == FASP_POLICY_FIXED &&
                  rates->policy != FASP_POLICY_FIXED;

    rate->rates = *rates;
    rate->breaker_tripped = false;
    rate->breaker_since_s = 0;
    if (to_law) {
        /* From what arrives now, the law finds its way. */
        double known = rate->delivered * (rate->trip_s + rate->queue_s);
        rate->budget = rate_larger(START_DATAGRAMS * rate->mss, known);
        rate->state = RATE_START;
        rate->flat_rounds = 0;
        rate->depth = 1;
        rate->test.running = false;
        rate_clear_windows(rate);
        rate->round.begin_ns = now_ns;
    }
    rate_publish(rate);
}

void rate_pause(struct rate *rate, bool paused)
{
    rate->paused = paused;
    rate_publish(rate);
}
