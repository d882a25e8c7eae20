#include "store/table.h"

#include <errno.h>
#include <string.h>

#include "store/rows.h"

const char *const store_job_state_names[STORE_JOB_STATE_COUNT] = {
    [STORE_JOB_QUEUED] = "queued",       [STORE_JOB_CONNECTING] = "connecting",
    [STORE_JOB_RUNNING] = "running",     [STORE_JOB_WAITING] = "waiting",
    [STORE_JOB_COMPLETED] = "completed", [STORE_JOB_FAILED] = "failed",
    [STORE_JOB_CANCELLED] = "cancelled",
};

const char *const store_session_state_names[STORE_SESSION_STATE_COUNT] = {
    [STORE_SESSION_WAITING] = "waiting",
    [STORE_SESSION_RUNNING] = "running",
    [STORE_SESSION_PAUSED] = "paused",
    [STORE_SESSION_COMPLETED] = "completed",
    [STORE_SESSION_CANCELLED] = "cancelled",
    [STORE_SESSION_ERROR] = "error",
    [STORE_SESSION_WILLRETRY] = "willretry",
    [STORE_SESSION_ORPHANED] = "orphaned",
};

const char *const store_file_state_names[STORE_FILE_STATE_COUNT] = {
    [STORE_FILE_RUNNING] = "running",
    [STORE_FILE_COMPLETED] = "completed",
    [STORE_FILE_ERROR] = "error",
};

const char *const store_direction_names[STORE_DIRECTION_COUNT] = {
    [STORE_INCOMING] = "incoming",
    [STORE_OUTGOING] = "outgoing",
};

const char *const store_end_names[STORE_END_COUNT] = {
    [STORE_LOCAL] = "local",
    [STORE_REMOTE] = "remote",
};

const char *const store_topic_names[STORE_TOPIC_COUNT] = {
    [STORE_TOPIC_JOB_CONNECTING] = "job.connecting",
    [STORE_TOPIC_JOB_START] = "job.start",
    [STORE_TOPIC_JOB_STATUS] = "job.status",
    [STORE_TOPIC_JOB_ERROR] = "job.error",
    [STORE_TOPIC_JOB_STOP] = "job.stop",
    [STORE_TOPIC_SESSION_START] = "session.start",
    [STORE_TOPIC_SESSION_STATUS] = "session.status",
    [STORE_TOPIC_SESSION_ERROR] = "session.error",
    [STORE_TOPIC_SESSION_STOP] = "session.stop",
    [STORE_TOPIC_SESSION_STATISTICS] = "session.statistics",
};

const char *const store_kind_names[STORE_KIND_COUNT] = {
    [STORE_KIND_JOB] = "job",
    [STORE_KIND_SESSION] = "session",
};

#define ROW_COLUMN(kind, name, constraint, kept, word_count, words) \
    {#name,                                                         \
     constraint,                                                    \
     COLUMN_##kind,                                                 \
     kept,                                                          \
     (uint32_t)offsetof(struct ROW, name),                          \
     word_count,                                                    \
     words},
#define COLUMN(kind, name, constraint) \
    ROW_COLUMN(kind, name, constraint, false, 0, NULL)
#define KEPT(kind, name, constraint) \
    ROW_COLUMN(kind, name, constraint, true, 0, NULL)
