#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop_private.h"

/* Enough for what one turn starts; a turn that starts more submits in
 * between. */
#define SQ_ENTRIES 512
/* Multishot operations complete many times a turn; what does not fit is kept
 * by the kernel, slowly. */
#define CQ_ENTRIES 8192
#define CQE_BATCH 64
/* Several turns of a busy loop. */
#define SLICE_NS UINT64_C(500000)

int loop_open(struct loop **opened, uint32_t worker_count)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int ret;

    CHECK(worker_count >= 1);
    CHECK(worker_count <= LOOP_WORKERS_MAX);

    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return -ENOMEM;
    loop->now_ns = clock_mono_ns();

    ret = io_uring_queue_init_params(SQ_ENTRIES, &loop->ring, &params);
    if (ret < 0)
        goto free_loop;
    loop->starved.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (loop->starved.spare_fd < 0) {
        ret = -errno;
        goto close_ring;
    }
    ret = loop_posts_open(loop);
    if (ret < 0)
        goto close_spare;
    ret = loop_workers_open(loop, worker_count);
    if (ret < 0)
        goto close_posts;

    /* The default lets the kernel be 50 us late so as to save wake-ups: that
     * is a whole train of datagrams at 10 Gbit/s. */
    prctl(PR_SET_TIMERSLACK, 1);
    *opened = loop;
    return 0;

close_posts:
    loop_posts_close(loop);
close_spare:
    close(loop->starved.spare_fd);
close_ring:
    io_uring_queue_exit(&loop->ring);
free_loop:
    free(loop);
    return ret;
}

void loop_free(struct loop *loop)
{
    struct io_uring_sync_cancel_reg all = {
        .flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
        .timeout = {.tv_sec = 1},
    };

    if (loop == NULL)
        return;
    loop_workers_close(loop);
    /* Closing the ring alone ends its operations some time later: buffers
     * could be written to after their owners freed them. */
    io_uring_submit(&loop->ring);
    io_uring_register_sync_cancel(&loop->ring, &all);
    io_uring_queue_exit(&loop->ring);
    loop_posts_close(loop);
    if (loop->starved.spare_fd >= 0)
        close(loop->starved.spare_fd);
    if (loop->signals != NULL)
        close(loop->signals->fd);
    heap_free(&loop->timers);
    free(loop);
}

uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

uint32_t loop_busy_count(const struct loop *loop)
{
    return loop->busy_count;
}

/* ---- starting operations ---- */

static struct io_uring_sqe *take_sqe(struct loop *loop)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

    if (sqe == NULL) {
        /* The queue is full of work not yet submitted: make room. */
        io_uring_submit(&loop->ring);
        sqe = io_uring_get_sqe(&loop->ring);
        CHECK(sqe != NULL);
    }
    return sqe;
}

static void prepare(struct loop_op *op, struct io_uring_sqe *sqe)
{
    switch (op->kind) {
    case LOOP_RECV:
        io_uring_prep_recv(sqe, op->fd, op->data, op->size_bytes, 0);
        return;
    case LOOP_SEND:
        io_uring_prep_send(sqe, op->fd, (const char *)op->sent + op->sent_bytes,
                           op->size_bytes - op->sent_bytes,
                           MSG_NOSIGNAL | MSG_WAITALL);
        return;
    case LOOP_ACCEPT:
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
        return;
    case LOOP_CONNECT:
        io_uring_prep_connect(sqe, op->fd, &op->peer.any, op->peer.size_bytes);
        return;
    case LOOP_CLOSE:
        io_uring_prep_close(sqe, op->fd);
        return;
    case LOOP_POLL:
        io_uring_prep_poll_add(sqe, op->fd, op->events);
        return;
    case LOOP_POLL_MANY:
        io_uring_prep_poll_multishot(sqe, op->fd, op->events);
        return;
    case LOOP_IDLE:
        NEVER("an idle operation is submitted");
    }
}

void loop_op_submit(struct loop_op *op)
{
    struct io_uring_sqe *sqe = take_sqe(op->loop);

    prepare(op, sqe);
    io_uring_sqe_set_data(sqe, op);
}

