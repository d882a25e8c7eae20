#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "fixture.h"

static struct fixture fixture;
static const struct store_position start;
static const struct store_file_filter any_file;

static void set_up(void)
{
    fixture_open(&fixture);
}

static void tear_down(void)
{
    fixture_close(&fixture);
}

TestSuite(query_files, .init = set_up, .fini = tear_down);

/* Files 1 to 3 of session 1 and 1 to 4 of session 2, put crosswise. */
static void put_files(void)
{
    static const struct {
        uint32_t session;
        uint64_t local_id;
        enum store_file_state state;
        const char *path;
        int64_t start_us;
        int64_t end_us;
    } all[] = {
        {2, 1, STORE_FILE_COMPLETED, "b/1", 10, 20},
        {1, 1, STORE_FILE_COMPLETED, "a/1", 10, 20},
        {2, 4, STORE_FILE_RUNNING, "b/4", 40, 0},
        {1, 3, STORE_FILE_ERROR, "a/3\xff", 30, 35},
        {2, 2, STORE_FILE_COMPLETED, "b/2", 20, 30},
        {1, 2, STORE_FILE_COMPLETED, "a/2", 20, 30},
        {2, 3, STORE_FILE_RUNNING, "b/3", 30, 0},
    };
    struct store_batch *batch = store_batch_new();
    struct store_session first = session_of(1, 1);
    struct store_session second = session_of(2, 2);

    first.cookie = text_of("blue");
    store_batch_put_session(batch, &first);
    store_batch_put_session(batch, &second);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct store_file file = {
            .session_uuid = id_of(all[i].session),
            .local_id = all[i].local_id,
            .state = all[i].state,
            .path = text_of(all[i].path),
            .start_us = all[i].start_us,
            .end_us = all[i].end_us,
        };
        store_batch_put_file(batch, &file);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
}

/* Session and number of each: "2.1 2.2 ". */
static void expect_files(const struct store_rows *rows, const char *want,
                         const char *what)
{
    char got[256] = "";

    cr_assert_eq(rows->result, 0, "%s", what);
    for (uint32_t i = 0; i < rows->count; i++)
        sprintf(got + strlen(got), "%u.%u ",
                number_of(rows->files[i].session_uuid),
                (unsigned)rows->files[i].local_id);
    cr_expect_str_eq(got, want, "%s: %s not %s", what, got, want);
}

/* Walks through all pages of `limit` rows; each says what is left. */
static void expect_pages(const struct store_file_filter *filter, uint32_t limit,
                         const char *whole, const char *what)
{
    struct store_position from = start;
    uint32_t left = (uint32_t)strlen(whole) / 4;
    char got[64] = "";

    for (bool is_end = false; !is_end;) {
        struct store_rows *rows =
            fixture_files(&fixture, filter, STORE_BY_AGE, from, limit);
        cr_assert_eq(rows->result, 0);
        for (uint32_t i = 0; i < rows->count; i++)
            sprintf(got + strlen(got), "%u.%u ",
                    number_of(rows->files[i].session_uuid),
                    (unsigned)rows->files[i].local_id);
        left -= rows->count;
        cr_expect_eq(rows->remaining, left, "%s by %u: %u left, not %u", what,
                     limit, (unsigned)rows->remaining, left);
        from = rows->next;
        is_end = rows->count == 0;
        store_rows_free(rows);
    }
    cr_expect_str_eq(got, whole, "%s by %u: %s not %s", what, limit, got,
                     whole);
}

