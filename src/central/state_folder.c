#include "central/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "central/central.h"

#define IDENTITY_NAME "identity.pem"
#define IDENTITY_NEW_NAME "identity.pem.new"
/* Two PEM blocks of at most 1280 bytes of DER. */
#define IDENTITY_FILE_BYTES_MAX 8192

static int open_folder(const char *path, int *fd, char *error,
                       size_t error_bytes)
{
    struct stat stat;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        snprintf(error, error_bytes, "the state folder %s cannot be made: %s",
                 path, strerror(errno));
        return CENTRAL_BAD_CONFIG;
    }
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        snprintf(error, error_bytes, "the state folder %s cannot be opened: %s",
                 path, strerror(errno));
        return CENTRAL_BAD_CONFIG;
    }
    if (fstat(folder, &stat) != 0 ||
        (stat.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        snprintf(error, error_bytes,
                 "the state folder %s can be written by other users, who "
                 "could put keys into it: chmod 700 it",
                 path);
        goto close_folder;
    }
    if (faccessat(folder, ".", W_OK | X_OK, 0) != 0) {
        snprintf(error, error_bytes,
                 "the state folder %s cannot be written: %s", path,
                 strerror(errno));
        goto close_folder;
    }
    *fd = folder;
    return 0;

close_folder:
    close(folder);
    return CENTRAL_BAD_CONFIG;
}

static int lock_folder(struct state_folder *folder, char *error,
                       size_t error_bytes)
{
    int fd = openat(folder->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        snprintf(error, error_bytes,
                 "the state folder %s cannot be written: %s", folder->path,
                 strerror(errno));
        return CENTRAL_BAD_CONFIG;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, error_bytes,
                 "the state folder %s is in use by another server",
                 folder->path);
        close(fd);
        return CENTRAL_BAD_CONFIG;
    }
    folder->lock_fd = fd;
    return 0;
}

static ssize_t read_whole(int fd, char *data, size_t room_bytes)
{
    size_t used = 0;

    while (used < room_bytes) {
        ssize_t count = read(fd, data + used, room_bytes - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    return (ssize_t)used;
}

static int read_identity(struct state_folder *folder, int fd, char *error,
                         size_t error_bytes)
{
    char pem[IDENTITY_FILE_BYTES_MAX];
    struct stat stat;

    if (fstat(fd, &stat) != 0 || (stat.st_mode & 077) != 0) {
        snprintf(error, error_bytes,
                 "%s/" IDENTITY_NAME " holds the node's key, and other users "
                 "can read it: chmod 600 it",
                 folder->path);
        return CENTRAL_BAD_CONFIG;
    }
    ssize_t size = read_whole(fd, pem, sizeof pem);
    enum identity_result result = IDENTITY_NO_KEY;
    if (size >= 0)
        result =
            identity_parse(text_from(pem, (size_t)size), &folder->identity);
    explicit_bzero(pem, sizeof pem);
    if (result == IDENTITY_OK)
        return 0;
    snprintf(error, error_bytes,
             "%s/" IDENTITY_NAME " cannot be used: %s; restore it, or remove "
             "it and have every node that knows this one accept a new "
             "fingerprint",
             folder->path, identity_result_text(result));
    return CENTRAL_BAD_CONFIG;
}

/* Written beside and renamed, so that a crash leaves a whole file or none. */
static int write_identity(struct state_folder *folder, struct text pem)
{
    int fd =
        openat(folder->fd, IDENTITY_NEW_NAME,
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;

    int ret = 0;
    ssize_t written = write(fd, pem.data, pem.size_bytes);
    if (written != (ssize_t)pem.size_bytes)
        ret = written < 0 ? -errno : -EIO;
    else if (fsync(fd) != 0)
        ret = -errno;
    close(fd);
    if (ret == 0 &&
        renameat(folder->fd, IDENTITY_NEW_NAME, folder->fd, IDENTITY_NAME) != 0)
        ret = -errno;
    if (ret == 0 && fsync(folder->fd) != 0)
        ret = -errno;
    return ret;
}

static int make_identity(struct state_folder *folder, char *error,
                         size_t error_bytes)
{
    struct text_builder pem = {0};

    identity_make(&folder->identity);
    identity_format(&folder->identity, &pem);
    int ret = pem.failed ? -ENOMEM : write_identity(folder, text_built(&pem));
    if (pem.data != NULL)
        explicit_bzero(pem.data, pem.size_bytes);
    text_builder_free(&pem);
    if (ret == 0)
        return 0;
    snprintf(error, error_bytes, "%s/" IDENTITY_NAME " cannot be written: %s",
             folder->path, strerror(-ret));
    identity_wipe(&folder->identity);
    return CENTRAL_BAD_CONFIG;
}

static int open_identity(struct state_folder *folder, char *error,
                         size_t error_bytes)
{
    int fd =
        openat(folder->fd, IDENTITY_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int ret;

    if (fd >= 0) {
        ret = read_identity(folder, fd, error, error_bytes);
        close(fd);
        return ret;
    }
    if (errno == ENOENT)
        return make_identity(folder, error, error_bytes);
    snprintf(error, error_bytes, "%s/" IDENTITY_NAME " cannot be opened: %s",
             folder->path, strerror(errno));
    return CENTRAL_BAD_CONFIG;
}

int state_folder_open(struct state_folder *folder, const char *path,
                      char *error, size_t error_bytes)
{
    struct state_folder opened = {.path = path, .fd = -1, .lock_fd = -1};

    int ret = open_folder(path, &opened.fd, error, error_bytes);
    if (ret != 0)
        return ret;
    ret = lock_folder(&opened, error, error_bytes);
    if (ret != 0)
        goto close_folder;
    ret = open_identity(&opened, error, error_bytes);
    if (ret != 0)
        goto unlock;
    *folder = opened;
    identity_wipe(&opened.identity);
    return 0;

unlock:
    close(opened.lock_fd);
close_folder:
    close(opened.fd);
    return ret;
}

void state_folder_close(struct state_folder *folder)
{
    identity_wipe(&folder->identity);
    close(folder->lock_fd);
    close(folder->fd);
}
