#include "transfer/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/datetime.h"
#include "base/uuid.h"

/* What gathers before a worker is asked. */
#define GATHERED_BYTES (64u << 10)

static void add_head(struct manifest *manifest, struct uuid session_id,
                     struct uuid job_id, bool push)
{
    struct text_builder *out = &manifest->waiting;
    char id[UUID_TEXT_BYTES + 1];
    char now[DATETIME_TEXT_BYTES + 1];

    text_add_string(out, "# ferry manifest 1\n");
    uuid_format(session_id, id);
    text_add_format(out, "# session %s\n", id);
    uuid_format(job_id, id);
    text_add_format(out, "# job %s\n", id);
    datetime_format(clock_wall_us(), now);
    text_add_format(out, "# begin %s %s\n", now, push ? "push" : "pull");
    text_add_string(out, "# status\terror\tsize\tchecksum\tpath\n");
}

static int name_files(struct manifest *manifest, const char *folder,
                      struct text suffix, struct uuid session_id)
{
    char id[UUID_TEXT_BYTES + 1];
    char name[UUID_TEXT_BYTES + sizeof ".manifest.txt"];

    uuid_format(session_id, id);
    snprintf(name, sizeof name, "%s.manifest.txt", id);
    int ret = docroot_join(manifest->path, folder, name);
    if (ret != 0)
        return ret;
    if (suffix.size_bytes == 0)
        suffix = text_of(MANIFEST_SUFFIX);
    if (memchr(suffix.data, '/', suffix.size_bytes) != NULL)
        return -EINVAL;
    int size = snprintf(manifest->under, sizeof manifest->under, "%s%.*s",
                        manifest->path, (int)suffix.size_bytes, suffix.data);
    return size >= (int)sizeof manifest->under ? -ENAMETOOLONG : 0;
}

int manifest_open(struct manifest *manifest, struct text docroot,
                  struct text folder, struct text suffix,
                  struct uuid session_id, struct uuid job_id, bool push)
{
    char path[LIMIT_PATH_BYTES];

    manifest->fd = -1;
    int ret = docroot_path(folder, path);
    if (ret == 0)
        ret = name_files(manifest, path, suffix, session_id);
    if (ret != 0)
        return ret;
    ret = docroot_open(&manifest->docroot, docroot);
    if (ret != 0)
        return ret;
    ret = docroot_make_folders(&manifest->docroot, path);
    if (ret == 0)
        manifest->fd =
            docroot_create_file(&manifest->docroot, manifest->under, 0666);
    if (ret != 0 || manifest->fd < 0) {
        ret = ret != 0 ? ret : manifest->fd;
        manifest->fd = -1;
        docroot_close(&manifest->docroot);
        return ret;
    }
    add_head(manifest, session_id, job_id, push);
    return 0;
}

void manifest_start(struct manifest *manifest, struct loop *loop,
                    struct manifest_owner *owner)
{
    manifest->loop = loop;
    manifest->owner = owner;
}

bool manifest_is_open(const struct manifest *manifest)
{
    return manifest->loop != NULL && manifest->fd >= 0;
}

bool manifest_is_busy(const struct manifest *manifest)
{
    return loop_work_busy(&manifest->work);
}

/* ---- writing ---- */

static void write_text(struct manifest *manifest, struct text_builder *lines)
{
    struct text left = text_built(lines);

    if (lines->failed && manifest->error == 0)
        manifest->error = -ENOMEM;
    while (left.size_bytes > 0 && manifest->error == 0) {
        ssize_t done = write(manifest->fd, left.data, left.size_bytes);
        if (done < 0 && errno != EINTR)
            manifest->error = -errno;
        if (done > 0)
            left = text_from(left.data + done,
                             left.size_bytes - (uint32_t)done);
    }
    text_builder_reset(lines);
}

static void write_run(struct loop_work *work)
{
    struct manifest *manifest = OWNER_OF(work, struct manifest, work);

    write_text(manifest, &manifest->writing);
}

static void write_start(struct manifest *manifest);

static void write_done(struct loop_work *work)
{
    struct manifest *manifest = OWNER_OF(work, struct manifest, work);

    if (manifest->error != 0 && !manifest->told) {
        manifest->told = true;
        manifest->owner->failed(manifest->owner, manifest->error);
    }
    if (manifest->waiting.size_bytes >= GATHERED_BYTES)
        write_start(manifest);
    else
        manifest->owner->done(manifest->owner);
}

static void write_start(struct manifest *manifest)
{
    struct text_builder empty = manifest->writing;

    manifest->writing = manifest->waiting;
    manifest->waiting = empty;
    loop_work_start(manifest->loop, NULL, &manifest->work, write_run,
                    write_done);
}

/* A name may have any byte: those that would end a field or a line, and the
 * backslash, are written as \xNN. */
static void add_path(struct text_builder *out, struct text path)
{
    for (uint32_t i = 0; i < path.size_bytes; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            text_add_format(out, "\\x%02x", c);
        else
            text_add_char(out, (char)c);
    }
}

void manifest_add(struct manifest *manifest, const struct transfer_file *file)
{
    struct text_builder *out = &manifest->waiting;
    static const char *const words[] = {
        [TRANSFER_FILE_RUNNING] = "running",
        [TRANSFER_FILE_COMPLETED] = "completed",
        [TRANSFER_FILE_SKIPPED] = "skipped",
        [TRANSFER_FILE_FAILED] = "error",
    };

    text_add_format(out, "%s\t%d\t%" PRIu64 "\t", words[file->state],
                    (int)file->error, file->size_bytes);
    if (file->checksum.size_bytes > 0) {
        text_add(out, file->checksum_type);
        text_add_char(out, ':');
        text_add(out, file->checksum);
    } else {
        text_add_char(out, '-');
    }
    text_add_char(out, '\t');
    add_path(out, file->path);
    text_add_char(out, '\n');
    if (out->size_bytes >= GATHERED_BYTES && !manifest_is_busy(manifest))
        write_start(manifest);
}

int manifest_close(struct manifest *manifest, const char *outcome,
                   uint32_t error)
{
    char now[DATETIME_TEXT_BYTES + 1];

    if (manifest->fd >= 0) {
        datetime_format(clock_wall_us(), now);
        text_add_format(&manifest->waiting, "# end %s %s %u\n", now, outcome,
                        (unsigned)error);
        write_text(manifest, &manifest->waiting);
        if (manifest->error == 0 && fsync(manifest->fd) != 0)
            manifest->error = -errno;
        close(manifest->fd);
        manifest->fd = -1;
        if (manifest->error == 0)
            manifest->error = docroot_rename(
                &manifest->docroot, manifest->under, manifest->path);
        if (manifest->error == 0)
            manifest->error =
                docroot_sync_parent(&manifest->docroot, manifest->path);
        docroot_close(&manifest->docroot);
    }
    text_builder_free(&manifest->waiting);
    text_builder_free(&manifest->writing);
    return manifest->error;
}
