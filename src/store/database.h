/* One connection to the file: opening it, its schema, its statements.
 *
 * Knows: SQLite.
 * Must not know: threads, batches, queries.
 *
 * A connection belongs to one thread at a time.
 *
 * Versions: the number in the table `meta` says which schema the file has.
 * Opening brings an older file up to SCHEMA_VERSION in one transaction and
 * refuses a newer one.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "store/store.h"
#include "store/table.h"

/* Statements that are made once and kept. */
#define DATABASE_KEPT_MAX 64

/* The log goes back into the file every 16 MiB, so that a session of 100,000
 * files does not rewrite the same pages with each thousand of them. */
#define DATABASE_LOG_PAGES 4096

struct database {
    sqlite3 *handle;
    /* By the hash of their text; see database_prepare(). */
    struct {
        uint64_t hash;
        uint64_t used_at;
        sqlite3_stmt *statement;
    } kept[DATABASE_KEPT_MAX];
    uint64_t used_count;
};

enum database_use {
    DATABASE_WRITE, /* makes and migrates the file */
    DATABASE_READ,  /* the file is there, and stays as it is */
};

/* On failure `message` says why, for a person. */
MUST_USE int database_open(struct database *database, const char *path,
                           enum database_use use,
                           char message[STORE_MESSAGE_BYTES]);
void database_close(struct database *database);

/* SQL that is true for a text in which a pattern is found; the "?" is bound to
 * a struct pattern as a pointer of this name.  -ETIME when the pattern has
 * cost LIMIT_PATTERN_WORK. */
#define DATABASE_PATTERN "pattern"
#define DATABASE_MATCHES(column) "matches(" column ", ?)"

/* What an SQLite code is to our callers: see store.h. */
int database_error(const struct database *database, int code);

/* A statement for `sql`, ready to bind: kept from the last time, or made now.
 * It is reset by database_reset(), and valid until then.  Returns -errno. */
MUST_USE int database_prepare(struct database *database, struct text sql,
                              sqlite3_stmt **statement);
void database_reset(sqlite3_stmt *statement);

/* Runs SQL without parameters or results.  Returns an SQLite code. */
MUST_USE int database_run(struct database *database, const char *sql);

/* The number that `sql`, without parameters, selects; 0 for no row. */
MUST_USE int database_number(struct database *database, const char *sql,
                             uint64_t *number);

#endif
