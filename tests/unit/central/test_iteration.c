/* The promise of IterationToken: whatever changes between the calls, and
 * however the pages are cut, who goes on until nothing is left has seen the
 * newest state of every row.  A life is a row of random steps; a failing one
 * tells its seed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "central/token.h"
#include "harness.h"

#define SESSIONS_MAX 24u
#define FILES_MAX 3u
#define SEEDS 40u
#define STEPS 40u

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

TestSuite(iteration, .init = set_up, .fini = tear_down);

/* A row shows how often it was written as its BytesWritten; 0: not there. */
struct row {
    uint64_t written;
    uint64_t seen;
};

static struct life {
    uint64_t draw;
    uint8_t number;
    char cookie[16]; /* tells its rows from those of other lives */
    uint32_t session_count;
    struct row sessions[SESSIONS_MAX];
    struct row files[SESSIONS_MAX][FILES_MAX];
    struct change *change;
    char token[TOKEN_TEXT_BYTES];
    uint32_t result_count;
    uint32_t remaining;
} life;

static uint32_t draw(uint32_t below)
{
    life.draw = life.draw * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(life.draw >> 33) % below;
}

static struct uuid session_id(uint32_t i)
{
    return (struct uuid){
        {life.number, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0,
         (uint8_t)i}};
}

static void write_session(uint32_t i)
{
    struct store_session session = {
        .uuid = session_id(i),
        .job_uuid = session_id(i + SESSIONS_MAX),
        .state = STORE_SESSION_COMPLETED,
        .start_us = 1000000,
        .end_us = INT64_C(4000000000000000),
        .cookie = text_of(life.cookie),
        .written_bytes = ++life.sessions[i].written,
    };

    change_put_session(life.change, &session);
}

static void write_file(uint32_t i, uint32_t local_id)
{
    struct store_file file = {
        .session_uuid = session_id(i),
        .local_id = local_id,
        .uuid = session_id(i),
        .path = text_of("a file"),
        .state = STORE_FILE_COMPLETED,
        .start_us = 1000000,
        .written_bytes = ++life.files[i][local_id].written,
    };

    change_put_file(life.change, &file);
}

static bool all_durable(void *user)
{
    (void)user;
    return harness.central->changes.first == NULL;
}

static void change_some(uint32_t count)
{
    life.change = change_begin(&harness.central->changes);
    while (count-- > 0) {
        bool adds = life.session_count == 0 ||
                    (life.session_count < SESSIONS_MAX && draw(3) == 0);
        if (adds)
            write_session(life.session_count++);
        else if (draw(2) == 0)
            write_session(draw(life.session_count));
        else
            write_file(draw(life.session_count), draw(FILES_MAX));
    }
    change_commit(life.change, CHANGE_MUST, NULL, NULL);
    harness_run_until(all_durable, NULL);
}

/* The text behind `name` from `at` on. */
static const char *behind(const char *at, const char *name)
{
    const char *found = strstr(at, name);

    cr_assert_not_null(found, "no %s in %s", name, at);
    return found + strlen(name);
}

static void see(struct row *row, const char *at)
{
    uint64_t shown = strtoull(behind(at, "<BytesWritten>"), NULL, 10);

    cr_assert_leq(shown, row->written, "a state that never was");
    cr_assert_geq(shown, row->seen, "an older state after a newer one");
    row->seen = shown;
}

static void see_all(const char *body)
{
    for (const char *at = body; (at = strstr(at, "<SessionInfo>")) != NULL;
         at += strlen("<SessionInfo>")) {
        const char *uuid = behind(at, "<UUID>");
        see(&life.sessions[strtoul(uuid + 34, NULL, 16)], at);
    }
    for (const char *at = body; (at = strstr(at, "<FileTransferInfo>")) != NULL;
         at += strlen("<FileTransferInfo>")) {
        const char *uuid = behind(at, "<SessionUUID>");
        uint32_t local_id =
            (uint32_t)strtoul(behind(at, "<LocalId>"), NULL, 10);
        see(&life.files[strtoul(uuid + 34, NULL, 16)][local_id], at);
    }
}

