/* What the files of the writer share; nobody else includes it.  file_writer.c
 * has its life and the destination, file_writer_records.c the catalogue,
 * file_writer_files.c the contents, file_writer_settle.c what is whole. */
#ifndef TRANSFER_FILE_WRITER_INTERNAL_H
#define TRANSFER_FILE_WRITER_INTERNAL_H

#include "base/limits.h"
#include "transfer/docroot.h"
#include "transfer/file_writer.h"
#include "transfer/node.h"

/* Folders whose leftovers were looked for lately. */
#define WRITER_SWEPT_MAX 64u
/* Descriptors of files that are neither complete nor written to just now. */
#define WRITER_OPEN_MAX 64u

/* Read at once, and asked about at once. */
#define WRITER_ASK_BYTES (1u << 20)

/* Files that are asked about, oldest first. */
struct file_writer_queue {
    struct file_writer_file *first;
    struct file_writer_file *last;
    struct file_writer_file *at; /* the first whose items are not all out */
};

/* An item that was not answered yet. */
struct file_writer_asked {
    uint64_t file_id;
    uint32_t size_bytes;
    uint32_t serial; /* of the question */
};

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
    int64_t atime_ns;
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;
    uint8_t flags; /* CATALOGUE_HAS_... */
    char path[];
};

struct file_writer {
    struct docroot docroot;
    char *docroot_path; /* owned */
    char *destination;  /* owned; as given */
    struct file_writer_options options;
    struct transfer_made made;
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

    bool awaits_go;
    bool is_dropping; /* the session is over: what can be resumed stays */
    uint32_t resumable_count;
    uint64_t resume_memory_bytes;
    struct file_writer_queue judging;
    struct file_writer_queue summing;
    struct file_writer_asked asked[LIMIT_CHECKS_ITEMS]; /* a ring */
    uint32_t ask_serial; /* of the newest question */
    uint64_t asked_first;
    uint64_t asked_end;
    uint64_t asked_bytes;
    uint8_t *ask_buffer; /* owned; WRITER_ASK_BYTES */
    int ask_fd;          /* of the ASK_TARGET file at work; -1 = none */
    struct hash ask_hash;

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
void file_writer_stop_with(struct file_writer *writer, enum fasp_error error,
                           const char *text);
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
/* {access, modification} as the order wants them kept; UTIME_OMIT else. */
void file_writer_times(const struct file_writer *writer, uint8_t flags,
                       int64_t mtime_ns, int64_t atime_ns,
                       struct timespec times[2]);
/* `id` where the order wants it kept, else -1, which chown leaves alone. */
uint32_t file_writer_owner(const struct file_writer *writer,
                           enum control_file_flag flag, uint32_t id);

/* ---- file_writer_partial.c ---- */

/* The name that the file is written by, and that of its side file. */
int file_writer_hidden_path(const struct file_writer *writer,
                            const struct file_writer_file *file,
                            char path[LIMIT_PATH_BYTES]);
/* Opens the partial file of an earlier session and reads its side file.
 * Returns 0, -ENOENT when there is none of use, or -errno. */
int file_writer_take_up(struct file_writer *writer,
                        struct file_writer_file *file);
/* Begins a file that was not begun: gives it its name, opens it. */
int file_writer_begin(struct file_writer *writer,
                      struct file_writer_file *file);
/* Lets go of what belongs to its resuming, and of its hidden name: removed, or
 * kept for a later session; returns whether it was kept. */
bool file_writer_leave(struct file_writer *writer,
                       struct file_writer_file *file, bool is_done);
struct text file_writer_resume_suffix(const struct file_writer *writer);

/* ---- file_writer_check.c ---- */

/* A file that is to be written, or resumed, or skipped if it is the same as
 * what is at its final name.  Returns 0 or -errno. */
int file_writer_judge(struct file_writer *writer, struct file_writer_file *file,
                      bool same_size, struct file_writer_result *result);
/* Every byte is written: its checksum is to be compared. */
void file_writer_sum(struct file_writer *writer, struct file_writer_file *file);
bool file_writer_wants_check(struct file_writer *writer);
/* Takes it off the queues. */
void file_writer_forget_question(struct file_writer *writer,
                                 struct file_writer_file *file);

/* It is right: it settles with the next ones. */
void file_writer_settle_file(struct file_writer *writer,
                             struct file_writer_file *file,
                             struct file_writer_result *result);
/* Every byte of it was written. */
void file_writer_complete_file(struct file_writer *writer,
                               struct file_writer_file *file,
                               struct file_writer_result *result);

#endif
