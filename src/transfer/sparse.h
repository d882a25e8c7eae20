/* Reads and writes stretches of files, and lets holes be holes.
 *
 * Knows: SEEK_DATA, what is zero.
 * Must not know: sessions, blocks.
 *
 * A hole reads as zeros, so that neither end has to know of the other's: the
 * reader does not ask the disk for what the file system says is none, and the
 * writer leaves out SPARSE_BYTES of zeros where nothing is.  A file system
 * that knows no holes says that all is data.
 */
#ifndef TRANSFER_SPARSE_H
#define TRANSFER_SPARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/check.h"

/* Smaller holes are not worth a call: a multiple of any block of a disk. */
#define SPARSE_BYTES 65536u

/* Whether the file has fewer blocks than bytes. */
static inline bool sparse_is(const struct stat *info)
{
    return (uint64_t)info->st_blocks * 512 < (uint64_t)info->st_size;
}

/* Reads `size_bytes` at `offset`.  Returns 0 or -errno; -EIO where the file
 * ends early, which a file that `has_holes` may hide: look at its size. */
MUST_USE int sparse_read(int fd, bool has_holes, uint8_t *out,
                         uint32_t size_bytes, uint64_t offset);

/* Writes all, but for zeros where there is no data; the file's end is where it
 * would be.  Returns 0 or -errno. */
MUST_USE int sparse_write(int fd, const uint8_t *data, uint32_t size_bytes,
                          uint64_t offset);

#endif
