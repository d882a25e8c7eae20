/* The names that files are written by, and the partial files of earlier
 * sessions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "transfer/file_writer_internal.h"
#include "transfer/hidden.h"
#include "transfer/resume.h"

struct text file_writer_resume_suffix(const struct file_writer *writer)
{
    struct text suffix = writer->options.resume_suffix;

    return suffix.size_bytes > 0 ? suffix : text_of(HIDDEN_RESUME_SUFFIX);
}

int file_writer_hidden_path(const struct file_writer *writer,
                            const struct file_writer_file *file,
                            char path[LIMIT_PATH_BYTES])
{
    const char *name = docroot_name(file->path);
    int folder_bytes = (int)(name - file->path);
    struct text suffix = writer->options.partial_suffix;
    char partial[HIDDEN_PARTIAL_BYTES];
    int size = -1;

    switch ((enum file_writer_name)file->name) {
    case WRITER_NAME_HIDDEN:
        size = snprintf(path, LIMIT_PATH_BYTES,
                        "%.*s.ferry-%016" PRIx64 "-%" PRIu64, folder_bytes,
                        file->path, writer->token, file->file_id);
        break;
    case WRITER_NAME_PARTIAL:
        hidden_partial_name(name, partial);
        size = snprintf(path, LIMIT_PATH_BYTES, "%.*s%s", folder_bytes,
                        file->path, partial);
        break;
    case WRITER_NAME_SUFFIX:
        size = snprintf(path, LIMIT_PATH_BYTES, "%s%.*s", file->path,
                        (int)suffix.size_bytes, suffix.data);
        break;
    }
    return size < 0 || size >= (int)LIMIT_PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int side_path(const struct file_writer *writer,
                     const struct file_writer_file *file,
                     char path[LIMIT_PATH_BYTES])
{
    struct text suffix = file_writer_resume_suffix(writer);
    int ret = file_writer_hidden_path(writer, file, path);
    size_t used_bytes = strlen(path);

    if (ret != 0)
        return ret;
    if (used_bytes + suffix.size_bytes >= LIMIT_PATH_BYTES)
        return -ENAMETOOLONG;
    memcpy(path + used_bytes, suffix.data, suffix.size_bytes);
    path[used_bytes + suffix.size_bytes] = '\0';
    return 0;
}

/* Whether the file is worth a side file, and there is room for one more. */
static bool may_resume(const struct file_writer *writer,
                       const struct file_writer_file *file)
{
    return writer->options.resume != CONTROL_RESUME_NONE &&
           file->size_bytes >= LIMIT_RESUME_FILE_BYTES &&
           writer->resumable_count < LIMIT_RESUMABLE_FILES &&
           writer->resume_memory_bytes + resume_memory_bytes(file->size_bytes) <=
               LIMIT_RESUME_MEMORY_BYTES;
}

static uint8_t name_of(const struct file_writer *writer,
                       const struct file_writer_file *file)
{
    uint64_t name_bytes = strlen(docroot_name(file->path)) +
                          writer->options.partial_suffix.size_bytes +
                          file_writer_resume_suffix(writer).size_bytes;

    if (writer->options.partial_suffix.size_bytes > 0 &&
        name_bytes <= LIMIT_NAME_BYTES)
        return WRITER_NAME_SUFFIX;
    return may_resume(writer, file) ? WRITER_NAME_PARTIAL : WRITER_NAME_HIDDEN;
}

static struct resume_identity identity_of(const struct file_writer_file *file)
{
    return resume_identity_of(text_of(file->path), file->size_bytes,
                              file->mtime_ns, file->mode);
}

/* Opens a name that the next session would find, too, and locks it: who else
 * writes to the same target gets -EWOULDBLOCK. */
static int open_locked(struct file_writer *writer, const char *path,
                       bool create, mode_t mode)
{
    int fd = docroot_open_own(&writer->docroot, path, create, mode);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -EWOULDBLOCK;
    }
    return fd;
}

static void keep_open(struct file_writer *writer, struct file_writer_file *file,
                      int fd)
{
    file->fd = fd;
    file->has_hidden = true;
    file->state = WRITER_FILE_OPEN;
    writer->open_count++;
}

static void keep_resume(struct file_writer *writer,
                        struct file_writer_file *file, struct resume *resume)
{
    file->resume = resume;
    writer->resumable_count++;
    writer->resume_memory_bytes += resume_memory_bytes(file->size_bytes);
}

/* ---- taking one up ---- */

int file_writer_take_up(struct file_writer *writer,
                        struct file_writer_file *file)
{
    char path[LIMIT_PATH_BYTES];

