/* Every column of every table, by the tables that describe them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "store/database.h"
#include "store/rows.h"
#include "store/schema.h"
#include "store/table.h"

#define ROW_BYTES_MAX 2048

union row {
    _Alignas(max_align_t) char bytes[ROW_BYTES_MAX];
};

static struct database database;

static void set_up(void)
{
    struct text_builder sql = {0};

    cr_assert_eq(sqlite3_open(":memory:", &database.handle), SQLITE_OK);
    schema_add_create(&sql);
    cr_assert_eq(database_run(&database, sql.data), SQLITE_OK, "%s",
                 sqlite3_errmsg(database.handle));
    text_builder_free(&sql);
}

static void tear_down(void)
{
    database_close(&database);
}

/* An empty database in place of the one that is there. */
static void start_again(void)
{
    tear_down();
    set_up();
}

TestSuite(table, .init = set_up, .fini = tear_down);

/* Gives each column a value that no other has; `extreme` the largest. */
static void fill(const struct table *table, union row *row, bool extreme)
{
    static const char odd[] = "a\0b\xff\xfe\n'\"";

    memset(row, 0, sizeof *row);
    cr_assert_leq(table->row_bytes, sizeof row->bytes);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        char *field = row->bytes + column->offset;
        uint64_t value = extreme ? UINT64_MAX : 1000 + i;

        switch (column->kind) {
        case COLUMN_ID:
        case COLUMN_CHANGE:
            break;
        case COLUMN_NUMBER:
            *(uint64_t *)field = extreme ? INT64_MAX : value;
            break;
        case COLUMN_UUID:
            memset(field, extreme ? 0xff : (int)i + 1, sizeof(struct uuid));
            break;
        case COLUMN_TEXT:
        case COLUMN_BLOB:
            *(struct text *)field = extreme ? (struct text){odd, sizeof odd - 1}
                                            : text_of(column->name);
            break;
        case COLUMN_U64:
            *(uint64_t *)field = value;
            break;
        case COLUMN_U32:
            *(uint32_t *)field = (uint32_t)value;
            break;
        case COLUMN_I32:
            *(int32_t *)field = extreme ? INT32_MIN : (int32_t)value;
            break;
        case COLUMN_TIME:
            *(int64_t *)field = extreme ? INT64_MIN : (int64_t)value;
            break;
        case COLUMN_BOOL:
            *(bool *)field = true;
            break;
        case COLUMN_WORD:
            *(uint32_t *)field = column->word_count - 1;
            break;
        }
    }
}

static size_t size_of(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_UUID:
        return sizeof(struct uuid);
    case COLUMN_U32:
    case COLUMN_I32:
    case COLUMN_WORD:
        return 4;
    case COLUMN_BOOL:
        return 1;
    case COLUMN_NUMBER:
    case COLUMN_U64:
    case COLUMN_TIME:
        return 8;
    case COLUMN_ID:
    case COLUMN_CHANGE:
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        return 0;
    }
    return 0;
}

static void expect_equal(const struct table *table, const union row *want,
                         const union row *got)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        const char *a = want->bytes + column->offset;
        const char *b = got->bytes + column->offset;

        if (column->kind == COLUMN_TEXT || column->kind == COLUMN_BLOB)
            cr_expect(
                text_equal(*(const struct text *)a, *(const struct text *)b),
                "%s.%s", table->name, column->name);
        else
            cr_expect_eq(memcmp(a, b, size_of(column->kind)), 0, "%s.%s",
                         table->name, column->name);
    }
}

/* Puts `row` and reads it back. */
static int through(const struct table *table, const union row *row,
                   uint64_t change, union row *back, struct arena *texts)
{
    struct text_builder sql = {0};
    sqlite3_stmt *statement;

    if (table->key != NULL)
        schema_add_put(table, &sql);
    else
        schema_add_insert(table, &sql);
    cr_assert_eq(database_prepare(&database, text_built(&sql), &statement), 0,
                 "%s", sqlite3_errmsg(database.handle));
    cr_assert_eq(table_bind(table, statement, row, change), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_DONE, "%s",
                 sqlite3_errmsg(database.handle));
    database_reset(statement);

    text_builder_reset(&sql);
    text_add_string(&sql, "SELECT ");
    table_add_columns(table, "t", &sql);
    text_add_format(&sql, " FROM %s t", table->name);
    cr_assert_eq(database_prepare(&database, text_built(&sql), &statement), 0);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int ret = table_read(table, statement, back, texts);
    cr_assert_eq(sqlite3_step(statement), SQLITE_DONE);
    database_reset(statement);
    text_builder_free(&sql);
    return ret;
}

Test(table, every_column_comes_back_as_it_was_put)
{
    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        for (int extreme = 0; extreme < 2; extreme++) {
            struct arena texts;
            union row row;
            union row back;

            start_again();
            arena_init(&texts, 1 << 20);
            fill(&tables[i], &row, extreme);
            cr_assert_eq(through(&tables[i], &row, 1, &back, &texts), 0);
            expect_equal(&tables[i], &row, &back);
            arena_free(&texts);
        }
    }
}

