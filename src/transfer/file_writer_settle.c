/* What is whole gets its attributes, its name, and onto the disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transfer/file_writer_internal.h"

/* From here on syncfs() costs less than one fsync() for each file and folder;
 * what others have to write is the price. */
#define SYNC_ALL_COUNT 8u

static struct timespec time_of(int64_t ns)
{
    struct timespec time = {
        .tv_sec = ns / 1000000000,
        .tv_nsec = ns % 1000000000,
    };

    if (time.tv_nsec < 0) {
        time.tv_nsec += 1000000000;
        time.tv_sec--;
    }
    return time;
}

void file_writer_times(const struct file_writer *writer, uint8_t flags,
                       int64_t mtime_ns, int64_t atime_ns,
                       struct timespec times[2])
{
    times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    times[1] = (struct timespec){.tv_nsec = UTIME_OMIT};
    if ((writer->options.file_flags & CONTROL_FILE_ACCESS_TIME) != 0 &&
        (flags & CATALOGUE_HAS_ACCESS_TIME) != 0)
        times[0] = time_of(atime_ns);
    if (writer->options.preserve_times)
        times[1] = time_of(mtime_ns);
}

uint32_t file_writer_owner(const struct file_writer *writer,
                           enum control_file_flag flag, uint32_t id)
{
    return (writer->options.file_flags & flag) != 0 ? id : UINT32_MAX;
}

static int set_attributes(const struct file_writer *writer,
                          const struct file_writer_file *file)
{
    struct stat info;

    if (writer->made.file_mode != 0 || writer->made.file_grant != 0) {
        if (fchmod(file->fd, file->mode & 0777) != 0)
            return -errno;
    } else if ((file->mode & 0600) != 0600) {
        mode_t taken = ~file->mode & 0600;
        if (fstat(file->fd, &info) != 0 ||
            fchmod(file->fd, info.st_mode & 0777 & ~taken) != 0)
            return -errno;
    }
    if ((file->flags & CATALOGUE_HAS_OWNER) != 0 &&
        fchown(file->fd, file_writer_owner(writer, CONTROL_FILE_UID, file->uid),
               file_writer_owner(writer, CONTROL_FILE_GID, file->gid)) != 0)
        return -errno;
    struct timespec times[2];
    file_writer_times(writer, file->flags, file->mtime_ns, file->atime_ns,
                      times);
    if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
        return 0;
    return futimens(file->fd, times) != 0 ? -errno : 0;
}

void file_writer_complete_file(struct file_writer *writer,
                               struct file_writer_file *file,
                               struct file_writer_result *result)
{
    if (writer->options.checksum == CONTROL_CHECKSUM_NONE)
        file_writer_settle_file(writer, file, result);
    else
        file_writer_sum(writer, file);
}

void file_writer_settle_file(struct file_writer *writer,
                             struct file_writer_file *file,
                             struct file_writer_result *result)
{
    file->state = WRITER_FILE_SETTLING;
    writer->settling[writer->settling_count++] = file;
    if (writer->settling_count == WRITER_SETTLE_COUNT)
        file_writer_settle(writer, result);
}

/* Whether one syncfs() is enough for all that settle. */
static bool is_one_disk(const struct file_writer *writer)
{
    struct stat first;
    struct stat info;

    if (fstat(writer->settling[0]->fd, &first) != 0)
        return false;
    for (uint32_t i = 1; i < writer->settling_count; i++) {
        if (fstat(writer->settling[i]->fd, &info) != 0 ||
            info.st_dev != first.st_dev)
            return false;
    }
    return true;
}

/* Ends a file that cannot settle, and takes it off the list. */
static void drop_settling(struct file_writer *writer, uint32_t i, int error,
                          struct file_writer_result *result)
{
    struct file_writer_file *file = writer->settling[i];

    writer->settling[i] = writer->settling[--writer->settling_count];
    file_writer_refuse_file(writer, file, error, result);
}

/* Brings the contents onto the disk. */
static void sync_contents(struct file_writer *writer, bool together,
                          struct file_writer_result *result)
{
    for (uint32_t i = 0; i < writer->settling_count;) {
        struct file_writer_file *file = writer->settling[i];
        int ret = set_attributes(writer, file);
        if (ret == 0 && !together && fsync(file->fd) != 0)
            ret = -errno;
        if (ret == 0)
            i++;
        else
            drop_settling(writer, i, -ret, result);
    }
    if (together && writer->settling_count > 0 &&
        syncfs(writer->settling[0]->fd) != 0)
        file_writer_stop(writer, errno, "file system of",
                         writer->settling[0]->path);
}

