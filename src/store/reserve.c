#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"

static void ask(struct reserve *reserve)
{
    int error = posix_fallocate(reserve->fd, 0, LIMIT_STORE_RESERVE_BYTES);

    reserve->held = error == 0;
    reserve->useless = error == EOPNOTSUPP || error == EINVAL;
    if (error != 0)
        (void)!ftruncate(reserve->fd, 0); /* what it got part of */
}

int reserve_open(struct reserve *reserve, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    *reserve = (struct reserve){.fd = fd};
    ask(reserve);
    return 0;
}

void reserve_close(struct reserve *reserve)
{
    close(reserve->fd);
    reserve->fd = -1;
}

bool reserve_give_up(struct reserve *reserve)
{
    if (!reserve->held)
        return false;
    reserve->held = false;
    return ftruncate(reserve->fd, 0) == 0;
}

bool reserve_take(struct reserve *reserve)
{
    struct statvfs status;

    if (reserve->held || reserve->useless)
        return true;
    /* Asking for what is not there would use up, for a moment, what others
     * write to; and what just fits would be given up again at once. */
    if (fstatvfs(reserve->fd, &status) != 0 ||
        (uint64_t)status.f_bavail * status.f_frsize <
            2 * (uint64_t)LIMIT_STORE_RESERVE_BYTES)
        return false;
    ask(reserve);
    return reserve->held || reserve->useless;
}
