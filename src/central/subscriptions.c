#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/subscriptions_private.h"

/* What a Fault in an observer's answer may take in memory. */
#define ANSWER_BYTES_MAX (256u << 10)

struct subscriptions *
subscriptions_open(const struct subscriptions_config *config)
{
    struct subscriptions *subs = calloc(1, sizeof *subs);
    uint64_t seed;

    CHECK(subs != NULL);
    CHECK(soap_reader_open(&subs->answer_reader) == 0);
    arena_init(&subs->answer_arena, ANSWER_BYTES_MAX);
    random_system(&seed, sizeof seed);
    random_seed(&subs->random, seed);
    subs->loop = config->loop;
    subs->store = config->store;
    subs->client = config->client;
    subs->policy = config->policy;
    subs->per_caller_max = config->per_caller_max != 0
                               ? config->per_caller_max
                               : LIMIT_SUBSCRIPTIONS_PER_CALLER;
    return subs;
}

/* ---- the list ---- */

static void expiry_fired(struct loop_timer *timer)
{
    struct subscription *subscription =
        OWNER_OF(timer, struct subscription, expiry);

    subscriptions_remove(subscription, SUBSCRIPTION_EXPIRED);
}

void subscription_set_expiry(struct subscription *subscription,
                             int64_t expires_us)
{
    struct loop *loop = subscription->owner->loop;
    int64_t left_us = expires_us - clock_wall_us();

    subscription->expires_us = expires_us;
    loop_timer_start(
        loop, &subscription->expiry,
        loop_now_ns(loop) + (left_us > 0 ? (uint64_t)left_us * 1000 : 0),
        expiry_fired);
}

static char *string_of(struct text text)
{
    if (text_is_absent(text))
        return NULL;
    char *string = strndup(text.data, text.size_bytes);
    CHECK(string != NULL);
    return string;
}

struct signature_secrets
subscription_secrets(const struct subscription *subscription)
{
    return (struct signature_secrets){
        .secret = text_of(subscription->secret),
        .before = text_of(subscription->secret_before),
        .before_until_us = subscription->secret_before_until_us,
    };
}

void subscription_set_secret(struct subscription *subscription,
                             const struct store_subscription *row)
{
    char *secret = string_of(row->secret);
    char *before = string_of(row->secret_before);

    free(subscription->secret);
    free(subscription->secret_before);
    subscription->secret = secret;
    subscription->secret_before = before;
    subscription->secret_before_until_us = row->secret_before_until_us;
}

struct subscription *subscriptions_add(struct subscriptions *subs,
                                       const struct store_subscription *row)
{
    struct subscription *added = calloc(1, sizeof *added);

    CHECK(added != NULL);
    added->owner = subs;
    added->state = SUBSCRIPTION_IDLE;
    added->id = row->uuid;
    added->interest = (struct event_interest){
        .topics = row->topics,
        .kind = row->kind,
        .subject = row->subject_uuid,
    };
    added->observer_url = string_of(row->observer_url);
    added->observer_action = text_is_absent(row->observer_action)
                                 ? string_of(text_of(""))
                                 : string_of(row->observer_action);
    added->ender_url = string_of(row->ender_url);
    added->ender_action = string_of(row->ender_action);
    added->owner_name = string_of(row->owner);
    added->caller = string_of(row->caller);
    subscription_set_secret(added, row);
    added->created_us = row->created_us;
    added->latest.topics = row->topics;
    added->latest.expires_us = row->expires_us;
    added->cursor = row->cursor;
    added->stored_cursor = row->cursor;

    added->next = subs->first;
    if (subs->first != NULL)
        subs->first->previous = added;
    subs->first = added;
    map_put(&subs->by_id, added->id, added);
    subscription_index_add(&subs->index, added);
    subs->count++;
    subscription_set_expiry(added, row->expires_us);
    return added;
}

void subscription_row(const struct subscription *subscription,
                      struct store_subscription *row)
{
    *row = (struct store_subscription){
        .uuid = subscription->id,
        .kind = subscription->interest.kind,
        .subject_uuid = subscription->interest.subject,
        .topics = subscription->interest.topics,
        .observer_url = text_of(subscription->observer_url),
        .observer_action = text_of(subscription->observer_action),
        .ender_url = text_of(subscription->ender_url),
        .ender_action = text_of(subscription->ender_action),
        .owner = text_of(subscription->owner_name),
        .created_us = subscription->created_us,
        .expires_us = subscription->expires_us,
        .cursor = subscription->cursor,
        .caller = text_of(subscription->caller),
        .secret = text_of(subscription->secret),
        .secret_before = text_of(subscription->secret_before),
        .secret_before_until_us = subscription->secret_before_until_us,
    };
}

