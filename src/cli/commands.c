#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/serve.h"

#define VERSION "0.1.0"

const struct command commands[] = {
    {"serve", command_serve,
     "[--state DIR] [--docroot DIR] [--soap ADDRESS:PORT]\n"
     "        [--transfer ADDRESS:PORT] [--config FILE]\n"
     "        [--soap-cert PEM [--soap-key PEM]] [--insecure-soap]\n"
     "        [--no-daemon] [--pid-file FILE] [-D|-DD|-DDD] [-L-|-L DIR]",
     "run the server: SOAP services and transfers"},
    {"user", command_user,
     "add NAME --docroot DIR [--password-stdin] [--key FILE.pub] --state DIR\n"
     "       ferry user list --state DIR\n"
     "       ferry user remove NAME --state DIR",
     "who may log in from other nodes, and to which folder"},
    {"submit", command_submit, "[--soap URL] [--wait] [ORDER.xml | -]",
     "submit an order; prints the job's id"},
    {"push", command_push,
     "SOURCE... USER@HOST[:PORT]:DESTINATION\n"
     "        [--password-stdin] [--key FILE] [--rate RATE] [--policy POLICY]\n"
     "        [--fingerprint SHA256:...] [--cipher CIPHER] [--mkdir]",
     "send files to a node, without a server here"},
    {"pull", command_pull,
     "USER@HOST[:PORT]:SOURCE... DESTINATION\n"
     "        [the options of push]",
     "fetch files from a node, without a server here"},
    {"watch", command_watch,
     "[--soap URL] [--topic TOPIC]... [--json] [--listen ADDRESS:PORT]\n"
     "       ferry watch --pull [--after SEQUENCE] [--soap URL]\n"
     "        [--topic TOPIC]... [--json]",
     "subscribe to events, or ask for them, and print each one"},
    {"subscriptions", command_subscriptions,
     "[--soap URL] [--json]\n"
     "       ferry subscriptions secret ID [--none | --secret-stdin]\n"
     "       ferry subscriptions replay ID SEQUENCE",
     "who is told what, how far they are and what is wrong; signatures, replay"},
    {"jobs", command_jobs, "[--soap URL] [--active] [--json]",
     "list jobs, newest first"},
    {"sessions", command_sessions,
     "[--soap URL] [--active] [--json] [--job ID]",
     "list sessions, newest first"},
    {"files", command_files, "[--soap URL] [--json] [--job ID]",
     "list the files of sessions"},
    {"cancel", command_cancel, "[--soap URL] ID",
     "cancel a job or a session"},
    {"fingerprint", command_fingerprint, "--state DIR",
     "print the fingerprint of this node's key"},
    {"wsdl", command_wsdl, "[NAME] [--soap URL]",
     "print the description of a service, or the names of all"},
    {"check-config", command_check_config, "[--json] FILE",
     "say of each setting of a file: honoured, ignored, refused"},
    {"version", command_version, "", "print the version"},
    {"help", command_help, "[COMMAND]", "print this, or a command's usage"},
    {0},
};

const struct command *command_find(const char *name)
{
    for (const struct command *row = commands; row->name != NULL; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("ferry: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int usage_error(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "ferry %s: ", command->name);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: ferry %s %s\n", command->name, command->usage);
    return EXIT_USAGE;
}

int command_version(const struct command *command, int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return usage_error(command, "it takes no arguments");
    puts("ferry " VERSION);
    return EXIT_DONE;
}

int command_help(const struct command *command, int argc, char **argv)
{
    if (argc > 1)
        return usage_error(command, "one command at a time");
    if (argc == 1) {
        const struct command *row = command_find(argv[0]);
        if (row == NULL)
            return usage_error(command, "there is no command '%s'", argv[0]);
        printf("%s\nusage: ferry %s %s\n", row->summary, row->name,
               row->usage);
        return EXIT_DONE;
    }
    puts("ferry: transfers of files at the rate that was asked for, ordered "
         "over SOAP\n\nusage: ferry COMMAND ...\n");
    for (const struct command *row = commands; row->name != NULL; row++)
        printf("  %-12s %s\n", row->name, row->summary);
    puts("\nClient commands find the server at --soap URL, $FERRY_SOAP, or "
         "http://127.0.0.1:40001.");
    return EXIT_DONE;
}

int command_main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash != NULL ? slash + 1 : argv[0];

    if (strcmp(program, "asperacentral") == 0)
        return serve_as(command_find("serve"), program, argc - 1, argv + 1);
    if (argc < 2) {
        command_help(command_find("help"), 0, NULL);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const struct command *command = command_find(name);
    if (command == NULL) {
        say("there is no command '%s'; see: ferry help", argv[1]);
        return EXIT_USAGE;
    }
    return command->run(command, argc - 2, argv + 2);
}
