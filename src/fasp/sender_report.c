/* What the sender does with a report. */
#include <string.h>

#include "fasp/report.h"
#include "fasp/sender_parts.h"

/* Longer is no round trip but an echo of what was sent before a wrap. */
#define RTT_US_MAX 60000000u

static void learn_size(struct fasp_sender *sender, const struct flight *flight,
                       bool lost)
{
    uint32_t bytes = flight->wire_bytes - FASP_WIRE_BYTES;

    if (lost)
        mtu_lost(&sender->mtu, bytes, flight->space == FLIGHT_EMPTY);
    else if (mtu_came(&sender->mtu, bytes))
        rate_set_size(&sender->rate, sender_wire_bytes(sender));
}

static void decide(struct fasp_sender *sender, uint64_t number, bool lost)
{
    struct flight *flight = flights_at(&sender->flights, number);
    struct fasp_sender_statistics *statistics = &sender->statistics;

    if (flight->state != FLIGHT_FLYING)
        return;
    flight->state = lost ? FLIGHT_LOST : FLIGHT_CAME;
    if (lost) {
        sender->lost_bytes += flight->wire_bytes;
        statistics->lost_packets++;
    }
    learn_size(sender, flight, lost);
    if (flight->space == FLIGHT_EMPTY)
        return;
    struct pieces *pieces = &sender->spaces[flight->space];
    if (!lost && flight->part > 0) {
        pieces_part_delivered(pieces, flight->piece, flight->part - 1u);
        return;
    }
    if (!lost) {
        pieces_delivered(pieces, flight->piece);
        return;
    }
    statistics->lost_bytes +=
        flight->wire_bytes - FASP_WIRE_BYTES - FASP_DATA_OVERHEAD_BYTES;
    pieces_lost(pieces, flight->piece);
}

/* Decides the numbers from `first` to `end`, all alike.  Those that an earlier
 * report decided are passed over without looking at each. */
static void decide_all(struct fasp_sender *sender, uint64_t first, uint64_t end,
                       bool lost)
{
    uint64_t number =
        first > sender->flights.oldest ? first : sender->flights.oldest;

    while (number < end) {
        struct range done = {.first = UINT64_MAX, .end = UINT64_MAX};
        if (sender->decided.count > 0 &&
            !ranges_next(&sender->decided, number, &done))
            done.first = UINT64_MAX;
        uint64_t stop = done.first < end ? done.first : end;
        for (; number < stop; number++)
            decide(sender, number, lost);
        if (number < end && done.first <= number)
            number = done.end;
    }
}

/* Goes through what the report covers.  Returns false when the list is not
 * well formed. */
static bool take_list(struct fasp_sender *sender, const struct report *report,
                      struct bytes_reader *reader)
{
    struct report_range range;
    uint64_t at = report->from;
    uint64_t before = at;

    while (report_read_range(reader, &at, report->to, &range)) {
        decide_all(sender, before, range.first, false);
        decide_all(sender, range.first, at, true);
        before = at;
    }
    if (reader->failed)
        return false;
    decide_all(sender, before, report->to, false);

    flights_advance(&sender->flights);
    uint64_t from = report->from > sender->flights.oldest
                        ? report->from
                        : sender->flights.oldest;
    /* When there is no room they are looked at again. */
    if (from < report->to)
        (void)ranges_add(&sender->decided, from, report->to);
    ranges_drop_below(&sender->decided, sender->flights.oldest);
    return true;
}

static uint64_t take_rtt(struct fasp_sender *sender,
                         const struct report *report, uint64_t now_ns)
{
    uint32_t rtt_us =
        (uint32_t)(now_ns / 1000) - report->sent_echo_us - report->hold_us;

    if ((report->flags & REPORT_FLAG_ECHO) == 0 || rtt_us > RTT_US_MAX)
        return 0;
    if (rtt_us == 0)
        rtt_us = 1;
    uint64_t rtt_ns = (uint64_t)rtt_us * 1000;
    if (!sender->rtt_known)
        sender->rtt_ns = rtt_ns;
    else if (rtt_ns > sender->rtt_ns)
        sender->rtt_ns += (rtt_ns - sender->rtt_ns) / 8;
    else
        sender->rtt_ns -= (sender->rtt_ns - rtt_ns) / 8;
    sender->rtt_known = true;
    return rtt_ns;
}

