#include "cli/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "cli/config.h"
#include "store/store.h"
#include "transfer/node.h"

/* First pass: the sets of words. */
#define WORDS(set) static const struct setting_word words_##set[] = {
#define A_WORD(word, value) {word, value},
#define END_WORDS \
    {             \
        NULL, 0   \
    }             \
    }             \
    ;
#include "cli/settings.def"

static const struct setting_word words_yes_no[] = {
    {"true", true},      {"false", false},     {"yes", true},
    {"no", false},       {"enable", true},     {"disable", false},
    {"enabled", true},   {"disabled", false},  {NULL, 0},
};

/* Second pass: the rows.  Only what a user may have has a place in both. */
#define OFFSET_NODE(member) offsetof(struct config, member)
#define OFFSET_USER(member) offsetof(struct config_user, member)
#define OFFSET_BOTH(member) offsetof(struct config_user, member)
#define OFFSET_TRUNK(member) offsetof(struct config_trunk, member)
#define ROW(path_, kind_, scope_, member, ...) \
    {.path = path_,                            \
     .kind = SETTING_##kind_,                  \
     .scope = SETTING_##scope_,                \
     .offset = OFFSET_##scope_(member),        \
     __VA_ARGS__},
#define TEXT(path, scope, member) ROW(path, TEXT, scope, member, .min = 0)
#define SUFFIX(path, scope, member) ROW(path, SUFFIX, scope, member, .min = 0)
#define HOST(path, scope, member) ROW(path, HOST, scope, member, .min = 0)
#define PATH(path, scope, member) ROW(path, PATH, scope, member, .min = 0)
#define PORT(path, scope, member) ROW(path, NUMBER, scope, member, .max = 65535)
#define NUMBER(path, scope, member, min_, max_) \
    ROW(path, NUMBER, scope, member, .min = min_, .max = max_)
#define ID(path, scope, member) ROW(path, ID, scope, member, .max = 255)
#define MODE(path, scope, member, needed) \
    ROW(path, MODE, scope, member, .min = needed, .max = 0777)
#define RATE(path, scope, member, min_) \
    ROW(path, RATE, scope, member, .min = min_, .max = SETTING_UNLIMITED - 2)
#define AGE(path, scope, member) \
    ROW(path, RATE, scope, member, .max = SETTING_UNLIMITED - 2)
#define YES_NO(path, scope, member) \
    ROW(path, WORD, scope, member, .words = words_yes_no)
#define WORD(path, scope, member, set) \
    ROW(path, WORD, scope, member, .words = words_##set)
#define LIST(path, scope, member) ROW(path, LIST, scope, member, .min = 0)
#define DESTINATIONS(path, scope, member) \
    ROW(path, DESTINATIONS, scope, member, .min = 0)
#define IGNORED(path_, why_) \
    {.path = path_, .kind = SETTING_IGNORED, .scope = SETTING_BOTH, .why = why_},
#define REFUSED(path_, harmless_, why_) \
    {.path = path_,                     \
     .kind = SETTING_REFUSED,           \
     .scope = SETTING_BOTH,             \
     .harmless = harmless_,             \
     .why = why_},

const struct setting_row setting_rows[] = {
#include "cli/settings.def"
};

const uint32_t setting_row_count =
    sizeof setting_rows / sizeof setting_rows[0];

const struct setting_row *setting_find(struct text path)
{
    for (uint32_t i = 0; i < setting_row_count; i++)
        if (text_is(path, setting_rows[i].path))
            return &setting_rows[i];
    return NULL;
}

/* "fixed, high, fair", as many as there is room for. */
static void list_words(const struct setting_word *words, char *why,
                       uint32_t why_bytes)
{
    int used = snprintf(why, why_bytes, "expected one of");

    for (; words->word != NULL; words++) {
        if (used < 0 || (uint32_t)used >= why_bytes)
            return;
        used += snprintf(why + used, why_bytes - (uint32_t)used, "%s %s",
                         words[1].word == NULL ? " or" : "", words->word);
    }
}

static bool read_word(const struct setting_row *row, struct text value,
                      uint32_t *number, char *why, uint32_t why_bytes)
{
    for (const struct setting_word *word = row->words; word->word; word++) {
        if (text_is_nocase(value, word->word)) {
            *number = word->value;
            return true;
        }
    }
    list_words(row->words, why, why_bytes);
    return false;
}

static bool read_mode(const struct setting_row *row, struct text value,
                      uint32_t *number, char *why, uint32_t why_bytes)
{
    uint32_t mode = 0;
    bool is_octal = value.size_bytes > 0 && value.size_bytes <= 5;

    *number = 0;
    if (text_is_nocase(value, "Undefined"))
        return true;
    for (size_t i = 0; is_octal && i < value.size_bytes; i++) {
        is_octal = value.data[i] >= '0' && value.data[i] <= '7';
        mode = mode * 8 + (uint32_t)(value.data[i] - '0');
    }
    *number = mode;
    if (is_octal && mode <= row->max && (mode & row->min) == row->min)
        return true;
    snprintf(why, why_bytes,
             "expected Undefined, or an octal number to %o with the bits of %o",
             row->max, row->min);
    return false;
}

bool setting_read_number(const struct setting_row *row, struct text value,
                         uint32_t *number, char *why, uint32_t why_bytes)
{
    bool may_be_unlimited = row->kind == SETTING_RATE;
    uint64_t read;

    if (row->kind == SETTING_WORD)
        return read_word(row, value, number, why, why_bytes);
    if (may_be_unlimited && text_is_nocase(value, "Unlimited")) {
        *number = SETTING_UNLIMITED;
        return true;
    }
    if (row->kind == SETTING_MODE)
        return read_mode(row, value, number, why, why_bytes);
    if (row->kind == SETTING_ID && text_is_nocase(value, "Disabled")) {
        *number = 0;
        return true;
    }
    if (text_to_u64(value, row->max, &read) && read >= row->min) {
        *number = (uint32_t)read;
        return true;
    }
    snprintf(why, why_bytes, "expected a whole number from %u to %u%s",
             row->min, row->max,
             may_be_unlimited          ? ", or Unlimited"
             : row->kind == SETTING_ID ? ", or Disabled"
                                       : "");
    return false;
}

bool setting_is_harmless(const struct setting_row *row, struct text value)
{
    const char *at = row->harmless;

    if (value.size_bytes == 0)
        return true;
    while (*at != '\0') {
        size_t size = strcspn(at, ",");
        if (size == value.size_bytes &&
            strncasecmp(at, value.data, size) == 0)
            return true;
        at += size + (at[size] == ',');
    }
    return false;
}

bool setting_is_secret(struct text path)
{
    static const char *const endings[] = {"password", "_secret",
                                          "encryption_key"};

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t size = strlen(endings[i]);
        if (path.size_bytes >= size &&
            memcmp(path.data + path.size_bytes - size, endings[i], size) == 0)
            return true;
    }
    return false;
}
