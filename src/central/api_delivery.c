/* EventNET-202611: how far a subscription is, replay, signatures. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/api.h"
#include "central/context.h"
#include "central/signature.h"
#include "central/subscribe.h"
#include "central/subscriptions_private.h"

/* NULL after it has answered with the fault of this namespace. */
static struct subscription *find(struct api_call *call, struct text id)
{
    struct subscription *found = subscribe_find(call, id);

    if (found == NULL)
        api_fault_typed(call, SOAP_DETAIL_EVENT_SUBSCRIPTION_NOT_FOUND, id);
    return found;
}

static struct store_event_filter filter_of(const struct subscription *of)
{
    struct store_event_filter filter = {
        .after_sequence = of->cursor,
        .topics = of->interest.topics,
    };

    if (of->interest.kind == STORE_KIND_JOB)
        filter.job_uuid = of->interest.subject;
    else
        filter.session_uuid = of->interest.subject;
    return filter;
}

/* ---- QueryDelivery ---- */

static const char *state_word(const struct subscription *subscription)
{
    switch ((enum subscription_state)subscription->state) {
    case SUBSCRIPTION_IDLE:
        return "idle";
    case SUBSCRIPTION_READING:
        return "reading";
    case SUBSCRIPTION_SENDING:
        return "sending";
    case SUBSCRIPTION_WAITING:
        return "waiting";
    case SUBSCRIPTION_CLOSING:
    case SUBSCRIPTION_CLOSED:
        break;
    }
    NEVER("an ended subscription is found");
}

/* The wall clock's time of a timer. */
static int64_t wall_us(const struct subscription *subscription,
                       const struct loop_timer *timer)
{
    uint64_t now_ns = loop_now_ns(subscription->owner->loop);
    uint64_t due_ns = timer->node.due_ns;

    return clock_wall_us() +
           (due_ns > now_ns ? (int64_t)((due_ns - now_ns) / 1000) : 0);
}

static void answer_delivery(struct api_call *call,
                            struct subscription *subscription,
                            uint64_t backlog)
{
    struct evt_query_delivery_response response = {
        .state = text_of(state_word(subscription)),
        .last_sequence = subscription->cursor,
        .backlog = backlog,
        .failed_attempts = subscription->failed_attempts,
        .is_signed = subscription->secret != NULL,
    };

    if (subscription->last_error[0] != '\0') {
        response.last_error = text_of(subscription->last_error);
        response.last_error_time = subscription->last_error_us;
        response.has_last_error_time = true;
    }
    if (loop_timer_running(&subscription->wait)) {
        response.next_attempt = wall_us(subscription, &subscription->wait);
        response.has_next_attempt = true;
    }
    api_answer(call, &response);
}

static void events_counted(void *user, struct store_rows *rows)
{
    struct api_call *call = user;
    const struct evt_query_delivery_request *request = call->request;
    int result = rows->result;
    uint64_t backlog = rows->remaining;

    store_rows_free(rows);
    if (result != 0) {
        api_fault_server(call);
        return;
    }
    /* It may have ended meanwhile. */
    struct subscription *found = find(call, request->subscription_id);
    if (found != NULL)
        answer_delivery(call, found,
                        found->state == SUBSCRIPTION_IDLE ? 0 : backlog);
}

void api_query_delivery(struct api_call *call)
{
    const struct evt_query_delivery_request *request = call->request;
    struct subscription *found = find(call, request->subscription_id);

    if (found == NULL)
        return;
    subscription_settle(found);
    if (found->state == SUBSCRIPTION_IDLE) {
        answer_delivery(call, found, 0);
        return;
    }
    struct store_event_filter filter = filter_of(found);
    store_count_events(call->central->store, &filter,
                       LIMIT_BACKLOG_COUNTED, call, events_counted);
}

/* ---- Redeliver ---- */

static void replay_stored(void *user, int result)
{
    struct api_call *call = user;
    const struct evt_redeliver_request *request = call->request;
    struct evt_redeliver_response response = {0};

    if (result != 0) {
        api_fault_server(call);
        return;
    }
    struct subscription *found = find(call, request->subscription_id);
    if (found == NULL)
        return;
    response.first_sequence = call->central->first_sequence;
    api_answer(call, &response);
}

