#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "fixture.h"

static struct fixture fixture;
static const struct store_position start;
static const struct store_session_filter any_session;

static void set_up(void)
{
    fixture_open(&fixture);
}

static void tear_down(void)
{
    fixture_close(&fixture);
}

TestSuite(query, .init = set_up, .fini = tear_down);

/* ---- sessions ---- */

/* Six sessions, oldest first; every column of the filter tells some apart. */
static void put_sessions(void)
{
    static const struct {
        uint32_t job;
        enum store_session_state state;
        const char *server;
        const char *client;
        const char *cookie;
        const char *key;
        const char *user;
        enum store_direction direction;
        int64_t start_us;
        int64_t end_us;
    } all[] = {
        {1, STORE_SESSION_WILLRETRY, "10.0.0.1", "10.0.0.9", "blue", "k1",
         "ann", STORE_OUTGOING, 10, 20},
        {1, STORE_SESSION_COMPLETED, "10.0.0.1", "10.0.0.9", "blue", "k1",
         "ann", STORE_OUTGOING, 30, 40},
        {0, STORE_SESSION_RUNNING, "10.0.0.1", "10.0.0.8", "red", NULL, "bob",
         STORE_INCOMING, 35, 0},
        {2, STORE_SESSION_ERROR, "10.0.0.2", "10.0.0.9", NULL, NULL, "bob",
         STORE_OUTGOING, 50, 60},
        {0, STORE_SESSION_PAUSED, "10.0.0.2", "10.0.0.7", "red", "k2", "cid",
         STORE_INCOMING, 55, 0},
        {3, STORE_SESSION_WAITING, NULL, NULL, "", NULL, "ann", STORE_OUTGOING,
         70, 0},
    };
    struct store_batch *batch = store_batch_new();

    for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct store_session session = {
            .uuid = id_of(i + 1),
            .job_uuid = id_of(all[i].job),
            .state = all[i].state,
            .server_address = text_of(all[i].server),
            .client_address = text_of(all[i].client),
            .cookie = text_of(all[i].cookie),
            .private_key = text_of(all[i].key),
            .user_name = text_of(all[i].user),
            .direction = all[i].direction,
            .start_us = all[i].start_us,
            .end_us = all[i].end_us,
        };
        store_batch_put_session(batch, &session);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
}

/* The numbers of the sessions found, in order: "5 3 ". */
static void expect_sessions(const struct store_rows *rows, const char *want,
                            const char *what)
{
    char got[256] = "";

    cr_assert_eq(rows->result, 0, "%s", what);
    for (uint32_t i = 0; i < rows->count; i++)
        sprintf(got + strlen(got), "%u ", number_of(rows->sessions[i].uuid));
    cr_expect_str_eq(got, want, "%s: %s not %s", what, got, want);
}

Test(query, each_member_of_the_filter_takes_its_sessions)
{
    static const char id_2[] = "00000000-0000-0000-0000-000000000002";
    static const char id_5[] = "00000000-0000-0000-0000-000000000005";
    const struct {
        const char *what;
        struct store_session_filter filter;
        const char *want;
    } cases[] = {
        {.what = "all", .want = "6 5 4 3 2 1 "},
        {"uuid", {.session_uuids = LIST(T(id_5))}, "5 "},
        {"uuids", {.session_uuids = LIST(T(id_5), T(id_2), T(id_2))}, "5 2 "},
        {"uuid of none", {.session_uuids = LIST(T("none"))}, ""},
        {"job", {.job_uuids = LIST(T(id_2))}, "4 "},
        {"state", {.states = LIST(T("running"))}, "3 "},
        {"states", {.states = LIST(T("error"), T("paused"), T("odd"))}, "5 4 "},
        {"server", {.server_addresses = LIST(T("10.0.0.1"))}, "3 2 1 "},
        {"client", {.client_addresses = LIST(T("10.0.0.9"))}, "4 2 1 "},
        {"cookie", {.cookies = LIST(T("blue"))}, "2 1 "},
        {"cookie that is empty", {.cookies = LIST(T(""))}, "6 "},
        {"cookie, case counts", {.cookies = LIST(T("Blue"))}, ""},
        {"a quote is a value", {.cookies = LIST(T("' OR 1 --"))}, ""},
        {"key", {.private_keys = LIST(T("k1"), T("k2"))}, "5 2 1 "},
        {"user", {.user_names = LIST(T("ann"), T("cid"))}, "6 5 2 1 "},
        {"direction", {.direction = T("incoming")}, "5 3 "},
        {"odd direction", {.direction = T("sideways")}, ""},
        {"start, inclusive", {.start = {30, 55}}, "5 4 3 2 "},
        {"start from", {.start = {51, 0}}, "6 5 "},
        {"end excludes what runs", {.end = {1, 0}}, "4 2 1 "},
        {"end, inclusive", {.end = {20, 40}}, "2 1 "},
        {"last of a job", {.last_session_only = true}, "6 5 4 3 2 "},
        {"last of a job, before all else",
         {.states = LIST(T("willretry")), .last_session_only = true},
         ""},
        {"and",
         {.cookies = LIST(T("red")), .user_names = LIST(T("bob"))},
         "3 "},
    };

    put_sessions();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_rows *rows = fixture_sessions(&fixture, &cases[i].filter,
                                                   STORE_BY_AGE, start, 10);
        expect_sessions(rows, cases[i].want, cases[i].what);
        cr_expect_eq(rows->remaining, 0);
        store_rows_free(rows);
    }
}

