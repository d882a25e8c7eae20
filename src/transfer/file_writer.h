/* Writes what a receiving session gets: records become folders and files, and
 * bytes of the data space go into the files they belong to.
 *
 * Knows: files below a docroot, catalogue records, the contract's rules of
 * destinations and of overwriting.
 * Must not know: the loop, datagrams, the peer.
 *
 * A file is written under another name in its folder and renamed when it is
 * complete and on disk: the final name never shows half a file, and whatever
 * link was there is replaced, not followed.  The name is `.ferry-<random>-<id>`,
 * or one that the next session finds where the file may be resumed (hidden.h),
 * or with the suffix that the order names.
 *
 *   record --> checking --> waiting --> open --> summing --> settling --> done
 *         \       |   \--> open (resumed)  \--> failed
 *          \--> skipped
 *
 * Checking asks the sender whether what is here is what it has: before a
 * partial file is taken up, and before a file of the same size is skipped.
 * Summing compares whole files when the order wants a checksum.  Digests are
 * made in small steps, file_writer_check(), and the sender's answers come back
 * by file_writer_answer().
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
#include "crypto/hash.h"
#include "fasp/catalogue.h"
#include "fasp/control.h"
#include "fasp/error.h"

/* Files that settle together: their descriptors stay open until then. */
#define WRITER_SETTLE_COUNT 64u

enum file_writer_overwrite {
    WRITER_OVERWRITE_DIFF,
    WRITER_OVERWRITE_ALWAYS,
    WRITER_OVERWRITE_NEVER,
    WRITER_OVERWRITE_OLDER,
    WRITER_OVERWRITE_DIFF_AND_OLDER,
};

enum file_writer_file_state {
    WRITER_FILE_WAITING,
    WRITER_FILE_OPEN,
    WRITER_FILE_SETTLING,
    WRITER_FILE_DONE,
    WRITER_FILE_SKIPPED,
    WRITER_FILE_FAILED,
    WRITER_FILE_CHECKING,
    WRITER_FILE_SUMMING,
};

/* By which name a file is written. */
enum file_writer_name {
    WRITER_NAME_HIDDEN,  /* .ferry-<random>-<id> */
    WRITER_NAME_PARTIAL, /* hidden_partial_name() */
    WRITER_NAME_SUFFIX,  /* <final name><partial suffix> */
};

/* What a CHECKING file is asked about. */
enum file_writer_question {
    WRITER_ASK_PARTIAL, /* blocks of the partial file */
    WRITER_ASK_TARGET,  /* all of the file at the final name */
    WRITER_ASK_SUM,     /* all of the new file */
};

struct resume;

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
    uint8_t flags; /* of the record: CATALOGUE_HAS_... */
    uint8_t name;  /* enum file_writer_name, of the hidden name */
    uint32_t uid;
    uint32_t gid;
    int64_t atime_ns;
    struct resume *resume; /* owned; NULL = not to be resumed */
    uint64_t resumed_bytes; /* that were there at the start */
    bool has_checksum;
    uint8_t checksum[HASH_BYTES_MAX];

    /* CHECKING and SUMMING */
    uint8_t question; /* enum file_writer_question */
    bool is_asked;    /* all items are on their way */
    uint32_t ask_serial;
    uint32_t ask_sample;
    uint64_t ask_offset; /* the next byte to be read */
    uint32_t ask_crc;    /* of the block at ask_offset, up to there */
    uint32_t unanswered;
    struct file_writer_file *ask_next;
    struct file_writer_file *ask_previous;
    char path[]; /* below the docroot */
};

enum file_writer_event_kind {
    WRITER_FILE_STARTED, /* `file` is the writer's */
    WRITER_FILE_ENDED,   /* `file` is given away, to be freed */
    WRITER_SKIP,         /* no byte of [from_place, to_place) is needed */
    WRITER_ASK, /* whether [from_place, to_place) of the file has `digest` */
};

struct file_writer_event {
    enum file_writer_event_kind kind;
    struct file_writer_file *file;
    uint64_t from_place;
    uint64_t to_place;
    uint64_t file_id; /* ASK */
    uint8_t checksum; /* enum control_checksum */
    uint8_t digest[HASH_BYTES_MAX];
};

/* What one job came to.  Zero-initialise it. */
struct file_writer_result {
    struct file_writer_event *events; /* owned */
    uint32_t event_count;
    uint32_t event_room;
};

struct transfer_made;

struct file_writer_options {
    struct text docroot;     /* an absolute path */
    struct text destination; /* as the order has it; absent = the docroot */
    uint32_t source_count;
    bool create_path;
    bool preserve_times;
    enum file_writer_overwrite overwrite;
    enum control_resume resume;
    enum control_checksum checksum;
    enum control_links links;
    uint32_t file_flags;          /* of enum control_file_flag */
    struct text first_source;     /* the one source, where there is only one */
    struct text partial_suffix;   /* absent or empty = none */
    struct text save_suffix;      /* the same */
    const struct transfer_made *made; /* copied; NULL = zeros */
    struct text resume_suffix;    /* of side files; absent = the usual one */
};

struct file_writer;

/* Makes a writer; texts are copied.  NULL when memory is used up. */
struct file_writer *file_writer_new(const struct file_writer_options *options);
/* Closes what is open and removes the hidden files of what is not done. */
void file_writer_free(struct file_writer *writer);

/* Opens the docroot and looks at the destination, without creating anything.
 * Returns 0, or the error that refuses the session; `text` says which path. */
enum fasp_error file_writer_prepare(struct file_writer *writer, char *text,
                                    uint32_t text_bytes);
/* After that: whether parts of the files, or whole ones, may be there, so that
 * the sender is to wait for what is skipped. */
bool file_writer_awaits_go(const struct file_writer *writer);

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
/* Makes digests of what is there, about 32 MiB of it, and asks. */
void file_writer_check(struct file_writer *writer,
                       struct file_writer_result *result);
/* The sender's answer to the next `count` ASK events. */
void file_writer_answer(struct file_writer *writer, uint64_t file_id,
                        uint32_t count, bool equal,
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
    uint64_t written_bytes; /* of files that did not fail, or stay in part */
    uint64_t judged_count;  /* ids below: all that is skipped was told */
    uint64_t checked_bytes; /* read to be compared */
    bool is_asking;         /* files wait for answers, or to be asked about */
    bool wants_check;       /* file_writer_check() has something to do */
    uint64_t moved_file_id; /* the file that was written to last */
    uint64_t moved_file_bytes;
    char text[256]; /* about the error */
};

void file_writer_status(struct file_writer *writer,
                        struct file_writer_status *status);

/* Frees the list, and the files that were given away in it. */
void file_writer_result_free(struct file_writer_result *result);

#endif
