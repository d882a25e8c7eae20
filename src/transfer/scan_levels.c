/* The folders on the way down, and the entries of the innermost. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transfer/hidden.h"
#include "transfer/scan_parts.h"

/* Folders that are kept open on the way down; those above are opened again,
 * at the entry where they were left, when the walk comes back. */
#define LEVELS_OPEN_MAX 16u
/* Some hundred names. */
#define LEVEL_BYTES 16384u

/* The layout of the kernel's getdents64(). */
struct linux_entry {
    uint64_t inode;
    int64_t next;
    uint16_t size_bytes;
    uint8_t type;
    char name[];
};

static void close_level(struct level *level)
{
    if (level->fd >= 0)
        close(level->fd);
    free(level->buffer);
    level->fd = -1;
    level->buffer = NULL;
    level->have_bytes = 0;
    level->at_bytes = 0;
}

void scan_close_levels(struct scan *scan)
{
    for (uint32_t i = 0; i < scan->level_count; i++)
        close_level(&scan->levels[i]);
    free(scan->levels);
}

static int open_level(struct scan *scan, struct level *level)
{
    level->buffer = malloc(LEVEL_BYTES);
    if (level->buffer == NULL)
        return -ENOMEM;
    scan->path[level->path_bytes] = '\0';
    level->fd = docroot_open_folder(&scan->docroot, scan->path);
    if (level->fd < 0) {
        int ret = level->fd;
        close_level(level);
        return ret;
    }
    if (level->next_entry != 0 &&
        lseek(level->fd, level->next_entry, SEEK_SET) < 0) {
        int ret = -errno;
        close_level(level);
        return ret;
    }
    return 0;
}

int scan_enter(struct scan *scan, const struct stat *info)
{
    if (scan->level_count == scan->level_room) {
        uint32_t room = scan->level_room ? scan->level_room * 2 : 16;
        struct level *levels = realloc(scan->levels, room * sizeof *levels);
        if (levels == NULL)
            return -ENOMEM;
        scan->levels = levels;
        scan->level_room = room;
    }

    struct level level = {
        .path_bytes = (uint32_t)strlen(scan->path),
        .fd = -1,
        .device = info->st_dev,
        .inode = info->st_ino,
    };
    int ret = open_level(scan, &level);
    if (ret != 0)
        return ret;
    if (scan->level_count >= LEVELS_OPEN_MAX)
        close_level(&scan->levels[scan->level_count - LEVELS_OPEN_MAX]);
    scan->levels[scan->level_count++] = level;
    return 0;
}

bool scan_is_loop(const struct scan *scan, const struct stat *info)
{
    for (uint32_t i = 0; i < scan->level_count; i++) {
        if (scan->levels[i].device == info->st_dev &&
            scan->levels[i].inode == info->st_ino)
            return true;
    }
    return false;
}

/* The next entry of the innermost folder, or NULL at its end, or when it
 * cannot be read on: then `*error` is an errno. */
static const struct linux_entry *next_entry(struct scan *scan, int *error)
{
    struct level *level = &scan->levels[scan->level_count - 1];

    *error = 0;
    if (level->fd < 0) {
        *error = -open_level(scan, level);
        if (*error != 0)
            return NULL;
    }
    if (level->at_bytes == level->have_bytes) {
        long have =
            syscall(SYS_getdents64, level->fd, level->buffer, LEVEL_BYTES);
        if (have <= 0) {
            *error = have < 0 ? errno : 0;
            return NULL;
        }
        level->have_bytes = (uint32_t)have;
        level->at_bytes = 0;
    }
    const struct linux_entry *entry =
        (const void *)(level->buffer + level->at_bytes);
    level->at_bytes += entry->size_bytes;
    level->next_entry = entry->next;
    return entry;
}

static void leave_level(struct scan *scan)
{
    close_level(&scan->levels[--scan->level_count]);
}

void scan_step_entry(struct scan *scan, struct batch_work *work)
{
    struct level *level = &scan->levels[scan->level_count - 1];
    struct stat info;
    int error;

    scan->path[level->path_bytes] = '\0';
    const struct linux_entry *entry = next_entry(scan, &error);
    if (entry == NULL) {
        if (error != 0)
            scan_put_failure(scan, work, error);
        leave_level(scan);
        return;
    }
    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0 ||
        hidden_is_name(text_of(entry->name), scan->options.resume_suffix))
        return;
    if (docroot_join(scan->path, scan->path, entry->name) != 0) {
        scan_put_failure(scan, work, ENAMETOOLONG);
        return;
    }
    if (fstatat(level->fd, entry->name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) /* removed since the folder was read: not ours */
            scan_put_failure(scan, work, errno);
        return;
    }
    scan_put_entry(scan, work, &info);
}
