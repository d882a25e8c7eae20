/* `ferry healthcheck`: asks the store through the service, as a client would;
 * for containers and monitors. */
#include <stdio.h>

#include "cli/options.h"
#include "cli/soap_client.h"

int command_healthcheck(const struct command *command, int argc, char **argv)
{
    struct soap_server server = {0};
    bool json = false;
    const struct option_row rows[] = {SOAP_SERVER_OPTIONS(server),
                                      {"--json", OPTION_FLAG, &json},
                                      {0}};
    struct f09_get_session_info_request request = {
        .session_filter = {.max_results = 1, .has_max_results = true}};
    struct soap_client client;

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0)
        return usage_error(command, "what is '%s'?", argv[0]);
    int code = soap_client_open(&client, command, &server);
    if (code != EXIT_DONE)
        return code;
    bool healthy =
        soap_client_call(&client, SOAP_OP_GET_SESSION_INFO, &request) != NULL;
    if (json)
        printf("{\"Healthy\":%s}\n", healthy ? "true" : "false");
    else if (healthy)
        puts("healthy");
    soap_client_close(&client);
    return healthy ? EXIT_DONE : EXIT_FAILED;
}
