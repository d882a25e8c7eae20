#include "store/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/internal.h"

void store_rows_free(struct store_rows *rows)
{
    arena_free(&rows->texts);
    free(rows->memory);
    free(rows);
}

/* What turned out to take long goes to where that is no trouble. */
static void move(struct lane *lane, struct query *query)
{
    struct reader *reader = OWNER_OF(lane, struct reader, lane);
    struct store *store = OWNER_OF(reader, struct store, reader);

    arena_reset(&query->rows->texts);
    query->is_long = true;
    lane_put(&store->long_reader.lane, &query->item);
}

void query_finish(struct lane *lane, struct lane_item *item)
{
    struct query *query = OWNER_OF(item, struct query, item);

    if (query->rows->result == -EAGAIN && !query->is_long) {
        move(lane, query);
        return;
    }
    struct store_rows *rows = query->rows;
    store_rows_fn done = query->done;
    void *user = query->user;

    conditions_free(&query->conditions);
    conditions_free(&query->of_files);
    arena_free(&query->arena);
    free(query);
    done(user, rows);
}

/* A question that has no conditions yet. */
static struct query *query_new(enum table_id table, uint32_t limit, void *user,
                               store_rows_fn done)
{
    struct query *query = calloc(1, sizeof *query);
    struct store_rows *rows = calloc(1, sizeof *rows);

    CHECK(query != NULL && rows != NULL);
    CHECK(limit >= 1 && limit <= STORE_PAGE_ROWS_MAX);
    query->table = table;
    query->limit = limit;
    query->user = user;
    query->done = done;
    query->rows = rows;
    query->conditions.arena = &query->arena;
    query->of_files.arena = &query->arena;
    query->all_files.arena = &query->arena;
    arena_init(&query->arena, LIMIT_STORE_BATCH_BYTES);
    arena_init(&rows->texts, LIMIT_STORE_BATCH_BYTES);
    return query;
}

/* One that is refused still takes its turn: its callback comes as any other. */
static void ask(struct store *store, struct query *query)
{
    struct lane *lane =
        query->is_long ? &store->long_reader.lane : &store->reader.lane;

    CHECK(!store->closing);
    if (lane->waiting_count >= LIMIT_STORE_QUERIES)
        query->conditions.result = -EBUSY;
    lane_put(lane, &query->item);
}

void store_query_sessions(struct store *store,
                          const struct store_session_filter *filter,
                          enum store_order order, struct store_position from,
                          uint32_t limit, void *user, store_rows_fn done)
{
    struct query *query = query_new(TABLE_SESSIONS, limit, user, done);
    struct conditions *conditions = &query->conditions;

    query->prefix = "s";
    query->from = "sessions s";
    query->count_from = query->from;
    query->order_kind = order;
    query->position = from;
    if (order == STORE_BY_CHANGE) {
        query->order = "s.changed";
        conditions_add(conditions, "s.changed > ?", &from.changed, 1);
    } else {
        query->order = "s.id DESC";
        if (from.session_id != 0)
            conditions_add(conditions, "s.id < ?", &from.session_id, 1);
    }
    conditions_add_session_filter(conditions, filter);
    query->is_long = !text_is_absent(filter->cookie_pattern);
    ask(store, query);
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* Each once, ascending: so they can be counted without being looked up. */
static void keep_numbers(struct query *query,
                         const struct store_file_filter *filter)
{
    uint32_t count = filter->local_id_count;
    uint32_t kept = 0;

    if (count == 0 || query->of_files.result != 0)
        return;
    uint64_t *numbers = arena_take(&query->arena, count * sizeof *numbers);
    if (numbers == NULL) {
        query->of_files.result = -ENOMEM;
        return;
    }
    memcpy(numbers, filter->local_ids, count * sizeof *numbers);
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    query->numbers = numbers;
    query->number_count = kept;
}

void store_query_files(struct store *store,
                       const struct store_file_filter *filter,
                       enum store_order order, struct store_position from,
                       uint32_t limit, void *user, store_rows_fn done)
{
    struct query *query = query_new(TABLE_FILES, limit, user, done);
    struct conditions *conditions = &query->conditions;
    uint64_t place[2] = {from.session_id, from.local_id};

    query->prefix = "f";
    query->order_kind = order;
    query->position = from;
    query->is_long = !text_is_absent(filter->session.cookie_pattern) ||
                     !text_is_absent(filter->name_pattern) ||
                     filter->paths.count > 0;
    if (order == STORE_BY_CHANGE) {
        /* CROSS JOIN fixes which table is walked: then the order comes from
         * the walk, and a page costs what it holds. */
        query->from =
            "files f CROSS JOIN sessions s ON s.uuid = f.session_uuid";
        query->count_from = query->from;
        query->order = "f.changed";
        conditions_add(conditions, "f.changed > ?", &from.changed, 1);
        (void)conditions_add_file_filter(conditions, conditions, filter);
        query->is_long |= store->change > from.changed &&
                          store->change - from.changed > LIMIT_STORE_QUICK_ROWS;
    } else {
        if (from.session_id != 0) {
            conditions_add(conditions, "s.id <= ?", place, 1);
            conditions_add(&query->all_files, "s.id <> ?", place, 1);
        }
        query->from =
            conditions_add_file_filter(&query->of_files, conditions, filter);
        conditions_add_file_sums(conditions, &query->all_files, filter);
        keep_numbers(query, filter);
        query->file_sum = conditions_file_sum(&query->arena, filter);
    }
    ask(store, query);
}

static struct query *event_query(const struct store_event_filter *filter,
                                 uint32_t limit, void *user, store_rows_fn done)
{
    struct query *query = query_new(TABLE_EVENTS, limit, user, done);

    query->prefix = "e";
    query->from = "events e";
    query->order = "e.sequence";
    query->bytes_max = filter->bytes_max;
    conditions_add_event_filter(&query->conditions, filter);
    return query;
}

void store_query_events(struct store *store,
                        const struct store_event_filter *filter, uint32_t limit,
                        void *user, store_rows_fn done)
{
    ask(store, event_query(filter, limit, user, done));
}

void store_count_events(struct store *store,
                        const struct store_event_filter *filter, uint32_t most,
                        void *user, store_rows_fn done)
{
    struct query *query = event_query(filter, 1, user, done);

    CHECK(most > 0);
    query->count_max = most;
    ask(store, query);
}

void store_query_job(struct store *store, struct uuid uuid, void *user,
                     store_rows_fn done)
{
    struct query *query = query_new(TABLE_JOBS, 1, user, done);

    query->prefix = "j";
    query->from = "jobs j";
    conditions_add_uuid(&query->conditions, "j.uuid", uuid);
    ask(store, query);
}

void store_query_user(struct store *store, struct text name, void *user,
                      store_rows_fn done)
{
    struct query *query = query_new(TABLE_USERS, 1, user, done);

    query->prefix = "u";
    query->from = "users u";
    conditions_add_texts(&query->conditions, "u.name",
                         (struct store_texts){&name, 1});
    ask(store, query);
}
