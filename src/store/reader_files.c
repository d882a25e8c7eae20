/* Files by the age of their sessions: the sessions that may have some, newest
 * first, and of each its files by number until the page is full.  What is left
 * is counted by the sums that each session has, and only where a filter cuts
 * through a session, or numbers are missing in it, are its files looked at. */
#include "store/reader.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"

/* The columns of the sessions' statement. */
enum {
    SESSION_ID,
    SESSION_UUID,
    SESSION_ALL_MATCH,
    SESSION_FILE_SUM, /* of the filter's states */
};

struct walk {
    struct reader *reader;
    struct query *query;
    sqlite3_stmt *sessions;
    sqlite3_stmt *page;  /* of one session */
    sqlite3_stmt *count; /* the same */
    uint64_t looked_at;  /* files, at the most */
};

static int prepare(struct walk *walk, sqlite3_stmt **statement)
{
    struct reader *reader = walk->reader;

    if (reader->sql.failed)
        return -ENOMEM;
    return database_prepare(&reader->database, text_built(&reader->sql),
                            statement);
}

static int prepare_sessions(struct walk *walk)
{
    struct text_builder *sql = &walk->reader->sql;
    const struct query *query = walk->query;
    struct text sum = query->file_sum;
    int next = 1;

    text_builder_reset(sql);
    text_add_string(sql, "SELECT s.id, s.uuid,");
    /* As many files as numbers: all of them are there, from 0. */
    text_add_string(sql, " 1");
    if (query->number_count > 0)
        text_add_format(sql, " AND s.files_numbers_end = %.*s",
                        (int)sum.size_bytes, sum.data);
    conditions_write_behind(&query->all_files, "AND", sql);
    text_add_format(sql, ", %.*s", (int)sum.size_bytes, sum.data);
    text_add_string(sql, " FROM sessions s");
    conditions_write(&query->conditions, sql);
    text_add_format(sql, " %s %.*s > 0 ORDER BY s.id DESC",
                    query->conditions.count == 0 ? "WHERE" : "AND",
                    (int)sum.size_bytes, sum.data);
    int ret = prepare(walk, &walk->sessions);
    if (ret != 0)
        return ret;
    int code = conditions_bind_next(&query->all_files, walk->sessions, &next);
    if (code == SQLITE_OK)
        code = conditions_bind_next(&query->conditions, walk->sessions, &next);
    return database_error(&walk->reader->database, code);
}

/* Parameters 1 to 3 are the session's uuid, the number behind which to start,
 * and how many. */
static int prepare_files(struct walk *walk, const char *what,
                         sqlite3_stmt **statement)
{
    struct text_builder *sql = &walk->reader->sql;
    const struct query *query = walk->query;
    int next = 4;

    text_builder_reset(sql);
    text_add_string(sql, "SELECT ");
    if (what == NULL)
        table_add_columns(&tables[TABLE_FILES], "f", sql);
    else
        text_add_string(sql, what);
    text_add_format(sql,
                    " FROM %s WHERE f.session_uuid = ?1"
                    " AND f.local_id > ?2 AND ?3 > 0",
                    query->from);
    /* Each "?" from here on is one above the highest so far. */
    conditions_write_behind(&query->of_files, "AND", sql);
    text_add_string(sql, what == NULL ? " ORDER BY f.local_id LIMIT ?3" : "");
    int ret = prepare(walk, statement);
    if (ret != 0)
        return ret;
    int code = conditions_bind_next(&query->of_files, *statement, &next);
    return database_error(&walk->reader->database, code);
}

static int bind_session(struct walk *walk, sqlite3_stmt *statement,
                        int64_t behind, uint32_t most)
{
    /* The statement of the sessions stays where it is meanwhile. */
    int code = sqlite3_bind_text(
        statement, 1,
        (const char *)sqlite3_column_text(walk->sessions, SESSION_UUID),
        sqlite3_column_bytes(walk->sessions, SESSION_UUID), SQLITE_STATIC);

    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 2, behind);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 3, most);
    return code;
}

/* Adds files of the current session to the page. */
static int take_files(struct walk *walk, int64_t behind)
{
    struct query *query = walk->query;
    struct store_rows *rows = query->rows;
    uint32_t before = rows->count;
    uint32_t most = query->limit - before;
    int code = bind_session(walk, walk->page, behind, most);
    int ret = database_error(&walk->reader->database, code);

    if (ret == 0)
        ret = reader_take_rows(walk->reader, query, walk->page, most);
    database_reset(walk->page);
    if (ret == 0 && rows->count > before)
        rows->next.session_id =
            (uint64_t)sqlite3_column_int64(walk->sessions, SESSION_ID);
    return ret;
}

/* Counts the files of the current session that match. */
static int count_files(struct walk *walk, int64_t behind, uint64_t *count)
{
    int code = bind_session(walk, walk->count, behind, 1);

    if (code == SQLITE_OK)
        code = sqlite3_step(walk->count);
    if (code == SQLITE_ROW)
        *count = (uint64_t)sqlite3_column_int64(walk->count, 0);
    database_reset(walk->count);
    return database_error(&walk->reader->database, code);
}

/* How many of the numbers asked for are in this range, both included. */
static uint64_t count_numbers(const struct query *query, uint64_t first,
                              uint64_t last)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < query->number_count; i++)
        count += query->numbers[i] >= first && query->numbers[i] <= last;
    return count;
}

/* Takes what there is room for and counts the rest of one session. */
static int visit(struct walk *walk)
{
    struct query *query = walk->query;
    struct store_rows *rows = query->rows;
    bool all_match = sqlite3_column_int(walk->sessions, SESSION_ALL_MATCH) != 0;
    uint64_t id = (uint64_t)sqlite3_column_int64(walk->sessions, SESSION_ID);
    uint64_t sum =
        (uint64_t)sqlite3_column_int64(walk->sessions, SESSION_FILE_SUM);
    int64_t behind = id == query->position.session_id
                         ? (int64_t)query->position.local_id
                         : -1;
    uint32_t before = rows->count;
    uint64_t count = 0;
    int ret = 0;

    if (!all_match)
        walk->looked_at += query->number_count > 0 ? query->number_count : sum;
    if (walk->looked_at > LIMIT_STORE_QUICK_ROWS && !query->is_long)
        return -EAGAIN;
    if (rows->count < query->limit && sum > 0)
        ret = take_files(walk, behind);
    if (ret != 0 || rows->count < query->limit)
        return ret; /* all of the session is on the page */
    if (rows->count > before)
        behind = (int64_t)rows->next.local_id;
    if (!all_match)
        ret = count_files(walk, behind, &count);
    else if (query->number_count > 0)
        count = count_numbers(query, (uint64_t)(behind + 1), sum - 1);
    else
        count = sum - (rows->count - before);
    rows->remaining += count;
    return ret;
}

int reader_answer_files(struct reader *reader, struct query *query)
{
    struct walk walk = {.reader = reader, .query = query};
    int code = SQLITE_DONE;

    if (text_is_absent(query->file_sum))
        return -ENOMEM;
    int ret = prepare_files(&walk, NULL, &walk.page);
    if (ret == 0)
        ret = prepare_files(&walk, "count(*)", &walk.count);
    if (ret == 0)
        ret = prepare_sessions(&walk);
    if (ret != 0)
        return ret;
    while (ret == 0 && (code = sqlite3_step(walk.sessions)) == SQLITE_ROW)
        ret = visit(&walk);
    if (ret == 0)
        ret = database_error(&reader->database, code);
    database_reset(walk.sessions);
    return ret;
}
