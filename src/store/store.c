#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "store/internal.h"

/* ---- opening ---- */

/* Two servers on one file would number their events alike.  The lock is on a
 * file of its own: to close a descriptor of the database would drop the locks
 * that SQLite holds in this process. */
static int take_lock(const char *path, int *fd,
                     char message[STORE_MESSAGE_BYTES])
{
    char lock_path[LIMIT_PATH_BYTES + 1];
    int size = snprintf(lock_path, sizeof lock_path, "%s-lock", path);

    if (size >= (int)sizeof lock_path) {
        snprintf(message, STORE_MESSAGE_BYTES, "the path is too long");
        return -ENAMETOOLONG;
    }
    int lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd < 0) {
        int ret = -errno;
        snprintf(message, STORE_MESSAGE_BYTES, "%s", strerror(-ret));
        return ret;
    }
    if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int ret = errno == EWOULDBLOCK ? -ENOTUNIQ : -errno;
        snprintf(message, STORE_MESSAGE_BYTES, "another server has it open");
        close(lock_fd);
        return ret;
    }
    *fd = lock_fd;
    return 0;
}

static void batch_finish(struct lane *lane, struct lane_item *item)
{
    struct writer *writer = OWNER_OF(lane, struct writer, lane);
    struct store *store = OWNER_OF(writer, struct store, writer);
    struct store_batch *batch = OWNER_OF(item, struct store_batch, item);
    store_done_fn done = batch->done;
    void *user = batch->user;
    int result = batch->result != 0 ? batch->result : (int)batch->removed_count;

    store->change = batch->change;
    store->full = batch->full;
    store_batch_free(batch);
    done(user, result);
}

static void long_reader_stopped(struct lane *lane)
{
    struct reader *reader = OWNER_OF(lane, struct reader, lane);
    struct store *store = OWNER_OF(reader, struct store, long_reader);
    store_closed_fn closed = store->closed;
    void *user = store->user;

    /* The readers first: the last connection that closes writes the log back,
     * and only the writer may write. */
    store_reader_close(&store->long_reader);
    store_reader_close(&store->reader);
    writer_close(&store->writer);
    close(store->lock_fd);
    free(store->path);
    free(store);
    closed(user);
}

static void reader_stopped(struct lane *lane)
{
    struct reader *reader = OWNER_OF(lane, struct reader, lane);
    struct store *store = OWNER_OF(reader, struct store, reader);

    lane_stop(&store->long_reader.lane, long_reader_stopped);
}

static void writer_stopped(struct lane *lane)
{
    struct writer *writer = OWNER_OF(lane, struct writer, lane);
    struct store *store = OWNER_OF(writer, struct store, writer);

    lane_stop(&store->reader.lane, reader_stopped);
}

void store_close(struct store *store, void *user, store_closed_fn closed)
{
    CHECK(!store->closing);
    store->closing = true;
    store->user = user;
    store->closed = closed;
    lane_stop(&store->writer.lane, writer_stopped);
}

/* Starts all threads, or none. */
static int start_threads(struct store *store, struct loop *loop)
{
    int ret = lane_start(&store->writer.lane, loop, "store-writer", writer_run,
                         batch_finish);

    if (ret != 0)
        return ret;
    ret = lane_start(&store->reader.lane, loop, "store-reader",
                     store_reader_run, query_finish);
    if (ret != 0)
        goto cancel_writer;
    ret = lane_start(&store->long_reader.lane, loop, "store-scanner",
                     store_reader_run, query_finish);
    if (ret != 0)
        goto cancel_reader;
    return 0;

cancel_reader:
    lane_cancel(&store->reader.lane);
cancel_writer:
    lane_cancel(&store->writer.lane);
    return ret;
}

int store_open(struct store **store, struct loop *loop, const char *path,
               char message[STORE_MESSAGE_BYTES])
{
    const struct store_options usual = {0};

    return store_open_with(store, loop, path, &usual, message);
}

