#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "io/loop.h"
#include "store/database.h"
#include "store/schema.h"

static struct fixture fixture;
static struct database database;
static char message[STORE_MESSAGE_BYTES];

static void set_up(void)
{
    fixture_make_folder(&fixture);
}

static void tear_down(void)
{
    fixture_remove_folder(&fixture);
}

TestSuite(database, .init = set_up, .fini = tear_down);

static uint64_t number(const char *sql)
{
    uint64_t value = 0;

    cr_assert_eq(database_number(&database, sql, &value), 0, "%s: %s", sql,
                 sqlite3_errmsg(database.handle));
    return value;
}

static void run(const char *sql)
{
    cr_assert_eq(database_run(&database, sql), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(database.handle));
}

/* Opens the file as SQLite would, and leaves what `sql` makes of it. */
static void prepare_file(const char *sql)
{
    cr_assert_eq(sqlite3_open(fixture.path, &database.handle), SQLITE_OK);
    run(sql);
    database_close(&database);
}

Test(database, a_new_file_gets_all_tables_and_settings)
{
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0,
        "%s", message);
    cr_expect_eq(number("SELECT count(*) FROM sqlite_schema WHERE type = "
                        "'table' AND name IN ('jobs', 'sessions', 'files', "
                        "'events', 'subscriptions', 'users', 'meta')"),
                 7);
    cr_expect_eq(number("SELECT value FROM meta "
                        "WHERE name = 'schema_version'"),
                 SCHEMA_VERSION);
    cr_expect_eq(number("PRAGMA synchronous"), 2);
    cr_expect_eq(number("SELECT count(*) FROM pragma_journal_mode "
                        "WHERE journal_mode = 'wal'"),
                 1);
    database_close(&database);
}

/* What an admin types must go on working: these names are an interface. */
Test(database, columns_have_names_that_people_can_read)
{
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    run("SELECT uuid, state, error_text, order_text FROM jobs");
    run("SELECT uuid, job_uuid, state, written_bytes, cookie FROM sessions");
    run("SELECT session_uuid, path, size_bytes, state FROM files");
    run("SELECT sequence, time_us, topic, job_uuid, body FROM events");
    run("SELECT uuid, observer_url, cursor FROM subscriptions");
    run("SELECT name, docroot FROM users");
    database_close(&database);
}

Test(database, opening_again_changes_nothing)
{
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    run("INSERT INTO users (name, docroot) VALUES ('ann', '/')");
    database_close(&database);
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    cr_expect_eq(number("SELECT count(*) FROM users"), 1);
    database_close(&database);
}

/* The tables of version 1, as it was released, with a row of what must not be
 * lost: who is told what, and how far they are. */
static const char version_1[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('schema_version', 1), ('last_change', 7);"
    "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT"
    " NULL UNIQUE);"
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT"
    " NOT NULL UNIQUE, start_us INTEGER, user_name TEXT, private_key TEXT,"
    " server_address TEXT, client_address TEXT) STRICT;"
    "CREATE TABLE files (session_uuid TEXT NOT NULL, local_id INTEGER NOT NULL,"
    " state TEXT, start_us INTEGER, end_us INTEGER,"
    " PRIMARY KEY (session_uuid, local_id)) STRICT, WITHOUT ROWID;"
    "INSERT INTO sessions (uuid) VALUES ('s1'), ('s2');"
    "INSERT INTO files VALUES ('s1', 1, 'completed', 10, 20),"
    " ('s1', 2, 'error', 15, 30), ('s1', 3, 'running', NULL, NULL);"
    "CREATE TABLE events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, uuid"
    " TEXT NOT NULL, time_us INTEGER NOT NULL, topic TEXT, job_uuid TEXT,"
    " session_uuid TEXT, body BLOB) STRICT;"
    "CREATE TABLE subscriptions (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE, kind TEXT, subject_uuid TEXT,"
    " topics INTEGER NOT NULL, observer_url TEXT NOT NULL, observer_action"
    " TEXT, ender_url TEXT, ender_action TEXT, owner TEXT, created_us INTEGER,"
    " expires_us INTEGER NOT NULL, cursor INTEGER NOT NULL) STRICT;"
    "CREATE TABLE users (name TEXT);"
    "INSERT INTO subscriptions (uuid, kind, topics, observer_url, expires_us,"
    " cursor) VALUES ('0f9c5a3e-6f3e-4c53-9d3e-2f8a1b7c6d5e', 'job', 31,"
    " 'http://observer.example.com/', 9, 41);"
    "PRAGMA application_id = 1718776441;";

Test(database, a_file_of_version_1_keeps_its_subscriptions_and_cursors)
{
    prepare_file(version_1);
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0,
        "%s", message);
    cr_expect_eq(number("SELECT value FROM meta WHERE name = "
                        "'schema_version'"),
                 SCHEMA_VERSION);
    cr_expect_eq(number("SELECT cursor FROM subscriptions WHERE observer_url ="
                        " 'http://observer.example.com/' AND topics = 31"),
                 41);
    cr_expect_eq(number("SELECT ended FROM subscriptions"), 0, "it is live");
    run("SELECT caller, secret, secret_before, secret_before_until_us,"
        " ended_us FROM subscriptions");
    database_close(&database);
}

