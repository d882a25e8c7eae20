/* What each packet number on its way holds, until it is known what became of
 * it.
 *
 * Knows: packet numbers, sizes.
 * Must not know: bytes, time, what follows from a loss.
 *
 * A ring from `oldest`, the lowest number still undecided, up to `next`.
 */
#ifndef FASP_FLIGHTS_H
#define FASP_FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "fasp/packet.h"

/* Two round trips of 1 s at 10 Gbit/s, 16 MiB. */
#define FLIGHTS_COUNT_MAX (1u << 21)

#define FLIGHT_EMPTY FASP_SPACE_COUNT /* a probe or a path datagram */

enum flight_state {
    FLIGHT_FLYING,
    FLIGHT_CAME,
    FLIGHT_LOST,
};

struct flight {
    uint32_t piece; /* low half of its number */
    uint16_t wire_bytes;
    uint8_t space; /* enum fasp_space, or FLIGHT_EMPTY */
    uint8_t state : 4;
    uint8_t part : 4; /* 0 = the whole piece, else 1 + the part's number */
};

struct flights {
    struct flight *ring; /* owned */
    uint32_t room;       /* 0 or a power of two */
    uint64_t oldest;
    uint64_t next;
};

void flights_init(struct flights *flights);
void flights_free(struct flights *flights);

static inline struct flight *flights_at(const struct flights *flights,
                                        uint64_t number)
{
    return &flights->ring[number & (flights->room - 1)];
}

/* Whether a number more can be known; takes memory when it must. */
bool flights_have_room(struct flights *flights);
/* Notes the datagram with the number `next`, which moves on; there is room. */
void flights_add(struct flights *flights, struct flight flight);
/* Moves `oldest` over what is decided. */
void flights_advance(struct flights *flights);

#endif