int store_open_with(struct store **store, struct loop *loop, const char *path,
                    const struct store_options *options,
                    char message[STORE_MESSAGE_BYTES])
{
    struct store *opened = calloc(1, sizeof *opened);
    CHECK(opened != NULL);
    opened->path = strdup(path);
    CHECK(opened->path != NULL);
    message[0] = '\0';

    int ret = take_lock(path, &opened->lock_fd, message);
    if (ret != 0)
        goto free_store;
    ret = writer_open(&opened->writer, path, message);
    if (ret != 0)
        goto close_lock;
    ret = writer_set_up(&opened->writer, options, message);
    if (ret != 0)
        goto close_writer;
    ret = store_reader_open(&opened->reader, path, message);
    if (ret != 0)
        goto close_writer;
    ret = store_reader_open(&opened->long_reader, path, message);
    if (ret != 0)
        goto close_reader;
    opened->opened_sequence = opened->writer.sequence;
    opened->change = opened->writer.change;
    opened->full = opened->writer.full;
    ret = start_threads(opened, loop);
    if (ret != 0) {
        snprintf(message, STORE_MESSAGE_BYTES, "no thread can be started");
        goto close_long_reader;
    }
    LOG(store_opened, path, (unsigned long long)opened->opened_sequence);
    *store = opened;
    return 0;

close_long_reader:
    store_reader_close(&opened->long_reader);
close_reader:
    store_reader_close(&opened->reader);
close_writer:
    writer_close(&opened->writer);
close_lock:
    close(opened->lock_fd);
free_store:
    free(opened->path);
    free(opened);
    return ret;
}

/* ---- what was there ---- */

uint64_t store_last_sequence(const struct store *store)
{
    return store->opened_sequence;
}

uint64_t store_last_change(const struct store *store)
{
    return store->change;
}

uint32_t store_waiting_count(const struct store *store)
{
    return store->writer.lane.waiting_count;
}

bool store_is_full(const struct store *store)
{
    return store->full;
}

static void tell(const struct store_loader *loader, enum table_id id,
                 const void *row)
{
    if (id == TABLE_JOBS)
        loader->job(loader->user, row);
    else if (id == TABLE_SESSIONS)
        loader->session(loader->user, row);
    else
        loader->subscription(loader->user, row);
}

/* Calls the loader for each row of a table, oldest first. */
static int load_table(struct database *database, enum table_id id,
                      const struct store_loader *loader)
{
    union {
        struct store_job job;
        struct store_session session;
        struct store_subscription subscription;
    } row;
    struct text_builder sql = {0};
    struct arena texts;
    sqlite3_stmt *statement;
    int code = SQLITE_DONE;

    arena_init(&texts, LIMIT_STORE_BATCH_BYTES);
    text_add_string(&sql, "SELECT ");
    table_add_columns(&tables[id], "t", &sql);
    text_add_format(&sql, " FROM %s t ORDER BY t.id", tables[id].name);
    int ret = database_prepare(database, text_built(&sql), &statement);
    while (ret == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        ret = table_read(&tables[id], statement, &row, &texts);
        if (ret == 0)
            tell(loader, id, &row);
        arena_reset(&texts);
    }
    if (ret == 0)
        ret = database_error(database, code);
    text_builder_free(&sql);
    arena_free(&texts);
    return ret;
}

int store_load(struct store *store, const struct store_loader *loader)
{
    const struct {
        enum table_id id;
        bool wanted;
    } steps[] = {
        {TABLE_JOBS, loader->job != NULL},
        {TABLE_SESSIONS, loader->session != NULL},
        {TABLE_SUBSCRIPTIONS, loader->subscription != NULL},
    };
    char message[STORE_MESSAGE_BYTES];
    struct database database;
    int ret = database_open(&database, store->path, DATABASE_READ, message);

    if (ret != 0)
        return ret;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0] && ret == 0; i++) {
        if (steps[i].wanted)
            ret = load_table(&database, steps[i].id, loader);
    }
    if (ret != 0)
        LOG(store_read_failed, ret, sqlite3_errmsg(database.handle));
    database_close(&database);
    return ret;
}

/* ---- writes ---- */

void store_commit(struct store *store, struct store_batch *batch, void *user,
                  store_done_fn done)
{
    CHECK(!store->closing);
    batch->user = user;
    batch->done = done;
    lane_put(&store->writer.lane, &batch->item);
}

void store_purge(struct store *store, const struct store_purge *purge,
                 void *user, store_done_fn done)
{
    struct store_batch *batch = store_batch_new();

    batch_add_purge(batch, purge);
    store_commit(store, batch, user, done);
}
