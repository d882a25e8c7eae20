/* What is here already, and whether the sender has the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "transfer/file_writer_internal.h"
#include "transfer/resume.h"

/* What one call of file_writer_check() reads at most. */
#define STEP_BYTES (32u << 20)
/* Sparse Checksum: so many places in the blocks that are there. */
#define SAMPLES 16u

/* ---- queues ---- */

static struct file_writer_queue *queue_of(struct file_writer *writer,
                                          const struct file_writer_file *file)
{
    return file->question == WRITER_ASK_SUM ? &writer->summing
                                            : &writer->judging;
}

static void enqueue(struct file_writer *writer, struct file_writer_file *file,
                    enum file_writer_question question)
{
    file->question = (uint8_t)question;
    file->is_asked = false;
    file->ask_serial = ++writer->ask_serial;
    file->ask_sample = 0;
    file->ask_offset = 0;
    file->ask_crc = 0;
    struct file_writer_queue *queue = queue_of(writer, file);
    file->ask_previous = queue->last;
    file->ask_next = NULL;
    if (queue->last != NULL)
        queue->last->ask_next = file;
    else
        queue->first = file;
    queue->last = file;
    if (queue->at == NULL)
        queue->at = file;
}

static bool is_queued(const struct file_writer_file *file)
{
    return file->state == WRITER_FILE_CHECKING ||
           file->state == WRITER_FILE_SUMMING;
}

static void close_ask_fd(struct file_writer *writer)
{
    if (writer->ask_fd >= 0)
        close(writer->ask_fd);
    writer->ask_fd = -1;
}

void file_writer_forget_question(struct file_writer *writer,
                                 struct file_writer_file *file)
{
    if (!is_queued(file))
        return;
    struct file_writer_queue *queue = queue_of(writer, file);
    if (queue->at == file) {
        close_ask_fd(writer);
        queue->at = file->ask_next;
    }
    if (file->ask_previous != NULL)
        file->ask_previous->ask_next = file->ask_next;
    else
        queue->first = file->ask_next;
    if (file->ask_next != NULL)
        file->ask_next->ask_previous = file->ask_previous;
    else
        queue->last = file->ask_previous;
}

/* ---- the outcome ---- */

/* The bytes that are there count as written, and are not sent. */
static void accept_partial(struct file_writer *writer,
                           struct file_writer_file *file,
                           struct file_writer_result *result)
{
    uint64_t offset = 0;
    bool done;

    file->state = WRITER_FILE_OPEN;
    while (offset < file->size_bytes) {
        uint64_t to = resume_run(file->resume, offset, file->size_bytes, &done);
        if (done)
            file_writer_add_event(writer, result, WRITER_SKIP, NULL,
                                  file->place + offset, file->place + to);
        offset = to;
    }
    file->resumed_bytes = resume_done_bytes(file->resume);
    file->written_bytes = file->resumed_bytes;
    writer->status.written_bytes += file->resumed_bytes;
    if (file->written_bytes == file->size_bytes)
        file_writer_complete_file(writer, file, result);
}

/* Gives up what there is of the file: it begins at 0. */
static void start_over(struct file_writer *writer,
                       struct file_writer_file *file)
{
    bool was_dropping = writer->is_dropping;

    writer->is_dropping = false;
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
        writer->open_count--;
    }
    file_writer_leave(writer, file, false);
    writer->is_dropping = was_dropping;
    file->state = WRITER_FILE_WAITING;
}

/* Takes up the partial file, if there is one. */
static int try_partial(struct file_writer *writer,
                       struct file_writer_file *file,
                       struct file_writer_result *result)
{
    file->state = WRITER_FILE_WAITING;
    int ret = file_writer_take_up(writer, file);
    if (ret != 0)
        return ret == -ENOENT || !file_writer_is_fatal(-ret) ? 0 : ret;
    if (writer->options.resume == CONTROL_RESUME_ATTRIBUTES) {
        accept_partial(writer, file, result);
        return 0;
    }
    enqueue(writer, file, WRITER_ASK_PARTIAL);
    file->state = WRITER_FILE_CHECKING;
    return 0;
}

