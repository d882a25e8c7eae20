/* The data of a receiving session: blocks between the network and the disk. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/least.h"
#include "transfer/sink_parts.h"

/* A block that waits for the disk weighs as much as so many that could be on
 * their way: a slow disk keeps a quarter of LIMIT_BLOCKS_RECEIVING at most. */
#define WRITING_WEIGHT 4u
#define RUNS_FIRST 8u

static struct sink_block *find_block(const struct sink *sink, uint64_t index)
{
    struct sink_block *block = sink->ring[index % SINK_RING];

    return block != NULL && block->index == index ? block : NULL;
}

static void free_block(struct sink_block *block)
{
    struct sink *sink = block->sink;
    struct sink_block *last = sink->held[--sink->block_count];

    CHECK(block->state == SINK_FILLING);
    sink->held[block->held_at] = last;
    last->held_at = block->held_at;
    sink->ring[block->index % SINK_RING] = NULL;
    block_give(sink->pool, block->data);
    free(block->arrived.items);
    free(block->job.items);
    free(block);
}

void sink_free_blocks(struct sink *sink)
{
    while (sink->block_count > 0)
        free_block(sink->held[0]);
}

/* ---- what arrives ---- */

static uint8_t *catalogue_place(struct sink *sink, uint64_t place,
                                uint32_t size_bytes, uint32_t *have_bytes)
{
    uint32_t offset = (uint32_t)(place % SINK_CATALOGUE_BYTES);
    uint64_t end = sink->catalogue_taken + SINK_CATALOGUE_BYTES;
    uint32_t to_wrap = SINK_CATALOGUE_BYTES - offset;

    /* All of it or nothing: the rest of a record is of no use alone. */
    if (place < sink->catalogue_taken || place + size_bytes > end)
        return NULL;
    *have_bytes = size_bytes < to_wrap ? size_bytes : to_wrap;
    return sink->catalogue + offset;
}

/* Makes room for a run more. */
static bool reserve_run(struct sink_runs *runs)
{
    if (runs->count < runs->room)
        return true;
    if (runs->room == LIMIT_BLOCK_RUNS)
        return false;
    uint32_t room = runs->room ? runs->room * 2 : RUNS_FIRST;
    struct sink_run *items = realloc(runs->items, room * sizeof *items);
    if (items == NULL)
        return false;
    runs->items = items;
    runs->room = room;
    return true;
}

static struct sink_block *take_block(struct sink *sink, uint64_t index)
{
    bool is_new = index * BLOCK_BYTES >= sink->data_top;

    if (sink->block_count >= (is_new ? LIMIT_BLOCKS_RECEIVING : SINK_BLOCKS_MAX) ||
        index >= sink->data_have / BLOCK_BYTES + SINK_RING ||
        sink->ring[index % SINK_RING] != NULL)
        return NULL;
    struct sink_block *block = calloc(1, sizeof *block);
    if (block == NULL)
        return NULL;
    block->data = block_take(sink->pool);
    if (block->data == NULL) {
        free(block);
        return NULL;
    }
    block->sink = sink;
    block->index = index;
    block->held_at = sink->block_count;
    sink->held[sink->block_count++] = block;
    sink->ring[index % SINK_RING] = block;
    return block;
}

uint8_t *sink_place(void *user, enum fasp_space space, uint64_t place,
                    uint32_t size_bytes, uint32_t *have_bytes, bool proven)
{
    struct sink *sink = user;

    if (sink->is_stopped || sink->is_finishing)
        return NULL;
    if (space == FASP_SPACE_CATALOGUE)
        return catalogue_place(sink, place, size_bytes, have_bytes);

    uint64_t index = place / BLOCK_BYTES;
    uint32_t offset = (uint32_t)(place % BLOCK_BYTES);
    struct sink_block *block = find_block(sink, index);
    if (block == NULL && proven)
        block = take_block(sink, index);
    if (block == NULL)
        return NULL;
    if (block->arrived.count == block->arrived.room &&
        (!proven || !reserve_run(&block->arrived)))
        return NULL;
    uint32_t left = BLOCK_BYTES - offset;
    *have_bytes = size_bytes < left ? size_bytes : left;
    return block->data + offset;
}

static void add_run(struct sink_runs *runs, uint32_t from, uint32_t to)
{
    struct sink_run *last =
        runs->count > 0 ? &runs->items[runs->count - 1] : NULL;

    if (last != NULL && last->to == from) {
        last->to = to;
    } else if (last != NULL && last->from == to) {
        last->from = from;
    } else {
        CHECK(runs->count < runs->room);
        runs->items[runs->count++] = (struct sink_run){from, to};
    }
}

