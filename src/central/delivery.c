#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/state.h"
#include "central/subscriptions_private.h"

/* The pause of a large notification for which there is no room at the moment:
 * some of those under way end within it. */
#define NO_ROOM_NS UINT64_C(100000000)

enum step { STEP_AGAIN, STEP_WAIT };

static const struct state_rule rules[] = {
    [SUBSCRIPTION_IDLE] = {"idle", NEXT(SUBSCRIPTION_READING) |
                                       NEXT(SUBSCRIPTION_SENDING) |
                                       NEXT(SUBSCRIPTION_CLOSING)},
    [SUBSCRIPTION_READING] = {"reading", NEXT(SUBSCRIPTION_IDLE) |
                                             NEXT(SUBSCRIPTION_SENDING) |
                                             NEXT(SUBSCRIPTION_WAITING) |
                                             NEXT(SUBSCRIPTION_CLOSING)},
    [SUBSCRIPTION_SENDING] = {"sending", NEXT(SUBSCRIPTION_READING) |
                                             NEXT(SUBSCRIPTION_WAITING) |
                                             NEXT(SUBSCRIPTION_CLOSING)},
    [SUBSCRIPTION_WAITING] = {"waiting", NEXT(SUBSCRIPTION_READING) |
                                             NEXT(SUBSCRIPTION_CLOSING)},
    [SUBSCRIPTION_CLOSING] = {"closing", NEXT(SUBSCRIPTION_CLOSED)},
    [SUBSCRIPTION_CLOSED] = {"closed", 0},
};

static void move(struct subscription *subscription, uint8_t next)
{
    state_move(&subscription->state, next, rules);
}

/* ---- what it holds ---- */

static void drop_rows(struct subscription *subscription)
{
    if (subscription->rows == NULL)
        return;
    store_rows_free(subscription->rows);
    subscription->rows = NULL;
    subscription->rows_used = 0;
    subscription->owner->holding_count--;
}

static void drop_statistics(struct subscription *subscription)
{
    for (uint32_t i = 0; i < subscription->statistics_count; i++)
        free(subscription->statistics[i].body);
    subscription->statistics_count = 0;
    free(subscription->statistics);
    subscription->statistics = NULL;
}

static void drop_body(struct subscription *subscription)
{
    subscription->owner->sending_bytes -= subscription->sending_bytes;
    subscription->sending_bytes = 0;
    text_builder_free(&subscription->body);
    text_builder_free(&subscription->fields);
}

/* ---- waiting ---- */

static void wait_fired(struct loop_timer *timer)
{
    struct subscription *subscription =
        OWNER_OF(timer, struct subscription, wait);

    move(subscription, SUBSCRIPTION_READING);
    subscription_run(subscription);
}

/* Waits, and holds nothing meanwhile. */
static void wait_for(struct subscription *subscription, uint64_t wait_ns)
{
    struct loop *loop = subscription->owner->loop;

    subscription->sending_sequence = 0;
    subscription->sending_stale = false;
    drop_rows(subscription);
    drop_body(subscription);
    move(subscription, SUBSCRIPTION_WAITING);
    loop_timer_start(loop, &subscription->wait, loop_now_ns(loop) + wait_ns,
                     wait_fired);
}

static void back_off(struct subscription *subscription, const char *reason,
                     uint32_t retry_after_s)
{
    char id[UUID_TEXT_BYTES + 1];

    subscription->failed_attempts++;
    uint64_t wait_ns =
        delivery_wait_ns(subscription->failed_attempts, retry_after_s,
                         &subscription->owner->random);
    uuid_format(subscription->id, id);
    LOG(push_failed, id, subscription->sending_sequence,
        subscription->failed_attempts, wait_ns / 1000000, reason);
    delivery_note_error(subscription, reason);
    wait_for(subscription, wait_ns);
}

/* ---- answers ---- */

