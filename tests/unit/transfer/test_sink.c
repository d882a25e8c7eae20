#include "transfer/sink.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"

#define PIECE_BYTES 4096u
#define FILE_BLOCKS (LIMIT_BLOCKS_RECEIVING + 20u)

static struct loop *loop;
static struct block_pool pool;
static struct sink sink;
static struct fasp_receiver *receiver; /* only told what came */
static bool is_finished;
static uint32_t most_blocks;

static void told_file(struct sink_owner *owner,
                      const struct file_writer_file *file)
{
    (void)owner;
    cr_assert_neq(file->state, WRITER_FILE_FAILED, "%s: %d", file->path,
                  file->error);
}

static void told_skip(struct sink_owner *owner, uint64_t from, uint64_t to)
{
    (void)owner;
    cr_assert(fasp_receiver_skip(receiver, FASP_SPACE_DATA, from, to));
}

static void told_ask(struct sink_owner *owner,
                     const struct file_writer_event *event)
{
    (void)owner;
    (void)event;
}

static void told_failed(struct sink_owner *owner)
{
    (void)owner;
    cr_assert_fail("%s", sink.status.text);
}

static void told_nothing(struct sink_owner *owner)
{
    (void)owner;
}

static void told_finished(struct sink_owner *owner)
{
    (void)owner;
    is_finished = true;
}

static struct sink_owner owner = {told_file,   told_file,    told_skip,
                                  told_ask,    told_failed,  told_nothing,
                                  told_finished};

/* A sink for one file of `size_bytes`. */
static void open_sink(uint64_t size_bytes)
{
    struct file_writer_options options = {
        .docroot = text_of(folder),
        .source_count = 1,
        .overwrite = WRITER_OVERWRITE_ALWAYS,
    };
    struct fasp_receiver_options receiving = {
        .datagram_bytes = FASP_DATAGRAM_BYTES_MIN};
    struct file_writer *writer = file_writer_new(&options);
    char text[256];

    cr_assert_eq(file_writer_prepare(writer, text, sizeof text), 0);
    cr_assert_eq(loop_open(&loop, 1), 0);
    cr_assert_eq(sink_open(&sink, loop, &pool, writer, &owner), 0);
    receiver = fasp_receiver_open(&receiving, 0);
    cr_assert_not_null(receiver);

    uint8_t records[256];
    struct bytes_writer out = bytes_write_to(records, sizeof records);
    struct catalogue_totals totals = {0};
    struct catalogue_record file = {.kind = CATALOGUE_FILE,
                                    .path = text_of("file"),
                                    .size_bytes = size_bytes,
                                    .mode = 0644};
    cr_assert(catalogue_count(&totals, &file));
    catalogue_put(&out, &file);
    struct catalogue_record end = {.kind = CATALOGUE_END, .totals = totals};
    catalogue_put(&out, &end);
    uint32_t count = (uint32_t)bytes_written(&out);
    uint32_t have_bytes;
    memcpy(sink_place(&sink, FASP_SPACE_CATALOGUE, 0, count, &have_bytes, true),
           records, count);
    cr_assert(fasp_receiver_skip(receiver, FASP_SPACE_CATALOGUE, 0, count));
}

static void turn(bool flush)
{
    sink_turn(&sink, receiver, flush);
    if (sink.block_count > most_blocks)
        most_blocks = sink.block_count;
}

static void settle(bool flush)
{
    for (turn(flush); sink_is_busy(&sink); turn(flush))
        loop_run_once(loop);
}

static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)(place / 16 * 7 + place / BLOCK_BYTES);
}

/* A piece comes.  Returns false when the sink has no room for it. */
static bool come(uint64_t place, uint32_t size_bytes)
{
    uint32_t have_bytes = 0;
    uint8_t *out = sink_place(&sink, FASP_SPACE_DATA, place, size_bytes,
                              &have_bytes, true);

    if (out == NULL)
        return false;
    cr_assert_eq(have_bytes, size_bytes);
    for (uint32_t i = 0; i < size_bytes; i++)
        out[i] = byte_at(place + i);
    cr_assert(fasp_receiver_skip(receiver, FASP_SPACE_DATA, place,
                                 place + size_bytes));
    sink_arrived(&sink, FASP_SPACE_DATA, place, size_bytes);
    return true;
}

