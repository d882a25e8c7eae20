#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/serve.h"

#define SOAP_OPTION                                                           \
    {"--soap", "URL",                                                         \
     "the server; else $FERRY_SOAP or http://127.0.0.1:40001"},               \
        {"--user", "NAME",                                                    \
         "of an https server, with $FERRY_PASSWORD or a prompt; else "        \
         "$FERRY_USER"},                                                      \
        {"--ca", "PEM",                                                       \
         "who may have signed its certificate; else $FERRY_CA, or whom this " \
         "system knows"},                                                     \
    {                                                                         \
        "--insecure", NULL, "do not check its certificate"                    \
    }
#define JSON_OPTION {"--json", NULL, "print JSON, for programs"}

static const struct option_text serve_options[] = {
    {"--state", "DIR",
     "where jobs, events and this node's key are kept; /var/lib/ferry"},
    {"--docroot", "DIR", "the folder that local paths of orders are beneath"},
    {"--soap", "ADDRESS:PORT",
     "where SOAP listens; 127.0.0.1:40001. Port 0 takes a free one"},
    {"--transfer", "ADDRESS:PORT",
     "where other nodes connect, TCP and UDP; 0.0.0.0:33001"},
    {"--config", "FILE",
     "the configuration; see ferry.conf(5). Flags win over it"},
    {"--soap-cert", "PEM",
     "the certificates of SOAP beyond loopback; else the node's own"},
    {"--soap-key", "PEM", "the key to them; else in the same file"},
    {"--insecure-soap", NULL,
     "let SOAP listen beyond loopback, without TLS and passwords"},
    {"--no-daemon", NULL, "stay in the foreground, as asperacentral"},
    {"--pid-file", "FILE", "write the process's number there, and lock it"},
    {"-D", NULL, "log more; also -DD and -DDD"},
    {"-L", "DIR", "log files in DIR; -L- logs to standard error"},
    {0},
};
static const struct option_text user_options[] = {
    {"--state", "DIR", "the server's state folder"},
    {"--docroot", "DIR", "the folder that the user is let into"},
    {"--password-stdin", NULL, "read the password, a line of standard input"},
    {"--key", "FILE.pub", "a public key; may come several times"},
    JSON_OPTION,
    {0},
};
static const struct option_text submit_options[] = {
    SOAP_OPTION,
    {"--wait", NULL, "follow the job, and exit with its outcome"},
    JSON_OPTION,
    {0},
};
static const struct option_text transfer_options[] = {
    {"--password-stdin", NULL,
     "read the password, a line of standard input; else $FERRY_PASSWORD, or a "
     "prompt"},
    {"--key", "FILE", "a private key; else ~/.ssh/id_ed25519, if it is there"},
    {"--rate", "RATE",
     "a number with k, m or g bits a second, bare: kbit/s; 1g"},
    {"--policy", "POLICY", "fixed, or fair, which shares the path"},
    {"--fingerprint", "SHA256:...",
     "the server's key; else the known hosts decide"},
    {"--cipher", "CIPHER", "none, aes-128, aes-256"},
    {"--mkdir", NULL, "make the destination's folders"},
    {"--retries", "NUMBER",
     "try again that often, where time may mend the error; 3"},
    {"--json", NULL, "print an object a second, and one at the end"},
    {"-D", NULL, "log what happens, to standard error"},
    {0},
};
static const struct option_text watch_options[] = {
    SOAP_OPTION,
    {"--topic", "TOPIC", "Start, Stop, ...; may come several times"},
    {"--json", NULL, "print an object a line"},
    {"--listen", "ADDRESS:PORT", "where events are to be sent to"},
    {"--pull", NULL, "ask for events instead of being sent them"},
    {"--after", "SEQUENCE", "with --pull: only what came after this one"},
    {0},
};
static const struct option_text subscriptions_options[] = {
    SOAP_OPTION,
    JSON_OPTION,
    {"--none", NULL, "with secret: notifications are not signed any more"},
    {"--secret-stdin", NULL, "with secret: read it, a line of standard input"},
    {0},
};
static const struct option_text query_options[] = {
    SOAP_OPTION,
    {"--job", "ID", "of this job only"},
    {"--active", NULL, "only what runs"},
    JSON_OPTION,
    {0},
};
static const struct option_text call_options[] = {SOAP_OPTION, JSON_OPTION,
                                                  {0}};
static const struct option_text fingerprint_options[] = {
    {"--state", "DIR", "the server's state folder"}, JSON_OPTION, {0}};
static const struct option_text wsdl_options[] = {
    {"--soap", "URL", "the server's address, as it is to stand in there"},
    {0},
};
static const struct option_text json_options[] = {JSON_OPTION, {0}};

