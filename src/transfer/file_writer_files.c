#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "transfer/file_writer_internal.h"
#include "transfer/hidden.h"
#include "transfer/resume.h"
#include "transfer/sparse.h"

/* Pieces this large are given to the disk at once, so that the fsync() at the
 * end of a large file does not have all of it to write. */
#define WRITE_BEHIND_BYTES (512u << 10)

void file_writer_add_event(struct file_writer *writer,
                           struct file_writer_result *result,
                           enum file_writer_event_kind kind,
                           struct file_writer_file *file, uint64_t from_place,
                           uint64_t to_place)
{
    (void)writer;
    if (result->event_count == result->event_room) {
        uint32_t room = result->event_room ? result->event_room * 2 : 64;
        struct file_writer_event *events =
            realloc(result->events, room * sizeof *events);
        CHECK(events != NULL);
        result->events = events;
        result->event_room = room;
    }
    result->events[result->event_count++] = (struct file_writer_event){
        .kind = kind,
        .file = file,
        .from_place = from_place,
        .to_place = to_place,
    };
}

void file_writer_result_free(struct file_writer_result *result)
{
    for (uint32_t i = 0; i < result->event_count; i++) {
        if (result->events[i].kind == WRITER_FILE_ENDED)
            free(result->events[i].file);
    }
    free(result->events);
    *result = (struct file_writer_result){0};
}

static void close_file(struct file_writer *writer,
                       struct file_writer_file *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    file->fd = -1;
    writer->open_count--;
}

/* Drops the slots of files that ended, from the oldest on. */
static void advance_slots(struct file_writer *writer)
{
    while (writer->slot_first < writer->slot_end &&
           file_writer_slot(writer, writer->slot_first)->file == NULL)
        writer->slot_first++;
}

void file_writer_end_file(struct file_writer *writer,
                          struct file_writer_file *file,
                          enum file_writer_file_state state,
                          enum fasp_error error,
                          struct file_writer_result *result)
{
    file_writer_forget_question(writer, file);
    bool is_kept = file_writer_leave(writer, file, state == WRITER_FILE_DONE);
    close_file(writer, file);
    if (state != WRITER_FILE_DONE && file->size_bytes > 0 &&
        file->file_id != WRITER_NO_FILE_ID) {
        writer->status.written_bytes -= is_kept ? 0 : file->written_bytes;
        file_writer_add_event(writer, result, WRITER_SKIP, NULL, file->place,
                              file->place + file->size_bytes);
    }
    file->state = state;
    file->error = error;
    file->end_us = clock_wall_us();
    if (file->end_us < file->start_us)
        file->end_us = file->start_us; /* the clock was set back */
    if (file->file_id != WRITER_NO_FILE_ID) {
        file_writer_slot(writer, file->file_id)->file = NULL;
        advance_slots(writer);
    }
    file_writer_add_event(writer, result, WRITER_FILE_ENDED, file, 0, 0);
}

void file_writer_refuse_file(struct file_writer *writer,
                             struct file_writer_file *file, int error,
                             struct file_writer_result *result)
{
    if (file_writer_is_fatal(error))
        file_writer_stop(writer, error, "file", file->path);
    file_writer_end_file(writer, file, WRITER_FILE_FAILED,
                         fasp_error_of_errno(error, FASP_ERROR_DISK_WRITE),
                         result);
}

/* Closes a file that is not written to now, to be opened again later. */
static void spare_descriptor(struct file_writer *writer)
{
    uint64_t count = writer->slot_end - writer->slot_first;

    for (uint64_t i = 0; i < count; i++) {
        if (writer->close_next < writer->slot_first ||
            writer->close_next >= writer->slot_end)
            writer->close_next = writer->slot_first;
        struct file_writer_file *file =
            file_writer_slot(writer, writer->close_next++)->file;
        if (file != NULL && file->fd >= 0 && file->resume == NULL &&
            (file->state == WRITER_FILE_OPEN ||
             file->state == WRITER_FILE_SUMMING)) {
            close_file(writer, file);
            return;
        }
    }
}

/* Removes what a crash left in the folder of the file, once a session. */
static void sweep_folder(struct file_writer *writer,
                         const struct file_writer_file *file)
{
    char folder[LIMIT_PATH_BYTES];
    size_t folder_bytes = (size_t)(docroot_name(file->path) - file->path);
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    folder_bytes -= folder_bytes > 0 ? 1 : 0;
    memcpy(folder, file->path, folder_bytes);
    folder[folder_bytes] = '\0';
    for (size_t i = 0; i < folder_bytes; i++)
        hash = (hash ^ (uint8_t)folder[i]) * UINT64_C(1099511628211);
    for (uint32_t i = 0; i < WRITER_SWEPT_MAX; i++) {
        if (writer->swept[i] == hash)
            return;
    }
    writer->swept[writer->swept_next++ % WRITER_SWEPT_MAX] = hash;
    int fd = docroot_open_folder(&writer->docroot, folder);
    if (fd < 0)
        return; /* a drop box: nobody may list it */
    hidden_sweep(fd, file_writer_resume_suffix(writer), clock_wall_us());
    close(fd);
}

