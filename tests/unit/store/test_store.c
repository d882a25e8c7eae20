#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "fixture.h"
#include "io/loop.h"
#include "store/users.h"

static struct fixture fixture;
static const struct store_session_filter any_session;
static const struct store_position start;

static void set_up(void)
{
    fixture_open(&fixture);
}

static void tear_down(void)
{
    fixture_close(&fixture);
}

TestSuite(store, .init = set_up, .fini = tear_down);

static int commit_event(uint64_t sequence)
{
    struct store_batch *batch = store_batch_new();
    struct store_event event = event_of(sequence);

    store_batch_add_event(batch, &event);
    return fixture_commit(&fixture, batch);
}

/* All events there are, as their count; checks that numbers rise. */
static uint32_t event_count(uint64_t *last)
{
    struct store_event_filter filter = {
        .topics = STORE_TOPIC_BIT(STORE_TOPIC_COUNT) - 1};
    struct store_rows *rows =
        fixture_events(&fixture, &filter, STORE_PAGE_ROWS_MAX);
    uint32_t count = rows->count;

    cr_assert_eq(rows->result, 0);
    *last = 0;
    for (uint32_t i = 0; i < count; i++) {
        cr_expect_gt(rows->events[i].sequence, *last);
        *last = rows->events[i].sequence;
    }
    store_rows_free(rows);
    return count;
}

Test(store, what_is_committed_is_found_with_all_it_was)
{
    struct store_batch *batch = store_batch_new();
    struct store_job job = job_of(1);
    char order[] = "<Order/>";

    job.state = STORE_JOB_WAITING;
    job.order_text = text_of(order);
    job.retry_count = 2;
    store_batch_put_job(batch, &job);
    order[1] = 'X'; /* the batch has a copy */
    cr_assert_eq(fixture_commit(&fixture, batch), 0);

    struct store_rows *rows = fixture_job(&fixture, id_of(1));
    cr_assert_eq(rows->result, 0);
    cr_assert_eq(rows->count, 1);
    cr_expect(text_is(rows->jobs[0].order_text, "<Order/>"));
    cr_expect_eq(rows->jobs[0].state, STORE_JOB_WAITING);
    cr_expect_eq(rows->jobs[0].retry_count, 2);
    cr_expect(text_is_absent(rows->jobs[0].cookie));
    store_rows_free(rows);

    rows = fixture_job(&fixture, id_of(2));
    cr_expect_eq(rows->result, 0);
    cr_expect_eq(rows->count, 0);
    store_rows_free(rows);
}

Test(store, a_later_put_keeps_the_order_of_a_job)
{
    struct store_batch *batch = store_batch_new();
    struct store_job job = job_of(1);

    job.order_text = text_of("<Order/>");
    store_batch_put_job(batch, &job);
    job = (struct store_job){.uuid = id_of(1), .state = STORE_JOB_RUNNING};
    store_batch_put_job(batch, &job);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);

    struct store_rows *rows = fixture_job(&fixture, id_of(1));
    cr_assert_eq(rows->count, 1);
    cr_expect(text_is(rows->jobs[0].order_text, "<Order/>"));
    cr_expect_eq(rows->jobs[0].created_us, 1);
    cr_expect_eq(rows->jobs[0].state, STORE_JOB_RUNNING);
    store_rows_free(rows);
}

Test(store, a_batch_is_there_as_a_whole_or_not_at_all)
{
    struct store_batch *batch = store_batch_new();
    struct store_session session = session_of(1, 1);
    struct store_event event = event_of(1);

    cr_assert_eq(commit_event(1), 0);
    store_batch_put_session(batch, &session);
    store_batch_add_event(batch, &event); /* its number is taken */
    cr_expect_eq(fixture_commit(&fixture, batch), -EINVAL);

    struct store_rows *rows =
        fixture_sessions(&fixture, &any_session, STORE_BY_AGE, start, 10);
    cr_expect_eq(rows->count, 0);
    store_rows_free(rows);
}

struct turn {
    int results[8];
    int order[8];
    int count;
    bool all;
};

struct turn_item {
    struct turn *turn;
    int number;
};

static void turn_done(void *user, int result)
{
    struct turn_item *item = user;
    struct turn *turn = item->turn;

    turn->results[item->number] = result;
    turn->order[turn->count++] = item->number;
    turn->all = turn->count == 8;
}

/* The fifth is refused; those around it in the same group are not. */
Test(store, batches_end_in_their_order_and_a_bad_one_ends_alone)
{
    struct turn turn = {0};
    struct turn_item items[8];
    uint64_t last;

    for (int i = 0; i < 8; i++) {
        struct store_batch *batch = store_batch_new();
        struct store_event event = event_of(i == 5 ? 3 : (uint64_t)i + 1);
        items[i] = (struct turn_item){&turn, i};
        store_batch_add_event(batch, &event);
        store_commit(fixture.store, batch, &items[i], turn_done);
        cr_expect_eq(store_waiting_count(fixture.store), (uint32_t)i + 1);
    }
    cr_expect_eq(turn.count, 0, "a callback came from inside a call");
    fixture_wait(&fixture, &turn.all);
    cr_expect_eq(store_waiting_count(fixture.store), 0);
    for (int i = 0; i < 8; i++) {
        cr_expect_eq(turn.order[i], i);
        cr_expect_eq(turn.results[i], i == 5 ? -EINVAL : 0, "%d", i);
    }
    cr_expect_eq(event_count(&last), 7);
    cr_expect_eq(last, 8);
}

