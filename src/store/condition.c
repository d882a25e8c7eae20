#include "store/condition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "store/database.h"
#include "store/pattern.h"

static void fail(struct conditions *conditions, int result)
{
    if (conditions->result == 0)
        conditions->result = result;
}

/* Counts `count` more values and makes room for them. */
static void *take(struct conditions *conditions, uint32_t count, size_t size)
{
    if (conditions->result != 0)
        return NULL;
    if (count > LIMIT_STORE_FILTER_VALUES - conditions->value_count) {
        fail(conditions, -E2BIG);
        return NULL;
    }
    conditions->value_count += count;
    void *memory = arena_take(conditions->arena, count * size);
    if (memory == NULL)
        fail(conditions, -ENOMEM);
    return memory;
}

static void append(struct conditions *conditions, struct condition condition)
{
    CHECK(conditions->count < CONDITIONS_MAX);
    conditions->all[conditions->count++] = condition;
}

void conditions_add_texts(struct conditions *conditions, const char *column,
                          struct store_texts texts)
{
    if (texts.count == 0)
        return;
    struct text *copies = take(conditions, texts.count, sizeof texts.values[0]);
    if (copies == NULL)
        return;
    for (uint32_t i = 0; i < texts.count; i++) {
        CHECK(!text_is_absent(texts.values[i]));
        copies[i] = text_copy(conditions->arena, texts.values[i]);
        if (text_is_absent(copies[i])) {
            fail(conditions, -ENOMEM);
            return;
        }
    }
    append(conditions, (struct condition){.sql = column,
                                          .is_list = true,
                                          .count = texts.count,
                                          .texts = copies});
}

static void add_numbers(struct conditions *conditions, const char *sql,
                        bool is_list, const uint64_t *numbers, uint32_t count)
{
    uint64_t *copies = NULL;

    if (count > 0) {
        copies = take(conditions, count, sizeof numbers[0]);
        if (copies == NULL)
            return;
        memcpy(copies, numbers, count * sizeof numbers[0]);
    }
    append(conditions, (struct condition){.sql = sql,
                                          .is_list = is_list,
                                          .count = count,
                                          .numbers = copies});
}

void conditions_add_numbers(struct conditions *conditions, const char *column,
                            const uint64_t *numbers, uint32_t count)
{
    if (count > 0)
        add_numbers(conditions, column, true, numbers, count);
}

void conditions_add(struct conditions *conditions, const char *sql,
                    const uint64_t *numbers, uint32_t count)
{
    add_numbers(conditions, sql, false, numbers, count);
}

void conditions_add_pattern(struct conditions *conditions, const char *sql,
                            struct text pattern)
{
    struct pattern_error error;

    if (conditions->result != 0)
        return;
    struct pattern *compiled = pattern_compile(pattern, &error);
    if (compiled == NULL) {
        fail(conditions, -EINVAL);
        return;
    }
    append(conditions,
           (struct condition){.sql = sql, .count = 1, .pattern = compiled});
}

void conditions_free(struct conditions *conditions)
{
    for (uint32_t i = 0; i < conditions->count; i++)
        pattern_free(conditions->all[i].pattern);
}

void conditions_add_uuid(struct conditions *conditions, const char *column,
                         struct uuid uuid)
{
    char text[UUID_TEXT_BYTES + 1];
    struct text value = {text, UUID_TEXT_BYTES};

    uuid_format(uuid, text);
    conditions_add_texts(conditions, column, (struct store_texts){&value, 1});
}

static void add_interval(struct conditions *conditions, const char *min_sql,
                         const char *max_sql, struct store_interval interval)
{
    uint64_t min = (uint64_t)interval.min_us;
    uint64_t max = (uint64_t)interval.max_us;

    if (interval.min_us != 0)
        conditions_add(conditions, min_sql, &min, 1);
    if (interval.max_us != 0)
        conditions_add(conditions, max_sql, &max, 1);
}

