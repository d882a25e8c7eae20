/* When the receiver reports, and what. */
#include <string.h>

#include "fasp/receiver_parts.h"

#define MS UINT64_C(1000000)

/* Between reports: RTT / 4, in the tail RTT / 16, within these. */
#define INTERVAL_NS_MIN (5 * MS)
#define INTERVAL_NS_MAX (50 * MS)
#define TAIL_NS_MAX (25 * MS)
/* When nothing comes: keeps address translators awake, costs 4 KB/s. */
#define IDLE_NS (250 * MS)
#define IDLE_AFTER_NS (1000 * MS)

#define SLACK_NS_MIN (2 * MS)
/* An eighth of a round trip of 1 s, with room. */
#define SLACK_NS_MAX (200 * MS)
/* A window this small holds the sender back: its end is told at once. */
#define SMALL_WINDOW_BYTES 65536u
/* What is left comes with the next report. */
#define PARTS_MAX 128u

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static uint64_t interval_ns(const struct fasp_receiver *receiver,
                            uint64_t now_ns)
{
    if (receiver->any && now_ns - receiver->newest_ns > IDLE_AFTER_NS)
        return IDLE_NS;
    if (receiver->tail)
        return clamp(receiver->rtt_ns / 16, INTERVAL_NS_MIN, TAIL_NS_MAX);
    return clamp(receiver->rtt_ns / 4, INTERVAL_NS_MIN, INTERVAL_NS_MAX);
}

/* How long a hole stays open.  Bursts of the sender last up to 1 ms each, so
 * the least slack covers two of them. */
static uint64_t slack_ns(const struct fasp_receiver *receiver)
{
    uint64_t slack = receiver->rtt_ns / (receiver->gaps.reordered ? 8 : 32);

    if (slack < SLACK_NS_MIN)
        slack = SLACK_NS_MIN;
    if (slack < 3 * receiver->spacing_ns)
        slack = 3 * receiver->spacing_ns;
    return slack < SLACK_NS_MAX ? slack : SLACK_NS_MAX;
}

static void measure_rate(struct fasp_receiver *receiver, uint64_t now_ns)
{
    uint64_t span_ns = now_ns - receiver->report_ns;
    uint64_t bytes = receiver->delivered_bytes - receiver->counted_bytes;

    if (span_ns == 0)
        return;
    double rate = (double)bytes / (double)span_ns;
    receiver->bytes_per_ns += (rate - receiver->bytes_per_ns) / 4;
    receiver->counted_bytes = receiver->delivered_bytes;
}

/* From arrival to arrival, so that a pause before the first does not count.
 * Empty datagrams at the end are far apart and say nothing of data. */
static void measure_spacing(struct fasp_receiver *receiver)
{
    uint32_t count = receiver->delays.count;
    uint64_t before_ns = receiver->counted_ns;

    if (count == 0)
        return;
    receiver->counted_ns = receiver->newest_ns;
    if (before_ns == 0 || receiver->tail)
        return;
    uint64_t spacing_ns = (receiver->newest_ns - before_ns) / count;
    if (receiver->spacing_ns == 0)
        receiver->spacing_ns = spacing_ns;
    else
        receiver->spacing_ns = (3 * receiver->spacing_ns + spacing_ns) / 4;
}

static uint32_t to_us(uint64_t span_ns)
{
    return (uint32_t)clamp(span_ns / 1000, 0, UINT32_MAX);
}

/* Datagrams may come between two parts, so that these move on. */
static void count(struct fasp_receiver *receiver)
{
    struct report *report = &receiver->report;

    report->delivered_bytes = receiver->delivered_bytes;
    report->late_bytes = receiver->late_bytes;
    report->judged = receiver->gaps.judged;
    report->lost = receiver->gaps.lost;
    report->runs = receiver->gaps.runs;
}

/* Takes stock. */
static void begin(struct fasp_receiver *receiver, uint64_t now_ns)
{
    struct receiver_delays *delays = &receiver->delays;
    struct gaps *gaps = &receiver->gaps;

    measure_rate(receiver, now_ns);
    measure_spacing(receiver);
    uint64_t slack = slack_ns(receiver);
    if (now_ns > slack)
        gaps_declare(gaps, now_ns - slack);

    struct report report = {
        .from = gaps->confirmed_end,
        .rx_time_us = now_ns / 1000,
        .disk_queue_us = to_us(receiver->disk_queue_ns),
        .vlink_queue_us = to_us(receiver->vlink_queue_ns),
        .free_bytes = receiver->free_bytes,
        .train_rate = receiver->train_rate,
    };
    if (receiver->any) {
        report.flags |= REPORT_FLAG_ECHO;
        report.sent_echo_us = receiver->newest_time_us;
        report.hold_us = to_us(now_ns - receiver->newest_ns);
    }
    if (delays->count > 0) {
        int64_t mean_us = delays->sum_us / delays->count;
        report.flags |= REPORT_FLAG_FRESH;
        report.owd_min_us = delays->first_us + (uint32_t)delays->min_us;
        report.owd_mean_us = delays->first_us + (uint32_t)mean_us;
    }
    delays->count = 0;
    receiver->report = report;
    receiver->report_ns = now_ns;
    receiver->listing = true;
    receiver->parts = 0;
}

