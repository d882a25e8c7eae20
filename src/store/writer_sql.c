/* The writer's statements, and the changes that they carry out. */
#include <errno.h>

#include "base/limits.h"
#include "store/schema.h"
#include "store/writer.h"

#define JOB_IS_OVER                                                   \
    " AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.uuid = s.job_uuid" \
    " AND j.ended_us IS NULL)"

static const char *const texts[WRITER_SQL_COUNT] = {
    [WRITER_REMOVE_SUBSCRIPTION] = "DELETE FROM subscriptions WHERE uuid = ?1",
    [WRITER_REMOVE_USER] = "DELETE FROM users WHERE name = ?1",
    [WRITER_SET_CURSOR] =
        "UPDATE subscriptions SET cursor = ?2 WHERE uuid = ?1",
    /* Each gets a number of its own: pages by `changed` end between rows.  The
     * second condition names the index that has what is not completed. */
    [WRITER_END_FILES] =
        "UPDATE files SET state = 'error', error_code = ?2, error_text = ?3,"
        " end_us = ?4, elapsed_us = max(?4 - coalesce(files.start_us, ?4), 0),"
        " changed = ?5 + r.number"
        " FROM (SELECT local_id, row_number() OVER (ORDER BY local_id) AS "
        "number"
        " FROM files WHERE session_uuid = ?1 AND state <> 'completed'"
        " AND state = 'running') r"
        " WHERE files.session_uuid = ?1 AND files.local_id = r.local_id",
    /* In all purges ?1 is the time and ?2 the most rows.  What a job has
     * behind it stays while the job goes on: it may wait for longer.  Files and
     * sessions go in the same order, so that no purge has to search through
     * all sessions for one that has no files any more. */
    [WRITER_PURGE_FILES] =
        "DELETE FROM files WHERE (session_uuid, local_id) IN ("
        "SELECT f.session_uuid, f.local_id FROM sessions s"
        " CROSS JOIN files f ON f.session_uuid = s.uuid"
        " WHERE s.end_us < ?1" JOB_IS_OVER " ORDER BY s.end_us, s.id LIMIT ?2)",
    [WRITER_PURGE_SESSIONS] =
        "DELETE FROM sessions WHERE id IN ("
        "SELECT o.id FROM (SELECT s.id, s.uuid FROM sessions s"
        " WHERE s.end_us < ?1" JOB_IS_OVER
        " ORDER BY s.end_us, s.id LIMIT ?2) o WHERE NOT EXISTS ("
        "SELECT 1 FROM files f WHERE f.session_uuid = o.uuid))",
    [WRITER_PURGE_JOBS] =
        "DELETE FROM jobs WHERE id IN ("
        "SELECT j.id FROM jobs j WHERE j.ended_us < ?1 AND NOT EXISTS ("
        "SELECT 1 FROM sessions s WHERE s.job_uuid = j.uuid) LIMIT ?2)",
    /* Time grows with Sequence, so to look at the lowest is enough; there is
     * no index by time that each event would have to pay for. */
    [WRITER_PURGE_EVENTS] =
        "DELETE FROM events WHERE time_us < ?1 AND sequence IN ("
        "SELECT sequence FROM events WHERE sequence <= ?3"
        " ORDER BY sequence LIMIT ?2)",
    [WRITER_SET_CHANGE] =
        "UPDATE meta SET value = ?1 WHERE name = 'last_change'",
    /* Takes the writer's place at once: a transaction that reads first and
     * then finds another writer could only be given up. */
    [WRITER_BEGIN] = "BEGIN IMMEDIATE",
    [WRITER_COMMIT] = "COMMIT",
    [WRITER_ROLLBACK] = "ROLLBACK",
};

