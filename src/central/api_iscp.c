/* IScpTransferNET-200604: ListJobs, QueryJob, Cancel of a job. */
#include "central/api.h"

#include "base/arena.h"
#include "central/context.h"
#include "central/describe.h"
#include "central/job_steps.h"
#include "central/submit.h"
#include "store/query.h"

void api_list_jobs(struct api_call *call)
{
    const struct jobs *jobs = &call->central->jobs;
    struct isc_list_jobs_response response = {0};

    response.job_id = arena_take(call->arena, (jobs->active_count + 1) *
                                                  sizeof *response.job_id);
    if (response.job_id == NULL) {
        api_fault_server(call);
        return;
    }
    for (struct job *job = jobs->active_first; job != NULL; job = job->next)
        if (job->visible && !job_state_is_over(job->shown_state))
            response.job_id[response.job_id_count++] =
                describe_uuid(call->arena, job->uuid);
    api_answer(call, &response);
}

/* NULL when there is none whose Submit is durable. */
static struct job *find(struct api_call *call, struct text job_id)
{
    struct job *job = NULL;
    struct uuid uuid;

    if (uuid_parse(job_id, &uuid))
        job = jobs_find(&call->central->jobs, uuid);
    return job != NULL && job->visible ? job : NULL;
}

static void job_not_found(struct api_call *call, struct text job_id)
{
    api_fault_typed(call, SOAP_DETAIL_JOB_NOT_FOUND, job_id);
}

/* ---- QueryJob ---- */

/* A job that is over keeps its order on disk only. */
static void stored_job_found(void *user, struct store_rows *rows)
{
    struct api_call *call = user;
    const struct isc_query_job_request *request = call->request;
    struct text error = TEXT_ABSENT;
    bool no_memory = false;

    if (rows->result < 0) {
        api_fault_server(call);
        goto free_rows;
    }
    if (rows->count == 0) {
        job_not_found(call, request->job_id);
        goto free_rows;
    }
    struct job_work *work =
        job_work_new(rows->jobs[0].order_text, call->arena, &error, &no_memory);
    if (work == NULL) {
        api_fault_server(call);
        goto free_rows;
    }
    submit_set_defaults(call->central, work);
    struct job job = {
        .uuid = rows->jobs[0].uuid,
        .state = (uint8_t)rows->jobs[0].state,
        .session_uuid = rows->jobs[0].session_uuid,
        .retry_count = rows->jobs[0].retry_count,
        .work = work,
    };
    struct isc_query_job_response response = {0};
    job_describe(&job, call->arena, &response.job);
    api_answer(call, &response);
    job_work_free(work);

free_rows:
    store_rows_free(rows);
}

void api_query_job(struct api_call *call)
{
    const struct isc_query_job_request *request = call->request;
    struct isc_query_job_response response = {0};
    struct job *job = find(call, request->job_id);
    struct uuid uuid;

    if (job != NULL && job->work != NULL) {
        job_describe(job, call->arena, &response.job);
        api_answer(call, &response);
    } else if (uuid_parse(request->job_id, &uuid)) {
        store_query_job(call->central->store, uuid, call, stored_job_found);
    } else {
        job_not_found(call, request->job_id);
    }
}

/* ---- Cancel ---- */

static void cancelled(void *user)
{
    api_answer(user, NULL);
}

/* A job that is over stays as it is: Cancel asked for its end, and it has
 * ended. */
static void stored_job_is_over(void *user, struct store_rows *rows)
{
    struct api_call *call = user;
    const struct isc_cancel_request *request = call->request;

    if (rows->result < 0)
        api_fault_server(call);
    else if (rows->count == 0)
        job_not_found(call, request->job_id);
    else
        api_answer(call, NULL);
    store_rows_free(rows);
}

void api_cancel_job(struct api_call *call)
{
    const struct isc_cancel_request *request = call->request;
    struct job *job = find(call, request->job_id);
    struct uuid uuid;

    if (job != NULL && job->session != NULL) {
        session_cancel(call->central, job->session);
        session_await_end(job->session, call, cancelled);
    } else if (uuid_parse(request->job_id, &uuid)) {
        store_query_job(call->central->store, uuid, call, stored_job_is_over);
    } else {
        job_not_found(call, request->job_id);
    }
}