static const struct {
    const char *column;
    size_t offset;
} session_lists[] = {
    {"s.uuid", offsetof(struct store_session_filter, session_uuids)},
    {"s.job_uuid", offsetof(struct store_session_filter, job_uuids)},
    {"s.state", offsetof(struct store_session_filter, states)},
    {"s.server_address",
     offsetof(struct store_session_filter, server_addresses)},
    {"s.client_address",
     offsetof(struct store_session_filter, client_addresses)},
    {"s.cookie", offsetof(struct store_session_filter, cookies)},
    {"s.private_key", offsetof(struct store_session_filter, private_keys)},
    {"s.user_name", offsetof(struct store_session_filter, user_names)},
};

void conditions_add_session_filter(struct conditions *conditions,
                                   const struct store_session_filter *filter)
{
    struct store_texts direction = {&filter->direction, 1};

    for (size_t i = 0; i < sizeof session_lists / sizeof session_lists[0]; i++)
        conditions_add_texts(
            conditions, session_lists[i].column,
            *(const struct store_texts *)((const char *)filter +
                                          session_lists[i].offset));
    if (!text_is_absent(filter->direction))
        conditions_add_texts(conditions, "s.direction", direction);
    add_interval(conditions, "s.start_us >= ?", "s.start_us <= ?",
                 filter->start);
    add_interval(conditions, "s.end_us >= ?", "s.end_us <= ?", filter->end);
    if (filter->last_session_only)
        conditions_add(conditions,
                       "(s.job_uuid IS NULL OR s.id = ("
                       "SELECT max(n.id) FROM sessions n"
                       " WHERE n.job_uuid = s.job_uuid))",
                       NULL, 0);
    if (!text_is_absent(filter->cookie_pattern))
        conditions_add_pattern(conditions, DATABASE_MATCHES("s.cookie"),
                               filter->cookie_pattern);
}

static bool has_state(const struct store_file_filter *filter, uint32_t state)
{
    for (uint32_t i = 0; i < filter->states.count; i++)
        if (text_is(filter->states.values[i], store_file_state_names[state]))
            return true;
    return filter->states.count == 0;
}

const char *conditions_add_file_filter(struct conditions *files,
                                       struct conditions *sessions,
                                       const struct store_file_filter *filter)
{
    bool wants_completed = has_state(filter, STORE_FILE_COMPLETED);

    conditions_add_session_filter(sessions, &filter->session);
    conditions_add_numbers(files, "f.local_id", filter->local_ids,
                           filter->local_id_count);
    conditions_add_texts(files, "f.state", filter->states);
    /* A part of an index is used only where the words are the same. */
    if (!wants_completed)
        conditions_add(files, "f.state <> 'completed'", NULL, 0);
    conditions_add_texts(files, "f.path", filter->paths);
    add_interval(files, "f.start_us >= ?", "f.start_us <= ?", filter->start);
    add_interval(files, "f.end_us >= ?", "f.end_us <= ?", filter->end);
    if (!text_is_absent(filter->name_pattern))
        conditions_add_pattern(files, DATABASE_MATCHES("f.path"),
                               filter->name_pattern);
    return wants_completed ? "files f"
                           : "files f INDEXED BY files_not_completed";
}

void conditions_add_file_sums(struct conditions *some, struct conditions *all,
                              const struct store_file_filter *filter)
{
    /* Bounds may be wider than the files are: see schema.c. */
    add_interval(some, "s.files_start_max >= ?", "s.files_start_min <= ?",
                 filter->start);
    add_interval(some, "s.files_end_max >= ?", "s.files_end_min <= ?",
                 filter->end);
    if (filter->local_id_count > 0) {
        uint64_t first = filter->local_ids[0];
        for (uint32_t i = 1; i < filter->local_id_count; i++)
            if (filter->local_ids[i] < first)
                first = filter->local_ids[i];
        conditions_add(some, "s.files_numbers_end > ?", &first, 1);
    }
    add_interval(all, "s.files_start_min >= ?", "s.files_start_max <= ?",
                 filter->start);
    add_interval(all, "s.files_end_min >= ?", "s.files_end_max <= ?",
                 filter->end);
    if (filter->start.min_us != 0 || filter->start.max_us != 0)
        conditions_add(all, "s.files_unstarted = 0", NULL, 0);
    if (filter->end.min_us != 0 || filter->end.max_us != 0)
        conditions_add(all, "s.files_unended = 0", NULL, 0);
    if (filter->paths.count > 0 || !text_is_absent(filter->name_pattern))
        conditions_add(all, "0", NULL, 0);
}

