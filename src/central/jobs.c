#include "central/jobs.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/state.h"
#include "central/describe.h"

#define OVER                                              \
    (NEXT(STORE_JOB_COMPLETED) | NEXT(STORE_JOB_FAILED) | \
     NEXT(STORE_JOB_CANCELLED))

static const struct state_rule rules[STORE_JOB_STATE_COUNT] = {
    [STORE_JOB_QUEUED] = {"queued", NEXT(STORE_JOB_CONNECTING) |
                                        NEXT(STORE_JOB_FAILED) |
                                        NEXT(STORE_JOB_CANCELLED)},
    [STORE_JOB_CONNECTING] = {"connecting", NEXT(STORE_JOB_RUNNING) |
                                                NEXT(STORE_JOB_WAITING) | OVER},
    [STORE_JOB_RUNNING] = {"running", NEXT(STORE_JOB_WAITING) | OVER},
    [STORE_JOB_WAITING] = {"waiting", NEXT(STORE_JOB_CONNECTING) |
                                          NEXT(STORE_JOB_FAILED) |
                                          NEXT(STORE_JOB_CANCELLED)},
    [STORE_JOB_COMPLETED] = {"completed", 0},
    [STORE_JOB_FAILED] = {"failed", 0},
    [STORE_JOB_CANCELLED] = {"cancelled", 0},
};

/* An order, parsed and described, is some times as large as its text. */
#define WORK_BYTES_MAX (8u * LIMIT_HTTP_BODY_BYTES)

bool job_state_is_over(enum store_job_state state)
{
    return rules[state].next == 0;
}

/* QUEUED waits for its turn and costs nothing; so does what is over. */
static bool counts_as_running(enum store_job_state state)
{
    return state != STORE_JOB_QUEUED && !job_state_is_over(state);
}

struct job_work *job_work_new(struct text order_text, struct arena *arena,
                              struct text *error, bool *no_memory)
{
    struct order_error why = {0};
    struct job_work *work = calloc(1, sizeof *work);

    *no_memory = work == NULL;
    if (work == NULL)
        return NULL;
    arena_init(&work->arena, WORK_BYTES_MAX);
    if (!order_parse(order_text, &work->arena, &work->order, &why)) {
        *error = text_copy(arena, why.message);
        *no_memory = text_is_absent(*error);
        job_work_free(work);
        return NULL;
    }
    order_describe(&work->order, &work->arena, &work->described);
    return work;
}

/* An order that cannot be read any more becomes an empty one. */
static struct job_work *restore_work(struct text order_text)
{
    struct arena arena;
    struct text error = TEXT_ABSENT;
    bool no_memory = false;

    arena_init(&arena, LIMIT_CALL_ARENA_BYTES);
    struct job_work *work =
        job_work_new(order_text, &arena, &error, &no_memory);
    arena_free(&arena);
    if (work != NULL)
        return work;
    work = calloc(1, sizeof *work);
    CHECK(work != NULL);
    arena_init(&work->arena, WORK_BYTES_MAX);
    return work;
}

void job_work_free(struct job_work *work)
{
    if (work == NULL)
        return;
    arena_free(&work->arena);
    free(work);
}

static void append_active(struct jobs *jobs, struct job *job)
{
    if (job->work != NULL)
        job->work_bytes = job->work->arena.taken_bytes;
    jobs->work_bytes += job->work_bytes;
    job->previous = jobs->active_last;
    if (jobs->active_last != NULL)
        jobs->active_last->next = job;
    else
        jobs->active_first = job;
    jobs->active_last = job;
    jobs->active_count++;
    jobs->running_count += counts_as_running(job->state);
}

struct job *jobs_add(struct jobs *jobs, struct uuid uuid, struct job_work *work,
                     int64_t created_us)
{
    struct job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);

    *job = (struct job){
        .uuid = uuid,
        .state = STORE_JOB_QUEUED,
        .shown_state = STORE_JOB_QUEUED,
        .work = work,
        .created_us = created_us,
    };
    map_put(&jobs->by_uuid, uuid, job);
    append_active(jobs, job);
    return job;
}

