/* The records of the catalogue: where each goes, and what is made of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transfer/file_writer_internal.h"
#include "transfer/hidden.h"
#include "transfer/node.h"

/* The source's permissions, or what this node makes of them. */
static uint16_t made_mode(uint16_t mode, uint16_t set, uint16_t granted)
{
    return set != 0 ? set : mode | granted;
}

/* Creates the destination's folder before the first record is put into it:
 * without CreatePath only itself, and not what is above it. */
static void make_base(struct file_writer *writer)
{
    bool created;
    int ret;

    if (!writer->base_is_folder || writer->base_is_there)
        return;
    if (writer->options.create_path)
        ret = docroot_make_folders(&writer->docroot, writer->base);
    else
        ret =
            docroot_make_folder(&writer->docroot, writer->base, 0777, &created);
    if (ret != 0)
        file_writer_stop(writer, -ret, "destination", writer->base);
    writer->base_is_there = true;
    writer->made_folders = true;
}

/* Where the record goes.  Returns 0, or -ENAMETOOLONG; a second thing for a
 * single name ends the session. */
static int target_path(struct file_writer *writer,
                       const struct catalogue_record *record,
                       char path[LIMIT_PATH_BYTES])
{
    char relative[LIMIT_PATH_BYTES];

    int ret = docroot_path(record->path, relative);
    if (ret != 0)
        return ret;
    if (writer->base_is_folder)
        return docroot_join(path, writer->base, relative);
    if (record->kind == CATALOGUE_FOLDER || writer->has_single) {
        file_writer_stop_with(writer, FASP_ERROR_TARGET_NO_FOLDER,
                  "the destination is no folder, and more than one file was "
                  "sent");
        return 0;
    }
    writer->has_single = true;
    memcpy(path, writer->base, strlen(writer->base) + 1);
    return 0;
}

struct file_writer_slot *file_writer_slot(struct file_writer *writer,
                                          uint64_t file_id)
{
    CHECK(file_id >= writer->slot_first);
    CHECK(file_id < writer->slot_end);
    return &writer->slots[file_id & (writer->slot_room - 1)];
}

static void grow_slots(struct file_writer *writer)
{
    uint32_t room = writer->slot_room ? writer->slot_room * 2 : 256;
    struct file_writer_slot *slots = calloc(room, sizeof *slots);

    CHECK(slots != NULL);
    for (uint64_t id = writer->slot_first; id < writer->slot_end; id++)
        slots[id & (room - 1)] = *file_writer_slot(writer, id);
    free(writer->slots);
    writer->slots = slots;
    writer->slot_room = room;
}

static struct file_writer_file *new_file(struct file_writer *writer,
                                         const struct catalogue_record *record,
                                         const char *path)
{
    size_t path_bytes = strlen(path) + 1;
    struct file_writer_file *file = malloc(sizeof *file + path_bytes);

    CHECK(file != NULL);
    *file = (struct file_writer_file){
        .file_id = record->kind == CATALOGUE_FILE ? record->file_id
                                                  : WRITER_NO_FILE_ID,
        .local_id = writer->local_id++,
        .size_bytes = record->size_bytes,
        .place = record->place,
        .mtime_ns = record->mtime_ns,
        .start_us = clock_wall_us(),
        .fd = -1,
        .mode = made_mode(record->mode, writer->made.file_mode,
                          writer->made.file_grant),
        .flags = record->flags,
        .uid = record->uid,
        .gid = record->gid,
        .atime_ns = record->atime_ns,
    };
    memcpy(file->path, path, path_bytes);
    return file;
}

static bool is_same_time(int64_t a_ns, int64_t b_ns)
{
    const int64_t second_ns = 1000000000;

    /* Some file systems keep whole seconds. */
    if (a_ns % second_ns == 0 || b_ns % second_ns == 0)
        return a_ns / second_ns == b_ns / second_ns;
    return a_ns == b_ns;
}

/* What judge_target() found, or -errno. */
enum { TARGET_WRITE, TARGET_SKIP, TARGET_SAME_SIZE };

