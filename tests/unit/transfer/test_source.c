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
        source_turn(&source, 0, 0, 1000000000);
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
