#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "crypto/identity.h"

int command_fingerprint(const struct command *command, int argc, char **argv)
{
    const char *state = NULL;
    bool json = false;
    const struct option_row rows[] = {{"--state", OPTION_TEXT, &state},
                                      {"--json", OPTION_FLAG, &json},
                                      {0}};
    struct text_builder pem = {.size_bytes_max = 65536};
    char fingerprint[FINGERPRINT_TEXT_BYTES + 1];
    struct identity identity;
    char path[PATH_MAX];

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0 || state == NULL)
        return usage_error(command, "--state DIR is missing");
    snprintf(path, sizeof path, "%s/identity.pem", state);
    int result = read_file(path, &pem);
    if (result != 0) {
        say("cannot read %s: %s%s", path, strerror(-result),
            result == -ENOENT ? "; the first `ferry serve` makes it" : "");
        return EXIT_FAILED;
    }
    enum identity_result parsed = identity_parse(text_built(&pem), &identity);
    explicit_bzero(pem.data, pem.room_bytes);
    text_builder_free(&pem);
    if (parsed != IDENTITY_OK) {
        say("%s: %s", path, identity_result_text(parsed));
        return EXIT_FAILED;
    }
    fingerprint_format(identity.fingerprint, fingerprint);
    identity_wipe(&identity);
    printf(json ? "{\"Fingerprint\":\"%s\"}\n" : "%s\n", fingerprint);
    return EXIT_DONE;
}
