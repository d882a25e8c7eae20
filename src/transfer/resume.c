#include "transfer/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/random.h"

#define MAGIC "ferryRS1"
#define MAGIC_BYTES 8u
/* In place of a block's number: all records before it are durable. */
#define SYNCED UINT32_MAX
/* Every block once, and SYNCED records of a file that was taken up again
 * hundreds of times. */
#define RECORDS_MAX (4u * RESUME_BLOCKS_MAX)
#define READ_BYTES 65536u

struct resume_identity resume_identity_of(struct text path, uint64_t size_bytes,
                                          int64_t mtime_ns, uint16_t mode)
{
    uint8_t fields[18];
    struct bytes_writer writer = bytes_write_to(fields, sizeof fields);
    struct resume_identity identity;
    struct hash hash;

    bytes_put_u64(&writer, size_bytes);
    bytes_put_u64(&writer, (uint64_t)mtime_ns);
    bytes_put_u16(&writer, mode);
    hash_init(&hash, HASH_SHA256);
    hash_add(&hash, fields, sizeof fields);
    hash_add(&hash, path.data, path.size_bytes);
    hash_finish(&hash, identity.digest);
    return identity;
}

/* ---- blocks ---- */

static uint64_t block_bytes_of(uint64_t size_bytes)
{
    uint64_t block_bytes = RESUME_BLOCK_BYTES;

    while ((size_bytes + block_bytes - 1) / block_bytes > RESUME_BLOCKS_MAX)
        block_bytes *= 2;
    return block_bytes;
}

uint64_t resume_memory_bytes(uint64_t size_bytes)
{
    uint64_t block_bytes = block_bytes_of(size_bytes);
    uint64_t count = (size_bytes + block_bytes - 1) / block_bytes;

    return count * sizeof(struct resume_block);
}

/* Everything but the file. */
static int prepare(struct resume *resume, int fd, uint64_t size_bytes)
{
    uint64_t block_bytes = block_bytes_of(size_bytes);

    *resume = (struct resume){
        .fd = fd,
        .size_bytes = size_bytes,
        .block_bytes = block_bytes,
        .block_count = (uint32_t)((size_bytes + block_bytes - 1) / block_bytes),
    };
    resume->blocks = calloc(resume->block_count, sizeof *resume->blocks);
    return resume->blocks == NULL ? -ENOMEM : 0;
}

void resume_close(struct resume *resume)
{
    if (resume->fd >= 0)
        close(resume->fd);
    free(resume->blocks);
    resume->fd = -1;
    resume->blocks = NULL;
}

uint64_t resume_run(const struct resume *resume, uint64_t offset, uint64_t end,
                    bool *done)
{
    uint32_t block = (uint32_t)(offset / resume->block_bytes);

    *done = resume->blocks[block].is_done;
    while (block < resume->block_count && offset < end &&
           resume->blocks[block].is_done == *done)
        offset = ++block * resume->block_bytes;
    return offset < end ? offset : end;
}

uint64_t resume_done_bytes(const struct resume *resume)
{
    uint64_t done_bytes = 0;

    for (uint32_t i = 0; i < resume->block_count; i++) {
        if (resume->blocks[i].is_done)
            done_bytes += resume_block_size(resume, i);
    }
    return done_bytes;
}

/* ---- the file ---- */

static int write_at(int fd, const void *data, size_t size_bytes, uint64_t at)
{
    ssize_t done = pwrite(fd, data, size_bytes, (off_t)at);

    if (done < 0)
        return -errno;
    return (size_t)done == size_bytes ? 0 : -EIO;
}

/* Which boot of the machine this is; zeros where it does not say. */
static void read_boot(uint8_t boot[RESUME_BOOT_BYTES])
{
    uint8_t digest[HASH_SHA256_BYTES];
    char text[64];
    ssize_t have = -1;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(boot, 0, RESUME_BOOT_BYTES);
    if (fd >= 0) {
        have = read(fd, text, sizeof text);
        close(fd);
    }
    if (have <= 0)
        return;
    hash_once(HASH_SHA256, text, (size_t)have, digest);
    memcpy(boot, digest, RESUME_BOOT_BYTES);
}