void sink_arrived(void *user, enum fasp_space space, uint64_t place,
                  uint32_t size_bytes)
{
    struct sink *sink = user;

    if (space == FASP_SPACE_CATALOGUE)
        return;
    struct sink_block *block = find_block(sink, place / BLOCK_BYTES);
    uint32_t from = (uint32_t)(place % BLOCK_BYTES);
    add_run(&block->arrived, from, from + size_bytes);
    block->had_bytes += size_bytes;
    sink->arrived_bytes += size_bytes;
    if (place + size_bytes > sink->data_top)
        sink->data_top = place + size_bytes;
}

uint64_t sink_room_bytes(const struct sink *sink)
{
    uint64_t weight =
        sink->block_count + (WRITING_WEIGHT - 1) * sink->writing_count;
    uint64_t node = LIMIT_BLOCKS_A_NODE - sink->pool->taken_count;
    uint64_t ring = sink->data_have / BLOCK_BYTES + SINK_RING;
    uint64_t tail = -sink->data_top % BLOCK_BYTES;

    /* A single byte says: nothing new, but repeats. */
    if (weight >= LIMIT_BLOCKS_RECEIVING || node == 0)
        return sink->block_count < SINK_BLOCKS_MAX && node > 0;
    uint64_t room = least(LIMIT_BLOCKS_RECEIVING - weight, node) * BLOCK_BYTES;
    return least(room + tail, ring * BLOCK_BYTES - sink->data_top);
}

uint64_t sink_disk_queue_ns(const struct sink *sink)
{
    /* The one that is being written does not wait. */
    uint64_t waiting = sink->writing_bytes > BLOCK_BYTES
                           ? sink->writing_bytes - BLOCK_BYTES
                           : 0;

    return waiting / 1024 * sink->written_ns_per_mb / 1024;
}

/* ---- jobs ---- */

static void block_write(struct loop_work *work)
{
    struct sink_block *block = OWNER_OF(work, struct sink_block, work);
    struct file_writer *writer = block->sink->writer;
    uint64_t start_ns = clock_mono_ns();

    for (uint32_t i = 0; i < block->job.count; i++) {
        struct sink_run run = block->job.items[i];
        file_writer_data(writer, block->index * BLOCK_BYTES + run.from,
                         block->data + run.from, run.to - run.from,
                         &block->result);
    }
    file_writer_status(writer, &block->status);
    block->took_ns = clock_mono_ns() - start_ns;
    block->forgotten =
        block_forget(block->data, block->forgotten, block->job_forgets);
}

static void block_write_done(struct loop_work *work)
{
    struct sink_block *block = OWNER_OF(work, struct sink_block, work);
    struct sink *sink = block->sink;

    if (block->job_bytes >= BLOCK_BYTES / 2) {
        uint64_t pace = block->took_ns * BLOCK_BYTES / block->job_bytes;
        sink->written_ns_per_mb = (7 * sink->written_ns_per_mb + pace) / 8;
    }
    sink->writing_count--;
    sink->writing_bytes -= block->job_bytes;
    block->state = SINK_FILLING;
    sink_take_result(sink, &block->result, &block->status);
}

static int run_order(const void *a, const void *b)
{
    uint32_t left = ((const struct sink_run *)a)->from;
    uint32_t right = ((const struct sink_run *)b)->from;

    return (left > right) - (left < right);
}

/* Sorts, and joins what touches. */
static void tidy(struct sink_runs *runs)
{
    uint32_t count = 0;

    if (runs->count < 2)
        return;
    qsort(runs->items, runs->count, sizeof runs->items[0], run_order);
    for (uint32_t i = 1; i < runs->count; i++) {
        if (runs->items[i].from == runs->items[count].to)
            runs->items[count].to = runs->items[i].to;
        else
            runs->items[++count] = runs->items[i];
    }
    runs->count = count + 1;
}

/* Moves what lies below `end_bytes` to the job.  Returns how many bytes; 0
 * also when memory is used up. */
