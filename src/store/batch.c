#include "store/batch.h"

#include <stdlib.h>

#include "base/limits.h"

struct store_batch *store_batch_new(void)
{
    struct store_batch *batch = calloc(1, sizeof *batch);

    CHECK(batch != NULL);
    arena_init(&batch->arena, LIMIT_STORE_BATCH_BYTES);
    return batch;
}

void store_batch_free(struct store_batch *batch)
{
    arena_free(&batch->arena);
    free(batch);
}

/* A change at the end of the batch; NULL once memory is used up. */
static struct change *add(struct store_batch *batch, enum change_kind kind)
{
    struct change *change = arena_take_zeroed(&batch->arena, 1, sizeof *change);

    if (change == NULL || batch->out_of_memory) {
        batch->out_of_memory = true;
        return NULL;
    }
    change->kind = kind;
    if (batch->first == NULL)
        batch->first = change;
    else
        batch->last->next = change;
    batch->last = change;
    batch->change_count++;
    return change;
}

static void add_row(struct store_batch *batch, enum change_kind kind,
                    enum table_id table, const void *row)
{
    struct change *change = add(batch, kind);

    if (change == NULL)
        return;
    change->table = table;
    change->row = table_copy_row(&tables[table], row, &batch->arena);
    if (change->row == NULL)
        batch->out_of_memory = true;
}

void store_batch_put_job(struct store_batch *batch, const struct store_job *job)
{
    CHECK(!uuid_is_zero(job->uuid));
    add_row(batch, CHANGE_PUT, TABLE_JOBS, job);
}

void store_batch_put_session(struct store_batch *batch,
                             const struct store_session *session)
{
    CHECK(!uuid_is_zero(session->uuid));
    add_row(batch, CHANGE_PUT, TABLE_SESSIONS, session);
}

void store_batch_put_file(struct store_batch *batch,
                          const struct store_file *file)
{
    CHECK(!uuid_is_zero(file->session_uuid));
    CHECK(file->local_id <= INT64_MAX);
    add_row(batch, CHANGE_PUT, TABLE_FILES, file);
}

void store_batch_put_subscription(struct store_batch *batch,
                                  const struct store_subscription *row)
{
    CHECK(!uuid_is_zero(row->uuid));
    add_row(batch, CHANGE_PUT, TABLE_SUBSCRIPTIONS, row);
}

void store_batch_put_user(struct store_batch *batch,
                          const struct store_user *user)
{
    CHECK(!text_is_absent(user->name));
    add_row(batch, CHANGE_PUT, TABLE_USERS, user);
}

void store_batch_add_event(struct store_batch *batch,
                           const struct store_event *event)
{
    CHECK(event->sequence <= INT64_MAX);
    CHECK(event->topic != STORE_TOPIC_SESSION_STATISTICS);
    add_row(batch, CHANGE_ADD_EVENT, TABLE_EVENTS, event);
}

void store_batch_remove_subscription(struct store_batch *batch,
                                     struct uuid uuid)
{
    struct change *change = add(batch, CHANGE_REMOVE_SUBSCRIPTION);

    if (change != NULL)
        change->uuid = uuid;
}

void store_batch_remove_user(struct store_batch *batch, struct text name)
{
    struct change *change = add(batch, CHANGE_REMOVE_USER);

    CHECK(!text_is_absent(name));
    if (change == NULL)
        return;
    change->name = text_copy(&batch->arena, name);
    if (text_is_absent(change->name))
        batch->out_of_memory = true;
}

void store_batch_set_cursor(struct store_batch *batch, struct uuid uuid,
                            uint64_t cursor)
{
    struct change *change = add(batch, CHANGE_SET_CURSOR);

    if (change == NULL)
        return;
    change->uuid = uuid;
    change->cursor = cursor;
}

void store_batch_may_lag(struct store_batch *batch)
{
    batch->may_lag = true;
}

void batch_add_purge(struct store_batch *batch, const struct store_purge *purge)
{
    struct change *change = add(batch, CHANGE_PURGE);

    if (change != NULL)
        change->purge = *purge;
}
