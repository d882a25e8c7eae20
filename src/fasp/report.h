/* What a report says, and how it is written: one datagram.
 *
 * Knows: the layout of reports (docs/protocol.md, "Reports").
 * Must not know: what follows from it.
 *
 * A report covers the packet numbers from `from` up to `to`: of these, all
 * that were missing and are not confirmed yet are listed, in ascending order,
 * and the others came.  A long list is spread over several reports that cover
 * one stretch after the other.
 */
#ifndef FASP_REPORT_H
#define FASP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define REPORT_FLAG_FRESH 0x01u /* datagrams came since the last report */
#define REPORT_FLAG_ECHO 0x02u  /* any datagram came ever */

/* The fields before the list.  Later versions may add some at their end: the
 * first byte says how many there are. */
#define REPORT_FIXED_BYTES 100u

struct report {
    uint8_t flags;
    uint64_t from;
    uint64_t to;
    uint64_t delivered_bytes; /* on the wire, late ones included */
    uint64_t late_bytes;      /* of these, came after they were listed */
    uint64_t rx_time_us;
    uint64_t judged;
    uint64_t lost;
    uint64_t runs;
    uint32_t owd_min_us; /* with REPORT_FLAG_FRESH */
    uint32_t owd_mean_us;
    uint32_t sent_echo_us; /* with REPORT_FLAG_ECHO */
    uint32_t hold_us;
    uint32_t disk_queue_us;
    uint64_t free_bytes;
    uint64_t train_rate; /* bytes a second; 0 = no train came */
    uint32_t ce_count;   /* 0 = none, as always today */
    uint32_t vlink_queue_us; /* of the receiving node's vlink */
};

/* The list, as it is read or written. */
struct report_range {
    uint64_t first;
    uint64_t count; /* 1 or more */
};

void report_write(struct bytes_writer *writer, const struct report *report);

/* Adds a range that begins at or behind `*at`, which moves to its end; starts
 * as `from`.  Returns false, and writes nothing, when it does not fit. */
bool report_write_range(struct bytes_writer *writer, uint64_t *at,
                        struct report_range range);

/* Reads all but the list.  Returns false for what is too short or breaks a
 * rule that needs no knowledge of the session: from <= to <= judged, lost <
 * judged, runs <= lost, late <= delivered. */
bool report_read(struct bytes_reader *reader, struct report *report);

/* Reads the next range of the list; `*at` as for writing.  Returns false at
 * the end, or, with the reader failed, for one that is not within `to`. */
bool report_read_range(struct bytes_reader *reader, uint64_t *at, uint64_t to,
                       struct report_range *range);

#endif
