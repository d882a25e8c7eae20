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

/* What waits has no session, and costs nothing; so does what is over. */
static bool counts_as_running(enum store_job_state state)
{
    return state == STORE_JOB_CONNECTING || state == STORE_JOB_RUNNING;
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
        .jobs = jobs,
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
        .jobs = jobs,
        .uuid = row->uuid,
        .state = (uint8_t)row->state,
        .shown_state = row->state,
        .visible = true,
        .started = row->started,
        .session_uuid = row->session_uuid,
        .created_us = row->created_us,
        .ended_us = row->ended_us,
        .retry_count = row->retry_count,
        .retry_at_us = row->retry_at_us,
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

void jobs_make_ready(struct jobs *jobs, struct job *job)
{
    CHECK(!job->ready);
    CHECK(job->state == STORE_JOB_QUEUED || job->state == STORE_JOB_WAITING);

    job->ready = true;
    job->ready_previous = jobs->ready_last;
    if (jobs->ready_last != NULL)
        jobs->ready_last->ready_next = job;
    else
        jobs->ready_first = job;
    jobs->ready_last = job;
}

static void drop_ready(struct jobs *jobs, struct job *job)
{
    if (!job->ready)
        return;
    if (job->ready_previous != NULL)
        job->ready_previous->ready_next = job->ready_next;
    else
        jobs->ready_first = job->ready_next;
    if (job->ready_next != NULL)
        job->ready_next->ready_previous = job->ready_previous;
    else
        jobs->ready_last = job->ready_previous;
    job->ready_next = NULL;
    job->ready_previous = NULL;
    job->ready = false;
}

struct job *jobs_next(const struct jobs *jobs)
{
    return jobs->running_count < jobs->running_max ? jobs->ready_first : NULL;
}

void job_move(struct jobs *jobs, struct job *job, enum store_job_state state)
{
    drop_ready(jobs, job);
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
    CHECK(!loop_timer_running(&job->retry));

    drop_ready(jobs, job);
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

int64_t job_retry_wait_s(const struct job *job)
{
    const struct order *order = &job->work->order;
    int64_t wait_s = order->retry_base_s;

    for (uint32_t i = 0; i < job->retry_count && wait_s < order->retry_max_s;
         i++)
        wait_s *= 2;
    return wait_s < order->retry_max_s ? wait_s : order->retry_max_s;
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
        .session_count = job->retry_count + 1,
        .retry_count = job->retry_count,
        .retry_at_us =
            job->state == STORE_JOB_WAITING ? job->retry_at_us : 0,
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
    /* Each session before the newest one has failed. */
    uint32_t failed = job->retry_count;

    if (job->state == STORE_JOB_FAILED || job->state == STORE_JOB_WAITING)
        failed++;
    *described = (struct isc_transfer){
        .id = describe_uuid(arena, job->uuid),
        .order = job->work->described,
        .status.session_id = describe_uuid(arena, job->session_uuid),
        .status.statistics.retry.failed_attempts =
            failed < UINT8_MAX ? (uint8_t)failed : UINT8_MAX,
    };
}
