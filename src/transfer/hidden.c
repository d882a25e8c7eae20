#include "transfer/hidden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "crypto/hash.h"

#define PREFIX ".ferry-"
#define PREFIX_BYTES 7u
#define DIGITS 16u
#define PARTIAL ".partial"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* What follows prefix and digits, or absent. */
static struct text behind_digits(struct text name)
{
    if (!text_starts_with(name, PREFIX) ||
        name.size_bytes <= PREFIX_BYTES + DIGITS)
        return TEXT_ABSENT;
    for (uint32_t i = 0; i < DIGITS; i++) {
        if (!is_hex(name.data[PREFIX_BYTES + i]))
            return TEXT_ABSENT;
    }
    return text_from(name.data + PREFIX_BYTES + DIGITS,
                     name.size_bytes - PREFIX_BYTES - DIGITS);
}

static bool is_on_its_way(struct text name)
{
    struct text rest = behind_digits(name);

    if (rest.size_bytes < 2 || rest.data[0] != '-')
        return false;
    for (uint32_t i = 1; i < rest.size_bytes; i++) {
        if (rest.data[i] < '0' || rest.data[i] > '9')
            return false;
    }
    return true;
}

static bool is_partial(struct text name)
{
    return text_is(behind_digits(name), PARTIAL);
}

static bool ends_with(struct text name, struct text suffix)
{
    return suffix.size_bytes > 0 && name.size_bytes > suffix.size_bytes &&
           memcmp(name.data + name.size_bytes - suffix.size_bytes, suffix.data,
                  suffix.size_bytes) == 0;
}

bool hidden_is_name(struct text name, struct text resume_suffix)
{
    return is_on_its_way(name) || is_partial(name) ||
           ends_with(name, resume_suffix);
}

void hidden_partial_name(const char *name, char partial[HIDDEN_PARTIAL_BYTES])
{
    uint8_t digest[HASH_SHA256_BYTES];
    char *at = partial + PREFIX_BYTES;

    hash_once(HASH_SHA256, name, strlen(name), digest);
    memcpy(partial, PREFIX, PREFIX_BYTES);
    for (uint32_t i = 0; i < DIGITS / 2; i++)
        at += snprintf(at, 3, "%02x", digest[i]);
    memcpy(at, PARTIAL, sizeof PARTIAL);
}

/* ---- what a crash left ---- */

static bool is_old(const struct stat *info, int64_t now_us, int64_t idle_s)
{
    return (int64_t)info->st_mtim.tv_sec < now_us / 1000000 - idle_s;
}

/* Removes the file unless somebody has it. */
static bool remove_unlocked(int folder_fd, const char *name)
{
    int fd = openat(folder_fd, name,
                    O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    bool removed = false;

    if (fd < 0)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        removed = unlinkat(folder_fd, name, 0) == 0;
    close(fd);
    return removed;
}

/* Whether a side file's partial is gone; then it is of no use to anybody. */
static bool is_orphan(int folder_fd, struct text name,
                      struct text resume_suffix)
{
    char partial[LIMIT_NAME_BYTES + 1];
    struct stat info;

    name.size_bytes -= resume_suffix.size_bytes;
    return text_to_string(name, partial, sizeof partial) &&
           fstatat(folder_fd, partial, &info, AT_SYMLINK_NOFOLLOW) != 0 &&
           errno == ENOENT;
}

static bool sweep_one(int folder_fd, const char *name,
                      struct text resume_suffix, int64_t now_us)
{
    struct text text = text_of(name);
    bool side = ends_with(text, resume_suffix);
    struct stat info;

    if (!hidden_is_name(text, resume_suffix) ||
        fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode) || !is_old(&info, now_us, LIMIT_HIDDEN_IDLE_S))
        return false;
    if (!is_on_its_way(text) && !is_old(&info, now_us, LIMIT_PARTIAL_KEPT_S) &&
        !(side && is_orphan(folder_fd, text, resume_suffix)))
        return false;
    return remove_unlocked(folder_fd, name);
}

uint32_t hidden_sweep(int folder_fd, struct text resume_suffix, int64_t now_us)
{
    uint32_t removed = 0;
    const struct dirent *entry;
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while ((entry = readdir(folder)) != NULL)
        removed += sweep_one(fd, entry->d_name, resume_suffix, now_us);
    closedir(folder);
    return removed;
}
