/* The memory that outlives the process: rows go in by batches, each durable as
 * a whole before its caller hears of it.
 *
 * Knows: rows, and a file that an admin can open with the sqlite3 tool.
 * Must not know: what a job or a session does, the wire.
 *
 * No SQL leaves this folder: another engine can stand behind store.h, query.h
 * and users.h.
 *
 *     loop thread        writer thread                    loop thread
 *     store_commit() --> everything that has gathered --> done(user, result)
 *                        becomes one transaction
 *     store_query_...() --> reader thread, on what     --> rows_fn(user, rows)
 *                           is committed
 *
 * Rules:
 * - All functions are called by the thread that runs the loop, and callbacks
 *   come from there, never from inside the call that started them.
 * - Batches are committed, and their callbacks called, in the order in which
 *   they were handed over.  A batch is all there or not there at all.
 * - A query sees every batch whose callback came before the query was made.
 * - A callback is called exactly once, store_close() or not.
 *
 * Results: 0; -ENOSPC: no room on the disk; -ENOMEM; -EIO: the disk or the
 * file is bad (the log says how); -EBUSY: too many queries wait, or another
 * process held the file for longer than 5 seconds; -EINVAL: a row that the
 * schema refuses, such as a Sequence that was used before.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "store/rows.h"

struct loop;
struct store;
struct store_batch;

/* The name of the file in the state folder. */
#define STORE_FILE_NAME "ferry.db"
/* Room for the sentence that says why a file cannot be opened. */
#define STORE_MESSAGE_BYTES 512

/* ---- life ---- */

enum store_sync {
    STORE_SYNC_FULL,   /* what is told to be stored is on the disk */
    STORE_SYNC_NORMAL, /* a loss of power may take the last commits along */
    STORE_SYNC_OFF,    /* and damage the file */
};

struct store_options {
    enum store_sync sync;
    bool compacts; /* gives free pages back to the disk, which takes a while */
};

/* Opens the file at `path`, makes or migrates its tables, and starts both
 * threads.  On failure returns -errno and writes the reason for a person into
 * `message`: -EPROTO for a file of a newer version, -ENOTUNIQ when another
 * server has it open, else what the system said. */
MUST_USE int store_open(struct store **store, struct loop *loop,
                        const char *path, char message[STORE_MESSAGE_BYTES]);
/* The same, with other options than all zero. */
MUST_USE int store_open_with(struct store **store, struct loop *loop,
                             const char *path,
                             const struct store_options *options,
                             char message[STORE_MESSAGE_BYTES]);

/* Commits what was handed over, answers what was asked, stops the threads,
 * frees the store, and then calls `closed` on the loop. */
typedef void (*store_closed_fn)(void *user);
void store_close(struct store *store, void *user, store_closed_fn closed);

/* ---- what was there at the start ---- */

/* The highest Sequence that an event ever had in this file, purged or not, at
 * store_open().  Central numbers on from it. */
uint64_t store_last_sequence(const struct store *store);

/* The highest `changed` of what is durable and was told to its caller.  Rows
 * that are committed later have a higher one, also after a restart. */
uint64_t store_last_change(const struct store *store);

/* Called for each row, in the order in which rows were first put; a NULL one
 * skips its table.  Rows are valid during the call. */
struct store_loader {
    void *user;
    void (*job)(void *user, const struct store_job *job);
    void (*session)(void *user, const struct store_session *session);
    void (*subscription)(void *user,
                         const struct store_subscription *subscription);
};

/* Reads all jobs, then all sessions, then all subscriptions, in the caller's
 * thread: for the start, when nothing else waits for the loop.  Returns
 * -errno. */
MUST_USE int store_load(struct store *store, const struct store_loader *loader);

/* ---- writes ---- */

/* An empty batch.  Memory that is used up sticks in the batch and becomes the
 * result of its commit, so that only done() has to look. */
struct store_batch *store_batch_new(void);

/* Adds or replaces by uuid (a file: by session_uuid and local_id; a user: by
 * name).  `id` and `changed` of the row are ignored: the store sets them.  A
 * later put leaves the columns marked KEPT as the first one gave them.  A
 * session that has ended with an error takes its files that are still running
 * along: they end as it does. */
void store_batch_put_job(struct store_batch *batch,
                         const struct store_job *job);
void store_batch_put_session(struct store_batch *batch,
                             const struct store_session *session);
void store_batch_put_file(struct store_batch *batch,
                          const struct store_file *file);
void store_batch_put_subscription(struct store_batch *batch,
                                  const struct store_subscription *row);
void store_batch_put_user(struct store_batch *batch,
                          const struct store_user *user);

/* Appends; a Sequence not above all earlier ones is -EINVAL. */
void store_batch_add_event(struct store_batch *batch,
                           const struct store_event *event);

/* Nothing happens when there is no such row. */
void store_batch_remove_subscription(struct store_batch *batch,
                                     struct uuid uuid);
void store_batch_remove_user(struct store_batch *batch, struct text name);
/* Sets the cursor of a subscription. */
void store_batch_set_cursor(struct store_batch *batch, struct uuid uuid,
                            uint64_t cursor);

/* The batch needs no sync of its own: a kill leaves it, a loss of power may
 * undo it, unless something that was committed later is there. */
void store_batch_may_lag(struct store_batch *batch);

/* Gives up a batch that is not to be committed. */
void store_batch_free(struct store_batch *batch);

/* `result` is 0 once all of the batch is durable; else nothing of it is there.
 * After store_purge() it is also the number of rows that went. */
typedef void (*store_done_fn)(void *user, int result);

/* Takes `batch` over.  An empty one is done when all before it are. */
void store_commit(struct store *store, struct store_batch *batch, void *user,
                  store_done_fn done);

/* What is old enough to go. */
struct store_purge {
    /* Sessions that ended before, with their files; jobs that ended before
     * and have no session left. */
    int64_t history_before_us;
    /* Events from before, of a Sequence not above what every live subscription
     * has acknowledged. */
    int64_t events_before_us;
    uint64_t events_sequence_max;
};

/* Removes a bounded number of rows, so that commits never wait for long.
 * `done` is told how many; the caller asks again until there are none. */
void store_purge(struct store *store, const struct store_purge *purge,
                 void *user, store_done_fn done);

/* Batches and purges whose callbacks have not been called yet. */
uint32_t store_waiting_count(const struct store *store);

/* True while the reserved room on the disk is given up or cannot be had:
 * central refuses new work, and what runs may still end.  It changes with the
 * end of a batch or a purge, so an idle server purges to see it change. */
bool store_is_full(const struct store *store);

#endif
