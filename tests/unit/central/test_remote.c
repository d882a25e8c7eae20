#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"

/* Another node on the same loop: the harness' node is the one that is asked,
 * and this one the far end. */
static struct central *far;
static char far_state[96];
static char far_docroot[96];

static void set_up(void)
{
    char error[CENTRAL_ERROR_BYTES] = "";
    struct central_config config = {0};

    harness_make_folder();
    harness_open(0);
    harness_add_user();
    snprintf(far_state, sizeof far_state, "%s/far-state", harness.folder);
    snprintf(far_docroot, sizeof far_docroot, "%s/docroot", harness.folder);
    config.loop = harness.loop;
    config.state_dir = far_state;
    config.docroot = far_docroot;
    cr_assert(address_parse(text_of("127.0.0.1:0"), &config.soap_listen));
    config.transfer_listen = config.soap_listen;
    cr_assert_eq(central_open(&far, &config, error), 0, "%s", error);
}

static void set_true(void *owner)
{
    *(bool *)owner = true;
}

static bool is_true(void *user)
{
    return *(bool *)user;
}

static void tear_down(void)
{
    bool stopped = false;

    central_stop(far, set_true, &stopped);
    harness_run_until(is_true, &stopped);
    harness_close();
    harness_remove_folder();
}

TestSuite(remote, .init = set_up, .fini = tear_down);

/* Lets the far node do what `order` says. */
static void order_from_far(const char *order)
{
    struct central *here = harness.central;

    harness.central = far;
    harness_submit(order);
    harness.central = here;
}

static const char *order(const char *operation, const char *remote_path,
                         const char *local_path, uint32_t rate)
{
    static char text[1024];
    struct address node = central_transfer_address(harness.central);

    snprintf(text, sizeof text,
             "<Order><Operation>%s</Operation><RemoteLocation><System>"
             "<Address>127.0.0.1</Address><Port>%u</Port>"
             "<UserName>ann</UserName><Password>secret-word</Password>"
             "</System><Files><Path>%s</Path></Files></RemoteLocation>"
             "<LocalLocation><Files><Path>%s</Path></Files></LocalLocation>"
             "<FileParameters><CreatePath>Yes</CreatePath></FileParameters>"
             "<RateParameters><TargetRate>%u</TargetRate></RateParameters>"
             "</Order>",
             operation, node.port, remote_path, local_path, rate);
    return text;
}

#define ALL_SESSIONS                              \
    "<f09:GetSessionInfoRequest><SessionFilter/>" \
    "</f09:GetSessionInfoRequest>"

static void expect(struct reply reply, const char *element, const char *value)
{
    const char *found = harness_element(reply.body, element, 0);

    cr_expect_not_null(found, "%s: %s", element, reply.body);
    if (found != NULL)
        cr_expect_str_eq(found, value, "%s: %s", element, found);
}

Test(remote, a_session_that_another_node_pushes_is_listed_as_incoming)
{
    order_from_far(order("Push", "in", "source", 100000));
    harness_wait_events(2);
    cr_assert_str_eq(harness_topics(), "session.start session.stop");

    struct reply reply = harness_call(ALL_SESSIONS);
    expect(reply, "ResultCount", "1");
    expect(reply, "Status", "completed");
    expect(reply, "Direction", "incoming");
    expect(reply, "ServerEndpoint", "Local");
    expect(reply, "ClientEndpoint", "Remote");
    expect(reply, "User", "ann");
    expect(reply, "FilesComplete", "3");
    expect(reply, "BytesWritten", "70005");
    cr_assert_null(harness_element(reply.body, "JobId", 0));

    /* Both nodes know it by the same id. */
    cr_assert_not_null(far->sessions.newest);
    cr_assert(uuid_equal(far->sessions.newest->uuid,
                         harness.central->sessions.newest->uuid));
}

Test(remote, a_session_that_another_node_pulls_is_listed_as_outgoing)
{
    char path[128];
    snprintf(path, sizeof path, "%s/out", harness.remote);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("hello", file);
    fclose(file);

    order_from_far(order("Pull", "out", "fetched/", 100000));
    harness_wait_events(2);
    struct reply reply = harness_call(ALL_SESSIONS);
    expect(reply, "Status", "completed");
    expect(reply, "Direction", "outgoing");
    expect(reply, "ServerEndpoint", "Local");
    expect(reply, "BytesWritten", "5");
}

