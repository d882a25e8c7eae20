#include "fasp/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct ranges_leaf {
    uint32_t count; /* 1 to RANGES_LEAF_COUNT while in the array */
    struct range items[RANGES_LEAF_COUNT];
};

/* A place in the set.  `item` may be one beyond the last of its leaf. */
struct spot {
    uint32_t leaf;
    uint32_t item;
};

void ranges_init(struct ranges *ranges, uint32_t count_max)
{
    CHECK(count_max > 0);
    *ranges = (struct ranges){.count_max = count_max};
}

void ranges_free(struct ranges *ranges)
{
    for (uint32_t i = 0; i < ranges->leaf_count; i++)
        free(ranges->leaves[i]);
    free(ranges->leaves);
    ranges_init(ranges, ranges->count_max);
}

static bool leaf_covers(const struct ranges *ranges, uint32_t leaf,
                        uint64_t number)
{
    return (leaf == 0 || ranges->leaves[leaf]->items[0].first <= number) &&
           (leaf + 1 == ranges->leaf_count ||
            ranges->leaves[leaf + 1]->items[0].first > number);
}

/* The leaf in which a range that begins at `number` belongs. */
static uint32_t find_leaf(struct ranges *ranges, uint64_t number)
{
    uint32_t last = ranges->last_leaf;

    if (last < ranges->leaf_count && leaf_covers(ranges, last, number))
        return last;
    if (leaf_covers(ranges, ranges->leaf_count - 1, number)) {
        ranges->last_leaf = ranges->leaf_count - 1;
        return ranges->last_leaf;
    }

    uint32_t low = 0; /* its first is at most `number`, or it is leaf 0 */
    uint32_t high = ranges->leaf_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (ranges->leaves[middle]->items[0].first <= number)
            low = middle;
        else
            high = middle;
    }
    ranges->last_leaf = low;
    return low;
}

