/* From the text of a pattern to its program, in one pass and without
 * recursion: every part is a run of steps that is entered at its first and
 * left behind its last, so that it can be repeated by copying it. */
#include "store/pattern_program.h"

#include <string.h>

/* POSIX: RE_DUP_MAX. */
#define REPEAT_MAX 255u
#define GROUPS_MAX 64u
#define NO_JUMP (-1)

/* An open group, or the whole pattern. */
struct group {
    uint32_t start;       /* its first step */
    uint32_t alternative; /* the first step of the alternative being read */
    int32_t last_jump;    /* the newest jump to its end: each jump holds the
                             distance to the one before it, 0 at the last */
};

struct compiler {
    struct pattern_cursor cursor;
    struct pattern_program *program;
    bool ignores_case;
    int32_t part; /* the first step of what a "*" would repeat; -1: nothing */
    bool part_is_repeated;
    struct group groups[GROUPS_MAX];
    uint32_t depth; /* the index of the innermost group */
};

/* ---- steps ---- */

/* Opens room for `count` steps in front of step `at`. */
static bool make_room(struct compiler *compiler, uint32_t at, uint32_t count)
{
    struct pattern_program *program = compiler->program;

    if (count > LIMIT_PATTERN_STEPS - program->count)
        return pattern_fail_here(&compiler->cursor,
                                 "it is too large once its repeats are "
                                 "written out");
    memmove(&program->steps[at + count], &program->steps[at],
            (program->count - at) * sizeof program->steps[0]);
    program->count += count;
    return true;
}

static bool insert(struct compiler *compiler, uint32_t at,
                   enum pattern_step_kind kind, uint32_t jump)
{
    if (!make_room(compiler, at, 1))
        return false;
    compiler->program->steps[at] =
        (struct pattern_step){.kind = kind, .jump = (int16_t)jump};
    return true;
}

static bool append(struct compiler *compiler, struct pattern_step step)
{
    uint32_t at = compiler->program->count;

    if (!make_room(compiler, at, 1))
        return false;
    compiler->program->steps[at] = step;
    return true;
}

/* Appends a step that goes back to `to`, or a fork that may. */
static bool append_back(struct compiler *compiler, enum pattern_step_kind kind,
                        uint32_t to)
{
    int32_t jump = (int32_t)to - (int32_t)compiler->program->count;

    return append(compiler,
                  (struct pattern_step){.kind = kind, .jump = (int16_t)jump});
}

/* Begins a part that a "*" can repeat. */
static void begin_part(struct compiler *compiler)
{
    compiler->part = (int32_t)compiler->program->count;
    compiler->part_is_repeated = false;
}

/* ---- alternatives ---- */

/* Ends an alternative: its start becomes a fork to the next one. */
static bool end_alternative(struct compiler *compiler)
{
    struct pattern_program *program = compiler->program;
    struct group *group = &compiler->groups[compiler->depth];
    uint32_t length = program->count - group->alternative;

    if (!insert(compiler, group->alternative, PATTERN_FORK, length + 2))
        return false;
    int32_t at = (int32_t)program->count;
    int32_t back = group->last_jump < 0 ? 0 : at - group->last_jump;
    if (!append(compiler, (struct pattern_step){.kind = PATTERN_JUMP,
                                                .jump = (int16_t)back}))
        return false;
    group->last_jump = at;
    group->alternative = program->count;
    compiler->part = NO_JUMP;
    return true;
}

/* Lets all jumps of the group go behind its last step. */
static void end_group(struct compiler *compiler)
{
    struct pattern_program *program = compiler->program;
    int32_t at = compiler->groups[compiler->depth].last_jump;

    while (at >= 0) {
        int32_t back = program->steps[at].jump;
        program->steps[at].jump = (int16_t)((int32_t)program->count - at);
        at = back == 0 ? -1 : at - back;
    }
}

static void begin_group(struct compiler *compiler)
{
    uint32_t start = compiler->program->count;

    compiler->groups[compiler->depth] = (struct group){start, start, NO_JUMP};
    compiler->part = NO_JUMP;
}

static bool read_open(struct compiler *compiler)
{
    uint32_t at = compiler->cursor.place++;

    if (pattern_peek(&compiler->cursor, 0) == '?' &&
        !pattern_take(&compiler->cursor, "?:"))
        return pattern_fail(&compiler->cursor, at,
                            "a group that begins with (? is none that "
                            "can be matched in one pass; (?: and, at "
                            "the start, (?i) are known");
    if (compiler->depth + 1 == GROUPS_MAX)
        return pattern_fail(&compiler->cursor, at,
                            "groups are nested too deep");
    compiler->depth++;
    begin_group(compiler);
    return true;
}

static bool read_close(struct compiler *compiler)
{
    if (compiler->depth == 0)
        return pattern_fail_here(&compiler->cursor, "a ) closes no group");
    compiler->cursor.place++;
    end_group(compiler);
    compiler->part = (int32_t)compiler->groups[compiler->depth].start;
    compiler->part_is_repeated = false;
    compiler->depth--;
    return true;
}

