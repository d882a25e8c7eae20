#include "central/filter.h"

#include <string.h>

#include "base/arena.h"

/* ---- reading ---- */

static bool lower(struct arena *arena, struct text *text)
{
    char *copy = arena_take(arena, text->size_bytes + 1);

    if (copy == NULL)
        return false;
    for (uint32_t i = 0; i < text->size_bytes; i++) {
        char c = text->data[i];
        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    text->data = copy;
    return true;
}

/* Ids and words are stored in lower case. */
static bool read_words(const struct text *values, uint32_t count,
                       struct arena *arena, struct store_texts *texts)
{
    struct text *copies = arena_take(arena, (count + 1) * sizeof *copies);

    if (copies == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = values[i];
        if (!lower(arena, &copies[i]))
            return false;
    }
    *texts = (struct store_texts){copies, count};
    return true;
}

static struct store_texts as_given(const struct text *values, uint32_t count)
{
    return (struct store_texts){values, count};
}

/* Paths are stored as they are below the docroot, which is the root: /a and a
 * are the same. */
static bool read_paths(const struct text *values, uint32_t count,
                       struct arena *arena, struct store_texts *texts)
{
    struct text *paths = arena_take(arena, (count + 1) * sizeof *paths);

    if (paths == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        paths[i] = values[i];
        while (text_starts_with(paths[i], "/"))
            paths[i] = text_from(paths[i].data + 1, paths[i].size_bytes - 1);
    }
    *texts = (struct store_texts){paths, count};
    return true;
}

/* 0 means open to the store, and no row is from before 1970. */
static struct store_interval read_interval(bool has_min, int64_t min_us,
                                           bool has_max, int64_t max_us)
{
    struct store_interval interval = {0};

    if (has_min && min_us > 0)
        interval.min_us = min_us;
    if (has_max)
        interval.max_us = max_us > 0 ? max_us : 1;
    return interval;
}

/* An empty pattern asks for nothing. */
static struct text read_pattern(struct text pattern)
{
    return pattern.size_bytes > 0 ? pattern : TEXT_ABSENT;
}

bool filter_read_sessions(const struct f09_session_filter *asked,
                          struct arena *arena,
                          struct store_session_filter *filter)
{
    *filter = (struct store_session_filter){
        .server_addresses =
            as_given(asked->server_address, asked->server_address_count),
        .client_addresses =
            as_given(asked->client_address, asked->client_address_count),
        .cookies = as_given(asked->cookie, asked->cookie_count),
        .private_keys = as_given(asked->private_key, asked->private_key_count),
        .user_names = as_given(asked->user, asked->user_count),
        .direction =
            asked->direction.size_bytes > 0 ? asked->direction : TEXT_ABSENT,
        .start = read_interval(
            asked->has_min_session_start_date, asked->min_session_start_date,
            asked->has_max_session_start_date, asked->max_session_start_date),
        .end = read_interval(
            asked->has_min_session_end_date, asked->min_session_end_date,
            asked->has_max_session_end_date, asked->max_session_end_date),
        .last_session_only =
            asked->has_last_session_only && asked->last_session_only,
        .cookie_pattern = read_pattern(asked->cookie_filter),
    };
    return read_words(asked->session_uuid, asked->session_uuid_count, arena,
                      &filter->session_uuids) &&
           read_words(asked->job_id, asked->job_id_count, arena,
                      &filter->job_uuids) &&
           read_words(asked->session_status, asked->session_status_count, arena,
                      &filter->states) &&
           (text_is_absent(filter->direction) ||
            lower(arena, &filter->direction));
}

bool filter_read_files(const struct f09_file_transfer_filter *asked,
                       struct arena *arena, struct store_file_filter *filter)
{
    uint64_t *ids =
        arena_take(arena, (asked->transfer_id_count + 1) * sizeof *ids);

    *filter = (struct store_file_filter){
        .local_ids = ids,
        .local_id_count = asked->transfer_id_count,
        .start = read_interval(
            asked->has_min_transfer_start_date, asked->min_transfer_start_date,
            asked->has_max_transfer_start_date, asked->max_transfer_start_date),
        .end = read_interval(
            asked->has_min_transfer_end_date, asked->min_transfer_end_date,
            asked->has_max_transfer_end_date, asked->max_transfer_end_date),
        .name_pattern = read_pattern(asked->filename_filter),
    };
    if (ids == NULL)
        return false;
    /* A negative one is no file's: as unsigned it is above all of them. */
    for (uint32_t i = 0; i < asked->transfer_id_count; i++)
        ids[i] = (uint64_t)asked->transfer_id[i];
    return filter_read_sessions(&asked->session, arena, &filter->session) &&
           read_paths(asked->filepath, asked->filepath_count, arena,
                      &filter->paths) &&
           read_words(asked->transfer_status, asked->transfer_status_count,
                      arena, &filter->states);
}

/* ---- telling filters apart ---- */

/* FNV-1a: a client that makes two filters collide confuses itself only. */
#define HASH_START UINT64_C(14695981039346656037)
#define HASH_PRIME UINT64_C(1099511628211)

static uint64_t hash_bytes_on(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * HASH_PRIME;
    return hash;
}

static uint64_t hash_u64(uint64_t hash, uint64_t value)
{
    return hash_bytes_on(hash, &value, sizeof value);
}

static uint64_t hash_text(uint64_t hash, struct text text)
{
    hash = hash_u64(hash, text_is_absent(text) ? UINT64_MAX : text.size_bytes);
    return hash_bytes_on(hash, text.data, text.size_bytes);
}

static uint64_t hash_texts(uint64_t hash, struct store_texts texts)
{
    hash = hash_u64(hash, texts.count);
    for (uint32_t i = 0; i < texts.count; i++)
        hash = hash_text(hash, texts.values[i]);
    return hash;
}

static uint64_t hash_interval(uint64_t hash, struct store_interval interval)
{
    hash = hash_u64(hash, (uint64_t)interval.min_us);
    return hash_u64(hash, (uint64_t)interval.max_us);
}

uint64_t filter_hash(const struct store_file_filter *filter)
{
    const struct store_session_filter *session = &filter->session;
    uint64_t hash = HASH_START;

    hash = hash_texts(hash, session->session_uuids);
    hash = hash_texts(hash, session->job_uuids);
    hash = hash_texts(hash, session->states);
    hash = hash_texts(hash, session->server_addresses);
    hash = hash_texts(hash, session->client_addresses);
    hash = hash_texts(hash, session->cookies);
    hash = hash_texts(hash, session->private_keys);
    hash = hash_texts(hash, session->user_names);
    hash = hash_text(hash, session->direction);
    hash = hash_interval(hash, session->start);
    hash = hash_interval(hash, session->end);
    hash = hash_u64(hash, session->last_session_only);
    hash = hash_text(hash, session->cookie_pattern);
    hash = hash_u64(hash, filter->local_id_count);
    for (uint32_t i = 0; i < filter->local_id_count; i++)
        hash = hash_u64(hash, filter->local_ids[i]);
    hash = hash_texts(hash, filter->states);
    hash = hash_texts(hash, filter->paths);
    hash = hash_interval(hash, filter->start);
    hash = hash_interval(hash, filter->end);
    return hash_text(hash, filter->name_pattern);
}

/* ---- matching ---- */

static bool has_text(struct store_texts texts, struct text text)
{
    if (texts.count == 0)
        return true;
    if (text_is_absent(text))
        return false;
    for (uint32_t i = 0; i < texts.count; i++)
        if (text_equal(texts.values[i], text))
            return true;
    return false;
}

static bool has_uuid(struct store_texts texts, struct uuid uuid)
{
    char text[UUID_TEXT_BYTES + 1];

    if (texts.count == 0)
        return true;
    if (uuid_is_zero(uuid))
        return false;
    uuid_format(uuid, text);
    return has_text(texts, text_from(text, UUID_TEXT_BYTES));
}

static bool is_within(struct store_interval interval, int64_t time_us)
{
    if (interval.min_us == 0 && interval.max_us == 0)
        return true;
    if (time_us == 0)
        return false; /* it has not happened yet */
    return time_us >= interval.min_us &&
           (interval.max_us == 0 || time_us <= interval.max_us);
}

bool filter_matches(const struct store_session_filter *filter,
                    const struct store_session *row, bool is_newest)
{
    if (filter->last_session_only && !is_newest)
        return false;
    return has_uuid(filter->session_uuids, row->uuid) &&
           has_uuid(filter->job_uuids, row->job_uuid) &&
           has_text(filter->states,
                    text_of(store_session_state_names[row->state])) &&
           has_text(filter->server_addresses, row->server_address) &&
           has_text(filter->client_addresses, row->client_address) &&
           has_text(filter->cookies, row->cookie) &&
           has_text(filter->private_keys, row->private_key) &&
           has_text(filter->user_names, row->user_name) &&
           (text_is_absent(filter->direction) ||
            text_is(filter->direction,
                    store_direction_names[row->direction])) &&
           is_within(filter->start, row->start_us) &&
           is_within(filter->end, row->end_us);
}
