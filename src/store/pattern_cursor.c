/* The text of a pattern: what stands where, and sets of characters as they are
 * written. */
#include "store/pattern_program.h"

#include <string.h>

bool pattern_fail(struct pattern_cursor *cursor, uint32_t at, const char *why)
{
    if (!cursor->failed)
        *cursor->error = (struct pattern_error){why, at};
    cursor->failed = true;
    return false;
}

bool pattern_fail_here(struct pattern_cursor *cursor, const char *why)
{
    return pattern_fail(cursor, cursor->place, why);
}

bool pattern_is_at_end(const struct pattern_cursor *cursor)
{
    return cursor->place == cursor->text.size_bytes;
}

/* The next byte; NUL at the end, and no pattern holds one. */
char pattern_peek(const struct pattern_cursor *cursor, uint32_t ahead)
{
    uint32_t place = cursor->place + ahead;

    return place < cursor->text.size_bytes ? cursor->text.data[place] : '\0';
}

bool pattern_take(struct pattern_cursor *cursor, const char *word)
{
    struct text rest = {cursor->text.data + cursor->place,
                        cursor->text.size_bytes - cursor->place};

    if (!text_starts_with(rest, word))
        return false;
    cursor->place += (uint32_t)strlen(word);
    return true;
}

/* ---- characters ---- */

static const struct {
    const char *name;
    const char *ranges; /* pairs */
} classes[] = {
    {"alpha", "AZaz"},    {"digit", "09"},
    {"alnum", "09AZaz"},  {"upper", "AZ"},
    {"lower", "az"},      {"space", "\t\r  "},
    {"blank", "\t\t  "},  {"punct", "!/:@[`{~"},
    {"xdigit", "09AFaf"}, {"cntrl", "\x01\x1f\x7f\x7f"},
    {"print", " ~"},      {"graph", "!~"},
    {"word", "09AZ__az"},
};

static bool add_class(struct pattern_set *set, struct text name)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (!text_is(name, classes[i].name))
            continue;
        for (const char *range = classes[i].ranges; *range != '\0'; range += 2)
            pattern_set_add(set, (uint8_t)range[0], (uint8_t)range[1]);
        return true;
    }
    return false;
}

/* Requests are UTF-8, and so is what matches names that are. */
bool pattern_take_character(struct pattern_cursor *cursor, uint32_t *character)
{
    uint8_t lead = (uint8_t)pattern_peek(cursor, 0);
    uint32_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? lead : lead & (0x3fu >> more);

    if (lead == 0 || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
        return pattern_fail_here(cursor, "it is not text in UTF-8");
    for (uint32_t i = 1; i <= more; i++) {
        uint8_t next = (uint8_t)pattern_peek(cursor, i);
        if ((next & 0xc0) != 0x80)
            return pattern_fail_here(cursor, "it is not text in UTF-8");
        value = value << 6 | (next & 0x3f);
    }
    cursor->place += 1 + more;
    *character = value;
    return true;
}

/* Takes what follows a backslash: one character or a class. */
bool pattern_take_escape(struct pattern_cursor *cursor, struct pattern_set *set,
                         bool *is_class, uint32_t *character)
{
    static const char *const names[] = {"ddigit", "wword", "sspace"};
    static const char known[] = "tnrfv";
    static const char meant[] = "\t\n\r\f\v";
    uint32_t at = cursor->place++;
    char c = pattern_peek(cursor, 0);
    const char *place = c == '\0' ? NULL : strchr(known, c);

    *is_class = false;
    if (c == '\0')
        return pattern_fail(cursor, at, "a \\ is the last character");
    for (uint32_t i = 0; i < 3; i++) {
        bool is_other = c == names[i][0] - 'a' + 'A';
        if (c != names[i][0] && !is_other)
            continue;
        struct pattern_set part = {0};
        add_class(&part, text_of(names[i] + 1));
        if (is_other)
            pattern_set_invert(&part);
        for (uint32_t j = 0; j < part.count; j++)
            pattern_set_add(set, part.ranges[j].min, part.ranges[j].max);
        *is_class = true;
        cursor->place++;
        return true;
    }
    if (place != NULL) {
        *character = (uint8_t)meant[place - known];
        cursor->place++;
        return true;
    }
    if (c >= '0' && c <= '9')
        return pattern_fail(cursor, at,
                            "back-references cannot be matched in one "
                            "pass");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return pattern_fail(cursor, at,
                            "a \\ stands before a letter that has no "
                            "meaning there");
    return pattern_take_character(cursor, character);
}

/* ---- brackets ---- */

static bool take_bracket_class(struct pattern_cursor *cursor,
                               struct pattern_set *set)
{
    uint32_t at = cursor->place;
    struct text rest = {cursor->text.data + at + 2,
                        cursor->text.size_bytes - at - 2};
    const char *end = memmem(rest.data, rest.size_bytes, ":]", 2);
    struct text name = {rest.data,
                        end == NULL ? 0 : (uint32_t)(end - rest.data)};

    if (end == NULL || !add_class(set, name))
        return pattern_fail(cursor, at, "a [: begins no class that is known");
    cursor->place = at + 2 + name.size_bytes + 2;
    return true;
}

/* Takes a class, or a character. */
static bool take_member(struct pattern_cursor *cursor, struct pattern_set *set,
                        bool *is_class, uint32_t *character)
{
    *is_class = false;
    if (pattern_peek(cursor, 0) == '[') {
        char second = pattern_peek(cursor, 1);
        if (second == '=' || second == '.')
            return pattern_fail_here(cursor, "[= and [. are not known in sets");
        if (second == ':') {
            *is_class = true;
            return take_bracket_class(cursor, set);
        }
    }
    if (pattern_peek(cursor, 0) == '\\')
        return pattern_take_escape(cursor, set, is_class, character);
    return pattern_take_character(cursor, character);
}

bool pattern_take_set(struct pattern_cursor *cursor, struct pattern_set *set,
                      bool *is_inverted)
{
    uint32_t at = cursor->place++;
    *is_inverted = pattern_take(cursor, "^");
    bool is_first = true;

    for (; is_first || pattern_peek(cursor, 0) != ']'; is_first = false) {
        uint32_t min = 0;
        uint32_t max = 0;
        bool is_class = false;

        if (pattern_is_at_end(cursor))
            return pattern_fail(cursor, at, "a set is not closed by ]");
        if (!take_member(cursor, set, &is_class, &min))
            return false;
        if (is_class)
            continue;
        max = min;
        if (pattern_peek(cursor, 0) == '-' && pattern_peek(cursor, 1) != ']') {
            cursor->place++;
            if (!take_member(cursor, set, &is_class, &max))
                return false;
            if (is_class || max < min)
                return pattern_fail(cursor, at,
                                    "a range in a set is in the wrong "
                                    "order");
        }
        pattern_set_add(set, min, max);
    }
    cursor->place++;
    return true;
}