/* Decides by what is at the final name. */
static int judge_target(struct file_writer *writer,
                        const struct file_writer_file *file)
{
    struct stat info;
    int ret = docroot_stat_link(&writer->docroot, file->path, &info);

    if (ret == -ENOENT)
        return TARGET_WRITE;
    if (ret != 0)
        return ret;
    if (S_ISDIR(info.st_mode))
        return -EISDIR;
    if (writer->options.overwrite == WRITER_OVERWRITE_NEVER)
        return TARGET_SKIP;
    if (S_ISLNK(info.st_mode))
        return TARGET_WRITE;
    if (!S_ISREG(info.st_mode))
        return -EEXIST;
    int64_t mtime_ns =
        (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    bool is_same = (uint64_t)info.st_size == file->size_bytes;
    switch (writer->options.overwrite) {
    case WRITER_OVERWRITE_DIFF_AND_OLDER:
    case WRITER_OVERWRITE_OLDER:
        if (mtime_ns >= file->mtime_ns ||
            is_same_time(mtime_ns, file->mtime_ns))
            return TARGET_SKIP;
        if (writer->options.overwrite == WRITER_OVERWRITE_OLDER)
            return TARGET_WRITE;
        return is_same ? TARGET_SAME_SIZE : TARGET_WRITE;
    case WRITER_OVERWRITE_DIFF:
        if (is_same && is_same_time(mtime_ns, file->mtime_ns))
            return TARGET_SKIP;
        return is_same ? TARGET_SAME_SIZE : TARGET_WRITE;
    case WRITER_OVERWRITE_ALWAYS:
    case WRITER_OVERWRITE_NEVER:
        break;
    }
    return TARGET_WRITE;
}

static enum fasp_error take_early_failure(struct file_writer *writer,
                                          uint64_t file_id)
{
    for (uint32_t i = 0; i < writer->early_count; i++) {
        if (writer->early[i].file_id == file_id) {
            enum fasp_error error = writer->early[i].error;
            writer->early[i] = writer->early[--writer->early_count];
            return error;
        }
    }
    return FASP_ERROR_NONE;
}

static void put_file(struct file_writer *writer,
                     const struct catalogue_record *record, const char *path,
                     int error, struct file_writer_result *result)
{
    struct file_writer_file *file = new_file(writer, record, path);

    if (writer->slot_end - writer->slot_first == writer->slot_room)
        grow_slots(writer);
    CHECK(record->file_id == writer->slot_end);
    writer->slot_end++;
    *file_writer_slot(writer, record->file_id) =
        (struct file_writer_slot){record->place, file};

    enum fasp_error early = take_early_failure(writer, record->file_id);
    if (early != FASP_ERROR_NONE) {
        file_writer_end_file(writer, file, WRITER_FILE_FAILED, early, result);
        return;
    }
    int ret = error != 0 ? error : judge_target(writer, file);
    if (ret == TARGET_SKIP) {
        file_writer_end_file(writer, file, WRITER_FILE_SKIPPED, FASP_ERROR_NONE,
                             result);
        return;
    }
    if (ret >= 0 && file->size_bytes == 0) {
        ret = file_writer_open_file(writer, file);
        if (ret == 0)
            file_writer_settle_file(writer, file, result);
    } else if (ret >= 0) {
        ret = file_writer_judge(writer, file, ret == TARGET_SAME_SIZE, result);
    }
    if (ret < 0)
        file_writer_refuse_file(writer, file, -ret, result);
}

static void put_folder(struct file_writer *writer,
                       const struct catalogue_record *record, const char *path)
{
    bool created;
    int ret = docroot_make_folder(&writer->docroot, path,
                                  (mode_t)(record->mode | 0700), &created);
    uint16_t mode = made_mode(record->mode, writer->made.folder_mode,
                              writer->made.folder_grant);

    if (ret != 0) {
        /* What is below it fails by itself; alone, it has no result. */
        if (file_writer_is_fatal(-ret))
            file_writer_stop(writer, -ret, "folder", path);
        return;
    }
    writer->made_folders |= created;
    const uint32_t kept = CONTROL_FILE_ACCESS_TIME | CONTROL_FILE_UID |
                          CONTROL_FILE_GID;
    if (!created || (!writer->options.preserve_times &&
                     (writer->options.file_flags & kept) == 0 &&
                     (mode & 0700) == 0700))
        return;

    size_t path_bytes = strlen(path) + 1;
    struct file_writer_folder *folder = malloc(sizeof *folder + path_bytes);
    CHECK(folder != NULL);
    *folder = (struct file_writer_folder){
        .next = writer->folders,
        .mtime_ns = record->mtime_ns,
        .mode = mode,
        .flags = record->flags,
        .uid = record->uid,
        .gid = record->gid,
        .atime_ns = record->atime_ns,
    };
    memcpy(folder->path, path, path_bytes);
    writer->folders = folder;
}

/* Whether any component is a name that this node keeps for itself. */
static bool is_reserved(const struct file_writer *writer, struct text path)
{
    struct text partial = writer->options.partial_suffix;

    if (partial.size_bytes > 0 && path.size_bytes >= partial.size_bytes &&
        memcmp(path.data + path.size_bytes - partial.size_bytes, partial.data,
               partial.size_bytes) == 0)
        return true;
    while (path.size_bytes > 0) {
        const char *slash = memchr(path.data, '/', path.size_bytes);
        uint32_t size_bytes =
            slash != NULL ? (uint32_t)(slash - path.data) : path.size_bytes;
        if (hidden_is_name(text_from(path.data, size_bytes),
                           file_writer_resume_suffix(writer)))
            return true;
        size_bytes += slash != NULL ? 1 : 0;
        path.data += size_bytes;
        path.size_bytes -= size_bytes;
    }
    return false;
}

/* Whether the target leads out of the docroot from where the link will be, as
 * far as names say.  What the kernel makes of it later is still held beneath
 * the docroot by openat2(); this is for all the others who look here. */
static bool leads_out(const struct file_writer *writer, const char *path,
                      struct text target)
{
    char whole[2 * LIMIT_PATH_BYTES + 2];
    char resolved[LIMIT_PATH_BYTES];
    size_t folder_bytes = (size_t)(docroot_name(path) - path);

    if (writer->docroot.is_whole)
        return false;
    if (target.data[0] == '/')
        return true;
    memcpy(whole, path, folder_bytes);
    memcpy(whole + folder_bytes, target.data, target.size_bytes);
    return docroot_path(text_from(whole, folder_bytes + target.size_bytes),
                        resolved) != 0;
}

/* What is at the name of a link.  Returns 0 to make it, 1 to leave what is
 * there, or -errno. */
static int judge_link(struct file_writer *writer, const char *path,
                      struct text target)
{
    char there[LIMIT_PATH_BYTES];
    struct stat info;
    int ret = docroot_stat_link(&writer->docroot, path, &info);

    if (ret == -ENOENT)
        return 0;
    if (ret != 0)
        return ret;
    if (S_ISLNK(info.st_mode)) {
        int size = docroot_read_link(&writer->docroot, path, there);
        bool same = size >= 0 &&
                    text_equal(text_from(there, (size_t)size), target);
        return same || writer->options.overwrite == WRITER_OVERWRITE_NEVER;
    }
    if (S_ISDIR(info.st_mode))
        return -EISDIR;
    if (writer->options.overwrite == WRITER_OVERWRITE_NEVER)
        return 1;
    return writer->options.links == CONTROL_LINKS_COPY_FORCE ? 0 : -EEXIST;
}

/* Makes the link under a hidden name first: it replaces what is there. */
static int make_link(struct file_writer *writer, const char *path,
                     struct text target)
{
    char string[LIMIT_PATH_BYTES];
    char hidden[LIMIT_PATH_BYTES];
    int folder_bytes = (int)(docroot_name(path) - path);
    int size = snprintf(hidden, sizeof hidden,
                        "%.*s.ferry-%016" PRIx64 "-0", folder_bytes, path,
                        writer->token);

    if (size >= (int)sizeof hidden ||
        !text_to_string(target, string, sizeof string))
        return -ENAMETOOLONG;
    int ret = docroot_make_link(&writer->docroot, string, hidden);
    if (ret != 0)
        return ret;
    ret = docroot_rename(&writer->docroot, hidden, path);
    if (ret != 0)
        (void)docroot_unlink(&writer->docroot, hidden);
    return ret;
}

/* A link has no result of its own: one that cannot be made ends the session. */
static void put_link(struct file_writer *writer,
                     const struct catalogue_record *record, const char *path,
                     int error)
{
    if (writer->options.links != CONTROL_LINKS_COPY &&
        writer->options.links != CONTROL_LINKS_COPY_FORCE) {
        file_writer_stop_with(
            writer, FASP_ERROR_PROTOCOL,
            "the sender sent a symbolic link, which was not agreed");
        return;
    }
    if (error == 0 && is_reserved(writer, record->path))
        error = -EILSEQ;
    if ((writer->made.forbids_links & TRANSFER_MAY_CREATE) != 0)
        error = -EPERM;
    if (error == 0 && leads_out(writer, path, record->target))
        error = -EXDEV;
    if (error == 0)
        error = judge_link(writer, path, record->target);
    if (error == 0)
        error = make_link(writer, path, record->target);
    if (error < 0)
        file_writer_stop(writer, -error, "symbolic link", path);
    writer->made_folders = true; /* its name is to be durable, too */
}

static void put_record(struct file_writer *writer,
                       const struct catalogue_record *record,
                       struct file_writer_result *result)
{
    char path[LIMIT_PATH_BYTES] = "";
    int error = 0;

    if (record->kind != CATALOGUE_FAILED) {
        make_base(writer);
        error = target_path(writer, record, path);
    }
    if (writer->status.error != FASP_ERROR_NONE)
        return;

    switch (record->kind) {
    case CATALOGUE_FOLDER:
        if (error == 0 && is_reserved(writer, record->path))
            break; /* what is below it fails by itself */
        if (error == 0)
            put_folder(writer, record, path);
        break;
    case CATALOGUE_FILE:
        if (error == 0 && is_reserved(writer, record->path))
            error = -EILSEQ;
        put_file(writer, record, path, error, result);
        break;
    case CATALOGUE_SYMLINK:
        put_link(writer, record, path, error);
        break;
    case CATALOGUE_FAILED:
        if (!text_to_string(record->path, path, sizeof path))
            path[0] = '\0';
        file_writer_end_file(writer, new_file(writer, record, path),
                             WRITER_FILE_FAILED, (enum fasp_error)record->error,
                             result);
        break;
    case CATALOGUE_END:
        NEVER("END is told as CATALOGUE_DONE");
    }
}

uint32_t file_writer_catalogue(struct file_writer *writer, const uint8_t *data,
                               uint32_t size_bytes,
                               struct file_writer_result *result)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    struct catalogue_record record;

    while (writer->status.error == FASP_ERROR_NONE &&
           writer->slot_end - writer->slot_first < LIMIT_WRITER_FILES) {
        enum catalogue_result got =
            catalogue_next(&writer->parser, &input, &record);
        if (got == CATALOGUE_MORE)
            break;
        if (got == CATALOGUE_RECORD) {
            put_record(writer, &record, result);
        } else if (got == CATALOGUE_DONE) {
            if (bytes_left(&input) == 0)
                break;
        } else {
            file_writer_stop_with(writer, (enum fasp_error)catalogue_error(got),
                      catalogue_result_text(got));
        }
    }
    return size_bytes - (uint32_t)bytes_left(&input);
}

void file_writer_fail_file(struct file_writer *writer, uint64_t file_id,
                           enum fasp_error error,
                           struct file_writer_result *result)
{
    if (file_id < writer->slot_end) {
        if (file_id < writer->slot_first)
            return; /* its result is on its way to the sender */
        struct file_writer_file *file = file_writer_slot(writer, file_id)->file;
        if (file != NULL && (file->state <= WRITER_FILE_OPEN ||
                             file->state == WRITER_FILE_CHECKING))
            file_writer_end_file(writer, file, WRITER_FILE_FAILED, error,
                                 result);
        return;
    }
    if (writer->early_count >= LIMIT_WRITER_FILES) {
        file_writer_stop_with(writer, FASP_ERROR_PROTOCOL,
                  "the sender failed more files than it listed");
        return;
    }
    if ((writer->early_count & (writer->early_count - 1)) == 0) {
        uint32_t room = writer->early_count ? writer->early_count * 2 : 1;
        struct file_writer_early_failure *early =
            realloc(writer->early, room * sizeof *early);
        CHECK(early != NULL);
        writer->early = early;
    }
    writer->early[writer->early_count++] =
        (struct file_writer_early_failure){file_id, error};
}
