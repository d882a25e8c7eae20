/* The settings that a configuration file may hold, as a table; settings.def
 * says what each row means.
 *
 * Knows: names, words and limits of settings.
 * Must not know: files, what is done with a value.
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_SUFFIX,
    SETTING_HOST,
    SETTING_PATH,
    SETTING_NUMBER, /* PORT and NUMBER */
    SETTING_RATE,   /* NUMBER or Unlimited: RATE and AGE */
    SETTING_WORD,   /* YES_NO and WORD */
    SETTING_ID,   /* NUMBER or Disabled, which is 0 */
    SETTING_MODE, /* octal, with all bits of `min`; Undefined is 0 */
    SETTING_LIST,         /* of networks */
    SETTING_DESTINATIONS, /* a list of hosts */
    SETTING_IGNORED,
    SETTING_REFUSED,
};

enum setting_scope {
    SETTING_NODE,
    SETTING_USER,
    SETTING_BOTH,
    SETTING_TRUNK,
};

/* What RATE and AGE hold for Unlimited. */
#define SETTING_UNLIMITED UINT32_MAX

struct setting_word {
    const char *word; /* NULL ends the set */
    uint32_t value;
};

struct setting_row {
    const char *path;
    enum setting_kind kind;
    enum setting_scope scope;
    uint32_t offset; /* in struct config_user if a user may have it, else in
                        struct config; of a uint32_t, const char * or list */
    uint32_t min;
    uint32_t max;
    const struct setting_word *words;
    const char *harmless; /* REFUSED: values between commas that are not */
    const char *why;      /* IGNORED, REFUSED */
};

extern const struct setting_row setting_rows[];
extern const uint32_t setting_row_count;

/* NULL = there is none of this name. */
const struct setting_row *setting_find(struct text path);

/* Reads `value` as `row` wants it.  Returns false with the reason, for a
 * person, in `why`. */
bool setting_read_number(const struct setting_row *row, struct text value,
                         uint32_t *number, char *why, uint32_t why_bytes);
/* True if it is one of the harmless values of a REFUSED row, or empty. */
bool setting_is_harmless(const struct setting_row *row, struct text value);
/* True for what nobody but the server should read. */
bool setting_is_secret(struct text path);

#endif
