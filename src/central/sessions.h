/* The sessions that are in memory: all that run, and the newest of the rest.
 *
 * Knows: rows and their ids, the transfer layer's counters.
 * Must not know: why a session starts or ends (jobs.c, reports.c), filters.
 *
 * A session has two rows.  `latest` is what was last handed to the store;
 * `shown` is what is durable, and all that queries may see.  Live counters are
 * laid over `shown` when somebody looks (session_view), never the state.
 */
#ifndef CENTRAL_SESSIONS_H
#define CENTRAL_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/uuid.h"
#include "central/session_row.h"
#include "store/rows.h"

struct arena;
struct job;
struct transfer_session;

/* Somebody who wants to know when a session's end is durable. */
typedef void (*session_over_fn)(void *user);
struct session_waiter {
    struct session_waiter *next;
    void *user;
    session_over_fn over;
};

struct session {
    struct uuid uuid;
    uint64_t number;       /* higher = added later */
    struct session *newer; /* in the list of all */
    struct session *older;
    struct job *job;   /* NULL: a remote node started it */
    bool superseded;   /* its job went on with another session */
    bool cancel_asked; /* however it ends, its job does not try again */
    struct transfer_session *transfer; /* NULL before and after */
    struct session_row *latest;
    struct session_row *shown; /* NULL until its first commit */
    /* The file that moved last: its FileStatistics.  Path absent = none has,
     * since the server runs; else owned. */
    struct transfer_file file;
    struct session_waiter *waiters; /* owned */
    uint32_t commit_count;          /* changes of it that are not durable yet */
};

/* All fields are private but `newest`. */
struct sessions {
    struct map by_uuid;
    struct session *newest; /* then ->older */
    struct session *oldest;
    uint32_t count;
    uint64_t number; /* of the newest */
};

/* Adds a session with `row` as its latest one. */
struct session *sessions_add(struct sessions *sessions,
                             const struct store_session *row);
/* Another session of its job follows: this one is history, and has no job. */
void session_supersede(struct session *session);
/* Forgets one that nothing refers to: not even its job. */
void sessions_remove(struct sessions *sessions, struct session *session);
struct session *sessions_find(const struct sessions *sessions,
                              struct uuid uuid);
void sessions_free(struct sessions *sessions);

/* True for waiting, running and paused. */
bool session_state_is_active(enum store_session_state state);

/* True when its end is durable, and no other state of it is on its way. */
bool session_is_over(const struct session *session);
/* Calls `over` once the session, and with it its job, is over: from the loop,
 * or at once if it is over already. */
void session_await_end(struct session *session, void *user,
                       session_over_fn over);
/* Tells those who wait. */
void session_tell_waiters(struct session *session);

/* Makes `row` the latest one. */
void session_set_latest(struct session *session,
                        const struct store_session *row);
/* What became durable is shown from now on; takes the row over. */
void session_show(struct session *session, struct session_row *durable);

/* What a query shows of it now: `shown` with live counters.  Texts are
 * borrowed until the next turn of the loop, or lie in `arena`.  False when
 * nothing of it is durable yet. */
bool session_view(const struct session *session, struct arena *arena,
                  struct store_session *view);

/* Takes the last counters from the transfer, whose end has come. */
void session_take_counters(struct session *session,
                           const struct transfer_stats *stats);
/* Remembers the file that moved last. */
void session_keep_file(struct session *session,
                       const struct transfer_stats *stats);

#endif
