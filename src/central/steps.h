/* One step in the life of a session and of its job: what is written, what is
 * told, and what is shown once it is durable.
 *
 * Knows: sessions, jobs, changes.
 * Must not know: why a step is taken.
 *
 *     step = step_begin(...), set the new state, events_tell_...(step->change)
 *     step_commit(step, ...)   ->  shown, waiters told, the next job started
 */
#ifndef CENTRAL_STEPS_H
#define CENTRAL_STEPS_H

#include "central/changes.h"

struct central;
struct job;
struct session;
struct session_row;

struct step {
    struct change *change;
    struct central *central;
    struct session *session;
    struct job *job; /* of the session; NULL = none */
    struct session_row *row;
    enum store_job_state job_state;
    void *user;
    change_done_fn done; /* after all is shown; NULL = nobody asks */
};

struct step *step_begin(struct central *central, struct session *session);
/* Commits the latest rows of the session and of its job with the events told;
 * `order_text` goes with the job's first row, else it is absent. */
void step_commit(struct step *step, enum change_need need,
                 struct text order_text, void *user, change_done_fn done);

#endif
