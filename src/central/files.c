#include "central/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "central/changes.h"
#include "central/settings.h"
#include "crypto/hash.h"

/* A file that has begun, and was not told to the store yet. */
struct files_start {
    struct files_start *next;
    struct files_start *previous;
    uint64_t due_ns;
    struct store_file row; /* its path is ours */
    char path[];
};

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

/* ---- rows on their way to the store ---- */

static void commit(struct files *files)
{
    struct change *change = files->gathering;

    if (change == NULL)
        return;
    files->gathering = NULL;
    loop_timer_stop(files->loop, &files->timer);
    change_commit(change, CHANGE_MUST, NULL, NULL);
}

static void timer_fired(struct loop_timer *timer)
{
    commit(OWNER_OF(timer, struct files, timer));
}

static void put(struct files *files, const struct store_file *row)
{
    if (files->gathering == NULL) {
        files->gathering = change_begin(files->changes);
        loop_timer_start(files->loop, &files->timer,
                         loop_now_ns(files->loop) + FILES_GATHER_NS,
                         timer_fired);
    }
    change_put_file(files->gathering, row);
    if (change_row_count(files->gathering) >= LIMIT_FILE_ROWS_GATHERED)
        commit(files);
}

/* ---- starts that wait for their end ---- */

static void remove_start(struct files *files, struct files_start *start)
{
    map_remove(&files->starts, start->row.uuid);
    if (start->previous != NULL)
        start->previous->next = start->next;
    else
        files->starts_first = start->next;
    if (start->next != NULL)
        start->next->previous = start->previous;
    else
        files->starts_last = start->previous;
    free(start);
}

/* What came of the file since is newer. */
static void forget_start(struct files *files, struct uuid uuid)
{
    struct files_start *start =
        files->starts.count > 0 ? map_get(&files->starts, uuid) : NULL;

    if (start != NULL)
        remove_start(files, start);
}

/* Writes those that are due until `until_ns`. */
static void write_starts(struct files *files, uint64_t until_ns)
{
    struct files_start *start;

    while ((start = files->starts_first) != NULL && start->due_ns <= until_ns) {
        put(files, &start->row);
        remove_start(files, start);
    }
}

static void start_timer_fired(struct loop_timer *timer)
{
    struct files *files = OWNER_OF(timer, struct files, start_timer);

    write_starts(files, loop_now_ns(files->loop));
    if (files->starts_first != NULL)
        loop_timer_start(files->loop, timer, files->starts_first->due_ns,
                         start_timer_fired);
}

/* Returns false when the row has to be written now. */
static bool keep_start(struct files *files, const struct store_file *row)
{
    if (row->state != STORE_FILE_RUNNING ||
        row->size_bytes >= FILES_SMALL_BYTES ||
        !text_is_absent(row->error_text) || !text_is_absent(row->checksum) ||
        !text_is_absent(row->checksum_type))
        return false;
    struct files_start *start = malloc(sizeof *start + row->path.size_bytes);
    if (start == NULL)
        return false;

    if (files->starts.count >= LIMIT_FILES_STARTING)
        write_starts(files, files->starts_first->due_ns);
    *start = (struct files_start){
        .previous = files->starts_last,
        .due_ns = loop_now_ns(files->loop) + FILES_START_NS,
        .row = *row,
    };
    memcpy(start->path, row->path.data, row->path.size_bytes);
    start->row.path = text_from(start->path, row->path.size_bytes);
    if (files->starts_last != NULL)
        files->starts_last->next = start;
    else
        files->starts_first = start;
    files->starts_last = start;
    map_put(&files->starts, row->uuid, start);
    if (!loop_timer_running(&files->start_timer))
        loop_timer_start(files->loop, &files->start_timer, start->due_ns,
                         start_timer_fired);
    return true;
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

    forget_start(files, row.uuid);
    if (!keep_start(files, &row))
        put(files, &row);
}

void files_flush(struct files *files)
{
    write_starts(files, UINT64_MAX);
    loop_timer_stop(files->loop, &files->start_timer);
    commit(files);
}

void files_close(struct files *files)
{
    CHECK(files->starts_first == NULL);
    map_free(&files->starts);
}
