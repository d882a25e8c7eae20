#include "store/schema.h"

#include "base/check.h"

/* What a session's files are like, kept by triggers so that whoever writes
 * them, a person with the sqlite3 tool included, keeps it true: the number of
 * them by state, how many have no start or end, and bounds of their times.
 * Bounds only grow, so that they may be wider than the files are, never
 * narrower.  They serve the reader: see reader_files.c. */
#define SUMS_OF_ALL(uuid)                                                     \
    "UPDATE sessions SET (files_running, files_completed, files_error,"       \
    " files_unstarted, files_unended, files_start_min, files_start_max,"      \
    " files_end_min, files_end_max) = (SELECT"                                \
    " count(*) FILTER (WHERE state = 'running'),"                             \
    " count(*) FILTER (WHERE state = 'completed'),"                           \
    " count(*) FILTER (WHERE state = 'error'),"                               \
    " count(*) - count(start_us), count(*) - count(end_us),"                  \
    " min(start_us), max(start_us), min(end_us), max(end_us)"                 \
    " FROM files f WHERE f.session_uuid = sessions.uuid)" uuid ";"
#define ADD(row, sign)                                                        \
    " files_running = files_running " sign " (" row ".state = 'running'),"    \
    " files_completed = files_completed " sign                                \
    " (" row ".state = 'completed'),"                                         \
    " files_error = files_error " sign " (" row ".state = 'error'),"          \
    " files_unstarted = files_unstarted " sign                                \
    " (" row ".start_us IS NULL),"                                            \
    " files_unended = files_unended " sign " (" row ".end_us IS NULL)"
#define WIDEN                                                                 \
    ", files_start_min = min(ifnull(files_start_min, new.start_us),"          \
    " ifnull(new.start_us, files_start_min)),"                                \
    " files_start_max = max(ifnull(files_start_max, new.start_us),"           \
    " ifnull(new.start_us, files_start_max)),"                                \
    " files_end_min = min(ifnull(files_end_min, new.end_us),"                 \
    " ifnull(new.end_us, files_end_min)),"                                    \
    " files_end_max = max(ifnull(files_end_max, new.end_us),"                 \
    " ifnull(new.end_us, files_end_max))"
static const char file_sums[] =
    "ALTER TABLE sessions ADD COLUMN files_running INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN files_completed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN files_error INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN files_unstarted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN files_unended INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN files_start_min INTEGER;"
    "ALTER TABLE sessions ADD COLUMN files_start_max INTEGER;"
    "ALTER TABLE sessions ADD COLUMN files_end_min INTEGER;"
    "ALTER TABLE sessions ADD COLUMN files_end_max INTEGER;" SUMS_OF_ALL("")
    "CREATE TRIGGER files_of_session AFTER INSERT ON sessions BEGIN "
    SUMS_OF_ALL(" WHERE id = new.id")
    "END;"
    "CREATE TRIGGER files_inserted AFTER INSERT ON files BEGIN"
    " UPDATE sessions SET" ADD("new", "+") WIDEN
    " WHERE uuid = new.session_uuid;"
    "END;"
    "CREATE TRIGGER files_updated AFTER UPDATE ON files"
    " WHEN old.state <> new.state OR old.start_us IS NOT new.start_us"
    " OR old.end_us IS NOT new.end_us BEGIN"
    " UPDATE sessions SET" ADD("old", "-") " WHERE uuid = old.session_uuid;"
    " UPDATE sessions SET" ADD("new", "+") WIDEN
    " WHERE uuid = new.session_uuid;"
    "END;"
    "CREATE TRIGGER files_deleted AFTER DELETE ON files BEGIN"
    " UPDATE sessions SET" ADD("old", "-") " WHERE uuid = old.session_uuid;"
    "END;"
    "CREATE INDEX files_not_completed ON files (session_uuid, local_id)"
    " WHERE state <> 'completed';"
    "CREATE INDEX sessions_user_name ON sessions (user_name);"
    "CREATE INDEX sessions_private_key ON sessions (private_key);"
    "CREATE INDEX sessions_server_address ON sessions (server_address);"
    "CREATE INDEX sessions_client_address ON sessions (client_address);"
    "CREATE INDEX sessions_start_us ON sessions (start_us);";

/* One above the highest number that a file of the session has.  Where it is
 * how many files there are, all numbers below are: then a query for numbers
 * need not look for them. */
#define NUMBERS_OF_ALL                                                         \
    "UPDATE sessions SET files_numbers_end = ifnull((SELECT max(local_id) + 1" \
    " FROM files f WHERE f.session_uuid = sessions.uuid), 0)"
static const char file_numbers[] =
    "ALTER TABLE sessions ADD COLUMN"
    " files_numbers_end INTEGER NOT NULL DEFAULT 0;" NUMBERS_OF_ALL ";"
    "CREATE TRIGGER numbers_of_session AFTER INSERT ON sessions BEGIN "
    NUMBERS_OF_ALL " WHERE id = new.id;"
    "END;"
    "DROP TRIGGER files_inserted;"
    "CREATE TRIGGER files_inserted AFTER INSERT ON files BEGIN"
    " UPDATE sessions SET" ADD("new", "+") WIDEN
    ", files_numbers_end = max(files_numbers_end, new.local_id + 1)"
    " WHERE uuid = new.session_uuid;"
    "END;";

