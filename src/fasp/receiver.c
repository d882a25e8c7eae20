#include "fasp/receiver.h"

#include <stdlib.h>
#include <string.h>

#include "fasp/receiver_parts.h"

#define RTT_UNKNOWN_NS UINT64_C(100000000)

struct fasp_receiver *
fasp_receiver_open(const struct fasp_receiver_options *options, uint64_t now_ns)
{
    CHECK(options->datagram_bytes >= FASP_DATAGRAM_BYTES_MIN);
    CHECK(options->datagram_bytes <= FASP_DATAGRAM_BYTES_MAX);

    struct fasp_receiver *receiver = calloc(1, sizeof *receiver);
    if (receiver == NULL)
        return NULL;
    if (!gaps_init(&receiver->gaps)) {
        free(receiver);
        return NULL;
    }
    receiver->options = *options;
    for (int i = 0; i < FASP_SPACE_COUNT; i++) {
        ranges_init(&receiver->spaces[i].had, RECEIVER_RANGES_MAX);
        receiver->spaces[i].end = FASP_NUMBER_MAX;
    }
    receiver->rtt_ns = options->rtt_ns > 0 ? options->rtt_ns : RTT_UNKNOWN_NS;
    receiver->number = 1; /* 0 is `seen` of a sender that saw none */
    receiver->free_bytes = UINT64_MAX;
    receiver->report_ns = now_ns;
    receiver->due_ns = now_ns;
    return receiver;
}

void fasp_receiver_close(struct fasp_receiver *receiver)
{
    if (receiver == NULL)
        return;
    gaps_free(&receiver->gaps);
    for (int i = 0; i < FASP_SPACE_COUNT; i++)
        ranges_free(&receiver->spaces[i].had);
    free(receiver);
}

static bool open_into(struct fasp_receiver *receiver,
                      const struct fasp_packet *packet, const uint8_t *data,
                      uint32_t size_bytes, uint8_t *out)
{
    const struct fasp_cipher *cipher = &receiver->options.cipher;
    bool genuine = cipher->open(
        cipher->context, packet->number, data, packet->header_bytes,
        data + packet->header_bytes, size_bytes - packet->header_bytes, out);

    if (!genuine)
        receiver->statistics.forged_packets++;
    return genuine;
}

static void note_delay(struct fasp_receiver *receiver, uint32_t delay_us)
{
    struct receiver_delays *delays = &receiver->delays;

    if (delays->count++ == 0)
        *delays = (struct receiver_delays){.count = 1, .first_us = delay_us};
    int32_t relative_us = (int32_t)(delay_us - delays->first_us);
    if (relative_us < delays->min_us)
        delays->min_us = relative_us;
    delays->sum_us += relative_us;
}

/* What holds for every genuine datagram, even one that has to be dropped. */
static void learn(struct fasp_receiver *receiver,
                  const struct fasp_packet *packet, uint64_t now_ns)
{
    receiver->statistics.packets++;
    receiver->statistics.last_packet_ns = now_ns;
    if (packet->header_bytes != FASP_DATA_HEADER_BYTES)
        return;

    note_delay(receiver, (uint32_t)(now_ns / 1000) - packet->time_us);

    receiver->any = true;
    receiver->newest_time_us = packet->time_us;
    receiver->newest_ns = now_ns;
    receiver->tail = packet->type == FASP_PACKET_PROBE;
    if (packet->seen != 0)
        receiver_seen(receiver, packet->seen, now_ns);
}

/* Counts the datagram as come.  Returns false when that cannot be remembered:
 * then it counts as lost. */
static bool count_in(struct fasp_receiver *receiver,
                     const struct fasp_packet *packet, uint32_t size_bytes,
                     uint64_t now_ns)
{
    uint32_t wire_bytes = size_bytes + FASP_WIRE_BYTES;

    switch (gaps_arrive(&receiver->gaps, packet->number, now_ns)) {
    case GAPS_ON_TIME:
        break;
    case GAPS_LATE:
        receiver->late_bytes += wire_bytes;
        receiver->statistics.late_packets++;
        break;
    case GAPS_REFUSED:
        receiver->statistics.no_room_packets++;
        return false;
    }
    receiver->delivered_bytes += wire_bytes;
    return true;
}

