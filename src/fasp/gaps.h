/* Which packet numbers are missing: open, declared, confirmed.
 *
 * Knows: packet numbers and when a hole in them was first seen.
 * Must not know: what a datagram held, how a list is sent.
 *
 *      confirmed         declared            open holes
 *   |--------------|--------------------|-----------------|
 *   1         confirmed_end          judged         window.next
 *
 * A hole is seen when a higher number comes, and stays open for the slack:
 * datagrams overtake each other.  Then what of it did not come is declared
 * missing, in ascending order.  Declared ranges are listed to the sender until
 * it shows that it has read them (confirmed).
 *
 * All is bounded.  When no more can be remembered, a datagram is refused as if
 * it had been lost: it is never forgotten that something is missing.
 */
#ifndef FASP_GAPS_H
#define FASP_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "fasp/ranges.h"
#include "fasp/window.h"

/* Numbers that can come late: 0.15 s at 10 Gbit/s. */
#define GAPS_WINDOW_BITS (1u << 17)
/* 30 % of 10 Gbit/s lost at 1 s leave some 200,000 ranges unconfirmed. */
#define GAPS_COUNT_MAX (1u << 18)

struct gaps_hole {
    uint64_t first;
    uint64_t end;
    uint64_t seen_ns; /* of open ones */
};

/* A queue that grows up to GAPS_COUNT_MAX. */
struct gaps_queue {
    struct gaps_hole *holes; /* owned ring */
    uint32_t room;           /* 0 or a power of two */
    uint32_t head;           /* not masked */
    uint32_t count;
};

struct gaps {
    struct window window;
    struct gaps_queue open;
    struct gaps_queue declared;
    struct ranges confirmed; /* above confirmed_end */
    uint64_t confirmed_end;
    uint64_t judged; /* below, each number came or was declared missing */
    uint64_t lost;   /* declared, in all */
    uint64_t runs;   /* that they came in */
    bool reordered;  /* a number came after a higher one */
};

/* Returns false when memory is used up. */
bool gaps_init(struct gaps *gaps);
void gaps_free(struct gaps *gaps);

/* Whether `number` may be taken: it did not come, and is not too old. */
static inline bool gaps_is_new(const struct gaps *gaps, uint64_t number)
{
    return window_is_new(&gaps->window, number);
}

enum gaps_arrival {
    GAPS_ON_TIME,
    GAPS_LATE,    /* after it was declared missing */
    GAPS_REFUSED, /* no memory for the hole it shows: as if it never came */
};

/* Takes in that `number`, which is new, came. */
enum gaps_arrival gaps_arrive(struct gaps *gaps, uint64_t number,
                              uint64_t now_ns);

/* Declares what is open since `seen_ns_max` or longer. */
void gaps_declare(struct gaps *gaps, uint64_t seen_ns_max);

/* Lists what is declared at or above `from` and not confirmed, as far as it
 * fits.  Returns up to where the list is complete: `judged`, or less. */
uint64_t gaps_list(struct gaps *gaps, uint64_t from,
                   struct bytes_writer *writer);

/* The sender has read the list of [from, to). */
void gaps_confirm(struct gaps *gaps, uint64_t from, uint64_t to);

#endif