static void check_file(uint64_t size_bytes)
{
    char path[FOLDER_PATH_BYTES + 8];

    snprintf(path, sizeof path, "%s/file", folder);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    static uint8_t had[BLOCK_BYTES];
    for (uint64_t place = 0; place < size_bytes; place += BLOCK_BYTES) {
        size_t count = fread(had, 1, BLOCK_BYTES, file);
        bool same = true;
        for (uint32_t i = 0; i < count; i++)
            same = same && had[i] == byte_at(place + i);
        cr_assert(same, "block %u", (unsigned)(place / BLOCK_BYTES));
    }
    cr_assert_eq(ftell(file), (long)size_bytes);
    cr_assert_eq(fgetc(file), EOF);
    fclose(file);
}

static void set_up(void)
{
    folder_open();
}

static void tear_down(void)
{
    while (sink_is_busy(&sink))
        loop_run_once(loop);
    sink_close(&sink);
    file_writer_free(sink_take_writer(&sink));
    fasp_receiver_close(receiver);
    loop_free(loop);
    block_pool_free(&pool);
    folder_close();
}

TestSuite(sink, .init = set_up, .fini = tear_down);

/* The first bytes are lost again and again: what comes behind them goes to
 * disk, and neither memory nor room runs out. */
Test(sink, is_not_held_up_by_what_is_lost)
{
    uint64_t size_bytes = (uint64_t)FILE_BLOCKS * BLOCK_BYTES;

    open_sink(size_bytes);
    settle(false);
    cr_assert(come(PIECE_BYTES, BLOCK_BYTES - PIECE_BYTES));
    for (uint64_t i = 1; i < FILE_BLOCKS; i++) {
        cr_assert(come(i * BLOCK_BYTES, BLOCK_BYTES), "block %u", (unsigned)i);
        settle(false);
        cr_assert_geq(sink_room_bytes(&sink),
                      (LIMIT_BLOCKS_RECEIVING - 2) * (uint64_t)BLOCK_BYTES);
    }
    cr_assert_leq(most_blocks, 2);
    cr_assert(come(0, PIECE_BYTES));
    settle(true);
    cr_assert(is_finished);
    check_file(size_bytes);
}

/* Every block lacks something: those that wait go to disk with gaps. */
Test(sink, writes_blocks_with_gaps)
{
    uint64_t blocks = LIMIT_BLOCKS_WAITING * 3;
    uint64_t size_bytes = blocks * BLOCK_BYTES + 100;

    open_sink(size_bytes);
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t begin = i * BLOCK_BYTES;
        cr_assert(come(begin, BLOCK_BYTES / 2 - PIECE_BYTES));
        cr_assert(come(begin + BLOCK_BYTES / 2, BLOCK_BYTES / 2));
        settle(false);
        cr_assert_leq(sink.block_count, LIMIT_BLOCKS_WAITING + 1);
    }
    cr_assert(come(blocks * BLOCK_BYTES, 100));
    /* the repeats, the last first */
    for (uint64_t i = blocks; i-- > 0;) {
        cr_assert(come(i * BLOCK_BYTES + BLOCK_BYTES / 2 - PIECE_BYTES,
                       PIECE_BYTES));
        settle(false);
        cr_assert_leq(sink.block_count, LIMIT_BLOCKS_WAITING + 1);
    }
    settle(true);
    cr_assert(is_finished);
    check_file(size_bytes);
}

/* Records that do not come keep blocks in memory: for new ones there is room
 * to the limit, for repeats some more, and beyond that none. */