static void answered_with_success(struct subscription *subscription)
{
    char id[UUID_TEXT_BYTES + 1];
    uint64_t sequence = subscription->sending_sequence;

    uuid_format(subscription->id, id);
    LOG(push_done, id, sequence, subscription->failed_attempts + 1);
    subscription->failed_attempts = 0;
    if (sequence != 0) {
        subscription->delivered_sequence = sequence;
        subscription->delivered_count++;
    }
    if (sequence > subscription->cursor && !subscription->sending_stale) {
        subscription->cursor = sequence;
        cursors_moved(subscription->owner, subscription);
    }
    subscription->sending_sequence = 0;
    subscription->sending_stale = false;
    drop_body(subscription);
    move(subscription, SUBSCRIPTION_READING);
}

static void call_done(struct http_call *call,
                      const struct http_call_result *result)
{
    struct subscription *subscription = call->user;
    bool was_event = subscription->sending_sequence != 0;
    char reason[64];

    if (subscription->state == SUBSCRIPTION_CLOSING) {
        subscription_run(subscription);
        return;
    }
    if (delivery_succeeded(subscription->owner, result, reason,
                           sizeof reason)) {
        answered_with_success(subscription);
    } else if (result->status == 410) {
        subscriptions_remove(subscription, SUBSCRIPTION_DELIVERY_FAILED);
        return; /* it may be gone */
    } else if (was_event) {
        back_off(subscription, reason, result->retry_after_s);
    } else {
        drop_body(subscription);
        move(subscription, SUBSCRIPTION_READING); /* Statistics: no retry */
    }
    subscription_run(subscription);
}

static bool address_check(struct http_call *call,
                          const struct address *address)
{
    struct subscription *subscription = call->user;

    return callback_refused(&subscription->owner->policy, address) == NULL;
}

static bool has_room(struct subscription *subscription, uint32_t size_bytes)
{
    struct subscriptions *subs = subscription->owner;

    if (size_bytes > LIMIT_NOTIFICATION_SMALL_BYTES && subs->sending_bytes > 0 &&
        subs->sending_bytes + size_bytes > LIMIT_NOTIFICATIONS_BYTES)
        return false;
    subscription->sending_bytes = size_bytes;
    subs->sending_bytes += size_bytes;
    return true;
}

/* Sends what `body` holds for this subscription. */
static void send_body(struct subscription *subscription, struct text body,
                      struct uuid event_id)
{
    struct http_call_request request = {
        .method = HTTP_METHOD_POST,
        .content_type = text_of("text/xml; charset=utf-8"),
        .soap_action = text_of(subscription->observer_action),
        .address_check = address_check,
    };

    delivery_address_body(&subscription->body, body, subscription->id);
    request.body = text_built(&subscription->body);
    const struct signature_secrets secrets = subscription_secrets(subscription);
    signature_add(&subscription->fields, &request, &secrets, event_id);
    if (subscription->body.failed || subscription->fields.failed) {
        if (subscription->sending_sequence != 0)
            back_off(subscription, "memory is used up", 0);
        return;
    }
    CHECK(http_url_parse(text_of(subscription->observer_url), &request.url) ==
          HTTP_URL_GOOD);
    subscription->call.user = subscription;
    move(subscription, SUBSCRIPTION_SENDING);
    http_call_start(subscription->owner->client, &subscription->call, &request,
                    call_done);
}

static void send_event(struct subscription *subscription,
                       const struct store_event *event)
{
    CHECK(event->sequence > subscription->cursor);
    if (!has_room(subscription, event->body.size_bytes)) {
        wait_for(subscription, NO_ROOM_NS);
        return;
    }
    subscription->sending_sequence = event->sequence;
    send_body(subscription, event->body, event->uuid);
    /* `event` may be the last of these. */
    if (subscription->rows != NULL &&
        subscription->rows_used == subscription->rows->count)
        drop_rows(subscription);
}

/* ---- reading ---- */

/* Nothing of interest lies between the cursor and `sequence`. */
static void pass_over(struct subscription *subscription, uint64_t sequence)
{
    if (sequence > subscription->owner->newest)
        sequence = subscription->owner->newest;
    if (sequence > subscription->cursor)
        subscription->cursor = sequence;
}

