/* The columns of each table, and the way of a row into a statement and out of
 * its result.
 *
 * Knows: the .def files, statements.
 * Must not know: connections, transactions, which statement.
 *
 * What differs from one row struct to the next is in `tables`; code walks it.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/text.h"
#include "base/uuid.h"

enum table_id {
    TABLE_JOBS,
    TABLE_SESSIONS,
    TABLE_FILES,
    TABLE_EVENTS,
    TABLE_SUBSCRIPTIONS,
    TABLE_USERS,
    TABLE_COUNT,
};

enum column_kind {
    COLUMN_ID,
    COLUMN_NUMBER,
    COLUMN_CHANGE,
    COLUMN_UUID,
    COLUMN_TEXT,
    COLUMN_BLOB,
    COLUMN_U64,
    COLUMN_U32,
    COLUMN_I32,
    COLUMN_TIME,
    COLUMN_BOOL,
    COLUMN_WORD,
};

struct column {
    const char *name;
    const char *constraint;
    enum column_kind kind;
    bool kept;           /* by a later put */
    uint32_t offset;     /* in the row struct */
    uint32_t word_count; /* COLUMN_WORD */
    const char *const *words;
};

struct table {
    const char *name;
    const char *key;         /* of a put: a row with the same is replaced */
    const char *constraints; /* of the table, behind its columns */
    const char *options;     /* behind the closing bracket */
    const struct column *columns;
    uint32_t column_count;
    uint32_t row_bytes;
};

extern const struct table tables[TABLE_COUNT];

/* Adds "prefix.a, prefix.b, ..." of all columns, as table_read() expects. */
struct text_builder;
void table_add_columns(const struct table *table, const char *prefix,
                       struct text_builder *sql);

/* Binds `row` to the parameters of schema_add_put()'s statement.  The texts of
 * the row must stay until the statement is reset.  Returns an SQLite code. */
int table_bind(const struct table *table, sqlite3_stmt *statement,
               const void *row, uint64_t change);

/* Binds an id as it is stored. */
int table_bind_uuid(sqlite3_stmt *statement, int parameter, struct uuid uuid);

/* Fills `row` from the current result row; texts are copied to `texts`.
 * Returns -EIO for what no put has written, -ENOMEM. */
MUST_USE int table_read(const struct table *table, sqlite3_stmt *statement,
                        void *row, struct arena *texts);

/* Copies `row` with its texts to `arena`; NULL when that is used up. */
void *table_copy_row(const struct table *table, const void *row,
                     struct arena *arena);

#endif
