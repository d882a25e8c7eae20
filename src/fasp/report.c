#include "fasp/report.h"

#include "base/check.h"

void report_write(struct bytes_writer *writer, const struct report *report)
{
    size_t before = bytes_written(writer);

    bytes_put_u8(writer, REPORT_FIXED_BYTES);
    bytes_put_u8(writer, report->flags);
    bytes_put_u48(writer, report->from);
    bytes_put_u48(writer, report->to);
    bytes_put_u64(writer, report->delivered_bytes);
    bytes_put_u64(writer, report->late_bytes);
    bytes_put_u64(writer, report->rx_time_us);
    bytes_put_u48(writer, report->judged);
    bytes_put_u48(writer, report->lost);
    bytes_put_u48(writer, report->runs);
    bytes_put_u32(writer, report->owd_min_us);
    bytes_put_u32(writer, report->owd_mean_us);
    bytes_put_u32(writer, report->sent_echo_us);
    bytes_put_u32(writer, report->hold_us);
    bytes_put_u32(writer, report->disk_queue_us);
    bytes_put_u64(writer, report->free_bytes);
    bytes_put_u64(writer, report->train_rate);
    bytes_put_u32(writer, report->ce_count);
    bytes_put_u32(writer, report->vlink_queue_us);
    CHECK(writer->failed ||
          bytes_written(writer) - before == REPORT_FIXED_BYTES);
}

bool report_read(struct bytes_reader *reader, struct report *report)
{
    uint8_t fixed_bytes = bytes_get_u8(reader);

    if (fixed_bytes < REPORT_FIXED_BYTES)
        return false;
    *report = (struct report){
        .flags = bytes_get_u8(reader),
        .from = bytes_get_u48(reader),
        .to = bytes_get_u48(reader),
        .delivered_bytes = bytes_get_u64(reader),
        .late_bytes = bytes_get_u64(reader),
        .rx_time_us = bytes_get_u64(reader),
        .judged = bytes_get_u48(reader),
        .lost = bytes_get_u48(reader),
        .runs = bytes_get_u48(reader),
        .owd_min_us = bytes_get_u32(reader),
        .owd_mean_us = bytes_get_u32(reader),
        .sent_echo_us = bytes_get_u32(reader),
        .hold_us = bytes_get_u32(reader),
        .disk_queue_us = bytes_get_u32(reader),
        .free_bytes = bytes_get_u64(reader),
        .train_rate = bytes_get_u64(reader),
        .ce_count = bytes_get_u32(reader),
        .vlink_queue_us = bytes_get_u32(reader),
    };
    (void)bytes_get(reader, fixed_bytes - REPORT_FIXED_BYTES);
    return !reader->failed && report->from <= report->to &&
           report->to <= report->judged && report->lost <= report->judged &&
           report->runs <= report->lost &&
           report->late_bytes <= report->delivered_bytes;
}

/* A number in groups of 7 bits, low ones first; the high bit of a byte says
 * that more follow.  Gaps and runs are short, so most take one byte. */
static uint32_t pack(uint64_t value, uint8_t out[10])
{
    uint32_t size = 0;

    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

/* At most 49 bits: 7 bytes. */
static uint64_t unpack(struct bytes_reader *reader)
{
    uint64_t value = 0;

    for (uint32_t shift = 0; shift < 49; shift += 7) {
        uint8_t piece = bytes_get_u8(reader);
        value |= (uint64_t)(piece & 0x7f) << shift;
        if ((piece & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

bool report_write_range(struct bytes_writer *writer, uint64_t *at,
                        struct report_range range)
{
    uint8_t piece[20];

    CHECK(range.first >= *at);
    CHECK(range.count > 0);
    uint32_t size = pack(range.first - *at, piece);
    size += pack(range.count - 1, piece + size);

    if (size > (size_t)(writer->end - writer->at))
        return false;
    bytes_put(writer, piece, size);
    *at = range.first + range.count;
    return true;
}

bool report_read_range(struct bytes_reader *reader, uint64_t *at, uint64_t to,
                       struct report_range *range)
{
    if (reader->failed || bytes_left(reader) == 0)
        return false;
    /* Each is below 2^49, `at` at most 2^48: no sum wraps. */
    uint64_t first = *at + unpack(reader);
    uint64_t count = unpack(reader) + 1;

    if (reader->failed || first + count > to) {
        reader->failed = true;
        return false;
    }
    *range = (struct report_range){first, count};
    *at = first + count;
    return true;
}
