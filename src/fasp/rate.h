/* The rate law: reports go in; pacing rate, budget and burst come out.
 *
 * Knows: reports, time, what the operator asked for.
 * Must not know: datagrams, what is sent, what a lost datagram held.
 *
 * `rate_bps` is how fast datagrams leave, `budget_bytes` (W) how much may be
 * on its way, `burst_bytes` how much may leave at once.  A budget remembers
 * what is under way where a bare rate would oscillate.
 *
 *   fixed   the target at once, no budget.  A circuit breaker falls to 1.25
 *           times what arrives when less than half of the rate arrived for
 *           30 s, and follows from there.
 *   fair    START: trains of datagrams measure the path, and the budget grows
 *           from half of that each round, until a queue shows, or what arrives
 *           grows no more.
 *           RUN: the budget rests where `a` bytes of ours wait in the queue of
 *           the narrowest link; a grows with the root of the rate, so that
 *           flows share evenly.  Loss counts only where it exceeds what the
 *           path loses by itself (p0).
 *           DRAIN: at each multiple of 10 s of the wall clock, all senders
 *           halve their budgets for a round trip and so see the path without
 *           a queue.  What is lost at half the rate is not ours: that sets p0.
 *           A queue that stays is somebody else's, who fills the buffer.
 *           REST: a round after a drain in which the law waits.
 *   high    the same with twice a fair flow's share.
 *   low     the same with a tenth of it, and gives way when a queue stays.
 *
 *        START --> RUN <--> DRAIN --> REST --> RUN
 *
 * Where the round trip is shorter than the time between reports, that time
 * takes its place in the law (rate_loop_s()): nobody can react faster, and
 * what is measured within less is the noise of two busy hosts.
 *
 * Estimates are doubles: they are made of reports, at most 200 a second, and
 * cost nothing for each datagram.  Units within: bytes and seconds.
 *
 * Source: docs/protocol.md, "Rate".
 */
#ifndef FASP_RATE_H
#define FASP_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum fasp_policy {
    FASP_POLICY_FIXED,
    FASP_POLICY_HIGH,
    FASP_POLICY_FAIR,
    FASP_POLICY_LOW,
};

/* What the operator asks for, in bits a second on the wire: UDP payload and
 * FASP_WIRE_BYTES. */
struct fasp_rates {
    enum fasp_policy policy;
    uint64_t target_bps;  /* 0 = paused */
    uint64_t minimum_bps; /* 0 = none; never above the target */
    uint64_t cap_bps;     /* 0 = none; by the server or a vlink */
};

#define FASP_RATE_BPS_MAX (UINT64_C(100) * 1000 * 1000 * 1000)
/* No session that is not paused is slower: 8 KB/s. */
#define FASP_RATE_BPS_MIN UINT64_C(64000)

/* Whether the rates are in range. */
bool fasp_rates_supported(const struct fasp_rates *rates);
/* Whether trains of `bytes` in all would tell more than the target does. */
bool fasp_rates_want_trains(const struct fasp_rates *rates, uint64_t bytes,
                            uint64_t rtt_ns);

enum rate_state {
    RATE_START,
    RATE_RUN,
    RATE_DRAIN,
    RATE_REST,
};

/* One report, as the law needs it. */
struct rate_report {
    uint64_t now_ns;
    uint64_t rtt_ns;          /* of this report; 0 = unknown */
    uint64_t delivered_bytes; /* on the wire, since the start */
    uint64_t rx_time_us;      /* the receiver's clock at the report */
    uint64_t judged;          /* numbers below are decided */
    uint64_t lost;            /* of these */
    uint64_t runs;
    bool fresh;          /* datagrams came since the last report, and: */
    uint32_t owd_min_us; /* arrival minus sender's time, any offset, wraps */
    uint32_t owd_mean_us;
    uint64_t disk_queue_ns;
    uint64_t train_rate; /* bytes a second, of the trains; 0 = none */
};

#define RATE_BUCKETS 12 /* of 1 s: what base and B are minima of */

struct rate_bucket {
    uint64_t second; /* 0 = empty */
    double owd_s;
    double owd_at_s; /* when that was so */
    double rtt_s;
};

/* Datagrams judged, lost, and the runs the losses came in. */
struct rate_window {
    double judged;
    double lost;
    double runs;
};

/* Sums since the round began. */
struct rate_round {
    uint64_t begin_ns;
    uint64_t delivered_bytes;
    uint64_t rx_time_us;
    uint64_t judged;
    uint64_t lost;
    uint64_t runs;
    double queue_s_sum;
    double queue_s_min;
    uint32_t reports;
};

/* How fast the two clocks run apart, from drain to drain. */
struct rate_skew {
    double skew;      /* seconds a second; 0 = unknown */
    double owd_s_min; /* within this drain */
    double rtt_s_min;
    double owd_at_s;
    double point_s; /* owd - RTT/2 at the drain before */
    double point_at_s;
    double last; /* the one before; agrees with the next, or is forgotten */
    bool point_known;
    bool last_known;
};

/* A sender that fills the buffer. */
struct rate_rival {
    bool active;
    uint32_t drains;      /* running, that a queue outlasted */
    uint32_t drains_free; /* running, that emptied it */
    uint32_t free_rounds;
    double queue_s_before; /* the drain */
    double queue_s_min;    /* in it; INFINITY = no report */
    double depth;
    double most; /* the virtual window's, where it lost last */
    double window;
    double epoch_s;
    double k_s; /* from the epoch to `most` */
    double loss_next_s;
};