Test(store, an_empty_batch_is_done_in_its_turn)
{
    cr_expect_eq(fixture_commit(&fixture, store_batch_new()), 0);
}

Test(store, a_batch_without_memory_ends_with_that_result)
{
    static char text[1 << 20];
    struct store_batch *batch = store_batch_new();
    struct store_job job = job_of(1);

    memset(text, 'x', sizeof text);
    job.order_text = text_from(text, sizeof text);
    for (uint32_t i = 0; i <= LIMIT_STORE_BATCH_BYTES / sizeof text; i++)
        store_batch_put_job(batch, &job);
    cr_expect_eq(fixture_commit(&fixture, batch), -ENOMEM);

    struct store_rows *rows = fixture_job(&fixture, id_of(1));
    cr_expect_eq(rows->count, 0);
    store_rows_free(rows);
}

Test(store, event_numbers_must_rise)
{
    uint64_t last;

    cr_expect_eq(commit_event(5), 0);
    cr_expect_eq(commit_event(5), -EINVAL);
    cr_expect_eq(commit_event(4), -EINVAL);
    cr_expect_eq(commit_event(6), 0);
    cr_expect_eq(event_count(&last), 2);
}

Test(store, numbers_go_on_after_a_restart_and_a_purge)
{
    struct store_batch *batch = store_batch_new();
    struct store_session session = session_of(1, 1);
    struct store_purge all = {INT64_MAX, INT64_MAX, 9};

    session.end_us = 2;
    store_batch_put_session(batch, &session);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    cr_assert_eq(commit_event(9), 0);
    uint64_t change = store_last_change(fixture.store);
    cr_expect_eq(change, 1);
    cr_expect_eq(fixture_purge(&fixture, &all), 2);

    fixture_reopen(&fixture);
    cr_expect_eq(store_last_sequence(fixture.store), 9);
    cr_expect_eq(store_last_change(fixture.store), change);
    cr_expect_eq(commit_event(9), -EINVAL);
    cr_expect_eq(commit_event(10), 0);
}

Test(store, changes_that_were_refused_are_not_counted)
{
    struct store_batch *batch = store_batch_new();
    struct store_session session = session_of(1, 1);
    struct store_event event = event_of(0); /* no number at all */

    store_batch_put_session(batch, &session);
    store_batch_add_event(batch, &event);
    cr_assert_eq(fixture_commit(&fixture, batch), -EINVAL);
    cr_expect_eq(store_last_change(fixture.store), 0);
}

/* ---- subscriptions, users ---- */

static struct store_subscription subscription_of(uint32_t number)
{
    return (struct store_subscription){
        .uuid = id_of(number),
        .kind = STORE_KIND_SESSION,
        .topics = STORE_TOPIC_BIT(STORE_TOPIC_SESSION_START),
        .observer_url = text_of("http://127.0.0.1:1/o"),
        .expires_us = 100,
    };
}

struct loaded {
    uint32_t jobs[8];
    uint32_t job_count;
    uint32_t sessions[8];
    uint32_t session_count;
    uint32_t subscriptions[8];
    uint64_t cursors[8];
    uint32_t subscription_count;
};

static void load_job(void *user, const struct store_job *job)
{
    struct loaded *loaded = user;
    loaded->jobs[loaded->job_count++] = number_of(job->uuid);
}

static void load_session(void *user, const struct store_session *session)
{
    struct loaded *loaded = user;
    loaded->sessions[loaded->session_count++] = number_of(session->uuid);
}

static void load_subscription(void *user,
                              const struct store_subscription *subscription)
{
    struct loaded *loaded = user;

    cr_expect(text_is(subscription->observer_url, "http://127.0.0.1:1/o"));
    loaded->cursors[loaded->subscription_count] = subscription->cursor;
    loaded->subscriptions[loaded->subscription_count++] =
        number_of(subscription->uuid);
}

static struct loaded load(void)
{
    struct loaded loaded = {0};
    struct store_loader loader = {&loaded, load_job, load_session,
                                  load_subscription};

    cr_assert_eq(store_load(fixture.store, &loader), 0);
    return loaded;
}

