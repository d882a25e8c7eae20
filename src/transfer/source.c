#include "transfer/source.h"

#include <string.h>

#include "base/least.h"

#define NO_BLOCK UINT64_MAX
/* A tenth of a second at the session's rate. */
#define AHEAD_PARTS 10u
#define AHEAD_BYTES_MIN (BLOCK_BYTES / 16)

int source_open(struct source *source, struct loop *loop,
                struct block_pool *pool, struct text docroot,
                struct source_owner *owner)
{
    int ret = file_reader_open(&source->reader, docroot);

    if (ret != 0)
        return ret;
    source->loop = loop;
    source->pool = pool;
    source->owner = owner;
    source->wanted = NO_BLOCK;
    source->ahead = 1;
    return 0;
}

static struct source_block *block_at(struct source *source, uint64_t index)
{
    return &source->blocks[index % SOURCE_RING];
}

/* The block of this number if any of it is in memory. */
static struct source_block *find_block(struct source *source, uint64_t index)
{
    struct source_block *block = block_at(source, index);

    if (block->state == SOURCE_FREE || block->index != index)
        return NULL;
    return block;
}

static void free_block(struct source *source, struct source_block *block)
{
    CHECK(!loop_work_busy(&block->work));
    if (block->state == SOURCE_FREE)
        return;
    block_give(source->pool, block->data);
    file_reader_result_reset(&block->result);
    *block = (struct source_block){0};
    source->block_count--;
}

bool source_is_busy(const struct source *source)
{
    return source->busy_count > 0;
}

void source_close(struct source *source)
{
    CHECK(!source_is_busy(source));
    if (source->loop == NULL)
        return; /* was not opened */
    for (uint32_t i = 0; i < SOURCE_RING; i++)
        free_block(source, &source->blocks[i]);
    while (source->first != NULL) {
        struct scan_batch *batch = source->first;
        source->first = batch->next;
        scan_batch_free(batch);
    }
    file_reader_close(&source->reader);
}

void source_add(struct source *source, struct scan_batch *batch)
{
    batch->next = NULL;
    if (source->last != NULL)
        source->last->next = batch;
    else
        source->first = batch;
    source->last = batch;
    source->batch_count++;
    source->data_end = batch->data_end;
}

uint32_t source_batch_count(const struct source *source)
{
    return source->batch_count;
}

static const uint8_t *catalogue_data(struct source *source, uint64_t place,
                                     uint32_t want_bytes, uint32_t *have_bytes)
{
    struct scan_batch *batch = source->catalogue_at;

    if (batch == NULL || place < batch->catalogue_place)
        batch = source->first;
    while (batch != NULL &&
           place >= batch->catalogue_place + batch->catalogue_bytes)
        batch = batch->next;
    if (batch == NULL || place < batch->catalogue_place)
        return NULL;

    source->catalogue_at = batch;
    uint32_t offset = (uint32_t)(place - batch->catalogue_place);
    uint32_t left = batch->catalogue_bytes - offset;
    *have_bytes = left < want_bytes ? left : want_bytes;
    return batch->catalogue + offset;
}