const char *const schema_steps[SCHEMA_VERSION] = {
    /* 1 to 2: callers, signatures and ends of subscriptions. */
    "ALTER TABLE subscriptions ADD COLUMN caller TEXT;"
    "ALTER TABLE subscriptions ADD COLUMN secret TEXT;"
    "ALTER TABLE subscriptions ADD COLUMN secret_before TEXT;"
    "ALTER TABLE subscriptions ADD COLUMN secret_before_until_us INTEGER;"
    "ALTER TABLE subscriptions ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE subscriptions ADD COLUMN ended_us INTEGER;",
    /* 2 to 3: what queries for files need to be quick. */
    file_sums,
    /* 3 to 4: queries for files by their numbers. */
    file_numbers,
};

/* Each serves a filter of the contract that clients poll with, the order of
 * change, or a purge.  A WITHOUT ROWID or rowid key follows each by itself, so
 * the newest first needs no sorting. */
static const char indexes[] =
    "CREATE INDEX sessions_changed ON sessions (changed);"
    "CREATE INDEX sessions_job_uuid ON sessions (job_uuid);"
    "CREATE INDEX sessions_state ON sessions (state);"
    "CREATE INDEX sessions_cookie ON sessions (cookie);"
    "CREATE INDEX sessions_end_us ON sessions (end_us);"
    "CREATE INDEX jobs_ended_us ON jobs (ended_us);"
    "CREATE INDEX files_changed ON files (changed);"
    "CREATE INDEX events_job_uuid ON events (job_uuid);"
    "CREATE INDEX events_session_uuid ON events (session_uuid);";

static const char *column_type(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_ID:
    case COLUMN_NUMBER:
        /* A number is never used again, also when its row was purged. */
        return "INTEGER PRIMARY KEY AUTOINCREMENT";
    case COLUMN_UUID:
    case COLUMN_TEXT:
    case COLUMN_WORD:
        return "TEXT";
    case COLUMN_BLOB:
        return "BLOB";
    case COLUMN_CHANGE:
    case COLUMN_U64:
    case COLUMN_U32:
    case COLUMN_I32:
    case COLUMN_TIME:
    case COLUMN_BOOL:
        return "INTEGER";
    }
    NEVER("a kind of column that is not in the table");
}

static void add_table(const struct table *table, struct text_builder *sql)
{
    text_add_format(sql, "CREATE TABLE %s (", table->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        text_add_format(sql, "%s\n  %s %s%s%s", i > 0 ? "," : "", column->name,
                        column_type(column->kind),
                        column->constraint[0] != '\0' ? " " : "",
                        column->constraint);
    }
    text_add_format(sql, "%s\n) %s;\n", table->constraints, table->options);
}

void schema_add_create(struct text_builder *sql)
{
    text_add_string(sql,
                    "CREATE TABLE meta (\n  name TEXT PRIMARY KEY,\n"
                    "  value INTEGER NOT NULL\n) STRICT, WITHOUT ROWID;\n");
    text_add_format(sql,
                    "INSERT INTO meta VALUES ('schema_version', %u), "
                    "('last_change', 0);\n",
                    SCHEMA_VERSION);
    for (uint32_t i = 0; i < TABLE_COUNT; i++)
        add_table(&tables[i], sql);
    text_add_string(sql, indexes);
    text_add_string(sql, file_sums);
    text_add_string(sql, file_numbers);
    text_add_format(sql, "PRAGMA application_id = %d;", SCHEMA_APPLICATION_ID);
}

static void add_names(const struct table *table, struct text_builder *sql)
{
    const char *comma = "";

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind == COLUMN_ID)
            continue;
        text_add_format(sql, "%s%s", comma, table->columns[i].name);
        comma = ", ";
    }
}

static void add_updates(const struct table *table, struct text_builder *sql)
{
    const char *comma = "";

    text_add_format(sql, " ON CONFLICT (%s) DO UPDATE SET ", table->key);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        if (column->kind == COLUMN_ID || column->kept)
            continue;
        text_add_format(sql, "%s%s = excluded.%s", comma, column->name,
                        column->name);
        comma = ", ";
    }
}

void schema_add_insert(const struct table *table, struct text_builder *sql)
{
    const char *comma = "";

    text_add_format(sql, "INSERT INTO %s (", table->name);
    add_names(table, sql);
    text_add_string(sql, ") VALUES (");
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind == COLUMN_ID)
            continue;
        text_add_format(sql, "%s?", comma);
        comma = ", ";
    }
    text_add_string(sql, ")");
}

void schema_add_put(const struct table *table, struct text_builder *sql)
{
    schema_add_insert(table, sql);
    add_updates(table, sql);
}
