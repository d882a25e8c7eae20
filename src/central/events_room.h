/* How many events are kept, and what happens when they are too many.
 *
 * Knows: the configured limit, Sequences, purges.
 * Must not know: jobs.
 *
 * An event is kept for a week, and until every live subscription has taken it;
 * an observer that takes nothing keeps them for as long as its subscription
 * lives.  Where a limit is configured and reached, one of two things happens,
 * as the original's event_buffer_overrun says:
 *     block   new jobs are refused until subscribers have caught up
 *     drop    the oldest go, taken or not; each time the log says how many,
 *             FirstSequence shows it, and QueryDelivery of those concerned
 */
#ifndef CENTRAL_EVENTS_ROOM_H
#define CENTRAL_EVENTS_ROOM_H

#include <stdbool.h>

struct central;

/* Learns what is kept: at the start, and after each purge. */
void events_room_learn(struct central *central);
/* Whether a new job would tell more events than may be kept. */
bool events_room_is_used(const struct central *central);
/* Drops what is too much, if that is the way: each second. */
void events_room_look(struct central *central);

#endif