struct text conditions_file_sum(struct arena *arena,
                                const struct store_file_filter *filter)
{
    static const char *const columns[STORE_FILE_STATE_COUNT] = {
        [STORE_FILE_RUNNING] = "s.files_running",
        [STORE_FILE_COMPLETED] = "s.files_completed",
        [STORE_FILE_ERROR] = "s.files_error",
    };
    char sql[128] = "0";
    size_t size = 1;

    for (uint32_t i = 0; i < STORE_FILE_STATE_COUNT; i++)
        if (has_state(filter, i))
            size += (size_t)snprintf(sql + size, sizeof sql - size, " + %s",
                                     columns[i]);
    return text_copy(arena, text_from(sql, size));
}

void conditions_add_event_filter(struct conditions *conditions,
                                 const struct store_event_filter *filter)
{
    const uint32_t all = STORE_TOPIC_BIT(STORE_TOPIC_COUNT) - 1;
    struct text names[STORE_TOPIC_COUNT];
    uint32_t count = 0;

    CHECK(filter->topics != 0 && (filter->topics & ~all) == 0);
    for (uint32_t i = 0; i < STORE_TOPIC_COUNT; i++) {
        if (filter->topics & STORE_TOPIC_BIT(i))
            names[count++] = text_of(store_topic_names[i]);
    }
    if (filter->topics != all)
        conditions_add_texts(conditions, "e.topic",
                             (struct store_texts){names, count});
    conditions_add(conditions, "e.sequence > ?", &filter->after_sequence, 1);
    if (!uuid_is_zero(filter->job_uuid))
        conditions_add_uuid(conditions, "e.job_uuid", filter->job_uuid);
    if (!uuid_is_zero(filter->session_uuid))
        conditions_add_uuid(conditions, "e.session_uuid", filter->session_uuid);
    conditions_add_texts(conditions, "e.job_uuid", filter->job_uuids);
    conditions_add_texts(conditions, "e.session_uuid", filter->session_uuids);
}

/* The number of parameters for a list of `count` values. */
static uint32_t rounded(uint32_t count)
{
    uint32_t power = 1;

    while (power < count)
        power *= 2;
    return power;
}

void conditions_write(const struct conditions *conditions,
                      struct text_builder *sql)
{
    conditions_write_behind(conditions, "WHERE", sql);
}

void conditions_write_behind(const struct conditions *conditions,
                             const char *word, struct text_builder *sql)
{
    for (uint32_t i = 0; i < conditions->count; i++) {
        const struct condition *condition = &conditions->all[i];
        text_add_format(sql, " %s ", i == 0 ? word : "AND");
        text_add_string(sql, condition->sql);
        if (!condition->is_list)
            continue;
        text_add_string(sql, " IN (?");
        for (uint32_t j = 1; j < rounded(condition->count); j++)
            text_add_string(sql, ",?");
        text_add_char(sql, ')');
    }
}

static int bind_value(const struct condition *condition,
                      sqlite3_stmt *statement, int parameter, uint32_t place)
{
    if (condition->pattern != NULL)
        return sqlite3_bind_pointer(statement, parameter, condition->pattern,
                                    DATABASE_PATTERN, NULL);
    if (condition->texts == NULL)
        return sqlite3_bind_int64(statement, parameter,
                                  (int64_t)condition->numbers[place]);
    return sqlite3_bind_text64(
        statement, parameter, condition->texts[place].data,
        condition->texts[place].size_bytes, SQLITE_STATIC, SQLITE_UTF8);
}

int conditions_bind(const struct conditions *conditions,
                    sqlite3_stmt *statement, int *next)
{
    *next = 1;
    return conditions_bind_next(conditions, statement, next);
}

int conditions_bind_next(const struct conditions *conditions,
                         sqlite3_stmt *statement, int *next)
{
    int code = SQLITE_OK;

    for (uint32_t i = 0; i < conditions->count; i++) {
        const struct condition *condition = &conditions->all[i];
        uint32_t room =
            condition->is_list ? rounded(condition->count) : condition->count;
        for (uint32_t j = 0; j < room && code == SQLITE_OK; j++) {
            uint32_t last = condition->count - 1;
            code = bind_value(condition, statement, (*next)++,
                              j < last ? j : last);
        }
    }
    return code;
}
