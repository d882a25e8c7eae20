#include "central/job_steps.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "central/context.h"
#include "central/events.h"
#include "central/steps.h"
#include "central/submit.h"

/* Ids in the log. */
static const char *id_text(struct uuid uuid, char text[UUID_TEXT_BYTES + 1])
{
    uuid_format(uuid, text);
    return text;
}

#define SECOND_NS UINT64_C(1000000000)
#define SECOND_US INT64_C(1000000)

/* ---- start ---- */

static void begin(struct central *central, struct job *job)
{
    struct session *session = job->session;
    struct transfer_params params;

    if (job->state == STORE_JOB_WAITING)
        session = submit_add_retry(central, job);
    struct step *step = step_begin(central, session);
    struct store_session row = session->latest->row;

    job_move(&central->jobs, job, STORE_JOB_CONNECTING);
    row.state = STORE_SESSION_RUNNING;
    row.start_us = clock_wall_us();
    session_set_latest(session, &row);

    events_tell_job(step->change, STORE_TOPIC_JOB_CONNECTING, job);
    events_tell_session(step->change, STORE_TOPIC_SESSION_START, session);
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);

    submit_fill_params(central, job, &params);
    session->transfer = transfer_start(central->node, &params, session);
    free((void *)(uintptr_t)params.sources);
}

void jobs_run(struct central *central)
{
    struct job *job;

    if (central->stopping || central->recovering)
        return;
    while ((job = jobs_next(&central->jobs)) != NULL)
        begin(central, job);
}

/* A transfer may be paused from its first moment. */
static enum store_session_state shown_state(const struct transfer_stats *stats,
                                            enum store_session_state state)
{
    if (stats->state == TRANSFER_PAUSED)
        return STORE_SESSION_PAUSED;
    return stats->state == TRANSFER_RUNNING ? STORE_SESSION_RUNNING : state;
}

void job_let_in(struct central *central, struct job *job)
{
    struct session *session = job->session;
    struct step *step = step_begin(central, session);
    struct session_row_scratch scratch = {0};
    struct store_session row = session->latest->row;
    struct transfer_stats stats;

    transfer_stats(session->transfer, &stats);
    session_row_measure(&row, &stats, &scratch);
    row.state = shown_state(&stats, row.state);
    session_set_latest(session, &row);
    job_move(&central->jobs, job, STORE_JOB_RUNNING);
    if (!job->started) {
        job->started = true;
        events_tell_job(step->change, STORE_TOPIC_JOB_START, job);
    }
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);
}

/* ---- the sessions of remote nodes ---- */

/* Both ends of a session between this node and itself carry the same id; the
 * job's end stands for both. */
static bool is_other_end(const struct session *session,
                         const struct transfer_stats *server)
{
    struct transfer_stats client;

    if (session->transfer == NULL)
        return false;
    transfer_stats(session->transfer, &client);
    return client.is_client &&
           address_equal_ip(&client.local_address, &server->peer_address) &&
           address_equal_ip(&client.peer_address, &server->local_address);
}

void session_opened(struct central *central, struct transfer_session *transfer)
{
    struct session_row_scratch scratch = {0};
    struct transfer_stats stats;
    char id[UUID_TEXT_BYTES + 1];
    char peer[ADDRESS_TEXT_BYTES];

    transfer_stats(transfer, &stats);
    struct session *known = sessions_find(&central->sessions, stats.session_id);
    if (known != NULL) {
        if (!is_other_end(known, &stats)) {
            LOG(session_refused, id_text(stats.session_id, id));
            transfer_cancel(transfer);
        }
        return;
    }

    struct store_session row = {
        .uuid = stats.session_id,
        .state = STORE_SESSION_RUNNING,
        .direction = stats.is_sender ? STORE_OUTGOING : STORE_INCOMING,
        .start_us = stats.start_us,
        .user_name = stats.user,
        .cookie = stats.cookie,
        .token = stats.token,
        .source_path = stats.source_path,
        .destination_path = stats.destination_path,
        .server_end = STORE_LOCAL,
        .client_end = STORE_REMOTE,
    };
    session_row_measure(&row, &stats, &scratch);
    row.state = shown_state(&stats, row.state);
    struct session *session = sessions_add(&central->sessions, &row);
    session->transfer = transfer;
    transfer_set_user_data(transfer, session);
    address_format(&stats.peer_address, peer);
    LOG(session_opened, id_text(stats.session_id, id), peer);

    struct step *step = step_begin(central, session);
    events_tell_session(step->change, STORE_TOPIC_SESSION_START, session);
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);
}

