#include "transfer/checker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

#define PIECE_BYTES (1u << 20)
/* What one job reads at most, so that a session can end within a moment. */
#define JOB_BYTES (32u << 20)

void checker_init(struct checker *checker, struct loop *loop,
                  struct text docroot, struct checker_owner *owner)
{
    *checker = (struct checker){
        .loop = loop,
        .docroot = docroot,
        .owner = owner,
    };
}

bool checker_is_busy(const struct checker *checker)
{
    return loop_work_busy(&checker->work);
}

void checker_stop(struct checker *checker)
{
    checker->is_stopped = true;
}

static struct checker_item *item_at(struct checker *checker, uint32_t index)
{
    return &checker->items[(checker->first + index) % LIMIT_CHECKS_ITEMS];
}

void checker_close(struct checker *checker, struct source *source)
{
    CHECK(!checker_is_busy(checker));
    for (uint32_t i = 0; i < checker->count && source != NULL; i++)
        item_at(checker, i)->batch->readers--;
    if (checker->is_open)
        file_reader_close(&checker->reader);
    free(checker->items);
    free(checker->buffer);
    *checker = (struct checker){0};
}

/* ---- the job ---- */

static enum hash_kind hash_of(uint8_t checksum)
{
    switch ((enum control_checksum)checksum) {
    case CONTROL_CHECKSUM_SHA1:
        return HASH_SHA1;
    case CONTROL_CHECKSUM_MD5:
        return HASH_MD5;
    case CONTROL_CHECKSUM_SHA256:
    case CONTROL_CHECKSUM_NONE:
        break;
    }
    return HASH_SHA256;
}

/* Reads on in the item, up to the job's end.  Returns 0 or -errno. */
static int read_item(struct checker *checker, struct checker_item *item)
{
    if (item->read_bytes == 0)
        hash_init(&checker->hash, hash_of(item->checksum));
    while (item->read_bytes < item->size_bytes &&
           checker->job_bytes < JOB_BYTES) {
        uint64_t left_bytes = item->size_bytes - item->read_bytes;
        size_t want = left_bytes < PIECE_BYTES ? left_bytes : PIECE_BYTES;
        ssize_t have = pread(checker->reader.fd, checker->buffer, want,
                             (off_t)(item->offset + item->read_bytes));
        if (have < 0 && errno == EINTR)
            continue;
        if (have <= 0)
            return have < 0 ? -errno : -EIO;
        hash_add(&checker->hash, checker->buffer, (size_t)have);
        item->read_bytes += (uint64_t)have;
        checker->job_bytes += (uint64_t)have;
    }
    return 0;
}

static void check_item(struct checker *checker, struct checker_item *item)
{
    uint8_t digest[HASH_BYTES_MAX];
    int ret = file_reader_open_file(
        &checker->reader, scan_batch_path(item->batch, item->file->path_at),
        item->file, item->file_id);

    if (ret == 0)
        ret = read_item(checker, item);
    if (ret == 0 && item->read_bytes < item->size_bytes)
        return; /* the next job goes on */
    item->is_done = true;
    if (ret != 0)
        return;
    hash_finish(&checker->hash, digest);
    item->is_equal = hash_equal(digest, item->digest,
                                hash_bytes(hash_of(item->checksum)));
}

static void check_run(struct loop_work *work)
{
    struct checker *checker = OWNER_OF(work, struct checker, work);

    checker->job_bytes = 0;
    if (!checker->is_open)
        checker->is_open =
            file_reader_open(&checker->reader, checker->docroot) == 0;
    checker->reader.no_access_time = checker->no_access_time;
    if (checker->buffer == NULL)
        checker->buffer = malloc(PIECE_BYTES);
    for (uint32_t i = 0;
         i < checker->job_count && checker->job_bytes < JOB_BYTES; i++) {
        struct checker_item *item = item_at(checker, i);
        if (checker->is_open && checker->buffer != NULL)
            check_item(checker, item);
        else
            item->is_done = true;
        if (!item->is_done)
            break;
    }
}

static void start(struct checker *checker);

/* A whole file that is the same at both ends: its checksum is known. */
static void keep_checksum(const struct checker_item *item)
{
    struct scan_file *file = item->file;

    if (!item->is_equal || item->offset != 0 ||
        item->size_bytes != file->size_bytes || file->checksum != NULL)
        return;
    file->checksum = malloc(HASH_BYTES_MAX);
    if (file->checksum != NULL)
        memcpy(file->checksum, item->digest, HASH_BYTES_MAX);
}

static void check_done(struct loop_work *work)
{
    struct checker *checker = OWNER_OF(work, struct checker, work);

    checker->checked_bytes += checker->job_bytes;
    while (checker->count > 0 && item_at(checker, 0)->is_done) {
        struct checker_item *item = item_at(checker, 0);
        keep_checksum(item);
        item->batch->readers--;
        checker->first = (checker->first + 1) % LIMIT_CHECKS_ITEMS;
        checker->count--;
        if (!checker->is_stopped)
            checker->owner->checked(checker->owner, item->file_id,
                                    item->is_equal);
    }
    start(checker);
    checker->owner->done(checker->owner);
}

static void start(struct checker *checker)
{
    if (checker->count == 0 || checker->is_stopped ||
        loop_work_busy(&checker->work))
        return;
    checker->job_count = checker->count;
    loop_work_start(checker->loop, NULL, &checker->work, check_run, check_done);
}

/* ---- questions ---- */

static bool add(struct checker *checker, struct source *source,
                const struct control_check_item *asked)
{
    struct scan_batch *batch;
    struct scan_file *file = source_file(source, asked->file_id, &batch);

    if (file == NULL || file->state == SCAN_FILE_ENDED ||
        asked->offset > file->size_bytes ||
        asked->size_bytes > file->size_bytes - asked->offset ||
        checker->count == LIMIT_CHECKS_ITEMS)
        return false;
    struct checker_item *item = item_at(checker, checker->count++);
    *item = (struct checker_item){
        .batch = batch,
        .file = file,
        .file_id = asked->file_id,
        .offset = asked->offset,
        .size_bytes = asked->size_bytes,
        .checksum = asked->checksum,
    };
    memcpy(item->digest, asked->digest.data, asked->digest.size_bytes);
    batch->readers++;
    return true;
}

bool checker_add(struct checker *checker, struct source *source,
                 const struct control_check *check)
{
    if (checker->items == NULL)
        checker->items = calloc(LIMIT_CHECKS_ITEMS, sizeof *checker->items);
    if (checker->items == NULL)
        return false;
    for (uint32_t i = 0; i < check->count; i++) {
        if (!add(checker, source, &check->items[i]))
            return false;
    }
    start(checker);
    return true;
}
