/* JobNET-200601: ListTypes, Submit. */
#include "central/api.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "central/context.h"
#include "central/describe.h"
#include "central/submit.h"

/* The one type there is (contract, section 4). */
#define JOB_TYPE "Aspera.IScpTransfer"

void api_list_types(struct api_call *call)
{
    struct text type = text_of(JOB_TYPE);
    struct job_list_types_response response = {&type, 1};

    api_answer(call, &response);
}

static void submitted(void *user, struct uuid job_uuid, int result)
{
    struct api_call *call = user;

    if (result < 0) {
        if (result == -ENOSPC)
            api_fault_typed(call, SOAP_DETAIL_JOB_SUBMISSION_ERROR,
                            text_of("there is no room left on the server's "
                                    "disk"));
        else
            api_fault_server(call);
        return;
    }
    struct job_submit_response response = {
        .job_result = {text_of(JOB_TYPE), describe_uuid(call->arena, job_uuid)},
    };
    api_answer(call, &response);
}

/* The log shows which element was refused, not what the client wrote there. */
static void log_refusal(struct text detail)
{
    char reason[256];
    const char *value = memchr(detail.data, '=', detail.size_bytes);

    if (value != NULL)
        detail.size_bytes = (uint32_t)(value - detail.data);
    if (text_to_string(detail, reason, sizeof reason))
        LOG(job_refused, reason);
}

void api_submit(struct api_call *call)
{
    const struct job_submit_request *request = call->request;
    struct text detail = TEXT_ABSENT;

    if (!text_is(request->type, JOB_TYPE)) {
        api_fault_typed(call, SOAP_DETAIL_JOB_TYPE_NOT_FOUND, request->type);
        return;
    }
    enum submit_result result =
        submit_order(call->central, request->definition, call->arena, &detail,
                     call, submitted);
    switch (result) {
    case SUBMIT_GOOD:
        return; /* submitted() follows */
    case SUBMIT_FORMAT_INVALID:
        log_refusal(text_of("the order cannot be read"));
        api_fault_typed(call, SOAP_DETAIL_JOB_FORMAT_INVALID, detail);
        return;
    case SUBMIT_CANNOT_RUN:
        log_refusal(detail);
        api_fault_typed(call, SOAP_DETAIL_JOB_SUBMISSION_ERROR, detail);
        return;
    case SUBMIT_NO_MEMORY:
        api_fault_server(call);
        return;
    }
}
