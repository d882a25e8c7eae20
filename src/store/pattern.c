#include "store/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "store/pattern_program.h"

/* Sets that are kept, and the room for the steps in them. */
#define SETS_MAX 512u
#define MEMBERS_MAX 32768u
/* A hash table twice as large as what it holds. */
#define SLOTS 1024u

/* Steps that wait for a byte, or for the end, at one place in the text. */
struct set {
    uint32_t first; /* in members */
    uint32_t count;
    bool is_start;      /* before the first byte */
    bool is_found;      /* whatever follows */
    bool is_found_here; /* if the text ends here */
};

struct pattern {
    struct pattern_program program;
    uint8_t class_of[256]; /* bytes that no step tells apart are one class */
    uint8_t example[256];  /* a byte of each class */
    uint32_t class_count;
    uint64_t work;

    struct set sets[SETS_MAX];
    uint32_t set_count;
    uint16_t members[MEMBERS_MAX];
    uint32_t member_count;
    uint16_t slots[SLOTS]; /* index of a set and 1; 0 = empty */
    uint16_t start_slot;   /* of the set before the first byte: the same */
    uint16_t *next;        /* [set][class]: the same; owned */

    /* The set being put together. */
    uint16_t gathered[LIMIT_PATTERN_STEPS];
    uint32_t gathered_count;
    bool gathered_found;
    uint32_t seen[LIMIT_PATTERN_STEPS]; /* the round that met the step */
    uint32_t round;
    uint16_t stack[LIMIT_PATTERN_STEPS];
};

/* ---- sets ---- */

static void begin_set(struct pattern *pattern)
{
    if (++pattern->round == 0) { /* UNTESTED: after four thousand million */
        memset(pattern->seen, 0, sizeof pattern->seen);
        pattern->round = 1;
    }
    pattern->gathered_count = 0;
    pattern->gathered_found = false;
}

/* Puts `at` on the stack the first time that it is met. */
static void push(struct pattern *pattern, uint32_t at, uint32_t *depth)
{
    if (pattern->seen[at] == pattern->round)
        return;
    pattern->seen[at] = pattern->round;
    pattern->stack[(*depth)++] = (uint16_t)at;
}

/* Adds what can be reached from `at` without reading a byte. */
static void gather(struct pattern *pattern, uint32_t at, bool is_start,
                   bool is_end)
{
    uint32_t depth = 0;

    push(pattern, at, &depth);
    while (depth > 0) {
        uint32_t place = pattern->stack[--depth];
        const struct pattern_step *step = &pattern->program.steps[place];

        pattern->work++;
        switch (step->kind) {
        case PATTERN_BYTE:
            pattern->gathered[pattern->gathered_count++] = (uint16_t)place;
            break;
        case PATTERN_START:
            if (is_start)
                push(pattern, place + 1, &depth);
            break;
        case PATTERN_END:
            if (is_end)
                push(pattern, place + 1, &depth);
            else
                pattern->gathered[pattern->gathered_count++] = (uint16_t)place;
            break;
        case PATTERN_FORK:
            push(pattern, place + 1, &depth);
            push(pattern, (uint32_t)((int32_t)place + step->jump), &depth);
            break;
        case PATTERN_JUMP:
            push(pattern, (uint32_t)((int32_t)place + step->jump), &depth);
            break;
        case PATTERN_FOUND:
            pattern->gathered_found = true;
            break;
        }
    }
}

/* Whether the set's pattern is found if the text ends here. */
static bool ends_well(struct pattern *pattern, const struct set *set)
{
    begin_set(pattern);
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t at = pattern->members[set->first + i];
        if (pattern->program.steps[at].kind == PATTERN_END)
            gather(pattern, at, set->is_start, true);
    }
    return pattern->gathered_found;
}

static void forget(struct pattern *pattern)
{
    memset(pattern->slots, 0, sizeof pattern->slots);
    pattern->start_slot = 0;
    pattern->set_count = 0;
    pattern->member_count = 0;
}

static int compare(const void *left, const void *right)
{
    return *(const uint16_t *)left - *(const uint16_t *)right;
}

static bool is_gathered(const struct pattern *pattern, const struct set *set,
                        bool is_start)
{
    return set->count == pattern->gathered_count && set->is_start == is_start &&
           set->is_found == pattern->gathered_found &&
           memcmp(&pattern->members[set->first], pattern->gathered,
                  set->count * sizeof pattern->gathered[0]) == 0;
}