    if (!may_resume(writer, file))
        return -ENOENT;
    file->name = name_of(writer, file);
    int ret = file_writer_hidden_path(writer, file, path);
    if (ret != 0)
        return ret;
    int fd = open_locked(writer, path, false, 0);
    if (fd < 0)
        return -ENOENT;
    ret = side_path(writer, file, path);
    int side_fd =
        ret == 0 ? docroot_open_own(&writer->docroot, path, false, 0) : ret;
    struct resume *resume = side_fd >= 0 ? malloc(sizeof *resume) : NULL;
    if (resume == NULL) {
        ret = side_fd >= 0 ? -ENOMEM : -ENOENT;
        if (side_fd >= 0)
            close(side_fd);
        goto close_fd;
    }
    ret = resume_load(resume, side_fd, fd, identity_of(file), file->size_bytes);
    if (ret == 0 && resume->done_count == 0) {
        resume_close(resume);
        ret = -ENOENT;
    }
    if (ret != 0) {
        free(resume);
        goto close_fd;
    }
    keep_open(writer, file, fd);
    keep_resume(writer, file, resume);
    return 0;

close_fd:
    close(fd);
    return ret;
}

/* ---- beginning one ---- */

/* Makes the side file of a partial file that begins at 0. */
static int begin_resume(struct file_writer *writer,
                        struct file_writer_file *file, int fd)
{
    char path[LIMIT_PATH_BYTES];
    int ret = side_path(writer, file, path);

    if (ret != 0)
        return ret;
    ret = docroot_unlink(&writer->docroot, path);
    if (ret != 0 && ret != -ENOENT)
        return ret;
    int side_fd = docroot_open_own(&writer->docroot, path, true, 0600);
    if (side_fd < 0)
        return side_fd;
    struct resume *resume = malloc(sizeof *resume);
    if (resume == NULL) {
        close(side_fd);
        return -ENOMEM;
    }
    ret = resume_create(resume, side_fd, fd, identity_of(file),
                        file->size_bytes);
    if (ret != 0) {
        free(resume);
        return ret;
    }
    keep_resume(writer, file, resume);
    return 0;
}

/* Begins under a name that others could find.  Returns -errno with nothing
 * open: then a random name serves. */
static int begin_named(struct file_writer *writer,
                       struct file_writer_file *file)
{
    char path[LIMIT_PATH_BYTES];
    int ret = file_writer_hidden_path(writer, file, path);

    if (ret != 0)
        return ret;
    int fd =
        open_locked(writer, path, true, (mode_t)(file->mode | 0600));
    if (fd == -EEXIST && file->name == WRITER_NAME_PARTIAL &&
        docroot_unlink(&writer->docroot, path) == 0) /* nobody's but ours */
        fd = open_locked(writer, path, true, (mode_t)(file->mode | 0600));
    if (fd < 0)
        return fd;
    ret = ftruncate(fd, 0) != 0 ? -errno : 0;
    if (ret == 0 && may_resume(writer, file))
        ret = begin_resume(writer, file, fd);
    if (ret != 0) {
        close(fd);
        return ret;
    }
    keep_open(writer, file, fd);
    return 0;
}

int file_writer_begin(struct file_writer *writer, struct file_writer_file *file)
{
    char path[LIMIT_PATH_BYTES];

    file->name = name_of(writer, file);
    if (file->name != WRITER_NAME_HIDDEN) {
        int ret = begin_named(writer, file);
        /* Another session may have it: then both write, and the later wins. */
        if (ret == 0 || (ret != -EWOULDBLOCK && file_writer_is_fatal(-ret)))
            return ret;
        file->name = WRITER_NAME_HIDDEN;
    }
    int ret = file_writer_hidden_path(writer, file, path);
    if (ret != 0)
        return ret;
    /* We must be able to open it again, whatever its mode will be. */
    int fd = docroot_create_file(&writer->docroot, path,
                                 (mode_t)(file->mode | 0600));
    if (fd < 0)
        return fd;
    (void)flock(fd, LOCK_EX | LOCK_NB); /* against hidden_sweep() */
    keep_open(writer, file, fd);
    return 0;
}

/* ---- leaving one ---- */

bool file_writer_leave(struct file_writer *writer,
                       struct file_writer_file *file, bool is_done)
{
    char path[LIMIT_PATH_BYTES];
    struct resume *resume = file->resume;
    bool keep = !is_done && resume != NULL && resume->done_count > 0 &&
                (writer->is_dropping || writer->status.error != 0);

    if (keep && file->fd >= 0) {
        int ret = resume_sync(resume, file->fd);
        (void)ret; /* a crash of the machine would cost more */
    }
    if (resume != NULL) {
        if (!keep && side_path(writer, file, path) == 0)
            (void)docroot_unlink(&writer->docroot, path); /* may be gone */
        resume_close(resume);
        free(resume);
        file->resume = NULL;
        writer->resumable_count--;
        writer->resume_memory_bytes -= resume_memory_bytes(file->size_bytes);
    }
    if (file->has_hidden && !is_done && !keep &&
        file_writer_hidden_path(writer, file, path) == 0)
        (void)docroot_unlink(&writer->docroot, path);
    file->has_hidden = false;
    return keep;
}
