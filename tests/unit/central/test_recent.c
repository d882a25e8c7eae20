#include "central/recent.h"

#include <criterion/criterion.h>
#include <signal.h>

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
