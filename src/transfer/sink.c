#include "transfer/sink.h"

#include <errno.h>
#include <stdlib.h>

#include "transfer/sink_parts.h"

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

void sink_close(struct sink *sink)
{
    CHECK(!sink_is_busy(sink));
    sink_free_blocks(sink);
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

void sink_take_result(struct sink *sink, struct file_writer_result *result,
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

    sink_take_result(job->sink, &job->result, &job->status);
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
    sink_take_result(sink, &job->result, &job->status);
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

    sink_take_result(sink, &job->result, &job->status);
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
           sink->data_have >= sink_known_end(sink) && sink->block_count == 0 &&
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
    sink_turn_blocks(sink, receiver, flush);
    if (is_all_here(sink)) {
        sink->is_finishing = true;
        start_job(sink, &sink->finish_job, finish_run, finish_done);
    } else if (flush && sink->status.settling_count > 0 &&
               !loop_work_busy(&sink->settle_job.work)) {
        start_job(sink, &sink->settle_job, settle_run, job_done);
    }
}
