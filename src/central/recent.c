#include "central/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

bool event_interests(const struct event_interest *interest,
                     const struct store_event *event)
{
    if ((interest->topics & STORE_TOPIC_BIT(event->topic)) == 0)
        return false;
    if (uuid_is_zero(interest->subject))
        return true;
    return uuid_equal(interest->subject, interest->kind == STORE_KIND_JOB
                                             ? event->job_uuid
                                             : event->session_uuid);
}

static void free_body(struct store_event *event)
{
    free((void *)(uintptr_t)event->body.data);
    event->body = TEXT_ABSENT;
}

/* Empties the ring: with a gap in it, it would hide an event. */
static void clear(struct recent *recent)
{
    for (uint32_t i = 0; i < recent->count; i++)
        free_body(&recent->events[(recent->newest + RECENT_EVENTS - i) %
                                  RECENT_EVENTS]);
    recent->count = 0;
}

void recent_add(struct recent *recent, const struct store_event *event)
{
    uint32_t place = (recent->newest + 1) % RECENT_EVENTS;
    struct store_event *kept = &recent->events[place];
    char *body = malloc((size_t)event->body.size_bytes + 1);

    if (recent->count > 0)
        CHECK(event->sequence > recent->events[recent->newest].sequence);
    if (body == NULL) {
        clear(recent); /* its readers find it in the store */
        return;
    }
    if (event->body.size_bytes > 0)
        memcpy(body, event->body.data, event->body.size_bytes);
    body[event->body.size_bytes] = '\0';

    if (recent->count == RECENT_EVENTS)
        free_body(kept);
    else
        recent->count++;
    *kept = *event;
    kept->body = text_from(body, event->body.size_bytes);
    recent->newest = place;
}

static const struct store_event *at_age(const struct recent *recent,
                                        uint32_t age)
{
    return &recent->events[(recent->newest + RECENT_EVENTS - age) %
                           RECENT_EVENTS];
}

bool recent_covers(const struct recent *recent, uint64_t sequence)
{
    return recent->count > 0 &&
           at_age(recent, recent->count - 1)->sequence <= sequence + 1;
}

const struct store_event *recent_next(const struct recent *recent,
                                      uint64_t sequence,
                                      const struct event_interest *interest)
{
    const struct store_event *found = NULL;

    /* From the newest back: who keeps up has few to look at. */
    for (uint32_t age = 0; age < recent->count; age++) {
        const struct store_event *event = at_age(recent, age);
        if (event->sequence <= sequence)
            break;
        if (event_interests(interest, event))
            found = event;
    }
    return found;
}

void recent_free(struct recent *recent)
{
    clear(recent);
}
