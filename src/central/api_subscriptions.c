/* The subscriptions of jobs and of sessions: from the structs of each service
 * to what both have in common, and back. */
#include "base/arena.h"
#include "base/clock.h"
#include "central/api.h"
#include "central/context.h"
#include "central/subscribe.h"
#include "central/subscriptions_private.h"

/* ---- answering ---- */

/* One SubscriptionResource, in the words of neither service yet. */
struct resource {
    struct text id;
    struct subscribe_endpoint observer;
    struct text *topics;
    uint32_t topic_count;
    uint32_t time_remaining_s;
};

static struct resource describe(struct api_call *call,
                                const struct store_subscription *row)
{
    char id[UUID_TEXT_BYTES + 1];
    int64_t left_us = row->expires_us - clock_wall_us();
    struct resource resource = {
        .observer = {row->observer_url, row->observer_action},
        /* Rounded up: what was just granted reads as granted. */
        .time_remaining_s =
            left_us > 0 ? (uint32_t)((left_us + 999999) / 1000000) : 0,
    };

    uuid_format(row->uuid, id);
    resource.id = text_copy(call->arena, text_of(id));
    resource.topics = arena_take_zeroed(call->arena, STORE_TOPIC_COUNT,
                                        sizeof *resource.topics);
    if (resource.topics != NULL)
        resource.topic_count =
            subscription_topic_names(row->topics, resource.topics);
    return resource;
}

static struct isc_subscription_resource to_isc(const struct resource *from)
{
    return (struct isc_subscription_resource){
        .id = from->id,
        .observer = {.address = from->observer.address,
                     .action = from->observer.action},
        .topics = {.topic = from->topics, .topic_count = from->topic_count},
        .time_remaining = from->time_remaining_s,
    };
}

static struct f06_subscription_resource to_f06(const struct resource *from)
{
    return (struct f06_subscription_resource){
        .id = from->id,
        .observer = {.address = from->observer.address,
                     .action = from->observer.action},
        .topics = {.topic = from->topics, .topic_count = from->topic_count},
        .time_remaining = from->time_remaining_s,
    };
}

/* The responses of all three operations have the same one child. */
void answer_subscription(struct api_call *call,
                         const struct store_subscription *row)
{
    struct resource resource = describe(call, row);

    if (row->kind == STORE_KIND_JOB) {
        struct isc_subscribe_response response = {to_isc(&resource)};
        api_answer(call, &response);
    } else {
        struct f06_subscribe_response response = {to_f06(&resource)};
        api_answer(call, &response);
    }
}

/* ---- Subscribe ---- */

void api_job_subscribe(struct api_call *call)
{
    const struct isc_subscribe_request *request = call->request;
    const struct isc_endpoint_reference *ender = request->subscription_observer;
    struct subscribe_request in = {
        .kind = STORE_KIND_JOB,
        .subject = request->job_id,
        .observer = {request->job_observer.address,
                     request->job_observer.action},
        .topics = request->topics.topic,
        .topic_count = request->topics.topic_count,
        .has_duration = request->has_duration,
        .duration_s = request->duration,
    };

    if (ender != NULL)
        in.ender = (struct subscribe_endpoint){ender->address, ender->action};
    subscribe(call, &in);
}

void api_session_subscribe(struct api_call *call)
{
    const struct f06_subscribe_request *request = call->request;
    const struct f06_endpoint_reference *ender = request->subscription_observer;
    struct subscribe_request in = {
        .kind = STORE_KIND_SESSION,
        .subject = request->session_id,
        .observer = {request->session_observer.address,
                     request->session_observer.action},
        .topics = request->topics.topic,
        .topic_count = request->topics.topic_count,
        .has_duration = request->has_duration,
        .duration_s = request->duration,
    };

    if (ender != NULL)
        in.ender = (struct subscribe_endpoint){ender->address, ender->action};
    subscribe(call, &in);
}

/* ---- UpdateSubscription, Unsubscribe ---- */

void api_job_update_subscription(struct api_call *call)
{
    const struct isc_update_subscription_request *request = call->request;
    struct subscribe_change in = {
        .kind = STORE_KIND_JOB,
        .id = request->subscription_id,
        .has_duration = request->has_duration,
        .duration_s = request->duration,
    };

    if (request->topics != NULL) {
        in.topics = request->topics->topic;
        in.topic_count = request->topics->topic_count;
    }
    subscribe_update(call, &in);
}

void api_session_update_subscription(struct api_call *call)
{
    const struct f06_update_subscription_request *request = call->request;
    struct subscribe_change in = {
        .kind = STORE_KIND_SESSION,
        .id = request->subscription_id,
        .has_duration = request->has_duration,
        .duration_s = request->duration,
    };

    if (request->topics != NULL) {
        in.topics = request->topics->topic;
        in.topic_count = request->topics->topic_count;
    }
    subscribe_update(call, &in);
}

void api_job_unsubscribe(struct api_call *call)
{
    const struct isc_unsubscribe_request *request = call->request;
    struct subscribe_change in = {
        .kind = STORE_KIND_JOB,
        .id = request->subscription_id,
    };

    if (request->topics != NULL) {
        in.topics = request->topics->topic;
        in.topic_count = request->topics->topic_count;
    }
    subscribe_end(call, &in);
}

void api_session_unsubscribe(struct api_call *call)
{
    const struct f06_unsubscribe_request *request = call->request;
    struct subscribe_change in = {
        .kind = STORE_KIND_SESSION,
        .id = request->subscription_id,
    };

    if (request->topics != NULL) {
        in.topics = request->topics->topic;
        in.topic_count = request->topics->topic_count;
    }
    subscribe_end(call, &in);
}

/* ---- ListSubscriptions ---- */

/* The resources of all live subscriptions of `kind`; `*count` of them.  NULL
 * when the arena is used up. */
static struct resource *list(struct api_call *call, enum store_kind kind,
                             uint32_t *count)
{
    struct subscriptions *subs = call->central->subscriptions;
    struct resource *all =
        arena_take_zeroed(call->arena, (size_t)subs->count + 1, sizeof *all);

    *count = 0;
    for (struct subscription *each = subs->first; each && all;
         each = each->next) {
        struct store_subscription row;
        if (each->interest.kind != kind ||
            each->state >= SUBSCRIPTION_CLOSING ||
            !api_may_use(call, each->owner_name))
            continue;
        subscription_row(each, &row);
        all[(*count)++] = describe(call, &row);
    }
    return all;
}

void api_job_list_subscriptions(struct api_call *call)
{
    struct isc_list_subscriptions_response response = {0};
    uint32_t count;
    struct resource *all = list(call, STORE_KIND_JOB, &count);

    response.subscription_resource = arena_take_zeroed(
        call->arena, (size_t)count + 1, sizeof *response.subscription_resource);
    if (all == NULL || response.subscription_resource == NULL) {
        api_fault_server(call);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        response.subscription_resource[i] = to_isc(&all[i]);
    response.subscription_resource_count = count;
    api_answer(call, &response);
}

void api_session_list_subscriptions(struct api_call *call)
{
    struct f06_list_subscriptions_response response = {0};
    uint32_t count;
    struct resource *all = list(call, STORE_KIND_SESSION, &count);

    response.subscription_resource = arena_take_zeroed(
        call->arena, (size_t)count + 1, sizeof *response.subscription_resource);
    if (all == NULL || response.subscription_resource == NULL) {
        api_fault_server(call);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        response.subscription_resource[i] = to_f06(&all[i]);
    response.subscription_resource_count = count;
    api_answer(call, &response);
}
