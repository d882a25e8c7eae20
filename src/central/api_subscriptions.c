#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/api.h"
#include "central/context.h"
#include "central/subscriptions_private.h"
#include "soap/fault.h"

/* Both services say the same with types of their own: here is what they say. */
struct endpoint {
    struct text address;
    struct text action;
};

struct subscribe {
    enum store_kind kind;
    struct text subject;
    struct endpoint observer;
    struct endpoint ender; /* address absent: none */
    const struct text *topics;
    uint32_t topic_count;
    bool has_duration;
    uint32_t duration_s;
};

/* A change that waits for its commit. */
struct pending {
    struct api_call *call;
    struct store_subscription row; /* texts in the call's arena */
    bool ends;
};

/* ---- reading ---- */

/* Returns false after it has answered with a fault. */
static bool read_topics(struct api_call *call, enum store_kind kind,
                        const struct text *words, uint32_t count,
                        uint32_t *topics)
{
    *topics = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (text_is(words[i], "*")) {
            *topics |= subscription_topics_default(kind);
            continue;
        }
        enum store_topic topic = subscription_topic(kind, words[i]);
        if (topic == STORE_TOPIC_COUNT) {
            api_fault_client(
                call, "Topic: expected %s, found '%.*s'",
                kind == STORE_KIND_JOB
                    ? "Connecting, Start, Stop, Status or Error"
                    : "Start, Stop, Status, Error or Statistics",
                (int)(words[i].size_bytes < 64 ? words[i].size_bytes : 64),
                words[i].data);
            return false;
        }
        *topics |= STORE_TOPIC_BIT(topic);
    }
    return true;
}

static bool check_endpoint(struct api_call *call, const char *name,
                           const struct endpoint *endpoint)
{
    struct subscriptions *subs = call->central->subscriptions;
    struct address address;
    struct http_url url;

    enum http_url_result result = http_url_parse(endpoint->address, &url);
    if (result != HTTP_URL_GOOD) {
        api_fault_client(call,
                         "%s/Address: expected an http address: %s", name,
                         http_url_result_text(result));
        return false;
    }
    if (url.is_https) {
        api_fault_not_built(call, "an observer with an https address");
        return false;
    }
    if (address_parse_ip(url.host, url.port, &address)) {
        const char *why = callback_refused(&subs->policy, &address);
        if (why != NULL) {
            api_fault_client(call, "%s/Address: refused: %s", name, why);
            return false;
        }
    }
    if (endpoint->action.size_bytes > LIMIT_CALLBACK_URL_BYTES) {
        api_fault_client(call, "%s/Action: longer than %u bytes", name,
                         LIMIT_CALLBACK_URL_BYTES);
        return false;
    }
    for (uint32_t i = 0; i < endpoint->action.size_bytes; i++) {
        unsigned char c = (unsigned char)endpoint->action.data[i];
        if (c < 0x20 || c >= 0x7f || c == '"') {
            api_fault_client(call, "%s/Action: expected printable ASCII",
                             name);
            return false;
        }
    }
    return true;
}

/* "0" is all of them. */
static bool read_subject(struct api_call *call, const struct subscribe *in,
                         struct uuid *subject)
{
    bool is_job = in->kind == STORE_KIND_JOB;

    *subject = (struct uuid){{0}};
    if (text_is(in->subject, "0"))
        return true;
    if (uuid_parse(in->subject, subject) &&
        (is_job ? jobs_find(&call->central->jobs, *subject) != NULL
                : sessions_find(&call->central->sessions, *subject) != NULL))
        return true;

    struct soap_fault fault =
        soap_fault_typed(is_job ? SOAP_DETAIL_JOB_NOT_FOUND
                                : SOAP_DETAIL_SESSION_NOT_FOUND,
                         in->subject);
    api_fault(call, &fault);
    return false;
}

static uint32_t read_duration_s(bool has_duration, uint32_t duration_s)
{
    if (!has_duration || duration_s == 0)
        return LIMIT_SUBSCRIPTION_DEFAULT_S;
    return duration_s < LIMIT_SUBSCRIPTION_MAX_S ? duration_s
                                                 : LIMIT_SUBSCRIPTION_MAX_S;
}

static struct subscription *find(struct api_call *call, enum store_kind kind,
                                 struct text id)
{
    struct subscription *found = NULL;
    struct uuid uuid;

    if (uuid_parse(id, &uuid))
        found = subscriptions_find(call->central->subscriptions, uuid);
    if (found != NULL && found->interest.kind == kind)
        return found;