/* ---- changes and the end ---- */

void session_changed(struct central *central, struct session *session)
{
    struct step *step = step_begin(central, session);
    struct session_row_scratch scratch = {0};
    struct store_session row = session->latest->row;
    struct transfer_stats stats;

    transfer_stats(session->transfer, &stats);
    session_row_measure(&row, &stats, &scratch);
    session_keep_file(session, &stats);
    row.state = shown_state(&stats, row.state);
    session_set_latest(session, &row);
    events_tell_session(step->change, STORE_TOPIC_SESSION_STATUS, session);
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);
}

struct outcome {
    enum store_session_state session;
    enum store_job_state job;
};

static struct outcome outcome_of(enum transfer_state state)
{
    switch (state) {
    case TRANSFER_COMPLETED:
        return (struct outcome){STORE_SESSION_COMPLETED, STORE_JOB_COMPLETED};
    case TRANSFER_CANCELLED:
        return (struct outcome){STORE_SESSION_CANCELLED, STORE_JOB_CANCELLED};
    case TRANSFER_FAILED:
        return (struct outcome){STORE_SESSION_ERROR, STORE_JOB_FAILED};
    case TRANSFER_CONNECTING:
    case TRANSFER_RUNNING:
    case TRANSFER_PAUSED:
        break;
    }
    NEVER("a session ended without an outcome");
}

/* ---- retries ---- */

static void retry_due(struct loop_timer *timer)
{
    struct job *job = OWNER_OF(timer, struct job, retry);
    struct central *central = OWNER_OF(job->jobs, struct central, jobs);

    jobs_make_ready(job->jobs, job);
    jobs_run(central);
}

static void wait_to_retry(struct central *central, struct job *job,
                          int64_t wait_us)
{
    if (central->stopping)
        return; /* after the next start */
    if (wait_us <= 0)
        jobs_make_ready(&central->jobs, job);
    else
        loop_timer_start(central->loop, &job->retry,
                         loop_now_ns(central->loop) + 1000 * (uint64_t)wait_us,
                         retry_due);
}

void jobs_stop(struct central *central)
{
    struct job *job = central->jobs.active_first;

    for (; job != NULL; job = job->next)
        loop_timer_stop(central->loop, &job->retry);
}

/* How many sessions there were and may be is in the row, as it was when the
 * job was submitted. */
static bool may_retry(const struct session *session)
{
    const struct store_session *row = &session->latest->row;

    return session->job != NULL && !session->cancel_asked &&
           row->retry_count < row->retry_count_max;
}

/* ---- the end of a session, and of its job ---- */

/* What ends the job's newest session is the job's reason. */
static void take_error(struct job *job, const struct store_session *row)
{
    job->error_code = row->error_code;
    if (text_is_absent(row->error_text) ||
        !text_equal(job->error_text, row->error_text))
        job->error_text = text_copy(&job->work->arena, row->error_text);
}

static void end_job(struct central *central, struct change *change,
                    struct job *job, enum store_job_state outcome)
{
    job_move(&central->jobs, job, outcome);
    if (outcome == STORE_JOB_FAILED)
        events_tell_job(change, STORE_TOPIC_JOB_ERROR, job);
    events_tell_job(change, STORE_TOPIC_JOB_STOP, job);
}

static void log_wait(const struct job *job, int64_t wait_us)
{
    char job_id[UUID_TEXT_BYTES + 1];

    LOG(job_waiting, id_text(job->uuid, job_id), job->error_code,
        job->retry_count + 1, (uint32_t)job->work->order.retry_count,
        wait_us / SECOND_US);
}

/* Writes and tells the end of a session whose latest row says how it ended.
 * `wait_us` is for a job that is WAITING from now on. */