Test(query, pages_follow_one_another_and_say_what_remains)
{
    static const struct {
        const char *want;
        uint64_t remaining;
    } pages[] = {{"6 5 ", 4}, {"4 3 ", 2}, {"2 1 ", 0}, {"", 0}};
    struct store_position from = start;

    put_sessions();
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct store_rows *rows =
            fixture_sessions(&fixture, &any_session, STORE_BY_AGE, from, 2);
        expect_sessions(rows, pages[i].want, "page");
        cr_expect_eq(rows->remaining, pages[i].remaining);
        from = rows->next;
        store_rows_free(rows);
    }
    /* An empty page leaves the position where it was. */
    cr_expect_eq(from.session_id, 1);
}

Test(query, changes_come_oldest_first_and_new_ones_are_not_missed)
{
    struct store_session session = session_of(2, 1);
    struct store_batch *batch;
    struct store_rows *rows;

    put_sessions();
    rows = fixture_sessions(&fixture, &any_session, STORE_BY_AGE, start, 10);
    struct store_position from = {.changed = rows->change};
    cr_expect_eq(rows->change, 6);
    cr_expect_eq(store_last_change(fixture.store), 6);
    store_rows_free(rows);

    rows = fixture_sessions(&fixture, &any_session, STORE_BY_CHANGE, from, 10);
    expect_sessions(rows, "", "nothing yet");
    from = rows->next;
    store_rows_free(rows);

    batch = store_batch_new();
    store_batch_put_session(batch, &session);
    session = session_of(1, 1);
    store_batch_put_session(batch, &session);
    session = session_of(7, 1);
    store_batch_put_session(batch, &session);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);

    rows = fixture_sessions(&fixture, &any_session, STORE_BY_CHANGE, from, 2);
    expect_sessions(rows, "2 1 ", "changed");
    cr_expect_eq(rows->remaining, 1);
    from = rows->next;
    store_rows_free(rows);
    rows = fixture_sessions(&fixture, &any_session, STORE_BY_CHANGE, from, 2);
    expect_sessions(rows, "7 ", "new");
    cr_expect_eq(rows->sessions[0].changed, 9);
    store_rows_free(rows);
}

Test(query, a_changed_session_keeps_its_place_by_age)
{
    struct store_session session = session_of(2, 1);
    struct store_batch *batch = store_batch_new();
    struct store_rows *rows;

    put_sessions();
    store_batch_put_session(batch, &session);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    rows = fixture_sessions(&fixture, &any_session, STORE_BY_AGE, start, 10);
    expect_sessions(rows, "6 5 4 3 2 1 ", "after a change");
    store_rows_free(rows);
}

