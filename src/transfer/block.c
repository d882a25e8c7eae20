#include "transfer/block.h"

#include <stdlib.h>

#include "base/check.h"

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

void block_pool_free(struct block_pool *pool)
{
    CHECK(pool->taken_count == 0);
    while (pool->spare_count > 0)
        free(pool->spare[--pool->spare_count]);
}
