#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static void set_up(void)
{
    harness_make_folder();
    harness_open(0);
}

static void tear_down(void)
{
    harness_close();
    harness_remove_folder();
}

TestSuite(changes, .init = set_up, .fini = tear_down);

/* What was heard, in order: "a=0 b=-22 ". */
static char heard[256];

static void done(void *user, int result)
{
    size_t used = strlen(heard);

    snprintf(heard + used, sizeof heard - used, "%s=%d ", (const char *)user,
             result);
}

static bool all_durable(void *user)
{
    (void)user;
    return harness.central->changes.first == NULL;
}

static struct change *change_of_a_job(void)
{
    struct change *change = change_begin(&harness.central->changes);
    struct store_job job = {.uuid = uuid_new(), .created_us = 1};

    change_put_job(change, &job);
    return change;
}

static struct store_event *tell(struct change *change)
{
    struct store_event *event = change_tell(change, STORE_TOPIC_JOB_START,
                                            uuid_new(), (struct uuid){{0}});

    event->body = text_of("a body");
    return event;
}

Test(changes, they_are_done_in_the_order_of_their_commits)
{
    change_commit(change_of_a_job(), CHANGE_MUST, "a", done);
    change_commit(change_of_a_job(), CHANGE_MAY, "b", done);
    change_commit(change_of_a_job(), CHANGE_MUST, "c", done);
    cr_assert_str_eq(heard, "", "never from inside the commit");
    harness_run_until(all_durable, NULL);

    cr_assert_str_eq(heard, "a=0 b=0 c=0 ");
}

Test(changes, a_request_that_the_store_refuses_takes_nobody_with_it)
{
    char expected[64];
    struct change *change = change_of_a_job();

    tell(change);
    change_commit(change, CHANGE_MUST, "a", done);
    change_commit(change_of_a_job(), CHANGE_MUST, "b", done);
    change = change_of_a_job();
    tell(change)->sequence = 1; /* which was used: the store refuses it */
    change_commit(change, CHANGE_MAY, "c", done);
    change = change_of_a_job();
    tell(change);
    change_commit(change, CHANGE_MUST, "d", done);
    harness_run_until(all_durable, NULL);

    snprintf(expected, sizeof expected, "a=0 b=0 c=%d d=0 ", -EINVAL);
    cr_assert_str_eq(heard, expected);
    cr_assert_str_eq(harness_topics(), "job.start job.start");
}

Test(changes, events_are_numbered_as_they_are_told)
{
    struct changes *changes = &harness.central->changes;
    struct change *change = change_begin(changes);

    tell(change);
    tell(change);
    change_commit(change, CHANGE_MUST, NULL, NULL);
    cr_assert_eq(changes->sequence, 2);
    harness_run_until(all_durable, NULL);
    harness_close();
    harness_open(0);
    cr_assert_eq(harness.central->changes.sequence, 2, "and after a restart");
}

Test(changes, two_changes_cannot_tell_events_at_once, .signal = SIGABRT)
{
    tell(change_begin(&harness.central->changes));
    tell(change_begin(&harness.central->changes));
}

Test(changes, what_the_store_never_takes_does_not_hold_up_a_stop)
{
    struct change *change = change_of_a_job();

    tell(change);
    change_commit(change, CHANGE_MUST, "a", done);
    harness_run_until(all_durable, NULL);
    change = change_of_a_job();
    tell(change)->sequence = 1; /* which was used */
    change_commit(change, CHANGE_MUST, "b", done);
    change_commit(change_of_a_job(), CHANGE_MUST, "c", done);
    cr_assert_str_eq(heard, "a=0 ");

    char expected[64];
    harness_close();
    snprintf(expected, sizeof expected, "a=0 b=%d c=0 ", -EINVAL);
    cr_assert_str_eq(heard, expected);
    harness_open(0);
}
