/* The server under either of its names. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli/command.h"

/* Serves; as `program` "asperacentral" in the background unless --no-daemon. */
int serve_as(const struct command *command, const char *program, int argc,
             char **argv);

#endif
