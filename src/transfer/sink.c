#include "transfer/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int sink_open(struct sink *sink, struct loop *loop, struct block_pool *pool,
              struct file_writer *writer, struct sink_owner *owner)
{
    uint8_t *catalogue = malloc(SINK_CATALOGUE_BYTES);

    if (catalogue == NULL)
        return -ENOMEM;
    sink->loop = loop;
    sink->pool = pool;
    sink->owner = owner;
    sink->writer = writer;
    sink->catalogue = catalogue;
    sink->catalogue_job.sink = sink;
    sink->fail_job.sink = sink;
    sink->answer_job.sink = sink;
    sink->check_job.sink = sink;
    sink->settle_job.sink = sink;
    sink->finish_job.sink = sink;
    return 0;
}

bool sink_is_busy(const struct sink *sink)
{
    return sink->busy_count > 0;
}

static void free_block(struct sink *sink, struct sink_block *block)
{
    if (block->state == SINK_FREE)
        return;
    block_give(sink->pool, block->data);
    *block = (struct sink_block){0};
    sink->block_count--;
}

void sink_close(struct sink *sink)
{
    CHECK(!sink_is_busy(sink));
    for (uint32_t i = 0; i < SINK_RING; i++)
        free_block(sink, &sink->blocks[i]);
    free(sink->catalogue);
    free(sink->failures);
    free(sink->failing);
    free(sink->answers);
    free(sink->answering);
    sink->answers = NULL;
    sink->answering = NULL;
    sink->catalogue = NULL;
    sink->failures = NULL;
    sink->failing = NULL;
}

struct file_writer *sink_take_writer(struct sink *sink)
{
    struct file_writer *writer = sink->writer;

    sink->writer = NULL;
    return writer;
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

/* How many blocks from the first missing byte on may be held. */
static uint64_t window_end(const struct sink *sink)
{
    uint64_t blocks = LIMIT_BLOCKS_A_SESSION - sink->writing_count;

    if (sink->writing_count >= LIMIT_BLOCKS_A_SESSION)
        blocks = 1;
    return sink->data_have / BLOCK_BYTES + blocks;
}

static struct sink_block *take_block(struct sink *sink, uint64_t index)
{
    struct sink_block *block = &sink->blocks[index % SINK_RING];

    if (block->state != SINK_FREE || index >= window_end(sink))
        return NULL;
    uint8_t *data = block_take(sink->pool);
    if (data == NULL)
        return NULL;
    *block = (struct sink_block){
        .sink = sink,
        .state = SINK_FILLING,
        .index = index,
        .data = data,
    };
    sink->block_count++;
    if (index < sink->lowest)
        sink->lowest = index;
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
    struct sink_block *block = &sink->blocks[index % SINK_RING];
    if (block->state == SINK_FREE || block->index != index) {
        block = proven ? take_block(sink, index) : NULL;
        if (block == NULL)
            return NULL;
    }
    uint32_t left = BLOCK_BYTES - offset;
    *have_bytes = size_bytes < left ? size_bytes : left;
    return block->data + offset;
}

void sink_arrived(void *user, enum fasp_space space, uint64_t place,
                  uint32_t size_bytes)
{
    struct sink *sink = user;

    if (space == FASP_SPACE_CATALOGUE)
        return;
    sink->blocks[place / BLOCK_BYTES % SINK_RING].had_bytes += size_bytes;
    sink->arrived_bytes += size_bytes;
    if (place + size_bytes > sink->data_top)
        sink->data_top = place + size_bytes;
}

uint64_t sink_room_bytes(const struct sink *sink)
{
    uint64_t end = window_end(sink) * BLOCK_BYTES;

    return end > sink->data_top ? end - sink->data_top : 0;
}

uint64_t sink_disk_queue_ns(const struct sink *sink)
{
    /* The one that is being written does not wait. */
    uint32_t waiting = sink->writing_count > 0 ? sink->writing_count - 1 : 0;

    return waiting * sink->written_ns_per_mb;
}

/* ---- jobs ---- */

static void tell_events(struct sink *sink, struct file_writer_result *result)
{
    for (uint32_t i = 0; i < result->event_count; i++) {
        struct file_writer_event *event = &result->events[i];
        switch (event->kind) {
        case WRITER_FILE_STARTED:
            sink->owner->file_started(sink->owner, event->file);
            break;
        case WRITER_FILE_ENDED:
            sink->owner->file_ended(sink->owner, event->file);
            break;
        case WRITER_SKIP:
            sink->has_skips = true;
            sink->owner->skip(sink->owner, event->from_place, event->to_place);
            break;
        case WRITER_ASK:
            sink->owner->ask(sink->owner, event);
            break;
        }
    }
    file_writer_result_free(result);
}

/* Takes in what a job came to. */
static void take_result(struct sink *sink, struct file_writer_result *result,
                        const struct file_writer_status *status)
{
    sink->busy_count--;
    sink->status = *status;
    tell_events(sink, result);
    if (status->error != FASP_ERROR_NONE && !sink->is_stopped) {
        sink->is_stopped = true;
        sink->owner->failed(sink->owner);
    }
    sink->owner->progress(sink->owner);
}

static void start_job(struct sink *sink, struct sink_job *job, loop_work_fn run,
                      loop_work_fn done)
{
    sink->busy_count++;
    loop_work_start(sink->loop, &sink->strand, &job->work, run, done);
}

static void job_done(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);

