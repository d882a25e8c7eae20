#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/loop_private.h"

/* Long enough not to show in a profile, short enough not to show to a client:
 * TCP's own first retry comes after a second. */
#define STARVED_RETRY_NS UINT64_C(100000000)
#define STARVED_LOG_NS UINT64_C(60000000000)
/* Turned away in one go; the backlog is rarely longer. */
#define TURN_AWAY_MAX 128

static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS ||
           error == -ENOMEM;
}

/* accept(2): errors that the network left on the new connection, or that a
 * firewall made; the listening socket is well. */
static bool is_passing(int error)
{
    return error == -ECONNABORTED || error == -EPROTO || error == -EPERM ||
           error == -ENETDOWN || error == -EHOSTDOWN ||
           error == -EHOSTUNREACH || error == -ENETUNREACH ||
           error == -ENONET || error == -ENOPROTOOPT;
}

/* Takes connections off the backlog and closes them, so that their clients
 * know at once and need not wait for a time-out.  The spare descriptor makes
 * room for one at a time. */
static void turn_away(struct loop *loop, int listen_fd)
{
    struct loop_starved *starved = &loop->starved;
    struct pollfd listening = {.fd = listen_fd, .events = POLLIN};

    for (uint32_t i = 0; i < TURN_AWAY_MAX && starved->spare_fd >= 0; i++) {
        if (poll(&listening, 1, 0) <= 0)
            return;
        close(starved->spare_fd);
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        starved->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

static void log_shortage(struct loop *loop, int error)
{
    struct loop_starved *starved = &loop->starved;

    if (starved->logged_ns != 0 &&
        loop->now_ns - starved->logged_ns < STARVED_LOG_NS)
        return;
    starved->logged_ns = loop->now_ns;
    LOG(io_no_descriptors, -error);
}

static void starved_retry(struct loop_timer *timer)
{
    struct loop *loop = OWNER_OF(timer, struct loop, starved.timer);
    struct loop_starved *starved = &loop->starved;
    struct loop_op *op = starved->first;

    if (starved->spare_fd < 0)
        starved->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    starved->first = NULL;
    while (op != NULL) {
        struct loop_op *next = op->next;
        op->next = NULL;
        if (op->cancelled)
            loop_op_finish(op, -ECANCELED);
        else
            loop_op_submit(op);
        op = next;
    }
}

static void starve(struct loop_op *op)
{
    struct loop_starved *starved = &op->loop->starved;

    op->next = starved->first;
    starved->first = op;
    if (!loop_timer_running(&starved->timer))
        loop_timer_start(op->loop, &starved->timer,
                         op->loop->now_ns + STARVED_RETRY_NS, starved_retry);
}

void loop_accept_wake(struct loop *loop)
{
    if (loop->starved.first != NULL)
        loop_timer_start(loop, &loop->starved.timer, loop->now_ns,
                         starved_retry);
}

/* The kernel has ended an accept that its owner wants to go on. */
static void go_on(struct loop_op *op, int result)
{
    if (result >= 0) {
        loop_op_submit(op);
    } else if (is_shortage(result)) {
        /* The kernel takes a descriptor before it looks for a connection, so
         * that trying again at once would fail at once, and so on. */
        log_shortage(op->loop, result);
        turn_away(op->loop, op->fd);
        starve(op);
    } else if (is_passing(result)) {
        starve(op);
    } else {
        loop_op_finish(op, result);
    }
}

void loop_accept_result(struct loop_op *op, int result, bool more)
{
    if (op->cancelled) {
        if (result >= 0)
            close(result);
        if (!more)
            loop_op_finish(op, -ECANCELED);
        return;
    }
    if (!more)
        go_on(op, result);
    if (result >= 0)
        op->done(op, result);
}