Test(sink, holds_no_more_than_its_limit)
{
    cr_assert_eq(sink_open(&sink, NULL, &pool, NULL, &owner), 0);
    for (uint64_t i = 1; i <= LIMIT_BLOCKS_RECEIVING; i++) {
        uint32_t have_bytes;
        cr_assert_eq(sink_room_bytes(&sink),
                     (LIMIT_BLOCKS_RECEIVING + 1 - i) * (uint64_t)BLOCK_BYTES);
        cr_assert_not_null(sink_place(&sink, FASP_SPACE_DATA,
                                      2 * i * BLOCK_BYTES, BLOCK_BYTES,
                                      &have_bytes, true));
        sink_arrived(&sink, FASP_SPACE_DATA, 2 * i * BLOCK_BYTES, BLOCK_BYTES);
    }
    cr_assert_eq(sink_room_bytes(&sink), 1);
    for (uint64_t i = 1; i <= LIMIT_BLOCKS_REPEATS + 2; i++) {
        uint64_t index = i <= LIMIT_BLOCKS_REPEATS ? 2 * i - 1
                         : i == LIMIT_BLOCKS_REPEATS + 1
                             ? 2 * LIMIT_BLOCKS_RECEIVING + 1
                             : 0;
        uint32_t have_bytes;
        uint8_t *out = sink_place(&sink, FASP_SPACE_DATA, index * BLOCK_BYTES,
                                  BLOCK_BYTES, &have_bytes, true);
        cr_assert_eq(out != NULL, i <= LIMIT_BLOCKS_REPEATS, "%u", (unsigned)i);
    }
    cr_assert_eq(sink_room_bytes(&sink), 0);
}

/* Nothing is given a place that is too far from the first missing byte. */
Test(sink, reaches_no_further_than_its_ring)
{
    uint32_t have_bytes;

    cr_assert_eq(sink_open(&sink, NULL, &pool, NULL, &owner), 0);
    cr_assert_not_null(sink_place(&sink, FASP_SPACE_DATA,
                                  (SINK_RING - 1) * (uint64_t)BLOCK_BYTES, 1,
                                  &have_bytes, true));
    cr_assert_null(sink_place(&sink, FASP_SPACE_DATA,
                              SINK_RING * (uint64_t)BLOCK_BYTES, 1, &have_bytes,
                              true));
}

/* A sender of crumbs: as many runs as a block may have, and one beyond. */
Test(sink, bounds_the_runs_of_a_block)
{
    open_sink(BLOCK_BYTES);
    for (uint32_t i = 0; i < LIMIT_BLOCK_RUNS; i++)
        cr_assert(come(i * 4, 1), "%u", i);
    cr_assert_not(come(LIMIT_BLOCK_RUNS * 4, 1));
    settle(false); /* the records */
    settle(false);
    cr_assert(come(LIMIT_BLOCK_RUNS * 4, 1));
    for (uint32_t i = 0; i < LIMIT_BLOCK_RUNS; i++) {
        cr_assert(come(i * 4 + 1, 3));
        settle(false);
    }
    cr_assert(come(LIMIT_BLOCK_RUNS * 4 + 1,
                   BLOCK_BYTES - LIMIT_BLOCK_RUNS * 4 - 1));
    settle(true);
    cr_assert(is_finished);
    check_file(BLOCK_BYTES);
}

/* What fills slowly goes to disk a few times a second, and its pages back. */
Test(sink, forgets_what_a_slow_session_has_written)
{
    const uint32_t step_bytes = 16384;
    const uint32_t kept_bytes = (64 << 10) + 2 * step_bytes;

    open_sink(BLOCK_BYTES);
    settle(false);
    for (uint32_t at = 0; at + step_bytes < BLOCK_BYTES; at += step_bytes) {
        cr_assert(come(at, step_bytes));
        settle(true);
        cr_assert_eq(sink.block_count, 1);
        cr_assert_lt(at, sink.held[0]->forgotten + kept_bytes);
    }
    cr_assert_eq(sink.held[0]->data[8208], 0);
    cr_assert_neq(byte_at(8208), 0);
    cr_assert(come(BLOCK_BYTES - step_bytes, step_bytes));
    settle(true);
    cr_assert(is_finished);
    check_file(BLOCK_BYTES);
}

/* Behind a gap nothing is known to be done: it stays until the gap is filled,
 * and then goes too. */
Test(sink, forgets_nothing_behind_a_gap)
{
    open_sink(BLOCK_BYTES);
    settle(false);
    cr_assert(come(PIECE_BYTES, BLOCK_BYTES / 2));
    settle(true);
    cr_assert_eq(sink.held[0]->forgotten, 0);
    cr_assert(come(0, PIECE_BYTES));
    settle(true);
    cr_assert_gt(sink.held[0]->forgotten, BLOCK_BYTES / 2 - 8192);
    cr_assert(come(BLOCK_BYTES / 2 + PIECE_BYTES,
                   BLOCK_BYTES / 2 - PIECE_BYTES));
    settle(true);
    cr_assert(is_finished);
    check_file(BLOCK_BYTES);
}
