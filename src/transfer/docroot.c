#include "transfer/docroot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A lookup races with renames elsewhere on the disk: the kernel then says
 * EAGAIN, and openat2(2) advises to try again. */
#define OPEN_TRIES 64

static int open_beneath(int root_fd, bool is_whole, const char *path, int flags,
                        mode_t mode)
{
    struct open_how how = {
        .flags = (uint32_t)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_NO_MAGICLINKS |
                   (is_whole ? RESOLVE_IN_ROOT : RESOLVE_BENEATH),
    };
    long fd = -1;

    if (path[0] == '\0')
        path = ".";
    for (int i = 0; i < OPEN_TRIES; i++) {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -errno;
}

static int open_in(const struct docroot *docroot, const char *path, int flags)
{
    return open_beneath(docroot->fd, docroot->is_whole, path, flags, 0);
}

int docroot_open(struct docroot *docroot, struct text path)
{
    char string[LIMIT_PATH_BYTES];

    if (!text_to_string(path, string, sizeof string))
        return text_is_absent(path) ? -ENOENT : -ENAMETOOLONG;
    if (string[0] != '/')
        return -EINVAL;

    int fd = open(string, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;

    *docroot = (struct docroot){
        .fd = fd,
        .is_whole = strspn(string, "/") == strlen(string),
    };
    return 0;
}

static void forget(struct docroot_folder *folder)
{
    if (folder->path == NULL)
        return;
    close(folder->fd);
    free(folder->path);
    *folder = (struct docroot_folder){0};
}

void docroot_close(struct docroot *docroot)
{
    if (docroot->fd < 0)
        return;
    for (int i = 0; i < DOCROOT_FOLDERS; i++)
        forget(&docroot->folders[i]);
    close(docroot->fd);
    docroot->fd = -1;
}

/* Cuts the last component off the path of `size_bytes`. */
static uint32_t cut_last(const char *path, uint32_t size_bytes)
{
    while (size_bytes > 0 && path[size_bytes - 1] != '/')
        size_bytes--;
    return size_bytes > 0 ? size_bytes - 1 : 0;
}

/* Adds one component, which is not empty, to the path so far. */
static int add_component(char *path, uint32_t *used_bytes, const char *name,
                         uint32_t name_bytes)
{
    if (name_bytes == 1 && name[0] == '.')
        return 0;
    if (name_bytes == 2 && name[0] == '.' && name[1] == '.') {
        if (*used_bytes == 0)
            return -EXDEV;
        *used_bytes = cut_last(path, *used_bytes);
        return 0;
    }
    if (name_bytes > LIMIT_NAME_BYTES ||
        *used_bytes + 1 + name_bytes + 1 > LIMIT_PATH_BYTES)
        return -ENAMETOOLONG;
    if (*used_bytes > 0)
        path[(*used_bytes)++] = '/';
    memcpy(path + *used_bytes, name, name_bytes);
    *used_bytes += name_bytes;
    return 0;
}

int docroot_path(struct text given, char path[LIMIT_PATH_BYTES])
{
    uint32_t used_bytes = 0;
    uint32_t at = 0;

    while (at < given.size_bytes) {
        uint32_t start = at;
        while (at < given.size_bytes && given.data[at] != '/') {
            if (given.data[at] == '\0')
                return -EINVAL;
            at++;
        }
        if (at > start) {
            int ret = add_component(path, &used_bytes, given.data + start,
                                    at - start);
            if (ret != 0)
                return ret;
        }
        at++;
    }
    path[used_bytes] = '\0';
    return 0;
}

const char *docroot_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

int docroot_join(char path[LIMIT_PATH_BYTES], const char *folder,
                 const char *name)
{
    size_t folder_bytes = strlen(folder);
    size_t name_bytes = strlen(name);
    size_t slash_bytes = folder_bytes > 0 && name_bytes > 0 ? 1 : 0;

    if (folder_bytes + slash_bytes + name_bytes >= LIMIT_PATH_BYTES)
        return -ENAMETOOLONG;
    memmove(path + folder_bytes + slash_bytes, name, name_bytes + 1);
    memmove(path, folder, folder_bytes);
    if (slash_bytes > 0)
        path[folder_bytes] = '/';
    return 0;
}

/* The descriptor of the folder that holds `path`, borrowed until the next
 * call, and the name in it.  Returns -errno when it cannot be opened. */
static int open_parent(struct docroot *docroot, const char *path,
                       const char **name)
{
    struct docroot_folder *oldest = &docroot->folders[0];

    *name = docroot_name(path);
    if (*name == path)
        return docroot->fd;

    size_t parent_bytes = (size_t)(*name - path) - 1;
    docroot->uses++;
    for (int i = 0; i < DOCROOT_FOLDERS; i++) {
        struct docroot_folder *folder = &docroot->folders[i];
        if (folder->path != NULL && strlen(folder->path) == parent_bytes &&
            memcmp(folder->path, path, parent_bytes) == 0) {
            folder->used_at = docroot->uses;
            return folder->fd;
        }
        if (folder->used_at < oldest->used_at)
            oldest = folder;
    }

    char *parent = strndup(path, parent_bytes);
    if (parent == NULL)
        return -ENOMEM;
    int fd = open_in(docroot, parent, O_PATH | O_DIRECTORY);
    if (fd < 0) {
        free(parent);
        return fd;
    }
    forget(oldest);
    *oldest = (struct docroot_folder){parent, fd, docroot->uses};
    return fd;
}

/* Drops what is kept of the folder that holds `path`: somebody removed it. */
static void forget_parent(struct docroot *docroot, const char *path)
{
    const char *name = docroot_name(path);

    for (int i = 0; i < DOCROOT_FOLDERS && name > path; i++) {
        struct docroot_folder *folder = &docroot->folders[i];
        size_t parent_bytes = (size_t)(name - path) - 1;
        if (folder->path != NULL && strlen(folder->path) == parent_bytes &&
            memcmp(folder->path, path, parent_bytes) == 0)
            forget(folder);
    }
}

int docroot_open_file(struct docroot *docroot, const char *path,
                      struct stat *info)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;

    /* A link may point to anywhere in the docroot, so a path with one is
     * resolved from the top. */
    int fd = open_beneath(parent_fd, docroot->is_whole, name,
                          O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);
    if (fd == -ELOOP)
        fd = open_in(docroot, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;

    int ret = fstat(fd, info) != 0 ? -errno : 0;
    if (ret == 0 && S_ISDIR(info->st_mode))
        ret = -EISDIR;
    else if (ret == 0 && !S_ISREG(info->st_mode))
        ret = -ENXIO;
    if (ret != 0) {
        close(fd);
        return ret;
    }
    return fd;
}

int docroot_open_folder(struct docroot *docroot, const char *path)
{
    return open_in(docroot, path, O_RDONLY | O_DIRECTORY);
}

int docroot_create_file(struct docroot *docroot, const char *path, mode_t mode)
{
    int fd = -ENOENT;

    for (int i = 0; i < 2 && fd == -ENOENT; i++) {
        const char *name;
        int parent_fd = open_parent(docroot, path, &name);
        if (parent_fd < 0)
            return parent_fd;
        fd = open_beneath(parent_fd, docroot->is_whole, name,
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
        if (fd == -ENOENT)
            forget_parent(docroot, path);
    }
    return fd;
}

int docroot_open_own(struct docroot *docroot, const char *path, bool create,
                     mode_t mode)
{
    const char *name;
    struct stat info;
    int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    if (create)
        flags |= O_CREAT;
    int fd = open_beneath(parent_fd, docroot->is_whole, name, flags,
                          create ? mode : 0);
    if (fd == -ELOOP || fd == -ENXIO || fd == -EISDIR)
        return -EEXIST;
    if (fd < 0)
        return fd;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1 ||
        info.st_uid != geteuid()) {
        close(fd);
        return -EEXIST;
    }
    return fd;
}

int docroot_reopen_file(struct docroot *docroot, const char *path)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    return open_beneath(parent_fd, docroot->is_whole, name,
                        O_WRONLY | O_NOFOLLOW, 0);
}

int docroot_stat(struct docroot *docroot, const char *path, struct stat *info)
{
    int fd = open_in(docroot, path, O_PATH);

    if (fd < 0)
        return fd;
    int ret = fstat(fd, info) != 0 ? -errno : 0;
    close(fd);
    return ret;
}

int docroot_stat_link(struct docroot *docroot, const char *path,
                      struct stat *info)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    if (name[0] == '\0')
        name = ".";
    return fstatat(parent_fd, name, info, AT_SYMLINK_NOFOLLOW) != 0 ? -errno
                                                                    : 0;
}