static int write_header(const struct resume *resume,
                        struct resume_identity identity, uint64_t inode)
{
    uint8_t header[RESUME_HEADER_BYTES];
    uint8_t boot[RESUME_BOOT_BYTES];
    struct bytes_writer writer = bytes_write_to(header, sizeof header);

    read_boot(boot);
    bytes_put(&writer, MAGIC, MAGIC_BYTES);
    bytes_put_u32(&writer, 1);
    bytes_put_u32(&writer, RESUME_HEADER_BYTES);
    bytes_put(&writer, identity.digest, sizeof identity.digest);
    bytes_put_u64(&writer, resume->size_bytes);
    bytes_put_u64(&writer, resume->block_bytes);
    bytes_put_u64(&writer, inode);
    bytes_put_u64(&writer, resume->seed);
    bytes_put(&writer, boot, sizeof boot);
    hash_once(HASH_SHA256, header, bytes_written(&writer), writer.at);
    return write_at(resume->fd, header, sizeof header, 0);
}

int resume_create(struct resume *resume, int fd, int partial_fd,
                  struct resume_identity identity, uint64_t size_bytes)
{
    struct stat info;
    int ret = prepare(resume, fd, size_bytes);

    if (ret == 0 && fstat(partial_fd, &info) != 0)
        ret = -errno;
    if (ret == 0) {
        random_system(&resume->seed, sizeof resume->seed);
        ret = write_header(resume, identity, info.st_ino);
    }
    if (ret != 0)
        resume_close(resume);
    return ret;
}

static uint32_t check_of(const struct resume *resume, const uint8_t *record)
{
    uint32_t crc = hash_crc32c(0, &resume->seed, sizeof resume->seed);

    return hash_crc32c(crc, record, RESUME_RECORD_BYTES - 4);
}

static int add_record(struct resume *resume, uint32_t block, uint32_t crc)
{
    uint8_t record[RESUME_RECORD_BYTES];
    struct bytes_writer writer = bytes_write_to(record, sizeof record);

    if (resume->record_count == RECORDS_MAX)
        return 0; /* the block will be sent again */
    bytes_put_u32(&writer, block);
    bytes_put_u32(&writer, crc);
    bytes_put_u32(&writer, resume->record_count);
    bytes_put_u32(&writer, check_of(resume, record));
    int ret = write_at(resume->fd, record, sizeof record,
                       RESUME_HEADER_BYTES +
                           (uint64_t)resume->record_count * RESUME_RECORD_BYTES);
    if (ret == 0)
        resume->record_count++;
    return ret;
}

/* ---- writing ---- */

static int make_crc(struct resume_block *block, int partial_fd, uint64_t offset)
{
    uint8_t buffer[READ_BYTES];
    uint64_t left_bytes = block->have_bytes;

    block->crc = 0;
    while (left_bytes > 0) {
        size_t want = left_bytes < READ_BYTES ? left_bytes : READ_BYTES;
        ssize_t have = pread(partial_fd, buffer, want, (off_t)offset);
        if (have <= 0)
            return have < 0 ? -errno : -EIO;
        block->crc = hash_crc32c(block->crc, buffer, (size_t)have);
        offset += (uint64_t)have;
        left_bytes -= (uint64_t)have;
    }
    return 0;
}

static int wrote_in_block(struct resume *resume, int partial_fd,
                          uint32_t number, uint64_t offset,
                          const uint8_t *data, uint32_t size_bytes)
{
    struct resume_block *block = &resume->blocks[number];
    uint64_t begin = number * resume->block_bytes;
    int ret = 0;

    CHECK(!block->is_done);
    if (offset - begin != block->have_bytes)
        block->is_broken = true;
    if (!block->is_broken)
        block->crc = hash_crc32c(block->crc, data, size_bytes);
    block->have_bytes += size_bytes;
    if (block->have_bytes < resume_block_size(resume, number))
        return 0;
    if (block->is_broken)
        ret = make_crc(block, partial_fd, begin);
    if (ret == 0)
        ret = add_record(resume, number, block->crc);
    if (ret != 0)
        return ret;
    block->is_done = true;
    resume->done_count++;
    return 0;
}

