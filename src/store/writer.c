#include "store/writer.h"

#include <errno.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"

static struct store_batch *batch_of(struct lane_item *item)
{
    return OWNER_OF(item, struct store_batch, item);
}

/* Moves the next group from `items` to `group`. */
static void take_group(struct lane_list *items, struct lane_list *group)
{
    uint64_t change_count = 0;

    do {
        struct lane_item *item = lane_list_take(items);
        struct store_batch *batch = batch_of(item);
        if (batch->out_of_memory)
            batch->result = -ENOMEM;
        change_count += batch->change_count;
        lane_list_add(group, item);
    } while (items->first != NULL && change_count < LIMIT_STORE_GROUP_CHANGES);
}

static bool has_changes(const struct lane_list *group)
{
    for (struct lane_item *item = group->first; item; item = item->next) {
        if (batch_of(item)->result == 0 && batch_of(item)->change_count > 0)
            return true;
    }
    return false;
}

/* Whether nobody waits for the disk to have it. */
static bool is_lazy(const struct lane_list *group)
{
    for (struct lane_item *item = group->first; item; item = item->next) {
        if (batch_of(item)->result == 0 && !batch_of(item)->may_lag)
            return false;
    }
    return true;
}

static int set_sync(struct writer *writer, enum store_sync sync)
{
    static const char *const syncs[] = {
        [STORE_SYNC_FULL] = "PRAGMA synchronous = FULL",
        [STORE_SYNC_NORMAL] = "PRAGMA synchronous = NORMAL",
        [STORE_SYNC_OFF] = "PRAGMA synchronous = OFF",
    };

    if (writer->sync_now == sync)
        return SQLITE_OK;
    int code = database_run(&writer->database, syncs[sync]);
    if (code == SQLITE_OK)
        writer->sync_now = sync;
    return code;
}

/* Runs all batches that are not refused, one after another. */
static int apply_all(struct writer *writer, const struct lane_list *group,
                     struct store_batch **failed)
{
    uint64_t old_change = writer->change;

    for (struct lane_item *item = group->first; item; item = item->next) {
        struct store_batch *batch = batch_of(item);
        if (batch->result != 0)
            continue;
        int code = writer_apply(writer, batch);
        if (code != SQLITE_OK) {
            *failed = batch;
            return code;
        }
    }
    return writer->change != old_change ? writer_store_change(writer)
                                        : SQLITE_OK;
}

/* One attempt at the transaction.  On failure nothing of it is left, and
 * `*failed` is the batch at which it failed, if it was at one. */
static int try_group(struct writer *writer, const struct lane_list *group,
                     struct store_batch **failed)
{
    uint64_t old_sequence = writer->sequence;
    uint64_t old_change = writer->change;

    *failed = NULL;
    /* What is not synced is in the log all the same: the next sync takes it
     * along, and what was killed finds it. */
    int code = set_sync(writer, writer->sync == STORE_SYNC_FULL &&
                                        is_lazy(group)
                                    ? STORE_SYNC_NORMAL
                                    : writer->sync);
    if (code == SQLITE_OK)
        code = writer_step(writer, WRITER_BEGIN);
    if (code == SQLITE_OK)
        code = apply_all(writer, group, failed);
    if (code == SQLITE_OK)
        code = writer_step(writer, WRITER_COMMIT);
    if (code == SQLITE_OK)
        return 0;

    /* Before the rollback, which would change both. */
    int ret = database_error(&writer->database, code);
    LOG(store_write_failed, ret, sqlite3_errmsg(writer->database.handle));
    writer->sequence = old_sequence;
    writer->change = old_change;
    if (!sqlite3_get_autocommit(writer->database.handle))
        (void)!writer_step(writer, WRITER_ROLLBACK);
    return ret;
}

static int commit_group(struct writer *writer, struct lane_list *group)
{
    while (has_changes(group)) {
        struct store_batch *failed;
        int ret = try_group(writer, group, &failed);
        if (ret == 0)
            break;
        if (ret == -EINVAL && failed != NULL) {
            failed->result = ret;
            continue;
        }
        if (ret == -ENOSPC && reserve_give_up(&writer->reserve)) {
            LOG(store_reserve_used, LIMIT_STORE_RESERVE_BYTES);
            writer->full = true;
            continue;
        }
        if (ret == -ENOSPC)
            writer->full = true;
        return ret;
    }
    return 0;
}