/* True when `name` is one of the names in `table->key`. */
static bool is_key(const struct table *table, const char *name)
{
    char want[64];
    char have[64];

    snprintf(want, sizeof want, ", %s,", name);
    snprintf(have, sizeof have, ", %s,", table->key);
    return strstr(have, want) != NULL;
}

Test(table, a_second_put_replaces_all_but_the_kept_columns)
{
    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        struct arena texts;
        union row first;
        union row second;
        union row back;
        const struct table *table = &tables[i];

        if (table->key == NULL)
            continue;
        start_again();
        arena_init(&texts, 1 << 20);
        fill(table, &first, false);
        cr_assert_eq(through(table, &first, 1, &back, &texts), 0);

        /* The same key, everything else different. */
        fill(table, &second, true);
        for (uint32_t j = 0; j < table->column_count; j++) {
            const struct column *column = &table->columns[j];
            bool key = is_key(table, column->name);
            size_t size = column->kind == COLUMN_TEXT ? sizeof(struct text)
                                                      : size_of(column->kind);
            if (key || column->kept)
                memcpy(second.bytes + column->offset,
                       first.bytes + column->offset, size);
            cr_assert(!key || column->kept, "%s.%s", table->name, column->name);
        }
        cr_assert_eq(through(table, &second, 2, &back, &texts), 0);
        expect_equal(table, &second, &back);
        arena_free(&texts);
    }
}

Test(table, nothing_set_is_stored_as_null_and_comes_back_as_nothing)
{
    struct store_session session = {.uuid = {{1}}};
    struct arena texts;
    union row row = {{0}};
    union row back;
    uint64_t nulls;

    memcpy(&row, &session, sizeof session);
    arena_init(&texts, 1 << 20);
    cr_assert_eq(through(&tables[TABLE_SESSIONS], &row, 7, &back, &texts), 0);
    expect_equal(&tables[TABLE_SESSIONS], &row, &back);
    cr_expect_eq(((struct store_session *)(void *)&back)->changed, 7);
    cr_expect_eq(((struct store_session *)(void *)&back)->id, 1);
    cr_assert_eq(database_number(&database,
                                 "SELECT job_uuid IS NULL AND end_us IS NULL "
                                 "AND cookie IS NULL FROM sessions",
                                 &nulls),
                 0);
    cr_expect_eq(nulls, 1);
    arena_free(&texts);
}

Test(table, a_value_that_no_put_has_written_is_an_error)
{
    static const char *const edits[] = {
        "UPDATE sessions SET state = 'lost'",
        "UPDATE sessions SET uuid = 'none'",
        "UPDATE sessions SET server_udp_port = -1",
        "UPDATE sessions SET server_udp_port = 4294967296",
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct store_session session = {.uuid = {{1}}};
        struct arena texts;
        union row row = {{0}};
        union row back;
        struct text_builder sql = {0};
        sqlite3_stmt *statement;

        start_again();
        arena_init(&texts, 1 << 20);
        memcpy(&row, &session, sizeof session);
        cr_assert_eq(through(&tables[TABLE_SESSIONS], &row, 1, &back, &texts),
                     0);
        cr_assert_eq(database_run(&database, edits[i]), SQLITE_OK);
        text_add_string(&sql, "SELECT ");
        table_add_columns(&tables[TABLE_SESSIONS], "t", &sql);
        text_add_string(&sql, " FROM sessions t");
        cr_assert_eq(database_prepare(&database, text_built(&sql), &statement),
                     0);
        cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
        cr_expect_eq(
            table_read(&tables[TABLE_SESSIONS], statement, &back, &texts), -EIO,
            "%s", edits[i]);
        database_reset(statement);
        text_builder_free(&sql);
        arena_free(&texts);
    }
}

Test(table, a_copy_owns_its_texts)
{
    char path[] = "a/b";
    struct store_file file = {.path = text_of(path)};
    struct arena arena;

    arena_init(&arena, 4096);
    struct store_file *copy =
        table_copy_row(&tables[TABLE_FILES], &file, &arena);
    cr_assert_not_null(copy);
    path[0] = 'x';
    cr_expect(text_is(copy->path, "a/b"));
    cr_expect(text_is_absent(copy->error_text));
    arena_free(&arena);
}

Test(table, a_copy_that_has_no_room_is_none)
{
    struct store_file file = {.path = text_of("a/b")};
    struct arena arena;

    arena_init(&arena, sizeof file + 15);
    cr_expect_null(table_copy_row(&tables[TABLE_FILES], &file, &arena));
    arena_free(&arena);
    arena_init(&arena, 8);
    cr_expect_null(table_copy_row(&tables[TABLE_FILES], &file, &arena));
    arena_free(&arena);
}