/* Of the folder that was made, and of nothing that took its name since. */
static int set_made_mode(const struct docroot *docroot, int parent_fd,
                         const char *name, mode_t mode)
{
    if (docroot->folder_mode == 0 && docroot->folder_grant == 0)
        return 0;
    int fd = openat(parent_fd, name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    mode_t made = docroot->folder_mode != 0 ? docroot->folder_mode
                                            : mode | docroot->folder_grant;
    int ret = fchmod(fd, made & 0777) != 0 ? -errno : 0;
    close(fd);
    return ret;
}

int docroot_make_folder(struct docroot *docroot, const char *path, mode_t mode,
                        bool *created)
{
    struct stat info;
    const char *name;

    *created = false;
    if (path[0] == '\0')
        return 0;

    int parent_fd = open_parent(docroot, path, &name);
    if (parent_fd < 0)
        return parent_fd;
    if (mkdirat(parent_fd, name, mode) == 0) {
        *created = true;
        return set_made_mode(docroot, parent_fd, name, mode);
    }
    if (errno != EEXIST)
        return -errno;

    int ret = docroot_stat(docroot, path, &info);
    if (ret == 0 && !S_ISDIR(info.st_mode))
        ret = -ENOTDIR;
    return ret;
}

int docroot_make_folders(struct docroot *docroot, const char *path)
{
    char part[LIMIT_PATH_BYTES];
    const char *slash = path;
    bool created;

    while (slash != NULL && path[0] != '\0') {
        slash = strchr(slash, '/');
        size_t part_bytes =
            slash != NULL ? (size_t)(slash - path) : strlen(path);
        memcpy(part, path, part_bytes);
        part[part_bytes] = '\0';
        int ret = docroot_make_folder(docroot, part, 0777, &created);
        if (ret != 0)
            return ret;
        if (slash != NULL)
            slash++;
    }
    return 0;
}

/* An entry, by its folder and its name there. */
struct entry {
    int fd; /* borrowed, as of open_parent() */
    const char *name;
};

/* The parents of two paths.  With 16 kept folders the second cannot push out
 * the first. */
static int open_two(struct docroot *docroot, const char *from, const char *to,
                    struct entry entries[2])
{
    const char *paths[2] = {from, to};

    for (int i = 0; i < 2; i++) {
        entries[i].fd = open_parent(docroot, paths[i], &entries[i].name);
        if (entries[i].fd < 0)
            return entries[i].fd;
    }
    return 0;
}

int docroot_rename(struct docroot *docroot, const char *from, const char *to)
{
    struct entry at[2];
    int ret = open_two(docroot, from, to, at);

    if (ret == 0 && renameat(at[0].fd, at[0].name, at[1].fd, at[1].name) != 0)
        ret = -errno;
    return ret;
}

int docroot_read_link(struct docroot *docroot, const char *path,
                      char target[LIMIT_PATH_BYTES])
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    ssize_t size = readlinkat(parent_fd, name, target, LIMIT_PATH_BYTES - 1);
    if (size < 0)
        return -errno;
    if (size == 0 || size == LIMIT_PATH_BYTES - 1)
        return -ENAMETOOLONG;
    target[size] = '\0';
    return (int)size;
}

