#include "store/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define ROOM_FIRST 4u

/* A place for one more row; NULL when memory is used up. */
static void *add_row(const struct table *table, struct query *query)
{
    struct store_rows *rows = query->rows;
    uint32_t *room = &query->room;

    if (rows->count == *room) {
        uint32_t more = *room != 0 ? *room * 2 : ROOM_FIRST;
        void *memory = realloc(rows->memory, (size_t)more * table->row_bytes);
        if (memory == NULL)
            return NULL;
        rows->memory = memory;
        *room = more;
    }
    return (char *)rows->memory + (size_t)rows->count * table->row_bytes;
}

/* Where the page after the current row starts. */
static void note_position(const struct query *query, const void *row)
{
    struct store_position *next = &query->rows->next;
    const struct store_session *session = row;
    const struct store_file *file = row;

    if (query->table == TABLE_SESSIONS) {
        if (query->order_kind == STORE_BY_AGE)
            next->session_id = session->id;
        else
            next->changed = session->changed;
    } else if (query->table == TABLE_FILES) {
        if (query->order_kind == STORE_BY_AGE)
            next->local_id = file->local_id;
        else
            next->changed = file->changed;
    }
}

int reader_take_rows(struct reader *reader, struct query *query,
                     sqlite3_stmt *statement, uint32_t most)
{
    const struct table *table = &tables[query->table];
    struct store_rows *rows = query->rows;
    uint32_t end = rows->count + most;
    int code = SQLITE_ROW;

    while (rows->count < end && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        void *row = add_row(table, query);
        if (row == NULL)
            return -ENOMEM;
        int ret = table_read(table, statement, row, &rows->texts);
        if (ret != 0)
            return ret;
        rows->count++;
        note_position(query, row);
        if (query->bytes_max > 0 &&
            rows->texts.taken_bytes >= query->bytes_max)
            return 0;
    }
    return database_error(&reader->database, code);
}

/* SELECT of the rows of one page. */
static int select_page(struct reader *reader, struct query *query)
{
    struct text_builder *sql = &reader->sql;
    sqlite3_stmt *statement;
    int next;

    text_builder_reset(sql);
    text_add_string(sql, "SELECT ");
    table_add_columns(&tables[query->table], query->prefix, sql);
    text_add_format(sql, " FROM %s", query->from);
    conditions_write(&query->conditions, sql);
    if (query->order != NULL)
        text_add_format(sql, " ORDER BY %s", query->order);
    text_add_string(sql, " LIMIT ?");
    if (sql->failed)
        return -ENOMEM;

    int ret = database_prepare(&reader->database, text_built(sql), &statement);
    if (ret != 0)
        return ret;
    int code = conditions_bind(&query->conditions, statement, &next);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, next, query->limit);
    ret = code == SQLITE_OK ? reader_take_rows(reader, query, statement, query->limit)
                            : database_error(&reader->database, code);
    database_reset(statement);
    return ret;
}

/* How many rows there are from the page on. */
static int count_rows(struct reader *reader, struct query *query,
                      uint64_t *count)
{
    struct text_builder *sql = &reader->sql;
    sqlite3_stmt *statement;
    int next;

    text_builder_reset(sql);
    if (query->count_max > 0)
        text_add_format(sql, "SELECT count(*) FROM (SELECT 1 FROM %s",
                        query->from);
    else
        text_add_format(sql, "SELECT count(*) FROM %s", query->count_from);
    conditions_write(&query->conditions, sql);
    if (query->count_max > 0)
        text_add_format(sql, " LIMIT %u)", query->count_max);
    if (sql->failed)
        return -ENOMEM;

    int ret = database_prepare(&reader->database, text_built(sql), &statement);
    if (ret != 0)
        return ret;
    int code = conditions_bind(&query->conditions, statement, &next);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *count = (uint64_t)sqlite3_column_int64(statement, 0);
    database_reset(statement);
    return database_error(&reader->database, code);
}

/* Everything that the answer says, inside one transaction. */
static int answer_inside(struct reader *reader, struct query *query)
{
    struct store_rows *rows = query->rows;
    uint64_t count = 0;
    int ret;

    if (query->count_max > 0)
        return count_rows(reader, query, &rows->remaining);
    if (query->table == TABLE_FILES && query->order_kind == STORE_BY_AGE)
        ret = reader_answer_files(reader, query);
    else
        ret = select_page(reader, query);
    if (ret == 0 && query->count_from != NULL && rows->count == query->limit) {
        ret = count_rows(reader, query, &count);
        rows->remaining = count - rows->count;
    }
    if (ret == 0 && query->table != TABLE_EVENTS)
        ret = database_number(
            &reader->database,
            "SELECT value FROM meta WHERE name = 'last_change'", &rows->change);
    if (ret == 0 && query->table == TABLE_EVENTS)
        ret = database_number(
            &reader->database,
            "SELECT seq FROM sqlite_sequence WHERE name = 'events'",
            &rows->sequence);
    if (ret == 0 && query->table == TABLE_EVENTS)
        ret = database_number(&reader->database,
                              "SELECT min(sequence) FROM events",
                              &rows->first_sequence);
    if (rows->first_sequence == 0)
        rows->first_sequence = rows->sequence + 1;
    return ret;
}

static int answer(struct reader *reader, struct query *query)
{
    uint64_t nothing;

    const struct conditions *parts[] = {&query->conditions, &query->of_files,
                                        &query->all_files};
    for (uint32_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i]->result != 0)
            return parts[i]->result;
    int ret = database_number(&reader->database, "BEGIN", &nothing);
    if (ret != 0)
        return ret;
    ret = answer_inside(reader, query);
    int end = database_number(&reader->database, "COMMIT", &nothing);
    return ret != 0 ? ret : end;
}

void store_reader_run(struct lane *lane, struct lane_list *items)
{
    struct reader *reader = OWNER_OF(lane, struct reader, lane);
    struct lane_item *item;

    while ((item = lane_list_take(items)) != NULL) {
        struct query *query = OWNER_OF(item, struct query, item);
        struct store_rows *rows = query->rows;
        struct lane_list one = {0};

        rows->next = query->position;
        rows->result = answer(reader, query);
        if (rows->result != 0) {
            rows->count = 0;
            rows->remaining = 0;
            rows->next = query->position;
        }
        if (rows->result == -EIO)
            LOG(store_read_failed, rows->result,
                sqlite3_errmsg(reader->database.handle));
        rows->jobs = rows->memory;
        lane_list_add(&one, item);
        lane_give_back(lane, &one);
    }
}

int store_reader_open(struct reader *reader, const char *path,
                char message[STORE_MESSAGE_BYTES])
{
    *reader = (struct reader){0};
    return database_open(&reader->database, path, DATABASE_READ, message);
}

void store_reader_close(struct reader *reader)
{
    text_builder_free(&reader->sql);
    database_close(&reader->database);
}