/* ---- repeats ---- */

/* How often: `max` is REPEAT_MAX + 1 for any number. */
static bool read_braces(struct compiler *compiler, uint32_t *min, uint32_t *max)
{
    uint32_t values[2] = {0, 0};
    uint32_t given[2] = {0, 0};
    uint32_t which = 0;
    uint32_t at = compiler->cursor.place++;

    for (; !pattern_is_at_end(&compiler->cursor) &&
           pattern_peek(&compiler->cursor, 0) != '}';
         compiler->cursor.place++) {
        char c = pattern_peek(&compiler->cursor, 0);
        if (c == ',' && which == 0) {
            which = 1;
        } else if (c >= '0' && c <= '9' && values[which] <= REPEAT_MAX) {
            values[which] = values[which] * 10 + (uint32_t)(c - '0');
            given[which]++;
        } else {
            return pattern_fail(&compiler->cursor, at,
                                "a repeat is none: expected {2}, {2,} "
                                "or {2,5}, 255 at most");
        }
    }
    if (!pattern_take(&compiler->cursor, "}") || given[0] == 0)
        return pattern_fail(&compiler->cursor, at,
                            "a repeat is none: expected {2}, {2,} or "
                            "{2,5}, 255 at most");
    *min = values[0];
    *max = which == 0 ? values[0] : values[1];
    if (which == 1 && given[1] == 0)
        *max = REPEAT_MAX + 1;
    else if (*max > REPEAT_MAX || *min > *max)
        return pattern_fail(&compiler->cursor, at,
                            "a repeat has bounds that are too large or "
                            "in the wrong order");
    if (*min > REPEAT_MAX)
        return pattern_fail(&compiler->cursor, at,
                            "a repeat has bounds that are too large or "
                            "in the wrong order");
    return true;
}

static bool append_copy(struct compiler *compiler,
                        const struct pattern_step *part, uint32_t length)
{
    uint32_t at = compiler->program->count;

    if (!make_room(compiler, at, length))
        return false;
    memcpy(&compiler->program->steps[at], part, length * sizeof part[0]);
    return true;
}

/* Writes the part `min` to `max` times in the place of the one that is there.
 *     x{2,4} = x x (x (x)?)?        x{2,} = x x+        x* = (x+)?     */
static bool repeat(struct compiler *compiler, uint32_t min, uint32_t max)
{
    struct pattern_program *program = compiler->program;
    uint32_t start = (uint32_t)compiler->part;
    uint32_t length = program->count - start;
    struct pattern_step part[LIMIT_PATTERN_STEPS];
    bool is_endless = max > REPEAT_MAX;

    memcpy(part, &program->steps[start], length * sizeof part[0]);
    program->count = start;
    uint32_t copies = is_endless ? (min > 0 ? min : 1) : max;
    for (uint32_t i = 0; i < copies; i++) {
        /* A fork past all copies that are left. */
        uint32_t left = (copies - i) * (length + 1) + is_endless;
        if (i >= min &&
            !append(compiler, (struct pattern_step){.kind = PATTERN_FORK,
                                                    .jump = (int16_t)left}))
            return false;
        if (!append_copy(compiler, part, length))
            return false;
    }
    return !is_endless ||
           append_back(compiler, PATTERN_FORK, program->count - length);
}

static bool read_repeat(struct compiler *compiler)
{
    const char c = pattern_peek(&compiler->cursor, 0);
    uint32_t min = c == '+';
    uint32_t max = c == '?' ? 1 : REPEAT_MAX + 1;

    if (compiler->part < 0)
        return pattern_fail_here(&compiler->cursor,
                                 "there is nothing that could be repeated");
    if (compiler->part_is_repeated)
        return pattern_fail_here(&compiler->cursor,
                                 "what is repeated is repeated already");
    if (c == '{') {
        if (!read_braces(compiler, &min, &max))
            return false;
    } else {
        compiler->cursor.place++;
    }
    (void)pattern_take(&compiler->cursor,
                       "?"); /* Perl's "as few as it can": found is found */
    compiler->part_is_repeated = true;
    return repeat(compiler, min, max);
}

/* ---- characters ---- */

static bool append_sequence(void *user, const struct pattern_sequence *sequence)
{
    struct compiler *compiler = user;

    for (uint32_t i = 0; i < sequence->size_bytes; i++)
        if (!append(compiler, (struct pattern_step){.kind = PATTERN_BYTE,
                                                    .min = sequence->min[i],
                                                    .max = sequence->max[i]}))
            return false;
    return true;
}

/* In a set, each sequence is an alternative. */
static bool append_alternative(void *user,
                               const struct pattern_sequence *sequence)
{
    return append_sequence(user, sequence) && end_alternative(user);
}