static void queue_read(struct subscription *subscription)
{
    struct subscriptions *subs = subscription->owner;
    struct subscription_link *link = &subscription->read_link;

    subscription->read_waiting = true;
    *link = (struct subscription_link){.previous = subs->read_last};
    if (subs->read_last != NULL)
        subs->read_last->read_link.next = subscription;
    else
        subs->read_first = subscription;
    subs->read_last = subscription;
}

static void unqueue_read(struct subscription *subscription)
{
    struct subscriptions *subs = subscription->owner;
    struct subscription_link *link = &subscription->read_link;

    if (!subscription->read_waiting)
        return;
    subscription->read_waiting = false;
    if (link->previous != NULL)
        link->previous->read_link.next = link->next;
    else
        subs->read_first = link->next;
    if (link->next != NULL)
        link->next->read_link.previous = link->previous;
    else
        subs->read_last = link->previous;
}

/* The places that are free go to those who wait longest. */
static void serve_reads(struct subscriptions *subs)
{
    while (subs->read_first != NULL &&
           subs->reading_count < LIMIT_EVENT_READS) {
        struct subscription *first = subs->read_first;
        unqueue_read(first);
        subscription_run(first);
    }
}

static void read_done(void *user, struct store_rows *rows)
{
    struct subscription *subscription = user;
    struct subscriptions *subs = subscription->owner;

    subscription->reading = false;
    subs->reading_count--;
    if (subscription->state == SUBSCRIPTION_CLOSING ||
        subscription->reading_stale) {
        store_rows_free(rows);
    } else if (rows->result != 0) {
        store_rows_free(rows);
        back_off(subscription, "the store cannot be read", 0);
    } else {
        subscription->rows = rows;
        subscription->rows_used = 0;
        subs->holding_count++;
        /* Nothing of interest lies between the cursor and what the query
         * could see, as far as the loop knows of it. */
        if (rows->count == 0)
            pass_over(subscription, rows->sequence);
    }
    subscription->reading_stale = false;
    subscription_run(subscription);
    serve_reads(subs);
}

/* When many catch up at once, each keeps no more than what it sends. */
static void read_store(struct subscription *subscription)
{
    struct subscriptions *subs = subscription->owner;
    struct store_event_filter filter = {
        .after_sequence = subscription->cursor,
        .topics = subscription->interest.topics,
        .bytes_max = LIMIT_EVENT_READ_BYTES,
    };

    if (subs->reading_count >= LIMIT_EVENT_READS) {
        queue_read(subscription);
        return;
    }
    if (subscription->interest.kind == STORE_KIND_JOB)
        filter.job_uuid = subscription->interest.subject;
    else
        filter.session_uuid = subscription->interest.subject;
    subscription->reading = true;
    subs->reading_count++;
    store_query_events(
        subs->store, &filter,
        subs->holding_count < LIMIT_EVENT_READS ? SUBSCRIPTION_READ_EVENTS : 1,
        subscription, read_done);
}

/* Rows that the store gave are used up first: they are the oldest.  The reader
 * may see an event a moment before the loop hears that it is durable: nobody is
 * told of it before queries show its effect. */
static const struct store_event *next_row(struct subscription *subscription)
{
    while (subscription->rows != NULL &&
           subscription->rows_used < subscription->rows->count) {
        const struct store_event *event =
            &subscription->rows->events[subscription->rows_used++];
        if (event->sequence > subscription->owner->newest)
            break;
        /* Topics may have been taken off since. */
        if (event->sequence > subscription->cursor &&
            event_interests(&subscription->interest, event))
            return event;
    }
    drop_rows(subscription);
    return NULL;
}

static enum step step_idle(struct subscription *subscription)
{
    if (subscription->statistics_count == 0)
        return STEP_WAIT;

    struct statistics_item item = subscription->statistics[0];
    subscription->statistics_count--;
    memmove(subscription->statistics, subscription->statistics + 1,
            subscription->statistics_count * sizeof item);
    subscription->sending_sequence = 0;
    if (has_room(subscription, item.body_bytes)) {
        /* Each Statistics notification has an EventID that nothing else has,
         * and so has its signature. */
        send_body(subscription, text_from(item.body, item.body_bytes),
                  uuid_new());
    }
    free(item.body);
    if (subscription->state == SUBSCRIPTION_SENDING)
        return STEP_WAIT;
    drop_body(subscription);
    return STEP_AGAIN;
}

