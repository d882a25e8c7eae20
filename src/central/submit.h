/* From an Order document to a job that is on disk, and to what the transfer
 * layer needs to run it.
 *
 * Knows: what an order may ask for here, files of keys.
 * Must not know: SOAP messages.
 */
#ifndef CENTRAL_SUBMIT_H
#define CENTRAL_SUBMIT_H

#include "base/text.h"
#include "base/uuid.h"
#include "transfer/node.h"

struct arena;
struct central;
struct job;
struct job_work;

/* What becomes of an order; but for the first, `detail` is for the fault. */
enum submit_result {
    SUBMIT_GOOD,           /* done() follows */
    SUBMIT_FORMAT_INVALID, /* JobFormatInvalid: line, element, what is wrong */
    SUBMIT_CANNOT_RUN,     /* JobSubmissionError: why */
    SUBMIT_NO_MEMORY,      /* Server fault */
};

/* `result` is 0 when the job is on disk and its first session can be seen,
 * else -errno of the store, and there is no job. */
typedef void (*submit_done_fn)(void *user, struct uuid job_uuid, int result);

/* `detail` lies in `arena` or is static. */
enum submit_result submit_order(struct central *central, struct text order_text,
                                struct arena *arena, struct text *detail,
                                void *user, submit_done_fn done);

/* What the order does not say and the configuration does. */
void submit_set_defaults(const struct central *central, struct job_work *work);

/* NULL = the order can be run here and now; else why not. */
const char *submit_refusal(const struct central *central,
                           struct job_work *work);

/* Adds another session of a job whose newest one has failed: with the order's
 * parameters, but the rates that were in force at the end of the last one. */
struct session *submit_add_retry(struct central *central, struct job *job);

/* What transfer_start() needs for the job's session; `params->sources` is to
 * be freed, all else borrows from the job. */
void submit_fill_params(struct central *central, struct job *job,
                        struct transfer_params *params);

#endif
