#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"

/* One process, one background, one file. */
static int ready_fd = -1;
static int pid_fd = -1;
static char pid_path[PATH_MAX];

/* The caller's process: ends with the server's word, or without it. */
static _Noreturn void wait_for_word(int fd)
{
    unsigned char code;
    ssize_t got;

    do
        got = read(fd, &code, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(code);
    say("the server ended before it was ready; run it with --no-daemon to see "
        "why");
    _exit(EXIT_FAILED);
}

int daemon_start(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    if (child > 0) {
        close(ends[1]);
        waitpid(child, NULL, 0); /* it ends as soon as it has forked */
        wait_for_word(ends[0]);
    }
    close(ends[0]);
    setsid();
    /* Not the session's leader, so that no terminal can become its own. */
    child = fork();
    if (child != 0)
        _exit(0); /* a failed fork shows as an end without a word */
    ready_fd = ends[1];
    umask(022);
    if (chdir("/") != 0)
        return -errno;
    return 0;
}

void daemon_ready(int code)
{
    unsigned char word = (unsigned char)code;

    if (ready_fd < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    (void)!write(ready_fd, &word, 1);
    close(ready_fd);
    ready_fd = -1;
}

/* ---- the PID file ---- */

static int read_holder(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        return lock.l_pid;
    return 0;
}

int pid_file_take(const char *path, int *holder)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[16];

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        int error = errno;
        *holder = read_holder(fd);
        close(fd);
        return error == EACCES ? -EAGAIN : -error;
    }
    int size = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || write(fd, text, (size_t)size) != size) {
        int error = errno;
        unlink(path);
        close(fd);
        return -error;
    }
    pid_fd = fd;
    snprintf(pid_path, sizeof pid_path, "%s", path);
    return 0;
}

void pid_file_give(void)
{
    if (pid_fd < 0)
        return;
    unlink(pid_path); /* while it is locked: it is still ours */
    close(pid_fd);
    pid_fd = -1;
}

/* ---- hardening ---- */

void harden_process(void)
{
    struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