/* The file that has the byte, or the first one behind it in its batch. */
static struct scan_file *file_at_place(struct scan_batch *batch, uint64_t place)
{
    uint32_t low = 0;
    uint32_t high = batch->file_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct scan_file *file = &batch->files[middle];
        if (file->place + file->size_bytes <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low < batch->file_count ? &batch->files[low] : NULL;
}

/* Adds the bytes of [from, to) to the files that they are of. */
static void count_bytes(struct source *source, uint64_t from, uint64_t to,
                        bool is_skip)
{
    for (struct scan_batch *batch = source->first; batch != NULL && from < to;
         batch = batch->next) {
        struct scan_file *file =
            from < batch->data_end ? file_at_place(batch, from) : NULL;
        const struct scan_file *end = batch->files + batch->file_count;
        for (; file != NULL && file < end && file->place < to; file++) {
            uint64_t stop = least(to, file->place + file->size_bytes);
            if (stop <= from || from < file->place)
                continue;
            if (is_skip)
                file->skipped_bytes += stop - from;
            else
                file->repeated_bytes += stop - from;
            from = stop;
        }
    }
}

const uint8_t *source_data(void *user, enum fasp_space space, uint64_t place,
                           uint32_t want_bytes, uint32_t *have_bytes)
{
    struct source *source = user;

    if (space == FASP_SPACE_CATALOGUE)
        return catalogue_data(source, place, want_bytes, have_bytes);

    uint64_t index = place / BLOCK_BYTES;
    uint32_t offset = (uint32_t)(place % BLOCK_BYTES);
    struct source_block *block = find_block(source, index);
    uint64_t begin = index * BLOCK_BYTES;
    uint64_t end = least(least(place + want_bytes, source->data_open),
                         begin + BLOCK_BYTES);
    /* All of it or nothing: a piece has the same bytes each time. */
    if (block == NULL || end <= place || end > begin + block->have_bytes ||
        offset < block->forgotten) {
        if (block != NULL && block->state == SOURCE_READY &&
            offset < block->forgotten)
            free_block(source, block); /* a late repeat: all of it again */
        source->wanted = index;
        source->wanted_to = place + want_bytes;
        return NULL;
    }
    block->used = ++source->uses;
    *have_bytes = (uint32_t)(end - place);
    if (place < source->front)
        count_bytes(source, place, least(end, source->front), false);
    if (end > source->front) {
        source->new_bytes +=
            end - (place > source->front ? place : source->front);
        source->front = end;
    }
    return block->data + offset;
}

void source_skipped(struct source *source, uint64_t from_place,
                    uint64_t to_place)
{
    count_bytes(source, from_place, to_place, true);
}

/* ---- reading ---- */

static void block_load(struct loop_work *work)
{
    struct source_block *block = OWNER_OF(work, struct source_block, work);

    file_reader_read(&block->source->reader, block->first_batch,
                     block->index * BLOCK_BYTES + block->have_bytes,
                     block->data + block->have_bytes,
                     block->goal_bytes - block->have_bytes, &block->result);
}

static void unpin_batches(struct source_block *block)
{
    struct scan_batch *batch = block->first_batch;

    for (;;) {
        CHECK(batch->readers > 0);
        batch->readers--;
        if (batch == block->last_batch)
            break;
        batch = batch->next;
    }
}

static void release_block(struct source_block *block)
{
    block->state = SOURCE_READY;
    block->have_bytes = block->goal_bytes;
    if (block->source->wanted == block->index)
        block->source->wanted = NO_BLOCK;
    block->source->owner->ready(block->source->owner);
}

static void block_load_done(struct loop_work *work)
{
    struct source_block *block = OWNER_OF(work, struct source_block, work);
    struct source *source = block->source;
    struct scan_batch *batch;

    source->busy_count--;
    unpin_batches(block);
    if (block->result.no_memory) {
        source->owner->no_memory(source->owner);
        return;
    }
    for (uint32_t i = 0; i < block->result.failure_count; i++) {
        struct file_reader_failure failure = block->result.failures[i];
        struct scan_file *file = source_file(source, failure.file_id, &batch);
        if (file == NULL || file->state == SCAN_FILE_ENDED)
            continue;
        block->held_count++;
        source->owner->failed(source->owner, failure.file_id, failure.error);
    }
    if (block->held_count > 0) {
        block->state = SOURCE_HELD;
        source->held_count++;
        return;
    }
    file_reader_result_reset(&block->result);
    release_block(block);
}

/* Marks the files that the block's job begins with, and keeps their batches
 * from going while it runs. */
static void pin_batches(struct source *source, struct source_block *block)
{
    uint64_t from = block->index * BLOCK_BYTES + block->have_bytes;
    uint64_t to = block->index * BLOCK_BYTES + block->goal_bytes;
    struct scan_batch *batch = source->first;

    while (batch->data_end <= from)
        batch = batch->next;
    block->first_batch = batch;
    for (;; batch = batch->next) {
        batch->readers++;
        for (uint32_t i = 0; i < batch->file_count; i++) {
            struct scan_file *file = &batch->files[i];
            if (file->state == SCAN_FILE_WAITING && file->size_bytes > 0 &&
                file->place < to && file->place + file->size_bytes > from) {
                file->state = SCAN_FILE_STARTED;
                source->owner->started(source->owner, batch, file);
            }
        }
        block->last_batch = batch;
        if (batch->data_end >= to)
            break;
    }
}

/* Makes room by the block that was asked for least lately: what is on its way
 * since long, and was not lost.  Returns false while all are at work. */
static bool evict_one(struct source *source)
{
    struct source_block *oldest = NULL;

    for (uint32_t i = 0; i < SOURCE_RING; i++) {
        struct source_block *block = &source->blocks[i];
        if (block->state == SOURCE_READY &&
            (oldest == NULL || block->used < oldest->used))
            oldest = block;
    }
    if (oldest == NULL)
        return false;
    free_block(source, oldest);
    return true;
}

/* Starts to read the block, or more of it, unless it has all up to `need`;
 * then up to `to`.  Both are of the data space.  Returns false when nothing
 * more can be read now. */
static bool load_block(struct source *source, uint64_t index, uint64_t need,
                       uint64_t to)
{
    uint64_t begin = index * BLOCK_BYTES;
    struct source_block *block = block_at(source, index);

    if (begin >= source->data_open || source->data_open <= source->delivered)
        return false;
    need = least(need, source->data_open);
    uint64_t end = least(source->data_open, begin + BLOCK_BYTES);
    if (need <= begin)
        return true;
    uint32_t need_bytes = (uint32_t)(least(need, end) - begin);
    uint32_t goal_bytes = (uint32_t)(least(to, end) - begin);

    if (block->state != SOURCE_FREE && block->index != index) {
        if (block->state != SOURCE_READY)
            return false;
        free_block(source, block);
    }
    if (block->state == SOURCE_LOADING || block->state == SOURCE_HELD ||
        block->have_bytes >= need_bytes)
        return true;

    if (block->state == SOURCE_FREE) {
        if (source->block_count == LIMIT_BLOCKS_A_SESSION &&
            !evict_one(source))
            return false;
        uint8_t *data = block_take(source->pool);
        if (data == NULL)
            return false;
        *block = (struct source_block){
            .source = source,
            .index = index,
            .data = data,
            .is_again = begin < source->front};
        block->used = ++source->uses;
        source->block_count++;
        if (index < source->lowest)
            source->lowest = index;
    }
    block->state = SOURCE_LOADING;
    block->goal_bytes = goal_bytes;
    pin_batches(source, block);
    source->busy_count++;
    loop_work_start(source->loop, &source->strand, &block->work, block_load,
                    block_load_done);
    return true;
}

static void drop_delivered(struct source *source, uint64_t data_delivered)
{
    source->delivered = data_delivered;
    while ((source->lowest + 1) * BLOCK_BYTES <= data_delivered) {
        struct source_block *block = find_block(source, source->lowest);
        if (block != NULL) {
            if (block->state != SOURCE_READY)
                return; /* a late repeat of what came after all */
            free_block(source, block);
        }
        source->lowest++;
    }
    uint64_t begin = source->lowest * BLOCK_BYTES;
    struct source_block *block = find_block(source, source->lowest);
    if (source->is_slow && block != NULL && !block->is_again &&
        data_delivered > begin) {
        uint32_t to = (uint32_t)(data_delivered - begin);
        block->forgotten =
            block_forget(block->data, block->forgotten,
                         to < block->have_bytes ? to : block->have_bytes);
    }
}

static void drop_batches(struct source *source, uint64_t catalogue_delivered)
{
    struct scan_batch *batch;

    while ((batch = source->first) != NULL && batch->readers == 0 &&
           batch->ended_count == batch->file_count &&
           batch->data_end <= source->delivered &&
           batch->catalogue_place + batch->catalogue_bytes <=
               catalogue_delivered) {
        if (source->catalogue_at == batch)
            source->catalogue_at = NULL;
        if (source->file_at == batch)
            source->file_at = NULL;
        source->first = batch->next;
        if (source->first == NULL)
            source->last = NULL;
        source->batch_count--;
        scan_batch_free(batch);
    }
}

void source_turn(struct source *source, uint64_t catalogue_delivered,
                 uint64_t data_delivered, uint64_t rate_bps)
{
    uint64_t ahead_bytes = AHEAD_BYTES_MIN + rate_bps / 8 / AHEAD_PARTS;

    source->is_slow = ahead_bytes < BLOCK_BYTES;
    drop_delivered(source, data_delivered);
    drop_batches(source, catalogue_delivered);

    /* What the receiver skips is delivered without having been asked for. */
    if (source->front < data_delivered)
        source->front = data_delivered;
    uint64_t front = source->front / BLOCK_BYTES;
    uint64_t at = source->front;
    if (source->wanted != NO_BLOCK) {
        uint64_t to = source->wanted_to + ahead_bytes;
        load_block(source, source->wanted, source->wanted_to,
                   source->is_slow ? to : UINT64_MAX);
        if (source->wanted > front) {
            front = source->wanted;
            at = front * BLOCK_BYTES;
        }
        if (source->wanted_to > at && source->wanted == front)
            at = source->wanted_to;
    }
    /* A slow session has no second block in memory until it needs it, and of
     * the first not much more than it sends until the disk answers. */
    uint64_t need = at + ahead_bytes;
    uint64_t ahead = need / BLOCK_BYTES - front;
    source->ahead =
        ahead < SOURCE_AHEAD_MAX ? (uint32_t)ahead : SOURCE_AHEAD_MAX;
    for (uint32_t i = 0; i <= source->ahead; i++) {
        if (!load_block(source, front + i, source->is_slow ? need : UINT64_MAX,
                        source->is_slow ? need + ahead_bytes : UINT64_MAX))
            break;
    }
}

/* ---- results ---- */

struct scan_file *source_file(struct source *source, uint64_t file_id,
                              struct scan_batch **batch)
{
    struct scan_batch *at = source->file_at;