#define WORD(type, name)                                                     \
    ROW_COLUMN(WORD, name, "NOT NULL", false,                                \
               sizeof store_##type##_names / sizeof store_##type##_names[0], \
               store_##type##_names)

#define ROW store_job
static const struct column job_columns[] = {
#include "store/job.def"
};
#undef ROW

#define ROW store_session
static const struct column session_columns[] = {
#include "store/session.def"
};
#undef ROW

#define ROW store_file
static const struct column file_columns[] = {
#include "store/file.def"
};
#undef ROW

#define ROW store_event
static const struct column event_columns[] = {
#include "store/event.def"
};
#undef ROW

#define ROW store_subscription
static const struct column subscription_columns[] = {
#include "store/subscription.def"
};
#undef ROW

#define ROW store_user
static const struct column user_columns[] = {
#include "store/user.def"
};
#undef ROW

#define COLUMNS(list) list, sizeof list / sizeof list[0]

const struct table tables[TABLE_COUNT] = {
    [TABLE_JOBS] = {"jobs", "uuid", "", "STRICT", COLUMNS(job_columns),
                    sizeof(struct store_job)},
    [TABLE_SESSIONS] = {"sessions", "uuid", "", "STRICT",
                        COLUMNS(session_columns), sizeof(struct store_session)},
    /* Without row ids the files of a session lie side by side. */
    [TABLE_FILES] = {"files", "session_uuid, local_id",
                     ", PRIMARY KEY (session_uuid, local_id)",
                     "STRICT, WITHOUT ROWID", COLUMNS(file_columns),
                     sizeof(struct store_file)},
    [TABLE_EVENTS] = {"events", NULL, "", "STRICT", COLUMNS(event_columns),
                      sizeof(struct store_event)},
    [TABLE_SUBSCRIPTIONS] = {"subscriptions", "uuid", "", "STRICT",
                             COLUMNS(subscription_columns),
                             sizeof(struct store_subscription)},
    [TABLE_USERS] = {"users", "name", "", "STRICT", COLUMNS(user_columns),
                     sizeof(struct store_user)},
};

void table_add_columns(const struct table *table, const char *prefix,
                       struct text_builder *sql)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        text_add_format(sql, "%s%s.%s", i > 0 ? ", " : "", prefix,
                        table->columns[i].name);
}

