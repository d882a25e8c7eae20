#include "central/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"

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

static void drop_oldest(struct recent *recent)
{
    struct store_event *oldest =
        &recent->events[(recent->newest + RECENT_EVENTS - (recent->count - 1)) %
                        RECENT_EVENTS];

    recent->body_bytes -= oldest->body.size_bytes;
    free((void *)(uintptr_t)oldest->body.data);
    oldest->body = TEXT_ABSENT;
    recent->count--;
}

/* Empties the ring: with a gap in it, it would hide an event. */
static void clear(struct recent *recent)
{
    while (recent->count > 0)
        drop_oldest(recent);
}

void recent_add(struct recent *recent, const struct store_event *event)
{
    uint32_t size_bytes = event->body.size_bytes;
    char *body;

    if (recent->count > 0)
        CHECK(event->sequence > recent->events[recent->newest].sequence);
    while (recent->count == RECENT_EVENTS ||
           (recent->count > 0 &&
            recent->body_bytes + size_bytes > LIMIT_RECENT_BYTES))
        drop_oldest(recent);
    body = size_bytes <= LIMIT_RECENT_BYTES ? malloc((size_t)size_bytes + 1)
                                            : NULL;
    if (body == NULL) {
        clear(recent); /* its readers find it in the store */
        return;
    }
    if (size_bytes > 0)
        memcpy(body, event->body.data, size_bytes);
    body[size_bytes] = '\0';

    recent->newest = (recent->newest + 1) % RECENT_EVENTS;
    recent->count++;
    recent->body_bytes += size_bytes;
    recent->events[recent->newest] = *event;
    recent->events[recent->newest].body = text_from(body, size_bytes);
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