struct job *jobs_restore(struct jobs *jobs, const struct store_job *row)
{
    struct job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);

    *job = (struct job){
        .uuid = row->uuid,
        .state = (uint8_t)row->state,
        .shown_state = row->state,
        .visible = true,
        .started = row->started,
        .session_uuid = row->session_uuid,
        .created_us = row->created_us,
        .ended_us = row->ended_us,
        .error_code = row->error_code,
    };
    map_put(&jobs->by_uuid, job->uuid, job);
    if (job_state_is_over(row->state))
        return job;
    job->work = restore_work(row->order_text);
    append_active(jobs, job);
    return job;
}

struct job *jobs_find(const struct jobs *jobs, struct uuid uuid)
{
    return map_get(&jobs->by_uuid, uuid);
}

struct job *jobs_next(const struct jobs *jobs)
{
    if (jobs->running_count >= jobs->running_max)
        return NULL;
    /* Those before it are running, and few. */
    for (struct job *job = jobs->active_first; job != NULL; job = job->next)
        if (job->state == STORE_JOB_QUEUED && job->visible)
            return job;
    return NULL;
}

void job_move(struct jobs *jobs, struct job *job, enum store_job_state state)
{
    jobs->running_count -= counts_as_running(job->state);
    state_move(&job->state, (uint8_t)state, rules);
    jobs->running_count += counts_as_running(job->state);
}

static void drop_active(struct jobs *jobs, struct job *job)
{
    jobs->running_count -= counts_as_running(job->state);
    jobs->work_bytes -= job->work_bytes;
    if (job->previous != NULL)
        job->previous->next = job->next;
    else
        jobs->active_first = job->next;
    if (job->next != NULL)
        job->next->previous = job->previous;
    else
        jobs->active_last = job->previous;
    job->next = NULL;
    job->previous = NULL;
    jobs->active_count--;
}

void jobs_retire(struct jobs *jobs, struct job *job)
{
    CHECK(job_state_is_over(job->state));

    drop_active(jobs, job);
    job->error_text = TEXT_ABSENT;
    job_work_free(job->work);
    job->work = NULL;
}

void jobs_remove(struct jobs *jobs, struct job *job)
{
    if (!job_state_is_over(job->shown_state))
        drop_active(jobs, job);
    map_remove(&jobs->by_uuid, job->uuid);
    job_work_free(job->work);
    free(job);
}

void jobs_free(struct jobs *jobs)
{
    for (uint32_t i = 0; i < jobs->by_uuid.room; i++) {
        struct job *job = jobs->by_uuid.entries[i].value;
        if (job == NULL)
            continue;
        job_work_free(job->work);
        free(job);
    }
    map_free(&jobs->by_uuid);
    *jobs = (struct jobs){0};
}

struct store_job job_row(const struct job *job)
{
    struct store_job row = {
        .uuid = job->uuid,
        .state = (enum store_job_state)job->state,
        .created_us = job->created_us,
        .ended_us = job->ended_us,
        .session_uuid = job->session_uuid,
        .started = job->started,
        .session_count = 1,
        .error_code = job->error_code,
        .error_text = job->error_text,
    };

    if (job->work != NULL) {
        row.cookie = job->work->order.cookie;
        row.private_key = job->work->order.private_key;
    }
    return row;
}

void job_describe(const struct job *job, struct arena *arena,
                  struct isc_transfer *described)
{
    *described = (struct isc_transfer){
        .id = describe_uuid(arena, job->uuid),
        .order = job->work->described,
        .status.session_id = describe_uuid(arena, job->session_uuid),
        .status.statistics.retry.failed_attempts =
            job->state == STORE_JOB_FAILED ? 1 : 0,
    };
}