/* The name may be found by others, too: whether it still is our file. */
static int is_still_ours(struct file_writer *writer,
                         const struct file_writer_file *file,
                         const char *hidden)
{
    struct stat ours;
    struct stat there;

    if (file->name == WRITER_NAME_HIDDEN)
        return 0;
    if (fstat(file->fd, &ours) != 0)
        return -errno;
    int ret = docroot_stat_link(&writer->docroot, hidden, &there);
    if (ret == 0 &&
        (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev))
        ret = -EEXIST;
    return ret;
}

/* Gives what is at the final name another one, so that it is not lost; for a
 * moment it has both. */
static int save_old(struct file_writer *writer,
                    const struct file_writer_file *file)
{
    struct text suffix = writer->options.save_suffix;
    char saved[LIMIT_PATH_BYTES + CONTROL_SUFFIX_BYTES_MAX];
    struct stat info;

    if (suffix.size_bytes == 0)
        return 0;
    int ret = docroot_stat_link(&writer->docroot, file->path, &info);
    if (ret != 0)
        return ret == -ENOENT ? 0 : ret;
    if (strlen(docroot_name(file->path)) + suffix.size_bytes >
            LIMIT_NAME_BYTES ||
        strlen(file->path) + suffix.size_bytes >= LIMIT_PATH_BYTES)
        return -ENAMETOOLONG;
    snprintf(saved, sizeof saved, "%s%.*s", file->path,
             (int)suffix.size_bytes, suffix.data);
    ret = docroot_unlink(&writer->docroot, saved);
    if (ret != 0 && ret != -ENOENT)
        return ret;
    ret = docroot_link(&writer->docroot, file->path, saved);
    if (ret == -EPERM || ret == -EOPNOTSUPP || ret == -EMLINK)
        ret = docroot_rename(&writer->docroot, file->path, saved);
    return ret;
}

static void rename_all(struct file_writer *writer,
                       struct file_writer_result *result)
{
    char hidden[LIMIT_PATH_BYTES];

    for (uint32_t i = 0; i < writer->settling_count;) {
        struct file_writer_file *file = writer->settling[i];
        int ret = file_writer_hidden_path(writer, file, hidden);
        if (ret == 0)
            ret = is_still_ours(writer, file, hidden);
        if (ret == 0)
            ret = save_old(writer, file);
        if (ret == 0)
            ret = docroot_rename(&writer->docroot, hidden, file->path);
        if (ret != 0) {
            drop_settling(writer, i, -ret, result);
            continue;
        }
        file->has_hidden = false;
        i++;
    }
}

static bool is_same_folder(const struct file_writer_file *a,
                           const struct file_writer_file *b)
{
    size_t a_bytes = (size_t)(docroot_name(a->path) - a->path);
    size_t b_bytes = (size_t)(docroot_name(b->path) - b->path);

    return a_bytes == b_bytes && memcmp(a->path, b->path, a_bytes) == 0;
}

/* Brings the new names onto the disk. */
static void sync_names(struct file_writer *writer, bool together)
{
    int ret = 0;

    if (writer->settling_count == 0)
        return;
    if (together && syncfs(writer->settling[0]->fd) != 0)
        ret = -errno;
    for (uint32_t i = 0; i < writer->settling_count && !together && ret == 0;
         i++) {
        if (i == 0 ||
            !is_same_folder(writer->settling[i - 1], writer->settling[i]))
            ret = docroot_sync_parent(&writer->docroot,
                                      writer->settling[i]->path);
    }
    if (ret != 0)
        file_writer_stop(writer, -ret, "folder of", writer->settling[0]->path);
}

void file_writer_settle(struct file_writer *writer,
                        struct file_writer_result *result)
{
    if (writer->settling_count == 0)
        return;

    bool together =
        writer->settling_count > SYNC_ALL_COUNT && is_one_disk(writer);
    sync_contents(writer, together, result);
    if (writer->status.error == FASP_ERROR_NONE)
        rename_all(writer, result);
    if (writer->status.error == FASP_ERROR_NONE)
        sync_names(writer, together);
    if (writer->status.error != FASP_ERROR_NONE)
        return; /* file_writer_free() removes what is hidden still */

    for (uint32_t i = 0; i < writer->settling_count; i++)
        file_writer_end_file(writer, writer->settling[i], WRITER_FILE_DONE,
                             FASP_ERROR_NONE, result);
    writer->settling_count = 0;
}
