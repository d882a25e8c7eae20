/* Trains: how fast the path let 32 datagrams through that left at once. */
#include "fasp/receiver_parts.h"

/* Fewer say nothing. */
#define COUNT_MIN 5
/* Clocks and interrupts are no finer: with less between first and last, the
 * rate is taken for what this span would give. */
#define SPAN_NS_MIN UINT64_C(5000)

void receiver_train_take(struct fasp_receiver *receiver,
                         const struct fasp_packet *packet, uint32_t size_bytes,
                         uint64_t now_ns)
{
    uint64_t which = packet->place / FASP_TRAIN_DATAGRAMS;

    if (which >= FASP_TRAINS)
        return;
    struct receiver_train *train = &receiver->trains[which];
    if (train->count++ == 0)
        train->first_ns = now_ns;
    else
        train->bytes += size_bytes + FASP_WIRE_BYTES;
    train->last_ns = now_ns;
}

uint64_t receiver_train_rate(const struct fasp_receiver *receiver)
{
    uint64_t least = 0;

    for (uint32_t i = 0; i < FASP_TRAINS; i++) {
        const struct receiver_train *train = &receiver->trains[i];
        uint64_t span_ns = train->last_ns - train->first_ns;

        if (train->count < COUNT_MIN)
            continue;
        if (span_ns < SPAN_NS_MIN)
            span_ns = SPAN_NS_MIN;
        /* At most 32 datagrams of 9 KB: no overflow. */
        uint64_t rate = train->bytes * UINT64_C(1000000000) / span_ns;
        if (least == 0 || rate < least)
            least = rate;
    }
    return least;
}
