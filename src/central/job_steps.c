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

/* ---- start ---- */

static void begin(struct central *central, struct job *job)
{
    struct session *session = job->session;
    struct step *step = step_begin(central, session);
    struct store_session row = session->latest->row;
    struct transfer_params params;

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

void job_let_in(struct central *central, struct job *job)
{
    struct session *session = job->session;
    struct step *step = step_begin(central, session);
    struct session_row_scratch scratch = {0};
    struct store_session row = session->latest->row;
    struct transfer_stats stats;

    transfer_stats(session->transfer, &stats);
    session_row_measure(&row, &stats, &scratch);
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
    if (stats.state == TRANSFER_PAUSED)
        row.state = STORE_SESSION_PAUSED;
    else if (stats.state == TRANSFER_RUNNING)
        row.state = STORE_SESSION_RUNNING;
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

/* Writes and tells the end of a session whose latest row says how it ended. */
static void finish(struct central *central, struct session *session,
                   enum store_job_state outcome)
{
    struct step *step = step_begin(central, session);
    struct job *job = session->job;
    const struct store_session *row = &session->latest->row;
    char session_id[UUID_TEXT_BYTES + 1];
    char job_id[UUID_TEXT_BYTES + 1];

    if (outcome == STORE_JOB_FAILED)
        events_tell_session(step->change, STORE_TOPIC_SESSION_ERROR, session);
    events_tell_session(step->change, STORE_TOPIC_SESSION_STOP, session);
    if (job != NULL) {
        job_move(&central->jobs, job, outcome);
        job->ended_us = row->end_us;
        job->error_code = row->error_code;
        job->error_text = text_copy(&job->work->arena, row->error_text);
        if (outcome == STORE_JOB_FAILED)
            events_tell_job(step->change, STORE_TOPIC_JOB_ERROR, job);
        events_tell_job(step->change, STORE_TOPIC_JOB_STOP, job);
    }
    LOG(session_ended, id_text(session->uuid, session_id),
        id_text(row->job_uuid, job_id), store_session_state_names[row->state],
        row->error_code, row->written_bytes, row->elapsed_us / 1000);
    step_commit(step, CHANGE_MUST, TEXT_ABSENT, NULL, NULL);
    jobs_run(central);
}

void session_ended(struct central *central, struct session *session)
{
    struct session_row_scratch scratch = {0};
    struct store_session row = session->latest->row;
    struct transfer_stats stats;

    transfer_stats(session->transfer, &stats);
    struct outcome outcome = outcome_of(stats.state);
    /* Its files first: they are durable before its end is. */
    files_flush(&central->files);

    session_row_measure(&row, &stats, &scratch);
    row.state = outcome.session;
    row.error_code = (int32_t)stats.error;
    row.error_text = stats.error_text;
    row.end_us = stats.end_us != 0 ? stats.end_us : clock_wall_us();
    session_set_latest(session, &row);
    session_take_counters(session, &stats);
    session->transfer = NULL;
    finish(central, session, outcome.job);
}

/* Ends a session that has no transfer. */
static void end_alone(struct central *central, struct session *session,
                      enum store_session_state state, enum fasp_error error,
                      struct text error_text, enum store_job_state outcome)
{
    struct store_session row = session->latest->row;

    row.state = state;
    row.error_code = (int32_t)error;
    row.error_text = error_text;
    row.end_us = clock_wall_us();
    session_set_latest(session, &row);
    finish(central, session, outcome);
}

void session_cancel(struct central *central, struct session *session)
{
    if (!session_state_is_active(session->latest->row.state))
        return; /* its end is on its way */
    if (session->transfer != NULL)
        transfer_cancel(session->transfer);
    else /* it waits in the queue */
        end_alone(central, session, STORE_SESSION_CANCELLED,
                  FASP_ERROR_CANCELLED,
                  text_of(fasp_error_text(FASP_ERROR_CANCELLED)),
                  STORE_JOB_CANCELLED);
}

/* ---- after a restart ---- */

static const char orphan_text[] =
    "The server went down while this session ran: its final figures are "
    "unknown.  Submit the job again.";

/* A job that was only queued has lost nothing and waits on, unless what it
 * needs has gone meanwhile. */
static void recover(struct central *central, struct session *session)
{
    struct job *job = session->job;
    const char *why = NULL;

    if (job == NULL || job->state != STORE_JOB_QUEUED)
        end_alone(central, session, STORE_SESSION_ORPHANED, FASP_ERROR_LOST,
                  text_of(orphan_text), STORE_JOB_FAILED);
    else if ((why = submit_refusal(central, job->work)) != NULL)
        end_alone(central, session, STORE_SESSION_ERROR,
                  FASP_ERROR_CONFIGURATION, text_of(why), STORE_JOB_FAILED);
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
        if (session_state_is_active(session->latest->row.state))
            recover(central, session);
    central->recovering = false;
    jobs_run(central);
}
