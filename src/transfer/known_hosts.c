#include "transfer/known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

/* "[" host "]:" port " " */
#define NAME_BYTES 300u

static bool format_name(struct text host, uint16_t port, char name[NAME_BYTES])
{
    if (host.size_bytes > 256)
        return false;
    snprintf(name, NAME_BYTES, "[%.*s]:%u ", (int)host.size_bytes, host.data,
             (unsigned)port);
    return true;
}

/* Reads the whole file; the caller frees `*data`. */
static int read_file(int fd, char **data, uint32_t *size_bytes)
{
    uint32_t have = 0;
    char *buffer = malloc(LIMIT_KNOWN_HOSTS_BYTES);

    if (buffer == NULL)
        return -ENOMEM;
    for (;;) {
        ssize_t got =
            pread(fd, buffer + have, LIMIT_KNOWN_HOSTS_BYTES - have, (off_t)have);
        if (got < 0) {
            int ret = -errno;
            free(buffer);
            return ret;
        }
        if (got == 0)
            break;
        have += (uint32_t)got;
        if (have == LIMIT_KNOWN_HOSTS_BYTES) {
            free(buffer);
            return -EFBIG;
        }
    }
    *data = buffer;
    *size_bytes = have;
    return 0;
}

/* 1 with the fingerprint of the first line about `name`, 0 for none. */
static int find_line(const char *data, uint32_t size_bytes, const char *name,
                     struct fingerprint *fingerprint)
{
    const char *at = data;
    const char *end = data + size_bytes;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        struct text line = text_from(at, (size_t)(stop - at));
        if (text_starts_with(line, name)) {
            uint32_t name_bytes = (uint32_t)strlen(name);
            struct text rest = text_trim(text_from(
                line.data + name_bytes, line.size_bytes - name_bytes));
            return fingerprint_parse(rest, fingerprint) ? 1 : -EBADMSG;
        }
        at = stop + 1;
    }
    return 0;
}

static int find_in(int fd, const char *name, struct fingerprint *fingerprint)
{
    char *data = NULL;
    uint32_t size_bytes = 0;
    int ret = read_file(fd, &data, &size_bytes);

    if (ret != 0)
        return ret;
    ret = find_line(data, size_bytes, name, fingerprint);
    free(data);
    return ret;
}

/* Whether the last line has no end, as an editor or a full disk leaves it: what
 * is added behind it would become a part of it.  1, 0 or -errno. */
static int is_line_open(int fd)
{
    off_t size_bytes = lseek(fd, 0, SEEK_END);
    char last;

    if (size_bytes < 0)
        return -errno;
    if (size_bytes == 0)
        return 0;
    if (pread(fd, &last, 1, size_bytes - 1) != 1)
        return -EIO;
    return last != '\n';
}

static int add_line(int fd, const char *name, struct fingerprint fingerprint)
{
    char digest[FINGERPRINT_TEXT_BYTES + 1];
    int line_open = is_line_open(fd);

    if (line_open < 0)
        return line_open;
    fingerprint_format(fingerprint, digest);
    if (dprintf(fd, "%s%s%s\n", line_open ? "\n" : "", name, digest) < 0 ||
        fsync(fd) != 0)
        return -errno;
    return 0;
}

int known_hosts_find(const char *path, struct text host, uint16_t port,
                     struct fingerprint *fingerprint)
{
    char name[NAME_BYTES];

    if (!format_name(host, port, name))
        return -EINVAL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int ret = find_in(fd, name, fingerprint);
    close(fd);
    return ret;
}

/* Opens the file, or creates it, with the folder that it is in. */
static int open_to_add(const char *path)
{
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC;
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int fd = open(path, flags, 0600);

    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? fd : -errno;
    if (slash == NULL || slash == path ||
        !text_to_string(text_from(path, (size_t)(slash - path)), folder,
                        sizeof folder))
        return -ENOENT;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return -errno;
    fd = open(path, flags, 0600);
    return fd >= 0 ? fd : -errno;
}

int known_hosts_add(const char *path, struct text host, uint16_t port,
                    struct fingerprint fingerprint)
{
    char name[NAME_BYTES];
    struct fingerprint found;
    int ret = -EINVAL;

    if (!format_name(host, port, name))
        return ret;
    int fd = open_to_add(path);
    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_EX) != 0) {
        ret = -errno;
        goto close_fd;
    }
    ret = find_in(fd, name, &found);
    if (ret == 1)
        ret = fingerprint_equal(found, fingerprint) ? 0 : -EEXIST;
    else if (ret == 0)
        ret = add_line(fd, name, fingerprint);

close_fd:
    close(fd); /* gives the lock back, too */
    return ret;
}
