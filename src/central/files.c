#include "central/files.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "central/changes.h"
#include "central/settings.h"
#include "crypto/hash.h"

void files_init(struct files *files, struct changes *changes, struct loop *loop,
                const struct central_settings *settings)
{
    *files =
        (struct files){.changes = changes, .loop = loop, .settings = settings};
}

/* What the configuration does not want to have in the history. */
static bool is_hidden(const struct central_settings *settings,
                      const struct transfer_file *file)
{
    bool ended = file->end_us != 0;

    if (settings->files_per_session != 0 &&
        file->local_id >= settings->files_per_session)
        return true;
    /* A row that may have to go is not made before that is known. */
    if (!ended)
        return settings->hides_failed_files || settings->hides_empty_files ||
               settings->hides_skipped_files ||
               settings->hides_untransferred_files;
    if (file->state == TRANSFER_FILE_FAILED)
        return settings->hides_failed_files;
    if (file->size_bytes == 0)
        return settings->hides_empty_files;
    if (file->state == TRANSFER_FILE_SKIPPED && settings->hides_skipped_files)
        return true;
    return (file->state == TRANSFER_FILE_SKIPPED || file->bytes_written == 0) &&
           settings->hides_untransferred_files;
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
    if (is_hidden(files->settings, file))
        return;
    struct store_file row = {
        .session_uuid = session_uuid,
        .local_id = file->local_id,
        .uuid = file_uuid(session_uuid, file->local_id),
        .path = file->path,
        .state = state_of(file->state),
        .error_code = (int32_t)file->error,
        .error_text = file->error_text,
        .size_bytes = file->size_bytes,
        .start_offset_bytes = file->start_offset,
        .written_bytes = file->bytes_written,
        .contiguous_bytes = file->bytes_contiguous,
        .lost_bytes = file->bytes_lost,
        .checksum = file->checksum,
        .checksum_type = file->checksum_type,
        .elapsed_us = file->elapsed_us,
        .start_us = file->start_us,
        .end_us = file->end_us,
        /* Skipped is completed without moving a byte: this tells them apart. */
        .action = file->state == TRANSFER_FILE_SKIPPED ? text_of("skip")
                                                       : TEXT_ABSENT,
    };

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
