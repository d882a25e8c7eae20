#include "transfer/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "transfer/docroot.h"
#include "transfer/glob.h"
#include "transfer/hidden.h"

/* Folders that are kept open on the way down; those above are opened again,
 * at the entry where they were left, when the walk comes back. */
#define LEVELS_OPEN_MAX 16u
/* Some hundred names. */
#define LEVEL_BYTES 16384u

/* A folder on the way from a source to where the walk is. */
struct level {
    uint32_t path_bytes; /* of scan->path, for this folder */
    int fd;              /* -1 = closed to spare descriptors */
    uint8_t *buffer;     /* owned while the folder is open */
    uint32_t have_bytes;
    uint32_t at_bytes;
    int64_t next_entry; /* the kernel's cookie of where to go on */
    dev_t device;
    ino_t inode;
};

struct scan {
    struct docroot docroot;
    struct scan_options options;
    char source_base[LIMIT_PATH_BYTES]; /* as docroot_path() makes it */
    uint32_t on_the_way; /* bytes of scan->path whose folder is listed next;
                          * 0 = none */
    char *docroot_path; /* owned */
    char **sources;     /* owned; as docroot_path() makes them, or as given */
    uint32_t source_count;
    uint32_t source_next;
    bool outside; /* a source was outside the docroot by its name alone */
    struct level *levels; /* owned */
    uint32_t level_count;
    uint32_t level_room;
    uint32_t base_bytes; /* of scan->path that records leave out */
    uint64_t local_id;
    uint64_t catalogue_place;
    struct catalogue_totals totals;
    enum fasp_error first_error;
    char path[LIMIT_PATH_BYTES];
};

/* What one call of scan_next() works on. */
struct batch_work {
    struct scan_batch *batch;
    struct bytes_writer writer;
    struct text_builder paths;
    uint32_t failure_room;
    bool no_memory;
};

/* The layout of the kernel's getdents64(). */
struct linux_entry {
    uint64_t inode;
    int64_t next;
    uint16_t size_bytes;
    uint8_t type;
    char name[];
};

struct scan *scan_open(struct text docroot, const struct text *sources,
                       uint32_t source_count,
                       const struct scan_options *options)
{
    char path[LIMIT_PATH_BYTES];
    struct scan *scan = calloc(1, sizeof *scan);

    if (scan == NULL)
        return NULL;
    scan->docroot.fd = -1;
    scan->options = *options;
    if (options->resume_suffix.size_bytes == 0)
        scan->options.resume_suffix = text_of(HIDDEN_RESUME_SUFFIX);
    if (docroot_path(options->source_base, scan->source_base) != 0)
        scan->outside = true;
    scan->docroot_path =
        strndup(docroot.data != NULL ? docroot.data : "", docroot.size_bytes);
    scan->sources = calloc(source_count, sizeof *scan->sources);
    if (scan->docroot_path == NULL || scan->sources == NULL)
        goto close_scan;

    for (uint32_t i = 0; i < source_count; i++) {
        int ret = docroot_path(sources[i], path);
        if (ret == -EXDEV)
            scan->outside = true;
        scan->sources[i] =
            ret == 0 ? strdup(path)
                     : strndup(sources[i].data, sources[i].size_bytes);
        if (scan->sources[i] == NULL)
            goto close_scan;
        scan->source_count++;
    }
    return scan;

close_scan:
    scan_close(scan);
    return NULL;
}

static void close_level(struct level *level)
{
    if (level->fd >= 0)
        close(level->fd);
    free(level->buffer);
    level->fd = -1;
    level->buffer = NULL;
    level->have_bytes = 0;
    level->at_bytes = 0;
}

