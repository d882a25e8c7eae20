#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* A request of usual size fits into one chunk with its answer's fields. */
#define CHUNK_BYTES 8192

struct arena_chunk {
    struct arena_chunk *older;
    size_t used_bytes;
    size_t room_bytes;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *arena, size_t taken_bytes_max)
{
    *arena = (struct arena){.taken_bytes_max = taken_bytes_max};
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t size_bytes)
{
    size_t room = size_bytes > CHUNK_BYTES ? size_bytes : CHUNK_BYTES;
    struct arena_chunk *chunk = malloc(sizeof *chunk + room);
    if (chunk == NULL)
        return NULL;
    chunk->older = arena->chunk;
    chunk->used_bytes = 0;
    chunk->room_bytes = room;
    arena->chunk = chunk;
    return chunk;
}

void *arena_take(struct arena *arena, size_t size_bytes)
{
    const size_t unit = alignof(max_align_t);
    struct arena_chunk *chunk = arena->chunk;

    if (size_bytes > arena->taken_bytes_max - arena->taken_bytes)
        return NULL;
    size_bytes = (size_bytes + unit - 1) / unit * unit;
    if (size_bytes > arena->taken_bytes_max - arena->taken_bytes)
        return NULL;

    if (chunk == NULL || size_bytes > chunk->room_bytes - chunk->used_bytes) {
        chunk = add_chunk(arena, size_bytes);
        if (chunk == NULL)
            return NULL;
    }
    void *piece = chunk->data + chunk->used_bytes;
    chunk->used_bytes += size_bytes;
    arena->taken_bytes += size_bytes;
    return piece;
}

void *arena_take_zeroed(struct arena *arena, size_t count, size_t size_bytes)
{
    size_t all;

    if (__builtin_mul_overflow(count, size_bytes, &all))
        return NULL;
    void *piece = arena_take(arena, all);
    if (piece != NULL)
        memset(piece, 0, all);
    return piece;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){
        .chunk = arena->chunk,
        .chunk_used_bytes = arena->chunk ? arena->chunk->used_bytes : 0,
        .taken_bytes = arena->taken_bytes,
    };
}

void arena_reset_to(struct arena *arena, struct arena_mark mark)
{
    CHECK(mark.taken_bytes <= arena->taken_bytes);
    while (arena->chunk != mark.chunk) {
        struct arena_chunk *chunk = arena->chunk;
        CHECK(chunk != NULL);
        /* The first chunk of all stays, emptied, for the next request. */
        if (chunk->older == NULL && mark.chunk == NULL &&
            chunk->room_bytes == CHUNK_BYTES) {
            chunk->used_bytes = 0;
            arena->taken_bytes = 0;
            return;
        }
        arena->chunk = chunk->older;
        free(chunk);
    }
    if (arena->chunk != NULL)
        arena->chunk->used_bytes = mark.chunk_used_bytes;
    arena->taken_bytes = mark.taken_bytes;
}

void arena_reset(struct arena *arena)
{
    arena_reset_to(arena, (struct arena_mark){0});
}

void arena_free(struct arena *arena)
{
    while (arena->chunk != NULL) {
        struct arena_chunk *chunk = arena->chunk;
        arena->chunk = chunk->older;
        free(chunk);
    }
    arena->taken_bytes = 0;
}
