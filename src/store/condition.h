/* The WHERE of a query, put together on the loop and turned into SQL by the
 * reader.
 *
 * Knows: filters, columns, values.
 * Must not know: statements in use, threads.
 *
 * A list of values becomes "column IN (?, ?, ...)" with the number of
 * parameters rounded up to a power of two and the last value repeated, so that
 * few different statements have to be kept.
 */
#ifndef STORE_CONDITION_H
#define STORE_CONDITION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "store/query.h"

/* More than any filter has members. */
#define CONDITIONS_MAX 32

struct condition {
    const char *sql; /* a column before IN, or the whole with its "?" */
    bool is_list;
    uint32_t count;
    const struct text *texts; /* or else numbers, or a pattern */
    const uint64_t *numbers;
    struct pattern *pattern; /* owned */
};

struct conditions {
    struct condition all[CONDITIONS_MAX];
    uint32_t count;
    uint32_t value_count;
    int result; /* 0, -E2BIG, -ENOMEM, -EINVAL: the first one sticks */
    struct arena *arena; /* keeps the values; borrowed */
};

/* Nothing is added for an empty list. */
void conditions_add_texts(struct conditions *conditions, const char *column,
                          struct store_texts texts);
void conditions_add_numbers(struct conditions *conditions, const char *column,
                            const uint64_t *numbers, uint32_t count);
/* `sql` has a "?" for each number. */
void conditions_add(struct conditions *conditions, const char *sql,
                    const uint64_t *numbers, uint32_t count);
/* `sql` has a "?" for the pattern, which database_matches() takes. */
void conditions_add_pattern(struct conditions *conditions, const char *sql,
                            struct text pattern);
void conditions_add_uuid(struct conditions *conditions, const char *column,
                         struct uuid uuid);

/* Sessions are called `s` and files `f`. */
void conditions_add_session_filter(struct conditions *conditions,
                                   const struct store_session_filter *filter);
/* `files` gets what the filter says of files, `sessions` what it says of their
 * sessions.  Returns how to name the table `files` where files are looked for
 * by their session. */
const char *conditions_add_file_filter(struct conditions *files,
                                       struct conditions *sessions,
                                       const struct store_file_filter *filter);
/* What the sums of a session say (see schema.c): with `some` it has files that
 * may match, with `all` each of its files that has one of the states does, of
 * the numbers that are asked for. */
void conditions_add_file_sums(struct conditions *some, struct conditions *all,
                              const struct store_file_filter *filter);
/* How many files of these states a session has, as SQL in `arena`; absent when
 * that is used up. */
struct text conditions_file_sum(struct arena *arena,
                                const struct store_file_filter *filter);
/* Events are called `e`. */
void conditions_add_event_filter(struct conditions *conditions,
                                 const struct store_event_filter *filter);

/* Adds " WHERE ... AND ..." */
void conditions_write(const struct conditions *conditions,
                      struct text_builder *sql);
/* The same behind another word than WHERE; nothing when there are none. */
void conditions_write_behind(const struct conditions *conditions,
                             const char *word, struct text_builder *sql);
/* Binds all values from parameter 1 on; `*next` is the parameter after them.
 * Returns an SQLite code. */
MUST_USE int conditions_bind(const struct conditions *conditions,
                             sqlite3_stmt *statement, int *next);
/* The same from parameter `*next` on. */
MUST_USE int conditions_bind_next(const struct conditions *conditions,
                                  sqlite3_stmt *statement, int *next);

void conditions_free(struct conditions *conditions);

#endif
