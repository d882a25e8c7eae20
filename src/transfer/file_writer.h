/* Writes what a receiving session gets: records become folders and files, and
 * bytes of the data space go into the files they belong to.
 *
 * Knows: files below a docroot, catalogue records, the contract's rules of
 * destinations and of overwriting.
 * Must not know: the loop, datagrams, the peer.
 *
 * A file is written under a hidden name in its folder, `.ferry-<random>-<id>`,
 * and renamed when it is complete and on disk: the final name never shows half
 * a file, and whatever link was there is replaced, not followed.
 *
 *   record --> waiting --> open (hidden) --> settling --> done
 *         \--> skipped        \--> failed
 *
 * Complete files settle together: where they are many, one syncfs() before
 * and one after the renames cost less than two fsync() for each.
 *
 * An error that time or the operator must mend (disk full, read-only, input
 * and output errors) ends the session; one that is about a single file fails
 * that file.  Everything blocks: call it from jobs of one strand.
 */
#ifndef TRANSFER_FILE_WRITER_H
#define TRANSFER_FILE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/text.h"
#include "fasp/catalogue.h"
#include "fasp/error.h"

/* Files that settle together: their descriptors stay open until then. */
#define WRITER_SETTLE_COUNT 64u

enum file_writer_overwrite {
    WRITER_OVERWRITE_DIFF,
    WRITER_OVERWRITE_ALWAYS,
    WRITER_OVERWRITE_NEVER,
};

enum file_writer_file_state {
    WRITER_FILE_WAITING,
    WRITER_FILE_OPEN,
    WRITER_FILE_SETTLING,
    WRITER_FILE_DONE,
    WRITER_FILE_SKIPPED,
    WRITER_FILE_FAILED,
};

#define WRITER_NO_FILE_ID UINT64_MAX

/* One file.  The fields of the first group do not change once it is made, and
 * may be read by the loop between its two events. */
struct file_writer_file {
    uint64_t file_id; /* WRITER_NO_FILE_ID for a FAILED record */
    uint64_t local_id;
    uint64_t size_bytes;
    uint64_t place;
    int64_t mtime_ns;

    uint64_t written_bytes;
    int64_t start_us; /* wall clock */
    int64_t end_us;
    enum file_writer_file_state state;
    enum fasp_error error; /* FAILED */
    int fd;                /* -1 = not open */
    bool has_hidden;
    bool is_started; /* WRITER_FILE_STARTED was told */
    uint16_t mode;
    char path[]; /* below the docroot */
};

enum file_writer_event_kind {
    WRITER_FILE_STARTED, /* `file` is the writer's */
    WRITER_FILE_ENDED,   /* `file` is given away, to be freed */
    WRITER_SKIP,         /* no byte of [from_place, to_place) is needed */
};

struct file_writer_event {
    enum file_writer_event_kind kind;
    struct file_writer_file *file;
    uint64_t from_place;
    uint64_t to_place;
};

/* What one job came to.  Zero-initialise it. */
struct file_writer_result {
    struct file_writer_event *events; /* owned */
    uint32_t event_count;
    uint32_t event_room;
};

struct file_writer_options {
    struct text docroot;     /* an absolute path */
    struct text destination; /* as the order has it; absent = the docroot */
    uint32_t source_count;
    bool create_path;
    bool preserve_times;
    enum file_writer_overwrite overwrite;
};

struct file_writer;

/* Makes a writer; texts are copied.  NULL when memory is used up. */
struct file_writer *file_writer_new(const struct file_writer_options *options);
/* Closes what is open and removes the hidden files of what is not done. */
void file_writer_free(struct file_writer *writer);

/* Opens the docroot and looks at the destination, without creating anything.
 * Returns 0, or the error that refuses the session; `text` says which path. */
enum fasp_error file_writer_check(struct file_writer *writer, char *text,
                                  uint32_t text_bytes);

/* Takes in the next bytes of the catalogue, up to `size_bytes`; fewer when
 * LIMIT_WRITER_FILES files wait.  Returns how many. */
uint32_t file_writer_catalogue(struct file_writer *writer, const uint8_t *data,
                               uint32_t size_bytes,
                               struct file_writer_result *result);
/* Writes bytes from `place` of the data space on.  The records of all of them
 * were taken in; what belongs to files that ended is dropped. */
void file_writer_data(struct file_writer *writer, uint64_t place,
                      const uint8_t *data, uint32_t size_bytes,
                      struct file_writer_result *result);
/* The sender cannot read the file, whose record may still be to come. */
void file_writer_fail_file(struct file_writer *writer, uint64_t file_id,
                           enum fasp_error error,
                           struct file_writer_result *result);
/* Brings what is complete onto the disk. */
void file_writer_settle(struct file_writer *writer,
                        struct file_writer_result *result);
/* Sets the modes and times of folders; all files have ended. */
void file_writer_finish(struct file_writer *writer);

/* How far the writer is; a job takes it for the loop when it ends. */
struct file_writer_status {
    enum fasp_error error; /* that ends the session; NONE while there is none */
    struct catalogue_totals totals; /* of the records so far */
    bool catalogue_complete;
    uint32_t settling_count;
    uint64_t written_bytes; /* of files that did not fail */
    uint64_t moved_file_id; /* the file that was written to last */
    uint64_t moved_file_bytes;
    char text[256]; /* about the error */
};

void file_writer_status(const struct file_writer *writer,
                        struct file_writer_status *status);

/* Frees the list, and the files that were given away in it. */
void file_writer_result_free(struct file_writer_result *result);

#endif
