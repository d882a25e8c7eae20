#include "transfer/source.h"

#include <criterion/criterion.h>
#include <string.h>

#include "folder.h"

/* More than a session may hold, and less than the ring. */
#define BLOCKS (LIMIT_BLOCKS_A_SESSION + 16)
#define PIECE_BYTES 1408u

static struct loop *loop;
static struct block_pool pool;
static struct source source;
static struct scan *scan;
static uint32_t ready_count;
static uint64_t rate_bps;
static uint64_t delivered_bytes;

static void told_started(struct source_owner *owner,
                         const struct scan_batch *batch, struct scan_file *file)
{
    (void)owner;
    (void)batch;
    (void)file;
}

static void told_failed(struct source_owner *owner, uint64_t file_id,
                        enum fasp_error error)
{
    (void)owner;
    cr_assert_fail("file %u failed: %d", (unsigned)file_id, error);
}

static void told_ready(struct source_owner *owner)
{
    (void)owner;
    ready_count++;
}

static void told_no_memory(struct source_owner *owner)
{
    (void)owner;
    cr_assert_fail("no memory");
}

static struct source_owner owner = {told_started, told_failed, told_ready,
                                    told_no_memory};

static void set_up(void)
{
    struct text path;

    rate_bps = 1000000000;
    delivered_bytes = 0;
    folder_open();
    folder_shell("yes 'a block and another' | head -c "
                 "$((80 * 1048576)) > file");
    path = text_of("/file");
    scan = scan_open(text_of(folder), &path, 1, &(struct scan_options){0});
    cr_assert_not_null(scan);
    char text[256];
    cr_assert_eq(scan_check(scan, text, sizeof text), FASP_ERROR_NONE);
    cr_assert_eq(loop_open(&loop, 1), 0);
    cr_assert_eq(source_open(&source, loop, &pool, text_of(folder), &owner), 0);
    struct scan_batch *batch = scan_next(scan);
    cr_assert(batch->last);
    source_add(&source, batch);
    source.data_open = source.data_end;
}

static void tear_down(void)
{
    while (source_is_busy(&source))
        loop_run_once(loop);
    source_close(&source);
    scan_close(scan);
    loop_free(loop);
    block_pool_free(&pool);
    folder_close();
}

TestSuite(source, .init = set_up, .fini = tear_down);

static void check_bytes(const uint8_t *data, uint64_t place, uint32_t bytes)
{
    static const char line[] = "a block and another\n";

    for (uint32_t i = 0; i < bytes; i++)
        cr_assert_eq(data[i], line[(place + i) % (sizeof line - 1)]);
}

/* What the sender does: asks, and waits for ready() when there is nothing. */
static void get(uint64_t place, uint32_t bytes)
{
    uint32_t have_bytes;
    const uint8_t *data;

    for (;;) {
        data = source_data(&source, FASP_SPACE_DATA, place, bytes, &have_bytes);
        if (data != NULL)
            break;
        uint32_t before = ready_count;
        source_turn(&source, 0, delivered_bytes, rate_bps);
        while (ready_count == before) {
            /* else nothing will ever come of it */
            cr_assert(source_is_busy(&source), "block %u is not read",
                      (unsigned)(place / BLOCK_BYTES));
            loop_run_once(loop);
        }
    }
    cr_assert_eq(have_bytes, bytes);
    check_bytes(data, place, bytes);
    cr_assert_leq(pool.taken_count, LIMIT_BLOCKS_A_SESSION);
}

/* Nothing is delivered while everything is sent once: a long path that lost
 * the first datagram again and again. */
Test(source, reads_the_oldest_block_again)
{
    for (uint64_t i = 0; i < BLOCKS; i++)
        get(i * BLOCK_BYTES, PIECE_BYTES);
    get(0, PIECE_BYTES);
    get(UINT64_C(5) * BLOCK_BYTES + PIECE_BYTES, PIECE_BYTES);
    get((BLOCKS - 1) * (uint64_t)BLOCK_BYTES + PIECE_BYTES, PIECE_BYTES);
}

