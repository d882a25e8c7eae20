#include "transfer/block.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

/* 16 pages of 4 KiB: a call costs as much as clearing two or three. */
#define FORGET_BYTES (64u << 10)

uint8_t *block_take(struct block_pool *pool)
{
    uint8_t *block;

    if (pool->taken_count == LIMIT_BLOCKS_A_NODE)
        return NULL;
    if (pool->spare_count > 0)
        block = pool->spare[--pool->spare_count];
    else
        block = malloc(BLOCK_BYTES);
    if (block != NULL)
        pool->taken_count++;
    return block;
}

void block_give(struct block_pool *pool, uint8_t *block)
{
    if (block == NULL)
        return;
    CHECK(pool->taken_count > 0);
    pool->taken_count--;
    if (pool->spare_count < BLOCKS_SPARE)
        pool->spare[pool->spare_count++] = block;
    else
        free(block);
}

uint32_t block_forget(uint8_t *block, uint32_t from, uint32_t to)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)block + from + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)block + to) / page * page;

    if (to < from || to - from < FORGET_BYTES || first >= end)
        return from;
    (void)madvise((void *)first, end - first, MADV_DONTNEED); /* a hint */
    return (uint32_t)(end - (uintptr_t)block);
}

void block_pool_free(struct block_pool *pool)
{
    CHECK(pool->taken_count == 0);
    while (pool->spare_count > 0)
        free(pool->spare[--pool->spare_count]);
}