void subscription_change_started(struct subscription *subscription)
{
    subscription->latest.count++;
}

/* What a later change was built on stays: it is on its way with that one. */
void subscription_change_ended(struct subscription *subscription)
{
    if (--subscription->latest.count > 0)
        return;
    subscription->latest.topics = subscription->interest.topics;
    subscription->latest.expires_us = subscription->expires_us;
    subscription->latest.ends = false;
}

struct subscription *subscriptions_find(const struct subscriptions *subs,
                                        struct uuid id)
{
    struct subscription *found = map_get(&subs->by_id, id);

    return found != NULL && found->state < SUBSCRIPTION_CLOSING ? found : NULL;
}

uint32_t subscriptions_count_of(const struct subscriptions *subs,
                                struct text caller)
{
    uint32_t count = 0;

    for (const struct subscription *each = subs->first; each; each = each->next)
        count += each->caller != NULL && text_is(caller, each->caller);
    return count;
}

/* ---- start ---- */

void subscriptions_set_callbacks(struct subscriptions *subs,
                                 const struct callback_policy *policy)
{
    subs->policy.allow = policy->allow;
    subs->policy.deny = policy->deny;
    subs->policy.proves = policy->proves;
}

void subscriptions_restore(struct subscriptions *subs,
                           const struct store_subscription *row)
{
    if (row->ended != 0)
        end_notice_start(subs, row);
    else
        subscriptions_add(subs, row);
}

void subscriptions_start(struct subscriptions *subs, uint64_t last_sequence)
{
    subs->newest = last_sequence;
    cursors_start(subs);
    for (struct subscription *each = subs->first, *next; each; each = next) {
        next = each->next;
        subscription_wake(each);
        subscription_run(each);
    }
}

/* ---- events ---- */

struct told {
    uint64_t previous; /* the newest event before this one */
};

static bool tell(void *user, struct subscription *subscription)
{
    const struct told *told = user;

    if (subscription->state != SUBSCRIPTION_IDLE)
        return true; /* it will come to this event by itself */
    /* Idle means that nothing before this one was of interest. */
    if (subscription->cursor < told->previous)
        subscription->cursor = told->previous;
    subscription_wake(subscription);
    subscription_run(subscription);
    return true;
}

void subscriptions_event(struct subscriptions *subs,
                         const struct store_event *event)
{
    struct told told = {subs->newest};

    CHECK(event->sequence > told.previous);
    recent_add(&subs->recent, event);
    subs->newest = event->sequence;
    subscription_index_each(&subs->index, event, tell, &told);
}

/* ---- Statistics ---- */

static struct store_event statistics_of(struct uuid session_id)
{
    return (struct store_event){
        .topic = STORE_TOPIC_SESSION_STATISTICS,
        .session_uuid = session_id,
    };
}

static bool is_live(void *user, struct subscription *subscription)
{
    bool *wanted = user;

    *wanted = *wanted || subscription->state < SUBSCRIPTION_CLOSING;
    return !*wanted;
}

bool subscriptions_wants_statistics(const struct subscriptions *subs,
                                    struct uuid session_id)
{
    struct store_event event = statistics_of(session_id);
    bool wanted = false;

    subscription_index_each(&subs->index, &event, is_live, &wanted);
    return wanted;
}

struct figures {
    struct uuid session_id;
    struct text body;
};

/* The newest figures of a session take the place of older ones. */
static bool keep_statistics(void *user, struct subscription *subscription)
{
    const struct figures *figures = user;
    struct statistics_item *item, *end;
    char *copy;

    if (subscription->state >= SUBSCRIPTION_CLOSING)
        return true;
    if (subscription->statistics == NULL)
        subscription->statistics =
            calloc(SUBSCRIPTION_STATISTICS_MAX, sizeof *item);
    copy = malloc((size_t)figures->body.size_bytes + 1);
    if (subscription->statistics == NULL || copy == NULL) {
        free(copy);
        return true;
    }
    memcpy(copy, figures->body.data, figures->body.size_bytes);
    item = subscription->statistics;
    end = item + subscription->statistics_count;
    while (item < end && !uuid_equal(item->session_id, figures->session_id))
        item++;
    if (item < end) {
        free(item->body);
    } else if (subscription->statistics_count < SUBSCRIPTION_STATISTICS_MAX) {
        subscription->statistics_count++;
    } else {
        free(copy);
        return true;
    }
    *item = (struct statistics_item){figures->session_id, copy,
                                     figures->body.size_bytes};
    if (subscription->state == SUBSCRIPTION_IDLE)
        subscription_run(subscription);
    return true;
}

