#include "store/schema.h"

#include "base/check.h"

const char *const schema_steps[SCHEMA_VERSION] = {NULL};

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