int resume_wrote(struct resume *resume, int partial_fd, uint64_t offset,
                 const uint8_t *data, uint32_t size_bytes)
{
    uint64_t end = offset + size_bytes;

    CHECK(end <= resume->size_bytes);
    while (offset < end) {
        uint32_t number = (uint32_t)(offset / resume->block_bytes);
        uint64_t to = (number + UINT64_C(1)) * resume->block_bytes;
        uint32_t piece = (uint32_t)((to < end ? to : end) - offset);
        int ret = wrote_in_block(resume, partial_fd, number, offset, data, piece);
        if (ret != 0)
            return ret;
        data += piece;
        offset += piece;
    }
    resume->unsynced_bytes += size_bytes;
    if (resume->unsynced_bytes >= LIMIT_RESUME_UNSYNCED_BYTES)
        return resume_sync(resume, partial_fd);
    return 0;
}

int resume_sync(struct resume *resume, int partial_fd)
{
    resume->unsynced_bytes = 0;
    if (fdatasync(partial_fd) != 0)
        return -errno;
    int ret = add_record(resume, SYNCED, 0);
    if (ret == 0 && fdatasync(resume->fd) != 0)
        ret = -errno;
    return ret;
}

/* ---- reading ---- */

static int read_all(int fd, uint8_t **data, size_t *size_bytes)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return -errno;
    if (info.st_size < (off_t)RESUME_HEADER_BYTES ||
        info.st_size > (off_t)(RESUME_HEADER_BYTES +
                               RECORDS_MAX * RESUME_RECORD_BYTES))
        return -ENOENT;
    *size_bytes = (size_t)info.st_size;
    *data = malloc(*size_bytes);
    if (*data == NULL)
        return -ENOMEM;
    ssize_t have = pread(fd, *data, *size_bytes, 0);
    if (have == (ssize_t)*size_bytes)
        return 0;
    free(*data);
    return have < 0 ? -errno : -ENOENT;
}

/* Whether the header is about this source and this partial file; and whether
 * it was written before the machine started again. */
static bool header_fits(struct resume *resume, const uint8_t *header,
                        struct resume_identity identity, uint64_t inode,
                        bool *is_old_boot)
{
    struct bytes_reader reader = bytes_read_from(header, RESUME_HEADER_BYTES);
    uint8_t digest[HASH_SHA256_BYTES];
    uint8_t boot[RESUME_BOOT_BYTES];
    static const uint8_t unknown[RESUME_BOOT_BYTES];

    hash_once(HASH_SHA256, header, RESUME_HEADER_BYTES - sizeof digest, digest);
    if (memcmp(header + RESUME_HEADER_BYTES - sizeof digest, digest,
               sizeof digest) != 0 ||
        memcmp(bytes_get(&reader, MAGIC_BYTES), MAGIC, MAGIC_BYTES) != 0 ||
        bytes_get_u32(&reader) != 1 ||
        bytes_get_u32(&reader) != RESUME_HEADER_BYTES ||
        memcmp(bytes_get(&reader, sizeof identity.digest), identity.digest,
               sizeof identity.digest) != 0 ||
        bytes_get_u64(&reader) != resume->size_bytes ||
        bytes_get_u64(&reader) != resume->block_bytes ||
        bytes_get_u64(&reader) != inode)
        return false;
    resume->seed = bytes_get_u64(&reader);
    read_boot(boot);
    *is_old_boot = memcmp(boot, unknown, sizeof boot) == 0 ||
                   memcmp(boot, bytes_get(&reader, sizeof boot),
                          sizeof boot) != 0;
    return true;
}

