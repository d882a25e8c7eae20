/* What the two halves of the writer share: file_writer.c has destinations and
 * records, file_writer_files.c the files themselves. */
#ifndef TRANSFER_FILE_WRITER_INTERNAL_H
#define TRANSFER_FILE_WRITER_INTERNAL_H

#include "base/limits.h"
#include "transfer/docroot.h"
#include "transfer/file_writer.h"

/* Folders whose leftovers were looked for lately. */
#define WRITER_SWEPT_MAX 64u
/* Descriptors of files that are neither complete nor written to just now. */
#define WRITER_OPEN_MAX 64u

/* A file of the data space, found by its place. */
struct file_writer_slot {
    uint64_t place;
    struct file_writer_file *file; /* NULL = ended */
};

/* The sender's failure of a file whose record is still to come. */
struct file_writer_early_failure {
    uint64_t file_id;
    enum fasp_error error;
};

/* A folder whose mode or times are set at the end. */
struct file_writer_folder {
    struct file_writer_folder *next;
    int64_t mtime_ns;
    uint16_t mode;
    char path[];
};

struct file_writer {
    struct docroot docroot;
    char *docroot_path; /* owned */
    char *destination;  /* owned; as given */
    struct file_writer_options options;
    uint64_t token; /* of hidden names */

    char base[LIMIT_PATH_BYTES]; /* destination below the docroot */
    bool base_is_folder;
    bool base_is_there;
    bool has_single; /* a file took the destination as its name */

    struct catalogue_parser parser;
    uint64_t local_id;

    struct file_writer_slot *slots; /* owned; a ring, by file id */
    uint32_t slot_room;             /* 0 or a power of two */
    uint64_t slot_first;            /* file id of the oldest */
    uint64_t slot_end;
    uint32_t open_count;
    uint64_t close_next; /* where to look for one to close */

    struct file_writer_early_failure *early; /* owned */
    uint32_t early_count;

    struct file_writer_file *settling[WRITER_SETTLE_COUNT];
    uint32_t settling_count;
    struct file_writer_folder *folders; /* owned; innermost first */
    bool made_folders;
    uint64_t swept[WRITER_SWEPT_MAX]; /* hashes of folders' paths; a ring */
    uint32_t swept_next;

    struct file_writer_status status;
};

struct file_writer_slot *file_writer_slot(struct file_writer *writer,
                                          uint64_t file_id);

/* Ends the session with what the system said. */
void file_writer_stop(struct file_writer *writer, int error, const char *what,
                      const char *path);
/* Whether an errno is about more than one file. */
bool file_writer_is_fatal(int error);

void file_writer_add_event(struct file_writer *writer,
                           struct file_writer_result *result,
                           enum file_writer_event_kind kind,
                           struct file_writer_file *file, uint64_t from_place,
                           uint64_t to_place);
/* Ends a file: closes it, removes its hidden name, gives it away. */
void file_writer_end_file(struct file_writer *writer,
                          struct file_writer_file *file,
                          enum file_writer_file_state state,
                          enum fasp_error error,
                          struct file_writer_result *result);
/* Ends it by what the system said, or the session. */
void file_writer_refuse_file(struct file_writer *writer,
                             struct file_writer_file *file, int error,
                             struct file_writer_result *result);
/* Creates the hidden file. */
int file_writer_open_file(struct file_writer *writer,
                          struct file_writer_file *file);
/* Every byte of it was written: it settles with the next ones. */
void file_writer_complete_file(struct file_writer *writer,
                               struct file_writer_file *file,
                               struct file_writer_result *result);

#endif