/* Bytes that are in no character: an inverted set has them too, so that "."
 * walks over a name that is not UTF-8. */
static bool append_stray_bytes(struct compiler *compiler)
{
    static const uint8_t stray[][2] = {{0x80, 0xc1}, {0xf5, 0xff}};

    for (uint32_t i = 0; i < 2; i++) {
        const struct pattern_sequence sequence = {
            .min = {stray[i][0]}, .max = {stray[i][1]}, .size_bytes = 1};
        if (!append_alternative(compiler, &sequence))
            return false;
    }
    return true;
}

/* Appends a set as a group of alternatives; one is tried last that matches
 * nothing, an end behind a byte that must follow. */
static bool append_set(struct compiler *compiler, struct pattern_set *set,
                       bool is_inverted)
{
    if (compiler->ignores_case)
        pattern_set_fold(set);
    if (is_inverted)
        pattern_set_invert(set);
    if (set->failed)
        return pattern_fail_here(&compiler->cursor,
                                 "a set of characters has too many ranges");
    begin_part(compiler);
    if (compiler->depth + 1 == GROUPS_MAX)
        return pattern_fail_here(&compiler->cursor,
                                 "groups are nested too deep");
    int32_t part = compiler->part;
    compiler->depth++;
    begin_group(compiler);
    for (uint32_t i = 0; i < set->count; i++)
        if (!pattern_range_encode(set->ranges[i], compiler, append_alternative))
            return false;
    if (is_inverted && !append_stray_bytes(compiler))
        return false;
    /* The last alternative of a set is no byte at all: min above max. */
    if (!append(compiler, (struct pattern_step){
                              .kind = PATTERN_BYTE, .min = 1, .max = 0}))
        return false;
    end_group(compiler);
    compiler->depth--;
    compiler->part = part;
    compiler->part_is_repeated = false;
    return true;
}

static bool append_character(struct compiler *compiler, uint32_t character)
{
    uint32_t letter = character | 0x20;
    struct pattern_range range = {character, character};

    if (compiler->ignores_case && letter >= 'a' && letter <= 'z') {
        struct pattern_set set = {.ranges = {range}, .count = 1};
        return append_set(compiler, &set, false);
    }
    begin_part(compiler);
    return pattern_range_encode(range, compiler, append_sequence);
}

/* ---- the whole ---- */

static bool read_set(struct compiler *compiler)
{
    struct pattern_set set = {0};
    bool is_inverted;

    return pattern_take_set(&compiler->cursor, &set, &is_inverted) &&
           append_set(compiler, &set, is_inverted);
}

static bool read_escape(struct compiler *compiler)
{
    struct pattern_set set = {0};
    uint32_t character = 0;
    bool is_class;

    if (!pattern_take_escape(&compiler->cursor, &set, &is_class, &character))
        return false;
    return is_class ? append_set(compiler, &set, false)
                    : append_character(compiler, character);
}

static bool read_any(struct compiler *compiler)
{
    struct pattern_set set = {0};

    compiler->cursor.place++;
    return append_set(compiler, &set, true);
}

static bool read_anchor(struct compiler *compiler, enum pattern_step_kind kind)
{
    compiler->cursor.place++;
    compiler->part = NO_JUMP;
    return append(compiler, (struct pattern_step){.kind = kind});
}

static bool read_one(struct compiler *compiler)
{
    uint32_t character;

    switch (pattern_peek(&compiler->cursor, 0)) {
    case '(':
        return read_open(compiler);
    case ')':
        return read_close(compiler);
    case '|':
        compiler->cursor.place++;
        return end_alternative(compiler);
    case '*':
    case '+':
    case '?':
    case '{':
        return read_repeat(compiler);
    case '[':
        return read_set(compiler);
    case '.':
        return read_any(compiler);
    case '^':
        return read_anchor(compiler, PATTERN_START);
    case '$':
        return read_anchor(compiler, PATTERN_END);
    case '\\':
        return read_escape(compiler);
    default:
        return pattern_take_character(&compiler->cursor, &character) &&
               append_character(compiler, character);
    }
}

bool pattern_read(struct text text, struct pattern_program *program,
                  struct pattern_error *error)
{
    struct compiler compiler = {.cursor = {.text = text, .error = error},
                                .program = program};

    program->count = 0;
    if (text.size_bytes > LIMIT_PATTERN_BYTES)
        return pattern_fail(&compiler.cursor, LIMIT_PATTERN_BYTES,
                            "it is too long");
    begin_group(&compiler);
    compiler.ignores_case = pattern_take(&compiler.cursor, "(?i)");
    while (!pattern_is_at_end(&compiler.cursor))
        if (!read_one(&compiler))
            return false;
    if (compiler.depth > 0)
        return pattern_fail_here(&compiler.cursor, "a group is not closed");
    end_group(&compiler);
    return append(&compiler, (struct pattern_step){.kind = PATTERN_FOUND});
}