    take_result(job->sink, &job->result, &job->status);
}

static void catalogue_run(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);
    struct sink *sink = job->sink;
    uint32_t offset = (uint32_t)(sink->catalogue_taken % SINK_CATALOGUE_BYTES);

    job->size_bytes = file_writer_catalogue(
        sink->writer, sink->catalogue + offset, job->size_bytes, &job->result);
    file_writer_status(sink->writer, &job->status);
}

static void catalogue_done(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);
    struct sink *sink = job->sink;

    sink->catalogue_taken += job->size_bytes;
    take_result(sink, &job->result, &job->status);
}

static void start_catalogue(struct sink *sink)
{
    struct sink_job *job = &sink->catalogue_job;
    uint64_t waiting = sink->catalogue_have - sink->catalogue_taken;
    uint32_t to_wrap = SINK_CATALOGUE_BYTES -
                       (uint32_t)(sink->catalogue_taken % SINK_CATALOGUE_BYTES);

    if (waiting == 0 || loop_work_busy(&job->work))
        return;
    job->size_bytes = waiting < to_wrap ? (uint32_t)waiting : to_wrap;
    start_job(sink, job, catalogue_run, catalogue_done);
}

static void block_write(struct loop_work *work)
{
    struct sink_block *block = OWNER_OF(work, struct sink_block, work);
    struct file_writer *writer = block->sink->writer;
    uint64_t start_ns = clock_mono_ns();

    file_writer_data(writer, block->index * BLOCK_BYTES + block->written_from,
                     block->data + block->written_from,
                     block->written_to - block->written_from, &block->result);
    file_writer_status(writer, &block->status);
    block->took_ns = clock_mono_ns() - start_ns;
}

static void block_write_done(struct loop_work *work)
{
    struct sink_block *block = OWNER_OF(work, struct sink_block, work);

    struct sink *sink = block->sink;
    uint32_t size_bytes = block->written_to - block->written_from;

    if (size_bytes >= BLOCK_BYTES / 2) {
        uint64_t pace = block->took_ns * BLOCK_BYTES / size_bytes;
        sink->written_ns_per_mb = (7 * sink->written_ns_per_mb + pace) / 8;
    }
    sink->writing_count--;
    block->state = SINK_FILLING;
    take_result(sink, &block->result, &block->status);
}

static void start_write(struct sink *sink, struct sink_block *block,
                        uint32_t to_bytes)
{
    block->state = SINK_WRITING;
    block->written_from = block->written_to;
    block->written_to = to_bytes;
    sink->writing_count++;
    sink->busy_count++;
    loop_work_start(sink->loop, &sink->strand, &block->work, block_write,
                    block_write_done);
}

/* ---- failures that the sender told ---- */

static void fail_run(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);
    struct sink *sink = job->sink;

    for (uint32_t i = 0; i < sink->failing_count; i++)
        file_writer_fail_file(sink->writer, sink->failing[i].file_id,
                              sink->failing[i].error, &job->result);
    file_writer_status(sink->writer, &job->status);
}

static void start_fail(struct sink *sink)
{
    if (sink->failure_count == 0 || loop_work_busy(&sink->fail_job.work))
        return;
    free(sink->failing);
    sink->failing = sink->failures;
    sink->failing_count = sink->failure_count;
    sink->failures = NULL;
    sink->failure_count = 0;
    sink->failure_room = 0;
    start_job(sink, &sink->fail_job, fail_run, job_done);
}

void sink_fail_file(struct sink *sink, uint64_t file_id, enum fasp_error error)
{
    if (sink->failure_count == sink->failure_room) {
        uint32_t room = sink->failure_room ? sink->failure_room * 2 : 16;
        struct sink_failure *failures =
            realloc(sink->failures, room * sizeof *failures);
        CHECK(failures != NULL);
        sink->failures = failures;
        sink->failure_room = room;
    }
    sink->failures[sink->failure_count++] =
        (struct sink_failure){file_id, error};
}

/* ---- what is compared with the sender ---- */

static void answer_run(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);
    struct sink *sink = job->sink;

    for (uint32_t i = 0; i < sink->answering_count; i++)
        file_writer_answer(sink->writer, sink->answering[i].file_id,
                           sink->answering[i].count, sink->answering[i].equal,
                           &job->result);
    file_writer_status(sink->writer, &job->status);
}

static void start_answers(struct sink *sink)
{
    if (sink->answer_count == 0 || loop_work_busy(&sink->answer_job.work))
        return;
    free(sink->answering);
    sink->answering = sink->answers;
    sink->answering_count = sink->answer_count;
    sink->answers = NULL;
    sink->answer_count = 0;
    sink->answer_room = 0;
    start_job(sink, &sink->answer_job, answer_run, job_done);
}