int file_writer_judge(struct file_writer *writer, struct file_writer_file *file,
                      bool same_size, struct file_writer_result *result)
{
    /* A sender that does not wait has sent its data already. */
    if (!writer->awaits_go)
        return 0;
    if (same_size && writer->options.resume >= CONTROL_RESUME_SPARSE) {
        enqueue(writer, file, WRITER_ASK_TARGET);
        file->state = WRITER_FILE_CHECKING;
        return 0;
    }
    return try_partial(writer, file, result);
}

static void end_question(struct file_writer *writer,
                         struct file_writer_file *file, bool equal,
                         struct file_writer_result *result)
{
    int ret = 0;

    file_writer_forget_question(writer, file);
    switch ((enum file_writer_question)file->question) {
    case WRITER_ASK_PARTIAL:
        if (equal)
            accept_partial(writer, file, result);
        else
            start_over(writer, file);
        break;
    case WRITER_ASK_TARGET:
        file->state = WRITER_FILE_WAITING;
        if (equal)
            file_writer_end_file(writer, file, WRITER_FILE_SKIPPED,
                                 FASP_ERROR_NONE, result);
        else
            ret = try_partial(writer, file, result);
        break;
    case WRITER_ASK_SUM:
        file->state = WRITER_FILE_OPEN;
        if (equal)
            file_writer_settle_file(writer, file, result);
        else
            file_writer_end_file(writer, file, WRITER_FILE_FAILED,
                                 FASP_ERROR_DISK_WRITE, result);
        break;
    }
    if (ret < 0)
        file_writer_refuse_file(writer, file, -ret, result);
}

/* ---- asking ---- */

static int read_whole(int fd, uint8_t *out, uint32_t size_bytes,
                      uint64_t offset)
{
    uint32_t have_bytes = 0;

    while (have_bytes < size_bytes) {
        ssize_t have = pread(fd, out + have_bytes, size_bytes - have_bytes,
                             (off_t)(offset + have_bytes));
        if (have < 0 && errno == EINTR)
            continue;
        if (have <= 0)
            return have < 0 ? -errno : -EIO;
        have_bytes += (uint32_t)have;
    }
    return 0;
}

static void ask(struct file_writer *writer, struct file_writer_file *file,
                uint64_t offset, uint64_t size_bytes,
                enum control_checksum checksum, const uint8_t *digest,
                struct file_writer_result *result)
{
    struct file_writer_asked *asked =
        &writer->asked[writer->asked_end++ % LIMIT_CHECKS_ITEMS];

    asked->file_id = file->file_id;
    asked->serial = file->ask_serial;
    asked->size_bytes = size_bytes < LIMIT_CHECKS_BYTES
                            ? (uint32_t)size_bytes
                            : (uint32_t)LIMIT_CHECKS_BYTES;
    writer->asked_bytes += asked->size_bytes;
    file->unanswered++;
    file_writer_add_event(writer, result, WRITER_ASK, NULL, offset,
                          offset + size_bytes);
    struct file_writer_event *event = &result->events[result->event_count - 1];
    event->file_id = file->file_id;
    event->checksum = (uint8_t)checksum;
    memcpy(event->digest, digest, sizeof event->digest);
}

/* Reads a piece and asks about it. */
static int ask_piece(struct file_writer *writer, struct file_writer_file *file,
                     int fd, uint64_t offset, uint32_t size_bytes,
                     struct file_writer_result *result)
{
    uint8_t digest[HASH_BYTES_MAX];
    int ret = read_whole(fd, writer->ask_buffer, size_bytes, offset);

    if (ret != 0)
        return ret;
    hash_once(HASH_SHA256, writer->ask_buffer, size_bytes, digest);
    ask(writer, file, offset, size_bytes, CONTROL_CHECKSUM_SHA256, digest,
        result);
    writer->status.checked_bytes += size_bytes;
    return 0;
}

/* A block that is there, the `n`-th of them. */
static uint32_t find_done(const struct resume *resume, uint32_t n)
{
    uint32_t block = 0;

    while (!resume->blocks[block].is_done || n-- > 0)
        block++;
    return block;
}

/* Asks about one place in one of SAMPLES parts of what is there.  A block of
 * the usual size is also compared with its checksum. */