Test(store, after_a_restart_all_is_loaded_in_the_order_it_came)
{
    struct store_batch *batch = store_batch_new();

    for (uint32_t i = 0; i < 3; i++) {
        struct store_job job = job_of(30 - i);
        struct store_session session = session_of(60 - i, 30 - i);
        struct store_subscription subscription = subscription_of(90 - i);
        store_batch_put_job(batch, &job);
        store_batch_put_session(batch, &session);
        store_batch_put_subscription(batch, &subscription);
    }
    /* A later change is no new place. */
    struct store_job job = job_of(30);
    store_batch_put_job(batch, &job);
    store_batch_remove_subscription(batch, id_of(89));
    store_batch_set_cursor(batch, id_of(88), 77);
    store_batch_set_cursor(batch, id_of(89), 78); /* gone: nothing happens */
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    fixture_reopen(&fixture);

    struct loaded loaded = load();
    cr_assert_eq(loaded.job_count, 3);
    cr_assert_eq(loaded.session_count, 3);
    cr_assert_eq(loaded.subscription_count, 2);
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect_eq(loaded.jobs[i], 30 - i);
        cr_expect_eq(loaded.sessions[i], 60 - i);
    }
    cr_expect_eq(loaded.subscriptions[0], 90);
    cr_expect_eq(loaded.cursors[0], 0);
    cr_expect_eq(loaded.subscriptions[1], 88);
    cr_expect_eq(loaded.cursors[1], 77);
}

Test(store, a_user_of_another_process_is_seen_at_once)
{
    struct store_users *users;
    char message[STORE_MESSAGE_BYTES];
    struct store_user user = {.name = text_of("ann"),
                              .docroot = text_of("/data"),
                              .password_hash = text_of("hash")};

    cr_assert_eq(store_users_open(&users, fixture.path, message), 0, "%s",
                 message);
    cr_assert_eq(store_users_add(users, &user), 0);
    struct store_rows *rows = fixture_user(&fixture, "ann");
    cr_assert_eq(rows->count, 1);
    cr_expect(text_is(rows->users[0].docroot, "/data"));
    cr_expect(text_is_absent(rows->users[0].public_keys));
    store_rows_free(rows);

    cr_assert_eq(store_users_remove(users, text_of("ann")), 0);
    rows = fixture_user(&fixture, "ann");
    cr_expect_eq(rows->count, 0);
    store_rows_free(rows);
    store_users_close(users);
}

Test(store, a_user_can_be_put_and_removed_by_batch)
{
    struct store_batch *batch = store_batch_new();
    struct store_user user = {.name = text_of("bob"), .docroot = text_of("/b")};

    store_batch_put_user(batch, &user);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    struct store_rows *rows = fixture_user(&fixture, "bob");
    cr_expect_eq(rows->count, 1);
    store_rows_free(rows);

    batch = store_batch_new();
    store_batch_remove_user(batch, text_of("bob"));
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    rows = fixture_user(&fixture, "bob");
    cr_expect_eq(rows->count, 0);
    store_rows_free(rows);
}

/* ---- closing ---- */

static void nothing_done(void *user, int result)
{
    cr_expect_eq(result, 0);
    ++*(uint32_t *)user;
}

static void nothing_answered(void *user, struct store_rows *rows)
{
    store_rows_free(rows);
    ++*(uint32_t *)user;
}

Test(store, closing_commits_and_answers_what_was_handed_over)
{
    uint32_t called = 0;
    uint64_t last;

    for (uint64_t i = 1; i <= 100; i++) {
        struct store_batch *batch = store_batch_new();
        struct store_event event = event_of(i);
        store_batch_add_event(batch, &event);
        store_commit(fixture.store, batch, &called, nothing_done);
        store_query_job(fixture.store, id_of(1), &called, nothing_answered);
    }
    fixture_reopen(&fixture);
    cr_expect_eq(called, 200);
    cr_expect_eq(event_count(&last), 100);
}

Test(store, too_many_queries_are_refused_and_still_answered)
{
    uint32_t called = 0;

    /* Stop the reader: nothing is answered before the loop turns anyway. */
    for (uint32_t i = 0; i < LIMIT_STORE_QUERIES; i++)
        store_query_job(fixture.store, id_of(1), &called, nothing_answered);
    struct store_rows *rows = fixture_job(&fixture, id_of(1));
    cr_expect_eq(rows->result, -EBUSY);
    cr_expect_eq(rows->count, 0);
    cr_expect_eq(called, LIMIT_STORE_QUERIES);
    store_rows_free(rows);
    rows = fixture_job(&fixture, id_of(1));
    cr_expect_eq(rows->result, 0);
    store_rows_free(rows);
}

Test(store, a_closed_store_takes_nothing, .signal = SIGABRT)
{
    uint32_t called = 0;
    bool done = false;

    fixture_remove_folder(&fixture); /* nobody will after this */
    store_close(fixture.store, &done, NULL);
    store_commit(fixture.store, store_batch_new(), &called, nothing_done);
}

Test(batch, statistics_are_never_stored, .signal = SIGABRT)
{
    struct store_event event = event_of(1);

    event.topic = STORE_TOPIC_SESSION_STATISTICS;
    store_batch_add_event(store_batch_new(), &event);
}
