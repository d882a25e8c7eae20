#include <stdio.h>

#include "cli/options.h"
#include "cli/soap_client.h"

/* An id does not say whether it is a job's or a session's: the job goes first,
 * and with it its session. */
int command_cancel(const struct command *command, int argc, char **argv)
{
    struct soap_server server = {0};
    bool json = false;
    const struct option_row rows[] = {SOAP_SERVER_OPTIONS(server),
                                      {"--json", OPTION_FLAG, &json},
                                      {0}};
    struct soap_client client;

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others != 1)
        return usage_error(command, "the id of one job or session");
    int code = soap_client_open(&client, command, &server);
    if (code != EXIT_DONE)
        return code;

    struct isc_cancel_request job = {.job_id = text_of(argv[0])};
    struct f06_cancel_request session = {.session_id = text_of(argv[0])};
    client.quiet = true;
    bool done = soap_client_call(&client, SOAP_OP_CANCEL_JOB, &job) != NULL;
    if (!done && client.detail == SOAP_DETAIL_JOB_NOT_FOUND) {
        done = soap_client_call(&client, SOAP_OP_CANCEL_SESSION, &session) !=
               NULL;
        if (!done && client.detail == SOAP_DETAIL_SESSION_NOT_FOUND)
            say("there is no job and no session %s", argv[0]);
        else if (!done)
            say("%s", client.message);
    } else if (!done) {
        say("%s", client.message);
    }
    if (json)
        printf("{\"Cancelled\":%s}\n", done ? "true" : "false");
    soap_client_close(&client);
    return done ? EXIT_DONE : EXIT_FAILED;
}
