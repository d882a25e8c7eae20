/* What of the configuration may change while the service runs.
 *
 * Knows: plain values.
 * Must not know: where they come from.
 *
 * All zero is the default of each, which brackets say.
 */
#ifndef CENTRAL_SETTINGS_H
#define CENTRAL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "transfer/rules.h"

#define CENTRAL_FOR_EVER UINT32_MAX
#define CENTRAL_NO_RETRY UINT32_MAX
/* The original's default. */
#define CENTRAL_TARGET_RATE_KBPS 10000u

/* For orders that do not say it. */
struct central_defaults {
    uint32_t target_kbps; /* [10000] */
    uint32_t minimum_kbps;
    bool has_policy; /* [Fixed, the contract's] */
    uint8_t policy;  /* enum transfer_policy */
};

/* One who may log in beside those of the store; who is in both has the
 * credentials of both and the docroot of here. */
struct central_user {
    const char *name;
    const char *docroot;
    const char *public_keys; /* lines of authorized_keys; NULL = none */
    bool no_pull; /* may not fetch files from here */
    bool no_push; /* may not send files here */
};

struct central_settings {
    /* Files that come in here, and that go out. */
    struct transfer_rules in;
    struct transfer_rules out;
    struct central_defaults in_defaults;
    struct central_defaults out_defaults;
    /* Also for orders that do not say it. */
    uint32_t retry_count;  /* [3] at most 255; CENTRAL_NO_RETRY = none */
    uint32_t retry_base_s; /* [10] before the first retry, then doubling */
    uint32_t retry_max_s;  /* [300] and never longer */

    const struct central_user *users; /* borrowed */
    uint32_t user_count;
    bool no_pull; /* by anybody who is not in `users` */
    bool no_push;

    uint32_t history_s;         /* [a day] after a session's end */
    uint32_t events_s;          /* [7 days], and never less */
    uint32_t files_per_session; /* rows that are kept; [all] */
    /* Files that are counted, and leave no row. */
    bool hides_failed_files;
    bool hides_empty_files;
    bool hides_skipped_files;
    bool hides_untransferred_files;
    bool exits_on_store_error;
};

#endif
