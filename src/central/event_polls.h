/* Clients that wait for events by themselves: GetEvents, a long poll.
 *
 * Knows: calls, filters, the store's events.
 * Must not know: subscriptions; a poll has none.
 *
 *     QUERYING --> answered, when there are events or no time is left
 *       |  ^
 *       v  | an event that fits is committed
 *     WAITING --> QUERYING, for the last time, when the time is over
 *
 * An event that is committed while the store is asked makes it be asked again:
 * none falls between the two.
 */
#ifndef CENTRAL_EVENT_POLLS_H
#define CENTRAL_EVENT_POLLS_H

#include <stdbool.h>
#include <stdint.h>

#include "soap/reader.h"

struct central;
struct event_poll;
struct store_event;

struct event_polls {
    struct central *central;
    struct event_poll *first; /* all, in no order */
    uint32_t count;
    struct soap_reader reader; /* of stored notifications */
    bool stopping;
};

/* Aborts when memory is used up: it is the start. */
void event_polls_open(struct event_polls *polls, struct central *central);
/* An event is committed. */
void event_polls_told(struct event_polls *polls,
                      const struct store_event *event);
/* Answers all of them now. */
void event_polls_stop(struct event_polls *polls);
void event_polls_close(struct event_polls *polls);

#endif
