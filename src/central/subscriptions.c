#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "central/subscriptions_private.h"

/* Cursors go to the disk together, this long after the first moved: a crash
 * costs no more than a second delivery of what was sent meanwhile. */
#define FLUSH_NS UINT64_C(20000000)

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
    subs->policy.soap_address = config->soap_address;
    subs->policy.transfer_address = config->transfer_address;
    return subs;
}

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
    added->created_us = row->created_us;
    added->cursor = row->cursor;

    added->next = subs->first;
    if (subs->first != NULL)
        subs->first->previous = added;
    subs->first = added;
    map_put(&subs->by_id, added->id, added);
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
    };
}

void subscriptions_restore(struct subscriptions *subs,
                           const struct store_subscription *row)
{
    subscriptions_add(subs, row);
}

void subscriptions_start(struct subscriptions *subs, uint64_t last_sequence)
{
    subs->newest = last_sequence;
    for (struct subscription *each = subs->first, *next; each; each = next) {
        next = each->next;
        subscription_run(each);
    }
}

void subscriptions_event(struct subscriptions *subs,
                         const struct store_event *event)
{
    uint64_t previous = subs->newest;

    CHECK(event->sequence > previous);
    recent_add(&subs->recent, event);
    subs->newest = event->sequence;
    for (struct subscription *each = subs->first, *next; each; each = next) {
        next = each->next;
        if (each->state != SUBSCRIPTION_IDLE)
            continue; /* it will come to this event by itself */
        /* Idle means that nothing before this one was of interest. */
        if (each->cursor < previous)
            each->cursor = previous;
        if (event_interests(&each->interest, event))
            subscription_run(each);
    }
}

static bool wants_statistics(const struct subscription *subscription,
                             struct uuid session_id)
{
    struct store_event event = {
        .topic = STORE_TOPIC_SESSION_STATISTICS,
        .session_uuid = session_id,
    };

    return subscription->state < SUBSCRIPTION_CLOSING &&
           event_interests(&subscription->interest, &event);
}

bool subscriptions_wants_statistics(const struct subscriptions *subs,
                                    struct uuid session_id)
{
    for (const struct subscription *each = subs->first; each; each = each->next)
        if (wants_statistics(each, session_id))
            return true;
    return false;
}

/* The newest figures of a session take the place of older ones. */
static void keep_statistics(struct subscription *subscription,
                            struct uuid session_id, struct text body)
{
    struct statistics_item *item = subscription->statistics;
    struct statistics_item *end = item + subscription->statistics_count;
    char *copy = malloc((size_t)body.size_bytes + 1);

    if (copy == NULL)
        return;
    memcpy(copy, body.data, body.size_bytes);
    while (item < end && !uuid_equal(item->session_id, session_id))
        item++;
    if (item < end) {
        free(item->body);
    } else if (subscription->statistics_count < SUBSCRIPTION_STATISTICS_MAX) {
        subscription->statistics_count++;
    } else {
        free(copy);
        return;
    }
    *item = (struct statistics_item){session_id, copy, body.size_bytes};
}

void subscriptions_statistics(struct subscriptions *subs,
                              struct uuid session_id, struct text body)
{
    for (struct subscription *each = subs->first, *next; each; each = next) {
        next = each->next;
        if (!wants_statistics(each, session_id))
            continue;
        keep_statistics(each, session_id, body);
        if (each->state == SUBSCRIPTION_IDLE)
            subscription_run(each);
    }
}

uint64_t subscriptions_cursor_min(const struct subscriptions *subs)
{
    uint64_t min = UINT64_MAX;

    for (const struct subscription *each = subs->first; each; each = each->next)
        if (each->state != SUBSCRIPTION_IDLE && each->cursor < min)
            min = each->cursor;
    return min;
}

static void flush_done(void *user, int result)
{
    struct subscriptions *subs = user;

    (void)result; /* what is not stored is delivered again after a crash */
    subs->commits_waiting--;
    subscriptions_check_stopped(subs);
}

static void flush(struct subscriptions *subs)
{
    struct store_batch *batch = NULL;

    for (struct subscription *each = subs->first; each; each = each->next) {
        if (!each->cursor_dirty)
            continue;
        if (batch == NULL)
            batch = store_batch_new();
        store_batch_set_cursor(batch, each->id, each->cursor);
        each->cursor_dirty = false;
    }
    if (batch == NULL)
        return;
    subs->commits_waiting++;
    store_commit(subs->store, batch, subs, flush_done);
}

static void flush_fired(struct loop_timer *timer)
{
    flush(OWNER_OF(timer, struct subscriptions, flush));
}

void subscriptions_cursor_moved(struct subscriptions *subs,
                                struct subscription *subscription)
{
    subscription->cursor_dirty = true;
    if (!loop_timer_running(&subs->flush))
        loop_timer_start(subs->loop, &subs->flush,
                         loop_now_ns(subs->loop) + FLUSH_NS, flush_fired);
}

static void remove_done(void *user, int result)
{
    struct subscriptions *subs = user;

    if (result != 0)
        LOG(subscription_not_removed, result);
    subs->commits_waiting--;
    subscriptions_check_stopped(subs);
}

void subscriptions_remove(struct subscription *subscription,
                          enum subscription_end end)
{
    struct subscriptions *subs = subscription->owner;
    struct store_batch *batch;

    if (subscription->state >= SUBSCRIPTION_CLOSING)
        return;
    batch = store_batch_new();
    store_batch_remove_subscription(batch, subscription->id);
    subs->commits_waiting++;
    store_commit(subs->store, batch, subs, remove_done);
    subscription_close(subscription, end);
    subscription_run(subscription);
}

void subscriptions_closed(struct subscriptions *subs,
                          struct subscription *subscription)
{
    static const char *const reasons[] = {"expired", "unsubscribed",
                                          "delivery_failed", "stopped"};
    char id[UUID_TEXT_BYTES + 1];

    uuid_format(subscription->id, id);
    LOG(subscription_ended, id, reasons[subscription->end],
        subscription->cursor);
    if (subscription->end != SUBSCRIPTION_STOPPED)
        end_notice_start(subs, subscription);

    map_remove(&subs->by_id, subscription->id);
    if (subscription->previous != NULL)
        subscription->previous->next = subscription->next;
    else
        subs->first = subscription->next;
    if (subscription->next != NULL)
        subscription->next->previous = subscription->previous;
    subs->count--;
    free(subscription->observer_url);
    free(subscription->observer_action);
    free(subscription->ender_url);
    free(subscription->ender_action);
    free(subscription->owner_name);
    free(subscription);
    subscriptions_check_stopped(subs);
}

static void stop_posted(struct loop_post *post)
{
    struct subscriptions *subs =
        OWNER_OF(post, struct subscriptions, stopped_post);
    void (*stopped)(void *) = subs->stopped;
    void *owner = subs->stopped_owner;

    loop_timer_stop(subs->loop, &subs->flush);
    recent_free(&subs->recent);
    soap_reader_close(&subs->answer_reader);
    arena_free(&subs->answer_arena);
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
    flush(subs);
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

struct subscription *subscriptions_find(const struct subscriptions *subs,
                                        struct uuid id)
{
    struct subscription *found = map_get(&subs->by_id, id);

    return found != NULL && found->state < SUBSCRIPTION_CLOSING ? found : NULL;
}
