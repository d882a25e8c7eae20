/* A set of numbers kept as ranges: which bytes came, which are skipped.
 *
 * Knows: 64-bit numbers.
 * Must not know: what they count.
 *
 * Ranges are sorted and never touch each other.  They lie in leaves of up to
 * RANGES_LEAF_COUNT, and an array of leaves is searched by their first
 * numbers, so that a hole filled among 100,000 costs no more than one among
 * 1,000.  Adding at the end, or to the range that was added to last, which is
 * nearly every call, looks at one leaf only.
 *
 * The count of ranges is bounded: adding fails when a new range would exceed
 * it or memory is used up, and then nothing has changed.
 */
#ifndef FASP_RANGES_H
#define FASP_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define RANGES_LEAF_COUNT 64u

struct range {
    uint64_t first;
    uint64_t end; /* one beyond the last; above `first` */
};

struct ranges_leaf;

/* Made by ranges_init(). */
struct ranges {
    struct ranges_leaf **leaves; /* owned */
    uint32_t leaf_count;
    uint32_t leaf_room;
    uint32_t last_leaf; /* where the last call ended */
    uint32_t count;
    uint32_t count_max;
    uint64_t total; /* numbers in the set */
};

/* Starts empty and holds no memory.  `count_max` is at least 1. */
void ranges_init(struct ranges *ranges, uint32_t count_max);
void ranges_free(struct ranges *ranges);

/* Adds [first, end); `first` is below `end`.  What is in the set already does
 * not matter.  Returns false, and changes nothing, when there is no room. */
bool ranges_add(struct ranges *ranges, uint64_t first, uint64_t end);

/* Removes all numbers below `end`. */
void ranges_drop_below(struct ranges *ranges, uint64_t end);

/* The first range that ends above `from`, so that it holds `from` or begins
 * behind it.  Returns false when there is none. */
bool ranges_next(struct ranges *ranges, uint64_t from, struct range *range);

/* Whether all of [first, end) is in the set. */
bool ranges_hold(struct ranges *ranges, uint64_t first, uint64_t end);
/* Whether any of [first, end) is in the set. */
bool ranges_touch(struct ranges *ranges, uint64_t first, uint64_t end);

/* The end of the range that holds `from`, or `from`. */
uint64_t ranges_end_of(struct ranges *ranges, uint64_t from);

#endif
