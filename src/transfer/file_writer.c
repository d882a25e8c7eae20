#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "transfer/file_writer_internal.h"

struct file_writer *file_writer_new(const struct file_writer_options *options)
{
    struct text docroot = options->docroot;
    struct text destination = options->destination;
    struct file_writer *writer = calloc(1, sizeof *writer);

    if (writer == NULL)
        return NULL;
    writer->docroot.fd = -1;
    writer->ask_fd = -1;
    writer->options = *options;
    if (options->made != NULL)
        writer->made = *options->made;
    writer->docroot_path =
        strndup(docroot.data != NULL ? docroot.data : "", docroot.size_bytes);
    writer->destination =
        strndup(destination.data != NULL ? destination.data : "",
                destination.size_bytes);
    if (writer->docroot_path == NULL || writer->destination == NULL) {
        file_writer_free(writer);
        return NULL;
    }
    random_system(&writer->token, sizeof writer->token);
    catalogue_parser_init(&writer->parser);
    writer->status.moved_file_id = WRITER_NO_FILE_ID;
    return writer;
}

static void drop_file(struct file_writer *writer, struct file_writer_file *file)
{
    struct file_writer_result ignored = {0};

    file_writer_end_file(writer, file, WRITER_FILE_FAILED, FASP_ERROR_CANCELLED,
                         &ignored);
    file_writer_result_free(&ignored);
}

void file_writer_free(struct file_writer *writer)
{
    if (writer == NULL)
        return;
    writer->is_dropping = true;
    for (uint64_t id = writer->slot_first; id < writer->slot_end; id++) {
        if (id < writer->slot_first)
            continue; /* it had ended; dropping the one before moved on */
        struct file_writer_file *file = file_writer_slot(writer, id)->file;
        if (file != NULL)
            drop_file(writer, file);
    }
    free(writer->slots);
    free(writer->early);
    free(writer->ask_buffer);
    while (writer->folders != NULL) {
        struct file_writer_folder *folder = writer->folders;
        writer->folders = folder->next;
        free(folder);
    }
    docroot_close(&writer->docroot);
    free(writer->docroot_path);
    free(writer->destination);
    free(writer);
}

void file_writer_status(struct file_writer *writer,
                        struct file_writer_status *status)
{
    *status = writer->status;
    status->totals = writer->parser.totals;
    status->catalogue_complete = writer->parser.result == CATALOGUE_DONE;
    status->settling_count = writer->settling_count;
    status->judged_count = writer->judging.first != NULL
                               ? writer->judging.first->file_id
                               : writer->slot_end;
    status->is_asking =
        writer->judging.first != NULL || writer->summing.first != NULL;
    status->wants_check = file_writer_wants_check(writer);
}

bool file_writer_is_fatal(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
    case ENOENT:
    case EEXIST:
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
    case EINVAL:
    case EILSEQ:
    case EFBIG:
    case EBUSY:
    case ETXTBSY:
        return false;
    default:
        return true;
    }
}

void file_writer_stop(struct file_writer *writer, int error, const char *what,
                      const char *path)
{
    if (writer->status.error != FASP_ERROR_NONE)
        return;
    writer->status.error = fasp_error_of_errno(error, FASP_ERROR_DISK_WRITE);
    snprintf(writer->status.text, sizeof writer->status.text, "%s %.160s: %s",
             what, path, strerror(error));
}

void file_writer_stop_with(struct file_writer *writer, enum fasp_error error,
                           const char *text)
{
    if (writer->status.error != FASP_ERROR_NONE)
        return;
    writer->status.error = error;
    snprintf(writer->status.text, sizeof writer->status.text, "%s", text);
}

/* ---- the destination ---- */

static bool is_there(struct file_writer *writer, const char *path)
{
    struct stat info;

    return docroot_stat_link(&writer->docroot, path, &info) == 0;
}

/* Whether the file, or a part of it, is there. */
static bool is_any_there(struct file_writer *writer, const char *path)
{
    _Alignas(struct file_writer_file) char
        buffer[sizeof(struct file_writer_file) + LIMIT_PATH_BYTES];
    struct file_writer_file *file = (void *)buffer;
    char hidden[LIMIT_PATH_BYTES];

    if (is_there(writer, path))
        return true;
    memset(file, 0, sizeof *file);
    memcpy(file->path, path, strlen(path) + 1);
    file->name = WRITER_NAME_PARTIAL;
    if (file_writer_hidden_path(writer, file, hidden) == 0 &&
        is_there(writer, hidden))
        return true;
    file->name = WRITER_NAME_SUFFIX;
    return writer->options.partial_suffix.size_bytes > 0 &&
           file_writer_hidden_path(writer, file, hidden) == 0 &&
           is_there(writer, hidden);
}

