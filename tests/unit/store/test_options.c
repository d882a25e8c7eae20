/* What the configuration may ask of the store's file. */
#include <criterion/criterion.h>

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
