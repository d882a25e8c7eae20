/* What is sent, what an answer means, and how long to wait after a bad one: the
 * parts of a delivery that have no state. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "central/subscriptions_private.h"

uint64_t delivery_wait_ns(uint32_t failed_count, uint32_t retry_after_s,
                          struct random *random)
{
    uint64_t wait_ns = DELIVERY_WAIT_NS_MIN;

    CHECK(failed_count > 0);
    if (retry_after_s > 0) {
        wait_ns = (uint64_t)retry_after_s * 1000000000;
        return wait_ns < DELIVERY_WAIT_NS_MAX ? wait_ns : DELIVERY_WAIT_NS_MAX;
    }
    for (uint32_t i = 1; i < failed_count && wait_ns < DELIVERY_WAIT_NS_MAX; i++)
        wait_ns *= 2;
    if (wait_ns > DELIVERY_WAIT_NS_MAX)
        wait_ns = DELIVERY_WAIT_NS_MAX;
    return wait_ns / 2 + random_below(random, wait_ns / 2 + 1);
}

bool delivery_has_fault(struct subscriptions *subs, struct text body)
{
    struct soap_reader *reader = &subs->answer_reader;

    if (body.size_bytes == 0)
        return false;
    soap_reader_start(reader, &subs->answer_arena, SOAP_READ_ANY,
                      SOAP_CHARSET_ABSENT, NULL);
    soap_reader_feed(reader, body.data, body.size_bytes, true);
    bool has_fault = reader->is_peer_fault;
    arena_reset(&subs->answer_arena);
    return has_fault;
}

void delivery_note_error(struct subscription *subscription, const char *reason)
{
    char dropped[80] = "";

    if (subscription->dropped_last != 0)
        snprintf(dropped, sizeof dropped,
                 "events %" PRIu64 " to %" PRIu64 " were dropped%s",
                 subscription->dropped_first, subscription->dropped_last,
                 reason != NULL ? "; " : "");
    snprintf(subscription->last_error, sizeof subscription->last_error,
             "%s%s", dropped, reason != NULL ? reason : "");
    subscription->last_error_us = clock_wall_us();
}

void delivery_address_body(struct text_builder *out, struct text body,
                           struct uuid id)
{
    char text[UUID_TEXT_BYTES + 1];
    const char *place = memmem(body.data, body.size_bytes,
                               SUBSCRIPTION_PLACEHOLDER, UUID_TEXT_BYTES);

    CHECK(place != NULL);
    uuid_format(id, text);
    text_builder_reset(out);
    text_add(out, body);
    if (!out->failed)
        memcpy(out->data + (place - body.data), text, UUID_TEXT_BYTES);
}

bool delivery_succeeded(struct subscriptions *subs,
                        const struct http_call_result *result, char *reason,
                        size_t reason_bytes)
{
    if (result->error != HTTP_CALL_GOOD &&
        result->error != HTTP_CALL_TOO_LARGE) {
        snprintf(reason, reason_bytes, "%s",
                 http_call_error_text(result));
        return false;
    }
    bool is_2xx = result->status / 100 == 2;
    snprintf(reason, reason_bytes, "answered %u%s", result->status,
             is_2xx ? " with a Fault" : "");
    return is_2xx && !delivery_has_fault(subs, result->body);
}
