#include "transfer/sparse.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Where the first data at or behind `offset` begins, at most `end`. */
static uint64_t data_from(int fd, uint64_t offset, uint64_t end)
{
    off_t at = lseek(fd, (off_t)offset, SEEK_DATA);

    if (at < 0)
        return errno == ENXIO ? end : offset; /* ENXIO: none any more */
    return (uint64_t)at < end ? (uint64_t)at : end;
}

static int read_data(int fd, uint8_t *out, uint32_t size_bytes, uint64_t offset)
{
    uint32_t have_bytes = 0;

    while (have_bytes < size_bytes) {
        ssize_t got = pread(fd, out + have_bytes, size_bytes - have_bytes,
                            (off_t)(offset + have_bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        have_bytes += (uint32_t)got;
    }
    return 0;
}

int sparse_read(int fd, bool has_holes, uint8_t *out, uint32_t size_bytes,
                uint64_t offset)
{
    if (has_holes) {
        uint64_t data = data_from(fd, offset, offset + size_bytes);
        uint32_t hole_bytes = (uint32_t)(data - offset);
        memset(out, 0, hole_bytes);
        out += hole_bytes;
        offset += hole_bytes;
        size_bytes -= hole_bytes;
    }
    return read_data(fd, out, size_bytes, offset);
}

static int write_data(int fd, const uint8_t *data, uint32_t size_bytes,
                      uint64_t offset)
{
    uint32_t done_bytes = 0;

    while (done_bytes < size_bytes) {
        ssize_t done = pwrite(fd, data + done_bytes, size_bytes - done_bytes,
                              (off_t)(offset + done_bytes));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        done_bytes += (uint32_t)done;
    }
    return 0;
}

/* Most data says no at once. */
static bool is_zero(const uint8_t *data)
{
    uint64_t word = 0;

    for (uint32_t i = 0; i < SPARSE_BYTES && word == 0; i += sizeof word)
        memcpy(&word, data + i, sizeof word);
    return word == 0;
}

/* Returns 1 when zeros need not be written here, 0 or -errno. */
static int leave_hole(int fd, uint64_t offset)
{
    uint64_t end = offset + SPARSE_BYTES;
    struct stat info;

    if (data_from(fd, offset, end) != end)
        return 0;
    if (fstat(fd, &info) != 0)
        return -errno;
    if ((uint64_t)info.st_size < end && ftruncate(fd, (off_t)end) != 0)
        return -errno;
    return 1;
}

int sparse_write(int fd, const uint8_t *data, uint32_t size_bytes,
                 uint64_t offset)
{
    uint32_t from = 0; /* what is not written yet */
    uint32_t at = 0;

    while (size_bytes - at >= SPARSE_BYTES) {
        int hole = is_zero(data + at) ? leave_hole(fd, offset + at) : 0;
        if (hole < 0)
            return hole;
        if (hole > 0) {
            int ret = write_data(fd, data + from, at - from, offset + from);
            if (ret != 0)
                return ret;
            from = at + SPARSE_BYTES;
        }
        at += SPARSE_BYTES;
    }
    return write_data(fd, data + from, size_bytes - from, offset + from);
}
