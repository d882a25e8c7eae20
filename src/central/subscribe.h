/* What Subscribe, UpdateSubscription and Unsubscribe do, for both services,
 * which say the same with types of their own.
 *
 * Knows: calls, topics, endpoints, rows.
 * Must not know: the services' structs (api_subscriptions.c), delivery.
 *
 * Each ends the call: with a fault, or, once the change is durable, through
 * answer_subscription().
 */
#ifndef CENTRAL_SUBSCRIBE_H
#define CENTRAL_SUBSCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "store/rows.h"

struct api_call;
struct subscription;

struct subscribe_endpoint {
    struct text address;
    struct text action;
};

struct subscribe_request {
    enum store_kind kind;
    struct text subject;
    struct subscribe_endpoint observer;
    struct subscribe_endpoint ender; /* address absent: none */
    const struct text *topics;
    uint32_t topic_count;
    bool has_duration;
    uint32_t duration_s;
};

/* UpdateSubscription, Unsubscribe. */
struct subscribe_change {
    enum store_kind kind;
    struct text id;
    const struct text *topics;
    uint32_t topic_count;
    bool has_duration;
    uint32_t duration_s;
};

void subscribe(struct api_call *call, const struct subscribe_request *in);
void subscribe_update(struct api_call *call,
                      const struct subscribe_change *in);
void subscribe_end(struct api_call *call, const struct subscribe_change *in);

/* The live subscription of this id that the caller may see, or NULL. */
struct subscription *subscribe_find(struct api_call *call, struct text id);

/* api_subscriptions.c: answers with the SubscriptionResource of `row`. */
void answer_subscription(struct api_call *call,
                         const struct store_subscription *row);

#endif
