#include "central/upkeep.h"

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/context.h"
#include "central/events.h"
#include "central/events_room.h"
#include "central/subscriptions.h"

#define SECOND_NS UINT64_C(1000000000)
#define SECOND_US INT64_C(1000000)

/* ---- each second: counters and Statistics ---- */

/* The row to be stored; what is shown follows the live counters anyway. */
static void count_session(struct session *session, struct change *change)
{
    struct store_session row = session->latest->row;
    struct transfer_stats stats;

    transfer_stats(session->transfer, &stats);
    session_keep_file(session, &stats);
    session_row_count(&row, &stats);
    session_set_latest(session, &row);
    change_put_session(change, &session->latest->row);
}

static void tell_statistics(struct central *central, struct session *session)
{
    struct text_builder body = {0};

    events_write_statistics(&body, session, central->changes.stored_sequence);
    if (!body.failed)
        subscriptions_statistics(central->subscriptions, session->uuid,
                                 text_built(&body));
    text_builder_free(&body);
}

static void second_fired(struct loop_timer *timer)
{
    struct central *central = OWNER_OF(timer, struct central, second);
    struct change *change = change_begin(&central->changes);
    /* While the disk takes nothing, what waits for it must not pile up. */
    bool counts = !central->changes.failing;
    struct session *session = central->sessions.newest;

    for (; session != NULL; session = session->older) {
        if (session->transfer == NULL)
            continue;
        if (counts)
            count_session(session, change);
        if (subscriptions_wants_statistics(central->subscriptions,
                                           session->uuid))
            tell_statistics(central, session);
    }
    if (change_row_count(change) > 0)
        change_commit(change, CHANGE_MUST, NULL, NULL);
    else
        change_abandon(change);
    events_room_look(central);
    loop_timer_start(central->loop, &central->second,
                     loop_now_ns(central->loop) + SECOND_NS, second_fired);
}

/* ---- each minute: history ---- */

/* How long what is over is remembered. */
static int64_t history_us(const struct central *central)
{
    uint32_t history_s = central->config.settings.history_s;

    if (history_s == CENTRAL_FOR_EVER)
        return INT64_MAX / 2; /* before any date */
    return (history_s != 0 ? history_s : UPKEEP_HISTORY_S) * SECOND_US;
}

static int64_t events_us(const struct central *central)
{
    uint32_t events_s = central->config.settings.events_s;

    return (events_s > UPKEEP_EVENTS_S ? events_s : UPKEEP_EVENTS_S) *
           SECOND_US;
}

/* Nothing refers to it, and no change of it is on its way: the last session of
 * a job that waits to retry stays. */
static bool may_be_forgotten(const struct session *session)
{
    return session_is_over(session) && session->transfer == NULL &&
           (session->job == NULL ||
            job_state_is_over(session->job->shown_state));
}

static void forget(struct central *central, struct session *session)
{
    struct job *job = session->job;

    if (job != NULL)
        jobs_remove(&central->jobs, job);
    sessions_remove(&central->sessions, session);
}

void upkeep_trim(struct central *central, int64_t ended_before_us)
{
    struct session *session = central->sessions.oldest;

    while (session != NULL) {
        struct session *newer = session->newer;
        bool is_full = central->sessions.count > LIMIT_SESSIONS_IN_MEMORY;
        if (may_be_forgotten(session) &&
            (is_full || session->shown->row.end_us < ended_before_us))
            forget(central, session);
        session = newer;
    }
}

static void purge(struct central *central);

static void purged(void *user, int result)
{
    struct central *central = user;

    central->purging = false;
    if (result > 0)
        LOG(history_purged, result);
    if (result > 0 && !central->stopping) {
        purge(central);
    } else {
        events_room_learn(central);
        central_go_on_stopping(central);
    }
}

static void purge(struct central *central)
{
    int64_t now_us = clock_wall_us();
    struct store_purge what = {
        .history_before_us = now_us - history_us(central),
        .events_before_us = now_us - events_us(central),
        .events_sequence_max = subscriptions_cursor_min(central->subscriptions),
    };

    central->purging = true;
    store_purge(central->store, &what, central, purged);
}

static void minute_fired(struct loop_timer *timer)
{
    struct central *central = OWNER_OF(timer, struct central, minute);

    upkeep_trim(central, clock_wall_us() - history_us(central));
    if (!central->purging)
        purge(central);
    loop_timer_start(central->loop, &central->minute,
                     loop_now_ns(central->loop) + 60 * SECOND_NS, minute_fired);
}

void upkeep_start(struct central *central)
{
    uint64_t now_ns = loop_now_ns(central->loop);

    loop_timer_start(central->loop, &central->second, now_ns + SECOND_NS,
                     second_fired);
    /* Soon the first time: a server that is never up for long forgets, too. */
    loop_timer_start(central->loop, &central->minute, now_ns + SECOND_NS,
                     minute_fired);
}

void upkeep_stop(struct central *central)
{
    loop_timer_stop(central->loop, &central->second);
    loop_timer_stop(central->loop, &central->minute);
}
