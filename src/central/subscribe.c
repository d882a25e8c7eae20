#include "central/subscribe.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/api.h"
#include "central/callback_proof.h"
#include "central/callback_tls.h"
#include "central/context.h"
#include "central/subscriptions_private.h"
#include "soap/fault.h"

/* A change that waits for its commit. */
struct pending {
    struct api_call *call;
    struct store_subscription row; /* texts in the call's arena */
    bool ends;
    struct callback_proof proof;
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
                           const struct subscribe_endpoint *endpoint)
{
    struct subscriptions *subs = call->central->subscriptions;
    struct address address;
    struct http_url url;

    enum http_url_result result = http_url_parse(endpoint->address, &url);
    if (result != HTTP_URL_GOOD) {
        api_fault_client(call,
                         "%s/Address: expected an http or https address: %s",
                         name, http_url_result_text(result));
        return false;
    }
    if (url.is_https && !callback_tls_knows(call->central, &url)) {
        api_fault_client(call,
                         "%s/Address: this server has no authorities to check "
                         "an https observer's certificate with; its "
                         "administrator sets ferry/callback_ca",
                         name);
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
static bool read_subject(struct api_call *call, const struct subscribe_request *in,
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

struct subscription *subscribe_find(struct api_call *call, struct text id)
{
    struct uuid uuid;

    if (!uuid_parse(id, &uuid))
        return NULL;
    struct subscription *found =
        subscriptions_find(call->central->subscriptions, uuid);
    /* One whose end is on its way to the disk is not brought to life again. */
    return found != NULL && !found->latest.ends &&
                   api_may_use(call, found->owner_name)
               ? found
               : NULL;
}

static struct subscription *find(struct api_call *call,
                                 const struct subscribe_change *in)
{
    struct subscription *found = subscribe_find(call, in->id);

    if (found != NULL && found->interest.kind == in->kind)
        return found;

    struct soap_fault fault =
        soap_fault_typed(in->kind == STORE_KIND_JOB
                             ? SOAP_DETAIL_JOB_SUBSCRIPTION_NOT_FOUND
                             : SOAP_DETAIL_SESSION_SUBSCRIPTION_NOT_FOUND,
                         in->id);
    api_fault(call, &fault);
    return NULL;
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
    struct subscriptions *subs = call->central->subscriptions;

    if (result != 0) {
        api_fault_server(call);
        return;
    }
    log_made(&pending->row);
    struct subscription *added = subscriptions_add(subs, &pending->row);
    answer_subscription(call, &pending->row);
    subscription_wake(added);
    subscription_run(added);
}

/* Puts the row on disk; `done` goes on. */
static void commit_row(struct pending *pending, store_done_fn done)
{
    struct subscriptions *subs = pending->call->central->subscriptions;
    struct store_batch *batch = store_batch_new();

    if (pending->ends)
        subscriptions_batch_end(batch, &pending->row,
                                SUBSCRIPTION_UNSUBSCRIBED);
    else
        store_batch_put_subscription(batch, &pending->row);
    store_commit(subs->store, batch, pending, done);
}

/* NULL after it has answered that memory is used up. */
static struct pending *new_pending(struct api_call *call)
{
    struct pending *pending =
        arena_take_zeroed(call->arena, 1, sizeof *pending);

    if (pending == NULL)
        api_fault_server(call);
    else
        pending->call = call;
    return pending;
}

/* Who is counted by LIMIT_SUBSCRIPTIONS_PER_CALLER: whoever shares a machine
 * shares its address. */
static struct text caller_of(struct api_call *call)
{
    char text[ADDRESS_TEXT_BYTES];

    if (!text_is_absent(call->user))
        return call->user;
    address_format_ip(&call->peer, text);
    return text_copy(call->arena, text_of(text));
}

static bool check_room(struct api_call *call, struct text caller)
{
    struct subscriptions *subs = call->central->subscriptions;

    /* What is left is for the ends of what runs. */
    if (store_is_full(subs->store)) {
        struct soap_fault fault = {
            .code = SOAP_FAULT_SERVER,
            .text = text_of("there is no room left on the server's disk"),
        };
        api_fault(call, &fault);
        return false;
    }
    /* An ended one counts until its SubscriptionObserver is told, or endings
     * without end would take all memory. */
    if (subs->count + subs->notice_count >= LIMIT_SUBSCRIPTIONS) {
        api_fault_client(call,
                         "there are %u subscriptions, as many as this "
                         "server keeps",
                         LIMIT_SUBSCRIPTIONS);
        return false;
    }
    if (subscriptions_count_of(subs, caller) >= subs->per_caller_max) {
        api_fault_client(call,
                         "this caller has %u subscriptions, as many as one "
                         "may have",
                         subs->per_caller_max);
        return false;
    }
    return true;
}

static void proof_done(struct callback_proof *proof, const char *problem)
{
    struct pending *pending = OWNER_OF(proof, struct pending, proof);

    if (problem != NULL)
        api_fault_client(pending->call,
                         "the observer did not show that it wants "
                         "notifications: %s",
                         problem);
    else
        commit_row(pending, subscribe_done);
}

static void fill_row(struct api_call *call, const struct subscribe_request *in,
                     struct store_subscription *row)
{
    int64_t now_us = clock_wall_us();

    row->uuid = uuid_new();
    row->kind = in->kind;
    if (row->topics == 0)
        row->topics = subscription_topics_default(in->kind);
    row->observer_url = text_copy(call->arena, in->observer.address);
    row->observer_action = text_copy(call->arena, in->observer.action);
    row->ender_url = text_copy(call->arena, in->ender.address);
    row->ender_action = text_copy(call->arena, in->ender.action);
    row->owner = call->user;
    row->created_us = now_us;
    row->expires_us =
        now_us +
        (int64_t)read_duration_s(in->has_duration, in->duration_s) * 1000000;
    /* Events that are committed from now on are above this. */
    row->cursor = call->central->subscriptions->newest;
}

void subscribe(struct api_call *call, const struct subscribe_request *in)
{
    struct subscriptions *subs = call->central->subscriptions;
    const char *observer =
        in->kind == STORE_KIND_JOB ? "JobObserver" : "SessionObserver";
    struct pending *pending = new_pending(call);

    if (pending == NULL)
        return;
    struct store_subscription *row = &pending->row;
    row->caller = caller_of(call);
    if (!check_room(call, row->caller) ||
        !read_subject(call, in, &row->subject_uuid) ||
        !read_topics(call, in->kind, in->topics, in->topic_count,
                     &row->topics) ||
        !check_endpoint(call, observer, &in->observer))
        return;
    if (!text_is_absent(in->ender.address) &&
        !check_endpoint(call, "SubscriptionObserver", &in->ender))
        return;
    fill_row(call, in, row);
    if (subs->policy.proves)
        callback_proof_start(&pending->proof, subs->client, &subs->policy,
                             row->observer_url, proof_done);
    else
        commit_row(pending, subscribe_done);
}

/* ---- UpdateSubscription, Unsubscribe ---- */

static void change_done(void *user, int result)
{
    struct pending *pending = user;
    struct api_call *call = pending->call;
    struct subscriptions *subs = call->central->subscriptions;
    struct store_subscription *row = &pending->row;
    struct subscription *subscription = subscriptions_find(subs, row->uuid);

    if (result != 0) {
        if (subscription != NULL) {
            subscription->latest.ends &= !pending->ends;
            subscription_change_ended(subscription);
        }
        api_fault_server(call);
        return;
    }
    if (pending->ends) {
        row->topics = 0;
        row->expires_us = 0;
    }
    answer_subscription(call, row);
    if (subscription == NULL)
        return; /* it has ended meanwhile */
    if (pending->ends) {
        cursors_forget(subs, subscription);
        subscription_close(subscription, SUBSCRIPTION_UNSUBSCRIBED);
    } else {
        subscription_set_topics(subscription, row->topics);
        subscription_set_expiry(subscription, row->expires_us);
        subscription_change_ended(subscription);
    }
    subscription_run(subscription);
}

/* The row of the subscription as it is, with texts that stay. */
static void hold_row(struct pending *pending,
                     struct subscription *subscription)
{
    struct store_subscription *row = &pending->row;
    struct arena *arena = pending->call->arena;

    subscription_settle(subscription);
    subscription_row(subscription, row);
    row->observer_url = text_copy(arena, row->observer_url);
    row->observer_action = text_copy(arena, row->observer_action);
    row->topics = subscription->latest.topics;
    row->expires_us = subscription->latest.expires_us;
    subscription_change_started(subscription);
}

void subscribe_update(struct api_call *call, const struct subscribe_change *in)
{
    uint32_t topics;
    struct subscription *subscription = find(call, in);

    if (subscription == NULL ||
        !read_topics(call, in->kind, in->topics, in->topic_count, &topics))
        return;
    struct pending *pending = new_pending(call);
    if (pending == NULL)
        return;
    hold_row(pending, subscription);
    pending->row.topics |= topics;
    if (in->has_duration)
        pending->row.expires_us =
            clock_wall_us() +
            (int64_t)read_duration_s(true, in->duration_s) * 1000000;
    subscription->latest.topics = pending->row.topics;
    subscription->latest.expires_us = pending->row.expires_us;
    commit_row(pending, change_done);
}

/* No topic at all, or none left, ends the subscription; what it had is told
 * once more. */
void subscribe_end(struct api_call *call, const struct subscribe_change *in)
{
    uint32_t topics;
    struct subscription *subscription = find(call, in);

    if (subscription == NULL ||
        !read_topics(call, in->kind, in->topics, in->topic_count, &topics))
        return;
    struct pending *pending = new_pending(call);
    if (pending == NULL)
        return;
    hold_row(pending, subscription);
    uint32_t left = in->topic_count == 0 ? 0 : pending->row.topics & ~topics;
    pending->ends = left == 0;
    subscription->latest.ends = pending->ends;
    if (!pending->ends)
        subscription->latest.topics = pending->row.topics = left;
    commit_row(pending, change_done);
}