Test(query, regular_expressions_choose_among_cookies_and_paths)
{
    const struct {
        const char *cookies; /* NULL: any */
        const char *paths;
        const char *want;
    } cases[] = {
        {"^bl", NULL, "2.1 2.2 "},   {"^BL", NULL, ""},
        {"e", NULL, "2.1 2.2 1.1 "}, {NULL, "\\.mxf$", "2.1 1.1 "},
        {NULL, "2.\\.mov$", "2.2 "}, {"e$", "mov$", "2.2 "},
    };
    struct store_batch *batch = store_batch_new();
    struct store_session red = session_of(1, 1);
    struct store_session blue = session_of(2, 2);
    struct store_session none = session_of(3, 3);

    red.cookie = text_of("red");
    blue.cookie = text_of("blue");
    store_batch_put_session(batch, &red);
    store_batch_put_session(batch, &blue);
    store_batch_put_session(batch, &none); /* no cookie: no pattern finds it */
    static const char *const paths[] = {"a/1.mxf", "b/1.mxf", "b/2\xff.mov"};
    for (uint32_t i = 0; i < 3; i++) {
        struct store_file file = file_of(i == 0 ? 1 : 2, i == 2 ? 2 : 1);
        file.path = text_of(paths[i]);
        store_batch_put_file(batch, &file);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_file_filter filter = {
            .session.cookie_pattern = text_of(cases[i].cookies),
            .name_pattern = text_of(cases[i].paths)};
        struct store_rows *rows =
            fixture_files(&fixture, &filter, STORE_BY_AGE, start, 10);
        char got[64] = "";
        cr_assert_eq(rows->result, 0);
        for (uint32_t j = 0; j < rows->count; j++)
            sprintf(got + strlen(got), "%u.%u ",
                    number_of(rows->files[j].session_uuid),
                    (unsigned)rows->files[j].local_id);
        cr_expect_str_eq(got, cases[i].want, "case %zu: %s", i, got);
        store_rows_free(rows);
    }
    struct store_session_filter sessions = {.cookie_pattern =
                                                T("^(red|blue)$")};
    struct store_rows *rows =
        fixture_sessions(&fixture, &sessions, STORE_BY_AGE, start, 1);
    cr_expect_eq(rows->count, 1);
    cr_expect_eq(rows->remaining, 1);
    store_rows_free(rows);
}

Test(query, a_wrong_regular_expression_is_refused)
{
    struct store_session_filter filter = {.cookie_pattern = T("(a")};
    struct store_rows *rows =
        fixture_sessions(&fixture, &filter, STORE_BY_AGE, start, 10);

    cr_expect_eq(rows->result, -EINVAL);
    cr_expect_eq(rows->count, 0);
    store_rows_free(rows);
}

Test(query, a_filter_holds_the_limit_of_values_and_not_one_more)
{
    static struct text values[LIMIT_STORE_FILTER_VALUES + 1];
    struct store_session_filter filter = {
        .cookies = {values, LIMIT_STORE_FILTER_VALUES}};
    struct store_rows *rows;

    put_sessions();
    for (size_t i = 0; i < LIMIT_STORE_FILTER_VALUES + 1; i++)
        values[i] = text_of("none");
    values[LIMIT_STORE_FILTER_VALUES - 1] = text_of("blue");
    rows = fixture_sessions(&fixture, &filter, STORE_BY_AGE, start, 10);
    expect_sessions(rows, "2 1 ", "at the limit");
    store_rows_free(rows);

    filter.user_names = (struct store_texts){values, 1};
    rows = fixture_sessions(&fixture, &filter, STORE_BY_AGE, start, 10);
    cr_expect_eq(rows->result, -E2BIG);
    store_rows_free(rows);
}

/* ---- events ---- */

