/* Sets of characters, and the bytes that UTF-8 makes of them. */
#include "store/pattern_program.h"

#include <string.h>

#define CHARACTER_MAX 0x10ffffu

/* Takes out what overlaps or touches the new range, which grows over it, and
 * puts that in its place. */
void pattern_set_add(struct pattern_set *set, uint32_t min, uint32_t max)
{
    uint32_t first = 0;

    CHECK(min <= max && max <= CHARACTER_MAX);
    while (first < set->count && set->ranges[first].max + 1 < min)
        first++;
    uint32_t behind = first;
    while (behind < set->count && set->ranges[behind].min <= max + 1) {
        if (set->ranges[behind].min < min)
            min = set->ranges[behind].min;
        if (set->ranges[behind].max > max)
            max = set->ranges[behind].max;
        behind++;
    }
    if (set->count - (behind - first) == PATTERN_RANGES_MAX) {
        set->failed = true;
        return;
    }
    memmove(&set->ranges[first + 1], &set->ranges[behind],
            (set->count - behind) * sizeof set->ranges[0]);
    set->count = set->count - (behind - first) + 1;
    set->ranges[first] = (struct pattern_range){min, max};
}

void pattern_set_invert(struct pattern_set *set)
{
    const struct pattern_set old = *set;
    uint32_t next = 0;

    set->count = 0;
    for (uint32_t i = 0; i < old.count; i++) {
        if (old.ranges[i].min > next)
            pattern_set_add(set, next, old.ranges[i].min - 1);
        next = old.ranges[i].max + 1;
    }
    if (next <= CHARACTER_MAX)
        pattern_set_add(set, next, CHARACTER_MAX);
}

void pattern_set_fold(struct pattern_set *set)
{
    const struct pattern_set old = *set;

    for (uint32_t i = 0; i < old.count; i++) {
        for (uint32_t c = 'a'; c <= 'z'; c++) {
            uint32_t upper = c - 'a' + 'A';
            if (old.ranges[i].min <= c && c <= old.ranges[i].max)
                pattern_set_add(set, upper, upper);
            if (old.ranges[i].min <= upper && upper <= old.ranges[i].max)
                pattern_set_add(set, c, c);
        }
    }
}

static uint32_t encode(uint32_t character, uint8_t bytes[4])
{
    static const uint32_t max[] = {0x7f, 0x7ff, 0xffff, CHARACTER_MAX};
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    uint32_t size = 0;

    while (character > max[size])
        size++;
    for (uint32_t i = size; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    bytes[0] = (uint8_t)(lead[size] | character);
    return size + 1;
}

/* The end of the longest run from `min` on whose bytes are one range each:
 * all are of one length, and behind the first byte that differs each goes
 * through all its values. */
static uint32_t run_end(uint32_t min, uint32_t max)
{
    static const uint32_t last_of_length[] = {0x7f, 0x7ff, 0xffff};

    for (uint32_t i = 0; i < 3; i++)
        if (min <= last_of_length[i] && max > last_of_length[i])
            max = last_of_length[i];
    for (uint32_t bits = 6; bits < 24 && max > 0x7f; bits += 6) {
        uint32_t low = (UINT32_C(1) << bits) - 1;
        if ((min | low) == (max | low))
            break; /* only lower bytes differ, and those were looked at */
        if ((min & low) != 0)
            return min | low; /* up to where the lower bytes start anew */
        if ((max & low) != low)
            max = (max & ~low) - 1;
    }
    return max;
}

bool pattern_range_encode(struct pattern_range range, void *user,
                          pattern_sequence_fn add)
{
    while (range.min <= range.max) {
        struct pattern_sequence sequence;
        uint32_t end = run_end(range.min, range.max);

        sequence.size_bytes = encode(range.min, sequence.min);
        encode(end, sequence.max);
        if (!add(user, &sequence))
            return false;
        range.min = end + 1;
    }
    return true;
}