/* Marks the block done.  Returns false for one that cannot be. */
static bool take_block(struct resume *resume, uint32_t number, uint32_t crc,
                       uint64_t partial_bytes)
{
    if (number >= resume->block_count)
        return false;
    struct resume_block *block = &resume->blocks[number];
    uint64_t size_bytes = resume_block_size(resume, number);
    if (block->is_done ||
        number * resume->block_bytes + size_bytes > partial_bytes)
        return false;
    block->is_done = true;
    block->have_bytes = size_bytes;
    block->crc = crc;
    resume->done_count++;
    return true;
}

/* Reads the record that must be number `index`; false when it is not good. */
static bool read_record(const struct resume *resume, const uint8_t *data,
                        uint32_t index, uint32_t *block, uint32_t *crc)
{
    struct bytes_reader reader = bytes_read_from(data, RESUME_RECORD_BYTES);

    *block = bytes_get_u32(&reader);
    *crc = bytes_get_u32(&reader);
    uint32_t sequence = bytes_get_u32(&reader);
    return sequence == index && bytes_get_u32(&reader) == check_of(resume, data);
}

/* How many records count: all whole ones, or those before the last SYNCED one.
 * Returns false when a record is bad that no crash of the machine explains. */
static bool count_records(struct resume *resume, const uint8_t *data,
                          uint32_t count, bool is_old_boot)
{
    uint32_t synced = 0;
    uint32_t block;
    uint32_t crc;

    for (uint32_t i = 0; i < count; i++) {
        if (!read_record(resume, data + i * RESUME_RECORD_BYTES, i, &block,
                         &crc)) {
            count = i;
            if (!is_old_boot)
                return false;
        } else if (block == SYNCED) {
            synced = i + 1;
        }
    }
    resume->record_count = is_old_boot ? synced : count;
    return true;
}

static int take_records(struct resume *resume, const uint8_t *data,
                        uint32_t count, bool is_old_boot,
                        uint64_t partial_bytes)
{
    uint32_t block;
    uint32_t crc;

    if (!count_records(resume, data, count, is_old_boot))
        return -ENOENT;
    for (uint32_t i = 0; i < resume->record_count; i++) {
        (void)read_record(resume, data + i * RESUME_RECORD_BYTES, i, &block,
                          &crc);
        if (block != SYNCED && !take_block(resume, block, crc, partial_bytes))
            return -ENOENT;
    }
    return 0;
}

static int load(struct resume *resume, int partial_fd,
                struct resume_identity identity)
{
    struct stat partial;
    uint8_t *data;
    size_t size_bytes;
    bool is_old_boot = false;

    if (fstat(partial_fd, &partial) != 0)
        return -errno;
    int ret = read_all(resume->fd, &data, &size_bytes);
    if (ret != 0)
        return ret;
    if (header_fits(resume, data, identity, partial.st_ino, &is_old_boot))
        ret = take_records(resume, data + RESUME_HEADER_BYTES,
                           (uint32_t)(size_bytes - RESUME_HEADER_BYTES) /
                               RESUME_RECORD_BYTES,
                           is_old_boot, (uint64_t)partial.st_size);
    else
        ret = -ENOENT;
    free(data);
    /* What does not count is cut off, so that the next record follows. */
    if (ret == 0 &&
        ftruncate(resume->fd, (off_t)(RESUME_HEADER_BYTES +
                                      resume->record_count *
                                          RESUME_RECORD_BYTES)) != 0)
        ret = -errno;
    if (ret == 0 && is_old_boot) {
        if (fdatasync(resume->fd) != 0)
            return -errno;
        ret = write_header(resume, identity, partial.st_ino);
    }
    return ret;
}

int resume_load(struct resume *resume, int fd, int partial_fd,
                struct resume_identity identity, uint64_t size_bytes)
{
    int ret = prepare(resume, fd, size_bytes);

    if (ret == 0)
        ret = load(resume, partial_fd, identity);
    if (ret != 0)
        resume_close(resume);
    return ret;
}
