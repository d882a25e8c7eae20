/* Command-line options, by a table a command.
 *
 * Options and other arguments may be mixed; "--" ends the options.  A value
 * follows its option as the next argument or behind "=".
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"

#define OPTION_LIST_MAX 16

struct option_list {
    const char *values[OPTION_LIST_MAX];
    uint32_t count;
};

enum option_kind {
    OPTION_FLAG,  /* bool */
    OPTION_TEXT,  /* const char *: borrowed from argv */
    OPTION_LIST,  /* struct option_list: may come several times */
    OPTION_LEVEL, /* uint32_t: one letter, counted: -D, -DD, -D -D */
    OPTION_TAIL,  /* const char *: one letter with its value behind it: -L- */
};

struct option_row {
    const char *name; /* with its dashes; NULL ends the table */
    enum option_kind kind;
    void *target;
};

/* Reads the options into their targets and moves the other arguments to the
 * front of `argv`.  Returns how many those are, or -1 after it has printed
 * what is wrong (EXIT_USAGE). */
int options_read(const struct command *command, int argc, char **argv,
                 const struct option_row *rows);

#endif