/* ---- rates ---- */

static bool runs(void *user)
{
    struct session *session = harness.central->sessions.newest;

    (void)user;
    return session->shown != NULL && session->transfer != NULL &&
           session->job->shown_state == STORE_JOB_RUNNING;
}

static bool shows(void *user)
{
    const enum store_session_state *state = user;

    return harness.central->sessions.newest->shown->row.state == *state;
}

static struct reply set_rate(const char *operation, const char *child)
{
    char content[512];
    char id[UUID_TEXT_BYTES + 1];

    uuid_format(harness.central->sessions.newest->uuid, id);
    snprintf(content, sizeof content,
             "<f06:%sRequest><SessionID>%s</SessionID>%s</f06:%sRequest>",
             operation, id, child, operation);
    return harness_call(content);
}

static void expect_policy(const char *word, const char *shown)
{
    char child[64];

    snprintf(child, sizeof child, "<Policy>%s</Policy>", word);
    cr_assert_eq(set_rate("SetPolicy", child).status, 200, "%s", word);
    expect(harness_call(ALL_SESSIONS), "RatePolicy", shown);
}

Test(remote, a_session_is_paused_resumed_and_slowed_with_a_status_each)
{
    enum store_session_state paused = STORE_SESSION_PAUSED;
    enum store_session_state running = STORE_SESSION_RUNNING;
    enum store_session_state cancelled = STORE_SESSION_CANCELLED;

    harness_submit(order("Push", "in", "source", 50));
    harness_run_until(runs, NULL);
    cr_assert_eq(set_rate("SetTargetRate", "<TargetRate>0</TargetRate>").status,
                 200);
    harness_run_until(shows, &paused);
    expect(harness_call(ALL_SESSIONS), "Status", "paused");
    expect(harness_call(ALL_SESSIONS), "TargetRate", "0");

    cr_assert_eq(
        set_rate("SetTargetRate", "<TargetRate>60</TargetRate>").status, 200);
    harness_run_until(shows, &running);
    expect(harness_call(ALL_SESSIONS), "TargetRate", "60");

    cr_assert_eq(set_rate("SetPolicy", "<Policy>fair</Policy>").status, 200);
    expect(harness_call(ALL_SESSIONS), "RatePolicy", "fair");
    expect_policy("Trickle", "low");
    expect_policy("High", "high");
    expect_policy("FIXED", "fixed");
    expect_policy("Low", "low");
    cr_assert_eq(set_rate("SetPolicy", "<Policy>Fast</Policy>").status, 500);
    expect(harness_call(ALL_SESSIONS), "RatePolicy", "low");
    cr_assert_eq(
        set_rate("SetBandwidthCap", "<BandwidthCap>70</BandwidthCap>").status,
        200);
    expect(harness_call(ALL_SESSIONS), "BandwidthCap", "70");

    cr_assert_eq(set_rate("Cancel", "").status, 200);
    harness_run_until(shows, &cancelled);
    const char *topics = harness_topics();
    cr_assert_not_null(strstr(topics, "job.connecting session.start job.start "
                                      "session.status"),
                       "%s", topics);
    cr_assert_not_null(strstr(topics, "session.stop job.stop"), "%s", topics);
}

Test(remote, one_that_runs_is_shown_as_it_is)
{
    enum store_session_state cancelled = STORE_SESSION_CANCELLED;

    harness_submit(order("Push", "in", "source", 50));
    harness_run_until(runs, NULL);
    expect(harness_call(ALL_SESSIONS), "Status", "running");
    expect(harness_call(ALL_SESSIONS), "ServerAddress", "127.0.0.1");
    struct reply reply = set_rate("QuerySession", "");
    cr_assert_eq(reply.status, 200, "%s", reply.body);
    cr_expect_str_eq(harness_element(reply.body, "Operation", 1), "Push");
    cr_assert_eq(set_rate("Cancel", "").status, 200);
    harness_run_until(shows, &cancelled);
    expect(harness_call(ALL_SESSIONS), "ErrorCode", "28");
}
