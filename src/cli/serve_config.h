/* What a server is to do: the configuration file, and the flags over it.
 *
 * Knows: the flags of `ferry serve`, the file.
 * Must not know: processes, signals.
 */
#ifndef CLI_SERVE_CONFIG_H
#define CLI_SERVE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/config.h"

/* The flags; NULL and false = not given. */
struct serve_options {
    const char *state;
    const char *docroot;
    const char *soap;
    const char *transfer;
    const char *config;
    const char *log;
    const char *pid_file;
    const char *program;
    uint32_t debug;
    bool insecure_soap;
    const char *soap_cert;
    const char *soap_key;
    bool no_daemon;
};

/* Reads the file, if there is one, and lays the flags over it.  Returns an exit
 * code; `error` holds what neither was told of nor printed, or is empty.
 * `config` is the caller's to free in either case. */
int serve_read_config(const struct serve_options *options,
                      struct config *config, struct central_config *central,
                      config_fn found, char error[CENTRAL_ERROR_BYTES]);

/* For `found`: what is refused, for a person; the path is `user`. */
void serve_print_finding(void *user, const struct config_finding *finding);
/* The same, into the log. */
void serve_log_finding(void *user, const struct config_finding *finding);

#endif
