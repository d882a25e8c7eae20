/* What pattern_compile.c writes and pattern.c runs. */
#ifndef STORE_PATTERN_PROGRAM_H
#define STORE_PATTERN_PROGRAM_H

#include "base/limits.h"
#include "store/pattern.h"

enum pattern_step_kind {
    PATTERN_BYTE,  /* one of min to max, then the next step */
    PATTERN_START, /* only before the first byte */
    PATTERN_END,   /* only behind the last one */
    PATTERN_FORK,  /* both to the next step and to `jump` */
    PATTERN_JUMP,
    PATTERN_FOUND,
};

/* Jumps are relative, so that a part of a program can be moved and copied. */
struct pattern_step {
    enum pattern_step_kind kind;
    uint8_t min;
    uint8_t max;
    int16_t jump;
};

struct pattern_program {
    struct pattern_step steps[LIMIT_PATTERN_STEPS];
    uint32_t count;
};

/* False, and why, for a pattern that is wrong or too large. */
MUST_USE bool pattern_read(struct text text, struct pattern_program *program,
                           struct pattern_error *error);

/* A set of characters, as ranges in order that do not touch. */
#define PATTERN_RANGES_MAX 512u

struct pattern_range {
    uint32_t min;
    uint32_t max;
};

struct pattern_set {
    struct pattern_range ranges[PATTERN_RANGES_MAX];
    uint32_t count;
    bool failed; /* there was no room: sticks */
};

void pattern_set_add(struct pattern_set *set, uint32_t min, uint32_t max);
/* Adds the other case of each ASCII letter. */
void pattern_set_fold(struct pattern_set *set);
/* Everything else that is a character. */
void pattern_set_invert(struct pattern_set *set);

/* The place of the reader in the text of a pattern. */
struct pattern_cursor {
    struct text text;
    uint32_t place;
    struct pattern_error *error; /* of the first failure */
    bool failed;
};

/* Both return false. */
bool pattern_fail(struct pattern_cursor *cursor, uint32_t at, const char *why);
bool pattern_fail_here(struct pattern_cursor *cursor, const char *why);
bool pattern_is_at_end(const struct pattern_cursor *cursor);
/* The byte that many places ahead; NUL behind the end. */
char pattern_peek(const struct pattern_cursor *cursor, uint32_t ahead);
/* Moves over `word` if it is there. */
bool pattern_take(struct pattern_cursor *cursor, const char *word);
bool pattern_take_character(struct pattern_cursor *cursor, uint32_t *character);
/* Takes a backslash and what follows: a character, or a class that is added
 * to `set`. */
bool pattern_take_escape(struct pattern_cursor *cursor, struct pattern_set *set,
                         bool *is_class, uint32_t *character);
/* Takes [...] and adds what is between; inverted, when it began with "^". */
bool pattern_take_set(struct pattern_cursor *cursor, struct pattern_set *set,
                      bool *is_inverted);

/* The bytes of characters as alternatives of one to four ranges. */
struct pattern_sequence {
    uint8_t min[4];
    uint8_t max[4];
    uint32_t size_bytes;
};

/* Calls `add` for what UTF-8 makes of `range`; false as soon as it is. */
typedef bool (*pattern_sequence_fn)(void *user,
                                    const struct pattern_sequence *sequence);
bool pattern_range_encode(struct pattern_range range, void *user,
                          pattern_sequence_fn add);

#endif
