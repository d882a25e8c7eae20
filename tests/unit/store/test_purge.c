#include <criterion/criterion.h>

#include "base/limits.h"
#include "fixture.h"

static struct fixture fixture;
static const struct store_position start;

static void set_up(void)
{
    fixture_open(&fixture);
}

static void tear_down(void)
{
    fixture_close(&fixture);
}

TestSuite(purge, .init = set_up, .fini = tear_down);

/* What is left of jobs and sessions: how many, and the oldest. */
struct left {
    uint32_t job_count;
    uint32_t first_job;
    uint32_t session_count;
    uint32_t first_session;
};

static void see_job(void *user, const struct store_job *job)
{
    struct left *left = user;

    if (left->job_count++ == 0)
        left->first_job = number_of(job->uuid);
}

static void see_session(void *user, const struct store_session *session)
{
    struct left *left = user;

    if (left->session_count++ == 0)
        left->first_session = number_of(session->uuid);
}

/* Sessions 1 to 4 of jobs 1 to 4 ended at 10, 20, 30 and not yet. */
static void put_history(void)
{
    struct store_batch *batch = store_batch_new();

    for (uint32_t i = 1; i <= 4; i++) {
        struct store_job job = job_of(i);
        struct store_session session = session_of(i, i);
        struct store_file file = file_of(i, 1);
        job.ended_us = i < 4 ? 10 * (int64_t)i : 0;
        session.end_us = job.ended_us;
        store_batch_put_job(batch, &job);
        store_batch_put_session(batch, &session);
        store_batch_put_file(batch, &file);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
}

Test(purge, a_purge_takes_what_ended_before_and_nothing_else)
{
    struct store_purge purge = {.history_before_us = 30};
    struct left left = {0};
    struct store_loader loader = {
        .user = &left, .job = see_job, .session = see_session};

    put_history();
    cr_expect_eq(fixture_purge(&fixture, &purge), 6);
    cr_expect_eq(fixture_purge(&fixture, &purge), 0);
    cr_assert_eq(store_load(fixture.store, &loader), 0);
    cr_expect_eq(left.job_count, 2);
    cr_expect_eq(left.first_job, 3);
    cr_expect_eq(left.session_count, 2);
    cr_expect_eq(left.first_session, 3);

    struct store_file_filter any = {0};
    struct store_rows *rows =
        fixture_files(&fixture, &any, STORE_BY_AGE, start, 10);
    cr_expect_eq(rows->count, 2);
    store_rows_free(rows);
}

Test(purge, a_job_stays_while_it_has_a_session)
{
    struct store_batch *batch = store_batch_new();
    struct store_job job = job_of(1);
    struct store_session session = session_of(1, 1);
    struct store_purge purge = {.history_before_us = 30};

    job.ended_us = 10;
    session.end_us = 30;
    store_batch_put_job(batch, &job);
    store_batch_put_session(batch, &session);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    cr_expect_eq(fixture_purge(&fixture, &purge), 0);
    purge.history_before_us = 31;
    cr_expect_eq(fixture_purge(&fixture, &purge), 2);
}

/* A session that will be retried has ended long before its job. */
Test(purge, a_session_and_its_files_stay_while_their_job_goes_on)
{
    struct store_batch *batch = store_batch_new();
    struct store_job job = job_of(1);
    struct store_session session = session_of(1, 1);
    struct store_file file = file_of(1, 1);
    struct store_purge purge = {.history_before_us = 30};

    job.ended_us = 0;
    session.end_us = 10;
    store_batch_put_job(batch, &job);
    store_batch_put_session(batch, &session);
    store_batch_put_file(batch, &file);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    cr_expect_eq(fixture_purge(&fixture, &purge), 0);

    batch = store_batch_new();
    job.ended_us = 20;
    store_batch_put_job(batch, &job);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    cr_expect_eq(fixture_purge(&fixture, &purge), 3);
}

Test(purge, a_purge_is_bounded_and_says_that_there_is_more)
{
    struct store_batch *batch = store_batch_new();
    struct store_session session = session_of(1, 1);
    struct store_purge purge = {.history_before_us = 30};
    uint32_t count = LIMIT_STORE_PURGE_ROWS + 1;

    session.end_us = 10;
    store_batch_put_session(batch, &session);
    for (uint32_t i = 0; i < count; i++) {
        struct store_file file = file_of(1, i);
        store_batch_put_file(batch, &file);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    cr_expect_eq(fixture_purge(&fixture, &purge), LIMIT_STORE_PURGE_ROWS);
    cr_expect_eq(fixture_purge(&fixture, &purge), 2);
    cr_expect_eq(fixture_purge(&fixture, &purge), 0);
}

/* The oldest session is of a job that goes on; it must not hold up what is
 * behind it. */
Test(purge, bounded_purges_take_all_in_the_end)
{
    enum { SESSIONS = LIMIT_STORE_PURGE_ROWS + 3, FILES = 3 };
    struct store_batch *batch = store_batch_new();
    struct store_purge purge = {.history_before_us = 10000};
    struct left left = {0};
    struct store_loader loader = {
        .user = &left, .job = see_job, .session = see_session};
    int removed = 0;
    int count;

    for (uint32_t i = 1; i <= SESSIONS; i++) {
        struct store_job job = job_of(i);
        struct store_session session = session_of(i, i);
        session.end_us = (int64_t)i;
        job.ended_us = i == 1 ? 0 : (int64_t)i;
        store_batch_put_job(batch, &job);
        store_batch_put_session(batch, &session);
        for (uint64_t j = 0; j < FILES; j++) {
            struct store_file file = file_of(i, j);
            store_batch_put_file(batch, &file);
        }
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    while ((count = fixture_purge(&fixture, &purge)) > 0) {
        cr_expect_leq(count, 3 * (int)LIMIT_STORE_PURGE_ROWS);
        removed += count;
    }
    cr_expect_eq(removed, (SESSIONS - 1) * (FILES + 2));
    cr_assert_eq(store_load(fixture.store, &loader), 0);
    cr_expect_eq(left.job_count, 1);
    cr_expect_eq(left.first_job, 1);
    cr_expect_eq(left.session_count, 1);
    cr_expect_eq(left.first_session, 1);
}

static void put_events(uint64_t count)
{
    struct store_batch *batch = store_batch_new();

    for (uint64_t i = 1; i <= count; i++) {
        struct store_event event = event_of(i);
        store_batch_add_event(batch, &event);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
}

static uint32_t event_count(void)
{
    struct store_event_filter filter = {
        .topics = STORE_TOPIC_BIT(STORE_TOPIC_COUNT) - 1};
    struct store_rows *rows = fixture_events(&fixture, &filter, 100);
    uint32_t count = rows->count;

    cr_assert_eq(rows->result, 0);
    store_rows_free(rows);
    return count;
}

Test(purge, events_go_when_they_are_old_and_acknowledged)
{
    static const struct {
        int64_t before_us;
        uint64_t sequence_max;
        int removed;
        uint32_t left;
    } steps[] = {
        {3, 9, 2, 7}, /* the third is not old enough */
        {9, 4, 2, 5}, /* the fifth is not acknowledged */
        {6, UINT64_MAX, 1, 4}, /* nobody waits for any */
        {99, 99, 4, 0},
    };

    put_events(9);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct store_purge purge = {
            .events_before_us = steps[i].before_us,
            .events_sequence_max = steps[i].sequence_max,
        };
        cr_expect_eq(fixture_purge(&fixture, &purge), steps[i].removed);
        cr_expect_eq(event_count(), steps[i].left);
    }
}
