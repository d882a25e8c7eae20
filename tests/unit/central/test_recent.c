#include "central/recent.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static struct recent recent;
static const struct event_interest jobs = {
    .topics = STORE_TOPIC_BIT(STORE_TOPIC_JOB_START),
    .kind = STORE_KIND_JOB,
};

static void add(uint64_t sequence, enum store_topic topic)
{
    struct store_event event = {
        .sequence = sequence,
        .topic = topic,
        .body = text_of("<body/>"),
    };

    recent_add(&recent, &event);
}

Test(recent, finds_the_first_event_of_interest_above_a_cursor)
{
    add(5, STORE_TOPIC_JOB_CONNECTING);
    add(6, STORE_TOPIC_JOB_START);
    add(9, STORE_TOPIC_JOB_START);
    cr_assert_eq(recent_next(&recent, 4, &jobs)->sequence, 6);
    cr_assert_eq(recent_next(&recent, 6, &jobs)->sequence, 9);
    cr_assert_null(recent_next(&recent, 9, &jobs));
    cr_assert(text_is(recent_next(&recent, 4, &jobs)->body, "<body/>"));
    recent_free(&recent);
}

Test(recent, covers_what_it_holds_and_no_more)
{
    cr_assert_not(recent_covers(&recent, 0), "an empty one covers nothing");
    for (uint64_t i = 1; i <= RECENT_EVENTS; i++)
        add(i, STORE_TOPIC_JOB_START);
    cr_assert(recent_covers(&recent, 0));
    add(RECENT_EVENTS + 1, STORE_TOPIC_JOB_START);
    cr_assert_not(recent_covers(&recent, 0), "the first has gone");
    cr_assert(recent_covers(&recent, 1));
    cr_assert_eq(recent_next(&recent, 1, &jobs)->sequence, 2);
    recent_free(&recent);
}

static void add_bytes(uint64_t sequence, uint32_t size_bytes)
{
    char *body = malloc(size_bytes);
    struct store_event event = {
        .sequence = sequence,
        .topic = STORE_TOPIC_JOB_START,
    };

    memset(body, 'x', size_bytes);
    event.body = text_from(body, size_bytes);
    recent_add(&recent, &event);
    free(body);
}

Test(recent, large_bodies_take_the_room_of_older_ones)
{
    for (uint64_t i = 1; i <= 4; i++)
        add_bytes(i, LIMIT_RECENT_BYTES / 4);
    cr_assert(recent_covers(&recent, 0), "the limit itself fits");
    add_bytes(5, 1);
    cr_assert_not(recent_covers(&recent, 0), "one byte more does not");
    cr_assert(recent_covers(&recent, 1));
    cr_assert_eq(recent.body_bytes, LIMIT_RECENT_BYTES / 4 * 3 + 1);
    add_bytes(6, LIMIT_RECENT_BYTES);
    cr_assert_eq(recent.count, 1);
    add_bytes(7, LIMIT_RECENT_BYTES + 1);
    cr_assert_eq(recent.count, 0, "it is read from the store");
    cr_assert_not(recent_covers(&recent, 6));
    add_bytes(8, 1);
    cr_assert(recent_covers(&recent, 7));
    cr_assert_not(recent_covers(&recent, 6), "7 is not in it");
    recent_free(&recent);
    cr_assert_eq(recent.body_bytes, 0);
}

Test(recent, a_sequence_that_goes_back_is_a_bug, .signal = SIGABRT)
{
    add(2, STORE_TOPIC_JOB_START);
    add(2, STORE_TOPIC_JOB_START);
}

Test(recent, an_interest_is_topic_kind_and_subject)
{
    struct uuid one = uuid_new();
    struct store_event event = {
        .topic = STORE_TOPIC_SESSION_STOP,
        .job_uuid = one,
        .session_uuid = uuid_new(),
    };
    struct event_interest interest = {
        .topics = STORE_TOPIC_BIT(STORE_TOPIC_SESSION_STOP),
        .kind = STORE_KIND_SESSION,
    };

    cr_assert(event_interests(&interest, &event));
    interest.subject = event.session_uuid;
    cr_assert(event_interests(&interest, &event));
    interest.subject = one; /* the job's id is no session's */
    cr_assert_not(event_interests(&interest, &event));
    interest.subject = event.session_uuid;
    interest.topics = STORE_TOPIC_BIT(STORE_TOPIC_SESSION_START);
    cr_assert_not(event_interests(&interest, &event));
}