/* Marks bytes that are in their place. */
static bool mark(struct fasp_receiver *receiver, enum fasp_space space,
                 uint64_t place, uint32_t size_bytes)
{
    if (!ranges_add(&receiver->spaces[space].had, place, place + size_bytes))
        return false;
    receiver->statistics.received_bytes += size_bytes;
    receiver->options.sink.arrived(receiver->options.sink.user, space, place,
                                   size_bytes);
    return true;
}

/* Copies what is new of `bytes`, which are proven, to its place. */
static bool store(struct fasp_receiver *receiver, enum fasp_space space,
                  uint64_t place, const uint8_t *bytes, uint32_t size_bytes)
{
    const struct fasp_sink *sink = &receiver->options.sink;
    struct ranges *had = &receiver->spaces[space].had;
    uint64_t end = place + size_bytes;

    for (uint64_t at = place; at < end;) {
        uint64_t had_end = ranges_end_of(had, at);
        if (had_end > at) {
            at = had_end;
            continue;
        }
        struct range next = {.first = end};
        if (!ranges_next(had, at, &next) || next.first > end)
            next.first = end;

        uint32_t want = (uint32_t)(next.first - at);
        uint32_t have = 0;
        uint8_t *out = sink->place(sink->user, space, at, want, &have, true);
        if (out == NULL)
            return false;
        CHECK(have > 0);
        CHECK(have <= want);
        memcpy(out, bytes + (at - place), have);
        if (!mark(receiver, space, at, have))
            return false;
        at += have;
    }
    return true;
}

/* Data that is new and whose memory is there is opened right into it: the way
 * of nearly every datagram.  Returns NULL when it has to go the other way. */
static uint8_t *direct_place(struct fasp_receiver *receiver,
                             const struct fasp_packet *packet, uint32_t size)
{
    const struct fasp_sink *sink = &receiver->options.sink;
    struct receiver_space *space = &receiver->spaces[packet->space];
    uint32_t have = 0;

    if (packet->place + size > space->end ||
        ranges_touch(&space->had, packet->place, packet->place + size))
        return NULL;
    uint8_t *out = sink->place(sink->user, packet->space, packet->place, size,
                               &have, false);
    return have >= size ? out : NULL;
}

static void note_size(struct fasp_receiver *receiver, uint32_t size_bytes)
{
    struct fasp_receiver_statistics *statistics = &receiver->statistics;

    if (statistics->data_packets++ % 64 == 0) {
        statistics->datagram_bytes = receiver->largest_bytes;
        receiver->largest_bytes = 0;
    }
    if (size_bytes > receiver->largest_bytes)
        receiver->largest_bytes = size_bytes;
    if (size_bytes > statistics->datagram_bytes)
        statistics->datagram_bytes = size_bytes;
}

static enum fasp_taken take_data(struct fasp_receiver *receiver,
                                 const struct fasp_packet *packet,
                                 const uint8_t *data, uint32_t size_bytes,
                                 uint64_t now_ns)
{
    uint32_t size = size_bytes - FASP_DATA_OVERHEAD_BYTES;
    struct receiver_space *space = &receiver->spaces[packet->space];
    uint8_t *direct = direct_place(receiver, packet, size);
    uint8_t *out = direct != NULL ? direct : receiver->scratch;

    if (!open_into(receiver, packet, data, size_bytes, out))
        return FASP_FORGED;
    learn(receiver, packet, now_ns);
    if (packet->place + size > space->end)
        return FASP_NONSENSE;

    uint64_t new_before = receiver->statistics.received_bytes;
    bool stored =
        direct != NULL
            ? mark(receiver, packet->space, packet->place, size)
            : store(receiver, packet->space, packet->place, out, size);
    if (!stored) {
        receiver->statistics.no_room_packets++;
        return FASP_NO_ROOM;
    }
    uint64_t new_bytes = receiver->statistics.received_bytes - new_before;
    receiver->statistics.duplicate_bytes += size - new_bytes;
    note_size(receiver, size_bytes);
    if (!count_in(receiver, packet, size_bytes, now_ns))
        return FASP_NO_ROOM;
    return new_bytes > 0 ? FASP_TAKEN : FASP_DUPLICATE;
}

