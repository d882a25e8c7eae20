/* Finds an object by its id.
 *
 * Knows: 16-byte keys that are random already, so that they are their own
 * hash.  A key that a peer chose must be hashed with a secret first.
 *
 * Open addressing with linear probing, at most half full; removal moves later
 * entries back, so there are no tombstones.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/uuid.h"

struct map_entry {
    struct uuid key;
    void *value; /* NULL = free */
};

/* Zero-initialise it. */
struct map {
    struct map_entry *entries; /* owned */
    uint32_t room;             /* 0 or a power of two */
    uint32_t count;
};

/* Adds `key`, which is not in the map, with a `value` that is not NULL. */
void map_put(struct map *map, struct uuid key, void *value);
/* The value of `key`, or NULL. */
void *map_get(const struct map *map, struct uuid key);
/* Removes `key` and returns its value, or NULL. */
void *map_remove(struct map *map, struct uuid key);
void map_free(struct map *map);

#endif
