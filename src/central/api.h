/* The operations: one handler for each, found by the request's element.
 *
 * Knows: request and response structs (soap/), the service's parts.
 * Must not know: HTTP, XML, sockets: service.c reads the request into its
 * struct and writes the answer.
 *
 * A handler ends a call exactly once, now or from a later callback, with
 * api_answer() or one of the faults; the call and its arena are gone then.
 * What must be on disk before the client may know of it is committed first.
 * Should the client leave meanwhile, the call stays valid, and its answer goes
 * nowhere.
 *
 * Which failure becomes which fault:
 *     request does not fit its type       Client, by soap/ before the handler
 *     value out of range, unknown topic   Client naming it: api_fault_client()
 *     not built yet                       Client: api_fault_not_built()
 *     unknown id                          typed fault of its namespace
 *     order unreadable / cannot be run    JobFormatInvalid / JobSubmissionError
 *     store or memory failed              Server: api_fault_server()
 */
#ifndef CENTRAL_API_H
#define CENTRAL_API_H

#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "soap/fault.h"
#include "soap/operations.h"

struct arena;
struct central;

struct api_call {
    struct central *central;
    /* Memory of this request; what the response points to may live here. */
    struct arena *arena;
    enum soap_operation operation;
    const void *request; /* the operation's request struct, in `arena` */
    struct address peer;
    struct text user; /* who logged in; absent where nobody has to */
};

typedef void (*api_handler_fn)(struct api_call *call);

/* Ends the call with the operation's response struct; borrowed. */
void api_answer(struct api_call *call, const void *response);
/* Ends the call with a fault; borrowed. */
void api_fault(struct api_call *call, const struct soap_fault *fault);
/* Ends the call with a Client fault (Sender in SOAP 1.2) of this text. */
void api_fault_client(struct api_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends the call with the typed fault `detail`; `value` is borrowed. */
void api_fault_typed(struct api_call *call, enum soap_detail detail,
                     struct text value);
/* "... is not built yet": `what` names the operation or the value. */
void api_fault_not_built(struct api_call *call, const char *what);
/* Ends the call with a Server (Receiver) fault that shows nothing inside. */
void api_fault_server(struct api_call *call);

/* Whether the caller may use what belongs to `owner` (NULL or empty: to
 * nobody).  Where nobody logs in, everybody may use everything. */
bool api_may_use(const struct api_call *call, const char *owner);

/* The handler of an operation; never NULL (those that are not there answer
 * that they are not built yet). */
api_handler_fn api_handler(enum soap_operation operation);

/* api_job.c: JobNET-200601 */
void api_list_types(struct api_call *call);
void api_submit(struct api_call *call);

/* api_iscp.c: IScpTransferNET-200604 */
void api_list_jobs(struct api_call *call);
void api_query_job(struct api_call *call);
void api_cancel_job(struct api_call *call);

/* api_session.c: FASPSessionNET-200601 */
void api_list_sessions(struct api_call *call);
void api_query_session(struct api_call *call);
void api_set_rate_parameters(struct api_call *call);
void api_set_policy(struct api_call *call);
void api_set_target_rate(struct api_call *call);
void api_set_minimum_rate(struct api_call *call);
void api_set_bandwidth_cap(struct api_call *call);
void api_cancel_session(struct api_call *call);

/* api_query.c: FASPSessionNET-200911; all eight by one handler */
void api_query(struct api_call *call);

/* api_subscriptions.c: both services; the operation says which */
void api_job_subscribe(struct api_call *call);
void api_job_update_subscription(struct api_call *call);
void api_job_unsubscribe(struct api_call *call);
void api_job_list_subscriptions(struct api_call *call);
void api_session_subscribe(struct api_call *call);
void api_session_update_subscription(struct api_call *call);
void api_session_unsubscribe(struct api_call *call);
void api_session_list_subscriptions(struct api_call *call);

/* api_event.c, api_delivery.c: EventNET-202611 */
void api_get_events(struct api_call *call);
void api_query_delivery(struct api_call *call);
void api_redeliver(struct api_call *call);
void api_set_secret(struct api_call *call);

#endif