    if (at == NULL || file_id < at->file_id)
        at = source->first;
    while (at != NULL && file_id >= at->file_id + at->file_count)
        at = at->next;
    if (at == NULL || file_id < at->file_id)
        return NULL;
    source->file_at = at;
    *batch = at;
    return &at->files[file_id - at->file_id];
}

/* Lets go of the blocks that were held for this file. */
static void release_held(struct source *source, uint64_t file_id)
{
    for (uint32_t i = 0; i < SOURCE_RING && source->held_count > 0; i++) {
        struct source_block *block = &source->blocks[i];
        if (block->state != SOURCE_HELD)
            continue;
        const struct file_reader_result *result = &block->result;
        for (uint32_t at = 0; at < result->failure_count; at++) {
            if (result->failures[at].file_id == file_id)
                block->held_count--;
        }
        if (block->held_count == 0) {
            file_reader_result_reset(&block->result);
            source->held_count--;
            release_block(block);
        }
    }
}

void source_file_ended(struct source *source, struct scan_batch *batch,
                       struct scan_file *file)
{
    CHECK(file->state != SCAN_FILE_ENDED);
    file->state = SCAN_FILE_ENDED;
    batch->ended_count++;
    release_held(source, batch->file_id + (uint64_t)(file - batch->files));
}