static int bind_text(sqlite3_stmt *statement, int parameter, struct text text)
{
    return text.data == NULL ? sqlite3_bind_null(statement, parameter)
                             : sqlite3_bind_text64(statement, parameter,
                                                   text.data, text.size_bytes,
                                                   SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *statement, int parameter, struct text text)
{
    return text.data == NULL
               ? sqlite3_bind_null(statement, parameter)
               : sqlite3_bind_blob64(statement, parameter, text.data,
                                     text.size_bytes, SQLITE_STATIC);
}

int table_bind_uuid(sqlite3_stmt *statement, int parameter, struct uuid uuid)
{
    char text[UUID_TEXT_BYTES + 1];

    if (uuid_is_zero(uuid))
        return sqlite3_bind_null(statement, parameter);
    uuid_format(uuid, text);
    return sqlite3_bind_text(statement, parameter, text, UUID_TEXT_BYTES,
                             SQLITE_TRANSIENT);
}

static int bind_column(const struct column *column, sqlite3_stmt *statement,
                       int parameter, const void *row, uint64_t change)
{
    const char *field = (const char *)row + column->offset;

    switch (column->kind) {
    case COLUMN_CHANGE:
        return sqlite3_bind_int64(statement, parameter, (int64_t)change);
    case COLUMN_UUID:
        return table_bind_uuid(statement, parameter,
                               *(const struct uuid *)field);
    case COLUMN_TEXT:
        return bind_text(statement, parameter, *(const struct text *)field);
    case COLUMN_BLOB:
        return bind_blob(statement, parameter, *(const struct text *)field);
    case COLUMN_NUMBER:
    case COLUMN_U64:
        return sqlite3_bind_int64(statement, parameter,
                                  (int64_t) * (const uint64_t *)field);
    case COLUMN_U32:
        return sqlite3_bind_int64(statement, parameter,
                                  *(const uint32_t *)field);
    case COLUMN_I32:
        return sqlite3_bind_int(statement, parameter, *(const int32_t *)field);
    case COLUMN_TIME:
        if (*(const int64_t *)field == 0)
            return sqlite3_bind_null(statement, parameter);
        return sqlite3_bind_int64(statement, parameter,
                                  *(const int64_t *)field);
    case COLUMN_BOOL:
        return sqlite3_bind_int(statement, parameter, *(const bool *)field);
    case COLUMN_WORD:
        CHECK(*(const uint32_t *)field < column->word_count);
        return sqlite3_bind_text(statement, parameter,
                                 column->words[*(const uint32_t *)field], -1,
                                 SQLITE_STATIC);
    case COLUMN_ID:
        break;
    }
    NEVER("an ID has no parameter");
}

int table_bind(const struct table *table, sqlite3_stmt *statement,
               const void *row, uint64_t change)
{
    int parameter = 0;
    int code = SQLITE_OK;

    for (uint32_t i = 0; i < table->column_count && code == SQLITE_OK; i++) {
        if (table->columns[i].kind != COLUMN_ID)
            code = bind_column(&table->columns[i], statement, ++parameter, row,
                               change);
    }
    return code;
}

/* Texts and blobs alike; SQLite gives a NULL pointer for an empty blob. */
static int read_text(sqlite3_stmt *statement, int place, struct text *text,
                     struct arena *texts)
{
    if (sqlite3_column_type(statement, place) == SQLITE_NULL) {
        *text = TEXT_ABSENT;
        return 0;
    }
    const char *data = sqlite3_column_blob(statement, place);
    int size = sqlite3_column_bytes(statement, place);

    *text = text_copy(texts, data != NULL ? text_from(data, (size_t)size)
                                          : text_of(""));
    return text->data != NULL ? 0 : -ENOMEM;
}

static int read_uuid(sqlite3_stmt *statement, int place, struct uuid *uuid)
{
    if (sqlite3_column_type(statement, place) == SQLITE_NULL) {
        *uuid = (struct uuid){{0}};
        return 0;
    }
    const char *data = (const char *)sqlite3_column_text(statement, place);
    int size = sqlite3_column_bytes(statement, place);

    if (data == NULL)
        return -ENOMEM;
    return uuid_parse(text_from(data, (size_t)size), uuid) ? 0 : -EIO;
}

static int read_word(const struct column *column, sqlite3_stmt *statement,
                     int place, uint32_t *value)
{
    const char *word = (const char *)sqlite3_column_text(statement, place);

    for (uint32_t i = 0; word != NULL && i < column->word_count; i++) {
        if (strcmp(word, column->words[i]) == 0) {
            *value = i;
            return 0;
        }
    }
    return -EIO;
}

static int read_column(const struct column *column, sqlite3_stmt *statement,
                       int place, void *row, struct arena *texts)
{
    char *field = (char *)row + column->offset;
    int64_t number;

    switch (column->kind) {
    case COLUMN_UUID:
        return read_uuid(statement, place, (struct uuid *)field);
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        return read_text(statement, place, (struct text *)field, texts);
    case COLUMN_WORD:
        return read_word(column, statement, place, (uint32_t *)field);
    case COLUMN_ID:
    case COLUMN_NUMBER:
    case COLUMN_CHANGE:
    case COLUMN_U64:
        *(uint64_t *)field = (uint64_t)sqlite3_column_int64(statement, place);
        return 0;
    case COLUMN_U32:
        number = sqlite3_column_int64(statement, place);
        *(uint32_t *)field = (uint32_t)number;
        return number >= 0 && number <= UINT32_MAX ? 0 : -EIO;
    case COLUMN_I32:
        *(int32_t *)field = sqlite3_column_int(statement, place);
        return 0;
    case COLUMN_TIME:
        *(int64_t *)field = sqlite3_column_int64(statement, place);
        return 0;
    case COLUMN_BOOL:
        *(bool *)field = sqlite3_column_int(statement, place) != 0;
        return 0;
    }
    NEVER("a kind of column that is not in the table");
}

int table_read(const struct table *table, sqlite3_stmt *statement, void *row,
               struct arena *texts)
{
    int ret = 0;

    for (uint32_t i = 0; i < table->column_count && ret == 0; i++)
        ret = read_column(&table->columns[i], statement, (int)i, row, texts);
    return ret;
}

void *table_copy_row(const struct table *table, const void *row,
                     struct arena *arena)
{
    char *copy = arena_take(arena, table->row_bytes);

    if (copy == NULL)
        return NULL;
    memcpy(copy, row, table->row_bytes);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        if (column->kind != COLUMN_TEXT && column->kind != COLUMN_BLOB)
            continue;
        struct text *text = (struct text *)(copy + column->offset);
        bool absent = text->data == NULL;
        *text = text_copy(arena, *text);
        if (text->data == NULL && !absent)
            return NULL;
    }
    return copy;
}
