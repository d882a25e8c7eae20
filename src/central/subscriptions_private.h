/* The list of subscriptions, as its own files see it: subscriptions.c,
 * cursors.c, delivery.c, delivery_answer.c, end_notice.c, subscribe.c. */
#ifndef CENTRAL_SUBSCRIPTIONS_PRIVATE_H
#define CENTRAL_SUBSCRIPTIONS_PRIVATE_H

#include "base/map.h"
#include "central/recent.h"
#include "central/signature.h"
#include "central/subscription.h"
#include "central/subscriptions.h"
#include "soap/reader.h"

struct end_notice;

struct subscriptions {
    struct loop *loop;
    struct store *store;
    struct http_client *client;
    struct callback_policy policy;
    uint32_t per_caller_max;
    struct random random;

    struct subscription *first;
    struct map by_id;
    struct subscription_index index;
    uint32_t count;
    uint64_t newest; /* Sequence of the newest committed event */
    struct recent recent;

    struct subscription *dirty; /* whose cursor goes with the next flush */
    struct loop_timer flush;
    struct loop_timer minute; /* cursors of the idle */
    uint32_t commits_waiting;

    /* Reading the store: who asks, who holds rows, who waits for a turn. */
    uint32_t reading_count;
    uint32_t holding_count;
    struct subscription *read_first;
    struct subscription *read_last;
    uint64_t sending_bytes; /* bodies under way: LIMIT_NOTIFICATIONS_BYTES */

    struct end_notice *notices;
    uint32_t notice_count;

    /* Looks for Faults in observers' answers, one at a time. */
    struct soap_reader answer_reader;
    struct arena answer_arena;

    bool stopping;
    void (*stopped)(void *owner);
    void *stopped_owner;
    struct loop_post stopped_post;
};

/* Puts a subscription with the members of `row` into the list; it does nothing
 * before subscription_wake() and subscription_run(). */
struct subscription *subscriptions_add(struct subscriptions *subs,
                                       const struct store_subscription *row);
/* The live subscription of this id, or NULL. */
struct subscription *subscriptions_find(const struct subscriptions *subs,
                                        struct uuid id);
/* How many live ones a caller has. */
uint32_t subscriptions_count_of(const struct subscriptions *subs,
                                struct text caller);
/* Puts the end of a subscription into a batch: its row goes, or stays as what
 * its SubscriptionObserver is to be told. */
void subscriptions_batch_end(struct store_batch *batch,
                             const struct store_subscription *row,
                             enum subscription_end end);
/* Ends it: its row is removed, and its SubscriptionObserver is told.  It may be
 * gone when this returns. */
void subscriptions_remove(struct subscription *subscription,
                          enum subscription_end end);
/* Commits a batch whose failure costs no more than repetition. */
void subscriptions_commit(struct subscriptions *subs,
                          struct store_batch *batch);
/* The row as it is now; borrows from the subscription. */
void subscription_row(const struct subscription *subscription,
                      struct store_subscription *row);
/* Sets when it expires, by the wall clock. */
void subscription_set_expiry(struct subscription *subscription,
                             int64_t expires_us);
/* Sets what signs its notifications; absent texts for nothing. */
void subscription_set_secret(struct subscription *subscription,
                             const struct store_subscription *row);

/* What signs them, until it is set again. */
struct signature_secrets
subscription_secrets(const struct subscription *subscription);

/* cursors.c: the cursor moved: it goes to the store with the next flush. */
void cursors_moved(struct subscriptions *subs,
                   struct subscription *subscription);
/* Starts to store those of the idle from time to time, so that little is read
 * anew after a restart. */
void cursors_start(struct subscriptions *subs);
/* Stores all that moved, at once. */
void cursors_stop(struct subscriptions *subs);
/* It is going: nothing of it is left to be stored. */
void cursors_forget(struct subscriptions *subs,
                    struct subscription *subscription);

/* A subscription has reached CLOSED. */
void subscriptions_closed(struct subscriptions *subs,
                          struct subscription *subscription);
/* Looks whether a stop can end. */
void subscriptions_check_stopped(struct subscriptions *subs);

/* delivery_answer.c: whether an observer took what it was sent: a 2xx without a Fault
 * in its body.  Otherwise `reason` says why not. */
bool delivery_succeeded(struct subscriptions *subs,
                        const struct http_call_result *result, char *reason,
                        size_t reason_bytes);
/* Keeps the reason of a failure for who asks; NULL: only what was dropped. */
void delivery_note_error(struct subscription *subscription,
                         const char *reason);
/* Whether a SOAP answer holds a Fault, whatever its status was. */
bool delivery_has_fault(struct subscriptions *subs, struct text body);

/* end_notice.c: tells the SubscriptionObserver that its subscription ended,
 * again and again for an hour at most.  It lives apart from the subscription,
 * which is gone; its row stays until then, so that a restart goes on. */
void end_notice_start(struct subscriptions *subs,
                      const struct store_subscription *row);
void end_notices_stop(struct subscriptions *subs);

#endif