Test(query_files, pages_of_any_filter_are_cut_anywhere)
{
    static const char id_1[] = "00000000-0000-0000-0000-000000000001";
    const struct {
        const char *what;
        struct store_file_filter filter;
        const char *want;
    } cases[] = {
        {.what = "all", .want = "2.1 2.2 2.3 2.4 1.1 1.2 1.3 "},
        {"job", {.session.job_uuids = LIST(T(id_1))}, "1.1 1.2 1.3 "},
        {"cookie", {.session.cookies = LIST(T("blue"))}, "1.1 1.2 1.3 "},
        {"number",
         {.local_ids = (const uint64_t[]){3, 1, 9}, .local_id_count = 3},
         "2.1 2.3 1.1 1.3 "},
        {"no such number",
         {.local_ids = (const uint64_t[]){9}, .local_id_count = 1},
         ""},
        {"states", {.states = LIST(T("running"), T("error"))}, "2.3 2.4 1.3 "},
        {"running", {.states = LIST(T("running"))}, "2.3 2.4 "},
        {"completed", {.states = LIST(T("completed"))}, "2.1 2.2 1.1 1.2 "},
        {"all states",
         {.states = LIST(T("error"), T("completed"), T("running"), T("x"))},
         "2.1 2.2 2.3 2.4 1.1 1.2 1.3 "},
        {"no state", {.states = LIST(T("x"))}, ""},
        {"path", {.paths = LIST(T("a/3\xff"), T("b/2"))}, "2.2 1.3 "},
        {"pattern", {.name_pattern = T("^[ab]/[23]")}, "2.2 2.3 1.2 1.3 "},
        {"start", {.start = {30, 30}}, "2.3 1.3 "},
        {"start from", {.start = {20, 0}}, "2.2 2.3 2.4 1.2 1.3 "},
        {"start to", {.start = {0, 30}}, "2.1 2.2 2.3 1.1 1.2 1.3 "},
        {"start around", {.start = {10, 40}}, "2.1 2.2 2.3 2.4 1.1 1.2 1.3 "},
        {"start before", {.start = {0, 9}}, ""},
        {"start behind", {.start = {41, 0}}, ""},
        {"end", {.end = {30, 0}}, "2.2 1.2 1.3 "},
        {"end around", {.end = {20, 35}}, "2.1 2.2 1.1 1.2 1.3 "},
        {"end to", {.end = {0, 20}}, "2.1 1.1 "},
        {"start and state",
         {.start = {10, 40}, .states = LIST(T("completed"))},
         "2.1 2.2 1.1 1.2 "},
        {"start and end", {.start = {20, 0}, .end = {0, 30}}, "2.2 1.2 "},
        {"session and file",
         {.session.session_uuids = LIST(T(id_1)),
          .states = LIST(T("completed"))},
         "1.1 1.2 "},
        {"cookie and pattern",
         {.session.cookie_pattern = T("lu"), .name_pattern = T("1$")},
         "1.1 "},
    };

    put_files();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint32_t limit = 1; limit <= 8; limit++)
            expect_pages(&cases[i].filter, limit, cases[i].want, cases[i].what);
}

/* Sessions 1 and 2 have all numbers from 0, session 3 lacks 1, and in session
 * 2 one file has failed: so the counting of numbers that need not be looked
 * for has to agree with looking. */
Test(query_files, numbers_are_counted_as_if_they_were_looked_for)
{
    static const struct {
        uint32_t session;
        uint64_t local_id;
        enum store_file_state state;
    } all[] = {
        {1, 0, STORE_FILE_COMPLETED}, {1, 1, STORE_FILE_COMPLETED},
        {1, 2, STORE_FILE_COMPLETED}, {2, 0, STORE_FILE_COMPLETED},
        {2, 1, STORE_FILE_ERROR},     {2, 2, STORE_FILE_COMPLETED},
        {3, 0, STORE_FILE_COMPLETED}, {3, 2, STORE_FILE_COMPLETED},
    };
    const uint64_t zero[] = {0};
    const uint64_t one[] = {1};
    const uint64_t many[] = {2, 1, 2, 7, 1, 2};
    const uint64_t none[] = {3, UINT64_MAX, INT64_MAX};
    const struct {
        const char *what;
        struct store_file_filter filter;
        const char *want;
    } cases[] = {
        {"0", {.local_ids = zero, .local_id_count = 1}, "3.0 2.0 1.0 "},
        {"1", {.local_ids = one, .local_id_count = 1}, "2.1 1.1 "},
        {"some, several times",
         {.local_ids = many, .local_id_count = 6},
         "3.2 2.1 2.2 1.1 1.2 "},
        {"none", {.local_ids = none, .local_id_count = 3}, ""},
        {"of a state",
         {.local_ids = many,
          .local_id_count = 6,
          .states = LIST(T("completed"))},
         "3.2 2.2 1.1 1.2 "},
        {"of another state",
         {.local_ids = many, .local_id_count = 6, .states = LIST(T("error"))},
         "2.1 "},
        {"of an interval",
         {.local_ids = many, .local_id_count = 6, .start = {2, 2}},
         "3.2 2.2 1.2 "},
        {"of an interval around",
         {.local_ids = many, .local_id_count = 6, .start = {1, 9}},
         "3.2 2.1 2.2 1.1 1.2 "},
        {"of a pattern",
         {.local_ids = many, .local_id_count = 6, .name_pattern = T("x")},
         ""},
    };
    struct store_batch *batch = store_batch_new();

    for (uint32_t i = 1; i <= 3; i++) {
        struct store_session session = session_of(i, i);
        store_batch_put_session(batch, &session);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct store_file file = file_of(all[i].session, all[i].local_id);
        file.state = all[i].state;
        file.path = text_of("path");
        file.start_us = (int64_t)(all[i].local_id);
        store_batch_put_file(batch, &file);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint32_t limit = 1; limit <= 6; limit++)
            expect_pages(&cases[i].filter, limit, cases[i].want, cases[i].what);
}