static void finish(struct central *central, struct session *session,
                   enum store_job_state outcome, int64_t wait_us)
{
    struct step *step = step_begin(central, session);
    struct job *job = session->job;
    const struct store_session *row = &session->latest->row;
    char session_id[UUID_TEXT_BYTES + 1];
    char job_id[UUID_TEXT_BYTES + 1];

    if (outcome == STORE_JOB_FAILED || outcome == STORE_JOB_WAITING)
        events_tell_session(step->change, STORE_TOPIC_SESSION_ERROR, session);
    events_tell_session(step->change, STORE_TOPIC_SESSION_STOP, session);
    LOG(session_ended, id_text(session->uuid, session_id),
        id_text(row->job_uuid, job_id), store_session_state_names[row->state],
        row->error_code, row->written_bytes, row->elapsed_us / 1000);
    if (job != NULL)
        take_error(job, row);
    if (job != NULL && outcome == STORE_JOB_WAITING) {
        job_move(&central->jobs, job, STORE_JOB_WAITING);
        job->retry_at_us = clock_wall_us() + wait_us;
        events_tell_job(step->change, STORE_TOPIC_JOB_STATUS, job);
        log_wait(job, wait_us);
    } else if (job != NULL) {
        job->ended_us = row->end_us;
        end_job(central, step->change, job, outcome);
    }
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);
    if (outcome == STORE_JOB_WAITING)
        wait_to_retry(central, job, wait_us);
    jobs_run(central);
}

/* Ends a job that waits to retry; its session's end was told when it came, and
 * only its state changes now. */
static void finish_waiting(struct central *central, struct job *job,
                           enum store_session_state state,
                           enum fasp_error error, struct text error_text,
                           enum store_job_state outcome)
{
    struct session *session = job->session;
    struct step *step = step_begin(central, session);
    struct store_session row = session->latest->row;

    loop_timer_stop(central->loop, &job->retry);
    row.error_code = (int32_t)error;
    row.error_text = error_text;
    take_error(job, &row);
    job->ended_us = clock_wall_us();
    if (row.state == STORE_SESSION_WILLRETRY) {
        row.state = state;
        session_set_latest(session, &row);
    }
    end_job(central, step->change, job, outcome);
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);
}

void session_ended(struct central *central, struct session *session)
{
    struct session_row_scratch scratch = {0};
    struct store_session row = session->latest->row;
    struct transfer_stats stats;

    transfer_stats(session->transfer, &stats);
    struct outcome outcome = outcome_of(stats.state);
    if (outcome.job == STORE_JOB_FAILED && may_retry(session) &&
        fasp_error_is_retryable(stats.error))
        outcome = (struct outcome){STORE_SESSION_WILLRETRY, STORE_JOB_WAITING};
    /* Its files first: they are durable before its end is.  One that was on
     * its way ends with the session's row, as far as it came. */
    if (!text_is_absent(stats.file.path) &&
        stats.file.state == TRANSFER_FILE_RUNNING)
        files_report(&central->files, session->uuid, &stats.file);
    files_flush(&central->files);

    session_row_measure(&row, &stats, &scratch);
    row.state = outcome.session;
    session_row_end(&row, (int32_t)stats.error, stats.error_text,
                    stats.end_us != 0 ? stats.end_us : clock_wall_us());
    session_set_latest(session, &row);
    session_take_counters(session, &stats);
    session->transfer = NULL;
    /* What ended because the server stops goes on when it is back. */
    int64_t wait_us = session->job == NULL || central->stopping
                          ? 0
                          : SECOND_US * job_retry_wait_s(session->job);
    finish(central, session, outcome.job, wait_us);
}

/* Ends a session that has no transfer. */
static void end_alone(struct central *central, struct session *session,
                      enum store_session_state state, enum fasp_error error,
                      struct text error_text, enum store_job_state outcome)
{
    struct store_session row = session->latest->row;

    row.state = state;
    session_row_end(&row, (int32_t)error, error_text, clock_wall_us());
    session_set_latest(session, &row);
    finish(central, session, outcome, 0);
}

