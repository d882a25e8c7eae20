/* What happens to jobs, and to the sessions that remote nodes start: each
 * function is one step of a life, with its events (events.h).
 *
 * Knows: jobs, sessions, the transfer layer.
 * Must not know: SOAP messages, who is told.
 */
#ifndef CENTRAL_JOB_STEPS_H
#define CENTRAL_JOB_STEPS_H

#include "transfer/node.h"

struct central;
struct job;
struct session;

/* Starts what may start. */
void jobs_run(struct central *central);
/* Ends a session, and with it its job, also one that waits to retry; one that
 * runs is asked to, and its end follows.  See session_await_end(). */
void session_cancel(struct central *central, struct session *session);

/* A job's session was let in. */
void job_let_in(struct central *central, struct job *job);
/* A remote node's session was let in. */
void session_opened(struct central *central, struct transfer_session *transfer);
/* Rates, policy, pause or resume. */
void session_changed(struct central *central, struct session *session);
/* It has ended as the transfer says; the transfer is gone after this. */
void session_ended(struct central *central, struct session *session);

/* After the start: ends what was running when the server went down, and goes on
 * with the jobs: at once, or when they are due. */
void jobs_recover(struct central *central);
/* No job starts any more; those that wait stay as they are. */
void jobs_stop(struct central *central);

#endif