void subscriptions_statistics(struct subscriptions *subs,
                              struct uuid session_id, struct text body)
{
    struct store_event event = statistics_of(session_id);
    struct figures figures = {session_id, body};

    subscription_index_each(&subs->index, &event, keep_statistics, &figures);
}

/* ---- ends ---- */

static void commit_done(void *user, int result)
{
    struct subscriptions *subs = user;

    if (result != 0)
        LOG(subscription_not_stored, result);
    subs->commits_waiting--;
    subscriptions_check_stopped(subs);
}

void subscriptions_commit(struct subscriptions *subs,
                          struct store_batch *batch)
{
    subs->commits_waiting++;
    store_commit(subs->store, batch, subs, commit_done);
}

void subscriptions_batch_end(struct store_batch *batch,
                             const struct store_subscription *row,
                             enum subscription_end end)
{
    struct store_subscription over = *row;

    if (text_is_absent(row->ender_url)) {
        store_batch_remove_subscription(batch, row->uuid);
        return;
    }
    over.ended = 1 + (uint32_t)end;
    over.ended_us = clock_wall_us();
    store_batch_put_subscription(batch, &over);
}

void subscriptions_remove(struct subscription *subscription,
                          enum subscription_end end)
{
    struct subscriptions *subs = subscription->owner;
    struct store_batch *batch;
    struct store_subscription row;

    if (subscription->state >= SUBSCRIPTION_CLOSING)
        return;
    subscription_row(subscription, &row);
    batch = store_batch_new();
    subscriptions_batch_end(batch, &row, end);
    cursors_forget(subs, subscription);
    subscriptions_commit(subs, batch);
    subscription_close(subscription, end);
    subscription_run(subscription);
}

void subscriptions_closed(struct subscriptions *subs,
                          struct subscription *subscription)
{
    static const char *const reasons[] = {"expired", "unsubscribed",
                                          "delivery_failed", "stopped"};
    struct store_subscription row;
    char id[UUID_TEXT_BYTES + 1];

    uuid_format(subscription->id, id);
    LOG(subscription_ended, id, reasons[subscription->end],
        subscription->cursor);
    cursors_forget(subs, subscription);
    subscription_index_remove(&subs->index, subscription);
    map_remove(&subs->by_id, subscription->id);
    if (subscription->previous != NULL)
        subscription->previous->next = subscription->next;
    else
        subs->first = subscription->next;
    if (subscription->next != NULL)
        subscription->next->previous = subscription->previous;
    subs->count--;
    if (subscription->end != SUBSCRIPTION_STOPPED) {
        subscription_row(subscription, &row);
        row.ended = 1 + (uint32_t)subscription->end;
        row.ended_us = clock_wall_us();
        end_notice_start(subs, &row);
    }
    free(subscription->observer_url);
    free(subscription->observer_action);
    free(subscription->ender_url);
    free(subscription->ender_action);
    free(subscription->owner_name);
    free(subscription->caller);
    free(subscription->secret);
    free(subscription->secret_before);
    free(subscription);
    subscriptions_check_stopped(subs);
}

/* ---- stop ---- */

static void stop_posted(struct loop_post *post)
{
    struct subscriptions *subs =
        OWNER_OF(post, struct subscriptions, stopped_post);
    void (*stopped)(void *) = subs->stopped;
    void *owner = subs->stopped_owner;

    recent_free(&subs->recent);
    soap_reader_close(&subs->answer_reader);
    arena_free(&subs->answer_arena);
    subscription_index_free(&subs->index);
    map_free(&subs->by_id);
    free(subs);
    stopped(owner);
}

void subscriptions_check_stopped(struct subscriptions *subs)
{
    if (subs->stopping && subs->first == NULL && subs->notices == NULL &&
        subs->commits_waiting == 0)
        loop_post(subs->loop, &subs->stopped_post, stop_posted);
}

void subscriptions_stop(struct subscriptions *subs,
                        void (*stopped)(void *owner), void *owner)
{
    CHECK(!subs->stopping);
    cursors_stop(subs);
    subs->stopping = true;
    subs->stopped = stopped;
    subs->stopped_owner = owner;
    for (struct subscription *each = subs->first, *next; each; each = next) {
        next = each->next;
        subscription_close(each, SUBSCRIPTION_STOPPED);
        subscription_run(each);
    }
    end_notices_stop(subs);
    subscriptions_check_stopped(subs);
}
