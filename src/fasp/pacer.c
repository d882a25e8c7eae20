#include "fasp/pacer.h"

#include "base/check.h"

#define BIT_NS_PER_BYTE_SEC (UINT64_C(8) * 1000 * 1000 * 1000)
#define FRACTION ((UINT64_C(1) << PACER_FRACTION_BITS) - 1)
#define SPEND_BYTES_MAX (1u << 20)

_Static_assert(BIT_NS_PER_BYTE_SEC / PACER_RATE_BPS_MIN << PACER_FRACTION_BITS <
                   (UINT64_MAX - FRACTION) / SPEND_BYTES_MAX,
               "the cost of the largest burst must fit 64 bits at any rate");

/* Rounded up, so that rounding can only make a session slower. */
static uint64_t cost_of_byte(uint64_t rate_bps)
{
    CHECK(rate_bps >= PACER_RATE_BPS_MIN);
    CHECK(rate_bps <= PACER_RATE_BPS_MAX);
    return ((BIT_NS_PER_BYTE_SEC << PACER_FRACTION_BITS) + rate_bps - 1) /
           rate_bps;
}

void pacer_init(struct pacer *pacer, uint64_t rate_bps, uint64_t now_ns)
{
    *pacer = (struct pacer){
        .rate_bps = rate_bps,
        .cost = cost_of_byte(rate_bps),
        .due_ns = now_ns,
    };
}

void pacer_set_rate(struct pacer *pacer, uint64_t rate_bps, uint64_t now_ns)
{
    if (rate_bps == pacer->rate_bps)
        return;
    uint64_t cost = cost_of_byte(rate_bps);

    if (pacer->due_ns > now_ns) {
        unsigned __int128 debt_ns = pacer->due_ns - now_ns;
        pacer->due_ns = now_ns + (uint64_t)(debt_ns * cost / pacer->cost) + 1;
    }
    pacer->rate_bps = rate_bps;
    pacer->cost = cost;
}

void pacer_spend(struct pacer *pacer, uint32_t size_bytes, uint64_t now_ns)
{
    CHECK(pacer->due_ns <= now_ns);
    CHECK(size_bytes <= SPEND_BYTES_MAX);

    if (now_ns - pacer->due_ns > PACER_DEBT_NS)
        pacer->due_ns = now_ns - PACER_DEBT_NS;
    uint64_t cost = pacer->rest + pacer->cost * size_bytes;
    pacer->due_ns += cost >> PACER_FRACTION_BITS;
    pacer->rest = cost & FRACTION;
}
