/* Clocks that run apart look like a queue that grows, or falls, for ever. */
#include "fasp/rate_parts.h"

/* No clock is worse, and two measurements in a row agree. */
#define SKEW_MAX 500e-6
#define AGREE 30e-6

void rate_skew_begin(struct rate *rate)
{
    rate->skew.owd_s_min = INFINITY;
    rate->skew.rtt_s_min = INFINITY;
}

void rate_skew_report(struct rate *rate, double owd_s, double rtt_s,
                      double now_s)
{
    struct rate_skew *skew = &rate->skew;

    if (owd_s < skew->owd_s_min) {
        skew->owd_s_min = owd_s;
        skew->owd_at_s = now_s;
    }
    skew->rtt_s_min = rate_smaller(skew->rtt_s_min, rtt_s);
}

void rate_skew_end(struct rate *rate)
{
    struct rate_skew *skew = &rate->skew;

    if (skew->owd_s_min == INFINITY || skew->rtt_s_min == INFINITY)
        return;
    /* A longer way changes both; a queue there, too. */
    double point_s = skew->owd_s_min - skew->rtt_s_min / 2;
    double span_s = skew->owd_at_s - skew->point_at_s;

    if (skew->point_known && span_s > 1) {
        double found = (point_s - skew->point_s) / span_s;
        if (skew->last_known && fabs(found - skew->last) < AGREE &&
            fabs(found) < SKEW_MAX)
            skew->skew = found;
        skew->last = found;
        skew->last_known = true;
    }
    skew->point_s = point_s;
    skew->point_at_s = skew->owd_at_s;
    skew->point_known = true;
}
