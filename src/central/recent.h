/* The newest events, in memory, so that subscribers who keep up need no query.
 *
 * Knows: committed events and their bodies.
 * Must not know: who reads them.
 *
 * A ring of RECENT_EVENTS, LIMIT_RECENT_BYTES of bodies at most: the oldest
 * make room.  Who has fallen behind it reads from the store.
 */
#ifndef CENTRAL_RECENT_H
#define CENTRAL_RECENT_H

#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"
#include "store/rows.h"

/* Some seconds of a busy server; at about 3 KB a body, below 1 MiB. */
#define RECENT_EVENTS 256u

/* What a subscription asks for. */
struct event_interest {
    uint32_t topics;          /* STORE_TOPIC_BIT of each */
    enum store_kind kind;     /* which id `subject` is */
    struct uuid subject;      /* zero = all */
};

bool event_interests(const struct event_interest *interest,
                     const struct store_event *event);

struct recent {
    struct store_event events[RECENT_EVENTS]; /* bodies are owned copies */
    uint32_t count;
    uint32_t newest; /* place of the newest, if any */
    uint64_t body_bytes; /* of all of them */
};

/* Copies `event`, whose Sequence is above all before. */
void recent_add(struct recent *recent, const struct store_event *event);
/* True when every event above `sequence` is still in here. */
bool recent_covers(const struct recent *recent, uint64_t sequence);
/* The first event above `sequence` that interests, or NULL. */
const struct store_event *recent_next(const struct recent *recent,
                                      uint64_t sequence,
                                      const struct event_interest *interest);
void recent_free(struct recent *recent);

#endif
