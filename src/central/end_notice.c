#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "central/subscriptions_private.h"
#include "soap/writer.h"

/* One SubscriptionNotify on its way. */
struct end_notice {
    struct subscriptions *owner;
    struct end_notice *next;
    struct end_notice *previous;
    char *url;
    char *action;
    struct text_builder body;
    struct http_call call;
    struct loop_timer wait;
    uint64_t give_up_ns;
    uint32_t failed_attempts;
    char id[UUID_TEXT_BYTES + 1];
};

/* Words of the observers' schemas. */
static const char *const reasons[] = {
    [SUBSCRIPTION_EXPIRED] = "Expired",
    [SUBSCRIPTION_UNSUBSCRIBED] = "Unsubscribed",
    [SUBSCRIPTION_DELIVERY_FAILED] = "DeliveryFailed",
};

static void write_job_notice(struct end_notice *notice,
                             const struct subscription *subscription,
                             struct text *topics, uint32_t topic_count)
{
    struct isc_subscription_notify_request request = {
        .reason = text_of(reasons[subscription->end]),
        .subscription_resource =
            {
                .id = text_of(notice->id),
                .observer = {.address = text_of(subscription->observer_url),
                             .action = text_of(subscription->observer_action)},
                .topics = {.topic = topics, .topic_count = topic_count},
            },
    };

    soap_write(&notice->body, SOAP_1_1,
               &soap_type_isc_subscription_notify_request, &request);
}

static void write_session_notice(struct end_notice *notice,
                                 const struct subscription *subscription,
                                 struct text *topics, uint32_t topic_count)
{
    struct f06_subscription_notify_request request = {
        .reason = text_of(reasons[subscription->end]),
        .subscription_resource =
            {
                .id = text_of(notice->id),
                .observer = {.address = text_of(subscription->observer_url),
                             .action = text_of(subscription->observer_action)},
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
    loop_timer_stop(subs->loop, &notice->wait);
    text_builder_free(&notice->body);
    free(notice->url);
    free(notice->action);
    free(notice);
    subscriptions_check_stopped(subs);
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
    uint64_t now_ns = loop_now_ns(subs->loop);
    char reason[64];

    if (subs->stopping ||
        delivery_succeeded(subs, result, reason, sizeof reason) ||
        result->status == 410) {
        notice_free(notice);
        return;
    }
    notice->failed_attempts++;
    uint64_t wait_ns = delivery_wait_ns(notice->failed_attempts,
                                        result->retry_after_s, &subs->random);
    bool again = now_ns + wait_ns < notice->give_up_ns;
    LOG(push_end_notice_failed, notice->id, notice->failed_attempts,
        again ? wait_ns / 1000000 : 0, reason);
    if (!again) {
        notice_free(notice);
        return;
    }
    loop_timer_start(subs->loop, &notice->wait, now_ns + wait_ns, wait_fired);
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

    CHECK(http_url_parse(text_of(notice->url), &request.url) == HTTP_URL_GOOD);
    notice->call.user = notice;
    http_call_start(notice->owner->client, &notice->call, &request, call_done);
}

void end_notice_start(struct subscriptions *subs,
                      const struct subscription *subscription)
{
    struct text topics[STORE_TOPIC_COUNT];

    if (subscription->ender_url == NULL || subs->stopping)
        return;
    struct end_notice *notice = calloc(1, sizeof *notice);
    CHECK(notice != NULL);
    notice->owner = subs;
    notice->url = strdup(subscription->ender_url);
    notice->action =
        strdup(subscription->ender_action ? subscription->ender_action : "");
    CHECK(notice->url != NULL && notice->action != NULL);
    notice->give_up_ns = loop_now_ns(subs->loop) + DELIVERY_END_NOTICE_NS;
    uuid_format(subscription->id, notice->id);

    uint32_t count = subscription_topic_names(subscription->interest.topics,
                                              topics);
    if (subscription->interest.kind == STORE_KIND_JOB)
        write_job_notice(notice, subscription, topics, count);
    else
        write_session_notice(notice, subscription, topics, count);

    notice->next = subs->notices;
    if (subs->notices != NULL)
        subs->notices->previous = notice;
    subs->notices = notice;
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