static uint32_t number(const char *body, const char *element)
{
    return (uint32_t)strtoul(harness_element(body, element, 0), NULL, 10);
}

static void ask(const char *operation, uint32_t max)
{
    char content[1024];
    const char *name = strstr(operation, "Session") != NULL
                           ? "SessionFilter"
                           : "FileTransferFilter";

    snprintf(content, sizeof content,
             "<f09:%sRequest><%s>%s%s%s<MaxResults>%u</MaxResults>"
             "<Cookie>%s</Cookie></%s></f09:%sRequest>",
             operation, name, life.token[0] ? "<IterationToken>" : "",
             life.token, life.token[0] ? "</IterationToken>" : "", max,
             life.cookie, name, operation);
    struct reply reply = harness_call(content);
    cr_assert_eq(reply.status, 200, "%s", reply.body);
    life.result_count = number(reply.body, "ResultCount");
    life.remaining = number(reply.body, "RemainingResultCount");
    snprintf(life.token, sizeof life.token, "%s",
             harness_element(reply.body, "IterationToken", 0));
    cr_assert_leq(life.result_count, max);
    see_all(reply.body);
}

/* Until there is nothing; while nothing changes, what is left falls by what
 * is told. */
static void go_on(const char *operation)
{
    uint32_t calls = 0;

    do {
        uint32_t left = life.remaining;
        ask(operation, 1 + draw(5));
        if (calls++ > 0 && left > 0)
            cr_assert_eq(life.result_count + life.remaining, left,
                         "%u were left, then came %u of %u", left,
                         life.result_count,
                         life.result_count + life.remaining);
        cr_assert_lt(calls, 1000, "it never ends");
    } while (life.result_count > 0 || life.remaining > 0);
}

static void expect_all_seen(const char *operation, uint64_t seed)
{
    bool sessions = strstr(operation, "File") == NULL;
    bool files = strstr(operation, "Session") == NULL;

    for (uint32_t i = 0; i < life.session_count; i++) {
        if (sessions)
            cr_assert_eq(life.sessions[i].seen, life.sessions[i].written,
                         "seed %u, %s: session %u was seen at %u of %u",
                         (unsigned)seed, operation, i,
                         (unsigned)life.sessions[i].seen,
                         (unsigned)life.sessions[i].written);
        for (uint32_t j = 0; files && j < FILES_MAX; j++)
            cr_assert_eq(life.files[i][j].seen, life.files[i][j].written,
                         "seed %u, %s: file %u of session %u was seen at %u "
                         "of %u",
                         (unsigned)seed, operation, j, i,
                         (unsigned)life.files[i][j].seen,
                         (unsigned)life.files[i][j].written);
    }
}

static void live(uint64_t seed, const char *operation)
{
    life = (struct life){.draw = seed, .number = (uint8_t)seed};
    snprintf(life.cookie, sizeof life.cookie, "life-%u", (unsigned)seed);
    change_some(20);
    for (uint32_t step = 0; step < STEPS; step++) {
        if (draw(2) == 0)
            change_some(1 + draw(3));
        else
            ask(operation, 1 + draw(5));
        if (seed % 10 == 0 && step == STEPS / 2) {
            harness_close();
            harness_open(0);
        }
    }
    go_on(operation);
    expect_all_seen(operation, seed);
}

Test(iteration, no_session_and_no_change_is_ever_hidden)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        live(3 * seed, "GetSessionInfo");
}

Test(iteration, no_file_and_no_change_of_one_is_ever_hidden)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        live(3 * seed + 1, "GetFileTransferInfo");
}

Test(iteration, nor_where_both_are_asked_for_together)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        live(3 * seed + 2, "GetInfo");
}