static int ask_sample(struct file_writer *writer, struct file_writer_file *file,
                      struct file_writer_result *result)
{
    const struct resume *resume = file->resume;
    uint32_t count =
        resume->done_count < SAMPLES ? resume->done_count : SAMPLES;
    uint64_t low = (uint64_t)file->ask_sample * resume->done_count / count;
    uint64_t high = (file->ask_sample + UINT64_C(1)) * resume->done_count / count;
    uint64_t random[2];

    random_system(random, sizeof random);
    uint64_t n = low + random[0] % (high - low);
    if (file->ask_sample + 1 == count)
        n = resume->done_count - 1; /* always the newest place */
    uint32_t block = find_done(resume, (uint32_t)n);
    uint64_t offset = block * resume->block_bytes;
    uint64_t size_bytes = resume_block_size(resume, block);
    bool is_whole = size_bytes <= WRITER_ASK_BYTES;
    if (!is_whole) {
        offset += random[1] % (size_bytes - WRITER_ASK_BYTES + 1);
        size_bytes = WRITER_ASK_BYTES;
    }
    int ret = ask_piece(writer, file, file->fd, offset, (uint32_t)size_bytes,
                        result);
    if (ret == 0 && is_whole &&
        hash_crc32c(0, writer->ask_buffer, size_bytes) !=
            resume->blocks[block].crc)
        ret = -EILSEQ;
    file->is_asked = ++file->ask_sample == count;
    return ret;
}

/* Asks about the next piece of what is there, all of it in the end. */
static int ask_next_block(struct file_writer *writer,
                          struct file_writer_file *file,
                          struct file_writer_result *result)
{
    const struct resume *resume = file->resume;
    uint32_t number = (uint32_t)(file->ask_offset / resume->block_bytes);

    while (!resume->blocks[number].is_done) {
        if (++number == resume->block_count) {
            file->is_asked = true;
            return 0;
        }
        file->ask_offset = number * resume->block_bytes;
    }
    uint64_t begin = number * resume->block_bytes;
    uint64_t end = begin + resume_block_size(resume, number);
    uint64_t left_bytes = end - file->ask_offset;
    uint32_t size_bytes =
        left_bytes < WRITER_ASK_BYTES ? (uint32_t)left_bytes : WRITER_ASK_BYTES;
    int ret = ask_piece(writer, file, file->fd, file->ask_offset, size_bytes,
                        result);
    if (ret != 0)
        return ret;
    if (file->ask_offset == begin)
        file->ask_crc = 0;
    file->ask_crc =
        hash_crc32c(file->ask_crc, writer->ask_buffer, size_bytes);
    file->ask_offset += size_bytes;
    if (file->ask_offset == end &&
        file->ask_crc != resume->blocks[number].crc)
        return -EILSEQ;
    file->is_asked = file->ask_offset == file->size_bytes;
    return 0;
}

static int ask_target(struct file_writer *writer, struct file_writer_file *file,
                      struct file_writer_result *result)
{
    uint64_t left_bytes = file->size_bytes - file->ask_offset;
    uint32_t size_bytes =
        left_bytes < WRITER_ASK_BYTES ? (uint32_t)left_bytes : WRITER_ASK_BYTES;
    struct stat info;

    if (writer->ask_fd < 0) {
        writer->ask_fd =
            docroot_open_file(&writer->docroot, file->path, &info);
        if (writer->ask_fd < 0)
            return writer->ask_fd;
        if ((uint64_t)info.st_size != file->size_bytes)
            return -EIO;
    }
    int ret = ask_piece(writer, file, writer->ask_fd, file->ask_offset,
                        size_bytes, result);
    file->ask_offset += size_bytes;
    file->is_asked = file->ask_offset == file->size_bytes;
    return ret;
}