static enum step step_reading(struct subscription *subscription)
{
    struct subscriptions *subs = subscription->owner;

    if (subscription->reading || subscription->read_waiting)
        return STEP_WAIT;

    const struct store_event *event = next_row(subscription);
    if (event == NULL && recent_covers(&subs->recent, subscription->cursor)) {
        event = recent_next(&subs->recent, subscription->cursor,
                            &subscription->interest);
        if (event == NULL)
            pass_over(subscription, subs->newest);
    }
    if (event != NULL) {
        send_event(subscription, event);
        return STEP_WAIT;
    }
    if (subscription->cursor >= subs->newest) {
        move(subscription, SUBSCRIPTION_IDLE);
        return STEP_AGAIN;
    }
    read_store(subscription);
    return STEP_WAIT;
}

static enum step step_closing(struct subscription *subscription)
{
    if (http_call_busy(&subscription->call)) {
        http_call_cancel(&subscription->call);
        return STEP_WAIT;
    }
    if (subscription->reading)
        return STEP_WAIT;
    loop_timer_stop(subscription->owner->loop, &subscription->wait);
    loop_timer_stop(subscription->owner->loop, &subscription->expiry);
    unqueue_read(subscription);
    drop_rows(subscription);
    drop_statistics(subscription);
    drop_body(subscription);
    move(subscription, SUBSCRIPTION_CLOSED);
    return STEP_AGAIN;
}

void subscription_run(struct subscription *subscription)
{
    enum step step = STEP_AGAIN;

    while (step == STEP_AGAIN) {
        switch ((enum subscription_state)subscription->state) {
        case SUBSCRIPTION_IDLE:
            step = step_idle(subscription);
            break;
        case SUBSCRIPTION_READING:
            step = step_reading(subscription);
            break;
        case SUBSCRIPTION_SENDING:
        case SUBSCRIPTION_WAITING:
            step = STEP_WAIT;
            break;
        case SUBSCRIPTION_CLOSING:
            step = step_closing(subscription);
            break;
        case SUBSCRIPTION_CLOSED:
            subscriptions_closed(subscription->owner, subscription);
            return; /* it is gone */
        }
    }
}

void subscription_wake(struct subscription *subscription)
{
    if (subscription->state == SUBSCRIPTION_IDLE &&
        subscription->cursor < subscription->owner->newest)
        move(subscription, SUBSCRIPTION_READING);
}

/* What was read, or is being read, does not fit any more. */
static void read_anew(struct subscription *subscription)
{
    drop_rows(subscription);
    subscription->reading_stale = subscription->reading;
}

void subscription_set_topics(struct subscription *subscription,
                             uint32_t topics)
{
    struct subscription_index *index = &subscription->owner->index;

    if (topics == subscription->interest.topics)
        return;
    subscription_settle(subscription);
    subscription_index_remove(index, subscription);
    subscription->interest.topics = topics;
    subscription_index_add(index, subscription);
    read_anew(subscription);
}

void subscription_replay(struct subscription *subscription,
                         uint64_t after_sequence)
{
    subscription_settle(subscription);
    CHECK(after_sequence <= subscription->cursor);
    subscription->cursor = after_sequence;
    cursors_moved(subscription->owner, subscription);
    subscription->failed_attempts = 0;
    read_anew(subscription);
    subscription->sending_stale = subscription->state == SUBSCRIPTION_SENDING;
    if (subscription->state == SUBSCRIPTION_WAITING) {
        loop_timer_stop(subscription->owner->loop, &subscription->wait);
        move(subscription, SUBSCRIPTION_READING);
    }
    subscription_wake(subscription);
    subscription_run(subscription);
}

void subscription_close(struct subscription *subscription,
                        enum subscription_end end)
{
    if (subscription->state >= SUBSCRIPTION_CLOSING)
        return;
    subscription->end = end;
    move(subscription, SUBSCRIPTION_CLOSING);
}