/* Such a query moves to the thread of those that take long, and its answer is
 * as any other's. */
Test(query_files, a_query_that_looks_at_many_files_gets_its_answer_too)
{
    struct store_file_filter filter = {.start = {2, 0}};
    struct store_batch *batch = store_batch_new();
    struct store_session session = session_of(1, 1);

    store_batch_put_session(batch, &session);
    for (uint64_t i = 1; i <= LIMIT_STORE_QUICK_ROWS + 1; i++) {
        struct store_file file = file_of(1, i);
        file.start_us = (int64_t)i;
        store_batch_put_file(batch, &file);
    }
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    struct store_rows *rows =
        fixture_files(&fixture, &filter, STORE_BY_AGE, start, 10);
    cr_assert_eq(rows->result, 0);
    cr_expect_eq(rows->count, 10);
    cr_expect_eq(rows->files[0].local_id, 2);
    cr_expect_eq(rows->remaining, LIMIT_STORE_QUICK_ROWS - 10);
    store_rows_free(rows);
}

Test(query_files, changes_of_files_come_oldest_first)
{
    struct store_position from = {.changed = 2}; /* after the sessions */
    struct store_rows *rows;

    put_files();
    rows = fixture_files(&fixture, &any_file, STORE_BY_CHANGE, from, 4);
    expect_files(rows, "2.1 1.1 2.4 1.3 ", "first");
    cr_expect_eq(rows->remaining, 3);
    from = rows->next;
    store_rows_free(rows);
    rows = fixture_files(&fixture, &any_file, STORE_BY_CHANGE, from, 4);
    expect_files(rows, "2.2 1.2 2.3 ", "second");
    cr_expect_eq(rows->remaining, 0);
    cr_expect_eq(rows->change, 9);
    store_rows_free(rows);
}

/* What a client that iterates sees of a session's end. */
Test(query_files, those_that_run_end_with_a_session_that_fails)
{
    struct store_session session = session_of(2, 2);
    struct store_file_filter filter = {.states = LIST(T("running"))};
    struct store_position before = {0};

    put_files();
    struct store_rows *rows =
        fixture_files(&fixture, &filter, STORE_BY_AGE, start, 10);
    cr_assert_eq(rows->count, 2);
    before.changed = rows->change;
    store_rows_free(rows);

    struct store_batch *batch = store_batch_new();
    session.state = STORE_SESSION_CANCELLED;
    session.end_us = 100;
    store_batch_put_session(batch, &session); /* no error: all is well */
    session.error_code = 28;
    session.error_text = text_of("why");
    store_batch_put_session(batch, &session);
    store_batch_put_session(batch, &session); /* once more changes nothing */
    cr_assert_eq(fixture_commit(&fixture, batch), 0);

    rows = fixture_files(&fixture, &filter, STORE_BY_AGE, start, 10);
    cr_expect_eq(rows->count, 0);
    cr_expect_eq(rows->remaining, 0);
    store_rows_free(rows);
    /* One by one: each has a number of its own. */
    for (uint64_t i = 3; i <= 5; i++) {
        rows = fixture_files(&fixture, &any_file, STORE_BY_CHANGE, before, 1);
        cr_assert_eq(rows->count, i < 5 ? 1 : 0);
        if (i == 5) {
            store_rows_free(rows);
            break;
        }
        cr_assert_eq(rows->remaining, 4 - i);
        const struct store_file *file = &rows->files[0];
        cr_expect_eq(file->local_id, i);
        cr_expect_eq(number_of(file->session_uuid), 2);
        cr_expect_eq(file->state, STORE_FILE_ERROR);
        cr_expect_eq(file->error_code, 28);
        cr_expect(text_is(file->error_text, "why"));
        cr_expect_eq(file->end_us, 100);
        cr_expect_eq(file->elapsed_us, 100 - 10 * i);
        before.changed =
            rows->remaining > 0 ? rows->next.changed : rows->change;
        store_rows_free(rows);
    }
    filter = (struct store_file_filter){.states = LIST(T("error"))};
    rows = fixture_files(&fixture, &filter, STORE_BY_AGE, start, 10);
    cr_expect_eq(rows->count, 3);
    store_rows_free(rows);
}