int file_writer_open_file(struct file_writer *writer,
                          struct file_writer_file *file)
{
    char hidden[LIMIT_PATH_BYTES];

    if (file->fd >= 0)
        return 0;
    if (writer->open_count >=
        WRITER_OPEN_MAX + writer->settling_count + writer->resumable_count)
        spare_descriptor(writer);
    if (!file->has_hidden) {
        sweep_folder(writer, file);
        return file_writer_begin(writer, file);
    }
    int ret = file_writer_hidden_path(writer, file, hidden);
    if (ret != 0)
        return ret;
    int fd = docroot_open_own(&writer->docroot, hidden, false, 0);
    if (fd < 0)
        return fd;
    (void)flock(fd, LOCK_EX | LOCK_NB); /* against hidden_sweep() */
    file->fd = fd;
    writer->open_count++;
    return 0;
}

static int write_all(int fd, const uint8_t *data, uint32_t size_bytes,
                     uint64_t offset)
{
    int ret = sparse_write(fd, data, size_bytes, offset);

    if (ret != 0)
        return ret;
    if (size_bytes >= WRITE_BEHIND_BYTES)
        (void)sync_file_range(fd, (off_t)offset, size_bytes,
                              SYNC_FILE_RANGE_WRITE); /* a hint */
    return 0;
}

/* Writes what is not there of a file that is resumed. */
static int write_resumable(struct file_writer *writer,
                           struct file_writer_file *file, uint64_t offset,
                           const uint8_t *data, uint32_t size_bytes,
                           uint64_t *written_bytes)
{
    uint64_t end = offset + size_bytes;
    bool done;

    (void)writer;
    while (offset < end) {
        uint64_t to = resume_run(file->resume, offset, end, &done);
        uint32_t piece = (uint32_t)(to - offset);
        int ret = 0;
        if (!done)
            ret = write_all(file->fd, data, piece, offset);
        if (!done && ret == 0)
            ret = resume_wrote(file->resume, file->fd, offset, data, piece);
        if (ret != 0)
            return ret;
        *written_bytes += done ? 0 : piece;
        data += piece;
        offset = to;
    }
    return 0;
}

/* Writes one piece of one file. */
static void write_piece(struct file_writer *writer,
                        struct file_writer_file *file, uint64_t offset,
                        const uint8_t *data, uint32_t size_bytes,
                        struct file_writer_result *result)
{
    uint64_t written_bytes = 0;

    if (!file->is_started) {
        file->start_us = clock_wall_us();
        file->is_started = true;
        file_writer_add_event(writer, result, WRITER_FILE_STARTED, file, 0, 0);
    }
    int ret = file_writer_open_file(writer, file);
    if (ret == 0 && file->resume != NULL) {
        ret = write_resumable(writer, file, offset, data, size_bytes,
                              &written_bytes);
    } else if (ret == 0) {
        ret = write_all(file->fd, data, size_bytes, offset);
        written_bytes = size_bytes;
    }
    if (ret != 0) {
        file_writer_refuse_file(writer, file, -ret, result);
        return;
    }
    file->written_bytes += written_bytes;
    writer->status.written_bytes += written_bytes;
    writer->status.moved_file_id = file->file_id;
    writer->status.moved_file_bytes = file->written_bytes;
    CHECK(file->written_bytes <= file->size_bytes);
    if (file->written_bytes == file->size_bytes)
        file_writer_complete_file(writer, file, result);
}

/* The id of the last file that begins at or before `place`. */
static uint64_t find_file(struct file_writer *writer, uint64_t place)
{
    uint64_t low = writer->slot_first;
    uint64_t high = writer->slot_end;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (file_writer_slot(writer, middle)->place <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void file_writer_data(struct file_writer *writer, uint64_t place,
                      const uint8_t *data, uint32_t size_bytes,
                      struct file_writer_result *result)
{
    uint64_t end = place + size_bytes;

    CHECK(end <= writer->parser.totals.bytes);
    if (writer->slot_first == writer->slot_end)
        return;
    for (uint64_t id = find_file(writer, place); id < writer->slot_end; id++) {
        if (id < writer->slot_first)
            continue; /* it ended in here, and others before it had */
        struct file_writer_slot slot = *file_writer_slot(writer, id);
        if (slot.place >= end || writer->status.error != FASP_ERROR_NONE)
            break;
        if (slot.file == NULL || slot.file->size_bytes == 0)
            continue;
        if (slot.file->state == WRITER_FILE_CHECKING) {
            file_writer_stop_with(writer, FASP_ERROR_PROTOCOL,
                                  "the sender did not wait for GO");
            break;
        }
        if (slot.file->state > WRITER_FILE_OPEN)
            continue;
        uint64_t from = slot.place > place ? slot.place : place;
        uint64_t to = slot.place + slot.file->size_bytes;
        if (to > end)
            to = end;
        if (from < to)
            write_piece(writer, slot.file, from - slot.place,
                        data + (from - place), (uint32_t)(to - from), result);
    }
}
