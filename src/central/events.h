/* What subscribers are told: the notification of a change, written once.
 *
 * Knows: the shapes of NotifyRequest, jobs, sessions.
 * Must not know: who is told, how it is sent.
 *
 * The body of an event is a whole SOAP 1.1 envelope with SUBSCRIPTION_
 * PLACEHOLDER as its SubscriptionID, and shows the job or the session as the
 * change leaves it.
 *
 * Order (contract, section 6), each line one change:
 *     it begins to connect   job Connecting, session Start
 *     it is let in           job Start (the first time)
 *     rate, policy, pause    session Status
 *     it will be tried again session Error, session Stop, job Status
 *     it has ended           [session Error,] session Stop, [job Error,]
 *                            job Stop
 *
 * A job that is given up while it waits to be tried again tells its own end
 * only: its session's was told.
 */
#ifndef CENTRAL_EVENTS_H
#define CENTRAL_EVENTS_H

#include <stdbool.h>

#include "base/text.h"
#include "store/rows.h"

struct change;
struct job;
struct session;

/* Adds a job's event to `change`: STORE_TOPIC_JOB_... */
void events_tell_job(struct change *change, enum store_topic topic,
                     const struct job *job);
/* Adds a session's event, as its latest row has it. */
void events_tell_session(struct change *change, enum store_topic topic,
                         const struct session *session);

/* Whether what will be told of a job and its session stays below
 * LIMIT_EVENT_BYTES; an order that makes it larger is refused. */
bool events_fit(const struct job *job);

/* Appends the body of a Statistics notification, which is no stored event: it
 * carries `sequence`, of the newest stored one, and an id of its own. */
void events_write_statistics(struct text_builder *out,
                             const struct session *session, uint64_t sequence);

#endif
