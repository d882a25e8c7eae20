#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "central/upkeep.h"
#include "harness.h"

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

TestSuite(retry, .init = set_up, .fini = tear_down);

#define LET_DOWN "session.error session.stop job.status "
#define AGAIN "job.connecting session.start "
#define GIVEN_UP "session.error session.stop job.error job.stop"

/* Sessions of a job, newest first. */
static struct reply sessions_of(const char *job_id, const char *more)
{
    char content[512];

    snprintf(content, sizeof content,
             "<f09:GetSessionInfoRequest><SessionFilter><JobId>%s</JobId>%s"
             "</SessionFilter></f09:GetSessionInfoRequest>",
             job_id, more);
    return harness_call(content);
}

static void expect_sessions(const char *job_id, const char *const *states,
                            uint32_t count)
{
    struct reply reply = sessions_of(job_id, "");
    char number[16];

    snprintf(number, sizeof number, "%u", count);
    cr_assert_str_eq(harness_element(reply.body, "ResultCount", 0), number);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(number, sizeof number, "%u", count - 1 - i);
        cr_assert_str_eq(harness_element(reply.body, "Status", i), states[i],
                         "session %u: %s", i, reply.body);
        cr_assert_str_eq(harness_element(reply.body, "JobRetryCount", i),
                         number);
    }
}

static const char *submit(const char *order)
{
    static char id[64];

    snprintf(id, sizeof id, "%s", harness_submit(order));
    return id;
}

static struct reply cancel(const char *job_id)
{
    char content[256];

    snprintf(content, sizeof content,
             "<isc:CancelRequest><JobID>%s</JobID></isc:CancelRequest>",
             job_id);
    return harness_call(content);
}

static struct reply query_job(const char *job_id)
{
    char content[256];

    snprintf(content, sizeof content,
             "<isc:QueryJobRequest><JobID>%s</JobID></isc:QueryJobRequest>",
             job_id);
    return harness_call(content);
}

Test(retry, a_job_tries_as_often_as_its_order_says_and_then_fails)
{
    static const char *const states[] = {"error", "willretry", "willretry"};
    const char *id =
        submit(harness_order_retry(harness_free_port(), 2, 0));

    harness_wait_events(2 * 5 + 6);
    cr_assert_str_eq(harness_topics(), AGAIN LET_DOWN AGAIN LET_DOWN AGAIN
                                           GIVEN_UP);
    expect_sessions(id, states, 3);
    struct reply reply = sessions_of(id, "");
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_str_eq(harness_element(reply.body, "JobMaxRetries", i), "2");
        cr_assert_str_eq(harness_element(reply.body, "ErrorCode", i), "12");
        cr_assert_not_null(harness_element(reply.body, "EndDate", i));
    }
    cr_assert_str_eq(
        harness_element(query_job(id).body, "FailedAttempts", 0), "3");
}

Test(retry, only_the_last_session_takes_part_when_that_is_asked)
{
    const char *id =
        submit(harness_order_retry(harness_free_port(), 1, 0));
    char uuid[64];
    char content[512];
    harness_wait_events(5 + 6);

    struct reply reply =
        sessions_of(id, "<LastSessionOnly>true</LastSessionOnly>");
    cr_assert_str_eq(harness_element(reply.body, "ResultCount", 0), "1");
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "error");

    reply = sessions_of(id, "");
    snprintf(uuid, sizeof uuid, "%s", harness_element(reply.body, "UUID", 1));
    snprintf(content, sizeof content,
             "<f09:GetSessionInfoRequest><SessionFilter><SessionUUID>%s"
             "</SessionUUID><LastSessionOnly>true</LastSessionOnly>"
             "</SessionFilter></f09:GetSessionInfoRequest>",
             uuid);
    for (uint32_t i = 0; i < 2; i++) {
        reply = harness_call(content);
        cr_assert_str_eq(harness_element(reply.body, "ResultCount", 0), "0",
                         "%s", reply.body);
        harness_close();
        harness_open(0);
    }
}

Test(retry, what_time_does_not_mend_fails_at_once)
{
    struct address node = central_transfer_address(harness.central);

    submit(harness_order_retry(node.port, 3, 0)); /* there is no user ann */
    harness_wait_events(6);
    cr_assert_str_eq(harness_topics(), AGAIN GIVEN_UP);
}

Test(retry, defaults_are_three_retries_from_ten_seconds_to_five_minutes)
{
    uint16_t port = harness_free_port();
    char order[1200];
    snprintf(order, sizeof order, "%s", harness_order(port));
    char *from = strstr(order, "<RetryParameters>");
    char *to = strstr(order, "<PrivateData>");
    memmove(from, to, strlen(to) + 1);

    const char *id = submit(order);
    harness_wait_events(5);
    cr_assert_str_eq(
        harness_element(sessions_of(id, "").body, "JobMaxRetries", 0), "3");
    struct reply reply = query_job(id);
    cr_assert_str_eq(harness_element(reply.body, "Count", 0), "3");
    cr_assert_str_eq(harness_element(reply.body, "BaseInterval", 0), "10");
    cr_assert_str_eq(harness_element(reply.body, "MaximumInterval", 0), "300");
    cr_assert_str_eq(harness_element(reply.body, "FailedAttempts", 0), "1");
}