void sink_answer(struct sink *sink, uint64_t file_id, uint32_t count,
                 bool equal)
{
    if (sink->answer_count == sink->answer_room) {
        uint32_t room = sink->answer_room ? sink->answer_room * 2 : 16;
        struct sink_answer *answers =
            realloc(sink->answers, room * sizeof *answers);
        CHECK(answers != NULL);
        sink->answers = answers;
        sink->answer_room = room;
    }
    sink->answers[sink->answer_count++] =
        (struct sink_answer){file_id, count, equal};
}

static void check_run(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);

    file_writer_check(job->sink->writer, &job->result);
    file_writer_status(job->sink->writer, &job->status);
}

/* ---- the turn ---- */

/* Where the data that may be written ends: behind the records that are known.
 */
static uint64_t known_end(const struct sink *sink)
{
    return sink->status.totals.bytes;
}

/* How much of the block is data at all. */
static uint32_t block_end(const struct sink *sink, uint64_t index)
{
    uint64_t begin = index * BLOCK_BYTES;

    if (!sink->status.catalogue_complete ||
        known_end(sink) >= begin + BLOCK_BYTES)
        return BLOCK_BYTES;
    return known_end(sink) > begin ? (uint32_t)(known_end(sink) - begin) : 0;
}

/* Writes what is whole of a block, or lets it go when all was written. */
static void turn_block(struct sink *sink, struct sink_block *block,
                       struct fasp_receiver *receiver, bool flush)
{
    uint64_t begin = block->index * BLOCK_BYTES;
    uint32_t end_bytes = block_end(sink, block->index);

    if (block->state != SINK_FILLING)
        return;
    bool whole =
        begin + end_bytes <= sink->data_have || block->had_bytes >= end_bytes ||
        (sink->has_skips && fasp_receiver_has(receiver, FASP_SPACE_DATA, begin,
                                              begin + end_bytes));
    if (whole && block->written_to >= end_bytes) {
        free_block(sink, block);
        return;
    }
    if (whole && begin + end_bytes <= known_end(sink)) {
        start_write(sink, block, end_bytes);
        return;
    }
    if (!flush)
        return;
    uint64_t to =
        sink->data_have < known_end(sink) ? sink->data_have : known_end(sink);
    if (to > begin + block->written_to && to <= begin + end_bytes)
        start_write(sink, block, (uint32_t)(to - begin));
}

static void turn_blocks(struct sink *sink, struct fasp_receiver *receiver,
                        bool flush)
{
    uint64_t end = (sink->data_top + BLOCK_BYTES - 1) / BLOCK_BYTES;

    for (uint64_t i = sink->lowest; i < end; i++) {
        struct sink_block *block = &sink->blocks[i % SINK_RING];
        bool held = block->state != SINK_FREE && block->index == i;
        if (held) {
            turn_block(sink, block, receiver, flush);
            held = block->state != SINK_FREE;
        }
        /* Below the first gap, no block begins again. */
        if (!held && i == sink->lowest &&
            (i + 1) * BLOCK_BYTES <= sink->data_have)
            sink->lowest++;
    }
}

static void settle_run(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);

    file_writer_settle(job->sink->writer, &job->result);
    file_writer_status(job->sink->writer, &job->status);
}

static void finish_run(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);

    file_writer_settle(job->sink->writer, &job->result);
    file_writer_finish(job->sink->writer);
    file_writer_status(job->sink->writer, &job->status);
}

static void finish_done(struct loop_work *work)
{
    struct sink_job *job = OWNER_OF(work, struct sink_job, work);
    struct sink *sink = job->sink;

    take_result(sink, &job->result, &job->status);
    if (!sink->is_stopped) {
        sink->is_finished = true;
        sink->owner->finished(sink->owner);
    }
}

/* Everything came, and every job about it has ended. */
static bool is_all_here(const struct sink *sink)
{
    return sink->status.catalogue_complete &&
           sink->catalogue_taken == sink->catalogue_have &&
           sink->data_have >= known_end(sink) && sink->block_count == 0 &&
           sink->failure_count == 0 && sink->answer_count == 0 &&
           !sink->status.is_asking && sink->busy_count == 0;
}

void sink_turn(struct sink *sink, struct fasp_receiver *receiver, bool flush)
{
    if (sink->is_stopped || sink->is_finishing)
        return;
    sink->catalogue_have =
        fasp_receiver_contiguous(receiver, FASP_SPACE_CATALOGUE);
    sink->data_have = fasp_receiver_contiguous(receiver, FASP_SPACE_DATA);
    if (sink->data_have > sink->data_top)
        sink->data_top = sink->data_have;

    start_fail(sink);
    start_answers(sink);
    start_catalogue(sink);
    if (sink->status.wants_check && !loop_work_busy(&sink->check_job.work))
        start_job(sink, &sink->check_job, check_run, job_done);
    turn_blocks(sink, receiver, flush);
    if (is_all_here(sink)) {
        sink->is_finishing = true;
        start_job(sink, &sink->finish_job, finish_run, finish_done);
    } else if (flush && sink->status.settling_count > 0 &&
               !loop_work_busy(&sink->settle_job.work)) {
        start_job(sink, &sink->settle_job, settle_run, job_done);
    }
}
