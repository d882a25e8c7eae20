#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "store/query.h"

static void set_up(void)
{
    harness_make_folder();
    harness_open(0);
}

static void tear_down(void)
{
    if (harness.central != NULL)
        harness_close();
    harness_remove_folder();
}

TestSuite(central, .init = set_up, .fini = tear_down);

static struct reply session_of_job(const char *job_id)
{
    char content[512];

    snprintf(content, sizeof content,
             "<f09:GetSessionInfoRequest><SessionFilter><JobId>%s</JobId>"
             "</SessionFilter></f09:GetSessionInfoRequest>",
             job_id);
    return harness_call(content);
}

#define FAILED_TOPICS                                                    \
    "job.connecting session.start session.error session.stop job.error " \
    "job.stop"

Test(central, a_job_that_nobody_answers_fails_with_its_events_in_order)
{
    harness_submit(harness_order(harness_free_port()));
    harness_wait_events(6);

    cr_assert_str_eq(harness_topics(), FAILED_TOPICS);
}

Test(central, a_session_is_found_by_its_job_as_soon_as_submit_answers)
{
    char id[64];
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(harness_free_port())));

    struct reply reply = session_of_job(id);
    cr_assert_eq(reply.status, 200);
    cr_assert_str_eq(harness_element(reply.body, "ResultCount", 0), "1");
    cr_assert_str_eq(harness_element(reply.body, "JobId", 0), id);
    cr_assert_str_eq(harness_element(reply.body, "Cookie", 0), "crumb");
    cr_assert_str_eq(harness_element(reply.body, "Direction", 0), "outgoing");
    cr_assert_str_eq(harness_element(reply.body, "ServerEndpoint", 0),
                     "Remote");
    cr_assert_str_eq(harness_element(reply.body, "ClientEndpoint", 0), "Local");
    cr_assert_str_eq(harness_element(reply.body, "User", 0), "ann");
    cr_assert_str_eq(harness_element(reply.body, "RatePolicy", 0), "fixed");
    cr_assert_str_eq(harness_element(reply.body, "TargetRate", 0), "10000");
    cr_assert_str_eq(harness_element(reply.body, "BandwidthCap", 0),
                     "10000000");
    cr_assert_str_eq(harness_element(reply.body, "EncryptionCipher", 0),
                     "AES-128");
    cr_assert_str_eq(harness_element(reply.body, "JobMaxRetries", 0), "0");
    cr_assert_str_eq(harness_element(reply.body, "PrivateKey", 0), "mine");
    cr_assert_str_eq(harness_element(reply.body, "SourcePath", 0), "source");
    cr_assert_str_eq(harness_element(reply.body, "DestinationPath", 0), "/in");
    cr_assert_not_null(harness_element(reply.body, "IterationToken", 0));
}

Test(central, a_failed_session_says_why)
{
    char id[64];
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(harness_free_port())));
    harness_wait_events(6);

    struct reply reply = session_of_job(id);
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "error");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "12");
    cr_assert_not_null(harness_element(reply.body, "ErrorDescription", 0));
    cr_assert_not_null(harness_element(reply.body, "EndDate", 0));
}

Test(central, a_job_is_described_without_its_password_while_it_runs_and_after)
{
    char content[256];

    snprintf(content, sizeof content,
             "<isc:QueryJobRequest><JobID>%s</JobID></isc:QueryJobRequest>",
             harness_submit(harness_order(harness_free_port())));
    for (uint32_t i = 0; i < 2; i++) {
        struct reply reply = harness_call(content);
        cr_assert_eq(reply.status, 200, "%s", reply.body);
        cr_assert_str_eq(harness_element(reply.body, "Password", 0),
                         "********");
        cr_assert_null(strstr(reply.body, "secret-word"));
        cr_assert_str_eq(harness_element(reply.body, "Operation", 0), "Push");
        harness_wait_events(6);
    }
}

Test(central, active_jobs_are_listed_until_they_are_over)
{
    const char *list = "<isc:ListJobsRequest/>";
    char id[64];
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(harness_free_port())));

    struct reply reply = harness_call(list);
    cr_assert_str_eq(harness_element(reply.body, "JobID", 0), id);
    harness_wait_events(6);
    reply = harness_call(list);
    cr_assert_null(harness_element(reply.body, "JobID", 0));
}

/* ---- files that move: this node is both ends ---- */

static struct reply files_of_job(const char *job_id)
{
    char content[512];

    snprintf(content, sizeof content,
             "<f09:GetInfoRequest><FileTransferFilter><JobId>%s</JobId>"
             "</FileTransferFilter></f09:GetInfoRequest>",
             job_id);
    return harness_call(content);
}

