/* What the files of the sender share; nobody else includes it. */
#ifndef FASP_SENDER_PARTS_H
#define FASP_SENDER_PARTS_H

#include "fasp/flights.h"
#include "fasp/mtu.h"
#include "fasp/pacer.h"
#include "fasp/pieces.h"
#include "fasp/sender.h"
#include "fasp/window.h"

/* Reports that overtake each other: seconds of them. */
#define SENDER_REPORT_WINDOW_BITS 4096u
/* Reports that are shown to the receiver in turn, besides the newest. */
#define SENDER_SEEN_COUNT 64u
/* Repeats of the last window that are to be copied. */
#define SENDER_COPIES_COUNT 1024u

struct sender_copy {
    uint32_t piece;
    uint8_t space;
};

struct fasp_sender {
    struct fasp_sender_options options;
    struct rate rate;
    struct pacer pacer;
    struct mtu mtu;
    uint64_t vlink_ns;     /* the queue of our node's vlink */
    uint64_t vlink_far_ns; /* of the receiver's, as reported */
    struct pieces spaces[FASP_SPACE_COUNT];
    struct flights flights;
    bool waiting[FASP_SPACE_COUNT];        /* for new bytes to be in memory */
    bool waiting_repeat[FASP_SPACE_COUNT]; /* for bytes of a repeat */
    uint32_t part_piece[FASP_SPACE_COUNT]; /* goes again in parts, */
    uint32_t part_next[FASP_SPACE_COUNT];  /* this one next */
    uint64_t due_ns;
    uint64_t sent_ns; /* the last datagram */

    /* On the wire, for what is on its way. */
    uint64_t sent_bytes;
    uint64_t sent_bytes_ever;
    uint64_t lost_bytes;
    uint64_t came_bytes; /* reported, without late ones */

    /* Reports. */
    struct window reports;
    uint64_t report_words[SENDER_REPORT_WINDOW_BITS / 64];
    uint64_t report_number; /* the highest that came */
    uint64_t report_ns;
    uint64_t progress_ns; /* when new delivery was last reported */
    struct rate_report last;
    uint64_t free_bytes;
    uint64_t rtt_ns; /* smoothed */
    bool rtt_known;
    struct ranges decided; /* numbers above flights.oldest */

    /* Reports to show by `seen`. */
    uint32_t seen[SENDER_SEEN_COUNT];
    uint32_t seen_count;
    uint32_t seen_next;

    /* Dead window and tail. */
    uint64_t nudge_ns;
    uint32_t nudges; /* since then */
    uint64_t copied_bytes;
    struct sender_copy copies[SENDER_COPIES_COUNT];
    uint32_t copies_head;
    uint32_t copies_count;

    struct fasp_sender_statistics statistics;
    uint8_t scratch[FASP_DATAGRAM_BYTES_MAX];
};

/* The train that is being put together. */
struct sender_builder {
    uint8_t *buffer;
    uint32_t room_bytes;
    uint32_t wire_bytes_max;
    uint32_t wire_bytes;
    uint64_t room_new_bytes; /* the receiver's, for data that is new */
    uint32_t count_max;
    uint32_t time_us;
    uint64_t now_ns;
    struct fasp_train *train;
};

/* Of full datagrams. */
static inline uint32_t sender_wire_bytes(const struct fasp_sender *sender)
{
    return sender->mtu.good + FASP_WIRE_BYTES;
}
/* A datagram went out. */
void sender_count(struct fasp_sender *sender, uint32_t wire_bytes);
/* How long reports are trusted to go on as the last one says. */
uint64_t sender_trust_ns(const struct fasp_sender *sender);
/* How often reports come: what the receiver does too. */
uint64_t sender_report_interval_ns(const struct fasp_sender *sender);
/* Bytes on their way, less those that will have come since the last report. */
uint64_t sender_inflight(const struct fasp_sender *sender, uint64_t now_ns);
/* The same as the last report leaves it. */
uint64_t sender_inflight_reported(const struct fasp_sender *sender);

/* ---- sender_loads.c ---- */

/* Nothing, or `padding_bytes` of no meaning. */
void sender_add_probe(struct fasp_sender *sender,
                      struct sender_builder *builder, uint32_t padding_bytes);
/* Adds the next datagram of data or catalogue.  Returns false when there is
 * none, or the train is full. */
bool sender_add_next(struct fasp_sender *sender,
                     struct sender_builder *builder);

#endif
