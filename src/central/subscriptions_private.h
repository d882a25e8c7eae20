/* The list of subscriptions, as its own files see it: subscriptions.c,
 * delivery.c, end_notice.c. */
#ifndef CENTRAL_SUBSCRIPTIONS_PRIVATE_H
#define CENTRAL_SUBSCRIPTIONS_PRIVATE_H

#include "base/map.h"
#include "central/recent.h"
#include "central/subscription.h"
#include "central/subscriptions.h"
#include "soap/reader.h"

struct end_notice;

struct subscriptions {
    struct loop *loop;
    struct store *store;
    struct http_client *client;
    struct callback_policy policy;
    struct random random;

    struct subscription *first;
    struct map by_id;
    uint32_t count;
    uint64_t newest;        /* Sequence of the newest committed event */
    struct recent recent;

    struct loop_timer flush; /* of cursors */
    uint32_t commits_waiting;

    struct end_notice *notices;

    /* Looks for Faults in observers' answers, one at a time. */
    struct soap_reader answer_reader;
    struct arena answer_arena;

    bool stopping;
    void (*stopped)(void *owner);
    void *stopped_owner;
    struct loop_post stopped_post;
};

/* Puts a subscription with the members of `row` into the list; it does nothing
 * before subscription_run(). */
struct subscription *subscriptions_add(struct subscriptions *subs,
                                       const struct store_subscription *row);
/* The live subscription of this id, or NULL. */
struct subscription *subscriptions_find(const struct subscriptions *subs,
                                        struct uuid id);
/* Ends it: its row is removed, and its SubscriptionObserver is told.  It may be
 * gone when this returns. */
void subscriptions_remove(struct subscription *subscription,
                          enum subscription_end end);
/* The row as it is now; borrows from the subscription. */
void subscription_row(const struct subscription *subscription,
                      struct store_subscription *row);
/* Sets when it expires, by the wall clock. */
void subscription_set_expiry(struct subscription *subscription,
                             int64_t expires_us);

/* The cursor moved: it goes to the store with the next flush. */
void subscriptions_cursor_moved(struct subscriptions *subs,
                                struct subscription *subscription);
/* A subscription has reached CLOSED. */
void subscriptions_closed(struct subscriptions *subs,
                          struct subscription *subscription);
/* Looks whether a stop can end. */
void subscriptions_check_stopped(struct subscriptions *subs);

/* delivery.c: whether an observer took what it was sent: a 2xx without a Fault
 * in its body.  Otherwise `reason` says why not. */
bool delivery_succeeded(struct subscriptions *subs,
                        const struct http_call_result *result, char *reason,
                        size_t reason_bytes);
/* Whether a SOAP answer holds a Fault, whatever its status was. */
bool delivery_has_fault(struct subscriptions *subs, struct text body);

/* end_notice.c: tells the SubscriptionObserver that its subscription ended,
 * again and again for an hour at most.  It lives apart from the subscription,
 * which is gone, and is given up when the server stops. */
void end_notice_start(struct subscriptions *subs,
                      const struct subscription *subscription);
void end_notices_stop(struct subscriptions *subs);

#endif