/* All sums of a session's files as one text. */
#define SUMS                                                                   \
    "SELECT count(*) FROM sessions WHERE uuid = '%s' AND format('%%d %%d %%d " \
    "%%d %%d %%d %%d %%d %%d', files_running, files_completed, files_error,"   \
    " files_unstarted, files_unended, files_start_min, files_start_max,"       \
    " files_end_min, files_end_max) = '%s'"
#define NUMBERS_END \
    "SELECT files_numbers_end FROM sessions WHERE uuid = '%s'"

static void expect_sums(const char *uuid, const char *sums,
                        uint64_t numbers_end)
{
    char sql[512];

    snprintf(sql, sizeof sql, NUMBERS_END, uuid);
    cr_expect_eq(number(sql), numbers_end, "%s: %s", uuid, sums);

    snprintf(sql, sizeof sql, SUMS, uuid, sums);
    cr_expect_eq(number(sql), 1, "%s is not %s", uuid, sums);
}

Test(database, a_file_of_version_1_gets_sums_of_the_files_of_its_sessions)
{
    prepare_file(version_1);
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0,
        "%s", message);
    expect_sums("s1", "1 1 1 1 1 10 15 20 30", 4);
    expect_sums("s2", "0 0 0 0 0 0 0 0 0", 0);
    database_close(&database);
}

/* Whoever writes a file, its session's sums follow; bounds only grow. */
Test(database, sums_follow_the_files)
{
    static const struct {
        const char *sql;
        const char *sums;
        uint64_t numbers_end;
    } steps[] = {
        {"INSERT INTO files (session_uuid, local_id, path, state) VALUES"
         " ('s', 1, 'a', 'running')",
         "0 0 0 0 0 0 0 0 0", 0}, /* there is no session yet */
        {"INSERT INTO sessions (uuid, state, direction, server_end, client_end)"
         " VALUES ('s', 'running', 'incoming', 'local', 'remote')",
         "1 0 0 1 1 0 0 0 0", 2},
        {"UPDATE files SET start_us = 50", "1 0 0 0 1 50 50 0 0", 2},
        {"UPDATE files SET path = 'b'", "1 0 0 0 1 50 50 0 0", 2},
        {"INSERT INTO files (session_uuid, local_id, path, state, start_us,"
         " end_us) VALUES ('s', 2, 'c', 'completed', 40, 60)",
         "1 1 0 0 1 40 50 60 60", 3},
        {"INSERT INTO files (session_uuid, local_id, path, state, start_us,"
         " end_us) VALUES ('s', 1, 'a', 'error', 50, 70) ON CONFLICT"
         " (session_uuid, local_id) DO UPDATE SET state = excluded.state,"
         " start_us = excluded.start_us, end_us = excluded.end_us",
         "0 1 1 0 0 40 50 60 70", 3},
        {"DELETE FROM files WHERE local_id = 1", "0 1 0 0 0 40 50 60 70", 3},
        {"INSERT INTO files (session_uuid, local_id, path, state) VALUES"
         " ('t', 1, 'a', 'running')",
         "0 1 0 0 0 40 50 60 70", 3},
        {"UPDATE sessions SET state = 'completed'", "0 1 0 0 0 40 50 60 70", 3},
        {"DELETE FROM files", "0 0 0 0 0 40 50 60 70", 3},
    };

    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        run(steps[i].sql);
        if (i > 0)
            expect_sums("s", steps[i].sums, steps[i].numbers_end);
    }
    database_close(&database);
}