void scan_close(struct scan *scan)
{
    if (scan == NULL)
        return;
    for (uint32_t i = 0; i < scan->level_count; i++)
        close_level(&scan->levels[i]);
    free(scan->levels);
    for (uint32_t i = 0; i < scan->source_count; i++)
        free(scan->sources[i]);
    free(scan->sources);
    free(scan->docroot_path);
    docroot_close(&scan->docroot);
    free(scan);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the source arrives as: its name, or what is behind the source base;
 * NULL when it is not below that. */
static const char *arriving_name(const struct scan *scan, const char *source)
{
    size_t base_bytes = strlen(scan->source_base);

    if (base_bytes == 0)
        return docroot_name(source);
    if (strncmp(source, scan->source_base, base_bytes) != 0)
        return NULL;
    if (source[base_bytes] == '\0')
        return source + base_bytes;
    return source[base_bytes] == '/' ? source + base_bytes + 1 : NULL;
}

/* Two sources that would arrive under one name: the second would replace the
 * first.  NULL = none.  The docroot as a source has no name of its own. */
static const char *double_name(const struct scan *scan, bool *no_memory)
{
    const char **names = calloc(scan->source_count + 1, sizeof *names);
    const char *found = NULL;

    *no_memory = names == NULL;
    if (names == NULL)
        return NULL;
    for (uint32_t i = 0; i < scan->source_count; i++)
        names[i] = arriving_name(scan, scan->sources[i]);
    qsort(names, scan->source_count, sizeof *names, compare_names);
    for (uint32_t i = 1; i < scan->source_count && found == NULL; i++) {
        if (names[i][0] != '\0' && strcmp(names[i - 1], names[i]) == 0)
            found = names[i];
    }
    free(names);
    return found;
}

enum fasp_error scan_check(struct scan *scan, char *text, uint32_t text_bytes)
{
    bool no_memory;
    enum fasp_error first = FASP_ERROR_NONE;
    uint32_t there = 0;
    struct stat info;

    text[0] = '\0';
    int ret = docroot_open(&scan->docroot, text_of(scan->docroot_path));
    if (ret != 0) {
        scan->docroot.fd = -1;
        snprintf(text, text_bytes, "docroot: %s", strerror(-ret));
        return fasp_error_of_errno(-ret, FASP_ERROR_DISK_READ);
    }
    for (uint32_t i = 0; i < scan->source_count; i++) {
        ret = scan->outside
                  ? -EXDEV
                  : docroot_stat(&scan->docroot, scan->sources[i], &info);
        if (ret == 0) {
            there++;
            continue;
        }
        if (first == FASP_ERROR_NONE || ret == -EXDEV) {
            first = fasp_error_of_errno(-ret, FASP_ERROR_STAT);
            snprintf(text, text_bytes, "source %.400s: %s", scan->sources[i],
                     ret == -EXDEV ? "outside the docroot" : strerror(-ret));
        }
        if (ret == -EXDEV)
            return FASP_ERROR_OUTSIDE_DOCROOT;
    }
    for (uint32_t i = 0; i < scan->source_count; i++) {
        if (arriving_name(scan, scan->sources[i]) != NULL)
            continue;
        snprintf(text, text_bytes, "source %.400s: not below the source base",
                 scan->sources[i]);
        return FASP_ERROR_USAGE;
    }
    const char *twice = double_name(scan, &no_memory);
    if (no_memory)
        return FASP_ERROR_MEMORY;
    if (twice != NULL) {
        snprintf(text, text_bytes, "two sources are named %.400s", twice);
        return FASP_ERROR_AMBIGUOUS_TARGET;
    }
    if (there > 0)
        first = FASP_ERROR_NONE;
    else if (first == FASP_ERROR_NONE)
        first = FASP_ERROR_NOTHING;
    return first;
}

enum fasp_error scan_first_error(const struct scan *scan)
{
    return scan->first_error;
}

/* Keeps a string in the batch and returns its place there. */
static uint32_t keep_path(struct batch_work *work, const char *path)
{
    uint32_t path_at = work->paths.size_bytes;

    text_add(&work->paths, text_from(path, strlen(path) + 1));
    work->no_memory |= work->paths.failed;
    return path_at;
}

/* What a record of scan->path is called at the receiver. */
static struct text record_path(const struct scan *scan)
{
    return text_of(scan->path + scan->base_bytes);
}

/* Lists scan->path as something that cannot be sent. */
static void put_failure(struct scan *scan, struct batch_work *work, int error)
{
    struct scan_batch *batch = work->batch;
    struct text path = record_path(scan);

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
        .path = record_path(scan),
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
        put_failure(scan, work, EFBIG);
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

static int open_level(struct scan *scan, struct level *level)
{
    level->buffer = malloc(LEVEL_BYTES);
    if (level->buffer == NULL)
        return -ENOMEM;
    scan->path[level->path_bytes] = '\0';
    level->fd = docroot_open_folder(&scan->docroot, scan->path);
    if (level->fd < 0) {
        int ret = level->fd;
        close_level(level);
        return ret;
    }
    if (level->next_entry != 0 &&
        lseek(level->fd, level->next_entry, SEEK_SET) < 0) {
        int ret = -errno;
        close_level(level);
        return ret;
    }
    return 0;
}

/* Lists the folder scan->path and goes down into it. */
static void put_folder(struct scan *scan, struct batch_work *work,
                       const struct stat *info)
{
    if (scan->level_count == scan->level_room) {
        uint32_t room = scan->level_room ? scan->level_room * 2 : 16;
        struct level *levels = realloc(scan->levels, room * sizeof *levels);
        if (levels == NULL) {
            work->no_memory = true;
            return;
        }
        scan->levels = levels;
        scan->level_room = room;
    }

    struct level level = {
        .path_bytes = (uint32_t)strlen(scan->path),
        .fd = -1,
        .device = info->st_dev,
        .inode = info->st_ino,
    };
    int ret = open_level(scan, &level);
    if (ret != 0) {
        put_failure(scan, work, -ret);
        return;
    }
    struct catalogue_record record = {
        .kind = CATALOGUE_FOLDER,
        .path = record_path(scan),
        .mtime_ns = mtime_ns_of(info),
        .mode = info->st_mode & CATALOGUE_MODE_MAX,
    };
    add_extras(scan, info, &record);
    if (record.path.size_bytes > 0) {
        CHECK(catalogue_count(&scan->totals, &record));
        catalogue_put(&work->writer, &record);
    }
    if (scan->level_count >= LEVELS_OPEN_MAX)
        close_level(&scan->levels[scan->level_count - LEVELS_OPEN_MAX]);
    scan->levels[scan->level_count++] = level;
}

/* Whether the walk is inside of this folder already. */
static bool is_loop(const struct scan *scan, const struct stat *info)
{
    for (uint32_t i = 0; i < scan->level_count; i++) {
        if (scan->levels[i].device == info->st_dev &&
            scan->levels[i].inode == info->st_ino)
            return true;
    }
    return false;
}

/* Lists the link scan->path as a link. */
static void put_link(struct scan *scan, struct batch_work *work,
                     const struct stat *info)
{
    char target[LIMIT_PATH_BYTES];
    int size = docroot_read_link(&scan->docroot, scan->path, target);
    struct catalogue_record record = {
        .kind = CATALOGUE_SYMLINK,
        .path = record_path(scan),
        .mtime_ns = mtime_ns_of(info),
    };

    if (size < 0) {
        put_failure(scan, work, -size);
        return;
    }
    record.target = text_from(target, (size_t)size);
    CHECK(catalogue_count(&scan->totals, &record));
    catalogue_put(&work->writer, &record);
}

/* Whether the order leaves out what has this path. */
static bool is_excluded(const struct scan *scan)
{
    bool has_name = record_path(scan).size_bytes > 0;

    for (uint32_t i = 0; has_name && i < scan->options.exclude_count; i++) {
        if (glob_matches(scan->options.excludes[i], record_path(scan)))
            return true;
    }
    return false;
}

/* Lists what is at scan->path; `info` is of the entry itself. */
static void put_entry(struct scan *scan, struct batch_work *work,
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
    if (ret == 0 && is_link && S_ISDIR(info->st_mode) && is_loop(scan, info))
        ret = -ELOOP;

    if (ret != 0)
        put_failure(scan, work, -ret);
    else if (S_ISDIR(info->st_mode))
        put_folder(scan, work, info);
    else if (S_ISREG(info->st_mode))
        put_file(scan, work, info);
    else if (!scan->options.skip_special)
        put_failure(scan, work, ENXIO);
}

/* With a source base: lists the next folder between the base and the source.
 * Returns false when there is none left. */
static bool step_on_the_way(struct scan *scan, struct batch_work *work)
{
    const char *source = scan->sources[scan->source_next];
    const char *name = arriving_name(scan, source);
    struct stat info;

    if (scan->source_base[0] == '\0' || strlen(source) >= sizeof scan->path)
        return false;
    scan->base_bytes = (uint32_t)(name - source);
    if (scan->on_the_way < scan->base_bytes)
        scan->on_the_way = scan->base_bytes;
    const char *slash = strchr(source + scan->on_the_way, '/');
    if (slash == NULL) {
        scan->on_the_way = 0;
        return false;
    }
    size_t path_bytes = (size_t)(slash - source);
    scan->on_the_way = (uint32_t)path_bytes + 1;
    memcpy(scan->path, source, path_bytes);
    scan->path[path_bytes] = '\0';
    if (docroot_stat(&scan->docroot, scan->path, &info) != 0 ||
        !S_ISDIR(info.st_mode))
        return true; /* the source itself will tell */
    struct catalogue_record record = {
        .kind = CATALOGUE_FOLDER,
        .path = record_path(scan),
        .mtime_ns = mtime_ns_of(&info),
        .mode = info.st_mode & CATALOGUE_MODE_MAX,
    };
    add_extras(scan, &info, &record);
    CHECK(catalogue_count(&scan->totals, &record));
    catalogue_put(&work->writer, &record);
    return true;
}

/* Begins with the next source. */
static void step_source(struct scan *scan, struct batch_work *work)
{
    if (step_on_the_way(scan, work))
        return;
    const char *source = scan->sources[scan->source_next++];
    struct stat info;

    if (strlen(source) >= sizeof scan->path) {
        memcpy(scan->path, source, sizeof scan->path - 1);
        scan->path[sizeof scan->path - 1] = '\0';
        put_failure(scan, work, ENAMETOOLONG);
        return;
    }
    memcpy(scan->path, source, strlen(source) + 1);
    scan->base_bytes = (uint32_t)(arriving_name(scan, source) - source);

    int ret = docroot_stat_link(&scan->docroot, source, &info);
    if (hidden_is_name(record_path(scan), scan->options.resume_suffix))
        ret = -EILSEQ;
    if (ret != 0)
        put_failure(scan, work, -ret);
    else
        put_entry(scan, work, &info);
}

/* The next entry of the innermost folder, or NULL at its end, or when it
 * cannot be read on: then `*error` is an errno. */
static const struct linux_entry *next_entry(struct scan *scan, int *error)
{
    struct level *level = &scan->levels[scan->level_count - 1];

    *error = 0;
    if (level->fd < 0) {
        *error = -open_level(scan, level);
        if (*error != 0)
            return NULL;
    }
    if (level->at_bytes == level->have_bytes) {
        long have =
            syscall(SYS_getdents64, level->fd, level->buffer, LEVEL_BYTES);
        if (have <= 0) {
            *error = have < 0 ? errno : 0;
            return NULL;
        }
        level->have_bytes = (uint32_t)have;
        level->at_bytes = 0;
    }
    const struct linux_entry *entry =
        (const void *)(level->buffer + level->at_bytes);
    level->at_bytes += entry->size_bytes;
    level->next_entry = entry->next;
    return entry;
}

static void leave_level(struct scan *scan)
{
    close_level(&scan->levels[--scan->level_count]);
}

/* Lists one entry of the innermost folder. */
static void step_entry(struct scan *scan, struct batch_work *work)
{
    struct level *level = &scan->levels[scan->level_count - 1];
    struct stat info;
    int error;

    scan->path[level->path_bytes] = '\0';
    const struct linux_entry *entry = next_entry(scan, &error);
    if (entry == NULL) {
        if (error != 0)
            put_failure(scan, work, error);
        leave_level(scan);
        return;
    }
    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0 ||
        hidden_is_name(text_of(entry->name), scan->options.resume_suffix))
        return;
    if (docroot_join(scan->path, scan->path, entry->name) != 0) {
        put_failure(scan, work, ENAMETOOLONG);
        return;
    }
    if (fstatat(level->fd, entry->name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) /* removed since the folder was read: not ours */
            put_failure(scan, work, errno);
        return;
    }
    put_entry(scan, work, &info);
}

static void put_end(struct scan *scan, struct batch_work *work)
{
    struct catalogue_record record = {
        .kind = CATALOGUE_END,
        .totals = scan->totals,
    };

    catalogue_put(&work->writer, &record);
    work->batch->last = true;
}

struct scan_batch *scan_next(struct scan *scan)
{
    struct scan_batch *batch = malloc(sizeof *batch);

    if (batch == NULL)
        return NULL;
    memset(batch, 0, offsetof(struct scan_batch, files));

    struct batch_work work = {
        .batch = batch,
        .writer = bytes_write_to(batch->catalogue, sizeof batch->catalogue),
    };
    batch->file_id = scan->totals.files;
    batch->data_place = scan->totals.bytes;
    batch->catalogue_place = scan->catalogue_place;

    /* A step writes one record, and END must fit after it. */
    while (!work.no_memory && !batch->last &&
           batch->file_count < SCAN_FILES_MAX &&
           bytes_written(&work.writer) + 2 * CATALOGUE_RECORD_BYTES_MAX <=
               sizeof batch->catalogue) {
        if (scan->level_count > 0)
            step_entry(scan, &work);
        else if (scan->source_next < scan->source_count)
            step_source(scan, &work);
        else
            put_end(scan, &work);
    }
    if (work.no_memory) {
        text_builder_free(&work.paths);
        scan_batch_free(batch);
        return NULL;
    }
    CHECK(!work.writer.failed);
    batch->paths = work.paths.data;
    batch->catalogue_bytes = (uint32_t)bytes_written(&work.writer);
    scan->catalogue_place += batch->catalogue_bytes;
    batch->data_end = scan->totals.bytes;
    batch->totals = scan->totals;
    return batch;
}

void scan_batch_free(struct scan_batch *batch)
{
    if (batch == NULL)
        return;
    for (uint32_t i = 0; i < batch->file_count; i++)
        free(batch->files[i].checksum);
    free(batch->failures);
    free(batch->paths);
    free(batch);
}
