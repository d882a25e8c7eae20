#include "cli/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

static int notify_fd = -1;
static struct sockaddr_un manager;
static socklen_t manager_bytes;
static uint64_t watchdog_ns; /* 0 = none */
static struct loop *watched;
static struct loop_timer watchdog;

static void __attribute__((format(printf, 1, 2)))
tell(const char *format, ...)
{
    char message[1024];
    va_list args;

    if (notify_fd < 0)
        return;
    va_start(args, format);
    int size = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (size > 0 && (size_t)size < sizeof message)
        sendto(notify_fd, message, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&manager, manager_bytes);
}

static void watchdog_fired(struct loop_timer *timer)
{
    tell("WATCHDOG=1");
    loop_timer_start(watched, timer, loop_now_ns(watched) + watchdog_ns,
                     watchdog_fired);
}

/* Fed twice in the manager's time, as systemd asks. */
static void read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (usec == NULL ||
        (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid()))
        return;
    watchdog_ns = (uint64_t)strtoull(usec, NULL, 10) * 1000 / 2;
}

void notify_open(struct loop *loop)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t path_bytes = path != NULL ? strlen(path) : 0;

    if (path_bytes < 2 || path_bytes >= sizeof manager.sun_path ||
        (path[0] != '/' && path[0] != '@'))
        return;
    manager.sun_family = AF_UNIX;
    memcpy(manager.sun_path, path, path_bytes);
    if (path[0] == '@')
        manager.sun_path[0] = '\0'; /* the abstract name space */
    manager_bytes =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes);
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    watched = loop;
    read_watchdog();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_ready(const char *status)
{
    tell("READY=1\nSTATUS=%s\nMAINPID=%d", status, (int)getpid());
    if (notify_fd >= 0 && watchdog_ns > 0 && !loop_timer_running(&watchdog))
        loop_timer_start(watched, &watchdog, loop_now_ns(watched) + watchdog_ns,
                         watchdog_fired);
}

void notify_reloading(void)
{
    tell("RELOADING=1\nMONOTONIC_USEC=%llu",
         (unsigned long long)(clock_mono_ns() / 1000));
}

void notify_stopping(void)
{
    tell("STOPPING=1\nSTATUS=ending sessions");
}