static int prepare(struct writer *writer, struct text sql,
                   sqlite3_stmt **statement)
{
    int code = sqlite3_prepare_v3(writer->database.handle, sql.data,
                                  (int)sql.size_bytes,
                                  SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return database_error(&writer->database, code);
}

static int prepare_put(struct writer *writer, enum table_id table)
{
    struct text_builder sql = {0};

    if (tables[table].key != NULL)
        schema_add_put(&tables[table], &sql);
    else
        schema_add_insert(&tables[table], &sql);
    int ret = sql.failed
                  ? -ENOMEM
                  : prepare(writer, text_built(&sql), &writer->puts[table]);
    text_builder_free(&sql);
    return ret;
}

int writer_prepare(struct writer *writer)
{
    int ret = 0;

    for (uint32_t i = 0; i < TABLE_COUNT && ret == 0; i++)
        ret = prepare_put(writer, (enum table_id)i);
    for (uint32_t i = 0; i < WRITER_SQL_COUNT && ret == 0; i++)
        ret = prepare(writer, text_of(texts[i]), &writer->statements[i]);
    return ret;
}

void writer_finalize(struct writer *writer)
{
    for (uint32_t i = 0; i < TABLE_COUNT; i++)
        sqlite3_finalize(writer->puts[i]);
    for (uint32_t i = 0; i < WRITER_SQL_COUNT; i++)
        sqlite3_finalize(writer->statements[i]);
}

/* Runs a statement that is bound, and frees it for the next time. */
static int run(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    CHECK(code != SQLITE_ROW);
    if (code == SQLITE_DONE)
        code = SQLITE_OK;
    (void)sqlite3_reset(statement);
    return code;
}

int writer_step(struct writer *writer, enum writer_sql sql)
{
    return run(writer->statements[sql]);
}

int writer_store_change(struct writer *writer)
{
    sqlite3_stmt *statement = writer->statements[WRITER_SET_CHANGE];
    int code = sqlite3_bind_int64(statement, 1, (int64_t)writer->change);

    return code == SQLITE_OK ? run(statement) : code;
}

static int put(struct writer *writer, enum table_id table, const void *row)
{
    sqlite3_stmt *statement = writer->puts[table];
    int code = table_bind(&tables[table], statement, row, writer->change);

    return code == SQLITE_OK ? run(statement) : code;
}

/* A number is above all earlier ones, or the order is lost. */
static int add_event(struct writer *writer, const struct store_event *event)
{
    if (event->sequence <= writer->sequence)
        return SQLITE_CONSTRAINT;
    int code = put(writer, TABLE_EVENTS, event);
    if (code == SQLITE_OK)
        writer->sequence = event->sequence;
    return code;
}

static int remove_user(struct writer *writer, struct text name)
{
    sqlite3_stmt *statement = writer->statements[WRITER_REMOVE_USER];
    int code = sqlite3_bind_text64(statement, 1, name.data, name.size_bytes,
                                   SQLITE_STATIC, SQLITE_UTF8);

    return code == SQLITE_OK ? run(statement) : code;
}

static int remove_subscription(struct writer *writer, struct uuid uuid)
{
    sqlite3_stmt *statement = writer->statements[WRITER_REMOVE_SUBSCRIPTION];
    int code = table_bind_uuid(statement, 1, uuid);

    return code == SQLITE_OK ? run(statement) : code;
}

static int set_cursor(struct writer *writer, struct uuid uuid, uint64_t cursor)
{
    sqlite3_stmt *statement = writer->statements[WRITER_SET_CURSOR];
    int code = table_bind_uuid(statement, 1, uuid);

    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 2, (int64_t)cursor);
    return code == SQLITE_OK ? run(statement) : code;
}

/* What was on its way in a session that has failed has failed with it. */
static int end_files(struct writer *writer, const struct store_session *session)
{
    sqlite3_stmt *statement = writer->statements[WRITER_END_FILES];
    int code = table_bind_uuid(statement, 1, session->uuid);

    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 2, session->error_code);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text64(statement, 3, session->error_text.data,
                                   session->error_text.size_bytes,
                                   SQLITE_STATIC, SQLITE_UTF8);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 4, session->end_us);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 5, (int64_t)writer->change);
    if (code == SQLITE_OK)
        code = run(statement);
    if (code == SQLITE_OK)
        writer->change += (uint64_t)sqlite3_changes(writer->database.handle);
    return code;
}

static int put_row(struct writer *writer, enum table_id table, const void *row)
{
    const struct store_session *session = row;

    writer->change++;
    int code = put(writer, table, row);
    if (code == SQLITE_OK && table == TABLE_SESSIONS && session->end_us != 0 &&
        session->error_code != 0)
        code = end_files(writer, session);
    return code;
}

static int purge(struct writer *writer, const struct store_purge *purge,
                 uint32_t *removed_count)
{
    bool has_more = false;
    /* UINT64_MAX when nobody holds any back; the engine's integers are signed. */
    int64_t sequence_max = purge->events_sequence_max < INT64_MAX
                               ? (int64_t)purge->events_sequence_max
                               : INT64_MAX;

    for (uint32_t i = WRITER_PURGE_FILES; i <= WRITER_PURGE_EVENTS; i++) {
        sqlite3_stmt *statement = writer->statements[i];
        /* It would look at all jobs that still have sessions. */
        if (i == WRITER_PURGE_JOBS && has_more)
            continue;
        int64_t before_us = i == WRITER_PURGE_EVENTS ? purge->events_before_us
                                                     : purge->history_before_us;
        int code = sqlite3_bind_int64(statement, 1, before_us);
        if (code == SQLITE_OK)
            code = sqlite3_bind_int64(statement, 2, LIMIT_STORE_PURGE_ROWS);
        if (code == SQLITE_OK && i == WRITER_PURGE_EVENTS)
            code = sqlite3_bind_int64(statement, 3, sequence_max);
        if (code == SQLITE_OK)
            code = run(statement);
        if (code != SQLITE_OK)
            return code;
        uint32_t count = (uint32_t)sqlite3_changes(writer->database.handle);
        has_more |= count == LIMIT_STORE_PURGE_ROWS;
        *removed_count += count;
    }
    return SQLITE_OK;
}

static int apply(struct writer *writer, const struct change *change,
                 uint32_t *removed_count)
{
    switch (change->kind) {
    case CHANGE_PUT:
        return put_row(writer, change->table, change->row);
    case CHANGE_ADD_EVENT:
        return add_event(writer, change->row);
    case CHANGE_REMOVE_SUBSCRIPTION:
        return remove_subscription(writer, change->uuid);
    case CHANGE_REMOVE_USER:
        return remove_user(writer, change->name);
    case CHANGE_SET_CURSOR:
        return set_cursor(writer, change->uuid, change->cursor);
    case CHANGE_PURGE:
        return purge(writer, &change->purge, removed_count);
    }
    NEVER("a kind of change that is not in the table");
}

int writer_apply(struct writer *writer, struct store_batch *batch)
{
    batch->removed_count = 0;
    for (struct change *change = batch->first; change; change = change->next) {
        int code = apply(writer, change, &batch->removed_count);
        if (code != SQLITE_OK)
            return code;
    }
    return SQLITE_OK;
}
