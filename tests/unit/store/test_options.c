/* What the configuration may ask of the store's file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "store/writer.h"

static struct fixture fixture;
static struct writer writer;
static char message[STORE_MESSAGE_BYTES];

static void set_up(void)
{
    fixture_make_folder(&fixture);
    cr_assert_eq(writer_open(&writer, fixture.path, message), 0, "%s", message);
}

static void tear_down(void)
{
    writer_close(&writer);
    fixture_remove_folder(&fixture);
}

TestSuite(options, .init = set_up, .fini = tear_down);

static uint64_t number(const char *sql)
{
    uint64_t value = 0;

    cr_assert_eq(database_number(&writer.database, sql, &value), 0);
    return value;
}

Test(options, sync_is_as_it_was_asked_for)
{
    static const uint64_t pragmas[] = {
        [STORE_SYNC_FULL] = 2, [STORE_SYNC_NORMAL] = 1, [STORE_SYNC_OFF] = 0};

    for (int i = STORE_SYNC_FULL; i <= STORE_SYNC_OFF; i++) {
        struct store_options options = {.sync = (enum store_sync)i};
        cr_assert_eq(writer_set_up(&writer, &options, message), 0);
        cr_expect_eq(number("PRAGMA synchronous"), pragmas[i]);
    }
}

Test(options, compacting_gives_free_pages_back)
{
    struct store_options options = {0};

    cr_assert_eq(database_run(&writer.database,
                              "CREATE TABLE much (x BLOB);"
                              "INSERT INTO much VALUES (zeroblob(400000));"
                              "DELETE FROM much;"),
                 0);
    cr_assert_eq(writer_set_up(&writer, &options, message), 0);
    cr_expect_gt(number("PRAGMA freelist_count"), 50);
    options.compacts = true;
    cr_assert_eq(writer_set_up(&writer, &options, message), 0);
    cr_expect_eq(number("PRAGMA freelist_count"), 0);
}

/* ---- what waits for the disk ---- */

/* The engine's files are of a few kinds, each with a table of functions; its
 * copy has a sync that counts. */
static struct kind {
    sqlite3_io_methods methods; /* first: a file has this as its own */
    const sqlite3_io_methods *real;
} kinds[4];
static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;
static uint32_t sync_count;

static int counted_sync(sqlite3_file *file, int flags)
{
    struct kind *kind = kinds;

    sync_count++;
    while (file->pMethods != &kind->methods)
        kind++;
    return kind->real->xSync(file, flags);
}

static int counted_open(sqlite3_vfs *self, const char *name,
                        sqlite3_file *file, int flags, int *out_flags)
{
    struct kind *kind = kinds;

    (void)self;
    int code = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    if (code != SQLITE_OK)
        return code;
    while (kind->real != NULL && kind->real != file->pMethods)
        kind++;
    cr_assert_lt(kind - kinds, 4);
    kind->real = file->pMethods;
    kind->methods = *kind->real;
    kind->methods.xSync = counted_sync;
    file->pMethods = &kind->methods;
    return code;
}

static void counted_set_up(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "counted";
    vfs.xOpen = counted_open;
    cr_assert_eq(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
    fixture_open(&fixture);
}

static void counted_tear_down(void)
{
    fixture_close(&fixture);
    sqlite3_vfs_unregister(&vfs);
}

TestSuite(syncs, .init = counted_set_up, .fini = counted_tear_down);

static struct store_batch *event_batch(uint64_t sequence)
{
    struct store_batch *batch = store_batch_new();
    struct store_event event = event_of(sequence);

    store_batch_add_event(batch, &event);
    return batch;
}

static struct store_batch *cursor_batch(uint64_t cursor, bool may_lag)
{
    struct store_batch *batch = store_batch_new();

    store_batch_set_cursor(batch, id_of(1), cursor);
    if (may_lag)
        store_batch_may_lag(batch);
    return batch;
}

Test(syncs, what_may_lag_waits_for_no_disk)
{
    /* The log's head is synced with its first page. */
    cr_assert_eq(fixture_commit(&fixture, event_batch(1)), 0);
    struct store_batch *batch = store_batch_new();
    const struct store_subscription subscription = {
        .uuid = id_of(1),
        .kind = STORE_KIND_JOB,
        .topics = 1,
        .observer_url = T("http://a/"),
        .expires_us = 100};
    store_batch_put_subscription(batch, &subscription);
    cr_assert_eq(fixture_commit(&fixture, batch), 0);
    for (uint64_t i = 2; i < 20; i++) {
        uint32_t before = sync_count;
        cr_assert_eq(fixture_commit(&fixture, cursor_batch(2 * i, true)), 0);
        cr_expect_eq(sync_count, before, "cursor %d", (int)i);
        cr_assert_eq(fixture_commit(&fixture, cursor_batch(2 * i + 1, false)), 0);
        cr_expect_gt(sync_count, before, "a replay's %d", (int)i);
        before = sync_count;
        cr_assert_eq(fixture_commit(&fixture, event_batch(i)), 0);
        cr_expect_gt(sync_count, before, "event %d", (int)i);
    }
}

static void ignore(void *user, int result)
{
    (void)user;
    cr_expect_eq(result, 0);
}

static void note(void *user, int result)
{
    cr_expect_eq(result, 0);
    *(bool *)user = true;
}

/* They are in one group as a rule, which has one sync then. */
Test(syncs, what_is_committed_after_it_takes_it_along)
{
    bool done = false;
    struct store_batch *batch = cursor_batch(1, true);

    uint32_t before = sync_count;
    store_commit(fixture.store, batch, NULL, ignore);
    store_commit(fixture.store, event_batch(1), &done, note);
    fixture_wait(&fixture, &done);
    cr_expect_gt(sync_count, before);
}

Test(syncs, the_log_goes_back_into_the_file_in_time)
{
    static char body[200 * 1024];
    char path[128];
    struct stat file;

    memset(body, 'x', sizeof body);
    for (uint64_t i = 1; i <= 500; i++) { /* 100 MiB */
        struct store_batch *batch = store_batch_new();
        struct store_event event = event_of(i);
        event.body = text_from(body, sizeof body);
        store_batch_add_event(batch, &event);
        cr_assert_eq(fixture_commit(&fixture, batch), 0);
    }
    snprintf(path, sizeof path, "%s-wal", fixture.path);
    cr_assert_eq(stat(path, &file), 0);
    cr_expect_lt(file.st_size, 40 << 20, "%lld bytes", (long long)file.st_size);
}