Test(database, a_newer_schema_is_refused_and_left_alone)
{
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    run("UPDATE meta SET value = value + 1 WHERE name = 'schema_version'");
    database_close(&database);

    cr_expect_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message),
        -EPROTO);
    cr_expect_not_null(strstr(message, "newer"), "%s", message);
    prepare_file("INSERT INTO users (name, docroot) VALUES ('ann', '/')");
}

Test(database, a_database_of_another_program_is_refused)
{
    prepare_file("CREATE TABLE meta (name, value)");
    cr_expect_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message),
        -EPROTO);
    cr_expect_not_null(strstr(message, "another program"), "%s", message);
}

Test(database, a_file_that_is_no_database_is_refused)
{
    FILE *file = fopen(fixture.path, "w");
    cr_assert_not_null(file);
    for (int i = 0; i < 100; i++)
        fputs("this is a letter to a friend\n", file);
    fclose(file);
    cr_expect_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message),
        -EPROTO);
    cr_expect_neq(message[0], '\0');
}

Test(database, a_folder_that_is_not_there_is_an_error_with_its_reason)
{
    cr_expect_eq(
        database_open(&database, "/none/ferry.db", DATABASE_WRITE, message),
        -ENOENT);
    cr_expect_not_null(strstr(message, "No such file"), "%s", message);
}

Test(database, only_the_owner_may_read_the_file)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct stat status;
    char path[128];

    umask(0);
    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s%s", fixture.path, endings[i]);
        cr_assert_eq(stat(path, &status), 0, "%s", path);
        cr_expect_eq(status.st_mode & 0777, 0600, "%s", path);
    }
    database_close(&database);
}

Test(database, a_reading_connection_cannot_write)
{
    struct database reader;

    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    cr_assert_eq(database_open(&reader, fixture.path, DATABASE_READ, message),
                 0);
    cr_expect_neq(database_run(&reader, "DELETE FROM users"), SQLITE_OK);
    database_close(&reader);
    database_close(&database);
}

Test(database, a_statement_is_kept_and_the_oldest_gives_way)
{
    sqlite3_stmt *first;
    sqlite3_stmt *again;
    sqlite3_stmt *other;

    cr_assert_eq(
        database_open(&database, fixture.path, DATABASE_WRITE, message), 0);
    cr_assert_eq(database_prepare(&database, text_of("SELECT -1"), &first), 0);
    for (int i = 0; i < DATABASE_KEPT_MAX * 3; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "SELECT %d", i);
        cr_assert_eq(database_prepare(&database, text_of(sql), &other), 0);
        cr_assert_eq(sqlite3_step(other), SQLITE_ROW);
        cr_expect_eq(sqlite3_column_int(other, 0), i);
        database_reset(other);
        cr_assert_eq(database_prepare(&database, text_of("SELECT -1"), &again),
                     0);
        cr_expect_eq(again, first);
    }
    database_close(&database);
}

Test(database, two_servers_cannot_have_one_file)
{
    struct store *second;

    cr_assert_eq(loop_open(&fixture.loop, 1), 0);
    fixture_open_store(&fixture);
    cr_expect_eq(store_open(&second, fixture.loop, fixture.path, message),
                 -ENOTUNIQ);
    cr_expect_not_null(strstr(message, "another server"), "%s", message);
    fixture_close_store(&fixture);
    loop_free(fixture.loop);
}
