#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "cli/soap_client.h"

/* How often --wait asks: soon at first, so that a small job is not held up,
 * and then so often that nobody notices: 0.3 % of a core here. */
#define WAIT_MS_MIN 5
#define WAIT_MS_MAX 50

static bool has_ended(struct text state)
{
    return text_is(state, "completed") || text_is(state, "error") ||
           text_is(state, "cancelled") || text_is(state, "orphaned");
}

static void print_outcome(const struct f09_session_statistics *session)
{
    double seconds = (double)session->elapsed / 1e6;
    double mbps = seconds > 0
                      ? (double)session->bytes_transferred * 8 / 1e6 / seconds
                      : 0;

    fprintf(stderr,
            "%.*s: %u of %u files, %llu bytes written, %.1f s, %.0f Mbit/s\n",
            (int)session->status.size_bytes, session->status.data,
            session->files_complete, session->file_count,
            (unsigned long long)session->bytes_written, seconds, mbps);
    if (session->error_code != 0)
        say("error %d: %.*s", session->error_code,
            (int)session->error_description.size_bytes,
            session->error_description.size_bytes > 0
                ? session->error_description.data
                : "");
}

static void print_json(const struct f09_session_statistics *session)
{
    struct text_builder row = {0};

    json_write(&row, &soap_type_f09_session_statistics, session);
    printf("%.*s\n", (int)row.size_bytes, row.data);
    text_builder_free(&row);
}

/* Follows a job to its end.  The job's newest session says how it stands. */
static int wait_for(struct soap_client *client, struct text job_id, bool json)
{
    struct f09_get_session_statistics_request request = {
        .session_filter = {.job_id = &job_id,
                           .job_id_count = 1,
                           .last_session_only = true,
                           .has_last_session_only = true},
    };
    long wait_ms = WAIT_MS_MIN;

    for (;;) {
        const struct f09_get_session_statistics_response *response =
            soap_client_call(client, SOAP_OP_GET_SESSION_STATISTICS, &request);
        if (response == NULL)
            return EXIT_FAILED;
        if (response->session_statistics_result.session_statistics_count == 0) {
            say("the job is not in the history any more");
            return EXIT_FAILED;
        }
        const struct f09_session_statistics *session =
            response->session_statistics_result.session_statistics;
        if (has_ended(session->status)) {
            if (json)
                print_json(session);
            else
                print_outcome(session);
            return text_is(session->status, "completed") ? EXIT_DONE
                                                         : EXIT_FAILED;
        }
        struct timespec pause = {0, wait_ms * 1000000};
        nanosleep(&pause, NULL);
        wait_ms = wait_ms * 2 < WAIT_MS_MAX ? wait_ms * 2 : WAIT_MS_MAX;
    }
}

int command_submit(const struct command *command, int argc, char **argv)
{
    struct soap_server server = {0};
    bool wait = false;
    bool json = false;
    const struct option_row rows[] = {
        SOAP_SERVER_OPTIONS(server),
        {"--wait", OPTION_FLAG, &wait},
        {"--json", OPTION_FLAG, &json},
        {0},
    };
    struct text_builder order = {.size_bytes_max = LIMIT_HTTP_BODY_BYTES};
    struct soap_client client;
    char job_id[64];

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 1)
        return usage_error(command, "one order at a time");
    const char *path = others == 1 ? argv[0] : "-";
    int result = read_file(path, &order);
    if (result != 0) {
        say("cannot read %s: %s", path, strerror(-result));
        return EXIT_FAILED;
    }
    int code = soap_client_open(&client, command, &server);
    if (code != EXIT_DONE)
        return code;

    struct job_submit_request request = {
        .type = text_of("Aspera.IScpTransfer"),
        .definition = text_built(&order),
    };
    const struct job_submit_response *response =
        soap_client_call(&client, SOAP_OP_SUBMIT, &request);
    if (response == NULL ||
        !text_to_string(response->job_result.id, job_id, sizeof job_id)) {
        code = EXIT_FAILED;
    } else {
        if (json && !wait)
            printf("{\"JobID\":\"%s\"}\n", job_id);
        else if (!json)
            puts(job_id);
        fflush(stdout);
        if (wait)
            code = wait_for(&client, text_of(job_id), json);
    }
    soap_client_close(&client);
    text_builder_free(&order);
    return code;
}