/* A block that repeats are taken from outlives those that nobody asks for. */
Test(source, keeps_what_is_asked_for)
{
    for (uint64_t i = 0; i < BLOCKS; i++) {
        get(i * BLOCK_BYTES, PIECE_BYTES);
        uint32_t before = ready_count;
        get(PIECE_BYTES, PIECE_BYTES);
        cr_assert_eq(ready_count, before, "read again at block %u",
                     (unsigned)i);
    }
}

/* Bytes of blocks that a slow session has in memory. */
static uint32_t held_bytes(void)
{
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < SOURCE_RING; i++) {
        const struct source_block *block = &source.blocks[i];
        if (block->state != SOURCE_FREE)
            bytes += block->have_bytes - block->forgotten;
    }
    return bytes;
}

/* At 1 Mbit/s a block is 8 s: it is read in parts, and what is delivered of
 * it goes. */
Test(source, holds_parts_of_blocks_of_a_slow_session)
{
    const uint32_t step_bytes = 16384;

    rate_bps = 1000000;
    for (uint64_t at = 0; at < 3 * BLOCK_BYTES; at += step_bytes) {
        get(at, step_bytes);
        delivered_bytes = at;
        source_turn(&source, 0, delivered_bytes, rate_bps);
        while (source_is_busy(&source))
            loop_run_once(loop);
        cr_assert_leq(held_bytes(), BLOCK_BYTES / 3, "%u at %u",
                      (unsigned)held_bytes(), (unsigned)at);
    }
    cr_assert_leq(pool.taken_count, 2);
}

/* A repeat of what was delivered after all: the pages are gone, and zeros are
 * not what the file has. */
Test(source, reads_again_what_it_forgot)
{
    rate_bps = 1000000;
    for (uint32_t at = 0; at < BLOCK_BYTES / 2; at += 16384)
        get(at, 16384);
    delivered_bytes = BLOCK_BYTES / 2;
    source_turn(&source, 0, delivered_bytes, rate_bps);
    while (source_is_busy(&source))
        loop_run_once(loop);
    cr_assert_gt(source.blocks[0].forgotten, 0);
    cr_assert_eq(source.blocks[0].data[8192], 0);
    get(8192, PIECE_BYTES);
    get(BLOCK_BYTES / 2, PIECE_BYTES);
    source_turn(&source, 0, delivered_bytes, rate_bps);
    get(8192, PIECE_BYTES);
}

/* What the receiver has is passed over, into the middle of a block. */
Test(source, a_slow_session_goes_on_behind_what_is_skipped)
{
    rate_bps = 1000000;
    get(0, PIECE_BYTES);
    get(3 * BLOCK_BYTES + BLOCK_BYTES / 2, PIECE_BYTES);
    delivered_bytes = 5 * BLOCK_BYTES + BLOCK_BYTES - PIECE_BYTES;
    get(5 * BLOCK_BYTES + BLOCK_BYTES - PIECE_BYTES, PIECE_BYTES);
    get(6 * BLOCK_BYTES, PIECE_BYTES);
}

/* A block that is read again in parts gives a piece of it whole. */
Test(source, gives_a_piece_whole_each_time)
{
    rate_bps = 1000000;
    for (uint32_t at = 0; at + PIECE_BYTES < BLOCK_BYTES; at += PIECE_BYTES)
        get(at, PIECE_BYTES);
    delivered_bytes = BLOCK_BYTES / 2;
    source_turn(&source, 0, delivered_bytes, rate_bps);
    while (source_is_busy(&source))
        loop_run_once(loop);
    for (uint32_t at = 0; at + PIECE_BYTES < BLOCK_BYTES; at += PIECE_BYTES)
        get(at, PIECE_BYTES);
}
