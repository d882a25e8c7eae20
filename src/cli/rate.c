/* `ferry rate`, `ferry pause`, `ferry resume`: the Set operations, by hand.
 *
 * A pause is a target rate of 0, and a server tells nobody what it was before.
 * So `pause` writes it down, in a file of the caller's, and `resume` reads it;
 * who resumes what another one paused names a rate.
 */
#include "cli/rate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/uuid.h"
#include "cli/options.h"
#include "cli/soap_client.h"

bool rate_read(const char *text, uint32_t *kbps)
{
    char *end;
    double value = strtod(text, &end);
    double factor = 1;

    if (*end == 'm' || *end == 'M')
        factor = 1e3;
    else if (*end == 'g' || *end == 'G')
        factor = 1e6;
    if (*end != '\0' && strchr("kKmMgG", *end) != NULL)
        end++;
    value *= factor;
    if (end == text || *end != '\0' || !(value >= 1 && value <= 4e9))
        return false;
    *kbps = (uint32_t)value;
    return true;
}

/* ---- what it was before ---- */

/* ~/.local/state/ferry/paused/ID, and its folders if they are to be made. */
static bool paused_path(const char *id, bool makes, char path[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    struct uuid uuid;
    int size;

    if (!uuid_parse(text_of(id), &uuid))
        return false; /* it names a file: nothing else may */
    if (state != NULL && state[0] == '/')
        size = snprintf(path, PATH_MAX, "%s/ferry/paused/%s", state, id);
    else if (home != NULL)
        size = snprintf(path, PATH_MAX, "%s/.local/state/ferry/paused/%s", home,
                        id);
    else
        return false;
    if (size < 0 || size >= PATH_MAX)
        return false;
    for (char *at = path + 1; makes && (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(path, 0700); /* a failure shows when the file is written */
        *at = '/';
    }
    return true;
}

static bool remember(const char *id, uint32_t kbps)
{
    char path[PATH_MAX];
    bool done = false;

    if (!paused_path(id, true, path))
        return false;
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        done = fprintf(file, "%u\n", kbps) > 0;
        done = fclose(file) == 0 && done;
    }
    return done;
}

/* 0 = nobody knows. */
static uint32_t recall(const char *id)
{
    char path[PATH_MAX];
    unsigned kbps = 0;

    if (!paused_path(id, false, path))
        return 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%u", &kbps) != 1)
        kbps = 0;
    fclose(file);
    return kbps;
}

static void forget(const char *id)
{
    char path[PATH_MAX];

    if (paused_path(id, false, path))
        unlink(path);
}

/* ---- the server ---- */

/* Returns false after it has printed why not. */
static bool ask_rate(struct soap_client *client, const char *id,
                     uint32_t *kbps)
{
    struct f06_query_session_request request = {.session_id = text_of(id)};
    const struct f06_query_session_response *response =
        soap_client_call(client, SOAP_OP_QUERY_SESSION, &request);

    if (response == NULL)
        return false;
    *kbps = response->session.rate_parameters.target_rate;
    return true;
}

static bool set_rate(struct soap_client *client, const char *id, uint32_t kbps)
{
    struct f06_set_target_rate_request request = {.session_id = text_of(id),
                                                  .target_rate = kbps};

    return soap_client_call(client, SOAP_OP_SET_TARGET_RATE, &request) != NULL;
}

static int answer(const char *id, uint32_t kbps, bool json)
{
    if (json)
        printf("{\"SessionID\":\"%s\",\"TargetRate\":%u}\n", id, kbps);
    else if (kbps == 0)
        printf("%s is paused; go on with: ferry resume %s\n", id, id);
    else
        printf("%s goes at %u kbit/s\n", id, kbps);
    return EXIT_DONE;
}

/* ---- the commands ---- */

enum change { CHANGE_RATE, CHANGE_PAUSE, CHANGE_RESUME };

static int pause_session(struct soap_client *client, const char *id, bool json)
{
    uint32_t kbps;

    if (!ask_rate(client, id, &kbps))
        return EXIT_FAILED;
    if (kbps != 0 && !remember(id, kbps))
        say("it cannot be written down that the rate is %u kbit/s: resume "
            "with that rate",
            kbps);
    return set_rate(client, id, 0) ? answer(id, 0, json) : EXIT_FAILED;
}

static int resume_session(struct soap_client *client, const char *id,
                          uint32_t kbps, bool json)
{
    uint32_t now_kbps;

    if (kbps == 0)
        kbps = recall(id);
    if (kbps == 0) {
        if (!ask_rate(client, id, &now_kbps))
            return EXIT_FAILED;
        if (now_kbps == 0)
            say("%s was not paused from here: name a rate, as in ferry resume "
                "%s 100m",
                id, id);
        else
            say("%s is not paused", id);
        return EXIT_FAILED;
    }
    if (!set_rate(client, id, kbps))
        return EXIT_FAILED;
    forget(id);
    return answer(id, kbps, json);
}

static int run(const struct command *command, int argc, char **argv,
               enum change change)
{
    struct soap_server server = {0};
    bool json = false;
    const struct option_row rows[] = {SOAP_SERVER_OPTIONS(server),
                                      {"--json", OPTION_FLAG, &json},
                                      {0}};
    struct soap_client client;
    uint32_t kbps = 0;

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others != (change == CHANGE_RATE ? 2 : 1) &&
        !(change == CHANGE_RESUME && others == 2))
        return usage_error(command, "the id of one session%s",
                           change == CHANGE_RATE ? " and a rate" : "");
    if (others == 2 && !rate_read(argv[1], &kbps))
        return usage_error(command, "'%s': expected a number with k, m or g "
                                    "bits a second",
                           argv[1]);
    int code = soap_client_open(&client, command, &server);
    if (code != EXIT_DONE)
        return code;
    switch (change) {
    case CHANGE_RATE:
        code = set_rate(&client, argv[0], kbps) ? answer(argv[0], kbps, json)
                                                : EXIT_FAILED;
        break;
    case CHANGE_PAUSE:
        code = pause_session(&client, argv[0], json);
        break;
    case CHANGE_RESUME:
        code = resume_session(&client, argv[0], kbps, json);
        break;
    }
    soap_client_close(&client);
    return code;
}

int command_rate(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, CHANGE_RATE);
}

int command_pause(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, CHANGE_PAUSE);
}

int command_resume(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, CHANGE_RESUME);
}