/* What is said once, by the newest report. */
static void take_state(struct fasp_sender *sender, const struct report *report,
                       uint64_t now_ns)
{
    uint64_t came = report->delivered_bytes - report->late_bytes;
    struct rate_report entry = {
        .now_ns = now_ns,
        .rtt_ns = take_rtt(sender, report, now_ns),
        .delivered_bytes = report->delivered_bytes,
        .rx_time_us = report->rx_time_us,
        .judged = report->judged,
        .lost = report->lost,
        .runs = report->runs,
        .fresh = (report->flags & REPORT_FLAG_FRESH) != 0,
        .owd_min_us = report->owd_min_us,
        .owd_mean_us = report->owd_mean_us,
        .disk_queue_ns = (uint64_t)report->disk_queue_us * 1000,
        .train_rate = report->train_rate,
    };

    if (report->delivered_bytes > sender->last.delivered_bytes)
        sender->progress_ns = now_ns;
    if (sender->progress_ns == now_ns)
        sender->nudges = 0;
    sender->vlink_far_ns = (uint64_t)report->vlink_queue_us * 1000;
    fasp_sender_vlink_queue(sender, sender->vlink_ns);
    sender->came_bytes = came;
    sender->free_bytes = report->free_bytes;
    sender->report_ns = now_ns;
    /* All parts of a report are of one time, and the law wants it once. */
    bool new_report = report->rx_time_us > sender->last.rx_time_us;
    sender->last = entry;
    if (new_report)
        rate_report(&sender->rate, &entry);
}

/* A report says no more than what was sent, and never less than before. */
static bool is_possible(const struct fasp_sender *sender,
                        const struct report *report, bool newest)
{
    const struct rate_report *last = &sender->last;

    if (report->judged > sender->flights.next ||
        report->delivered_bytes > sender->sent_bytes_ever || report->from == 0)
        return false;
    return !newest ||
           (report->delivered_bytes >= last->delivered_bytes &&
            report->judged >= last->judged && report->lost >= last->lost &&
            report->runs >= last->runs &&
            report->rx_time_us >= last->rx_time_us &&
            report->delivered_bytes - report->late_bytes >= sender->came_bytes);
}

static enum fasp_taken take_report(struct fasp_sender *sender, uint64_t number,
                                   uint32_t size_bytes, uint64_t now_ns)
{
    struct bytes_reader reader = bytes_read_from(sender->scratch, size_bytes);
    bool newest = number > sender->report_number;
    struct report report;

    if (!report_read(&reader, &report) ||
        !is_possible(sender, &report, newest) ||
        !take_list(sender, &report, &reader))
        return FASP_NONSENSE;

    sender->seen[sender->seen_count++ % SENDER_SEEN_COUNT] = (uint32_t)number;
    sender->statistics.reports++;
    sender->statistics.last_report_ns = now_ns;
    if (newest) {
        sender->report_number = number;
        take_state(sender, &report, now_ns);
    }
    /* Nothing is on its way: then the sums have to agree. */
    if (sender->flights.oldest == sender->flights.next)
        sender->sent_bytes = sender->came_bytes + sender->lost_bytes;
    return FASP_TAKEN;
}

/* The size of what is sealed in a datagram, or false for a type or a size
 * that does not come this way. */
static bool fits(const struct fasp_packet *packet, uint32_t size_bytes)
{
    uint32_t inner = size_bytes - packet->header_bytes - FASP_TAG_BYTES;

    switch (packet->type) {
    case FASP_PACKET_REPORT:
        return size_bytes <= FASP_DATAGRAM_BYTES_MAX;
    case FASP_PACKET_PATH_CHALLENGE:
    case FASP_PACKET_PATH_RESPONSE:
        return inner == FASP_PATH_TOKEN_BYTES;
    case FASP_PACKET_DATA:
    case FASP_PACKET_PROBE:
    case FASP_PACKET_TRAIN:
        return false;
    }
    return false;
}

enum fasp_taken fasp_sender_datagram(struct fasp_sender *sender,
                                     const uint8_t *data, uint32_t size_bytes,
                                     uint64_t now_ns, int64_t wall_us,
                                     uint8_t *token)
{
    const struct fasp_cipher *cipher = &sender->options.cipher;
    struct fasp_packet packet;

    (void)wall_us;
    if (!fasp_packet_read(data, size_bytes, &packet) ||
        !fits(&packet, size_bytes)) {
        sender->statistics.refused_packets++;
        return FASP_MALFORMED;
    }
    if (!window_is_new(&sender->reports, packet.number)) {
        sender->statistics.duplicate_packets++;
        return FASP_DUPLICATE;
    }
    if (!cipher->open(cipher->context, packet.number, data, packet.header_bytes,
                      data + packet.header_bytes,
                      size_bytes - packet.header_bytes, sender->scratch)) {
        sender->statistics.refused_packets++;
        return FASP_FORGED;
    }
    window_mark(&sender->reports, packet.number);
    sender->due_ns = now_ns;

    if (packet.type == FASP_PACKET_REPORT)
        return take_report(sender, packet.number,
                           size_bytes - FASP_HEADER_BYTES - FASP_TAG_BYTES,
                           now_ns);
    memcpy(token, sender->scratch, FASP_PATH_TOKEN_BYTES);
    return packet.type == FASP_PACKET_PATH_CHALLENGE ? FASP_TAKEN_CHALLENGE
                                                     : FASP_TAKEN_RESPONSE;
}
