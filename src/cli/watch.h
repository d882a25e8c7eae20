/* What `ferry watch` has in common with its two ways to hear of events: to be
 * told (watch.c) and to ask (watch_pull.c). */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdbool.h>

#include "cli/options.h"
#include "cli/soap_client.h"

/* Prints an event as a line for people. */
void watch_print_job(int64_t time_us, struct text topic, uint64_t sequence,
                     const struct isc_transfer *job);
void watch_print_session(int64_t time_us, struct text topic, uint64_t sequence,
                         const struct f06_session *session);
/* Prints a struct as one line of JSON. */
void watch_print_json(const struct soap_type *type, const void *value);

struct watch_pull {
    struct soap_client *client;
    const struct option_list *topics;
    const char *after; /* NULL: from now on */
    bool json;
    const bool *ending; /* set when the user has seen enough */
};

/* Asks for events until `ending`.  Returns the exit code. */
int watch_pull_run(const struct watch_pull *pull);

#endif
