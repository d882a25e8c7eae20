#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/pattern.h"
#include "store/schema.h"

/* Another process (a `ferry user` command, an admin's sqlite3) may hold the
 * file for this long before we give up. */
#define BUSY_WAIT_MS 5000

/* Write-ahead log: readers do not wait for the writer.  FULL: a commit is on
 * the disk when it returns.  The server's writer has its own time to put the
 * log back into the file (`writer.c`).  The caches are in KiB. */
#define STRING_OF(number) #number
#define STRING(macro) STRING_OF(macro)
static const char settings[] = "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = "
                               STRING(DATABASE_LOG_PAGES) ";"
                               "PRAGMA journal_size_limit = 67108864;"
                               "PRAGMA cache_size = -16384;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA trusted_schema = OFF;";

int database_error(const struct database *database, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return -EINVAL;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_INTERRUPT:
        return -ETIME;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_NOTADB:
        return -EPROTO;
    case SQLITE_IOERR:
        /* A write that found room and a sync that did not. */
        return sqlite3_system_errno(database->handle) == ENOSPC ? -ENOSPC
                                                                : -EIO;
    default:
        return -EIO;
    }
}

int database_run(struct database *database, const char *sql)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
}

int database_number(struct database *database, const char *sql,
                    uint64_t *number)
{
    sqlite3_stmt *statement;
    int ret = database_prepare(database, text_of(sql), &statement);

    if (ret != 0)
        return ret;
    int code = sqlite3_step(statement);
    *number =
        code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    database_reset(statement);
    return database_error(database, code);
}

/* ---- statements ---- */

