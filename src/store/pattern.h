/* Regular expressions over names and cookies, in time that no pattern and no
 * text can make explode.
 *
 * Knows: bytes, UTF-8.
 * Must not know: SQL, rows, who asks.
 *
 * A pattern matches when it is found anywhere in the text; "^" and "$" hold
 * it at the ends.  The language is that of POSIX extended regular expressions
 * with what people bring along from Perl:
 *     . [a-z] [^/] [[:alpha:]]      characters, not bytes; "." is any
 *     \d \w \s \D \W \S             ASCII
 *     * + ? {2} {2,} {2,5}          at most 255; a "?" behind them says nothing
 *     (a|b) (?:a|b)                 groups; nothing is captured
 *     (?i) at the start             without regard to the case of ASCII
 * What no automaton can do (back-references, looking ahead) is refused, and so
 * is what would mean one thing in POSIX and another in Perl.
 *
 * How: the pattern becomes a program of at most LIMIT_PATTERN_STEPS steps, and
 * a text is read once while the set of steps that can be reached is carried
 * along.  Sets that were met are kept with where each byte leads from them, so
 * that a usual text costs one look a byte; the room for them is fixed, and
 * when it is used up they are forgotten.  So a byte costs at most one visit of
 * each step, whatever the pattern.
 *
 * Source: K. Thompson, "Regular Expression Search Algorithm", CACM 11 (1968).
 */
#ifndef STORE_PATTERN_H
#define STORE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

struct pattern;

/* What is wrong with a pattern, for who wrote it. */
struct pattern_error {
    const char *why;   /* "a group is not closed" */
    uint32_t at_bytes; /* where in the pattern */
};

/* Returns NULL, and why, for a pattern that is wrong or too large.  One
 * thread at a time may use a pattern. */
MUST_USE struct pattern *pattern_compile(struct text text,
                                         struct pattern_error *error);
void pattern_free(struct pattern *pattern);

bool pattern_matches(struct pattern *pattern, struct text text);

/* Steps visited and bytes read by all calls so far: some nanoseconds each. */
uint64_t pattern_work(const struct pattern *pattern);

#endif
