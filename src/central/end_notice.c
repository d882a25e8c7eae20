#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "central/subscriptions_private.h"
#include "soap/writer.h"

/* One SubscriptionNotify on its way. */
struct end_notice {
    struct subscriptions *owner;
    struct end_notice *next;
    struct end_notice *previous;
    struct uuid subscription_id;
    char *url;
    char *action;
    char *secret; /* NULL: it is not signed */
    char *secret_before;
    int64_t secret_before_until_us;
    struct text_builder body;
    struct text_builder fields; /* of `call`: the signature */
    struct http_call call;
    struct loop_timer wait;
    int64_t give_up_us;
    uint32_t failed_attempts;
    char id[UUID_TEXT_BYTES + 1];
};

/* Words of the observers' schemas, as a row has them: 1 and the reason. */
static const char *reason_of(const struct store_subscription *row)
{
    static const char *const reasons[] = {
        [SUBSCRIPTION_EXPIRED] = "Expired",
        [SUBSCRIPTION_UNSUBSCRIBED] = "Unsubscribed",
        [SUBSCRIPTION_DELIVERY_FAILED] = "DeliveryFailed",
    };
    uint32_t end = row->ended - 1;

    return end < sizeof reasons / sizeof reasons[0]
               ? reasons[end]
               : reasons[SUBSCRIPTION_EXPIRED]; /* a newer version's row */
}

static void write_job_notice(struct end_notice *notice,
                             const struct store_subscription *row,
                             struct text *topics, uint32_t topic_count)
{
    struct isc_subscription_notify_request request = {
        .reason = text_of(reason_of(row)),
        .subscription_resource =
            {
                .id = text_of(notice->id),
                .observer = {.address = row->observer_url,
                             .action = row->observer_action},
                .topics = {.topic = topics, .topic_count = topic_count},
            },
    };

    soap_write(&notice->body, SOAP_1_1,
               &soap_type_isc_subscription_notify_request, &request);
}

static void write_session_notice(struct end_notice *notice,
                                 const struct store_subscription *row,
                                 struct text *topics, uint32_t topic_count)
{
    struct f06_subscription_notify_request request = {
        .reason = text_of(reason_of(row)),
        .subscription_resource =
            {
                .id = text_of(notice->id),
                .observer = {.address = row->observer_url,
                             .action = row->observer_action},
                .topics = {.topic = topics, .topic_count = topic_count},
            },
    };

    soap_write(&notice->body, SOAP_1_1,
               &soap_type_f06_subscription_notify_request, &request);
}

static void notice_free(struct end_notice *notice)
{
    struct subscriptions *subs = notice->owner;

    if (notice->previous != NULL)
        notice->previous->next = notice->next;
    else
        subs->notices = notice->next;
    if (notice->next != NULL)
        notice->next->previous = notice->previous;
    subs->notice_count--;
    loop_timer_stop(subs->loop, &notice->wait);
    text_builder_free(&notice->body);
    text_builder_free(&notice->fields);
    free(notice->url);
    free(notice->action);
    free(notice->secret);
    free(notice->secret_before);
    free(notice);
    subscriptions_check_stopped(subs);
}

/* It was told, or its hour is over: now the row goes, too. */
static void notice_end(struct end_notice *notice)
{
    struct store_batch *batch = store_batch_new();

    store_batch_remove_subscription(batch, notice->subscription_id);
    subscriptions_commit(notice->owner, batch);
    notice_free(notice);
}

static bool address_check(struct http_call *call,
                          const struct address *address)
{
    struct end_notice *notice = call->user;

    return callback_refused(&notice->owner->policy, address) == NULL;
}

static void send_notice(struct end_notice *notice);

static void wait_fired(struct loop_timer *timer)
{
    send_notice(OWNER_OF(timer, struct end_notice, wait));
}

static void call_done(struct http_call *call,
                      const struct http_call_result *result)
{
    struct end_notice *notice = call->user;
    struct subscriptions *subs = notice->owner;
    char reason[64];

    if (subs->stopping) {
        notice_free(notice); /* the row is there for the next start */
        return;
    }
    if (delivery_succeeded(subs, result, reason, sizeof reason) ||
        result->status == 410) {
        notice_end(notice);
        return;
    }
    notice->failed_attempts++;
    uint64_t wait_ns = delivery_wait_ns(notice->failed_attempts,
                                        result->retry_after_s, &subs->random);
    bool again = clock_wall_us() + (int64_t)(wait_ns / 1000) <
                 notice->give_up_us;
    LOG(push_end_notice_failed, notice->id, notice->failed_attempts,
        again ? wait_ns / 1000000 : 0, reason);
    if (!again) {
        notice_end(notice);
        return;
    }
    loop_timer_start(subs->loop, &notice->wait,
                     loop_now_ns(subs->loop) + wait_ns, wait_fired);
}

static void send_notice(struct end_notice *notice)
{
    struct http_call_request request = {
        .method = HTTP_METHOD_POST,
        .content_type = text_of("text/xml; charset=utf-8"),
        .soap_action = text_of(notice->action),
        .body = text_built(&notice->body),
        .address_check = address_check,
    };

    const struct signature_secrets secrets = {
        .secret = text_of(notice->secret),
        .before = text_of(notice->secret_before),
        .before_until_us = notice->secret_before_until_us,
    };

    CHECK(http_url_parse(text_of(notice->url), &request.url) == HTTP_URL_GOOD);
    signature_add(&notice->fields, &request, &secrets, notice->subscription_id);
    CHECK(!notice->fields.failed); /* some hundred bytes */
    notice->call.user = notice;
    http_call_start(notice->owner->client, &notice->call, &request, call_done);
}

static char *string_of(struct text text)
{
    char *string = strndup(text.size_bytes > 0 ? text.data : "",
                           text.size_bytes);
    CHECK(string != NULL);
    return string;
}

void end_notice_start(struct subscriptions *subs,
                      const struct store_subscription *row)
{
    struct text topics[STORE_TOPIC_COUNT];

    if (text_is_absent(row->ender_url) || subs->stopping)
        return;
    struct end_notice *notice = calloc(1, sizeof *notice);
    CHECK(notice != NULL);
    notice->owner = subs;
    notice->subscription_id = row->uuid;
    notice->url = string_of(row->ender_url);
    notice->action = string_of(row->ender_action);
    if (!text_is_absent(row->secret))
        notice->secret = string_of(row->secret);
    if (!text_is_absent(row->secret_before))
        notice->secret_before = string_of(row->secret_before);
    notice->secret_before_until_us = row->secret_before_until_us;
    notice->give_up_us = row->ended_us + DELIVERY_END_NOTICE_US;
    uuid_format(row->uuid, notice->id);

    uint32_t count = subscription_topic_names(row->topics, topics);
    if (row->kind == STORE_KIND_JOB)
        write_job_notice(notice, row, topics, count);
    else
        write_session_notice(notice, row, topics, count);

    notice->next = subs->notices;
    if (subs->notices != NULL)
        subs->notices->previous = notice;
    subs->notices = notice;
    subs->notice_count++;
    send_notice(notice);
}

void end_notices_stop(struct subscriptions *subs)
{
    for (struct end_notice *each = subs->notices, *next; each; each = next) {
        next = each->next;
        if (http_call_busy(&each->call))
            http_call_cancel(&each->call); /* call_done() frees it */
        else
            notice_free(each);
    }
}