static void note(struct fasp_receiver *receiver, uint64_t now_ns)
{
    receiver->records[receiver->number % RECEIVER_RECORDS] =
        (struct receiver_record){
            .number = receiver->number,
            .from = receiver->report.from,
            .to = receiver->report.to,
            .sent_ns = now_ns,
        };
}

bool fasp_receiver_report(struct fasp_receiver *receiver, uint64_t now_ns,
                          uint8_t *buffer, uint32_t room_bytes,
                          uint32_t *size_bytes)
{
    const struct fasp_cipher *cipher = &receiver->options.cipher;
    struct report *report = &receiver->report;
    uint32_t plain_bytes_max =
        receiver->options.datagram_bytes - FASP_HEADER_BYTES - FASP_TAG_BYTES;

    CHECK(room_bytes >= receiver->options.datagram_bytes);
    if (!receiver->listing) {
        if (now_ns < receiver->due_ns)
            return false;
        begin(receiver, now_ns);
    }

    count(receiver);
    /* The list is written first: what it covers stands before it. */
    struct bytes_writer list =
        bytes_write_to(receiver->scratch + REPORT_FIXED_BYTES,
                       plain_bytes_max - REPORT_FIXED_BYTES);
    report->to = gaps_list(&receiver->gaps, report->from, &list);
    struct bytes_writer fixed =
        bytes_write_to(receiver->scratch, REPORT_FIXED_BYTES);
    report_write(&fixed, report);
    CHECK(!fixed.failed);

    struct fasp_packet packet = {
        .type = FASP_PACKET_REPORT,
        .connection = receiver->options.connection,
        .number = receiver->number,
    };
    uint32_t plain_bytes = REPORT_FIXED_BYTES + (uint32_t)bytes_written(&list);
    fasp_packet_write(&packet, buffer);
    cipher->seal(cipher->context, packet.number, buffer, FASP_HEADER_BYTES,
                 receiver->scratch, plain_bytes, buffer + FASP_HEADER_BYTES);
    *size_bytes = FASP_HEADER_BYTES + plain_bytes + FASP_TAG_BYTES;

    note(receiver, now_ns);
    receiver->number++;
    receiver->statistics.reports++;
    report->from = report->to;
    if (report->to >= report->judged || ++receiver->parts == PARTS_MAX) {
        receiver->listing = false;
        receiver->due_ns = now_ns + interval_ns(receiver, now_ns);
    }
    return true;
}

uint64_t fasp_receiver_due(const struct fasp_receiver *receiver)
{
    return receiver->listing ? receiver->report_ns : receiver->due_ns;
}

void fasp_receiver_room(struct fasp_receiver *receiver, uint64_t free_bytes,
                        uint64_t disk_queue_ns, uint64_t now_ns)
{
    receiver->free_bytes = free_bytes;
    receiver->disk_queue_ns = disk_queue_ns;
    if (receiver->report.free_bytes < SMALL_WINDOW_BYTES &&
        receiver->report_ns < now_ns && receiver->statistics.reports > 0 &&
        free_bytes >= SMALL_WINDOW_BYTES && receiver->due_ns > now_ns)
        receiver->due_ns = now_ns;
}

void fasp_receiver_vlink_queue(struct fasp_receiver *receiver,
                               uint64_t queue_ns)
{
    receiver->vlink_queue_ns = queue_ns;
}

void fasp_receiver_path(struct fasp_receiver *receiver,
                        enum fasp_packet_type type, const uint8_t *token,
                        uint8_t *out)
{
    const struct fasp_cipher *cipher = &receiver->options.cipher;
    struct fasp_packet packet = {
        .type = type,
        .connection = receiver->options.connection,
        .number = receiver->number++,
    };

    CHECK(type == FASP_PACKET_PATH_CHALLENGE ||
          type == FASP_PACKET_PATH_RESPONSE);
    fasp_packet_write(&packet, out);
    cipher->seal(cipher->context, packet.number, out, FASP_HEADER_BYTES, token,
                 FASP_PATH_TOKEN_BYTES, out + FASP_HEADER_BYTES);
}

/* The first datagram that shows a new report tells the round trip. */
static void measure_rtt(struct fasp_receiver *receiver, uint64_t sample_ns)
{
    uint64_t most_ns = 2 * receiver->rtt_ns + 50 * MS;

    if (sample_ns > most_ns)
        sample_ns = most_ns; /* the sender had nothing to show it with */
    if (sample_ns < receiver->rtt_ns)
        receiver->rtt_ns = sample_ns;
    else
        receiver->rtt_ns += (sample_ns - receiver->rtt_ns) / 8;
}

void receiver_seen(struct fasp_receiver *receiver, uint32_t seen,
                   uint64_t now_ns)
{
    struct receiver_record *record =
        &receiver->records[seen % RECEIVER_RECORDS];

    /* Unknown, too old, or done: nothing follows from it. */
    if (record->number == 0 || (uint32_t)record->number != seen)
        return;
    if (record->number > receiver->echoed) {
        receiver->echoed = record->number;
        measure_rtt(receiver, now_ns - record->sent_ns);
    }
    gaps_confirm(&receiver->gaps, record->from, record->to);
    record->number = 0;
}