/* What is lost while the rate is halved. */
struct rate_test {
    bool running;
    bool asking;     /* p0 is doubted; else e is */
    uint64_t from;   /* numbers sent within the drain */
    uint64_t end;    /* 0 while the drain lasts */
    bool begun;      /* a report passed `from`: */
    uint64_t judged; /* what it said */
    uint64_t lost;
    uint64_t runs;
    uint64_t judged_last; /* and the last one up to `end` */
    uint64_t lost_last;
    uint64_t runs_last;
    double end_s; /* when `end` was next */
    double queue_before_s;
    double queue_max_s; /* seen of what was sent in between; -1 = nothing */
    double test_next_s; /* no test before */
    double test_wait_s;
    double ask_next_s;
    double ask_wait_s;
    struct rate_window pool; /* tests that agree */
};

struct rate {
    /* What the sender goes by. */
    uint64_t rate_bps;     /* 0 = paused */
    uint64_t budget_bytes; /* UINT64_MAX = none */
    uint64_t burst_bytes;
    double arriving; /* D_hi / max(0.5, 1 - p0): bytes a second */
    bool breaker_tripped;

    struct fasp_rates rates;
    enum rate_state state;
    double mss; /* a full datagram on the wire */
    bool paused;
    double paused_s; /* since then */
    bool clock_unsynchronised;

    /* Estimates. */
    struct rate_bucket buckets[RATE_BUCKETS];
    bool owd_known;
    uint32_t owd_zero_us; /* the first owd: others are relative to it */
    double base_s;
    double trip_s;        /* B */
    double path_queue_s;  /* of the network alone */
    double queue_s;       /* that, the disk's or the vlink's */
    double queue_round_s; /* of the last whole round */
    double sigma_s;
    double delivered; /* D, bytes a second, of the last round */
    double delivered_hi;
    double delivered_best;
    struct rate_round round;
    struct rate_report last;
    bool last_known;
    uint64_t vlink_queue_ns;
    double recent; /* D over the last reports, about B/8 */
    uint64_t recent_delivered_bytes;
    uint64_t recent_rx_us;

    /* Loss. */
    struct rate_window now_window;
    struct rate_window long_window;
    double path_loss; /* p0 */
    double path_loss_margin;
    double excess;      /* e */
    double excess_long; /* e_long */
    uint32_t excess_rounds;

    /* The law. */
    double budget; /* W, before a drain's depth */
    double a;
    double a_cap;
    double d_max;
    double d_long; /* the same, and never starts anew */
    double cut_next_s;
    uint32_t low_rounds;
    uint32_t fall_rounds; /* rounds with D < d_max / 2 */
    double probe_next_s;
    double probe_wait_s;
    double limited_s; /* when the application was the limit last */
    bool limited;     /* in this round, or in what arrived in it */

    /* Start. */
    double train_rate;    /* bytes a second; 0 = no estimate */
    double train_bytes;   /* that went out, */
    double train_at_s;    /* at this time; 0 = none */
    double train_until_s; /* an estimate may still come */
    double train_clear_s; /* the queue is of the trains up to here */
    uint32_t start_rounds;
    uint32_t flat_rounds;
    double start_delivered;          /* D of the round before */
    struct rate_window start_before; /* loss of the rounds before the last */

    /* Drain. */
    double depth;
    double drain_begin_s;
    double drain_end_s;
    double rest_end_s;
    int64_t drain_slot; /* wall clock / 10 s */
    struct rate_test test;
    struct rate_skew skew;
    struct rate_rival rival;

    /* A longer path that looks like a queue. */
    double steady_queue_s;
    double steady_budget;
    uint32_t steady_rounds;

    /* Circuit breaker. */
    double breaker_since_s; /* half did not arrive since; 0 = it did */
};

/* Full datagrams have another size on the wire from now on. */
void rate_set_size(struct rate *rate, uint32_t mss_bytes);

/* `rates` are supported; `mss_bytes` is a full datagram on the wire. */
void rate_init(struct rate *rate, const struct fasp_rates *rates,
               uint32_t mss_bytes, uint64_t rtt_ns, bool clock_unsynchronised,
               uint64_t now_ns);

/* Trains went out, of `bytes` in all.  The rate they came with is known, or 0:
 * then it will come with a report. */
void rate_trains(struct rate *rate, uint64_t bytes, uint64_t train_rate,
                 uint64_t now_ns);

/* Takes a report in.  Their numbers never fall from one to the next. */
void rate_report(struct rate *rate, const struct rate_report *report);

/* Lets time pass: drains begin and end.  `sent_number` is the number of the
 * next datagram. */
void rate_tick(struct rate *rate, uint64_t now_ns, int64_t wall_us,
               uint64_t sent_number);

/* The application, not the budget, was the limit just now. */
void rate_limited(struct rate *rate, uint64_t now_ns);
/* It is no more: what was measured so far says nothing. */
void rate_unlimited(struct rate *rate);

/* `rates` are supported. */
void rate_set(struct rate *rate, const struct fasp_rates *rates,
              uint64_t now_ns);
/* Estimates of before a pause hold for 60 s. */
void rate_pause(struct rate *rate, bool paused, uint64_t now_ns);
/* The delay of the queue that the members of a vlink share (vlink.h). */
void rate_vlink_queue(struct rate *rate, uint64_t queue_ns);

#endif
