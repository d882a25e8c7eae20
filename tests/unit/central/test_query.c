#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "central/query.h"
#include "central/upkeep.h"
#include "harness.h"

#define SESSIONS 25

static void put_rows(void);

static void set_up(void)
{
    harness_make_folder();
    harness_open(0);
    put_rows();
    /* What was put is in the store and, as after any start, in memory. */
    harness_close();
    harness_open(0);
}

static void tear_down(void)
{
    harness_close();
    harness_remove_folder();
}

TestSuite(query, .init = set_up, .fini = tear_down);

static struct uuid id_of(uint8_t kind, uint32_t i)
{
    struct uuid uuid = {{kind, 0, 0, 0, 0, 0, 0x40, 0, 0x80}};

    uuid.bytes[15] = (uint8_t)i;
    return uuid;
}

static const char *id_text(uint8_t kind, uint32_t i)
{
    static char text[UUID_TEXT_BYTES + 1];

    uuid_format(id_of(kind, i), text);
    return text;
}

static bool all_durable(void *user)
{
    (void)user;
    return harness.central->changes.first == NULL;
}

/* Session i, newest last: every fifth failed, of job i, with two files. */
static void put_session(struct change *change, uint32_t i)
{
    struct store_job job = {
        .uuid = id_of(1, i),
        .state = STORE_JOB_COMPLETED,
        .created_us = 1000000 * (int64_t)(i + 1),
        .ended_us = 1,
        .session_uuid = id_of(2, i),
    };
    struct store_session session = {
        .uuid = id_of(2, i),
        .job_uuid = job.uuid,
        .state = i % 5 == 0 ? STORE_SESSION_ERROR : STORE_SESSION_COMPLETED,
        .direction = i % 2 == 0 ? STORE_OUTGOING : STORE_INCOMING,
        .start_us = job.created_us,
        .end_us = INT64_C(4000000000000000),
        .cookie = text_of(i % 2 == 0 ? "even" : "odd"),
        .policy = text_of("fixed"),
        .cipher = text_of("AES-128"),
    };

    change_put_job(change, &job);
    change_put_session(change, &session);
    for (uint64_t local = 0; local < 2; local++) {
        struct store_file file = {
            .session_uuid = session.uuid,
            .local_id = local,
            .uuid = id_of(3, i * 2 + (uint32_t)local),
            .path = text_of("a file"),
            .state = STORE_FILE_COMPLETED,
            .start_us = job.created_us,
        };
        change_put_file(change, &file);
    }
}

static void put_rows(void)
{
    struct change *change = change_begin(&harness.central->changes);

    for (uint32_t i = 0; i < SESSIONS; i++)
        put_session(change, i);
    change_commit(change, CHANGE_MUST, NULL, NULL);
    harness_run_until(all_durable, NULL);
}

static struct reply ask(const char *operation, const char *filter)
{
    char content[2048];
    const char *name = strstr(operation, "Session") != NULL
                           ? "SessionFilter"
                           : "FileTransferFilter";

    snprintf(content, sizeof content,
             "<f09:%sRequest><%s>%s</%s></f09:%sRequest>", operation, name,
             filter, name, operation);
    struct reply reply = harness_call(content);
    cr_assert_eq(reply.status, 200, "%s", reply.body);
    return reply;
}

static uint32_t number(struct reply reply, const char *element)
{
    const char *text = harness_element(reply.body, element, 0);

    cr_assert_not_null(text, "%s: %s", element, reply.body);
    return (uint32_t)atoi(text);
}

static const struct {
    const char *filter;
    uint32_t count;
} filters[] = {
    {"", SESSIONS},
    {"<SessionStatus>error</SessionStatus>", 5},
    {"<SessionStatus> ERROR </SessionStatus>", 5},
    {"<SessionStatus>error</SessionStatus>"
     "<SessionStatus>completed</SessionStatus>",
     SESSIONS},
    {"<SessionStatus>running</SessionStatus>", 0},
    {"<Cookie>odd</Cookie>", 12},
    {"<Cookie>odd</Cookie><SessionStatus>error</SessionStatus>", 2},
    {"<Direction>incoming</Direction>", 12},
    {"<MinSessionStartDate>1970-01-01T00:00:10Z</MinSessionStartDate>"
     "<MaxSessionStartDate>1970-01-01T00:00:12Z</MaxSessionStartDate>",
     3},
    {"<LastSessionOnly>true</LastSessionOnly>", SESSIONS},
    {"<JobId>no uuid</JobId>", 0},
    {"<User>nobody</User>", 0},
};

