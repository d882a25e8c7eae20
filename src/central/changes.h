/* What becomes durable, in which order, and what may be seen from then on.
 *
 * Knows: rows, events, the store.
 * Must not know: what a job or a session is, who is told.
 *
 *     change_begin -> put, put, tell ... -> change_commit
 *                                             |  one transaction
 *                                             v
 *                            done(0): the owner shows the new state
 *                            told(): each event, in order of Sequence
 *
 * A change is all there or not at all, and changes become durable in the order
 * of their commits.  While one transaction runs, the next changes gather, and
 * then go together.  Where the store cannot take a transaction:
 *   CHANGE_MAY   (a request) is given up, and done() has the reason;
 *   CHANGE_MUST  (what has happened already) is tried again every second, and
 *                everything behind it waits, so that no order is lost.
 */
#ifndef CENTRAL_CHANGES_H
#define CENTRAL_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "io/loop.h"
#include "store/store.h"

struct change;

enum change_need {
    CHANGE_MAY,
    CHANGE_MUST,
};

/* `result` is 0 or -errno of store.h; CHANGE_MUST sees only 0, unless the
 * server stops while the store fails. */
typedef void (*change_done_fn)(void *user, int result);
typedef void (*change_told_fn)(void *owner, const struct store_event *event);

/* All fields are private but those that are marked. */
struct changes {
    struct loop *loop;
    struct store *store;
    uint64_t sequence;        /* read only: the newest that was given out */
    uint64_t stored_sequence; /* read only: the newest that is durable */
    struct change *first;     /* oldest of what is not durable yet */
    struct change *last;
    struct change *open;   /* the change that is being told events */
    uint32_t flying_count; /* of the first ones, in one transaction */
    uint32_t single_count; /* of the first ones, to be tried alone */
    bool failing; /* read only: the store takes nothing at the moment */
    bool stopping;
    /* What must be stored and cannot be ends the process; NULL = never. */
    const bool *exits_on_failure;
    struct loop_timer retry;
    change_told_fn told;
    void *owner;
    void (*idle)(void *owner); /* of changes_stop() */
    struct loop_post idle_post;
};

/* Starts with nothing to do; numbers on from store_last_sequence(). */
void changes_init(struct changes *changes, struct loop *loop,
                  struct store *store, change_told_fn told, void *owner);
/* Calls `idle` from the loop when nothing waits any more; what the store
 * cannot take is given up then. */
void changes_stop(struct changes *changes, void (*idle)(void *owner));

struct change *change_begin(struct changes *changes);
/* Memory that lives as long as the change. */
struct arena *change_arena(struct change *change);
/* Rows are copied. */
void change_put_job(struct change *change, const struct store_job *row);
void change_put_session(struct change *change, const struct store_session *row);
void change_put_file(struct change *change, const struct store_file *row);
/* Adds an event and gives it its Sequence and its EventID; `body` is then
 * written by its caller into event->body (arena of the change).  A change that
 * tells events is committed before the next one begins to. */
struct store_event *change_tell(struct change *change, enum store_topic topic,
                                struct uuid job_uuid, struct uuid session_uuid);
/* Takes the change over. */
void change_commit(struct change *change, enum change_need need, void *user,
                   change_done_fn done);
/* Gives up a change without events. */
void change_abandon(struct change *change);
uint32_t change_row_count(const struct change *change);

#endif