const struct command commands[] = {
    {"serve", command_serve,
     "[--state DIR] [--docroot DIR] [--soap ADDRESS:PORT]\n"
     "        [--transfer ADDRESS:PORT] [--config FILE]\n"
     "        [--soap-cert PEM [--soap-key PEM]] [--insecure-soap]\n"
     "        [--no-daemon] [--pid-file FILE] [-D|-DD|-DDD] [-L-|-L DIR]",
     "run the server: SOAP services and transfers", serve_options},
    {"user", command_user,
     "add NAME --docroot DIR [--password-stdin] [--key FILE.pub] --state DIR\n"
     "       ferry user list [--json] --state DIR\n"
     "       ferry user remove NAME --state DIR",
     "who may log in from other nodes, and to which folder", user_options},
    {"submit", command_submit,
     "[--soap URL] [--wait] [--json] [ORDER.xml | -]",
     "submit an order; prints the job's id", submit_options},
    {"push", command_push,
     "SOURCE... USER@HOST[:PORT]:DESTINATION\n"
     "        [--password-stdin] [--key FILE] [--rate RATE] [--policy POLICY]\n"
     "        [--fingerprint SHA256:...] [--cipher CIPHER] [--mkdir]\n"
     "        [--retries NUMBER] [--json]",
     "send files to a node, without a server here", transfer_options},
    {"pull", command_pull,
     "USER@HOST[:PORT]:SOURCE... DESTINATION\n"
     "        [the options of push]",
     "fetch files from a node, without a server here", transfer_options},
    {"watch", command_watch,
     "[--soap URL] [--topic TOPIC]... [--json] [--listen ADDRESS:PORT]\n"
     "       ferry watch --pull [--after SEQUENCE] [--soap URL]\n"
     "        [--topic TOPIC]... [--json]",
     "subscribe to events, or ask for them, and print each one", watch_options},
    {"subscriptions", command_subscriptions,
     "[--soap URL] [--json]\n"
     "       ferry subscriptions secret ID [--none | --secret-stdin]\n"
     "       ferry subscriptions replay ID SEQUENCE",
     "who is told what, how far they are and what is wrong; signatures, replay",
     subscriptions_options},
    {"jobs", command_jobs, "[--soap URL] [--active] [--json]",
     "list jobs, newest first", query_options},
    {"sessions", command_sessions,
     "[--soap URL] [--active] [--json] [--job ID]",
     "list sessions, newest first", query_options},
    {"files", command_files, "[--soap URL] [--json] [--job ID]",
     "list the files of sessions", query_options},
    {"cancel", command_cancel, "[--soap URL] [--json] ID",
     "cancel a job or a session", call_options},
    {"rate", command_rate, "[--soap URL] [--json] SESSION RATE",
     "set the target rate of a session that runs", call_options},
    {"pause", command_pause, "[--soap URL] [--json] SESSION",
     "let a session send nothing for now", call_options},
    {"resume", command_resume, "[--soap URL] [--json] SESSION [RATE]",
     "let a paused session go on, as fast as before", call_options},
    {"healthcheck", command_healthcheck, "[--soap URL] [--json]",
     "exit 0 if the server answers, 1 if not", call_options},
    {"fingerprint", command_fingerprint, "[--json] --state DIR",
     "print the fingerprint of this node's key", fingerprint_options},
    {"wsdl", command_wsdl, "[NAME] [--soap URL]",
     "print the description of a service, or the names of all", wsdl_options},
    {"check-config", command_check_config, "[--json] FILE",
     "say of each setting of a file: honoured, ignored, refused", json_options},
    {"completion", command_completion, "bash | zsh | fish",
     "print the completion of a shell", NULL},
    {"man", command_man,
     "ferry.1 | ferry.8 | asperacentral.8 | ferry.conf.5",
     "print a manual page, as man reads it", NULL},
    {"version", command_version, "[--json]", "print the version", json_options},
    {"help", command_help, "[COMMAND]", "print this, or a command's usage",
     NULL},
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
    bool json = false;
    const struct option_row rows[] = {{"--json", OPTION_FLAG, &json}, {0}};

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0)
        return usage_error(command, "what is '%s'?", argv[0]);
    puts(json ? "{\"Version\":\"" FERRY_VERSION "\"}"
              : "ferry " FERRY_VERSION);
    return EXIT_DONE;
}

static void print_options(const struct option_text *options)
{
    char name[64];

    if (options != NULL)
        putchar('\n');
    for (; options != NULL && options->name != NULL; options++) {
        snprintf(name, sizeof name, "%s%s%s", options->name,
                 options->value != NULL ? " " : "",
                 options->value != NULL ? options->value : "");
        printf("  %-24s %s\n", name, options->text);
    }
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
        print_options(row->options);
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

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
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
    if (is_help(name))
        name = "help";
    const struct command *command = command_find(name);
    if (command == NULL) {
        say("there is no command '%s'; see: ferry help", argv[1]);
        return EXIT_USAGE;
    }
    if (argc == 3 && is_help(argv[2]))
        return command_help(command_find("help"), 1, argv + 1);
    return command->run(command, argc - 2, argv + 2);
}
