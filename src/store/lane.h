/* A thread with a queue: work goes in from the loop and comes back to it.
 *
 * Knows: threads, the loop's post.
 * Must not know: what the work is.
 *
 * Items are run, and finished, in the order in which they were put.  The
 * thread is handed all that has gathered at once, so that it can share one
 * commit among them, and gives them back in pieces as it likes.
 *
 *     loop:   lane_put() ..................... finish(item) for each
 *     thread:            run(all that is there) -> lane_give_back()
 */
#ifndef STORE_LANE_H
#define STORE_LANE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "io/loop.h"

struct lane;

struct lane_item {
    struct lane_item *next;
};

struct lane_list {
    struct lane_item *first;
    struct lane_item *last;
};

/* On the thread: gives every item of `items` back, in order. */
typedef void (*lane_run_fn)(struct lane *lane, struct lane_list *items);
/* On the loop: the item is the receiver's again. */
typedef void (*lane_finish_fn)(struct lane *lane, struct lane_item *item);
typedef void (*lane_stopped_fn)(struct lane *lane);

/* Only lane.c touches the members. */
struct lane {
    struct loop *loop;
    lane_run_fn run;
    lane_finish_fn finish;
    lane_stopped_fn stopped;
    uint32_t waiting_count; /* put and not finished; the loop's */
    struct loop_post post;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct lane_list put;
    struct lane_list done;
    bool stopping;
    bool ended; /* the thread's last word */
};

void lane_list_add(struct lane_list *list, struct lane_item *item);
/* Takes the first item out; NULL when there is none. */
struct lane_item *lane_list_take(struct lane_list *list);

/* Starts the thread, under `name` (15 characters).  Returns 0 or -errno. */
MUST_USE int lane_start(struct lane *lane, struct loop *loop, const char *name,
                        lane_run_fn run, lane_finish_fn finish);
void lane_put(struct lane *lane, struct lane_item *item);
/* On the thread only. */
void lane_give_back(struct lane *lane, struct lane_list *items);
/* Runs and finishes what was put, ends the thread, then calls `stopped`. */
void lane_stop(struct lane *lane, lane_stopped_fn stopped);
/* Ends the thread at once; only before anything was put. */
void lane_cancel(struct lane *lane);

#endif