/* `template` has what the kind needs. */
static void start(struct loop *loop, struct loop_op *op, int fd,
                  loop_done_fn done, struct loop_op template)
{
    CHECK(!loop_op_busy(op));
    CHECK(done != NULL);

    *op = template;
    op->fd = fd;
    op->loop = loop;
    op->done = done;
    loop->busy_count++;
    loop_op_submit(op);
}

void loop_recv(struct loop *loop, struct loop_op *op, int fd, void *data,
               uint32_t size_bytes, loop_done_fn done)
{
    CHECK(size_bytes >= 1);
    start(loop, op, fd, done,
          (struct loop_op){
              .kind = LOOP_RECV, .data = data, .size_bytes = size_bytes});
}

void loop_send(struct loop *loop, struct loop_op *op, int fd, const void *data,
               uint32_t size_bytes, loop_done_fn done)
{
    CHECK(size_bytes >= 1);
    CHECK(size_bytes <= INT32_MAX);
    start(loop, op, fd, done,
          (struct loop_op){
              .kind = LOOP_SEND, .sent = data, .size_bytes = size_bytes});
}

void loop_accept(struct loop *loop, struct loop_op *op, int fd,
                 loop_done_fn done)
{
    start(loop, op, fd, done, (struct loop_op){.kind = LOOP_ACCEPT});
}

void loop_connect(struct loop *loop, struct loop_op *op, int fd,
                  const struct address *address, loop_done_fn done)
{
    start(loop, op, fd, done,
          (struct loop_op){
              .kind = LOOP_CONNECT,
              .peer = address_to_sockaddr(address, address_family(address)),
          });
}

void loop_close(struct loop *loop, struct loop_op *op, int fd,
                loop_done_fn done)
{
    start(loop, op, fd, done, (struct loop_op){.kind = LOOP_CLOSE});
}

void loop_poll(struct loop *loop, struct loop_op *op, int fd, uint32_t events,
               loop_done_fn done)
{
    start(loop, op, fd, done,
          (struct loop_op){.kind = LOOP_POLL, .events = events});
}

void loop_poll_many(struct loop *loop, struct loop_op *op, int fd,
                    uint32_t events, loop_done_fn done)
{
    start(loop, op, fd, done,
          (struct loop_op){.kind = LOOP_POLL_MANY, .events = events});
}

void loop_cancel(struct loop *loop, struct loop_op *op)
{
    CHECK(loop_op_busy(op));
    CHECK(op->loop == loop);
    if (op->cancelled)
        return;
    op->cancelled = true;

    /* Should the kernel not know of it (any more), this does nothing: an
     * operation that is done waits in the completion queue, and an accept may
     * wait for descriptors. */
    struct io_uring_sqe *sqe = take_sqe(loop);
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL);
    if (op->kind == LOOP_ACCEPT)
        loop_accept_wake(loop);
}

void loop_shutdown(struct loop *loop, int fd)
{
    (void)loop; /* the call does not block, so that it need not wait a turn */
    shutdown(fd, SHUT_RDWR);
}

/* ---- ending them ---- */

void loop_op_finish(struct loop_op *op, int result)
{
    CHECK(op->loop->busy_count > 0);
    op->loop->busy_count--;
    op->kind = LOOP_IDLE; /* before the callback, which may reuse it */
    op->done(op, result);
}

static void send_result(struct loop_op *op, int result)
{
    if (result > 0) {
        op->sent_bytes += (uint32_t)result;
        CHECK(op->sent_bytes <= op->size_bytes);
        result = (int)op->size_bytes;
        if (op->sent_bytes < op->size_bytes) {
            if (!op->cancelled) {
                loop_op_submit(op);
                return;
            }
            result = -ECANCELED;
        }
    }
    loop_op_finish(op, result);
}

static void poll_many_result(struct loop_op *op, int result, bool more)
{
    if (more) {
        if (!op->cancelled)
            op->done(op, result);
    } else if (op->cancelled) {
        loop_op_finish(op, -ECANCELED);
    } else if (result >= 0) {
        /* The kernel may end it whenever it likes, as when the completion
         * queue is full: armed again, nothing is missed. */
        loop_op_submit(op);
        op->done(op, result);
    } else {
        loop_op_finish(op, result);
    }
}