static bool has_file(const char *name, long size_bytes)
{
    char path[256];
    struct stat stat_of;

    snprintf(path, sizeof path, "%s/in/source/%s", harness.remote, name);
    return stat(path, &stat_of) == 0 && stat_of.st_size == size_bytes;
}

Test(central, a_job_that_completes_tells_its_life_in_order)
{
    char id[64];
    harness_add_user();
    struct address node = central_transfer_address(harness.central);
    char order[1200];
    const char *plain = harness_order(node.port);
    snprintf(order, sizeof order,
             "%.*s<FileParameters><CreatePath>Yes"
             "</CreatePath></FileParameters></Order>",
             (int)(strlen(plain) - strlen("</Order>")), plain);

    snprintf(id, sizeof id, "%s", harness_submit(order));
    harness_wait_events(5);
    cr_assert_str_eq(harness_topics(),
                     "job.connecting session.start job.start session.stop "
                     "job.stop");
    cr_assert(has_file("small", 5));
    cr_assert(has_file("large", 70000));
    cr_assert(has_file("empty", 0));

    struct reply reply = files_of_job(id);
    cr_assert_str_eq(harness_element(reply.body, "ResultCount", 0), "4",
                     "one session, for both ends, and three files: %s",
                     reply.body);
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "completed");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "0");
    cr_assert_str_eq(harness_element(reply.body, "FileCount", 0), "3");
    cr_assert_str_eq(harness_element(reply.body, "FilesComplete", 0), "3");
    cr_assert_str_eq(harness_element(reply.body, "FilesFailed", 0), "0");
    cr_assert_str_eq(harness_element(reply.body, "FilesTransferring", 0), "0");
    cr_assert_str_eq(harness_element(reply.body, "BytesWritten", 0), "70005");
    cr_assert_str_eq(harness_element(reply.body, "ServerAddress", 0),
                     "127.0.0.1");
    for (uint32_t i = 1; i <= 3; i++)
        cr_assert_str_eq(harness_element(reply.body, "Status", i), "completed",
                         "%s", reply.body);
}

Test(central, a_wrong_password_is_error_19_and_nothing_is_written)
{
    char id[64];
    char order[1200];
    struct address node = central_transfer_address(harness.central);
    const char *plain = harness_order(node.port);
    harness_add_user();
    const char *word = strstr(plain, "secret-word");
    snprintf(order, sizeof order, "%.*swrong%s", (int)(word - plain), plain,
             word + strlen("secret-word"));

    snprintf(id, sizeof id, "%s", harness_submit(order));
    harness_wait_events(6);
    cr_assert_str_eq(harness_topics(), FAILED_TOPICS);
    cr_assert_str_eq(harness_element(session_of_job(id).body, "ErrorCode", 0),
                     "19");
    cr_assert_not(has_file("small", 5));
}

/* ---- the queue ---- */

static struct reply cancel_job(const char *id)
{
    char content[256];

    snprintf(content, sizeof content,
             "<isc:CancelRequest><JobID>%s</JobID></isc:CancelRequest>", id);
    return harness_call(content);
}

Test(central, a_job_beyond_the_limit_waits_until_one_ends)
{
    uint16_t port;
    char first[64];
    char second[64];
    harness_close();
    harness_open(1);
    int fd = harness_silent_peer(&port);

    snprintf(first, sizeof first, "%s", harness_submit(harness_order(port)));
    snprintf(second, sizeof second, "%s", harness_submit(harness_order(port)));
    cr_assert_str_eq(harness_element(session_of_job(second).body, "Status", 0),
                     "waiting");
    harness_wait_events(2);
    cr_assert_str_eq(harness_topics(), "job.connecting session.start");

    cr_assert_eq(cancel_job(first).status, 200);
    cr_assert_str_eq(harness_element(session_of_job(first).body, "Status", 0),
                     "cancelled");
    harness_wait_events(6);
    cr_assert_str_eq(harness_topics(),
                     "job.connecting session.start session.stop job.stop "
                     "job.connecting session.start");
    cr_assert_str_eq(harness_element(session_of_job(second).body, "Status", 0),
                     "running");
    close(fd);
}

Test(central, a_queued_job_is_cancelled_before_the_answer)
{
    uint16_t port;
    char second[64];
    harness_close();
    harness_open(1);
    int fd = harness_silent_peer(&port);
    harness_submit(harness_order(port));
    snprintf(second, sizeof second, "%s", harness_submit(harness_order(port)));

    cr_assert_eq(cancel_job(second).status, 200);
    struct reply reply = session_of_job(second);
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "cancelled");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "28");
    cr_assert_eq(cancel_job(second).status, 200, "once more changes nothing");
    close(fd);
}

