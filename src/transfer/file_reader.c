#include "transfer/file_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/sparse.h"

/* Below this the kernel's own read-ahead has all of a file at the first read.
 */
#define SEQUENTIAL_BYTES (256u << 10)

int file_reader_open(struct file_reader *reader, struct text docroot)
{
    *reader = (struct file_reader){.fd = -1, .docroot = {.fd = -1}};
    return docroot_open(&reader->docroot, docroot);
}

static void close_file(struct file_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
}

void file_reader_close(struct file_reader *reader)
{
    close_file(reader);
    docroot_close(&reader->docroot);
}

void file_reader_result_reset(struct file_reader_result *result)
{
    free(result->failures);
    *result = (struct file_reader_result){0};
}

static void fail(struct file_reader *reader, uint64_t file_id, int error,
                 struct file_reader_result *result)
{
    close_file(reader);
    if (reader->failed_id == file_id + 1)
        return; /* told already */
    reader->failed_id = file_id + 1;

    if (result->failure_count == result->failure_room) {
        uint32_t room = result->failure_room ? result->failure_room * 2 : 8;
        struct file_reader_failure *failures =
            realloc(result->failures, room * sizeof *failures);
        if (failures == NULL) {
            result->no_memory = true;
            return;
        }
        result->failures = failures;
        result->failure_room = room;
    }
    result->failures[result->failure_count++] = (struct file_reader_failure){
        .file_id = file_id,
        .error = fasp_error_of_errno(error, FASP_ERROR_DISK_READ),
    };
}

/* Whether the file is what the scan saw. */
static bool is_same(const struct scan_file *file, const struct stat *info)
{
    int64_t mtime_ns = 0;

    if (__builtin_mul_overflow((int64_t)info->st_mtim.tv_sec, 1000000000,
                               &mtime_ns))
        mtime_ns = 0;
    else
        mtime_ns += info->st_mtim.tv_nsec;
    return (uint64_t)info->st_size == file->size_bytes &&
           mtime_ns == file->mtime_ns;
}

int file_reader_open_file(struct file_reader *reader, const char *path,
                          const struct scan_file *file, uint64_t file_id)
{
    struct stat info;

    if (reader->fd >= 0 && reader->file_id == file_id)
        return 0;
    close_file(reader);
    reader->fd = docroot_open_file(&reader->docroot, path, &info);
    if (reader->fd < 0)
        return reader->fd;
    reader->file_id = file_id;
    reader->has_holes = sparse_is(&info);
    if (reader->no_access_time) /* refused for other people's files */
        (void)fcntl(reader->fd, F_SETFL, O_RDONLY | O_NONBLOCK | O_NOATIME);
    if (!is_same(file, &info))
        return -EIO;
    if (file->size_bytes > SEQUENTIAL_BYTES)
        posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

/* Reads a piece of one file, or zeros if it fails. */
static void read_file(struct file_reader *reader,
                      const struct scan_batch *batch, uint32_t index,
                      uint64_t offset, uint8_t *out, uint32_t size_bytes,
                      struct file_reader_result *result)
{
    const struct scan_file *file = &batch->files[index];
    uint64_t file_id = batch->file_id + index;
    struct stat info;
    int ret;

    if (reader->failed_id == file_id + 1) {
        memset(out, 0, size_bytes);
        return;
    }
    ret =
        file_reader_open_file(reader, scan_batch_path(batch, file->path_at), file, file_id);
    if (ret == 0)
        ret = sparse_read(reader->fd, reader->has_holes, out, size_bytes,
                          offset);
    if (ret == 0 && offset + size_bytes == file->size_bytes) {
        /* A file that was written to while it was read would be a mixture. */
        if (fstat(reader->fd, &info) != 0 || !is_same(file, &info))
            ret = -EIO;
        close_file(reader);
    }
    if (ret != 0) {
        memset(out, 0, size_bytes);
        fail(reader, file_id, -ret, result);
    }
}

/* The last file of the batch that begins at or before `place`. */
static uint32_t find_file(const struct scan_batch *batch, uint64_t place)
{
    uint32_t low = 0;
    uint32_t high = batch->file_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (batch->files[middle].place <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void file_reader_read(struct file_reader *reader,
                      const struct scan_batch *batch, uint64_t place,
                      uint8_t *out, uint32_t size_bytes,
                      struct file_reader_result *result)
{
    if (place < batch->data_place) {
        uint64_t gone = batch->data_place - place;
        uint32_t piece = gone < size_bytes ? (uint32_t)gone : size_bytes;
        memset(out, 0, piece);
        place += piece;
        out += piece;
        size_bytes -= piece;
    }
    while (size_bytes > 0) {
        CHECK(batch != NULL);
        if (place >= batch->data_end) {
            batch = batch->next;
            continue;
        }
        for (uint32_t i = find_file(batch, place);
             i < batch->file_count && size_bytes > 0; i++) {
            const struct scan_file *file = &batch->files[i];
            uint64_t left = file->place + file->size_bytes - place;
            uint32_t piece = left < size_bytes ? (uint32_t)left : size_bytes;

            if (piece == 0)
                continue; /* an empty file */
            read_file(reader, batch, i, place - file->place, out, piece,
                      result);
            place += piece;
            out += piece;
            size_bytes -= piece;
        }
    }
}