    struct soap_fault fault =
        soap_fault_typed(kind == STORE_KIND_JOB
                             ? SOAP_DETAIL_JOB_SUBSCRIPTION_NOT_FOUND
                             : SOAP_DETAIL_SESSION_SUBSCRIPTION_NOT_FOUND,
                         id);
    api_fault(call, &fault);
    return NULL;
}

/* ---- answering ---- */

/* One SubscriptionResource, in the words of neither service yet. */
struct resource {
    struct text id;
    struct endpoint observer;
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
static void answer_resource(struct api_call *call,
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

static void log_made(const struct store_subscription *row)
{
    struct text names[STORE_TOPIC_COUNT];
    struct text_builder topics = {0};
    char id[UUID_TEXT_BYTES + 1];
    uint32_t count = subscription_topic_names(row->topics, names);

    for (uint32_t i = 0; i < count; i++) {
        text_add_string(&topics, i > 0 ? "," : "");
        text_add(&topics, names[i]);
    }
    uuid_format(row->uuid, id);
    LOG(subscription_made, id, store_kind_names[row->kind],
        text_built(&topics).data, row->observer_url.data);
    text_builder_free(&topics);
}

static void subscribe_done(void *user, int result)
{
    struct pending *pending = user;
    struct api_call *call = pending->call;

    if (result != 0) {
        api_fault_server(call);
        return;
    }
    log_made(&pending->row);
    struct subscription *added = subscriptions_add(
        call->central->subscriptions, &pending->row);
    answer_resource(call, &pending->row);
    subscription_run(added);
}

/* Puts the row on disk; `done` goes on. */
static void commit_row(struct api_call *call, const struct pending *pending,
                       store_done_fn done)
{
    struct pending *kept = arena_take(call->arena, sizeof *kept);

    if (kept == NULL) {
        api_fault_server(call);
        return;
    }
    *kept = *pending;
    kept->call = call;
    struct store_batch *batch = store_batch_new();
    if (kept->ends)
        store_batch_remove_subscription(batch, kept->row.uuid);
    else
        store_batch_put_subscription(batch, &kept->row);
    store_commit(call->central->subscriptions->store, batch, kept,
                 done);
}

static void subscribe(struct api_call *call, const struct subscribe *in)
{
    struct subscriptions *subs = call->central->subscriptions;
    struct pending pending = {0};
    int64_t now_us = clock_wall_us();
    const char *observer =
        in->kind == STORE_KIND_JOB ? "JobObserver" : "SessionObserver";

    if (subs->count >= LIMIT_SUBSCRIPTIONS) {
        api_fault_client(call, "there are %u subscriptions, as many as this "
                               "server keeps",
                         LIMIT_SUBSCRIPTIONS);
        return;
    }
    struct store_subscription *row = &pending.row;
    if (!read_subject(call, in, &row->subject_uuid) ||
        !read_topics(call, in->kind, in->topics, in->topic_count,
                     &row->topics) ||
        !check_endpoint(call, observer, &in->observer))
        return;
    if (!text_is_absent(in->ender.address) &&
        !check_endpoint(call, "SubscriptionObserver", &in->ender))
        return;

    row->uuid = uuid_new();
    row->kind = in->kind;
    if (row->topics == 0)
        row->topics = subscription_topics_default(in->kind);
    row->observer_url = text_copy(call->arena, in->observer.address);
    row->observer_action = text_copy(call->arena, in->observer.action);
    row->ender_url = text_copy(call->arena, in->ender.address);
    row->ender_action = text_copy(call->arena, in->ender.action);
    row->created_us = now_us;
    row->expires_us =
        now_us +
        (int64_t)read_duration_s(in->has_duration, in->duration_s) * 1000000;
    /* Events that are committed from now on are above this. */
    row->cursor = subs->newest;
    commit_row(call, &pending, subscribe_done);
}

void api_job_subscribe(struct api_call *call)
{
    const struct isc_subscribe_request *request = call->request;
    struct subscribe in = {
        .kind = STORE_KIND_JOB,
        .subject = request->job_id,
        .observer = {request->job_observer.address,
                     request->job_observer.action},
        .topics = request->topics.topic,
        .topic_count = request->topics.topic_count,
        .has_duration = request->has_duration,
        .duration_s = request->duration,
    };

    if (request->subscription_observer != NULL)
        in.ender =
            (struct endpoint){request->subscription_observer->address,
                              request->subscription_observer->action};
    subscribe(call, &in);
}

void api_session_subscribe(struct api_call *call)
{
    const struct f06_subscribe_request *request = call->request;
    struct subscribe in = {
        .kind = STORE_KIND_SESSION,
        .subject = request->session_id,
        .observer = {request->session_observer.address,
                     request->session_observer.action},
        .topics = request->topics.topic,
        .topic_count = request->topics.topic_count,
        .has_duration = request->has_duration,
        .duration_s = request->duration,
    };

    if (request->subscription_observer != NULL)
        in.ender =
            (struct endpoint){request->subscription_observer->address,
                              request->subscription_observer->action};
    subscribe(call, &in);
}

/* ---- UpdateSubscription, Unsubscribe ---- */

static void change_done(void *user, int result)
{
    struct pending *pending = user;
    struct api_call *call = pending->call;
    struct subscription *subscription;

    if (result != 0) {
        api_fault_server(call);
        return;
    }
    subscription = subscriptions_find(call->central->subscriptions,
                                      pending->row.uuid);
    answer_resource(call, &pending->row);
    if (subscription == NULL)
        return; /* it has ended meanwhile */
    subscription->interest.topics = pending->row.topics;
    subscription_set_expiry(subscription, pending->row.expires_us);
    if (pending->ends)
        subscription_close(subscription, SUBSCRIPTION_UNSUBSCRIBED);
    subscription_run(subscription);
}

static void update(struct api_call *call, enum store_kind kind, struct text id,
                   const struct text *words, uint32_t word_count,
                   bool has_duration, uint32_t duration_s)
{
    struct pending pending = {0};
    uint32_t topics;
    struct subscription *subscription = find(call, kind, id);

    if (subscription == NULL ||
        !read_topics(call, kind, words, word_count, &topics))
        return;
    subscription_row(subscription, &pending.row);
    pending.row.observer_url =
        text_copy(call->arena, pending.row.observer_url);
    pending.row.observer_action =
        text_copy(call->arena, pending.row.observer_action);
    pending.row.topics |= topics;
    if (has_duration)
        pending.row.expires_us =
            clock_wall_us() +
            (int64_t)read_duration_s(true, duration_s) * 1000000;
    commit_row(call, &pending, change_done);
}

/* No topic at all, or none left, ends the subscription; what it had is told
 * once more. */
static void unsubscribe(struct api_call *call, enum store_kind kind,
                        struct text id, const struct text *words,
                        uint32_t word_count)
{
    struct pending pending = {0};
    uint32_t topics;
    struct subscription *subscription = find(call, kind, id);

    if (subscription == NULL ||
        !read_topics(call, kind, words, word_count, &topics))
        return;
    subscription_row(subscription, &pending.row);
    pending.row.observer_url =
        text_copy(call->arena, pending.row.observer_url);
    pending.row.observer_action =
        text_copy(call->arena, pending.row.observer_action);
    pending.row.topics = word_count == 0 ? 0 : pending.row.topics & ~topics;
    if (pending.row.topics == 0) {
        pending.ends = true;
        pending.row.expires_us = 0;
    }
    commit_row(call, &pending, change_done);
}

void api_job_update_subscription(struct api_call *call)
{
    const struct isc_update_subscription_request *request = call->request;
    struct isc_topic_expression none = {0};
    struct isc_topic_expression *topics =
        request->topics ? request->topics : &none;

    update(call, STORE_KIND_JOB, request->subscription_id, topics->topic,
           topics->topic_count, request->has_duration, request->duration);
}

void api_session_update_subscription(struct api_call *call)
{
    const struct f06_update_subscription_request *request = call->request;
    struct f06_topic_expression none = {0};
    struct f06_topic_expression *topics =
        request->topics ? request->topics : &none;

    update(call, STORE_KIND_SESSION, request->subscription_id, topics->topic,
           topics->topic_count, request->has_duration, request->duration);
}

void api_job_unsubscribe(struct api_call *call)
{
    const struct isc_unsubscribe_request *request = call->request;
    struct isc_topic_expression none = {0};
    struct isc_topic_expression *topics =
        request->topics ? request->topics : &none;

    unsubscribe(call, STORE_KIND_JOB, request->subscription_id, topics->topic,
                topics->topic_count);
}

void api_session_unsubscribe(struct api_call *call)
{
    const struct f06_unsubscribe_request *request = call->request;
    struct f06_topic_expression none = {0};
    struct f06_topic_expression *topics =
        request->topics ? request->topics : &none;

    unsubscribe(call, STORE_KIND_SESSION, request->subscription_id,
                topics->topic, topics->topic_count);
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
        if (each->interest.kind != kind || each->state >= SUBSCRIPTION_CLOSING)
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
