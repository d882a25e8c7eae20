/* Reads a configuration file: the XML form of aspera.conf, with a section
 * "ferry" for what is our own.
 *
 * Knows: the settings, the file.
 * Must not know: flags of the command line; how a value is obeyed.
 *
 * Every setting of a file gets a verdict:
 *     honoured   it does what it says, or says what is done anyway
 *     ignored    harmless, and without effect; why
 *     refused    no server starts with it; why
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "central/central.h"
#include "cli/settings.h"

enum config_verdict { CONFIG_HONOURED, CONFIG_IGNORED, CONFIG_REFUSED };

struct config_finding {
    enum config_verdict verdict;
    struct text setting; /* as in the file, without the root; may be empty */
    uint32_t line;       /* 0 = the file itself */
    uint32_t column;
    const char *why; /* for people; "" for what is honoured */
};

/* Borrowed for the duration of the call. */
typedef void (*config_fn)(void *user, const struct config_finding *finding);

/* Not given: NULL, CONFIG_UNSET, an empty list. */
#define CONFIG_UNSET (UINT32_MAX - 1)

struct config_networks {
    struct callback_prefix *items;
    uint32_t count;
};

struct config_destinations {
    struct callback_destination *items;
    uint32_t count;
};

/* What users have each; `everyone` is what "default" says.  "$(name)" in a
 * docroot is the user's name. */
struct config_user {
    const char *name;
    const char *docroot;
    uint32_t read_allowed;
    uint32_t write_allowed;
    uint32_t in_value;
    uint32_t out_value;
    uint32_t line; /* where it begins */
};

struct config_direction {
    uint32_t target_rate_cap;
    uint32_t target_rate_default;
    uint32_t target_rate_lock;
    uint32_t min_rate_cap;
    uint32_t min_rate_default;
    uint32_t min_rate_lock;
    uint32_t policy_default;
    uint32_t policy_lock;
    uint32_t policy_allowed;
    uint32_t trunk_id; /* 0 = none */
};

/* A cap on the sum of all sessions of a direction. */
struct config_trunk {
    const char *name;
    uint32_t id;
    uint32_t on;
    uint32_t ignores_direction;
    uint32_t capacity_kbps;
    uint32_t line; /* where it begins */
};

struct config {
    struct arena arena; /* of all that follows */
    const char *path;   /* of the file; NULL = there is none */

    const char *soap_host;
    uint32_t soap_port;
    uint32_t backlog;
    const char *transfer_host;
    uint32_t transfer_port;
    uint32_t insecure_soap;

    const char *state;
    const char *store_path;
    const char *pid_file;
    const char *known_hosts;
    const char *resume_suffix;
    const char *partial_suffix;
    uint32_t file_mode;
    uint32_t file_grant;
    uint32_t folder_mode;
    uint32_t folder_grant;
    uint32_t links;
    uint32_t checksum;
    const char *keys_dir;
    const char *user_keys;
    const char *soap_cert;
    const char *soap_key;

    struct config_networks callback_allow;
    struct config_networks callback_deny;
    struct config_destinations callback_insecure;
    const char *callback_ca;
    uint32_t callback_proof;
    uint32_t subscriptions_per_caller_max;
    uint32_t events_max;
    uint32_t drops_events;

    uint32_t history_s;
    uint32_t events_s;
    uint32_t exit_on_store_error;
    uint32_t synchronous;
    uint32_t compact;
    uint32_t files_per_session;
    uint32_t file_errors;
    uint32_t ignore_empty_files;
    uint32_t ignore_skipped_files;
    uint32_t ignore_no_transfer_files;

    uint32_t connection_timeout_s;
    uint32_t session_timeout_s;
    uint32_t datagram_timeout_s;
    uint32_t stall_timeout_s;
    uint32_t retry_count;
    uint32_t retry_base_s;
    uint32_t retry_max_s;
    uint32_t jobs_running_max;
    uint32_t sessions_max;
    uint32_t plain_sessions;
    struct config_direction in;
    struct config_direction out;

    uint32_t log_level;
    const char *log_folder;
    uint32_t log_size_mb;
    uint32_t log_count;

    struct config_user everyone;
    struct config_user *users;
    uint32_t user_count;
    struct config_trunk *trunks;
    uint32_t trunk_count;
};

/* Nothing is given. */
void config_init(struct config *config);

/* Reads the file at `path` and tells of every setting in it, in the file's
 * order, and of what is wrong with the file.  Returns EXIT_DONE, or
 * EXIT_CONFIG if anything is refused: then `config` is not to be used, but for
 * config_free(). */
int config_read(struct config *config, const char *path, void *user,
                config_fn found);
void config_free(struct config *config);

/* Sets what is given in `central`, which goes on to borrow from `config`;
 * false with a sentence in `error` where values do not go together. */
bool config_fill(struct config *config, struct central_config *central,
                 char error[CENTRAL_ERROR_BYTES]);

const char *config_verdict_text(enum config_verdict verdict);

#endif