static void first_read(void *user, struct store_rows *rows)
{
    struct api_call *call = user;
    const struct evt_redeliver_request *request = call->request;
    struct central *central = call->central;
    int result = rows->result;

    if (result == 0)
        central->first_sequence = rows->first_sequence;
    store_rows_free(rows);
    if (result != 0) {
        api_fault_server(call);
        return;
    }
    struct subscription *found = find(call, request->subscription_id);
    if (found == NULL)
        return;
    subscription_settle(found);
    if (request->after_sequence > found->cursor) {
        api_fault_client(call,
                         "AfterSequence: %llu is not acknowledged yet: a "
                         "replay goes back, the newest is %llu",
                         (unsigned long long)request->after_sequence,
                         (unsigned long long)found->cursor);
        return;
    }
    /* From here on every cursor that is stored counts from the replay. */
    subscription_replay(found, request->after_sequence);
    LOG(subscription_replayed, request->subscription_id.data,
        request->after_sequence);
    struct store_batch *batch = store_batch_new();
    store_batch_set_cursor(batch, found->id, request->after_sequence);
    store_commit(central->store, batch, call, replay_stored);
}

void api_redeliver(struct api_call *call)
{
    const struct evt_redeliver_request *request = call->request;
    struct subscription *found = find(call, request->subscription_id);

    if (found == NULL)
        return;
    struct store_event_filter filter = filter_of(found);
    store_query_events(call->central->store, &filter, 1, call, first_read);
}

/* ---- SetSecret ---- */

struct pending {
    struct api_call *call;
    struct store_subscription row;
};

static void secret_stored(void *user, int result)
{
    struct pending *pending = user;
    struct evt_set_secret_response response = {.secret = pending->row.secret};

    if (result != 0)
        api_fault_server(pending->call);
    else
        api_answer(pending->call, &response);
}

/* What `found` is signed with from now on; it takes over from what was. */
static void set_secret(struct pending *pending, struct subscription *found,
                       struct text secret)
{
    struct store_subscription *row = &pending->row;
    struct arena *arena = pending->call->arena;

    subscription_settle(found);
    subscription_row(found, row);
    row->topics = found->latest.topics;
    row->expires_us = found->latest.expires_us;
    row->secret_before = text_copy(arena, row->secret);
    row->secret_before_until_us = clock_wall_us() + SIGNATURE_OVERLAP_US;
    row->secret = secret;
    if (text_is_absent(secret)) {
        row->secret_before = TEXT_ABSENT;
        row->secret_before_until_us = 0;
    }
    subscription_set_secret(found, row);
}

void api_set_secret(struct api_call *call)
{
    const struct evt_set_secret_request *request = call->request;
    struct subscription *found = find(call, request->subscription_id);
    struct pending *pending;
    struct text secret = request->secret;
    char made[SIGNATURE_SECRET_TEXT_BYTES_MAX + 1];
    uint8_t key[SIGNATURE_KEY_BYTES_MAX];
    uint32_t key_bytes;

    if (found == NULL)
        return;
    if (text_is_absent(secret)) {
        signature_secret_new(made);
        secret = text_copy(call->arena, text_of(made));
    } else if (secret.size_bytes == 0) {
        secret = TEXT_ABSENT;
    } else if (!signature_key(secret, key, &key_bytes)) {
        api_fault_client(call,
                         "Secret: expected whsec_ and the base64 of %u to %u "
                         "bytes",
                         SIGNATURE_KEY_BYTES_MIN, SIGNATURE_KEY_BYTES_MAX);
        return;
    }
    pending = arena_take_zeroed(call->arena, 1, sizeof *pending);
    if (pending == NULL) {
        api_fault_server(call);
        return;
    }
    pending->call = call;
    set_secret(pending, found, secret);
    struct store_batch *batch = store_batch_new();
    store_batch_put_subscription(batch, &pending->row);
    store_commit(call->central->store, batch, pending, secret_stored);
}
