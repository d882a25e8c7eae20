/* The clocks of a binary for tests: src/base/clock.c, but the wall clock is off
 * by what the file $FERRY_TEST_CLOCK holds, an int64_t of microseconds, as if
 * somebody set it while the process runs. */
#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_us;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("FERRY_TEST_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *offset_us, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        offset_us = page;
    close(fd);
}

uint64_t clock_mono_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t clock_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 +
           (offset_us != NULL ? *offset_us : 0);
}