/* How many ranges of `leaf` begin at or below `number`. */
static uint32_t find_item(const struct ranges_leaf *leaf, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = leaf->count;

    if (leaf->items[high - 1].first <= number)
        return high;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (leaf->items[middle].first <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The range at `spot`, or the first of the next leaf; NULL at the end. */
static struct range *range_at(struct ranges *ranges, struct spot *spot)
{
    if (spot->leaf < ranges->leaf_count &&
        spot->item == ranges->leaves[spot->leaf]->count)
        *spot = (struct spot){spot->leaf + 1, 0};
    if (spot->leaf >= ranges->leaf_count)
        return NULL;
    return &ranges->leaves[spot->leaf]->items[spot->item];
}

static void remove_at(struct ranges *ranges, struct spot spot)
{
    struct ranges_leaf *leaf = ranges->leaves[spot.leaf];

    leaf->count--;
    ranges->count--;
    memmove(&leaf->items[spot.item], &leaf->items[spot.item + 1],
            (leaf->count - spot.item) * sizeof leaf->items[0]);
    if (leaf->count > 0)
        return;
    free(leaf);
    ranges->leaf_count--;
    memmove(&ranges->leaves[spot.leaf], &ranges->leaves[spot.leaf + 1],
            (ranges->leaf_count - spot.leaf) * sizeof ranges->leaves[0]);
}

/* Takes in what follows `range`, which is at `spot`, as far as it reaches. */
static void absorb(struct ranges *ranges, struct spot spot)
{
    struct range *range = range_at(ranges, &spot);

    for (;;) {
        struct spot behind = {spot.leaf, spot.item + 1};
        struct range *next = range_at(ranges, &behind);

        if (next == NULL || next->first > range->end)
            return;
        if (next->end > range->end) {
            ranges->total -= range->end - next->first;
            range->end = next->end;
        } else {
            ranges->total -= next->end - next->first;
        }
        remove_at(ranges, behind);
    }
}

/* Puts an empty leaf into the array.  Returns NULL when memory is used up. */
static struct ranges_leaf *add_leaf(struct ranges *ranges, uint32_t place)
{
    if (ranges->leaf_count == ranges->leaf_room) {
        uint32_t room = ranges->leaf_room == 0 ? 4 : 2 * ranges->leaf_room;
        struct ranges_leaf **leaves =
            realloc(ranges->leaves, room * sizeof *leaves);
        if (leaves == NULL)
            return NULL;
        ranges->leaves = leaves;
        ranges->leaf_room = room;
    }
    struct ranges_leaf *leaf = malloc(sizeof *leaf);
    if (leaf == NULL)
        return NULL;
    leaf->count = 0;

    memmove(&ranges->leaves[place + 1], &ranges->leaves[place],
            (ranges->leaf_count - place) * sizeof ranges->leaves[0]);
    ranges->leaves[place] = leaf;
    ranges->leaf_count++;
    return leaf;
}

/* Inserts a range that touches no other. */
static bool insert(struct ranges *ranges, struct spot spot, struct range range)
{
    if (ranges->count == ranges->count_max)
        return false;
    if (ranges->leaf_count == 0 && add_leaf(ranges, 0) == NULL)
        return false;

    struct ranges_leaf *leaf = ranges->leaves[spot.leaf];
    if (leaf->count == RANGES_LEAF_COUNT) {
        struct ranges_leaf *upper = add_leaf(ranges, spot.leaf + 1);
        if (upper == NULL)
            return false;
        /* Data comes in order: at the end of all, full leaves stay full. */
        uint32_t kept = spot.item == RANGES_LEAF_COUNT ? RANGES_LEAF_COUNT
                                                       : RANGES_LEAF_COUNT / 2;
        upper->count = leaf->count - kept;
        memcpy(upper->items, &leaf->items[kept],
               upper->count * sizeof leaf->items[0]);
        leaf->count = kept;
        if (spot.item > kept || kept == RANGES_LEAF_COUNT) {
            spot = (struct spot){spot.leaf + 1, spot.item - kept};
            leaf = upper;
        }
    }
    memmove(&leaf->items[spot.item + 1], &leaf->items[spot.item],
            (leaf->count - spot.item) * sizeof leaf->items[0]);
    leaf->items[spot.item] = range;
    leaf->count++;
    ranges->count++;
    ranges->total += range.end - range.first;
    ranges->last_leaf = spot.leaf;
    return true;
}

bool ranges_add(struct ranges *ranges, uint64_t first, uint64_t end)
{
    struct spot spot = {0, 0};

    CHECK(first < end);
    if (ranges->leaf_count > 0) {
        spot.leaf = find_leaf(ranges, first);
        spot.item = find_item(ranges->leaves[spot.leaf], first);
    }
    if (spot.item > 0) {
        struct range *below = &ranges->leaves[spot.leaf]->items[spot.item - 1];
        if (below->end >= end)
            return true;
        if (below->end >= first) {
            ranges->total += end - below->end;
            below->end = end;
            absorb(ranges, (struct spot){spot.leaf, spot.item - 1});
            return true;
        }
    }

    struct spot above_spot = spot;
    struct range *above = range_at(ranges, &above_spot);
    if (above == NULL || above->first > end)
        return insert(ranges, spot, (struct range){first, end});

    ranges->total += above->first - first;
    above->first = first;
    if (end > above->end) {
        ranges->total += end - above->end;
        above->end = end;
        absorb(ranges, above_spot);
    }
    return true;
}

void ranges_drop_below(struct ranges *ranges, uint64_t end)
{
    while (ranges->leaf_count > 0) {
        struct range *range = &ranges->leaves[0]->items[0];
        if (range->first >= end)
            return;
        if (range->end > end) {
            ranges->total -= end - range->first;
            range->first = end;
            return;
        }
        ranges->total -= range->end - range->first;
        remove_at(ranges, (struct spot){0, 0});
    }
}

bool ranges_next(struct ranges *ranges, uint64_t from, struct range *range)
{
    if (ranges->leaf_count == 0)
        return false;

    struct spot spot = {.leaf = find_leaf(ranges, from)};
    spot.item = find_item(ranges->leaves[spot.leaf], from);
    if (spot.item > 0 &&
        ranges->leaves[spot.leaf]->items[spot.item - 1].end > from)
        spot.item--;

    struct range *found = range_at(ranges, &spot);
    if (found == NULL)
        return false;
    *range = *found;
    return true;
}

bool ranges_hold(struct ranges *ranges, uint64_t first, uint64_t end)
{
    struct range range;

    return ranges_next(ranges, first, &range) && range.first <= first &&
           range.end >= end;
}

bool ranges_touch(struct ranges *ranges, uint64_t first, uint64_t end)
{
    struct range range;

    return ranges_next(ranges, first, &range) && range.first < end;
}

uint64_t ranges_end_of(struct ranges *ranges, uint64_t from)
{
    struct range range;

    if (ranges_next(ranges, from, &range) && range.first <= from)
        return range.end;
    return from;
}