static uint32_t fill_job(struct sink_block *block, uint32_t end_bytes)
{
    struct sink_runs *arrived = &block->arrived;
    struct sink_runs *job = &block->job;
    uint32_t bytes = 0;
    uint32_t left = 0;

    tidy(arrived);
    job->count = 0;
    for (uint32_t i = 0; i < arrived->count; i++) {
        struct sink_run run = arrived->items[i];
        struct sink_run now = {run.from, (uint32_t)least(run.to, end_bytes)};
        if (now.from < now.to && reserve_run(job)) {
            job->items[job->count++] = now;
            bytes += now.to - now.from;
            run.from = now.to;
        }
        if (run.from < run.to)
            arrived->items[left++] = run;
    }
    arrived->count = left;
    return bytes;
}

/* Up to where nothing more comes to the block, and all that came is in its job
 * or was in one before. */
static uint32_t done_end(const struct sink *sink,
                         const struct sink_block *block)
{
    uint64_t begin = block->index * BLOCK_BYTES;
    uint64_t done = least(sink->data_have, sink_known_end(sink));

    if (block->arrived.count > 0)
        done = least(done, begin + block->arrived.items[0].from);
    return done > begin ? (uint32_t)least(done - begin, BLOCK_BYTES) : 0;
}

/* Writes what came of the block, as far as its records are known.  Of one that
 * is filled slowly, what was written is forgotten. */
static bool start_write(struct sink *sink, struct sink_block *block, bool whole)
{
    uint64_t begin = block->index * BLOCK_BYTES;
    uint64_t known = sink_known_end(sink);

    if (known <= begin)
        return false;
    block->job_bytes =
        fill_job(block, (uint32_t)least(known - begin, BLOCK_BYTES));
    if (block->job_bytes == 0)
        return false;
    block->job_forgets = whole ? 0 : done_end(sink, block);
    block->state = SINK_WRITING;
    sink->writing_count++;
    sink->writing_bytes += block->job_bytes;
    sink->busy_count++;
    loop_work_start(sink->loop, &sink->strand, &block->work, block_write,
                    block_write_done);
    return true;
}

/* ---- the turn ---- */

/* How much of the block is data at all. */
static uint32_t block_end(const struct sink *sink, uint64_t index)
{
    uint64_t begin = index * BLOCK_BYTES;
    uint64_t known = sink_known_end(sink);

    if (!sink->status.catalogue_complete || known >= begin + BLOCK_BYTES)
        return BLOCK_BYTES;
    return known > begin ? (uint32_t)(known - begin) : 0;
}

static bool is_whole(const struct sink_block *block,
                     struct fasp_receiver *receiver)
{
    const struct sink *sink = block->sink;
    uint64_t begin = block->index * BLOCK_BYTES;
    uint32_t end_bytes = block_end(sink, block->index);

    return block->had_bytes >= end_bytes ||
           begin + end_bytes <= sink->data_have ||
           (sink->has_skips && fasp_receiver_has(receiver, FASP_SPACE_DATA,
                                                 begin, begin + end_bytes));
}

static bool is_written(const struct sink_block *block)
{
    return block->state == SINK_FILLING && block->arrived.count == 0;
}

/* Returns false when the block is no more. */
static bool turn_block(struct sink *sink, struct sink_block *block,
                       struct fasp_receiver *receiver, bool flush)
{
    if (block->state != SINK_FILLING)
        return true;
    bool whole = is_whole(block, receiver);
    if (is_written(block) && (whole || block->lets_go)) {
        free_block(block);
        return false;
    }
    if (whole || flush || block->lets_go ||
        block->arrived.count == LIMIT_BLOCK_RUNS)
        start_write(sink, block, whole);
    return true;
}

/* Of the blocks that wait for what was lost, the lowest make room. */
static void choose_who_goes(struct sink *sink)
{
    uint32_t waiting = 0;

    for (uint32_t i = 0; i < sink->block_count; i++)
        waiting += sink->held[i]->state == SINK_FILLING &&
                   !sink->held[i]->lets_go;
    for (; waiting > LIMIT_BLOCKS_WAITING; waiting--) {
        struct sink_block *lowest = NULL;
        for (uint32_t i = 0; i < sink->block_count; i++) {
            struct sink_block *block = sink->held[i];
            if (block->state == SINK_FILLING && !block->lets_go &&
                (lowest == NULL || block->index < lowest->index))
                lowest = block;
        }
        lowest->lets_go = true;
    }
}

void sink_turn_blocks(struct sink *sink, struct fasp_receiver *receiver,
                      bool flush)
{
    choose_who_goes(sink);
    for (uint32_t i = 0; i < sink->block_count;) {
        if (turn_block(sink, sink->held[i], receiver, flush))
            i++;
    }
}
