/* The side file of a partial file: which blocks of it are on disk, and their
 * checksums.
 *
 * Knows: two descriptors, blocks of one file, the format in docs/files.md.
 * Must not know: sessions, docroots, names, what the source has.
 *
 * A record is added when the last byte of a block was written, so that a kill
 * at any moment leaves records of whole blocks only: a torn record fails its
 * own check.  After a crash of the machine only what lies before the last
 * SYNCED record counts; within one boot the kernel has all that was written.
 *
 * What does not fit the source, the partial file or itself is of no use:
 * -ENOENT, and the file begins at 0.  CRC32C finds accidents.  Who can write
 * here can forge a side file as well as the file itself, which is why the
 * checksum levels of ResumeCheck ask the source.
 *
 * Everything blocks: call it from jobs of one strand.
 */
#ifndef TRANSFER_RESUME_H
#define TRANSFER_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/hash.h"

/* Blocks are this large, or twice as often as makes RESUME_BLOCKS_MAX of them
 * enough. */
#define RESUME_BLOCK_BYTES (UINT64_C(1) << 20)
#define RESUME_BLOCKS_MAX 16384u
#define RESUME_HEADER_BYTES 128u
#define RESUME_RECORD_BYTES 16u
#define RESUME_BOOT_BYTES 16u

/* What makes a source what it is: SHA-256 over path, size, times, mode. */
struct resume_identity {
    uint8_t digest[HASH_SHA256_BYTES];
};

struct resume_block {
    uint64_t have_bytes; /* written */
    uint32_t crc;        /* of the first have_bytes; of all once it is done */
    bool is_done;        /* and recorded */
    bool is_broken;      /* not written in order: the checksum is made at the
                          * end from what was written */
};

struct resume {
    int fd; /* of the side file; -1 = closed */
    uint64_t size_bytes; /* of the file */
    uint64_t block_bytes;
    uint32_t block_count;
    uint32_t done_count;
    uint64_t seed; /* of records' checks */
    uint32_t record_count;
    uint64_t unsynced_bytes;
    struct resume_block *blocks; /* owned */
};

struct resume_identity resume_identity_of(struct text path, uint64_t size_bytes,
                                          int64_t mtime_ns, uint16_t mode);
/* Memory of the blocks of a file of this size. */
uint64_t resume_memory_bytes(uint64_t size_bytes);

/* Begins a new side file in `fd`, which is empty and taken over, for the
 * partial file `partial_fd`.  Returns 0, or -errno with `fd` closed. */
MUST_USE int resume_create(struct resume *resume, int fd, int partial_fd,
                           struct resume_identity identity,
                           uint64_t size_bytes);
/* Reads one that is there, and takes `fd` over.  Returns 0, -ENOENT when it is
 * of no use, or -errno; then `fd` is closed. */
MUST_USE int resume_load(struct resume *resume, int fd, int partial_fd,
                         struct resume_identity identity, uint64_t size_bytes);
/* Closes and frees; the side file stays. */
void resume_close(struct resume *resume);

static inline uint64_t resume_block_size(const struct resume *resume,
                                         uint32_t block)
{
    uint64_t begin = block * resume->block_bytes;
    uint64_t left = resume->size_bytes - begin;
    return left < resume->block_bytes ? left : resume->block_bytes;
}

/* The end of the run of bytes from `offset` on that are all in done blocks
 * (`*done` true) or all in others, cut at `end`. */
uint64_t resume_run(const struct resume *resume, uint64_t offset, uint64_t end,
                    bool *done);
/* Bytes in done blocks. */
uint64_t resume_done_bytes(const struct resume *resume);

/* `size_bytes` at `offset`, none of them in a done block, were just written to
 * `partial_fd`, which can be read.  Returns 0 or -errno. */
MUST_USE int resume_wrote(struct resume *resume, int partial_fd,
                          uint64_t offset, const uint8_t *data,
                          uint32_t size_bytes);
/* Makes the partial file, and what is recorded of it, durable. */
MUST_USE int resume_sync(struct resume *resume, int partial_fd);

#endif
