#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static uint32_t home(const struct map *map, struct uuid key)
{
    uint32_t hash;

    /* Bytes 12 to 15 of a version 4 UUID are random in every bit. */
    memcpy(&hash, key.bytes + 12, sizeof hash);
    return hash & (map->room - 1);
}

/* The entry of `key`, or the free one where it belongs. */
static struct map_entry *find(const struct map *map, struct uuid key)
{
    uint32_t place = home(map, key);

    while (map->entries[place].value != NULL &&
           !uuid_equal(map->entries[place].key, key))
        place = (place + 1) & (map->room - 1);
    return &map->entries[place];
}

static void grow(struct map *map)
{
    struct map old = *map;

    map->room = old.room ? old.room * 2 : 64;
    map->entries = calloc(map->room, sizeof *map->entries);
    CHECK(map->entries != NULL);
    for (uint32_t i = 0; i < old.room; i++) {
        if (old.entries[i].value != NULL)
            *find(map, old.entries[i].key) = old.entries[i];
    }
    free(old.entries);
}

void map_put(struct map *map, struct uuid key, void *value)
{
    CHECK(value != NULL);
    if (map->count >= map->room / 2)
        grow(map);
    struct map_entry *entry = find(map, key);
    CHECK(entry->value == NULL);
    *entry = (struct map_entry){key, value};
    map->count++;
}

void *map_get(const struct map *map, struct uuid key)
{
    return map->room ? find(map, key)->value : NULL;
}

void *map_remove(struct map *map, struct uuid key)
{
    if (map->room == 0)
        return NULL;
    struct map_entry *entry = find(map, key);
    void *value = entry->value;
    if (value == NULL)
        return NULL;

    uint32_t mask = map->room - 1;
    uint32_t hole = (uint32_t)(entry - map->entries);
    for (uint32_t place = (hole + 1) & mask; map->entries[place].value != NULL;
         place = (place + 1) & mask) {
        uint32_t from_home = (place - home(map, map->entries[place].key)) & mask;
        if (from_home >= ((place - hole) & mask)) {
            map->entries[hole] = map->entries[place];
            hole = place;
        }
    }
    map->entries[hole].value = NULL;
    map->count--;
    return value;
}

void map_free(struct map *map)
{
    free(map->entries);
    *map = (struct map){0};
}
