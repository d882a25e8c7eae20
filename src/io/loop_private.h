/* What the files of the loop share.  Only they include this.
 *
 *   loop.c         the ring, the turn, operations
 *   loop_accept.c  accepting, and what to do without free descriptors
 *   loop_timer.c   timers
 *   loop_post.c    posts from other threads
 *   loop_work.c    worker threads and strands
 *   loop_signals.c signals
 */
#ifndef IO_LOOP_PRIVATE_H
#define IO_LOOP_PRIVATE_H

#include <liburing.h>
#include <pthread.h>

#include "io/loop.h"

/* Accepts that wait for descriptors to become free. */
struct loop_starved {
    int spare_fd; /* given up to turn a connection away; -1 = used up */
    struct loop_op *first;
    struct loop_timer timer;
    uint64_t logged_ns; /* 0 = never */
};

struct loop_posts {
    pthread_mutex_t lock;
    struct loop_post *first; /* under the lock, as is `last` */
    struct loop_post *last;
    pthread_t thread; /* the loop's */
    int wake_fd;      /* eventfd */
    struct loop_op wake_op;
};

struct loop_workers {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    /* Under the lock: works that a worker may take, and works that are done. */
    struct loop_work *ready_first;
    struct loop_work *ready_last;
    struct loop_work *done_first;
    struct loop_work *done_last;
    bool ending;

    struct loop *loop;
    struct loop_post done_post;
    uint32_t count;
    pthread_t threads[LOOP_WORKERS_MAX];
};

struct loop {
    struct io_uring ring;
    uint64_t now_ns;
    uint32_t busy_count;
    bool stopped;
    struct heap timers;
    struct loop_starved starved;
    struct loop_posts posts;
    struct loop_workers workers;
    struct loop_signals *signals; /* borrowed; NULL = not opened */
};

/* Hands the operation to the kernel, at its first start and to continue it. */
void loop_op_submit(struct loop_op *op);
/* Makes it idle and tells its owner, who may start it again. */
void loop_op_finish(struct loop_op *op, int result);

/* A completion of an accept; `more` = it goes on in the kernel. */
void loop_accept_result(struct loop_op *op, int result, bool more);
/* Ends a cancelled one that the kernel does not know of. */
void loop_accept_wake(struct loop *loop);

void loop_timer_run(struct loop *loop);

MUST_USE int loop_posts_open(struct loop *loop);
void loop_posts_close(struct loop *loop);
bool loop_posts_pending(struct loop *loop);
void loop_posts_run(struct loop *loop);

MUST_USE int loop_workers_open(struct loop *loop, uint32_t count);
void loop_workers_close(struct loop *loop);

#endif
