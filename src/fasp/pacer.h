/* Spreads datagrams over time so that a session keeps to its rate.
 *
 * Knows: bytes, nanoseconds, one rate.
 * Must not know: sockets, the clock, packet formats, budgets.
 *
 * Every byte sent costs time at the session's rate, and `due_ns` is when all
 * bytes sent so far are paid for.  There is no timer in here: the caller asks
 * when it may send, and reports what it sent.  A caller that wakes late may
 * make up for at most PACER_DEBT_NS of it.
 *
 * Invariant, over any interval of length t, with bursts of at most b bytes:
 *     bytes sent <= rate * (t + PACER_DEBT_NS) + b
 */
#ifndef FASP_PACER_H
#define FASP_PACER_H

#include <stdint.h>

/* Timers of the system wake 50 to 100 us late, a busy loop up to 1 ms. */
#define PACER_DEBT_NS UINT64_C(1000000)

#define PACER_RATE_BPS_MIN UINT64_C(1000)
#define PACER_RATE_BPS_MAX (UINT64_C(100) * 1000 * 1000 * 1000)

struct pacer {
    uint64_t rate_bps;
    uint64_t cost;   /* of a byte, in ns / 2^PACER_FRACTION_BITS */
    uint64_t due_ns; /* monotonic time */
    uint64_t rest;   /* of due_ns, in ns / 2^PACER_FRACTION_BITS */
};

#define PACER_FRACTION_BITS 20

/* Starts with nothing sent. */
void pacer_init(struct pacer *pacer, uint64_t rate_bps, uint64_t now_ns);

/* Changes the rate; bytes not yet paid for are charged at the new one. */
void pacer_set_rate(struct pacer *pacer, uint64_t rate_bps, uint64_t now_ns);

/* Whether a burst may leave at `now_ns`. */
static inline int pacer_is_due(const struct pacer *pacer, uint64_t now_ns)
{
    return pacer->due_ns <= now_ns;
}

/* Records that `size_bytes`, at most 1 MiB, were sent at `now_ns`. */
void pacer_spend(struct pacer *pacer, uint32_t size_bytes, uint64_t now_ns);

#endif
