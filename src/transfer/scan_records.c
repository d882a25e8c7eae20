/* What the entries of folders become in a batch. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transfer/glob.h"
#include "transfer/scan_parts.h"

/* Keeps a string in the batch and returns its place there. */
static uint32_t keep_path(struct batch_work *work, const char *path)
{
    uint32_t path_at = work->paths.size_bytes;

    text_add(&work->paths, text_from(path, strlen(path) + 1));
    work->no_memory |= work->paths.failed;
    return path_at;
}

void scan_put_failure(struct scan *scan, struct batch_work *work, int error)
{
    struct scan_batch *batch = work->batch;
    struct text path = scan_record_path(scan);

    if (path.size_bytes == 0)
        path = text_of("/");

    struct catalogue_record record = {
        .kind = CATALOGUE_FAILED,
        .path = path,
        .error = fasp_error_of_errno(error, FASP_ERROR_STAT),
    };
    if (error == ENXIO)
        record.error = FASP_ERROR_SPECIAL_FILE;
    if (batch->failure_count == work->failure_room) {
        uint32_t room = work->failure_room ? work->failure_room * 2 : 16;
        struct scan_failure *failures =
            realloc(batch->failures, room * sizeof *failures);
        if (failures == NULL) {
            work->no_memory = true;
            return;
        }
        batch->failures = failures;
        work->failure_room = room;
    }
    if (scan->first_error == FASP_ERROR_NONE)
        scan->first_error = (enum fasp_error)record.error;
    batch->failures[batch->failure_count++] = (struct scan_failure){
        .path_at = keep_path(work, scan->path),
        .local_id = scan->local_id++,
        .error = (enum fasp_error)record.error,
    };
    CHECK(catalogue_count(&scan->totals, &record));
    catalogue_put(&work->writer, &record);
}

static int64_t mtime_ns_of(const struct stat *info)
{
    int64_t ns = 0;

    if (__builtin_mul_overflow((int64_t)info->st_mtim.tv_sec, 1000000000, &ns))
        return 0; /* before 1678 or after 2262 */
    return ns + info->st_mtim.tv_nsec;
}

/* What the order wants to be kept of the entry. */
static void add_extras(const struct scan *scan, const struct stat *info,
                       struct catalogue_record *record)
{
    int64_t ns = 0;

    if (scan->options.with_owner) {
        record->flags |= CATALOGUE_HAS_OWNER;
        record->uid = info->st_uid;
        record->gid = info->st_gid;
    }
    if (scan->options.with_access_times &&
        !__builtin_mul_overflow((int64_t)info->st_atim.tv_sec, 1000000000,
                                &ns)) {
        record->flags |= CATALOGUE_HAS_ACCESS_TIME;
        record->atime_ns = ns + info->st_atim.tv_nsec;
    }
}

static void put_file(struct scan *scan, struct batch_work *work,
                     const struct stat *info)
{
    struct scan_batch *batch = work->batch;
    uint64_t place = scan->totals.bytes;
    struct catalogue_record record = {
        .kind = CATALOGUE_FILE,
        .path = scan_record_path(scan),
        .mtime_ns = mtime_ns_of(info),
        .mode = info->st_mode & CATALOGUE_MODE_MAX,
        .size_bytes = (uint64_t)info->st_size,
    };

    if ((scan->options.has_oldest &&
         info->st_mtim.tv_sec < scan->options.oldest_s) ||
        (scan->options.has_newest &&
         info->st_mtim.tv_sec > scan->options.newest_s))
        return;
    add_extras(scan, info, &record);
    if (!catalogue_count(&scan->totals, &record)) {
        scan_put_failure(scan, work, EFBIG);
        return;
    }
    catalogue_put(&work->writer, &record);
    batch->files[batch->file_count++] = (struct scan_file){
        .path_at = keep_path(work, scan->path),
        .size_bytes = record.size_bytes,
        .place = place,
        .mtime_ns = record.mtime_ns,
        .local_id = scan->local_id++,
    };
}

void scan_put_folder_record(struct scan *scan, struct batch_work *work,
                            const struct stat *info)
{
    struct catalogue_record record = {
        .kind = CATALOGUE_FOLDER,
        .path = scan_record_path(scan),
        .mtime_ns = mtime_ns_of(info),
        .mode = info->st_mode & CATALOGUE_MODE_MAX,
    };

    add_extras(scan, info, &record);
    CHECK(catalogue_count(&scan->totals, &record));
    catalogue_put(&work->writer, &record);
}

/* Lists the folder scan->path and goes down into it. */
static void put_folder(struct scan *scan, struct batch_work *work,
                       const struct stat *info)
{
    int ret = scan_enter(scan, info);

    if (ret == -ENOMEM)
        work->no_memory = true;
    else if (ret != 0)
        scan_put_failure(scan, work, -ret);
    else if (scan_record_path(scan).size_bytes > 0)
        scan_put_folder_record(scan, work, info);
}

/* Lists the link scan->path as a link. */
static void put_link(struct scan *scan, struct batch_work *work,
                     const struct stat *info)
{
    char target[LIMIT_PATH_BYTES];
    int size = docroot_read_link(&scan->docroot, scan->path, target);
    struct catalogue_record record = {
        .kind = CATALOGUE_SYMLINK,
        .path = scan_record_path(scan),
        .mtime_ns = mtime_ns_of(info),
    };

    if (size < 0) {
        scan_put_failure(scan, work, -size);
        return;
    }
    record.target = text_from(target, (size_t)size);
    CHECK(catalogue_count(&scan->totals, &record));
    catalogue_put(&work->writer, &record);
}

/* Whether the order leaves out what has this path. */
static bool is_excluded(const struct scan *scan)
{
    bool has_name = scan_record_path(scan).size_bytes > 0;

    for (uint32_t i = 0; has_name && i < scan->options.exclude_count; i++) {
        if (glob_matches(scan->options.excludes[i], scan_record_path(scan)))
            return true;
    }
    return false;
}

void scan_put_entry(struct scan *scan, struct batch_work *work,
                    struct stat *info)
{
    bool is_link = S_ISLNK(info->st_mode);
    int ret = 0;

    if (is_excluded(scan) ||
        (is_link && scan->options.links == TRANSFER_LINKS_SKIP))
        return;
    if (is_link && scan->options.links != TRANSFER_LINKS_FOLLOW) {
        put_link(scan, work, info);
        return;
    }

    if (is_link)
        ret = docroot_stat(&scan->docroot, scan->path, info);
    if (ret == 0 && is_link && S_ISDIR(info->st_mode) && scan_is_loop(scan, info))
        ret = -ELOOP;

    if (ret != 0)
        scan_put_failure(scan, work, -ret);
    else if (S_ISDIR(info->st_mode))
        put_folder(scan, work, info);
    else if (S_ISREG(info->st_mode))
        put_file(scan, work, info);
    else if (!scan->options.skip_special)
        scan_put_failure(scan, work, ENXIO);
}
