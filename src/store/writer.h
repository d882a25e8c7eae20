/* The writer thread: many batches, one transaction, one sync of the disk.
 *
 * Knows: batches, the connection that writes, the reserve on the disk.
 * Must not know: what a row means.
 *
 * All that has gathered while the last commit was on its way to the disk goes
 * into the next one, up to LIMIT_STORE_GROUP_CHANGES.  A batch that the schema
 * refuses is taken out and the others are run again without it.  When the disk
 * refuses, all of the group are refused.
 *
 * A group of batches that may all lag is written without a sync, so that an
 * event need not wait for them.
 *
 * Disk full: the reserve, a file beside the database, is given up and the
 * group tried again.  Until the writer has the reserve back, `full` is true.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "store/batch.h"
#include "store/database.h"
#include "store/lane.h"
#include "store/reserve.h"

enum writer_sql {
    WRITER_REMOVE_SUBSCRIPTION,
    WRITER_REMOVE_USER,
    WRITER_SET_CURSOR,
    WRITER_END_FILES,
    WRITER_PURGE_FILES,
    WRITER_PURGE_SESSIONS,
    WRITER_PURGE_JOBS,
    WRITER_PURGE_EVENTS,
    WRITER_SET_CHANGE,
    WRITER_BEGIN,
    WRITER_COMMIT,
    WRITER_ROLLBACK,
    WRITER_SQL_COUNT,
};

/* From writer_open() to writer_close() it is the thread's alone, but for
 * `lane`. */
struct writer {
    struct lane lane;
    struct database database;
    sqlite3_stmt *puts[TABLE_COUNT];
    sqlite3_stmt *statements[WRITER_SQL_COUNT];
    struct reserve reserve;
    uint64_t change;   /* the last `changed` that was given out */
    uint64_t sequence; /* of the last event */
    bool full;
    enum store_sync sync;     /* of all but cursors */
    enum store_sync sync_now; /* of the connection */
    uint32_t log_pages;       /* since it went back into the file */
};

/* Opens the file at `path`, without starting the thread.  See store_open(). */
MUST_USE int writer_open(struct writer *writer, const char *path,
                         char message[STORE_MESSAGE_BYTES]);
/* Before the thread runs and anybody reads. */
MUST_USE int writer_set_up(struct writer *writer,
                           const struct store_options *options,
                           char message[STORE_MESSAGE_BYTES]);
void writer_close(struct writer *writer);

/* Commits what is in `items`, a list of batches: the lane's work. */
void writer_run(struct lane *lane, struct lane_list *items);

/* Prepares all statements.  Returns -errno; some may be there then. */
MUST_USE int writer_prepare(struct writer *writer);
void writer_finalize(struct writer *writer);

/* Runs one of the statements that have neither parameters nor rows. */
MUST_USE int writer_step(struct writer *writer, enum writer_sql sql);

/* Runs the changes of `batch` inside a transaction.  Returns an SQLite code,
 * SQLITE_OK when all are done. */
MUST_USE int writer_apply(struct writer *writer, struct store_batch *batch);

/* Makes the file remember writer->change, inside a transaction. */
MUST_USE int writer_store_change(struct writer *writer);

#endif