static void complete(struct loop_op *op, int result, bool more)
{
    CHECK(loop_op_busy(op));
    if (result == -EINTR && !more && !op->cancelled) {
        loop_op_submit(op);
        return;
    }

    switch (op->kind) {
    case LOOP_SEND:
        send_result(op, result);
        return;
    case LOOP_ACCEPT:
        loop_accept_result(op, result, more);
        return;
    case LOOP_POLL_MANY:
        poll_many_result(op, result, more);
        return;
    case LOOP_RECV:
    case LOOP_CONNECT:
    case LOOP_CLOSE:
    case LOOP_POLL:
        loop_op_finish(op, result);
        return;
    case LOOP_IDLE:
        NEVER("an idle operation completes");
    }
}

/* ---- the turn ---- */

/* Completions are copied before their callbacks run: a callback starts new
 * work, which may submit.  The copies stay good since an operation is busy, and
 * so its owner keeps it, until its last completion has been told. */
static void run_completions(struct loop *loop)
{
    struct io_uring_cqe *cqes[CQE_BATCH];
    struct io_uring_cqe copies[CQE_BATCH];
    unsigned count;

    do {
        count = io_uring_peek_batch_cqe(&loop->ring, cqes, CQE_BATCH);
        for (unsigned i = 0; i < count; i++)
            copies[i] = *cqes[i];
        io_uring_cq_advance(&loop->ring, count);

        for (unsigned i = 0; i < count; i++) {
            struct loop_op *op = io_uring_cqe_get_data(&copies[i]);
            if (op != NULL) /* cancels have none: their operation tells */
                complete(op, copies[i].res,
                         (copies[i].flags & IORING_CQE_F_MORE) != 0);
        }
    } while (count == CQE_BATCH);
}

/* Submits, and waits for a completion or the first timer.  The clock is read
 * as the last thing before the kernel makes an absolute deadline of the wait,
 * so that a wait is late by the kernel's own wake-up time only. */
static void wait_for_work(struct loop *loop)
{
    struct __kernel_timespec wait, *limit = NULL;
    struct io_uring_cqe *first;
    uint64_t wait_ns = UINT64_MAX;
    int ret;

    const struct heap_node *next = heap_first(&loop->timers);
    if (loop_posts_pending(loop)) {
        wait_ns = 0;
    } else if (next != NULL) {
        uint64_t now_ns = clock_mono_ns();
        wait_ns = next->due_ns > now_ns ? next->due_ns - now_ns : 0;
    }

    if (wait_ns == 0) {
        ret = io_uring_submit_and_get_events(&loop->ring);
    } else {
        if (wait_ns != UINT64_MAX) {
            wait.tv_sec = (int64_t)(wait_ns / 1000000000);
            wait.tv_nsec = (long long)(wait_ns % 1000000000);
            limit = &wait;
        }
        ret = io_uring_submit_and_wait_timeout(&loop->ring, &first, 1, limit,
                                               NULL);
    }
    /* EBUSY and EAGAIN: the completion queue overflowed or memory is short;
     * the completions that are there make room. */
    CHECK(ret >= 0 || ret == -ETIME || ret == -EINTR || ret == -EBUSY ||
          ret == -EAGAIN);
}

void loop_run_once(struct loop *loop)
{
    wait_for_work(loop);
    loop->now_ns = clock_mono_ns();
    run_completions(loop);
    loop_timer_run(loop);
    loop_posts_run(loop);
}

/* The scheduler (Linux 6.12 and later) lets a thread that asks for short slices
 * run sooner when it wakes up.  Older ones ignore it: no matter. */
static void ask_for_short_slices(void)
{
    /* As sched_setattr(2) has it, in its first form: the C library has none,
     * and the kernel's header does not go with that of the library. */
    struct {
        uint32_t size_bytes;
        uint32_t policy; /* 0 = SCHED_OTHER */
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns;
        uint64_t deadline_ns;
        uint64_t period_ns;
    } attr = {
        .size_bytes = sizeof attr,
        .nice = getpriority(PRIO_PROCESS, 0),
        .runtime_ns = SLICE_NS,
    };

    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

void loop_run(struct loop *loop)
{
    ask_for_short_slices();
    loop->stopped = false;
    while (!loop->stopped)
        loop_run_once(loop);
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