/* The log goes back into the file after those who wait for the commit that
 * filled it have been told.  It fails when a reader is in the way or the disk
 * is full: the next commit tries again. */
static void tidy(struct writer *writer)
{
    if (writer->log_pages < DATABASE_LOG_PAGES)
        return;
    writer->log_pages = 0;
    (void)sqlite3_wal_checkpoint_v2(writer->database.handle, NULL,
                                    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static int committed(void *user, sqlite3 *handle, const char *name, int pages)
{
    struct writer *writer = user;

    (void)handle;
    (void)name;
    writer->log_pages = (uint32_t)pages;
    return SQLITE_OK;
}

void writer_run(struct lane *lane, struct lane_list *items)
{
    struct writer *writer = OWNER_OF(lane, struct writer, lane);

    while (items->first != NULL) {
        struct lane_list group = {0};
        take_group(items, &group);
        int ret = commit_group(writer, &group);
        if (ret == 0 && writer->full && reserve_take(&writer->reserve)) {
            LOG(store_reserve_back, LIMIT_STORE_RESERVE_BYTES);
            writer->full = false;
        }
        for (struct lane_item *item = group.first; item; item = item->next) {
            struct store_batch *batch = batch_of(item);
            if (batch->result == 0)
                batch->result = ret;
            batch->change = writer->change;
            batch->full = writer->full;
        }
        lane_give_back(lane, &group);
        tidy(writer);
    }
}

static int read_counters(struct writer *writer)
{
    int ret = database_number(
        &writer->database, "SELECT value FROM meta WHERE name = 'last_change'",
        &writer->change);

    if (ret != 0)
        return ret;
    return database_number(
        &writer->database,
        "SELECT seq FROM sqlite_sequence WHERE name = 'events'",
        &writer->sequence);
}

static int open_reserve(struct writer *writer, const char *path)
{
    char reserve_path[LIMIT_PATH_BYTES + 1];
    int size = snprintf(reserve_path, sizeof reserve_path, "%s-reserve", path);

    if (size >= (int)sizeof reserve_path)
        return -ENAMETOOLONG;
    int ret = reserve_open(&writer->reserve, reserve_path);
    if (ret != 0)
        return ret;
    writer->full = !writer->reserve.held && !writer->reserve.useless;
    if (!writer->reserve.held)
        LOG(store_no_reserve, reserve_path);
    return 0;
}

int writer_open(struct writer *writer, const char *path,
                char message[STORE_MESSAGE_BYTES])
{
    *writer = (struct writer){.sync = STORE_SYNC_FULL,
                              .sync_now = STORE_SYNC_FULL};
    int ret = database_open(&writer->database, path, DATABASE_WRITE, message);
    if (ret != 0)
        return ret;
    sqlite3_wal_hook(writer->database.handle, committed, writer);

    ret = writer_prepare(writer);
    if (ret == 0)
        ret = read_counters(writer);
    if (ret != 0) {
        snprintf(message, STORE_MESSAGE_BYTES, "%s",
                 sqlite3_errmsg(writer->database.handle));
        goto close_database;
    }
    ret = open_reserve(writer, path);
    if (ret != 0) {
        snprintf(message, STORE_MESSAGE_BYTES,
                 "the file that reserves room beside it cannot be made");
        goto close_database;
    }
    return 0;

close_database:
    writer_finalize(writer);
    database_close(&writer->database);
    return ret;
}

int writer_set_up(struct writer *writer, const struct store_options *options,
                  char message[STORE_MESSAGE_BYTES])
{
    writer->sync = options->sync;
    int code = set_sync(writer, writer->sync);
    if (code == SQLITE_OK && options->compacts)
        code = database_run(&writer->database, "VACUUM");
    if (code != SQLITE_OK)
        snprintf(message, STORE_MESSAGE_BYTES, "%s",
                 sqlite3_errmsg(writer->database.handle));
    return database_error(&writer->database, code);
}

void writer_close(struct writer *writer)
{
    reserve_close(&writer->reserve);
    writer_finalize(writer);
    database_close(&writer->database);
}
