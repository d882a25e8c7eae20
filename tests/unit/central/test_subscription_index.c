#include "central/subscription_index.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "central/subscription.h"

#define MANY 1000u

static struct subscription_index set;
static struct subscription *all;

static void set_up(void)
{
    set = (struct subscription_index){0};
    all = calloc(MANY, sizeof *all);
}

static void tear_down(void)
{
    subscription_index_free(&set);
    free(all);
}

TestSuite(subscription_index, .init = set_up, .fini = tear_down);

static struct subscription *add(uint32_t i, uint32_t topics,
                                struct uuid subject)
{
    all[i].interest = (struct event_interest){
        .topics = topics,
        .kind = STORE_KIND_JOB,
        .subject = subject,
    };
    subscription_index_add(&set, &all[i]);
    return &all[i];
}

struct found {
    uint32_t count;
    uint32_t enough;
    bool removes;
};

static bool found(void *user, struct subscription *subscription)
{
    struct found *of = user;

    of->count++;
    if (of->removes)
        subscription_index_remove(&set, subscription);
    return of->count != of->enough;
}

static uint32_t count_of(enum store_topic topic, struct uuid job)
{
    struct store_event event = {.topic = topic, .job_uuid = job};
    struct found of = {0};

    subscription_index_each(&set, &event, found, &of);
    return of.count;
}

#define START STORE_TOPIC_BIT(STORE_TOPIC_JOB_START)
#define STOP STORE_TOPIC_BIT(STORE_TOPIC_JOB_STOP)
static const struct uuid none;

Test(subscription_index, finds_by_topic_and_by_subject)
{
    struct uuid job = uuid_new(), other = uuid_new();

    add(0, START | STOP, none);
    add(1, STOP, none);
    add(2, STOP, job);
    add(3, START, job);
    add(4, STOP, other);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_START, uuid_new()), 1);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_STOP, uuid_new()), 2);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_STOP, job), 3);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_START, job), 2);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_ERROR, job), 0);
    subscription_index_remove(&set, &all[2]);
    subscription_index_remove(&set, &all[2]); /* once more is no matter */
    cr_assert_eq(count_of(STORE_TOPIC_JOB_STOP, job), 2);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_START, job), 2);
    subscription_index_remove(&set, &all[3]);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_START, job), 1);
}

Test(subscription_index, the_one_that_is_found_may_go)
{
    struct uuid job = uuid_new();
    struct store_event event = {.topic = STORE_TOPIC_JOB_STOP,
                                .job_uuid = job};
    struct found of = {.removes = true};

    for (uint32_t i = 0; i < MANY; i++)
        add(i, STOP | START, i % 2 ? job : none);
    subscription_index_each(&set, &event, found, &of);
    cr_assert_eq(of.count, MANY);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_STOP, job), 0);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_START, job), 0);
}

Test(subscription_index, a_walk_ends_when_enough_are_found)
{
    struct store_event event = {.topic = STORE_TOPIC_JOB_STOP};
    struct found of = {.enough = 3};

    for (uint32_t i = 0; i < 10; i++)
        add(i, STOP, none);
    subscription_index_each(&set, &event, found, &of);
    cr_assert_eq(of.count, 3);
}

Test(subscription_index, others_are_not_looked_at)
{
    for (uint32_t i = 0; i < MANY; i++)
        add(i, i % 2 ? START : STOP, i % 4 < 2 ? uuid_new() : none);
    cr_assert_eq(count_of(STORE_TOPIC_JOB_START, uuid_new()), MANY / 4);
}
