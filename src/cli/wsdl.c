/* ferry wsdl: a description as the server gives it, for who has no server at
 * hand. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "soap/wsdl.h"

#define PATH_START "/services/soap/"

static void list_services(void)
{
    for (int i = 0; i < SOAP_SERVICE_COUNT; i++)
        printf("%s\n",
               soap_service_path((enum soap_service)i) + strlen(PATH_START));
}

int command_wsdl(const struct command *command, int argc, char **argv)
{
    struct text_builder path = {0};
    struct text_builder wsdl = {0};
    enum soap_service service;
    bool is_old;

    const char *origin = "http://127.0.0.1:40001";
    const struct option_row rows[] = {{"--soap", OPTION_TEXT, &origin}, {0}};

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 1)
        return usage_error(command, "what is '%s'?", argv[1]);
    if (strncmp(origin, "http", 4) != 0 || strpbrk(origin, "<>&\"'") != NULL)
        return usage_error(command,
                           "--soap %s: expected an address as in "
                           "https://node.example.org:40001",
                           origin);
    if (others == 0) {
        list_services();
        return EXIT_DONE;
    }
    text_add_format(&path, PATH_START "%s", argv[0]);
    bool found = soap_service_of_path(text_built(&path), &service, &is_old);
    text_builder_free(&path);
    if (!found)
        return usage_error(command,
                           "there is no service '%s'; without a name "
                           "they are listed",
                           argv[0]);
    soap_write_wsdl(&wsdl, service, text_of(origin));
    bool written = !wsdl.failed && fwrite(wsdl.data, 1, wsdl.size_bytes,
                                          stdout) == wsdl.size_bytes;
    text_builder_free(&wsdl);
    if (!written || fflush(stdout) != 0) {
        say("cannot write the description");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}