static enum fasp_taken take_other(struct fasp_receiver *receiver,
                                  const struct fasp_packet *packet,
                                  const uint8_t *data, uint32_t size_bytes,
                                  uint64_t now_ns, uint8_t *token)
{
    if (!open_into(receiver, packet, data, size_bytes, receiver->scratch))
        return FASP_FORGED;
    learn(receiver, packet, now_ns);
    if (!count_in(receiver, packet, size_bytes, now_ns))
        return FASP_NO_ROOM;
    if (packet->type == FASP_PACKET_PROBE)
        return FASP_TAKEN;

    memcpy(token, receiver->scratch, FASP_PATH_TOKEN_BYTES);
    return packet->type == FASP_PACKET_PATH_CHALLENGE ? FASP_TAKEN_CHALLENGE
                                                      : FASP_TAKEN_RESPONSE;
}

/* Whether a datagram of this type can have this size. */
static bool fits(const struct fasp_packet *packet, uint32_t size_bytes)
{
    uint32_t inner = size_bytes - packet->header_bytes - FASP_TAG_BYTES;

    switch (packet->type) {
    case FASP_PACKET_DATA:
        return inner > 0 && size_bytes <= FASP_DATAGRAM_BYTES_MAX;
    case FASP_PACKET_PROBE:
        return size_bytes <= FASP_DATAGRAM_BYTES_MAX; /* filled, or not */
    case FASP_PACKET_PATH_CHALLENGE:
    case FASP_PACKET_PATH_RESPONSE:
        return inner == FASP_PATH_TOKEN_BYTES;
    case FASP_PACKET_REPORT: /* goes the other way */
    case FASP_PACKET_TRAIN:  /* has keys of its own */
        return false;
    }
    return false;
}

enum fasp_taken fasp_receiver_datagram(struct fasp_receiver *receiver,
                                       const uint8_t *data, uint32_t size_bytes,
                                       uint64_t now_ns, uint8_t *token)
{
    struct fasp_packet packet;

    if (!fasp_packet_read(data, size_bytes, &packet) ||
        !fits(&packet, size_bytes)) {
        receiver->statistics.malformed_packets++;
        return FASP_MALFORMED;
    }
    /* Before opening: a replay must not cost more than a look. */
    if (!gaps_is_new(&receiver->gaps, packet.number)) {
        receiver->statistics.duplicate_packets++;
        return FASP_DUPLICATE;
    }
    if (packet.type == FASP_PACKET_DATA)
        return take_data(receiver, &packet, data, size_bytes, now_ns);
    return take_other(receiver, &packet, data, size_bytes, now_ns, token);
}

void fasp_receiver_trains(struct fasp_receiver *receiver,
                          const struct train_meter *meter)
{
    receiver->train_rate = train_meter_rate(meter);
    /* Ahead of its train, the first found the path without our queue. */
    if (meter->has_delay)
        note_delay(receiver, meter->owd_min_us);
}

void fasp_receiver_limit(struct fasp_receiver *receiver, enum fasp_space space,
                         uint64_t end)
{
    CHECK(end <= FASP_NUMBER_MAX);
    receiver->spaces[space].end = end;
}

bool fasp_receiver_skip(struct fasp_receiver *receiver, enum fasp_space space,
                        uint64_t from, uint64_t to)
{
    return from == to || ranges_add(&receiver->spaces[space].had, from, to);
}

uint64_t fasp_receiver_contiguous(struct fasp_receiver *receiver,
                                  enum fasp_space space)
{
    return ranges_end_of(&receiver->spaces[space].had, 0);
}

uint64_t fasp_receiver_total(const struct fasp_receiver *receiver,
                             enum fasp_space space)
{
    return receiver->spaces[space].had.total;
}

bool fasp_receiver_has(struct fasp_receiver *receiver, enum fasp_space space,
                       uint64_t from, uint64_t to)
{
    return from == to || ranges_hold(&receiver->spaces[space].had, from, to);
}

void fasp_receiver_statistics(const struct fasp_receiver *receiver,
                              struct fasp_receiver_statistics *statistics)
{
    *statistics = receiver->statistics;
    statistics->missing_packets = receiver->gaps.lost;
    statistics->rtt_ns = receiver->rtt_ns;
    statistics->received_bps = (uint64_t)(receiver->bytes_per_ns * 8e9);
}
