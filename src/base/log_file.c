#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 64
#define PATH_ROOM (PATH_MAX + NAME_ROOM + 32)
/* A rename and an open that fail are tried again with a later line, but not
 * with each one. */
#define RETRY_LINES 1000u

struct log_files {
    int fd; /* -1 = no file is open */
    char folder[PATH_MAX];
    char name[NAME_ROOM];
    uint64_t size_bytes;
    uint64_t size_bytes_max;
    uint32_t count_max;
    uint32_t lost_count;
    uint32_t hold_off; /* lines until the next try to turn */
};

static pthread_mutex_t log_file_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_files log_file = {.fd = -1};

/* `index` 0 is the file that is written. */
static void make_path(char path[PATH_ROOM], uint32_t index)
{
    if (index == 0)
        snprintf(path, PATH_ROOM, "%s/%s.log", log_file.folder, log_file.name);
    else
        snprintf(path, PATH_ROOM, "%s/%s.%u.log", log_file.folder,
                 log_file.name, index);
}

static int open_file(void)
{
    char path[PATH_ROOM];
    struct stat stat_of;

    make_path(path, 0);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                  0640);
    if (fd < 0)
        return -errno;
    if (log_file.fd >= 0)
        close(log_file.fd);
    log_file.fd = fd;
    log_file.size_bytes =
        fstat(fd, &stat_of) == 0 ? (uint64_t)stat_of.st_size : 0;
    return 0;
}

static void turn(void)
{
    char from[PATH_ROOM];
    char to[PATH_ROOM];

    make_path(to, log_file.count_max);
    unlink(to); /* with count_max 0 this is the file itself */
    for (uint32_t i = log_file.count_max; i > 0; i--) {
        make_path(from, i - 1);
        make_path(to, i);
        rename(from, to); /* most are not there at first */
    }
    if (open_file() != 0)
        log_file.hold_off = RETRY_LINES;
}

static void write_line(const char *line, size_t size)
{
    if (write(log_file.fd, line, size) == (ssize_t)size)
        log_file.size_bytes += size;
    else
        log_file.lost_count++;
}

static void add_line(enum log_level level, const char *line)
{
    char whole[LOG_LINE_BYTES_MAX + 16];
    int size = snprintf(whole, sizeof whole, "%s\n", line);

    (void)level;
    pthread_mutex_lock(&log_file_lock);
    if (log_file.hold_off > 0)
        log_file.hold_off--;
    else if (log_file.size_bytes > 0 &&
             log_file.size_bytes + (uint64_t)size > log_file.size_bytes_max)
        turn();
    uint32_t lost = log_file.lost_count;
    write_line(whole, (size_t)size);
    if (lost > 0 && log_file.lost_count == lost) {
        log_file.lost_count = 0;
        size = snprintf(whole, sizeof whole, "%u lines before were lost\n",
                        lost);
        write_line(whole, (size_t)size);
    }
    pthread_mutex_unlock(&log_file_lock);
}

int log_file_open(const char *folder, const char *name, uint64_t size_bytes_max,
                  uint32_t count_max)
{
    if (strlen(folder) >= sizeof log_file.folder ||
        strlen(name) >= sizeof log_file.name)
        return -ENAMETOOLONG;
    pthread_mutex_lock(&log_file_lock);
    struct log_files before = log_file;
    snprintf(log_file.folder, sizeof log_file.folder, "%s", folder);
    snprintf(log_file.name, sizeof log_file.name, "%s", name);
    log_file.size_bytes_max = size_bytes_max;
    log_file.count_max = count_max;
    log_file.hold_off = 0;
    int result = open_file();
    if (result != 0)
        log_file = before;
    pthread_mutex_unlock(&log_file_lock);
    if (result == 0)
        log_set_sink(add_line);
    return result;
}

void log_file_set_limits(uint64_t size_bytes_max, uint32_t count_max)
{
    pthread_mutex_lock(&log_file_lock);
    log_file.size_bytes_max = size_bytes_max;
    log_file.count_max = count_max;
    pthread_mutex_unlock(&log_file_lock);
}

int log_file_reopen(void)
{
    int result = 0;

    pthread_mutex_lock(&log_file_lock);
    if (log_file.fd >= 0)
        result = open_file();
    pthread_mutex_unlock(&log_file_lock);
    return result;
}

void log_file_close(void)
{
    log_set_sink(NULL);
    pthread_mutex_lock(&log_file_lock);
    if (log_file.fd >= 0)
        close(log_file.fd);
    log_file.fd = -1;
    pthread_mutex_unlock(&log_file_lock);
}
