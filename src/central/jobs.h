/* The jobs that are in memory, and the states they go through.
 *
 * Knows: orders, sessions.
 * Must not know: SOAP messages (api_job.c), what is written and told at each
 * step (job_steps.c), who is told.
 *
 *            .--------------------------------------> CANCELLED
 *            |             |             |                ^
 *   QUEUED --+--> CONNECTING --> RUNNING-+--> COMPLETED   |
 *            |       ^     |             |                |
 *            '-----------> FAILED <------'                |
 *                    |     |                              |
 *                    '--- WAITING (to retry) -------------'
 *
 * Each CONNECTING begins a session of its own.  A job that waits to retry is
 * WAITING until its time has come; then it takes its place behind those that
 * are ready.  No more than `running_max` jobs have a session at once.
 */
#ifndef CENTRAL_JOBS_H
#define CENTRAL_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/uuid.h"
#include "io/loop.h"
#include "soap/order.h"
#include "store/rows.h"

struct session;

/* What only a job that is not over needs. */
struct job_work {
    struct arena arena; /* of all below */
    struct order order;
    struct isc_order described; /* as QueryJob and Notify show it */
};

struct jobs;

struct job {
    struct jobs *jobs;
    struct uuid uuid;
    struct job *next; /* in the list of active ones, oldest first */
    struct job *previous;
    struct job *ready_next; /* in the list of those that may start */
    struct job *ready_previous;
    bool ready;    /* in that list */
    uint8_t state;                    /* enum store_job_state */
    enum store_job_state shown_state; /* durable */
    bool visible;                     /* its Submit is durable */
    bool started;                     /* a session has been let in */
    struct uuid session_uuid;         /* of the newest session */
    struct session *session;          /* the same; NULL if not in memory */
    struct job_work *work;            /* NULL when it is over */
    uint64_t work_bytes;              /* its part of jobs->work_bytes */
    int64_t created_us;
    int64_t ended_us;
    uint32_t retry_count;    /* sessions after the first one */
    int64_t retry_at_us;     /* WAITING: wall clock, for the store */
    struct loop_timer retry; /* WAITING and not ready */
    int32_t error_code;      /* of the newest session that failed */
    struct text error_text;  /* in the work's arena */
};

/* All fields are read only outside of jobs.c. */
struct jobs {
    struct map by_uuid;
    struct job *active_first;
    struct job *active_last;
    struct job *ready_first; /* may start: QUEUED, or WAITING and due */
    struct job *ready_last;
    uint32_t active_count;  /* not over, or their end not durable yet */
    uint32_t running_count; /* CONNECTING or RUNNING */
    uint32_t running_max;
    uint64_t work_bytes; /* of all active ones: LIMIT_JOBS_BYTES */
};

bool job_state_is_over(enum store_job_state state);

/* An order that is parsed and described; NULL, with `error` in `arena`, if it
 * is not readable.  `*no_memory` tells that apart from a bad order. */
struct job_work *job_work_new(struct text order_text, struct arena *arena,
                              struct text *error, bool *no_memory);
void job_work_free(struct job_work *work);

/* Adds a job that is QUEUED and takes `work` over. */
struct job *jobs_add(struct jobs *jobs, struct uuid uuid, struct job_work *work,
                     int64_t created_us);
/* Adds a stored job as it was; one that is not over is active and gets its
 * work back. */
struct job *jobs_restore(struct jobs *jobs, const struct store_job *row);

/* NULL when there is none in memory, durable or not. */
struct job *jobs_find(const struct jobs *jobs, struct uuid uuid);
/* Puts a job, QUEUED or WAITING, behind those that may start; it leaves them
 * by its next move. */
void jobs_make_ready(struct jobs *jobs, struct job *job);
/* The one that is ready for the longest time; NULL if none may start now. */
struct job *jobs_next(const struct jobs *jobs);

/* Moves it on; `running_count` follows. */
void job_move(struct jobs *jobs, struct job *job, enum store_job_state state);
/* Its end is durable: it is active no more, and its work is freed. */
void jobs_retire(struct jobs *jobs, struct job *job);
/* Forgets one. */
void jobs_remove(struct jobs *jobs, struct job *job);
void jobs_free(struct jobs *jobs);

/* How long a job that has its work waits before its next session: BaseInterval,
 * doubling with each retry, up to MaximumInterval. */
int64_t job_retry_wait_s(const struct job *job);

/* The row to be stored, without the order. */
struct store_job job_row(const struct job *job);
/* As QueryJob and Notify show it.  The job has its work. */
void job_describe(const struct job *job, struct arena *arena,
                  struct isc_transfer *described);

#endif
