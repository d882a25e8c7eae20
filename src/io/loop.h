/* The event loop: one io_uring, one thread, one callback a completion.
 *
 * Knows: io_uring, file descriptors, buffers, monotonic time, a few threads
 *        for what blocks.
 * Must not know: HTTP, SOAP, sessions, or who its callers are.
 *
 * Rules that hold for every operation:
 *  - The caller owns the `loop_op` and the buffers, and keeps both in place
 *    until the callback runs.  Most are embedded in the object they serve.
 *  - Starting an operation cannot fail.  Whatever goes wrong, a bad descriptor
 *    included, arrives as the callback's result.
 *  - Callbacks run from loop_run_once() only, never from inside loop_recv() and
 *    its like, so an object is never re-entered.
 *  - The result is what the system call would return, or -errno.  EINTR is
 *    retried in here and never seen outside.
 *  - Descriptors are left blocking: the ring waits for them without a thread.
 *    One that is O_NONBLOCK gets -EAGAIN as its result, except from polls.
 *  - Everything but loop_post() belongs to the thread that opened the loop.
 *
 * One turn of the loop: submit what was started and wait for a completion, a
 * post or the next timer; read the clock; run the callbacks of what completed,
 * then the timers that are due, then the posts.  What these start belongs to
 * the next turn.
 *
 * Needs Linux 6.1 (IORING_SETUP_DEFER_TASKRUN).
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/check.h"
#include "base/heap.h"

struct loop;
struct loop_op;
struct loop_post;
struct loop_timer;
struct loop_work;

/* ---- the loop ---- */

/* Threads for work that blocks, unless the caller knows better. */
#define LOOP_WORKERS 4u
#define LOOP_WORKERS_MAX 64u

/* Opens a loop for the calling thread, with `worker_count` threads, 1 to
 * LOOP_WORKERS_MAX.  To be called after a fork, not before it.
 *
 * Returns 0, or -errno: EPERM and ENOSYS when io_uring is refused here (a
 * container's seccomp profile, kernel.io_uring_disabled), EINVAL when the
 * kernel is too old, ENOMEM, EAGAIN and EMFILE as usual.  On failure nothing
 * is held and `*loop` is untouched. */
MUST_USE int loop_open(struct loop **loop, uint32_t worker_count);

/* Ends the workers when they have run what was queued, drops what is in
 * flight and closes the ring.  No callback runs any more.  Operations, timers,
 * posts and works may be freed after it, not before.  NULL is let pass. */
void loop_free(struct loop *loop);

/* Runs turns until loop_stop() is called, from a callback as a rule. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Runs one turn. */
void loop_run_once(struct loop *loop);

/* The monotonic clock as it was read in this turn.  Fine for deadlines; who
 * measures a callback's own length reads the clock. */
uint64_t loop_now_ns(const struct loop *loop);

/* Operations that were started and have not ended; for tests and for a look at
 * what holds up a stop. */
uint32_t loop_busy_count(const struct loop *loop);

/* ---- operations ---- */

typedef void (*loop_done_fn)(struct loop_op *op, int result);

enum loop_kind {
    LOOP_IDLE, /* not started, or ended */
    LOOP_RECV,
    LOOP_SEND,
    LOOP_ACCEPT,
    LOOP_CONNECT,
    LOOP_CLOSE,
    LOOP_POLL,
    LOOP_POLL_MANY,
};

/* One operation.  Zero-initialise it; only the loop writes its fields. */
struct loop_op {
    enum loop_kind kind;
    bool cancelled;
    int fd;
    uint32_t events; /* polls */
    uint32_t size_bytes;
    uint32_t sent_bytes;
    union {
        void *data;                   /* receives */
        const void *sent;             /* sends */
        struct address_sockaddr peer; /* connects */
    };
    struct loop *loop;
    loop_done_fn done;
    struct loop_op *next; /* accepts that wait for free descriptors */
};

static inline bool loop_op_busy(const struct loop_op *op)
{
    return op->kind != LOOP_IDLE;
}

/* Receives at most `size_bytes`, at least 1, into `data`; result 0 is end of
 * stream. */
void loop_recv(struct loop *loop, struct loop_op *op, int fd, void *data,
               uint32_t size_bytes, loop_done_fn done);

/* Sends all of `data`, at least 1 byte: short sends are continued in here, so
 * that the result is `size_bytes` or -errno.  At most INT32_MAX bytes. */
void loop_send(struct loop *loop, struct loop_op *op, int fd, const void *data,
               uint32_t size_bytes, loop_done_fn done);

