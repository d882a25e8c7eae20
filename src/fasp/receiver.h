/* The receiving half of a session: puts data in its place and reports.
 *
 * Knows: datagrams, which of them and which bytes came.
 * Must not know: sockets, files, clocks, keys, the control connection.
 *
 * Each datagram goes: header read, number looked up (replay), bytes looked up
 * (duplicate), opened, and only then marked as received.  Bytes that came
 * before are never written again, so neither a forger nor a repeat can change
 * what is in memory or on its way to the disk.
 *
 * A hole in the packet numbers is open for a while (the slack: datagrams
 * overtake each other), then it is declared missing and listed in every report
 * until the sender shows, by `seen`, that it read a report which listed it.
 *
 * Source: docs/protocol.md, "Receiving" and "Reports".
 */
#ifndef FASP_RECEIVER_H
#define FASP_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "fasp/cipher.h"
#include "fasp/packet.h"
#include "fasp/train.h"

struct fasp_receiver;

struct fasp_sink {
    void *user;
    /* Returns where the bytes of `space` from `place` on go, and in
     * `*have_bytes`, 1 to `size_bytes`, how many fit there: fewer where a
     * block ends.  NULL: no room now; the datagram counts as missing and
     * comes again.
     * `proven` false: the datagram is not known to be genuine.  Then nothing
     * may be allocated or change, only memory that is there already may be
     * given; NULL only means that it is opened elsewhere and, once it is
     * proven, asked for again and copied. */
    uint8_t *(*place)(void *user, enum fasp_space space, uint64_t place,
                      uint32_t size_bytes, uint32_t *have_bytes, bool proven);
    /* These bytes, all of them new, are in their place. */
    void (*arrived)(void *user, enum fasp_space space, uint64_t place,
                    uint32_t size_bytes);
};

struct fasp_receiver_options {
    uint32_t connection;     /* id that the sending node chose */
    uint32_t datagram_bytes; /* of reports, at most; _MIN to _MAX */
    struct fasp_cipher cipher;
    struct fasp_sink sink;
    uint64_t rtt_ns; /* of the handshake; 0 = unknown, taken as 100 ms */
};

struct fasp_receiver_statistics {
    uint64_t received_bytes;  /* data that was new */
    uint64_t duplicate_bytes; /* data that was not */
    uint64_t packets;         /* genuine ones, of all kinds */
    uint64_t data_packets;    /* of these, with data */
    uint64_t duplicate_packets;
    uint64_t missing_packets; /* declared missing and so asked for again */
    uint64_t late_packets;    /* of these, came after all */
    uint64_t no_room_packets;
    uint64_t malformed_packets;
    uint64_t forged_packets;
    uint32_t datagram_bytes; /* of the largest of the last 64 with data */
    uint64_t reports;        /* report datagrams written */
    uint64_t rtt_ns;         /* as seen from here */
    uint64_t received_bps;   /* lately, on the wire */
    uint64_t last_packet_ns; /* when a genuine one came last; 0 = never */
};

/* Returns NULL when memory is used up. */
struct fasp_receiver *
fasp_receiver_open(const struct fasp_receiver_options *options,
                   uint64_t now_ns);
void fasp_receiver_close(struct fasp_receiver *receiver);

/* Takes a datagram that came for this session: data, a probe or a path
 * datagram.  `token` (FASP_PATH_TOKEN_BYTES) is filled for
 * FASP_TAKEN_CHALLENGE and FASP_TAKEN_RESPONSE.  `now_ns` is when it came and
 * never falls from call to call. */
enum fasp_taken fasp_receiver_datagram(struct fasp_receiver *receiver,
                                       const uint8_t *data, uint32_t size_bytes,
                                       uint64_t now_ns, uint8_t *token);

/* What the trains ahead of the data say, for the next reports. */
void fasp_receiver_trains(struct fasp_receiver *receiver,
                          const struct train_meter *meter);

/* Nothing of `space` lies at or beyond `end`: data there is FASP_NONSENSE. */
void fasp_receiver_limit(struct fasp_receiver *receiver, enum fasp_space space,
                         uint64_t end);

/* Marks [from, to) as had: what still comes of it is a duplicate.  Returns
 * false when memory, or the bounded number of ranges, is used up. */
MUST_USE bool fasp_receiver_skip(struct fasp_receiver *receiver,
                                 enum fasp_space space, uint64_t from,
                                 uint64_t to);

/* What the sender is to know of our memory and disk: `free_bytes` that can
 * still be taken in, and how long the disk needs for what waits.  A window
 * that opens again after it was small is reported at once. */
void fasp_receiver_room(struct fasp_receiver *receiver, uint64_t free_bytes,
                        uint64_t disk_queue_ns, uint64_t now_ns);

/* How long the queue is that this session shares with others of a vlink of
 * the receiving node. */
void fasp_receiver_vlink_queue(struct fasp_receiver *receiver,
                               uint64_t queue_ns);

/* Writes the next report datagram into `buffer` (at least `datagram_bytes` of
 * the options).  Returns false when none is due; a long list takes several
 * calls. */
bool fasp_receiver_report(struct fasp_receiver *receiver, uint64_t now_ns,
                          uint8_t *buffer, uint32_t room_bytes,
                          uint32_t *size_bytes);

/* When to call fasp_receiver_report() again. */
uint64_t fasp_receiver_due(const struct fasp_receiver *receiver);

/* Writes a path datagram of FASP_PATH_DATAGRAM_BYTES. */
void fasp_receiver_path(struct fasp_receiver *receiver,
                        enum fasp_packet_type type, const uint8_t *token,
                        uint8_t *out);

/* Every byte of `space` below this is there (or was skipped). */
uint64_t fasp_receiver_contiguous(struct fasp_receiver *receiver,
                                  enum fasp_space space);
/* How many bytes of `space` are there (or were skipped). */
uint64_t fasp_receiver_total(const struct fasp_receiver *receiver,
                             enum fasp_space space);
/* Whether all of [from, to) is there (or was skipped). */
bool fasp_receiver_has(struct fasp_receiver *receiver, enum fasp_space space,
                       uint64_t from, uint64_t to);

void fasp_receiver_statistics(const struct fasp_receiver *receiver,
                              struct fasp_receiver_statistics *statistics);

#endif
