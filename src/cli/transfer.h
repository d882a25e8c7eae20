/* `ferry push` and `ferry pull`: what both were asked to do, and how far they
 * are. */
#ifndef CLI_TRANSFER_H
#define CLI_TRANSFER_H

#include <limits.h>

#include "base/arena.h"
#include "cli/command.h"
#include "io/loop.h"
#include "transfer/node.h"

#define ERRAND_SOURCES_MAX 1024

/* One `ferry push` or `ferry pull`: a node with client ends only. */
struct errand {
    struct loop *loop;
    struct transfer_node *node;
    struct transfer_session *session;
    struct loop_signals signals;
    struct loop_timer progress;
    struct loop_timer retry;
    uint32_t retry_count;
    uint32_t retries_max;
    bool json;
    bool is_terminal; /* standard error */
    bool is_drawn;    /* a line without its end stands there */
    bool cancelled;
    struct transfer_params params;
    struct text sources[ERRAND_SOURCES_MAX];
    struct text_builder password;
    struct arena arena; /* of local paths */
    char host[TRANSFER_HOST_BYTES];
    char user[256];
    char known_hosts[PATH_MAX];
    char key_path[PATH_MAX];
    bool ended;
    int code;
};

struct errand_options {
    const char *key;
    const char *rate;
    const char *policy;
    const char *fingerprint;
    const char *cipher;
    const char *retries;
    bool password_stdin;
    bool mkdir;
    bool json;
    uint32_t debug;
};

/* Fills `params` and what goes with it from the arguments; `params.operation`
 * is set already.  Returns an exit code; a failure was printed. */
int errand_read(struct errand *errand, const struct command *command,
                int count, char **arguments,
                const struct errand_options *options);

#endif
