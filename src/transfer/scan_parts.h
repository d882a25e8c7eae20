/* What the files of the scan share; nobody else includes it. */
#ifndef TRANSFER_SCAN_PARTS_H
#define TRANSFER_SCAN_PARTS_H

#include <sys/stat.h>

#include "transfer/docroot.h"
#include "transfer/scan.h"

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

/* What a record of scan->path is called at the receiver. */
static inline struct text scan_record_path(const struct scan *scan)
{
    return text_of(scan->path + scan->base_bytes);
}

/* ---- scan_records.c ---- */

/* Lists scan->path as something that cannot be sent. */
void scan_put_failure(struct scan *scan, struct batch_work *work, int error);
/* Lists scan->path, and does not go down into it. */
void scan_put_folder_record(struct scan *scan, struct batch_work *work,
                            const struct stat *info);
/* Lists what is at scan->path; `info` is of the entry itself. */
void scan_put_entry(struct scan *scan, struct batch_work *work,
                    struct stat *info);

/* ---- scan_levels.c ---- */

/* Goes down into the folder scan->path.  Returns 0 or -errno. */
int scan_enter(struct scan *scan, const struct stat *info);
/* Whether the walk is inside of this folder already. */
bool scan_is_loop(const struct scan *scan, const struct stat *info);
/* Lists one entry of the innermost folder. */
void scan_step_entry(struct scan *scan, struct batch_work *work);
void scan_close_levels(struct scan *scan);

#endif
