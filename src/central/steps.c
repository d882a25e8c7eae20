#include "central/steps.h"

#include <stdlib.h>

#include "base/check.h"
#include "central/context.h"
#include "central/job_steps.h"

struct step *step_begin(struct central *central, struct session *session)
{
    struct step *step = calloc(1, sizeof *step);
    CHECK(step != NULL);

    step->change = change_begin(&central->changes);
    step->central = central;
    step->session = session;
    step->job = session->job;
    return step;
}

static void show_job(struct step *step)
{
    struct job *job = step->job;

    job->shown_state = step->job_state;
    if (!job->visible) {
        job->visible = true;
        jobs_make_ready(&step->central->jobs, job);
    }
    if (job_state_is_over(step->job_state))
        jobs_retire(&step->central->jobs, job);
    jobs_run(step->central);
}

static void step_done(void *user, int result)
{
    struct step *step = user;
    struct session *session = step->session;

    session->commit_count--;
    if (result == 0)
        session_show(session, step->row);
    else
        session_row_drop(step->row);
    if (result == 0 && step->job != NULL)
        show_job(step);
    if (session_is_over(session))
        session_tell_waiters(session);
    if (step->done != NULL)
        step->done(step->user, result); /* the session may be gone after it */
    free(step);
}

void step_commit(struct step *step, enum change_need need,
                 struct text order_text, void *user, change_done_fn done)
{
    struct session *session = step->session;

    step->row = session_row_hold(session->latest);
    step->user = user;
    step->done = done;
    session->commit_count++;
    change_put_session(step->change, &step->row->row);
    if (step->job != NULL) {
        struct store_job row = job_row(step->job);
        row.order_text = order_text;
        step->job_state = row.state;
        change_put_job(step->change, &row);
    }
    change_commit(step->change, need, step, step_done);
}
