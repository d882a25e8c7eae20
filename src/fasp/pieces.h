/* The pieces of one space: what was cut, what is on its way, what comes again.
 *
 * Knows: places, sizes, what became of each piece.
 * Must not know: packet numbers, time, the bytes themselves.
 *
 *   delivered |  pieces known, some delivered  |  not cut yet  |
 *             head                            next            end
 *
 * A piece is one datagram's worth.  Pieces are numbered in the order in which
 * they were cut and live in a ring, so that each step costs the same however
 * many are on their way.
 */
#ifndef FASP_PIECES_H
#define FASP_PIECES_H

#include <stdbool.h>
#include <stdint.h>

#include "fasp/ranges.h"

/* At 10 Gbit/s and 1 s one datagram in a hundred is lost, and of 800,000 a
 * second some are lost three times: five round trips.  160 MiB, when it comes
 * to that. */
#define PIECES_COUNT_MAX (1u << 23)
/* Files that are not wanted lie between those that are. */
#define PIECES_SKIPS_MAX (1u << 20)

/* A piece that was cut for a larger path goes again in parts that any path
 * carries: the least datagram less its overhead. */
#define PIECES_PART_BYTES 1190u
#define PIECES_PARTS_MAX 8u

enum piece_state {
    PIECE_FLYING,
    PIECE_QUEUED, /* lost, to be sent again */
    PIECE_DELIVERED,
};

struct piece {
    uint64_t place;
    uint16_t size_bytes;
    uint8_t state;
    uint8_t flying; /* datagrams on their way that hold it, or a part */
    uint8_t parts;  /* bits: those that came by themselves */
};

struct pieces {
    struct piece *ring; /* owned */
    uint32_t *repeats;  /* owned ring of piece numbers, as large */
    uint32_t room;      /* of both: 0 or a power of two */
    uint64_t head;      /* number of the oldest piece known */
    uint64_t tail;      /* number of the next piece to be cut */
    uint32_t repeats_head;
    uint32_t repeats_count;
    uint64_t repeats_bytes;

    uint64_t next; /* place of the next piece to be cut */
    uint64_t end;
    bool final;
    struct ranges skips;

    uint64_t delivered_bytes;
};

void pieces_init(struct pieces *pieces);
void pieces_free(struct pieces *pieces);

/* The piece of a number from head to tail - 1. */
static inline struct piece *pieces_at(const struct pieces *pieces,
                                      uint64_t number)
{
    return &pieces->ring[number & (pieces->room - 1)];
}

/* The piece by the low half of its number; NULL when it is known no more,
 * because it was delivered. */
struct piece *pieces_find(const struct pieces *pieces, uint32_t number);

/* How many bytes can be cut at `next`, which moves over what is skipped. */
uint64_t pieces_ready(struct pieces *pieces);
/* Whether a piece more can be known; takes memory when it must. */
bool pieces_have_room(struct pieces *pieces);
/* Cuts the next piece, of 1 to pieces_ready() bytes, and returns its number.
 * There is room. */
uint64_t pieces_cut(struct pieces *pieces, uint32_t size_bytes);

/* A datagram that held the piece came, or got lost. */
void pieces_delivered(struct pieces *pieces, uint32_t number);
void pieces_lost(struct pieces *pieces, uint32_t number);

/* A datagram that held this part of it came. */
void pieces_part_delivered(struct pieces *pieces, uint32_t number,
                           uint32_t part);
/* The first part from `part` on that did not come, or PIECES_PARTS_MAX. */
uint32_t pieces_part_missing(const struct piece *piece, uint32_t part);

/* The first piece that is to be sent again, or NULL. */
struct piece *pieces_repeat(struct pieces *pieces, uint32_t *number);
/* It goes out again. */
void pieces_repeat_taken(struct pieces *pieces);

/* [from, to) is not wanted.  Returns false when that cannot be remembered. */
bool pieces_skip(struct pieces *pieces, uint64_t from, uint64_t to);

/* All below is delivered or skipped. */
uint64_t pieces_delivered_end(const struct pieces *pieces);
/* Nothing is on its way or to be sent again. */
static inline bool pieces_idle(const struct pieces *pieces)
{
    return pieces->head == pieces->tail;
}

#endif