static void put_events(void)
{
    struct store_batch *batch = store_batch_new();

    for (uint32_t i = 1; i <= 8; i++) {
        struct store_event event = event_of(i * 10);
        event.topic = i % 2 ? STORE_TOPIC_JOB_START : STORE_TOPIC_SESSION_STOP;
        event.job_uuid = id_of(i <= 4 ? 1 : 2);
        event.session_uuid = id_of(i % 2 ? 0 : i);
        store_batch_add_event(batch, &event);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
}

Test(query, events_come_in_order_from_behind_a_number)
{
    const uint32_t all = STORE_TOPIC_BIT(STORE_TOPIC_COUNT) - 1;
    const uint32_t stop = STORE_TOPIC_BIT(STORE_TOPIC_SESSION_STOP);
    const struct {
        struct store_event_filter filter;
        uint32_t limit;
        const char *want;
    } cases[] = {
        {{.topics = all}, 10, "10 20 30 40 50 60 70 80 "},
        {{.topics = all}, 3, "10 20 30 "},
        {{.topics = all, .after_sequence = 30}, 3, "40 50 60 "},
        {{.topics = all, .after_sequence = 80}, 3, ""},
        {{.topics = stop}, 10, "20 40 60 80 "},
        {{.topics = stop, .job_uuid = id_of(2)}, 10, "60 80 "},
        {{.topics = all, .job_uuid = id_of(1), .after_sequence = 10},
         10,
         "20 30 40 "},
        {{.topics = all, .session_uuid = id_of(4)}, 10, "40 "},
        {{.topics = STORE_TOPIC_BIT(STORE_TOPIC_JOB_ERROR)}, 10, ""},
    };

    put_events();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_rows *rows =
            fixture_events(&fixture, &cases[i].filter, cases[i].limit);
        char got[128] = "";
        cr_assert_eq(rows->result, 0);
        for (uint32_t j = 0; j < rows->count; j++) {
            sprintf(got + strlen(got), "%u ",
                    (unsigned)rows->events[j].sequence);
            cr_expect(text_is(rows->events[j].body, "<Job/>"));
        }
        cr_expect_str_eq(got, cases[i].want, "%u: %s", (unsigned)i, got);
        cr_expect_eq(rows->sequence, 80);
        store_rows_free(rows);
    }
}

/* ---- what a query may see ---- */

struct race {
    bool committed;
    bool answered;
    uint32_t count;
};

static void race_committed(void *user, int result)
{
    cr_expect_eq(result, 0);
    ((struct race *)user)->committed = true;
}

static void race_answered(void *user, struct store_rows *rows)
{
    struct race *race = user;

    race->count = rows->count;
    race->answered = true;
    store_rows_free(rows);
}

Test(query, a_filter_is_copied_when_it_is_asked)
{
    char cookie[] = "blue";
    struct text value = {cookie, 4};
    struct store_session_filter filter = {.cookies = {&value, 1}};
    struct race race = {0};

    put_sessions();
    store_query_sessions(fixture.store, &filter, STORE_BY_AGE, start, 10, &race,
                         race_answered);
    memset(cookie, 'x', sizeof cookie);
    value.size_bytes = 0;
    fixture_wait(&fixture, &race.answered);
    cr_expect_eq(race.count, 2);
}

/* A query beside the commit sees the batch whole or not; one after it, whole.
 */
Test(query, sees_what_is_committed_and_no_half_of_a_batch)
{
    for (uint32_t turn = 0; turn < 50; turn++) {
        struct store_batch *batch = store_batch_new();
        struct race race = {0};

        for (uint32_t i = 0; i < 20; i++) {
            struct store_session session = session_of(turn * 20 + i + 1, 1);
            store_batch_put_session(batch, &session);
        }
        store_commit(fixture.store, batch, &race, race_committed);
        store_query_sessions(fixture.store, &any_session, STORE_BY_AGE, start,
                             STORE_PAGE_ROWS_MAX, &race, race_answered);
        fixture_wait(&fixture, &race.answered);
        cr_expect_eq(race.count % 20, 0);
        fixture_wait(&fixture, &race.committed);
        struct store_rows *rows = fixture_sessions(
            &fixture, &any_session, STORE_BY_AGE, start, STORE_PAGE_ROWS_MAX);
        cr_expect_eq(rows->count, (turn + 1) * 20);
        store_rows_free(rows);
    }
}

Test(query, a_page_larger_than_the_limit_is_a_bug, .signal = SIGABRT)
{
    fixture_remove_folder(&fixture); /* nobody will after this */
    fixture_sessions(&fixture, &any_session, STORE_BY_AGE, start,
                     STORE_PAGE_ROWS_MAX + 1);
}
