/* How far each subscription is, on its way to the disk. */
#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "central/subscriptions_private.h"

/* Cursors go to the disk together, this long after the first moved: a crash
 * costs no more than a second delivery of what was sent meanwhile. */
#define FLUSH_NS UINT64_C(20000000)
/* After a failure: as often as changes are tried again. */
#define AGAIN_NS UINT64_C(1000000000)

/* Idle subscriptions are stored when this many events went past them: no more
 * than these are read in vain after a crash. */
#define IDLE_EVENTS_MAX 1024u
#define MINUTE_NS UINT64_C(60000000000)

void subscription_settle(struct subscription *subscription)
{
    uint64_t newest = subscription->owner->newest;

    if (subscription->state == SUBSCRIPTION_IDLE &&
        subscription->cursor < newest)
        subscription->cursor = newest;
}

uint64_t subscriptions_cursor_min(const struct subscriptions *subs)
{
    uint64_t min = UINT64_MAX;

    for (const struct subscription *each = subs->first; each; each = each->next)
        if (each->state != SUBSCRIPTION_IDLE && each->cursor < min)
            min = each->cursor;
    return min;
}

void subscriptions_dropped(struct subscriptions *subs, uint64_t sequence)
{
    for (struct subscription *each = subs->first; each; each = each->next) {
        if (each->state == SUBSCRIPTION_IDLE || each->cursor >= sequence)
            continue;
        if (each->dropped_last == 0)
            each->dropped_first = each->cursor + 1;
        each->dropped_last = sequence;
        delivery_note_error(each, NULL);
    }
}

/* What was not stored is tried again, with the next flush. */
static void mark_all(struct subscriptions *subs)
{
    for (struct subscription *each = subs->first; each; each = each->next)
        if (each->state < SUBSCRIPTION_CLOSING && !each->cursor_dirty) {
            each->cursor_dirty = true;
            each->dirty_next = subs->dirty;
            subs->dirty = each;
        }
}

static void flush_fired(struct loop_timer *timer);

static void flushed(void *user, int result)
{
    struct subscriptions *subs = user;

    subs->commits_waiting--;
    if (result != 0) {
        LOG(subscription_not_stored, result);
        if (!subs->stopping) {
            mark_all(subs);
            loop_timer_start(subs->loop, &subs->flush,
                             loop_now_ns(subs->loop) + AGAIN_NS, flush_fired);
        }
    }
    subscriptions_check_stopped(subs);
}

static void flush(struct subscriptions *subs)
{
    struct store_batch *batch = NULL;
    struct subscription *each;

    while ((each = subs->dirty) != NULL) {
        subs->dirty = each->dirty_next;
        each->dirty_next = NULL;
        each->cursor_dirty = false;
        if (batch == NULL)
            batch = store_batch_new();
        store_batch_set_cursor(batch, each->id, each->cursor);
        each->stored_cursor = each->cursor;
    }
    if (batch == NULL)
        return;
    subs->commits_waiting++;
    /* No event waits for cursors: an old one costs a second delivery. */
    store_batch_may_lag(batch);
    store_commit(subs->store, batch, subs, flushed);
}

static void flush_fired(struct loop_timer *timer)
{
    flush(OWNER_OF(timer, struct subscriptions, flush));
}

void cursors_moved(struct subscriptions *subs,
                   struct subscription *subscription)
{
    if (!subscription->cursor_dirty) {
        subscription->cursor_dirty = true;
        subscription->dirty_next = subs->dirty;
        subs->dirty = subscription;
    }
    if (!loop_timer_running(&subs->flush))
        loop_timer_start(subs->loop, &subs->flush,
                         loop_now_ns(subs->loop) + FLUSH_NS, flush_fired);
}

void cursors_forget(struct subscriptions *subs,
                    struct subscription *subscription)
{
    struct subscription **link = &subs->dirty;

    if (!subscription->cursor_dirty)
        return;
    while (*link != subscription)
        link = &(*link)->dirty_next;
    *link = subscription->dirty_next;
    subscription->cursor_dirty = false;
}

static void move_idle(struct subscriptions *subs, uint64_t events_min)
{
    for (struct subscription *each = subs->first; each; each = each->next) {
        subscription_settle(each);
        if (each->state == SUBSCRIPTION_IDLE &&
            each->cursor - each->stored_cursor >= events_min)
            cursors_moved(subs, each);
    }
}

static void minute_fired(struct loop_timer *timer)
{
    struct subscriptions *subs = OWNER_OF(timer, struct subscriptions, minute);

    move_idle(subs, IDLE_EVENTS_MAX);
    cursors_start(subs);
}

void cursors_start(struct subscriptions *subs)
{
    loop_timer_start(subs->loop, &subs->minute,
                     loop_now_ns(subs->loop) + MINUTE_NS, minute_fired);
}

void cursors_stop(struct subscriptions *subs)
{
    loop_timer_stop(subs->loop, &subs->minute);
    move_idle(subs, 1);
    loop_timer_stop(subs->loop, &subs->flush);
    flush(subs);
}
