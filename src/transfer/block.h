/* Buffers of one size, shared by the sessions of a node.
 *
 * Knows: memory.
 * Must not know: what is in a block.
 *
 * A session reads and writes files by the block, so that a system call moves
 * hundreds of datagrams' worth.  Blocks given back are kept for the next taker:
 * memory that the kernel has already cleared costs nothing again.  A slow
 * session needs little of a block at a time, and tells what it is done with.
 * The pool is
 * the loop's; the bytes of a block that is taken are whoever's took it.
 */
#ifndef TRANSFER_BLOCK_H
#define TRANSFER_BLOCK_H

#include <stdint.h>

#include "base/limits.h"

#define BLOCK_BYTES (1u << 20)
/* Kept for the next taker. */
#define BLOCKS_SPARE 128u

/* Zero-initialise it. */
struct block_pool {
    uint8_t *spare[BLOCKS_SPARE];
    uint32_t spare_count;
    uint32_t taken_count;
};

/* BLOCK_BYTES of memory, not cleared, or NULL when the node has no more. */
uint8_t *block_take(struct block_pool *pool);
/* NULL is let pass. */
void block_give(struct block_pool *pool, uint8_t *block);
/* The bytes from `from` to `to` of a block that is taken are not needed any
 * more, though the block is: their pages go back to the kernel once they are
 * worth a call.  Returns up to where they are gone: `from`, or more. */
uint32_t block_forget(uint8_t *block, uint32_t from, uint32_t to);
/* When every block was given back. */
void block_pool_free(struct block_pool *pool);

#endif
