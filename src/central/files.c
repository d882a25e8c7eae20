#include "central/files.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "central/changes.h"
#include "crypto/hash.h"

void files_init(struct files *files, struct changes *changes, struct loop *loop)
{
    *files = (struct files){.changes = changes, .loop = loop};
}

/* A version 4 UUID made of the session's random one, so that none has to be
 * remembered for each file that is on its way. */
struct uuid file_uuid(struct uuid session_uuid, uint64_t local_id)
{
    uint8_t name[sizeof session_uuid.bytes + sizeof local_id];
    uint8_t digest[HASH_SHA256_BYTES];
    struct uuid uuid;

    memcpy(name, session_uuid.bytes, sizeof session_uuid.bytes);
    memcpy(name + sizeof session_uuid.bytes, &local_id, sizeof local_id);
    hash_once(HASH_SHA256, name, sizeof name, digest);
    memcpy(uuid.bytes, digest, sizeof uuid.bytes);
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

static enum store_file_state state_of(enum transfer_file_state state)
{
    switch (state) {
    case TRANSFER_FILE_RUNNING:
        return STORE_FILE_RUNNING;
    case TRANSFER_FILE_COMPLETED:
    case TRANSFER_FILE_SKIPPED:
        return STORE_FILE_COMPLETED;
    case TRANSFER_FILE_FAILED:
        return STORE_FILE_ERROR;
    }
    NEVER("a file has no state");
}

static void timer_fired(struct loop_timer *timer)
{
    files_flush(OWNER_OF(timer, struct files, timer));
}

void files_report(struct files *files, struct uuid session_uuid,
                  const struct transfer_file *file)
{
    bool ended = file->end_us != 0;
    struct store_file row = {
        .session_uuid = session_uuid,
        .local_id = file->local_id,
        .uuid = file_uuid(session_uuid, file->local_id),
        .path = file->path,
        .state = state_of(file->state),
        .error_code = (int32_t)file->error,
        .error_text = file->error_text,
        .size_bytes = file->size_bytes,
        .written_bytes = file->bytes_written,
        .contiguous_bytes = file->bytes_written,
        .lost_bytes = file->bytes_lost,
        .start_us = file->start_us,
        .end_us = file->end_us,
        /* Skipped is completed without moving a byte: this tells them apart. */
        .action = file->state == TRANSFER_FILE_SKIPPED ? text_of("skip")
                                                       : TEXT_ABSENT,
    };

    if (ended && file->end_us > file->start_us)
        row.elapsed_us = (uint64_t)(file->end_us - file->start_us);
    if (files->gathering == NULL) {
        files->gathering = change_begin(files->changes);
        loop_timer_start(files->loop, &files->timer,
                         loop_now_ns(files->loop) + FILES_GATHER_NS,
                         timer_fired);
    }
    change_put_file(files->gathering, &row);
    if (change_row_count(files->gathering) >= LIMIT_FILE_ROWS_GATHERED)
        files_flush(files);
}

void files_flush(struct files *files)
{
    struct change *change = files->gathering;

    if (change == NULL)
        return;
    files->gathering = NULL;
    loop_timer_stop(files->loop, &files->timer);
    change_commit(change, CHANGE_MUST, NULL, NULL);
}