/* Accepts connections on `fd` until it is cancelled: the callback runs once
 * for each new descriptor (close-on-exec), which its receiver owns.  The last
 * call has a negative result, and only then the operation is idle again:
 * -ECANCELED, or an error that trying again cannot mend.
 *
 * Running out of descriptors is dealt with in here: the connection that cannot
 * be had is closed with the help of a descriptor kept spare, or waits a moment;
 * the loop never spins.  A log line says so. */
void loop_accept(struct loop *loop, struct loop_op *op, int fd,
                 loop_done_fn done);

/* Connects `fd`, a socket of address_family(address).  `address` is
 * copied.  Result 0 or -errno. */
void loop_connect(struct loop *loop, struct loop_op *op, int fd,
                  const struct address *address, loop_done_fn done);

/* Closes `fd`, which must have no other operation in flight. */
void loop_close(struct loop *loop, struct loop_op *op, int fd,
                loop_done_fn done);

/* Waits until `fd` shows one of `events` (POLLIN, POLLOUT; errors always
 * count); the result is the set that it shows. */
void loop_poll(struct loop *loop, struct loop_op *op, int fd, uint32_t events,
               loop_done_fn done);

/* The same again and again until it is cancelled.  It tells of changes (edge
 * triggered): who leaves something unread must come back for it by itself.
 * Ends as loop_accept() does. */
void loop_poll_many(struct loop *loop, struct loop_op *op, int fd,
                    uint32_t events, loop_done_fn done);

/* Asks for the end of `op`, which is busy.  Its callback still runs, once:
 * with -ECANCELED, or with the real result of one that was just done.  A second
 * cancel of the same operation changes nothing. */
void loop_cancel(struct loop *loop, struct loop_op *op);

/* Stops both directions of `fd` at once, which ends its receives and sends. */
void loop_shutdown(struct loop *loop, int fd);

/* ---- timers ---- */

typedef void (*loop_timer_fn)(struct loop_timer *timer);

/* Zero-initialise it.  `node.due_ns` may be read. */
struct loop_timer {
    struct heap_node node;
    loop_timer_fn fired;
};

static inline bool loop_timer_running(const struct loop_timer *timer)
{
    return heap_holds(&timer->node);
}

/* Runs `fired` once, at `due_ns` of the monotonic clock or some microseconds
 * after it; a time that is past means the next turn.  A timer that runs
 * already is moved.  It is not running any more when `fired` is called. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer,
                      uint64_t due_ns, loop_timer_fn fired);
/* Nothing happens if it does not run. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* ---- posts: the way back to the loop from any thread ---- */

typedef void (*loop_post_fn)(struct loop_post *post);

/* Zero-initialise it. */
struct loop_post {
    struct loop_post *next;
    loop_post_fn run;
    bool queued;
};

/* Runs `run` on the loop, in its next turn.  From any thread.  One that is
 * queued already stays where it is; it may be posted again from its `run`.
 * Posts of one thread run in order. */
void loop_post(struct loop *loop, struct loop_post *post, loop_post_fn run);

/* ---- works: what blocks, on threads of its own ---- */

typedef void (*loop_work_fn)(struct loop_work *work);

/* A queue whose works run one after another, in order, on whichever worker is
 * free; many strands share the threads.  Zero-initialise it.  It must stay in
 * place while one of its works is busy. */
struct loop_strand {
    struct loop_work *first;
    struct loop_work *last;
    bool running;
};

/* Zero-initialise it; only the loop writes its fields. */
struct loop_work {
    struct loop_work *next;
    struct loop_strand *strand;
    loop_work_fn run;
    loop_work_fn done;
    bool busy;
};

/* From the start until just before `done` is called. */
static inline bool loop_work_busy(const struct loop_work *work)
{
    return work->busy;
}

/* Calls `run` on a worker's thread, then `done` on the loop.  Works of one
 * strand run in the order of their start, never two at once, and their `done`s
 * come in that order; `strand` NULL means: whenever a worker is free. */
void loop_work_start(struct loop *loop, struct loop_strand *strand,
                     struct loop_work *work, loop_work_fn run,
                     loop_work_fn done);

/* ---- signals ---- */

struct loop_signals;
typedef void (*loop_signals_fn)(struct loop_signals *signals, int number);

/* Zero-initialise it; it stays in place until loop_free(). */
struct loop_signals {
    struct loop_op op;
    int fd;
    loop_signals_fn caught;
};

/* Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 in the calling thread and those
 * it starts later, and ignores SIGPIPE.  To be called before any thread is
 * started, loop_open() included. */
void loop_signals_block(void);

/* Tells the loop's owner of each signal of that list.  Returns 0 or -errno. */
MUST_USE int loop_signals_open(struct loop *loop, struct loop_signals *signals,
                               loop_signals_fn caught);

#endif
