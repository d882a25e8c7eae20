/* The sending half of a session: which bytes go out next, and when.
 *
 * Knows: datagrams, what is on its way, what was lost, the rate law.
 * Must not know: sockets, files, clocks, keys, the control connection.
 *
 * A session sends two spaces of bytes.  Each is cut into pieces, one a
 * datagram, in order; a piece stays known until the receiver has it.
 *
 *     new piece --> in flight --> delivered
 *                    ^     |
 *                    |     v  listed as missing in a report
 *                 (again, under a new packet number)
 *
 * The owner calls fasp_sender_train() until it gives nothing, then again at
 * fasp_sender_due(), after each datagram that came, after fasp_sender_ready()
 * and after any other call that changes something.  All memory is taken when
 * pieces in flight first need it; nothing is allocated for each datagram.
 *
 * Order in a train: repeats, then the catalogue, then data, then copies of the
 * last repeats, then empty probes, all inside the same pacing and budget.
 *
 * What a peer may do to it: a report can slow it down and can never make it
 * faster than the target and the cap.  A report that cannot be true ends the
 * session (FASP_NONSENSE).
 *
 * Source: engine requirements in docs/protocol.md, "Sending".
 */
#ifndef FASP_SENDER_H
#define FASP_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "fasp/cipher.h"
#include "fasp/packet.h"
#include "fasp/rate.h"
#include "fasp/train.h"

/* Room that a buffer for one train needs: what UDP_SEGMENT takes at most. */
#define FASP_TRAIN_BYTES_MAX 65507u
/* Older kernels take no more segments a send. */
#define FASP_TRAIN_COUNT_MAX 64u

struct fasp_sender;

struct fasp_source {
    void *user;
    /* Returns the bytes of `space` from `place` on, with their count in
     * `*have_bytes`, 1 to `want_bytes`: fewer where its block ends.  They must
     * stay unchanged until the caller's fasp_sender_train() returns.  NULL
     * when they are not in memory now: the owner gets them and then calls
     * fasp_sender_ready().  A repeat asks for a piece as it was first given
     * (the same place, `want_bytes` = the count given then) and takes all of
     * it or NULL. */
    const uint8_t *(*data)(void *user, enum fasp_space space, uint64_t place,
                           uint32_t want_bytes, uint32_t *have_bytes);
};

struct fasp_sender_options {
    uint32_t connection;     /* id that the receiving node chose */
    uint32_t datagram_bytes; /* to begin with: FASP_DATAGRAM_BYTES_MIN to _MAX */
    uint32_t datagram_bytes_max; /* if the path carries it; 0 = no more */
    struct fasp_cipher cipher;
    struct fasp_source source;
    struct fasp_rates rates;
    uint64_t rtt_ns; /* of the handshake; 0 = unknown, taken as 100 ms */
    /* Trains that went out a moment ago: bytes on the wire in all (0 = none),
     * and the rate they came with, if it is known (0 = a report will say). */
    uint32_t train_bytes;
    uint64_t train_rate;
    bool clock_unsynchronised; /* the system calls its own clock that */
};

/* One send: datagrams of `segment_bytes` each, the last may be shorter. */
struct fasp_train {
    uint32_t size_bytes;
    uint32_t segment_bytes;
    uint32_t count;
};

struct fasp_sender_statistics {
    uint64_t new_bytes;       /* data sent for the first time */
    uint64_t repeated_bytes;  /* data sent again, tail copies included */
    uint64_t lost_bytes;      /* data that the receiver asked for again */
    uint64_t delivered_bytes; /* data that the receiver has */
    uint64_t sent_packets;    /* datagrams of all kinds */
    uint64_t lost_packets;
    uint64_t repeated_packets;
    uint64_t probe_packets;
    uint64_t reports;         /* genuine and new */
    uint64_t duplicate_packets;
    uint64_t refused_packets; /* malformed or forged */
    uint64_t rtt_ns;          /* smoothed; 0 before the first report */
    uint64_t rtt_ns_min;      /* of the last 12 s */
    uint64_t queue_ns;        /* that our data waits in, as far as is known */
    uint64_t rate_bps;        /* pacing rate now, on the wire */
    uint64_t delivered_bps;   /* arriving now, on the wire */
    uint64_t budget_bytes;    /* W */
    uint64_t inflight_bytes;
    uint64_t train_bps;        /* what trains said of the path; 0 = nothing */
    uint32_t loss_ppm;         /* of datagrams, lately */
    uint32_t path_loss_ppm;    /* of that, taken for the path's own */
    uint32_t datagram_bytes;   /* that full ones have now */
    uint64_t last_report_ns;   /* when a genuine one came last; 0 = never */
    uint64_t last_progress_ns; /* when new delivery was last reported */
    bool breaker_tripped;      /* fixed: fell back, see rate.h */
};

