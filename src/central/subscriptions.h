/* Who wants to be told of what, and how far each of them is.
 *
 * Knows: subscriptions, their cursors, the store's rows, the loop's timers.
 * Must not know: jobs and sessions (an event names them by id), SOAP requests
 * (api_subscriptions.c), how a notification is sent (delivery.c).
 * The single subscription is in subscription.h.
 *
 * A subscription is a cursor over the events of the store: everything up to
 * `cursor` is acknowledged.  There is no queue for each subscriber: what waits
 * is on disk, and delivery reads on from the cursor, one event at a time.
 *
 * The caller reports each event once, in the order of Sequence, when it is
 * committed.  Statistics are no events: they are handed over as they are, sent
 * only to a subscriber that has nothing older waiting, and never retried.
 */
#ifndef CENTRAL_SUBSCRIPTIONS_H
#define CENTRAL_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"
#include "central/callback_policy.h"

struct loop;
struct http_client;
struct store;
struct store_event;
struct store_subscription;
struct subscriptions;

struct subscriptions_config {
    struct loop *loop;
    struct store *store;
    struct http_client *client;
    struct callback_policy policy; /* what it points to stays */
    uint32_t per_caller_max; /* 0 = LIMIT_SUBSCRIPTIONS_PER_CALLER */
};

/* Starts empty; then subscriptions_restore() for each stored row, then
 * subscriptions_start() with the highest sequence in the store. */
struct subscriptions *
subscriptions_open(const struct subscriptions_config *config);
/* Takes the lists and `proves` of `policy`, whose lists stay from now on;
 * whoever is a subscriber already is judged by them at the next delivery. */
void subscriptions_set_callbacks(struct subscriptions *subs,
                                 const struct callback_policy *policy);
void subscriptions_restore(struct subscriptions *subs,
                           const struct store_subscription *row);
void subscriptions_start(struct subscriptions *subs, uint64_t last_sequence);

/* An event is committed.  `event` is borrowed for the call; its body is the
 * whole notification with SUBSCRIPTION_PLACEHOLDER as SubscriptionID. */
#define SUBSCRIPTION_PLACEHOLDER "00000000-0000-0000-0000-000000000000"
void subscriptions_event(struct subscriptions *subs,
                         const struct store_event *event);

/* Whether anybody wants the Statistics of this session. */
bool subscriptions_wants_statistics(const struct subscriptions *subs,
                                    struct uuid session_id);
/* `body` is a whole notification, as above; copied. */
void subscriptions_statistics(struct subscriptions *subs,
                              struct uuid session_id, struct text body);

/* The lowest cursor of all live subscriptions: events up to it are
 * acknowledged by everybody.  UINT64_MAX when nobody waits for anything. */
uint64_t subscriptions_cursor_min(const struct subscriptions *subs);

/* Events up to `sequence` were dropped: shows it with those that had not taken
 * them. */
void subscriptions_dropped(struct subscriptions *subs, uint64_t sequence);

/* Stops deliveries and stores the cursors; `stopped` comes from the loop when
 * nothing is in flight any more and the memory is gone. */
void subscriptions_stop(struct subscriptions *subs,
                        void (*stopped)(void *owner), void *owner);

#endif
