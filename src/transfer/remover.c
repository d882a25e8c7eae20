#include "transfer/remover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* A descriptor for each level: what is deeper stays. */
#define DEPTH_MAX 200u

void remover_init(struct remover *remover, struct loop *loop,
                  struct text docroot, void (*done)(struct remover *remover))
{
    *remover = (struct remover){
        .loop = loop,
        .docroot = docroot,
        .done = done,
        .root = {.fd = -1},
    };
}

bool remover_is_busy(const struct remover *remover)
{
    return loop_work_busy(&remover->work);
}

static void free_files(struct remover_file *files, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(files[i].path);
    free(files);
}

void remover_close(struct remover *remover)
{
    CHECK(!remover_is_busy(remover));
    free_files(remover->waiting, remover->waiting_count);
    free_files(remover->going, remover->going_count);
    if (remover->is_open)
        docroot_close(&remover->root);
    *remover = (struct remover){0};
}

static void remove_file(struct docroot *root, const struct remover_file *file)
{
    struct stat info;
    int ret = docroot_stat_link(root, file->path, &info);

    if (ret == 0 &&
        (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != file->size_bytes ||
         (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec !=
             file->mtime_ns))
        ret = -EBUSY;
    if (ret == 0)
        ret = docroot_unlink(root, file->path);
    if (ret != 0)
        LOG(transfer_not_removed, file->path, strerror(-ret));
}

static void remove_run(struct loop_work *work)
{
    struct remover *remover = OWNER_OF(work, struct remover, work);

    if (!remover->is_open)
        remover->is_open =
            docroot_open(&remover->root, remover->docroot) == 0;
    for (uint32_t i = 0; i < remover->going_count && remover->is_open; i++)
        remove_file(&remover->root, &remover->going[i]);
}

static void start(struct remover *remover);

static void remove_done(struct loop_work *work)
{
    struct remover *remover = OWNER_OF(work, struct remover, work);

    free_files(remover->going, remover->going_count);
    remover->going = NULL;
    remover->going_count = 0;
    start(remover);
    if (!remover_is_busy(remover))
        remover->done(remover);
}

static void start(struct remover *remover)
{
    if (remover->waiting_count == 0 || loop_work_busy(&remover->work))
        return;
    remover->going = remover->waiting;
    remover->going_count = remover->waiting_count;
    remover->waiting = NULL;
    remover->waiting_count = 0;
    remover->waiting_room = 0;
    loop_work_start(remover->loop, NULL, &remover->work, remove_run,
                    remove_done);
}

void remover_add(struct remover *remover, const char *path, uint64_t size_bytes,
                 int64_t mtime_ns)
{
    char *copy = strdup(path);

    if (copy != NULL && remover->waiting_count == remover->waiting_room) {
        uint32_t room = remover->waiting_room ? remover->waiting_room * 2 : 16;
        struct remover_file *files =
            realloc(remover->waiting, room * sizeof *files);
        if (files != NULL) {
            remover->waiting = files;
            remover->waiting_room = room;
        }
    }
    if (copy == NULL || remover->waiting_count == remover->waiting_room) {
        free(copy);
        return;
    }
    remover->waiting[remover->waiting_count++] =
        (struct remover_file){copy, size_bytes, mtime_ns};
    start(remover);
}

/* ---- folders ---- */

/* Removes the empty folders in the folder of `fd`, which it closes; links are
 * not followed. */
static void empty_below(int fd, uint32_t depth)
{
    DIR *folder = fdopendir(fd);
    const struct dirent *entry;
    struct stat info;

    if (folder == NULL) {
        close(fd);
        return;
    }
    while (depth < DEPTH_MAX && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISDIR(info.st_mode))
            continue;
        int below = openat(fd, entry->d_name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            empty_below(below, depth + 1);
        (void)unlinkat(fd, entry->d_name, AT_REMOVEDIR); /* if it is empty */
    }
    closedir(folder);
}

void remover_empty_folders(struct text docroot, struct text source)
{
    struct docroot root = {.fd = -1};
    char path[LIMIT_PATH_BYTES];
    struct stat info;

    if (docroot_path(source, path) != 0 || docroot_open(&root, docroot) != 0)
        return;
    if (docroot_stat_link(&root, path, &info) == 0 && S_ISDIR(info.st_mode)) {
        int fd = docroot_open_folder(&root, path);
        if (fd >= 0)
            empty_below(fd, 0);
    }
    docroot_close(&root);
}