/* Returns NULL when memory is used up or a rate is out of range
 * (fasp_rates_supported()). */
struct fasp_sender *fasp_sender_open(const struct fasp_sender_options *options,
                                     uint64_t now_ns);
void fasp_sender_close(struct fasp_sender *sender);

/* Says that `space` has bytes up to `end`, which never falls; `final` that it
 * will not grow any more.  Both spaces begin with end 0, not final. */
void fasp_sender_limit(struct fasp_sender *sender, enum fasp_space space,
                       uint64_t end, bool final);

/* The receiver does not want [from, to): what is in flight counts as
 * delivered and the rest is not sent.  Returns false when memory, or the
 * bounded number of separate ranges, is used up. */
MUST_USE bool fasp_sender_skip(struct fasp_sender *sender,
                               enum fasp_space space, uint64_t from,
                               uint64_t to);

/* Bytes that data() did not have may be there now. */
void fasp_sender_ready(struct fasp_sender *sender);

/* Puts the next train into `buffer` of `room_bytes` (at least one datagram;
 * FASP_TRAIN_BYTES_MAX is never too small).  Returns false when nothing is to
 * be sent now.  `now_ns` never falls from call to call. */
bool fasp_sender_train(struct fasp_sender *sender, uint64_t now_ns,
                       int64_t wall_us, uint8_t *buffer, uint32_t room_bytes,
                       struct fasp_train *train);

/* When to call fasp_sender_train() again, after it gave nothing. */
uint64_t fasp_sender_due(const struct fasp_sender *sender);

/* Takes a datagram that came for this session: a report or a path datagram.
 * `token` (FASP_PATH_TOKEN_BYTES) is filled for FASP_TAKEN_CHALLENGE and
 * FASP_TAKEN_RESPONSE. */
enum fasp_taken fasp_sender_datagram(struct fasp_sender *sender,
                                     const uint8_t *data, uint32_t size_bytes,
                                     uint64_t now_ns, int64_t wall_us,
                                     uint8_t *token);

/* Writes a path datagram, FASP_PATH_DATAGRAM_BYTES, for an address that needs
 * proof.  It takes a packet number, whatever the budget.  Returns false when
 * no more packet numbers can be remembered now. */
bool fasp_sender_path(struct fasp_sender *sender, enum fasp_packet_type type,
                      const uint8_t *token, uint8_t *out, uint64_t now_ns);

/* Everything of `space` below this is delivered for good: its memory may go. */
uint64_t fasp_sender_delivered(const struct fasp_sender *sender,
                               enum fasp_space space);
/* Both spaces are final and delivered. */
bool fasp_sender_done(const struct fasp_sender *sender);

/* Acts on the next burst.  Returns false, and changes nothing, for a rate out
 * of range. */
MUST_USE bool fasp_sender_set_rates(struct fasp_sender *sender,
                                    const struct fasp_rates *rates,
                                    uint64_t now_ns);
/* Stops sending data, or goes on, whatever the minimum rate.  Empty probes
 * keep the session known to its peer meanwhile. */
void fasp_sender_pause(struct fasp_sender *sender, bool paused,
                       uint64_t now_ns);

/* How long the queue is that this session shares with others of its vlink. */
void fasp_sender_vlink_queue(struct fasp_sender *sender, uint64_t queue_ns);

void fasp_sender_statistics(const struct fasp_sender *sender, uint64_t now_ns,
                            struct fasp_sender_statistics *statistics);

#endif
