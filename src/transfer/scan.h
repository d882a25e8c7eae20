/* Walks the sources of a session and lists what is to be sent.
 *
 * Knows: folders below a docroot, catalogue records.
 * Must not know: the loop, the network, who receives.
 *
 * A scan gives batch after batch, so that data flows before the walk ends and
 * nobody holds a tree of ten million files in memory.  A batch has the encoded
 * catalogue records, and a compact table of the files in it, by which the
 * source finds the bytes of the data space again.
 *
 * A source folder arrives as itself: its records begin with its own name.  The
 * docroot as a source has no name below itself, so its contents arrive.
 * With a source base, records have the path behind the base, and the folders
 * on the way are listed, too.  Links are followed within the docroot, copied or
 * passed over; a link to a folder that we are inside of is error 63.  What cannot be sent becomes a FAILED record.  Names that a
 * receiving node keeps for itself (hidden.h) are passed over.
 *
 * Everything blocks: call it from worker jobs, one at a time.  A batch is
 * its receiver's; the scan keeps no pointer to it.
 */
#ifndef TRANSFER_SCAN_H
#define TRANSFER_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "fasp/catalogue.h"
#include "fasp/error.h"
#include "transfer/node.h"

struct scan;

/* Encoded records of one batch: several datagrams, some hundred files. */
#define SCAN_CATALOGUE_BYTES 65536u
/* The other bound: a batch of short names is ready within milliseconds. */
#define SCAN_FILES_MAX 1024u

enum scan_file_state {
    SCAN_FILE_WAITING, /* no byte of it was read */
    SCAN_FILE_STARTED,
    SCAN_FILE_ENDED, /* its result is known */
};

/* A file that has a FILE record. */
struct scan_file {
    uint64_t size_bytes;
    uint64_t place; /* in the data space */
    int64_t mtime_ns;
    int64_t start_us; /* wall clock; the loop's */
    uint64_t local_id;
    uint64_t skipped_bytes;  /* that the receiver had; the loop's */
    uint64_t repeated_bytes; /* sent again; the loop's */
    uint8_t *checksum;       /* owned; that both ends have, or NULL */
    uint32_t path_at; /* scan_batch_path() */
    uint8_t state;    /* enum scan_file_state; the loop's */
};

/* An entry that has a FAILED record. */
struct scan_failure {
    uint64_t local_id;
    uint32_t path_at; /* scan_batch_path() */
    enum fasp_error error;
};

struct scan_batch {
    struct scan_batch *next; /* the receiver's list */
    uint64_t file_id;        /* of files[0] */
    uint64_t data_place;     /* where the data of files[0] begins */
    uint64_t data_end;
    uint64_t catalogue_place;
    uint32_t catalogue_bytes;
    uint32_t file_count;
    uint32_t failure_count;
    uint32_t ended_count; /* the receiver's: files whose result is known */
    uint32_t readers;     /* the receiver's: jobs that look at files[] */
    bool last;            /* the catalogue ends with this batch */
    struct catalogue_totals totals; /* up to the end of this batch */
    struct scan_failure *failures;  /* owned */
    char *paths;                    /* owned: strings one after another */
    struct scan_file files[SCAN_FILES_MAX];
    uint8_t catalogue[SCAN_CATALOGUE_BYTES];
};

/* Zeros: follow links, list everything. */
struct scan_options {
    enum transfer_links links;
    bool skip_special;
    bool with_owner;
    bool with_access_times;
    bool has_oldest;
    bool has_newest;
    int64_t oldest_s;
    int64_t newest_s;
    struct text source_base;     /* these are borrowed for the scan's life */
    const struct text *excludes; /* glob.h; on paths below the source's folder */
    uint32_t exclude_count;
    struct text resume_suffix; /* absent = the usual one */
};

/* Prepares a scan of `source_count` paths below `docroot`, an absolute path.
 * Nothing is looked at yet.  NULL when memory is used up. */
struct scan *scan_open(struct text docroot, const struct text *sources,
                       uint32_t source_count,
                       const struct scan_options *options);
void scan_close(struct scan *scan);

/* Opens the docroot and looks at each source.  Returns 0, or the error that
 * ends the session: 41 for a source outside the docroot, 4 for one that is
 * missing while no other is there, 3 for two of one name, 8 for one that is not
 * below the source base.  `text`, of
 * `text_bytes`, names it. */
enum fasp_error scan_check(struct scan *scan, char *text, uint32_t text_bytes);

/* Walks on and returns the next batch, which the caller frees; after the one
 * that is `last`, none may be asked for.  NULL when memory is used up. */
struct scan_batch *scan_next(struct scan *scan);
void scan_batch_free(struct scan_batch *batch);

/* A path below the docroot, by its place in the batch. */
static inline const char *scan_batch_path(const struct scan_batch *batch,
                                          uint32_t path_at)
{
    return batch->paths + path_at;
}

/* The first failure's error: what a scan that found nothing else came to. */
enum fasp_error scan_first_error(const struct scan *scan);

#endif
