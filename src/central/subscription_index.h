/* Which subscriptions an event may concern, without a look at all of them.
 *
 * Knows: topics and subjects.
 * Must not know: what is done for those that are found.
 *
 * Who asked for all subjects is in one list a topic; who asked for one job or
 * session is found by its id.
 */
#ifndef CENTRAL_SUBSCRIPTION_INDEX_H
#define CENTRAL_SUBSCRIPTION_INDEX_H

#include "base/map.h"
#include "store/rows.h"

struct subscription;

/* Zero-initialise it. */
struct subscription_index {
    struct subscription *of_topic[STORE_TOPIC_COUNT];
    struct map of_subject; /* first of those with one subject */
};

/* A place in one list. */
struct subscription_link {
    struct subscription *next;
    struct subscription *previous;
};

/* To be taken out before its interest changes, and put in again. */
void subscription_index_add(struct subscription_index *index,
                            struct subscription *subscription);
void subscription_index_remove(struct subscription_index *index,
                               struct subscription *subscription);

/* Calls `found` for each that `event` interests, until it returns false.  It
 * may remove the one that it is called with, and no other. */
typedef bool (*subscription_found_fn)(void *user,
                                      struct subscription *subscription);
void subscription_index_each(const struct subscription_index *index,
                             const struct store_event *event,
                             subscription_found_fn found, void *user);

void subscription_index_free(struct subscription_index *index);

#endif