static uint64_t hash_of(struct text text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (uint32_t i = 0; i < text.size_bytes; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * 0x100000001b3u;
    return hash;
}

int database_prepare(struct database *database, struct text sql,
                     sqlite3_stmt **statement)
{
    uint64_t hash = hash_of(sql);
    uint32_t oldest = 0;

    for (uint32_t i = 0; i < DATABASE_KEPT_MAX; i++) {
        sqlite3_stmt *kept = database->kept[i].statement;
        if (kept != NULL && database->kept[i].hash == hash &&
            text_is(sql, sqlite3_sql(kept))) {
            database->kept[i].used_at = ++database->used_count;
            *statement = kept;
            return 0;
        }
        if (database->kept[i].used_at < database->kept[oldest].used_at)
            oldest = i;
    }

    sqlite3_stmt *made;
    int code =
        sqlite3_prepare_v3(database->handle, sql.data, (int)sql.size_bytes,
                           SQLITE_PREPARE_PERSISTENT, &made, NULL);
    if (code != SQLITE_OK)
        return database_error(database, code);
    CHECK(made != NULL);

    /* Statements in use are few and recent, so the oldest is free. */
    sqlite3_finalize(database->kept[oldest].statement);
    database->kept[oldest].statement = made;
    database->kept[oldest].hash = hash;
    database->kept[oldest].used_at = ++database->used_count;
    *statement = made;
    return 0;
}

void database_reset(sqlite3_stmt *statement)
{
    /* The result repeats what the last step said already. */
    (void)sqlite3_reset(statement);
}

/* ---- opening ---- */

/* Rows hold secrets (orders with passwords, hashes), so the file must not be
 * readable by others from its first moment.  SQLite gives its side files the
 * rights of the file. */
static int make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int create(struct database *database)
{
    struct text_builder sql = {0};

    schema_add_create(&sql);
    int code = sql.failed ? SQLITE_NOMEM : database_run(database, sql.data);
    text_builder_free(&sql);
    return code;
}

static int upgrade(struct database *database, uint64_t version)
{
    char set[96];
    int code = SQLITE_OK;

    for (; version < SCHEMA_VERSION && code == SQLITE_OK; version++)
        code = database_run(database, schema_steps[version - 1]);
    if (code != SQLITE_OK)
        return code;
    snprintf(set, sizeof set,
             "UPDATE meta SET value = %u WHERE name = 'schema_version'",
             SCHEMA_VERSION);
    return database_run(database, set);
}

/* Reads the version, inside a transaction; 0 for an empty file. */
static int read_version(struct database *database, uint64_t *version,
                        char message[STORE_MESSAGE_BYTES])
{
    uint64_t table_count;
    uint64_t application;
    int ret = database_number(database, "SELECT count(*) FROM sqlite_schema",
                              &table_count);

    *version = 0;
    if (ret != 0 || table_count == 0)
        return ret;
    ret = database_number(database, "PRAGMA application_id", &application);
    if (ret != 0)
        return ret;
    if (application != SCHEMA_APPLICATION_ID) {
        snprintf(message, STORE_MESSAGE_BYTES,
                 "it is a database of another program");
        return -EPROTO;
    }
    return database_number(
        database, "SELECT value FROM meta WHERE name = 'schema_version'",
        version);
}

/* Brings the file to our version.  The transaction takes the writer's place
 * at once: two processes may come here at the same time. */
static int migrate(struct database *database, char message[STORE_MESSAGE_BYTES])
{
    uint64_t version;
    int code = database_run(database, "BEGIN IMMEDIATE");

    if (code != SQLITE_OK)
        return database_error(database, code);
    int ret = read_version(database, &version, message);
    if (ret != 0)
        goto roll_back;
    if (version > SCHEMA_VERSION) {
        snprintf(message, STORE_MESSAGE_BYTES,
                 "its schema has version %llu and this program knows %u: it "
                 "was written by a newer ferry",
                 (unsigned long long)version, SCHEMA_VERSION);
        ret = -EPROTO;
        goto roll_back;
    }
    code = version == 0 ? create(database) : upgrade(database, version);
    if (code == SQLITE_OK)
        code = database_run(database, "COMMIT");
    ret = database_error(database, code);
    if (ret == 0)
        return 0;

roll_back:
    if (ret != -EPROTO)
        snprintf(message, STORE_MESSAGE_BYTES, "%s",
                 sqlite3_errmsg(database->handle));
    (void)!database_run(database, "ROLLBACK");
    return ret;
}

/* Any bytes; NULL matches nothing. */
static void matches(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct pattern *pattern =
        sqlite3_value_pointer(values[1], DATABASE_PATTERN);
    const char *data = (const char *)sqlite3_value_text(values[0]);

    CHECK(count == 2 && pattern != NULL);
    if (pattern_work(pattern) > LIMIT_PATTERN_WORK) {
        sqlite3_result_error_code(context, SQLITE_INTERRUPT);
        return;
    }
    sqlite3_result_int(
        context,
        data != NULL &&
            pattern_matches(
                pattern,
                text_from(data, (size_t)sqlite3_value_bytes(values[0]))));
}

static int set_up(struct database *database, enum database_use use,
                  char message[STORE_MESSAGE_BYTES])
{
    int code;

    message[0] = '\0';
    sqlite3_extended_result_codes(database->handle, 1);
    sqlite3_busy_timeout(database->handle, BUSY_WAIT_MS);
    code = database_run(database, settings);
    if (code == SQLITE_OK)
        code = sqlite3_create_function_v2(database->handle, "matches", 2,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC |
                                              SQLITE_DIRECTONLY,
                                          NULL, matches, NULL, NULL, NULL);
    if (code == SQLITE_OK && use == DATABASE_READ)
        code = database_run(database, "PRAGMA query_only = ON");
    if (code != SQLITE_OK) {
        snprintf(message, STORE_MESSAGE_BYTES, "%s",
                 sqlite3_errmsg(database->handle));
        return database_error(database, code);
    }
    return use == DATABASE_WRITE ? migrate(database, message) : 0;
}

int database_open(struct database *database, const char *path,
                  enum database_use use, char message[STORE_MESSAGE_BYTES])
{
    *database = (struct database){0};
    int ret = use == DATABASE_WRITE ? make_private(path) : 0;
    if (ret != 0) {
        snprintf(message, STORE_MESSAGE_BYTES, "%s", strerror(-ret));
        return ret;
    }
    int code =
        sqlite3_open_v2(path, &database->handle, SQLITE_OPEN_READWRITE, NULL);
    if (code != SQLITE_OK) {
        snprintf(message, STORE_MESSAGE_BYTES, "%s", sqlite3_errstr(code));
        ret = database_error(database, code);
        database_close(database);
        return ret;
    }
    ret = set_up(database, use, message);
    if (ret != 0) {
        database_close(database);
        return ret;
    }
    return 0;
}

void database_close(struct database *database)
{
    for (uint32_t i = 0; i < DATABASE_KEPT_MAX; i++)
        sqlite3_finalize(database->kept[i].statement);
    int code = sqlite3_close(database->handle);
    CHECK(code == SQLITE_OK);
    *database = (struct database){0};
}