/* The kept set that is like the gathered one; kept now if it is new. */
static uint32_t keep(struct pattern *pattern, bool is_start)
{
    uint32_t hash = 0x811c9dc5u + is_start;
    uint32_t count = pattern->gathered_count;

    qsort(pattern->gathered, count, sizeof pattern->gathered[0], compare);
    for (uint32_t i = 0; i < count; i++)
        hash = (hash ^ pattern->gathered[i]) * 0x01000193u;
    hash ^= hash >> 15;

    uint32_t slot = hash % SLOTS;
    for (; pattern->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        uint32_t index = pattern->slots[slot] - 1u;
        if (is_gathered(pattern, &pattern->sets[index], is_start))
            return index;
    }
    if (pattern->set_count == SETS_MAX ||
        count > MEMBERS_MAX - pattern->member_count) {
        forget(pattern);
        slot = hash % SLOTS;
    }

    uint32_t index = pattern->set_count++;
    struct set *set = &pattern->sets[index];
    *set = (struct set){.first = pattern->member_count,
                        .count = count,
                        .is_start = is_start,
                        .is_found = pattern->gathered_found};
    memcpy(&pattern->members[set->first], pattern->gathered,
           count * sizeof pattern->gathered[0]);
    pattern->member_count += count;
    pattern->slots[slot] = (uint16_t)(index + 1);
    memset(&pattern->next[index * pattern->class_count], 0,
           pattern->class_count * sizeof pattern->next[0]);
    set->is_found_here = set->is_found || ends_well(pattern, set);
    return index;
}

/* The set that a byte of class `class` leads to.  `index` may be forgotten by
 * this. */
static uint32_t advance(struct pattern *pattern, uint32_t index, uint32_t class)
{
    const struct set *set = &pattern->sets[index];
    uint8_t byte = pattern->example[class];

    begin_set(pattern);
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t at = pattern->members[set->first + i];
        const struct pattern_step *step = &pattern->program.steps[at];
        pattern->work++;
        if (step->kind == PATTERN_BYTE && step->min <= byte &&
            byte <= step->max)
            gather(pattern, at + 1, false, false);
    }
    gather(pattern, 0, false, false); /* it may begin at any place */

    uint32_t set_count = pattern->set_count;
    uint32_t next = keep(pattern, false);
    if (pattern->set_count >= set_count) /* nothing was forgotten */
        pattern->next[index * pattern->class_count + class] =
            (uint16_t)(next + 1);
    return next;
}

static uint32_t start_set(struct pattern *pattern)
{
    if (pattern->start_slot == 0) {
        begin_set(pattern);
        gather(pattern, 0, true, false);
        pattern->start_slot = (uint16_t)(keep(pattern, true) + 1);
    }
    return pattern->start_slot - 1u;
}

bool pattern_matches(struct pattern *pattern, struct text text)
{
    uint32_t index = start_set(pattern);

    for (uint32_t i = 0; i < text.size_bytes; i++) {
        const struct set *set = &pattern->sets[index];
        if (set->is_found)
            return true;
        if (set->count == 0)
            return false; /* nothing can follow, here or later */
        uint32_t class = pattern->class_of[(uint8_t)text.data[i]];
        uint32_t next = pattern->next[index * pattern->class_count + class];
        pattern->work++;
        index = next != 0 ? next - 1 : advance(pattern, index, class);
    }
    return pattern->sets[index].is_found_here;
}

uint64_t pattern_work(const struct pattern *pattern)
{
    return pattern->work;
}

/* ---- life ---- */

/* Bytes are one class as long as no step begins or ends between them. */
static void find_classes(struct pattern *pattern)
{
    bool begins[257] = {true};
    uint32_t class = 0;

    for (uint32_t i = 0; i < pattern->program.count; i++) {
        const struct pattern_step *step = &pattern->program.steps[i];
        if (step->kind != PATTERN_BYTE)
            continue;
        begins[step->min] = true;
        begins[step->max + 1] = true;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        class += byte > 0 && begins[byte];
        pattern->class_of[byte] = (uint8_t) class;
        pattern->example[class] = (uint8_t)byte;
    }
    pattern->class_count = class + 1;
}

struct pattern *pattern_compile(struct text text, struct pattern_error *error)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);

    *error = (struct pattern_error){"there is no memory for it", 0};
    if (pattern == NULL)
        return NULL;
    if (!pattern_read(text, &pattern->program, error))
        goto free_pattern;
    find_classes(pattern);
    pattern->next = calloc((size_t)SETS_MAX * pattern->class_count,
                           sizeof pattern->next[0]);
    if (pattern->next == NULL)
        goto free_pattern;
    return pattern;

free_pattern:
    free(pattern);
    return NULL;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    free(pattern->next);
    free(pattern);
}
