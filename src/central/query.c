#include "central/query.h"

#include <errno.h>

#include "base/check.h"
#include "base/clock.h"
#include "central/context.h"
#include "central/filter.h"

/* The query's own memory goes with the call that done() answers. */
static void finish(struct query *query, enum query_result result)
{
    struct store_rows *session_rows = query->session_rows;
    struct store_rows *file_rows = query->file_rows;

    query->done(query, result);
    if (session_rows != NULL)
        store_rows_free(session_rows);
    if (file_rows != NULL)
        store_rows_free(file_rows);
}

static enum query_result failure_of(int result)
{
    if (result == -ETIME)
        return QUERY_TOO_COSTLY;
    return result == -E2BIG ? QUERY_TOO_MANY : QUERY_FAILED;
}

static bool wants_files(const struct query *query)
{
    return query->kind != TOKEN_OF_SESSIONS;
}

static uint32_t room(const struct query *query)
{
    return query->limit - query->session_count - query->file_count;
}

/* ---- files ---- */

/* A file that is on its way was stored when it began: lays over it what is
 * known now.  `session` is that of the file before. */
static struct session *lay_over_file(const struct query *query,
                                     struct session *session,
                                     struct transfer_stats *stats,
                                     struct store_file *row)
{
    const struct transfer_file *file = &stats->file;

    if (session == NULL || !uuid_equal(session->uuid, row->session_uuid)) {
        session = sessions_find(&query->central->sessions, row->session_uuid);
        if (session == NULL || session->transfer == NULL)
            return NULL;
        transfer_stats(session->transfer, stats);
    }
    int64_t now_us = stats->end_us != 0 ? stats->end_us : clock_wall_us();
    if (now_us > row->start_us)
        row->elapsed_us = (uint64_t)(now_us - row->start_us);
    if (file->local_id == row->local_id && !text_is_absent(file->path) &&
        file->state == TRANSFER_FILE_RUNNING) {
        row->written_bytes = file->bytes_written;
        row->contiguous_bytes = file->bytes_contiguous;
        row->lost_bytes = file->bytes_lost;
    }
    return session;
}

static bool copy_files(struct query *query)
{
    const struct store_rows *rows = query->file_rows;
    struct store_file *files =
        arena_take(query->arena, (rows->count + 1) * sizeof *files);
    struct session *session = NULL;
    struct transfer_stats stats;

    if (files == NULL)
        return false;
    for (uint32_t i = 0; i < rows->count; i++) {
        files[i] = rows->files[i];
        if (files[i].state == STORE_FILE_RUNNING)
            session = lay_over_file(query, session, &stats, &files[i]);
    }
    query->files = files;
    query->file_count = rows->count;
    return true;
}

static void take_files(struct query *query)
{
    const struct store_rows *rows = query->file_rows;
    struct token *token = &query->token;

    query->remaining += rows->remaining;
    if (query->tells_changes) {
        token->file_changed =
            rows->remaining > 0 ? rows->next.changed : rows->change;
        return;
    }
    if (query->is_first && query->kind == TOKEN_OF_FILES) {
        token->session_changed = rows->change;
        token->file_changed = rows->change;
    }
    if (rows->remaining > 0) {
        token->session_id = rows->next.session_id;
        token->local_id = rows->next.local_id;
    } else {
        token->stage = TOKEN_CHANGES;
        token->session_id = 0;
        token->local_id = 0;
    }
}

static void files_done(void *user, struct store_rows *rows)
{
    struct query *query = user;

    query->file_rows = rows;
    if (rows->result < 0) {
        finish(query, failure_of(rows->result));
        return;
    }
    if (!copy_files(query)) {
        finish(query, QUERY_FAILED);
        return;
    }
    take_files(query);
    finish(query, QUERY_GOOD);
}

/* There was no room left for files, but the caller is told how many wait. */
static void files_counted(void *user, struct store_rows *rows)
{
    struct query *query = user;

    query->file_rows = rows;
    if (rows->result < 0) {
        finish(query, failure_of(rows->result));
        return;
    }
    query->remaining += rows->count + rows->remaining;
    finish(query, QUERY_GOOD);
}

static void ask_for_files(struct query *query)
{
    struct store *store = query->central->store;
    enum store_order order =
        query->tells_changes ? STORE_BY_CHANGE : STORE_BY_AGE;
    struct store_position from = {0};

    if (query->tells_changes) {
        from.changed = query->token.file_changed;
    } else if (query->token.stage == TOKEN_FILES) {
        from.session_id = query->token.session_id;
        from.local_id = query->token.local_id;
    }
    if (room(query) > 0)
        store_query_files(store, &query->filter, order, from, room(query),
                          query, files_done);
    else
        store_query_files(store, &query->filter, order, from, 1, query,
                          files_counted);
}

/* ---- sessions ---- */

/* Lays live counters over a stored row, if that row is what we show.  One that
 * has ended keeps its last counters here until its end is durable. */
static void lay_over(struct query *query, struct store_session *row)
{
    struct session *session =
        sessions_find(&query->central->sessions, row->uuid);
    struct store_session view;

    if (session != NULL && session_state_is_active(row->state) &&
        session_view(session, query->arena, &view) && view.state == row->state)
        *row = view;
}

