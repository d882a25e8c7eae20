#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "io/loop_private.h"

static sigset_t caught_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    return set;
}

void loop_signals_block(void)
{
    sigset_t set = caught_signals();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void signals_polled(struct loop_op *op, int result)
{
    struct loop_signals *signals = OWNER_OF(op, struct loop_signals, op);
    struct signalfd_siginfo info;

    CHECK(result >= 0); /* it is ours, and waiting for it takes no memory */
    while (read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals->caught(signals, (int)info.ssi_signo);
}

int loop_signals_open(struct loop *loop, struct loop_signals *signals,
                      loop_signals_fn caught)
{
    sigset_t set = caught_signals();

    CHECK(loop->signals == NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    signals->fd = fd;
    signals->caught = caught;
    loop->signals = signals;
    loop_poll_many(loop, &signals->op, fd, POLLIN, signals_polled);
    loop->busy_count--; /* it is never ended: see loop_busy_count() */
    return 0;
}