int docroot_make_link(struct docroot *docroot, const char *target,
                      const char *path)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    return symlinkat(target, parent_fd, name) != 0 ? -errno : 0;
}

int docroot_link(struct docroot *docroot, const char *from, const char *to)
{
    struct entry at[2];
    int ret = open_two(docroot, from, to, at);

    if (ret == 0 && linkat(at[0].fd, at[0].name, at[1].fd, at[1].name, 0) != 0)
        ret = -errno;
    return ret;
}

int docroot_unlink(struct docroot *docroot, const char *path)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    return unlinkat(parent_fd, name, 0) != 0 ? -errno : 0;
}

int docroot_sync_parent(struct docroot *docroot, const char *path)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno; /* a drop box: nobody may list */
    int ret = fsync(fd) != 0 ? -errno : 0;
    close(fd);
    return ret;
}

int docroot_sync_all(struct docroot *docroot, const char *folder)
{
    int fd = docroot_open_folder(docroot, folder);

    if (fd < 0)
        return fd;
    int ret = syncfs(fd) != 0 ? -errno : 0;
    close(fd);
    return ret;
}

int docroot_set_owner(struct docroot *docroot, const char *path, uint32_t uid,
                      uint32_t gid)
{
    const char *name;
    int parent_fd = open_parent(docroot, path, &name);

    if (parent_fd < 0)
        return parent_fd;
    return fchownat(parent_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0
               ? -errno
               : 0;
}

int docroot_set_folder(struct docroot *docroot, const char *path, mode_t mode,
                       const struct timespec *times)
{
    struct stat info;
    int fd = docroot_open_folder(docroot, path);
    int ret = 0;

    if (fd < 0)
        return fd;
    if (fstat(fd, &info) != 0 || fchmod(fd, info.st_mode & mode & 0777) != 0 ||
        (times != NULL && futimens(fd, times) != 0))
        ret = -errno;
    close(fd);
    return ret;
}