Test(query, each_filter_finds_its_sessions_by_store_and_by_memory)
{
    struct text_builder named = {0};

    for (uint32_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const char *filter = filters[i].filter;
        uint32_t stored = number(ask("GetSessionInfo", filter), "ResultCount");
        cr_expect_eq(stored, filters[i].count, "%s: %u", filter, stored);
        if (strstr(filter, "JobId") != NULL)
            continue;
        /* The same with every session named: answered from memory. */
        text_builder_reset(&named);
        for (uint32_t j = 0; j < SESSIONS; j++)
            text_add_format(&named, "<SessionUUID>%s</SessionUUID>",
                            id_text(2, j));
        text_add_string(&named, filter);
        uint32_t found =
            number(ask("GetSessionStatistics", named.data), "ResultCount");
        cr_expect_eq(found, filters[i].count, "%s: %u in memory", filter,
                     found);
    }
    text_builder_free(&named);
}

Test(query, a_job_is_found_by_its_id_in_any_letter_case)
{
    char filter[256];

    snprintf(filter, sizeof filter, "<JobId>%s</JobId>", id_text(1, 10));
    for (char *c = filter + 7; *c != '<'; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    struct reply reply = ask("GetSessionInfo", filter);
    cr_assert_eq(number(reply, "ResultCount"), 1);
    cr_assert_str_eq(harness_element(reply.body, "UUID", 0), id_text(2, 10));
}

Test(query, named_sessions_come_newest_first_and_once)
{
    char filter[1024];

    snprintf(filter, sizeof filter, "<SessionUUID>%s</SessionUUID>",
             id_text(2, 3));
    snprintf(filter + strlen(filter), sizeof filter - strlen(filter),
             "<SessionUUID>%s</SessionUUID>", id_text(2, 9));
    snprintf(filter + strlen(filter), sizeof filter - strlen(filter),
             "<SessionUUID>%s</SessionUUID>", id_text(2, 3));
    struct reply reply = ask("GetSessions", filter);
    cr_assert_eq(number(reply, "ResultCount"), 2);
    cr_assert_str_eq(harness_element(reply.body, "UUID", 0), id_text(2, 9));
    cr_assert_str_eq(harness_element(reply.body, "UUID", 1), id_text(2, 3));
}

/* Goes through a snapshot by its tokens and returns how many calls it took;
 * every row is met once. */
static uint32_t walk(const char *operation, const char *max, uint32_t rows)
{
    char filter[512];
    char token[TOKEN_TEXT_BYTES] = "";
    uint32_t met = 0;
    uint32_t calls = 0;

    for (;;) {
        snprintf(filter, sizeof filter, "%s%s%s<MaxResults>%s</MaxResults>",
                 token[0] ? "<IterationToken>" : "", token,
                 token[0] ? "</IterationToken>" : "", max);
        struct reply reply = ask(operation, filter);
        uint32_t count = number(reply, "ResultCount");
        met += count;
        calls++;
        cr_assert_eq(number(reply, "RemainingResultCount"), rows - met,
                     "%s call %u", operation, calls);
        snprintf(token, sizeof token, "%s",
                 harness_element(reply.body, "IterationToken", 0));
        if (met == rows)
            return calls;
        cr_assert_gt(count, 0);
    }
}

Test(query, a_token_goes_on_where_the_page_ended)
{
    cr_assert_eq(walk("GetSessionInfo", "10", SESSIONS), 3);
    cr_assert_eq(walk("GetSessions", "25", SESSIONS), 1);
    cr_assert_eq(walk("GetFileTransferInfo", "7", 2 * SESSIONS), 8);
    cr_assert_eq(walk("GetInfo", "10", 3 * SESSIONS), 8);
    cr_assert_eq(walk("GetStatistics", "1000", 3 * SESSIONS), 1);
}

Test(query, after_the_snapshot_a_token_tells_only_changes)
{
    char filter[512];
    struct reply reply = ask("GetInfo", "");
    snprintf(filter, sizeof filter, "<IterationToken>%s</IterationToken>",
             harness_element(reply.body, "IterationToken", 0));
    reply = ask("GetInfo", filter);
    cr_assert_eq(number(reply, "ResultCount"), 0);

    struct change *change = change_begin(&harness.central->changes);
    put_session(change, 7);
    change_commit(change, CHANGE_MUST, NULL, NULL);
    harness_run_until(all_durable, NULL);
    snprintf(filter, sizeof filter, "<IterationToken>%s</IterationToken>",
             harness_element(reply.body, "IterationToken", 0));
    reply = ask("GetInfo", filter);
    cr_assert_eq(number(reply, "ResultCount"), 3, "a session and two files");
    snprintf(filter, sizeof filter, "<IterationToken>%s</IterationToken>",
             harness_element(reply.body, "IterationToken", 0));
    cr_assert_eq(number(ask("GetInfo", filter), "ResultCount"), 0);
}

Test(query, current_position_starts_at_now)
{
    struct reply reply =
        ask("GetSessions", "<IterationToken>CURRENT_POSITION</IterationToken>");

    cr_assert_eq(number(reply, "ResultCount"), 0);
    cr_assert_eq(number(reply, "RemainingResultCount"), 0);
}

Test(query, a_token_is_good_for_its_filter_and_kind_only)
{
    char content[1024];
    char token[TOKEN_TEXT_BYTES];
    static const char *const shapes[] = {
        "<f09:GetSessionsRequest><SessionFilter><IterationToken>%s"
        "</IterationToken><Cookie>x</Cookie></SessionFilter>"
        "</f09:GetSessionsRequest>",
        "<f09:GetFileTransfersRequest><FileTransferFilter><IterationToken>%s"
        "</IterationToken></FileTransferFilter>"
        "</f09:GetFileTransfersRequest>",
    };
    struct reply reply = ask("GetSessions", "");
    snprintf(token, sizeof token, "%s",
             harness_element(reply.body, "IterationToken", 0));

    for (uint32_t i = 0; i < 2; i++) {
        snprintf(content, sizeof content, shapes[i], token);
        reply = harness_call(content);
        cr_assert_not_null(
            strstr(reply.body, "FilterChangedErrorFaultElement"));
    }
    snprintf(content, sizeof content,
             "<IterationToken>%s</IterationToken><MaxResults>3</MaxResults>",
             token);
    ask("GetSessionInfo", content);
}

Test(query, a_session_that_memory_forgot_is_answered_by_the_store)
{
    char filter[256];
    char content[256];

    upkeep_trim(harness.central, INT64_MAX);
    cr_assert_null(harness.central->sessions.newest);
    snprintf(filter, sizeof filter, "<JobId>%s</JobId>", id_text(1, 10));
    struct reply reply = ask("GetInfo", filter);
    cr_assert_eq(number(reply, "ResultCount"), 3);
    cr_assert_str_eq(harness_element(reply.body, "UUID", 0), id_text(2, 10));

    snprintf(content, sizeof content,
             "<isc:CancelRequest><JobID>%s</JobID></isc:CancelRequest>",
             id_text(1, 10));
    cr_assert_eq(harness_call(content).status, 200, "it is over already");
}

Test(query, an_operation_on_a_session_that_memory_forgot_knows_it_still)
{
    static const struct {
        const char *operation;
        const char *child;
        uint16_t status;
        const char *says;
    } cases[] = {
        {"QuerySession", "", 200, "<ns1:Error><ns1:Code>"},
        {"Cancel", "", 200, "CancelResponse"},
        {"SetTargetRate", "<TargetRate>1</TargetRate>", 500,
         "SessionID: expected a session that runs; this one has ended"},
    };
    char content[256];

    upkeep_trim(harness.central, INT64_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t number = 10; number <= 1000; number += 990) {
            bool is_known = number == 10;
            snprintf(content, sizeof content,
                     "<f06:%sRequest><SessionID>%s</SessionID>%s"
                     "</f06:%sRequest>",
                     cases[i].operation, id_text(2, number), cases[i].child,
                     cases[i].operation);
            struct reply reply = harness_call(content);
            cr_expect_eq(reply.status, is_known ? cases[i].status : 500);
            cr_expect_not_null(
                strstr(reply.body,
                       is_known ? cases[i].says : "SessionNotFoundFaultType"),
                "%s: %s", cases[i].operation, reply.body);
        }
    }
}

Test(query, a_word_that_is_none_is_named_with_those_that_are)
{
    static const struct {
        const char *filter;
        const char *says;
    } cases[] = {
        {"<SessionStatus>running</SessionStatus>"
         "<SessionStatus>asleep</SessionStatus>",
         "SessionStatus: expected waiting, running, paused, completed, "
         "cancelled, error, willretry or orphaned"},
        {"<Direction>sideways</Direction>",
         "Direction: expected incoming or outgoing"},
        {"<SessionStatus/>", "SessionStatus: expected waiting"},
        {"<TransferStatus>willretry</TransferStatus>",
         "TransferStatus: expected running, completed or error"},
    };
    char content[512];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(content, sizeof content,
                 "<f09:GetInfoRequest><FileTransferFilter>%s"
                 "</FileTransferFilter></f09:GetInfoRequest>",
                 cases[i].filter);
        struct reply reply = harness_call(content);
        cr_expect_eq(reply.status, 500);
        cr_expect_not_null(strstr(reply.body, "<faultcode>soapenv:Client<"));
        cr_expect_not_null(strstr(reply.body, cases[i].says), "%s", reply.body);
    }
    ask("GetInfo", "<Direction/><SessionStatus> Error </SessionStatus>");
}