static enum hash_kind hash_of(enum control_checksum checksum)
{
    switch (checksum) {
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

static int ask_sum(struct file_writer *writer, struct file_writer_file *file,
                   struct file_writer_result *result)
{
    enum control_checksum checksum = writer->options.checksum;
    uint64_t left_bytes = file->size_bytes - file->ask_offset;
    uint32_t size_bytes =
        left_bytes < WRITER_ASK_BYTES ? (uint32_t)left_bytes : WRITER_ASK_BYTES;

    int ret = file_writer_open_file(writer, file);
    file->state = WRITER_FILE_SUMMING;
    if (ret != 0)
        return ret;
    if (file->ask_offset == 0)
        hash_init(&writer->ask_hash, hash_of(checksum));
    ret = read_whole(file->fd, writer->ask_buffer, size_bytes,
                     file->ask_offset);
    if (ret != 0)
        return ret;
    hash_add(&writer->ask_hash, writer->ask_buffer, size_bytes);
    writer->status.checked_bytes += size_bytes;
    file->ask_offset += size_bytes;
    if (file->ask_offset < file->size_bytes)
        return 0;
    hash_finish(&writer->ask_hash, file->checksum);
    file->has_checksum = true;
    file->is_asked = true;
    ask(writer, file, 0, file->size_bytes, checksum, file->checksum, result);
    return 0;
}

static int ask_more(struct file_writer *writer, struct file_writer_file *file,
                    struct file_writer_result *result)
{
    switch ((enum file_writer_question)file->question) {
    case WRITER_ASK_PARTIAL:
        if (writer->options.resume == CONTROL_RESUME_SPARSE)
            return ask_sample(writer, file, result);
        return ask_next_block(writer, file, result);
    case WRITER_ASK_TARGET:
        return ask_target(writer, file, result);
    case WRITER_ASK_SUM:
        return ask_sum(writer, file, result);
    }
    NEVER("a question is none");
}

static struct file_writer_queue *next_queue(struct file_writer *writer)
{
    if (writer->asked_end - writer->asked_first == LIMIT_CHECKS_ITEMS ||
        writer->asked_bytes >= LIMIT_CHECKS_BYTES)
        return NULL;
    if (writer->judging.at != NULL)
        return &writer->judging;
    return writer->summing.at != NULL ? &writer->summing : NULL;
}

bool file_writer_wants_check(struct file_writer *writer)
{
    return writer->status.error == FASP_ERROR_NONE &&
           next_queue(writer) != NULL;
}

void file_writer_check(struct file_writer *writer,
                       struct file_writer_result *result)
{
    uint64_t until = writer->status.checked_bytes + STEP_BYTES;
    struct file_writer_queue *queue;

    if (writer->ask_buffer == NULL)
        writer->ask_buffer = malloc(WRITER_ASK_BYTES);
    CHECK(writer->ask_buffer != NULL);
    while (writer->status.checked_bytes < until &&
           writer->status.error == FASP_ERROR_NONE &&
           (queue = next_queue(writer)) != NULL) {
        struct file_writer_file *file = queue->at;
        int ret = ask_more(writer, file, result);
        if (ret != 0) {
            end_question(writer, file, false, result);
        } else if (file->is_asked) {
            close_ask_fd(writer);
            queue->at = file->ask_next;
            if (file->unanswered == 0)
                end_question(writer, file, true, result);
        }
    }
}

void file_writer_answer(struct file_writer *writer, uint64_t file_id,
                        uint32_t count, bool equal,
                        struct file_writer_result *result)
{
    uint32_t last_serial = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct file_writer_asked *asked =
            &writer->asked[writer->asked_first % LIMIT_CHECKS_ITEMS];
        if (writer->asked_first == writer->asked_end ||
            asked->file_id != file_id) {
            file_writer_stop_with(writer, FASP_ERROR_PROTOCOL,
                                  "the sender answered what was not asked");
            return;
        }
        last_serial = asked->serial;
        writer->asked_first++;
        writer->asked_bytes -= asked->size_bytes;
    }
    if (file_id < writer->slot_first || file_id >= writer->slot_end)
        return; /* it ended meanwhile */
    struct file_writer_file *file = file_writer_slot(writer, file_id)->file;
    if (file == NULL || file->unanswered < count)
        return;
    file->unanswered -= count;
    if (!is_queued(file) || file->ask_serial != last_serial)
        return; /* the question is settled already */
    if (!equal)
        end_question(writer, file, false, result);
    else if (file->is_asked && file->unanswered == 0)
        end_question(writer, file, true, result);
}

void file_writer_sum(struct file_writer *writer, struct file_writer_file *file)
{
    enqueue(writer, file, WRITER_ASK_SUM);
    file->state = WRITER_FILE_SUMMING;
}