Test(central, a_session_is_cancelled_by_its_own_id)
{
    uint16_t port;
    char content[256];
    int fd = harness_silent_peer(&port);
    char job[64];
    snprintf(job, sizeof job, "%s", harness_submit(harness_order(port)));

    snprintf(content, sizeof content,
             "<f06:CancelRequest><SessionID>%s</SessionID>"
             "</f06:CancelRequest>",
             harness_element(session_of_job(job).body, "UUID", 0));
    cr_assert_eq(harness_call(content).status, 200);
    cr_assert_str_eq(harness_element(session_of_job(job).body, "Status", 0),
                     "cancelled");
    close(fd);
}

/* ---- what outlives the server ---- */

Test(central, history_is_there_after_a_restart)
{
    char id[64];
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(harness_free_port())));
    harness_wait_events(6);
    harness_close();
    harness_open(0);

    struct reply reply = session_of_job(id);
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "error");
    cr_assert_str_eq(harness_topics(), FAILED_TOPICS);
}

Test(central, what_ran_when_it_stopped_has_ended_with_its_events)
{
    uint16_t port;
    char id[64];
    int fd = harness_silent_peer(&port);
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(port)));
    harness_wait_events(2);
    harness_close();
    harness_open(0);

    struct reply reply = session_of_job(id);
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "error");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "16");
    cr_assert_str_eq(harness_topics(), FAILED_TOPICS);
    close(fd);
}

Test(central, what_was_queued_when_it_went_down_waits_on_and_starts)
{
    uint16_t port;
    char id[64];
    harness_close();
    harness_open(1);
    int fd = harness_silent_peer(&port);
    harness_submit(harness_order(port));
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(port)));
    harness_wait_events(2);
    harness_close(); /* the second one stays as it was: queued */
    harness_open(1);

    cr_assert_str_eq(harness_element(session_of_job(id).body, "Status", 0),
                     "running");
    cr_assert_str_eq(harness_topics(),
                     FAILED_TOPICS " job.connecting session.start");
    close(fd);
}

Test(central, what_ran_when_it_was_killed_is_orphaned_from_the_first_moment)
{
    struct uuid job_uuid = uuid_new();
    char id[UUID_TEXT_BYTES + 1];

    struct store_job job = {
        .uuid = job_uuid,
        .state = STORE_JOB_RUNNING,
        .created_us = 1,
        .session_uuid = uuid_new(),
        .started = true,
        .order_text = text_of(harness_order(1)),
    };
    struct store_session session = {
        .uuid = job.session_uuid,
        .job_uuid = job_uuid,
        .state = STORE_SESSION_RUNNING,
        .start_us = 1,
    };
    harness_store(&job, &session);
    harness_close();
    harness_open(0);

    uuid_format(job_uuid, id);
    struct reply reply = session_of_job(id);
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "orphaned");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "16");
    cr_assert_str_eq(harness_topics(),
                     "session.error session.stop job.error job.stop");
    cr_assert_null(harness_element(harness_call("<isc:ListJobsRequest/>").body,
                                   "JobID", 0));
}

/* ---- the events' bodies ---- */

static char bodies[2][16384];

static void bodies_read(void *user, struct store_rows *rows)
{
    for (uint32_t i = 0; i < 2 && i < rows->count; i++)
        text_to_string(rows->events[i].body, bodies[i], sizeof bodies[i]);
    store_rows_free(rows);
    *(bool *)user = true;
}

static bool is_true(void *user)
{
    return *(bool *)user;
}

Test(central, an_event_is_a_whole_notification_for_nobody_yet)
{
    struct store_event_filter filter = {.topics = HARNESS_ALL_TOPICS};
    bool done = false;
    char session[64];
    char id[64];
    snprintf(id, sizeof id, "%s", harness_submit(harness_order(harness_free_port())));
    snprintf(session, sizeof session, "%s",
             harness_element(session_of_job(id).body, "UUID", 0));
    harness_wait_events(6);
    store_query_events(harness.central->store, &filter, 2, &done, bodies_read);
    harness_run_until(is_true, &done);

    cr_assert_not_null(strstr(bodies[0], ":NotifyRequest"));
    cr_assert_str_eq(harness_element(bodies[0], "SubscriptionID", 0),
                     "00000000-0000-0000-0000-000000000000");
    cr_assert_str_eq(harness_element(bodies[0], "Sequence", 0), "1");
    cr_assert_str_eq(harness_element(bodies[0], "Topic", 0), "Connecting");
    cr_assert_str_eq(harness_element(bodies[0], "ID", 0), id);
    cr_assert_str_eq(harness_element(bodies[0], "SessionID", 0), session);
    cr_assert_null(strstr(bodies[0], "secret-word"));
    cr_assert_str_eq(harness_element(bodies[1], "Topic", 0), "Start");
    cr_assert_str_eq(harness_element(bodies[1], "Sequence", 0), "2");
    cr_assert_str_eq(harness_element(bodies[1], "SessionID", 0), session);
}
