#include "central/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

struct session *sessions_add(struct sessions *sessions,
                             const struct store_session *row)
{
    struct session *session = calloc(1, sizeof *session);
    CHECK(session != NULL);

    session->uuid = row->uuid;
    session->number = ++sessions->number;
    session->latest = session_row_new(row);
    session->older = sessions->newest;
    if (sessions->newest != NULL)
        sessions->newest->newer = session;
    else
        sessions->oldest = session;
    sessions->newest = session;
    sessions->count++;
    map_put(&sessions->by_uuid, session->uuid, session);
    return session;
}

static void free_session(struct session *session)
{
    session_row_drop(session->latest);
    session_row_drop(session->shown);
    free((char *)session->file.path.data);
    free(session);
}

void session_supersede(struct session *session)
{
    CHECK(session->transfer == NULL);
    session->job = NULL;
    session->superseded = true;
}

void sessions_remove(struct sessions *sessions, struct session *session)
{
    CHECK(session->transfer == NULL);
    CHECK(session->waiters == NULL);
    CHECK(session->commit_count == 0);

    if (session->newer != NULL)
        session->newer->older = session->older;
    else
        sessions->newest = session->older;
    if (session->older != NULL)
        session->older->newer = session->newer;
    else
        sessions->oldest = session->newer;
    sessions->count--;
    map_remove(&sessions->by_uuid, session->uuid);
    free_session(session);
}

struct session *sessions_find(const struct sessions *sessions, struct uuid uuid)
{
    return map_get(&sessions->by_uuid, uuid);
}

void sessions_free(struct sessions *sessions)
{
    struct session *session = sessions->newest;

    while (session != NULL) {
        struct session *older = session->older;
        free_session(session);
        session = older;
    }
    map_free(&sessions->by_uuid);
    *sessions = (struct sessions){0};
}

bool session_state_is_active(enum store_session_state state)
{
    return state == STORE_SESSION_WAITING || state == STORE_SESSION_RUNNING ||
           state == STORE_SESSION_PAUSED;
}

bool session_is_over(const struct session *session)
{
    return session->shown != NULL && session->commit_count == 0 &&
           !session_state_is_active(session->shown->row.state);
}

void session_await_end(struct session *session, void *user,
                       session_over_fn over)
{
    if (session_is_over(session)) {
        over(user);
        return;
    }
    struct session_waiter *waiter = malloc(sizeof *waiter);
    CHECK(waiter != NULL);
    *waiter = (struct session_waiter){session->waiters, user, over};
    session->waiters = waiter;
}

void session_tell_waiters(struct session *session)
{
    struct session_waiter *waiter = session->waiters;

    session->waiters = NULL;
    while (waiter != NULL) {
        struct session_waiter *next = waiter->next;
        waiter->over(waiter->user);
        free(waiter);
        waiter = next;
    }
}

void session_set_latest(struct session *session,
                        const struct store_session *row)
{
    struct session_row *made = session_row_new(row);

    session_row_drop(session->latest); /* only now: `row` may borrow from it */
    session->latest = made;
}

void session_show(struct session *session, struct session_row *durable)
{
    session_row_drop(session->shown);
    session->shown = durable;
}

bool session_view(const struct session *session, struct arena *arena,
                  struct store_session *view)
{
    struct transfer_stats stats;

    if (session->shown == NULL)
        return false;
    *view = session->shown->row;
    if (session->transfer == NULL)
        return true;

    transfer_stats(session->transfer, &stats);
    struct session_row_scratch *scratch = arena_take(arena, sizeof *scratch);
    if (scratch != NULL)
        session_row_measure(view, &stats, scratch);
    else
        session_row_count(view, &stats);
    return true;
}

void session_keep_file(struct session *session,
                       const struct transfer_stats *stats)
{
    struct text path = session->file.path;

    if (text_is_absent(stats->file.path))
        return;
    if (text_is_absent(path) || !text_equal(path, stats->file.path)) {
        char *copy = malloc(stats->file.path.size_bytes + 1);
        CHECK(copy != NULL);
        memcpy(copy, stats->file.path.data, stats->file.path.size_bytes);
        free((char *)path.data);
        path = text_from(copy, stats->file.path.size_bytes);
    }
    session->file = stats->file;
    session->file.path = path;
}

void session_take_counters(struct session *session,
                           const struct transfer_stats *stats)
{
    session_keep_file(session, stats);
    if (session->shown == NULL)
        return;
    /* Until its end is durable the session is shown as running, with counters
     * that never fall back. */
    struct session_row_scratch scratch = {0};
    struct store_session row = session->shown->row;
    session_row_measure(&row, stats, &scratch);
    struct session_row *measured = session_row_new(&row);
    session_show(session, measured); /* only now: `row` borrows from it */
}
