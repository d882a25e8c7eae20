/* Memory that is handed out piece by piece and taken back all at once.
 *
 * Knows: the heap.
 * Must not know: what the memory is for.
 *
 * Nothing is freed alone.  A request takes a mark, works, and resets to the
 * mark; nothing that outlives the request may point behind it.  The first
 * chunk is kept at a reset, so that a connection that serves one request after
 * another does not go to the heap.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the newest; owned */
    size_t taken_bytes;        /* in all chunks */
    size_t taken_bytes_max;
};

struct arena_mark {
    struct arena_chunk *chunk;
    size_t chunk_used_bytes;
    size_t taken_bytes;
};

/* Starts empty; memory is taken from the heap when first asked for. */
void arena_init(struct arena *arena, size_t taken_bytes_max);

/* Returns `size_bytes` bytes, aligned for any type and not cleared, or NULL
 * when `taken_bytes_max` or the heap is used up. */
void *arena_take(struct arena *arena, size_t size_bytes);

/* The same, cleared, for `count` things of `size_bytes`. */
void *arena_take_zeroed(struct arena *arena, size_t count, size_t size_bytes);

struct arena_mark arena_mark(const struct arena *arena);
/* Takes back everything that was handed out since `mark` was made. */
void arena_reset_to(struct arena *arena, struct arena_mark mark);
/* Takes back everything and keeps one chunk. */
void arena_reset(struct arena *arena);
/* Gives all memory back to the heap; the arena can be used again. */
void arena_free(struct arena *arena);

#endif