static struct text text_of_error(enum fasp_error error)
{
    return text_of(fasp_error_text(error));
}

void session_cancel(struct central *central, struct session *session)
{
    struct job *job = session->job;

    session->cancel_asked = true;
    if (job != NULL && job->state == STORE_JOB_WAITING) {
        finish_waiting(
            central, job, STORE_SESSION_CANCELLED, FASP_ERROR_CANCELLED,
            text_of_error(FASP_ERROR_CANCELLED), STORE_JOB_CANCELLED);
        return;
    }
    if (!session_state_is_active(session->latest->row.state))
        return; /* its end is on its way */
    if (session->transfer != NULL)
        transfer_cancel(session->transfer);
    else /* it waits in the queue */
        end_alone(central, session, STORE_SESSION_CANCELLED,
                  FASP_ERROR_CANCELLED, text_of_error(FASP_ERROR_CANCELLED),
                  STORE_JOB_CANCELLED);
}

/* ---- after a restart ---- */

#define ORPHANED                                                          \
    "The server went down while this session ran: its final figures are " \
    "unknown.  "

/* One that ran: its job goes on with another session, which counts as a retry
 * and comes at once. */
static void recover_running(struct central *central, struct session *session,
                            const char *refusal)
{
    if (session->job != NULL && refusal != NULL)
        end_alone(central, session, STORE_SESSION_ORPHANED,
                  FASP_ERROR_CONFIGURATION, text_of(refusal), STORE_JOB_FAILED);
    else if (may_retry(session))
        end_alone(central, session, STORE_SESSION_ORPHANED, FASP_ERROR_LOST,
                  text_of(ORPHANED "The job goes on with another one."),
                  STORE_JOB_WAITING);
    else
        end_alone(central, session, STORE_SESSION_ORPHANED, FASP_ERROR_LOST,
                  text_of(ORPHANED "Submit the job again."), STORE_JOB_FAILED);
}

/* Wall clocks move: no wait is longer than it was to be. */
static void recover_waiting(struct central *central, struct job *job,
                            const char *refusal)
{
    int64_t wait_us = job->retry_at_us - clock_wall_us();
    int64_t wait_max_us = SECOND_US * job_retry_wait_s(job);

    if (refusal != NULL)
        finish_waiting(central, job, STORE_SESSION_ERROR,
                       FASP_ERROR_CONFIGURATION, text_of(refusal),
                       STORE_JOB_FAILED);
    else
        wait_to_retry(central, job,
                      wait_us < wait_max_us ? wait_us : wait_max_us);
}

/* A job that waited has lost nothing and waits on, unless what it needs has
 * gone meanwhile. */
static void recover(struct central *central, struct session *session)
{
    struct job *job = session->job;
    bool is_active = session_state_is_active(session->latest->row.state);

    if (job == NULL && !is_active)
        return;
    if (job != NULL && job_state_is_over(job->state))
        return;
    const char *refusal =
        job == NULL ? NULL : submit_refusal(central, job->work);
    if (job != NULL && job->state == STORE_JOB_WAITING)
        recover_waiting(central, job, refusal);
    else if (job == NULL || job->state != STORE_JOB_QUEUED)
        recover_running(central, session, refusal);
    else if (refusal != NULL)
        end_alone(central, session, STORE_SESSION_ERROR,
                  FASP_ERROR_CONFIGURATION, text_of(refusal), STORE_JOB_FAILED);
    else
        jobs_make_ready(&central->jobs, job);
}

/* A job and its session are stored as one: only a file that somebody changed
 * holds the one without the other.  It is left there as it is. */
static void drop_jobs_without_session(struct jobs *jobs)
{
    struct job *job = jobs->active_first;

    while (job != NULL) {
        struct job *next = job->next;
        if (job->session == NULL)
            jobs_remove(jobs, job);
        job = next;
    }
}

void jobs_recover(struct central *central)
{
    struct session *session = central->sessions.oldest;

    drop_jobs_without_session(&central->jobs);
    central->recovering = true;
    for (; session != NULL; session = session->newer)
        recover(central, session);
    central->recovering = false;
    jobs_run(central);
}
