/* What the files of the receiver share; nobody else includes it. */
#ifndef FASP_RECEIVER_PARTS_H
#define FASP_RECEIVER_PARTS_H

#include "fasp/gaps.h"
#include "fasp/receiver.h"
#include "fasp/report.h"

/* Separate pieces of data that may wait for what is missing before them: as
 * many as a sender may have on its way (sender_parts.h). */
#define RECEIVER_RANGES_MAX (1u << 21)

/* Reports that may be confirmed; a report every 5 ms, some in 30 parts. */
#define RECEIVER_RECORDS 1024u

/* What a report covered, to be looked up when its number comes back. */
struct receiver_record {
    uint64_t number; /* 0 = none, or done with */
    uint64_t from;
    uint64_t to;
    uint64_t sent_ns;
};

struct receiver_space {
    struct ranges had;
    uint64_t end; /* no data at or beyond */
};

/* One-way delays since the last report, relative to the first of them. */
struct receiver_delays {
    uint32_t count;
    uint32_t first_us;
    int32_t min_us;
    int64_t sum_us;
};

struct fasp_receiver {
    struct fasp_receiver_options options;
    struct gaps gaps;
    struct receiver_space spaces[FASP_SPACE_COUNT];

    uint64_t delivered_bytes; /* on the wire */
    uint64_t late_bytes;
    bool any;  /* a datagram came */
    bool tail; /* the newest was empty: the sender has nothing new */
    uint32_t newest_time_us;
    uint64_t newest_ns;
    struct receiver_delays delays;
    uint64_t train_rate; /* of the trains ahead of the data */
    uint64_t free_bytes;
    uint64_t disk_queue_ns;
    uint64_t vlink_queue_ns;

    /* Reports. */
    uint64_t rtt_ns;
    uint64_t number; /* of the next datagram that goes back */
    uint64_t report_ns;
    uint64_t due_ns;
    bool listing; /* a report is partly written: */
    struct report report;
    uint32_t parts;
    struct receiver_record records[RECEIVER_RECORDS];
    uint64_t echoed;        /* the highest report number that came back */
    uint64_t counted_bytes; /* delivered_bytes at the last report */
    double bytes_per_ns;    /* arriving, smoothed */
    uint64_t spacing_ns;    /* of data datagrams, smoothed; 0 = unknown */
    uint64_t counted_ns;    /* newest_ns at the last report; 0 = none */

    uint32_t largest_bytes; /* of these 64 datagrams with data */
    struct fasp_receiver_statistics statistics;
    uint8_t scratch[FASP_DATAGRAM_BYTES_MAX];
};

/* The sender shows that it has read the report of this number. */
void receiver_seen(struct fasp_receiver *receiver, uint32_t seen,
                   uint64_t now_ns);

#endif
