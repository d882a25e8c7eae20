/* The commands of the ferry binary: one file each, one row each in
 * commands.c.
 *
 * A command gets the arguments behind its name and returns the exit code.
 * What it was asked for goes to standard output; what a person must know, to
 * standard error, after "ferry: ".
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#define FERRY_VERSION "0.1.0"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* the error was printed */
    EXIT_USAGE = 2,
    EXIT_CONFIG = 78, /* EX_CONFIG of sysexits.h */
};

/* One option, as the manual and the completion show it. */
struct option_text {
    const char *name;  /* with its dashes; NULL ends the list */
    const char *value; /* NULL = it takes none */
    const char *text;
};

/* The one source of help, manual pages and completion.  options_read() takes
 * no option that is not in `options`. */
struct command {
    const char *name;
    int (*run)(const struct command *command, int argc, char **argv);
    const char *usage;   /* behind "ferry NAME "; may have several lines */
    const char *summary; /* one line of `ferry help` */
    const struct option_text *options; /* NULL = none */
};

/* A row without name ends it. */
extern const struct command commands[];

const struct command *command_find(const char *name);

/* Runs the command that the arguments of main() name. */
int command_main(int argc, char **argv);

int command_serve(const struct command *command, int argc, char **argv);
int command_user(const struct command *command, int argc, char **argv);
int command_submit(const struct command *command, int argc, char **argv);
int command_push(const struct command *command, int argc, char **argv);
int command_pull(const struct command *command, int argc, char **argv);
int command_watch(const struct command *command, int argc, char **argv);
int command_subscriptions(const struct command *command, int argc, char **argv);
int command_jobs(const struct command *command, int argc, char **argv);
int command_sessions(const struct command *command, int argc, char **argv);
int command_files(const struct command *command, int argc, char **argv);
int command_cancel(const struct command *command, int argc, char **argv);
int command_fingerprint(const struct command *command, int argc, char **argv);
int command_rate(const struct command *command, int argc, char **argv);
int command_pause(const struct command *command, int argc, char **argv);
int command_resume(const struct command *command, int argc, char **argv);
int command_healthcheck(const struct command *command, int argc, char **argv);
int command_completion(const struct command *command, int argc, char **argv);
int command_man(const struct command *command, int argc, char **argv);
int command_check_config(const struct command *command, int argc, char **argv);
int command_wsdl(const struct command *command, int argc, char **argv);
int command_version(const struct command *command, int argc, char **argv);
int command_help(const struct command *command, int argc, char **argv);

/* Prints "ferry: ..." to standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, with the command's usage, for EXIT_USAGE. */
int usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