static bool is_folder_empty(struct file_writer *writer, const char *path)
{
    int fd = docroot_open_folder(&writer->docroot, path);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    uint32_t count = 0;

    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return false; /* a drop box */
    }
    while (count < 3 && readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count < 3; /* "." and ".." */
}

/* Looks whether what is to come may be there already, so that a fresh transfer
 * need not wait a round trip. */
static bool may_have_some(struct file_writer *writer)
{
    char source[LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];

    if (writer->options.resume == CONTROL_RESUME_NONE)
        return false;
    if (!writer->base_is_folder)
        return is_any_there(writer, writer->base);
    if (!writer->base_is_there && writer->base[0] != '\0')
        return false;
    if (docroot_path(writer->options.first_source, source) != 0 ||
        docroot_name(source)[0] == '\0' ||
        docroot_join(path, writer->base, docroot_name(source)) != 0)
        return !is_folder_empty(writer, writer->base);
    return is_any_there(writer, path);
}

bool file_writer_awaits_go(const struct file_writer *writer)
{
    return writer->awaits_go;
}

/* The contract's rule: the destination is a folder if it exists as one, ends
 * in '/', there are several sources, or CreatePath is Yes; else, for a single
 * file, it is the new name. */
enum fasp_error file_writer_prepare(struct file_writer *writer, char *text,
                                    uint32_t text_bytes)
{
    const char *given = writer->destination;
    size_t given_bytes = strlen(given);
    struct stat info;

    text[0] = '\0';
    int ret = docroot_open(&writer->docroot, text_of(writer->docroot_path));
    if (ret != 0) {
        writer->docroot.fd = -1;
        snprintf(text, text_bytes, "docroot: %s", strerror(-ret));
        return fasp_error_of_errno(-ret, FASP_ERROR_DISK_WRITE);
    }
    writer->docroot.folder_mode = writer->made.folder_mode;
    writer->docroot.folder_grant = writer->made.folder_grant;
    ret = docroot_path(text_of(given), writer->base);
    if (ret == 0)
        ret = docroot_stat(&writer->docroot, writer->base, &info);
    if (ret != 0 && ret != -ENOENT) {
        snprintf(text, text_bytes, "destination %.400s: %s", given,
                 ret == -EXDEV ? "outside the docroot" : strerror(-ret));
        return fasp_error_of_errno(-ret, FASP_ERROR_DISK_WRITE);
    }
    writer->base_is_there = ret == 0;
    bool is_folder = ret == 0 && S_ISDIR(info.st_mode);
    writer->base_is_folder =
        is_folder || writer->base[0] == '\0' ||
        (given_bytes > 0 && given[given_bytes - 1] == '/') ||
        writer->options.source_count > 1 || writer->options.create_path;
    if (writer->base_is_folder && writer->base_is_there && !is_folder) {
        snprintf(text, text_bytes, "destination %.400s: not a folder", given);
        return FASP_ERROR_TARGET_NO_FOLDER;
    }
    writer->awaits_go = may_have_some(writer);
    return FASP_ERROR_NONE;
}

void file_writer_finish(struct file_writer *writer)
{
    for (struct file_writer_folder *folder = writer->folders; folder != NULL;
         folder = folder->next) {
        struct timespec times[2];
        file_writer_times(writer, folder->flags, folder->mtime_ns,
                          folder->atime_ns, times);
        /* The files are what counts; a folder that somebody took away, or made
         * his own, meanwhile is no reason to fail. */
        (void)docroot_set_folder(&writer->docroot, folder->path, folder->mode,
                                 times);
        int ret = 0;
        if (folder->flags & CATALOGUE_HAS_OWNER)
            ret = docroot_set_owner(
                &writer->docroot, folder->path,
                file_writer_owner(writer, CONTROL_FILE_UID, folder->uid),
                file_writer_owner(writer, CONTROL_FILE_GID, folder->gid));
        if (ret == -EPERM)
            file_writer_stop(writer, EPERM, "owner of folder", folder->path);
    }
    if (!writer->made_folders || writer->status.error != FASP_ERROR_NONE)
        return;
    const char *folder = writer->base_is_folder ? writer->base : "";
    int ret = docroot_sync_all(&writer->docroot, folder);
    if (ret != 0 && ret != -EACCES)
        file_writer_stop(writer, -ret, "folder", folder);
}