/* ---- while it waits ---- */

Test(retry, a_job_that_waits_is_active_and_takes_no_place)
{
    const char *id =
        submit(harness_order_retry(harness_free_port(), 1, 600));
    uint16_t port;
    int fd = harness_silent_peer(&port);
    harness_wait_events(5);

    static const char *const states[] = {"willretry"};
    expect_sessions(id, states, 1);
    struct reply reply = harness_call("<isc:ListJobsRequest/>");
    cr_assert_str_eq(harness_element(reply.body, "JobID", 0), id);
    cr_assert_eq(harness.central->jobs.running_count, 0);
    close(fd);
}

Test(retry, cancelled_while_it_waits_turns_its_session_to_cancelled)
{
    const char *id =
        submit(harness_order_retry(harness_free_port(), 1, 600));
    harness_wait_events(5);

    cr_assert_eq(cancel(id).status, 200);
    struct reply reply = sessions_of(id, "");
    cr_assert_str_eq(harness_element(reply.body, "ResultCount", 0), "1");
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "cancelled",
                     "as soon as Cancel has answered");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "28");
    cr_assert_str_eq(harness_topics(), AGAIN LET_DOWN "job.stop");
    cr_assert_null(harness_element(
        harness_call("<isc:ListJobsRequest/>").body, "JobID", 0));
    cr_assert_eq(cancel(id).status, 200, "once more changes nothing");
}

Test(retry, a_session_that_will_be_retried_is_cancelled_by_its_own_id)
{
    const char *id =
        submit(harness_order_retry(harness_free_port(), 1, 600));
    char content[256];
    harness_wait_events(5);

    snprintf(content, sizeof content,
             "<f06:CancelRequest><SessionID>%s</SessionID>"
             "</f06:CancelRequest>",
             harness_element(sessions_of(id, "").body, "UUID", 0));
    cr_assert_eq(harness_call(content).status, 200);
    cr_assert_str_eq(harness_element(sessions_of(id, "").body, "Status", 0),
                     "cancelled");
    cr_assert_str_eq(harness_topics(), AGAIN LET_DOWN "job.stop");
}

Test(retry, history_goes_but_not_that_of_a_job_that_waits)
{
    const char *id =
        submit(harness_order_retry(harness_free_port(), 1, 600));
    harness_wait_events(5);

    upkeep_trim(harness.central, INT64_MAX);
    cr_assert_eq(harness.central->sessions.count, 1);
    cr_assert_eq(cancel(id).status, 200);
    upkeep_trim(harness.central, INT64_MAX);
    cr_assert_eq(harness.central->sessions.count, 0);
}

/* ---- over a restart ---- */

Test(retry, the_wait_outlives_the_server)
{
    char id[64];
    snprintf(id, sizeof id, "%s",
             submit(harness_order_retry(harness_free_port(), 1, 600)));
    harness_wait_events(5);
    int64_t due_us = harness.central->jobs.active_first->retry_at_us;
    harness_close();
    harness_open(0);

    const struct job *job = harness.central->jobs.active_first;
    cr_assert_eq(job->state, STORE_JOB_WAITING);
    cr_assert_eq(job->retry_at_us, due_us);
    cr_assert(loop_timer_running(&job->retry));
    cr_assert_str_eq(harness_topics(), AGAIN "session.error session.stop "
                                             "job.status");
    cr_assert_eq(cancel(id).status, 200);
    cr_assert_str_eq(harness_element(sessions_of(id, "").body, "Status", 0),
                     "cancelled");
}

Test(retry, one_that_was_due_meanwhile_goes_on_at_once)
{
    char id[64];
    snprintf(id, sizeof id, "%s",
             submit(harness_order_retry(harness_free_port(), 1, 600)));
    harness_wait_events(5);
    /* As if the server had been down for an hour. */
    harness.central->jobs.active_first->retry_at_us =
        clock_wall_us() - INT64_C(3600000000);
    struct change *change = change_begin(&harness.central->changes);
    struct store_job row = job_row(harness.central->jobs.active_first);
    change_put_job(change, &row);
    change_commit(change, CHANGE_MUST, NULL, NULL);
    harness_close();
    harness_open(0);

    harness_wait_events(5 + 6);
    cr_assert_str_eq(harness_topics(), AGAIN LET_DOWN AGAIN GIVEN_UP);
    static const char *const states[] = {"error", "willretry"};
    expect_sessions(id, states, 2);
}

