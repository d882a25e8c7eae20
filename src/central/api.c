#include "central/api.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "soap/fault.h"
#include "soap/operations.h"

/* Long enough for a sentence with an element's path and a value cut short. */
#define FAULT_TEXT_BYTES 512

static void not_served_here(struct api_call *call)
{
    api_fault_client(call,
                     "%s is a message to observers: this server sends it, and "
                     "does not take it",
                     soap_operations[call->operation].request->name);
}

static const api_handler_fn handlers[SOAP_OP_COUNT] = {
    [SOAP_OP_LIST_TYPES] = api_list_types,
    [SOAP_OP_SUBMIT] = api_submit,

    [SOAP_OP_LIST_JOBS] = api_list_jobs,
    [SOAP_OP_QUERY_JOB] = api_query_job,
    [SOAP_OP_CANCEL_JOB] = api_cancel_job,
    [SOAP_OP_SUBSCRIBE_JOBS] = api_job_subscribe,
    [SOAP_OP_UPDATE_JOB_SUBSCRIPTION] = api_job_update_subscription,
    [SOAP_OP_UNSUBSCRIBE_JOBS] = api_job_unsubscribe,
    [SOAP_OP_LIST_JOB_SUBSCRIPTIONS] = api_job_list_subscriptions,

    [SOAP_OP_LIST_SESSIONS] = api_list_sessions,
    [SOAP_OP_QUERY_SESSION] = api_query_session,
    [SOAP_OP_SET_RATE_PARAMETERS] = api_set_rate_parameters,
    [SOAP_OP_SET_POLICY] = api_set_policy,
    [SOAP_OP_SET_TARGET_RATE] = api_set_target_rate,
    [SOAP_OP_SET_MINIMUM_RATE] = api_set_minimum_rate,
    [SOAP_OP_SET_BANDWIDTH_CAP] = api_set_bandwidth_cap,
    [SOAP_OP_CANCEL_SESSION] = api_cancel_session,
    [SOAP_OP_SUBSCRIBE_SESSIONS] = api_session_subscribe,
    [SOAP_OP_UPDATE_SESSION_SUBSCRIPTION] = api_session_update_subscription,
    [SOAP_OP_UNSUBSCRIBE_SESSIONS] = api_session_unsubscribe,
    [SOAP_OP_LIST_SESSION_SUBSCRIPTIONS] = api_session_list_subscriptions,

    [SOAP_OP_GET_SESSIONS] = api_query,
    [SOAP_OP_GET_SESSION_INFO] = api_query,
    [SOAP_OP_GET_SESSION_STATISTICS] = api_query,
    [SOAP_OP_GET_FILE_TRANSFERS] = api_query,
    [SOAP_OP_GET_FILE_TRANSFER_INFO] = api_query,
    [SOAP_OP_GET_FILE_TRANSFER_STATISTICS] = api_query,
    [SOAP_OP_GET_INFO] = api_query,
    [SOAP_OP_GET_STATISTICS] = api_query,

    [SOAP_OP_GET_EVENTS] = api_get_events,
    [SOAP_OP_QUERY_DELIVERY] = api_query_delivery,
    [SOAP_OP_REDELIVER] = api_redeliver,
    [SOAP_OP_SET_SECRET] = api_set_secret,

    [SOAP_OP_NOTIFY_JOB] = not_served_here,
    [SOAP_OP_NOTIFY_JOB_END] = not_served_here,
    [SOAP_OP_NOTIFY_SESSION] = not_served_here,
    [SOAP_OP_NOTIFY_SESSION_END] = not_served_here,
};

api_handler_fn api_handler(enum soap_operation operation)
{
    CHECK(operation < SOAP_OP_COUNT);
    CHECK(handlers[operation] != NULL);
    return handlers[operation];
}

void api_fault_client(struct api_call *call, const char *format, ...)
{
    char text[FAULT_TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    struct soap_fault fault = {
        .code = SOAP_FAULT_CLIENT,
        .text = text_of(text),
    };
    api_fault(call, &fault);
}

void api_fault_not_built(struct api_call *call, const char *what)
{
    api_fault_client(call, "%s is not built yet", what);
}

void api_fault_typed(struct api_call *call, enum soap_detail detail,
                     struct text value)
{
    struct soap_fault fault = soap_fault_typed(detail, value);

    api_fault(call, &fault);
}

bool api_may_use(const struct api_call *call, const char *owner)
{
    return text_is_absent(call->user) ||
           (owner != NULL && text_is(call->user, owner));
}

void api_fault_server(struct api_call *call)
{
    struct soap_fault fault = {
        .code = SOAP_FAULT_SERVER,
        .text = text_of("The server could not do this; its log says why. "
                        "Nothing was changed."),
    };

    api_fault(call, &fault);
}
