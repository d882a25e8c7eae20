#include "fasp/train.h"

#include "base/check.h"

/* Of a train, fewer say nothing. */
#define COUNT_MIN 5
/* Clocks and interrupts are no finer: with less between first and last, the
 * rate is taken for what this span would give. */
#define SPAN_NS_MIN UINT64_C(5000)
#define PLACES (FASP_KNOCK_PLACE + FASP_KNOCKS)

_Static_assert(PLACES <= 128, "a bit for each place");

void train_write(const struct fasp_cipher *cipher, uint32_t connection,
                 uint32_t place, uint32_t datagram_bytes, uint32_t time_us,
                 uint8_t *out)
{
    static const uint8_t padding[FASP_TRAIN_DATAGRAM_BYTES_MAX];
    struct fasp_packet packet = {
        .type = FASP_PACKET_TRAIN,
        .connection = connection,
        .number = place + 1,
        .place = place,
        .time_us = time_us,
    };

    CHECK(place < PLACES);
    CHECK(datagram_bytes > FASP_DATA_OVERHEAD_BYTES);
    CHECK(datagram_bytes <= FASP_TRAIN_DATAGRAM_BYTES_MAX);
    fasp_packet_write(&packet, out);
    cipher->seal(cipher->context, packet.number, out, FASP_DATA_HEADER_BYTES,
                 padding, datagram_bytes - FASP_DATA_OVERHEAD_BYTES,
                 out + FASP_DATA_HEADER_BYTES);
}

static void note(struct train_meter *meter, const struct fasp_packet *packet,
                 uint32_t size_bytes, uint64_t now_ns)
{
    uint32_t owd_us = (uint32_t)(now_ns / 1000) - packet->time_us;
    uint64_t which = packet->place / FASP_TRAIN_DATAGRAMS;

    if (!meter->has_delay || (int32_t)(owd_us - meter->owd_min_us) < 0)
        meter->owd_min_us = owd_us;
    meter->has_delay = true;
    if (which >= FASP_TRAINS)
        return;
    struct train_seen *seen = &meter->seen[which];
    if (seen->count++ == 0)
        seen->first_ns = now_ns;
    else
        seen->bytes += size_bytes + FASP_WIRE_BYTES;
    seen->last_ns = now_ns;
}

enum fasp_taken train_meter_take(struct train_meter *meter,
                                 const struct fasp_cipher *cipher,
                                 const uint8_t *data, uint32_t size_bytes,
                                 uint64_t now_ns)
{
    uint8_t padding[FASP_TRAIN_DATAGRAM_BYTES_MAX];
    struct fasp_packet packet;

    if (!fasp_packet_read(data, size_bytes, &packet) ||
        packet.type != FASP_PACKET_TRAIN ||
        size_bytes > FASP_TRAIN_DATAGRAM_BYTES_MAX || packet.place >= PLACES ||
        packet.number != packet.place + 1)
        return FASP_MALFORMED;
    uint64_t bit = UINT64_C(1) << packet.place % 64;
    uint64_t *word = &meter->came[packet.place / 64];
    if ((*word & bit) != 0)
        return FASP_DUPLICATE;
    if (!cipher->open(cipher->context, packet.number, data, packet.header_bytes,
                      data + packet.header_bytes,
                      size_bytes - packet.header_bytes, padding))
        return FASP_FORGED;
    *word |= bit;
    note(meter, &packet, size_bytes, now_ns);
    return FASP_TAKEN;
}

static uint64_t rate_of(const struct train_seen *seen)
{
    uint64_t span_ns = seen->last_ns - seen->first_ns;

    if (seen->count < COUNT_MIN)
        return 0;
    if (span_ns < SPAN_NS_MIN)
        span_ns = SPAN_NS_MIN;
    /* At most 32 datagrams of 1.5 KB: no overflow. */
    return seen->bytes * UINT64_C(1000000000) / span_ns;
}

/* A host that was busy for a moment stretches a train, and none is ever
 * squeezed: with three, the one in the middle counts. */
uint64_t train_meter_rate(const struct train_meter *meter)
{
    uint64_t sorted[FASP_TRAINS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < FASP_TRAINS; i++) {
        uint64_t rate = rate_of(&meter->seen[i]);
        uint32_t place = count;
        if (rate == 0)
            continue;
        for (; place > 0 && sorted[place - 1] > rate; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = rate;
        count++;
    }
    return count > 0 ? sorted[(count - 1) / 2] : 0;
}