Test(retry, a_stop_is_no_end_and_the_job_goes_on_at_the_next_start)
{
    uint16_t port;
    char id[64];
    int fd = harness_silent_peer(&port);
    snprintf(id, sizeof id, "%s", submit(harness_order_retry(port, 1, 600)));
    harness_wait_events(2);
    harness_close();
    harness_open(0);

    static const char *const states[] = {"running", "willretry"};
    harness_wait_events(7);
    cr_assert_str_eq(harness_topics(), AGAIN LET_DOWN
                                           "job.connecting session.start");
    expect_sessions(id, states, 2);
    close(fd);
}

/* A job and its session in these states, at the next start. */
static const char *restart_with(enum store_job_state job_state,
                                enum store_session_state session_state,
                                uint32_t retry_count, uint32_t retry_count_max,
                                const char *order)
{
    static char id[UUID_TEXT_BYTES + 1];
    struct store_job job = {
        .uuid = uuid_new(),
        .state = job_state,
        .created_us = 1,
        .session_uuid = uuid_new(),
        .started = true,
        .retry_count = retry_count,
        .retry_at_us = clock_wall_us() + INT64_C(86400000000),
        .order_text = text_of(order),
    };
    struct store_session session = {
        .uuid = job.session_uuid,
        .job_uuid = job.uuid,
        .state = session_state,
        .start_us = 1,
        .end_us = session_state == STORE_SESSION_WILLRETRY ? 2 : 0,
        .policy = text_of("fair"),
        .target_rate_kbps = 777,
        .cap_rate_kbps = SESSION_NO_CAP_KBPS,
        .retry_count = retry_count,
        .retry_count_max = retry_count_max,
    };

    harness_store(&job, &session);
    harness_close();
    harness_open(0);
    uuid_format(job.uuid, id);
    return id;
}

Test(retry, what_ran_when_it_was_killed_is_orphaned_and_its_job_goes_on)
{
    static const char *const states[] = {"error", "orphaned"};
    const char *id = restart_with(STORE_JOB_RUNNING, STORE_SESSION_RUNNING, 0,
                                  1, harness_order_retry(1, 1, 0));

    harness_wait_events(3 + 6);
    cr_assert_str_eq(harness_topics(), LET_DOWN AGAIN GIVEN_UP);
    expect_sessions(id, states, 2);
    struct reply reply = sessions_of(id, "");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 1), "16");
    cr_assert_str_eq(harness_element(reply.body, "TargetRate", 0), "777",
                     "as it was when the last one ended");
    cr_assert_str_eq(harness_element(reply.body, "RatePolicy", 0), "fair");
}

Test(retry, an_orphan_of_a_job_without_retries_left_is_the_last)
{
    const char *id = restart_with(STORE_JOB_RUNNING, STORE_SESSION_RUNNING, 2,
                                  2, harness_order_retry(1, 2, 0));

    cr_assert_str_eq(harness_topics(), GIVEN_UP);
    cr_assert_str_eq(harness_element(sessions_of(id, "").body, "Status", 0),
                     "orphaned");
}

static const char order_with_lost_key[] =
    "<Order><Operation>Push</Operation><RemoteLocation><System>"
    "<Address>127.0.0.1</Address></System><Authentication>"
    "<KeyPath>/nowhere/key</KeyPath></Authentication></RemoteLocation>"
    "<LocalLocation><Files><Path>a</Path></Files></LocalLocation></Order>";

Test(retry, a_job_that_cannot_run_any_more_fails_at_the_restart)
{
    const char *id =
        restart_with(STORE_JOB_WAITING, STORE_SESSION_WILLRETRY, 0, 3,
                     order_with_lost_key);

    cr_assert_str_eq(harness_topics(), "job.error job.stop",
                     "its session's end was told when it came");
    struct reply reply = sessions_of(id, "");
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "error");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "50");
}

Test(retry, an_orphan_whose_job_cannot_run_any_more_is_the_last)
{
    const char *id =
        restart_with(STORE_JOB_RUNNING, STORE_SESSION_RUNNING, 0, 3,
                     order_with_lost_key);

    cr_assert_str_eq(harness_topics(), GIVEN_UP);
    struct reply reply = sessions_of(id, "");
    cr_assert_str_eq(harness_element(reply.body, "Status", 0), "orphaned");
    cr_assert_str_eq(harness_element(reply.body, "ErrorCode", 0), "50");
}

/* The stored time is a day ahead; the order's wait is no second. */
Test(retry, a_clock_that_was_set_back_prolongs_no_wait)
{
    restart_with(STORE_JOB_WAITING, STORE_SESSION_WILLRETRY, 0, 1,
                 harness_order_retry(1, 1, 0));

    harness_wait_events(6);
    cr_assert_str_eq(harness_topics(), AGAIN GIVEN_UP);
}