static bool take_sessions(struct query *query)
{
    const struct store_rows *rows = query->session_rows;
    struct token *token = &query->token;

    query->sessions =
        arena_take(query->arena, (rows->count + 1) * sizeof *query->sessions);
    if (query->sessions == NULL)
        return false;
    for (uint32_t i = 0; i < rows->count; i++) {
        query->sessions[i] = rows->sessions[i];
        lay_over(query, &query->sessions[i]);
    }
    query->session_count = rows->count;
    query->remaining += rows->remaining;
    if (query->tells_changes) {
        token->session_changed =
            rows->remaining > 0 ? rows->next.changed : rows->change;
        return true;
    }
    if (query->is_first) {
        token->session_changed = rows->change;
        token->file_changed = rows->change;
    }
    if (rows->remaining > 0) {
        token->session_id = rows->next.session_id;
    } else {
        token->stage = wants_files(query) ? TOKEN_FILES : TOKEN_CHANGES;
        token->session_id = 0;
    }
    return true;
}

/* The files' turn, or the end. */
static void after_sessions(struct query *query)
{
    if (wants_files(query))
        ask_for_files(query);
    else
        finish(query, QUERY_GOOD);
}

static void sessions_done(void *user, struct store_rows *rows)
{
    struct query *query = user;

    query->session_rows = rows;
    if (rows->result < 0)
        finish(query, failure_of(rows->result));
    else if (!take_sessions(query))
        finish(query, QUERY_FAILED);
    else
        after_sessions(query);
}

static void ask_for_sessions(struct query *query)
{
    struct store_position from = {0};

    if (query->tells_changes)
        from.changed = query->token.session_changed;
    else
        from.session_id = query->token.session_id;
    store_query_sessions(query->central->store, &query->filter.session,
                         query->tells_changes ? STORE_BY_CHANGE : STORE_BY_AGE,
                         from, query->limit, query, sessions_done);
}

/* ---- sessions that are named, from memory ---- */

static bool is_newest(const struct session *session)
{
    return !session->superseded;
}

/* The session of an id in memory; `*unknown` if only the store can tell. */
static struct session *named_session(const struct central *central,
                                     struct text id, bool is_job, bool *unknown)
{
    struct session *session = NULL;
    struct uuid uuid;

    if (!uuid_parse(id, &uuid))
        return NULL; /* nothing has such an id */
    if (is_job) {
        struct job *job = jobs_find(&central->jobs, uuid);
        /* Only the newest of its sessions is found by the job. */
        session = job == NULL || job->retry_count > 0 ? NULL : job->session;
    } else {
        session = sessions_find(&central->sessions, uuid);
    }
    *unknown |= session == NULL || session->shown == NULL;
    return session;
}

/* Newest first; a session that was named twice is there once. */
static void insert_by_age(struct query *query, struct session **found,
                          struct session *session)
{
    uint32_t place = 0;

    while (place < query->session_count &&
           found[place]->number > session->number)
        place++;
    if (place < query->session_count && found[place] == session)
        return;
    for (uint32_t i = query->session_count; i > place; i--)
        found[i] = found[i - 1];
    found[place] = session;
    query->session_count++;
}

/* False when the store has to be asked. */
static bool answer_from_memory(struct query *query)
{
    const struct store_session_filter *filter = &query->filter.session;
    bool by_job = filter->session_uuids.count == 0;
    const struct store_texts *ids =
        by_job ? &filter->job_uuids : &filter->session_uuids;
    bool unknown = false;

    if (!query->is_first || ids->count == 0 || ids->count > query->limit ||
        !text_is_absent(filter->cookie_pattern))
        return false;
    struct session **found =
        arena_take(query->arena, ids->count * sizeof(struct session *));
    query->sessions =
        arena_take(query->arena, ids->count * sizeof *query->sessions);
    if (found == NULL || query->sessions == NULL)
        return false;

    for (uint32_t i = 0; i < ids->count && !unknown; i++) {
        struct session *session =
            named_session(query->central, ids->values[i], by_job, &unknown);
        if (session != NULL && !unknown)
            insert_by_age(query, found, session);
    }
    uint32_t count = query->session_count;
    query->session_count = 0;
    if (unknown)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct store_session *view = &query->sessions[query->session_count];
        session_view(found[i], query->arena, view);
        if (filter_matches(filter, view, is_newest(found[i])))
            query->session_count++;
    }
    query->token.session_changed = store_last_change(query->central->store);
    query->token.file_changed = query->token.session_changed;
    query->token.stage = wants_files(query) ? TOKEN_FILES : TOKEN_CHANGES;
    return true;
}

/* ---- start ---- */

static bool read_token(struct query *query)
{
    uint64_t hash = filter_hash(&query->filter);

    query->is_first = true;
    query->token = (struct token){
        .kind = query->kind,
        .stage = query->kind == TOKEN_OF_FILES ? TOKEN_FILES : TOKEN_SESSIONS,
        .filter_hash = hash,
    };
    if (query->token_given.size_bytes == 0)
        return true;
    query->is_first = false;
    if (token_asks_for_now(query->token_given)) {
        query->token.stage = TOKEN_CHANGES;
        query->token.session_changed = store_last_change(query->central->store);
        query->token.file_changed = query->token.session_changed;
    } else if (!token_parse(query->token_given, &query->token) ||
               query->token.kind != query->kind ||
               query->token.filter_hash != hash) {
        return false;
    }
    query->tells_changes = query->token.stage == TOKEN_CHANGES;
    return true;
}

void query_start(struct query *query)
{
    CHECK(query->limit >= 1 && query->limit <= STORE_PAGE_ROWS_MAX);

    if (!read_token(query)) {
        finish(query, QUERY_FILTER_CHANGED);
        return;
    }
    if (query->token.stage == TOKEN_FILES)
        ask_for_files(query);
    else if (query->tells_changes && query->kind == TOKEN_OF_FILES)
        ask_for_files(query);
    else if (answer_from_memory(query))
        after_sessions(query);
    else
        ask_for_sessions(query);
}
