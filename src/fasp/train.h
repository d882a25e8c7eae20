/* Trains: how fast the path lets datagrams through that leave at once.
 *
 * Knows: their datagrams, when each came.
 * Must not know: sessions, what follows from a rate.
 *
 * FASP_TRAINS trains of FASP_TRAIN_DATAGRAMS go out FASP_TRAIN_GAP_NS apart as
 * soon as there are keys, while the order is still being checked.  They are no
 * part of a direction's packet numbers and have keys of their own, so that
 * nothing is lost when nobody waits for them.  A knock is one such datagram,
 * small, that only shows the way to its sender.
 *
 * Source: docs/protocol.md, "Trains".
 */
#ifndef FASP_TRAIN_H
#define FASP_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "fasp/packet.h"

#define FASP_TRAINS 3u
#define FASP_TRAIN_DATAGRAMS 32u
#define FASP_TRAIN_GAP_NS UINT64_C(4000000)
/* So that 32 fit into one send. */
#define FASP_TRAIN_DATAGRAM_BYTES_MAX FASP_DATAGRAM_BYTES_IPV4
/* Places behind the trains: knocks, of one byte each. */
#define FASP_KNOCK_PLACE (FASP_TRAINS * FASP_TRAIN_DATAGRAMS)
#define FASP_KNOCKS 3u
#define FASP_KNOCK_BYTES (FASP_DATA_OVERHEAD_BYTES + 1)

/* Writes the datagram of `place`, of `datagram_bytes` in all. */
void train_write(const struct fasp_cipher *cipher, uint32_t connection,
                 uint32_t place, uint32_t datagram_bytes, uint32_t time_us,
                 uint8_t *out);

/* What came of one train. */
struct train_seen {
    uint32_t count;
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t bytes; /* on the wire, after the first */
};

struct train_meter {
    struct train_seen seen[FASP_TRAINS];
    uint64_t came[2]; /* a bit for each place */
    bool has_delay;
    uint32_t owd_min_us; /* arrival minus sender's time */
};

/* Takes a datagram of type FASP_PACKET_TRAIN: FASP_TAKEN, _DUPLICATE,
 * _MALFORMED or _FORGED. */
enum fasp_taken train_meter_take(struct train_meter *meter,
                                 const struct fasp_cipher *cipher,
                                 const uint8_t *data, uint32_t size_bytes,
                                 uint64_t now_ns);

/* Bytes a second, on the wire, that the train in the middle came with, of two
 * the slower one; 0 = none of which enough came. */
uint64_t train_meter_rate(const struct train_meter *meter);

#endif
