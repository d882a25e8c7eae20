#include "transfer/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transfer/hidden.h"
#include "transfer/scan_parts.h"

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

void scan_close(struct scan *scan)
{
    if (scan == NULL)
        return;
    scan_close_levels(scan);
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
    scan_put_folder_record(scan, work, &info);
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
        scan_put_failure(scan, work, ENAMETOOLONG);
        return;
    }
    memcpy(scan->path, source, strlen(source) + 1);
    scan->base_bytes = (uint32_t)(arriving_name(scan, source) - source);

    int ret = docroot_stat_link(&scan->docroot, source, &info);
    if (hidden_is_name(scan_record_path(scan), scan->options.resume_suffix))
        ret = -EILSEQ;
    if (ret != 0)
        scan_put_failure(scan, work, -ret);
    else
        scan_put_entry(scan, work, &info);
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
            scan_step_entry(scan, &work);
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
