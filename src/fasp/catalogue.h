/* The records of space 0: what the receiver must know of each file, folder and
 * link, in order and ahead of the data.
 *
 * Knows: the format of records, what a path from a peer may look like.
 * Must not know: datagrams, the file system, sessions.
 *
 * A record is {u8 kind, u8 flags, path, fields}, big-endian; a path or target
 * is {u16 size, bytes}.  Flags say what is behind the fields of a FOLDER or FILE:
 * 0x01 u32 uid, u32 gid; then 0x02 i64 atime_ns.  Others are 0 and ignored.
 *
 *   FOLDER   path, i64 mtime_ns, u16 mode
 *   FILE     path, u64 size, i64 mtime_ns, u16 mode
 *   SYMLINK  path, target, i64 mtime_ns
 *   FAILED   path, u32 error: the sender could not read it
 *   END      u64 files, folders, symlinks, failed, bytes: totals of the above
 *
 * FILE records count from 0: that is a file's id.  Its place in space 1 (data)
 * is the sum of the sizes of the files before it.  Nothing follows END.
 *
 * Paths are relative to the destination.  They are hostile: the parser refuses
 * what is absolute, has an empty, "." or ".." component, a NUL, or is too
 * long.  Two records of one path are for the receiver's sink to judge.
 */
#ifndef FASP_CATALOGUE_H
#define FASP_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/text.h"

enum catalogue_kind {
    CATALOGUE_FOLDER = 1,
    CATALOGUE_FILE = 2,
    CATALOGUE_SYMLINK = 3,
    CATALOGUE_FAILED = 4,
    CATALOGUE_END = 5,
};

#define CATALOGUE_HAS_OWNER 0x01u
#define CATALOGUE_HAS_ACCESS_TIME 0x02u
/* The data space has 48-bit places. */
#define CATALOGUE_DATA_BYTES_MAX ((UINT64_C(1) << 48) - 1)
/* Permission bits: no set-uid, set-gid or sticky bit ever travels. */
#define CATALOGUE_MODE_MAX 0777u
/* The largest record: a SYMLINK with the longest path and target. */
#define CATALOGUE_RECORD_BYTES_MAX \
    (2u + 2u + LIMIT_PATH_BYTES + 2u + LIMIT_PATH_BYTES + 8u)

struct catalogue_totals {
    uint64_t files;
    uint64_t folders;
    uint64_t symlinks;
    uint64_t failed;
    uint64_t bytes; /* of all files */
};

struct catalogue_record {
    enum catalogue_kind kind;
    struct text path; /* 1 to LIMIT_PATH_BYTES; END: absent */
    int64_t mtime_ns; /* since 1970, may be negative */
    uint16_t mode;    /* 0 to CATALOGUE_MODE_MAX */
    uint8_t flags;    /* FOLDER and FILE: CATALOGUE_HAS_... */
    uint32_t uid;     /* with HAS_OWNER */
    uint32_t gid;
    int64_t atime_ns; /* with HAS_ACCESS_TIME */

    /* FILE.  The parser sets `file_id` and `place`; encoding ignores them. */
    uint64_t size_bytes;
    uint64_t file_id;
    uint64_t place;

    struct text target;             /* SYMLINK; any bytes but NUL */
    uint32_t error;                 /* FAILED: enum fasp_error, not 0 */
    struct catalogue_totals totals; /* END */
};

/* ---- writing ---- */

/* True for a path that may stand in a FOLDER, FILE or SYMLINK record. */
bool catalogue_path_is_good(struct text path);
/* True for a text that may stand as a target or as the path of FAILED, which
 * nobody opens: 1 to LIMIT_PATH_BYTES without NUL. */
bool catalogue_text_is_good(struct text text);

/* Writes one record, whose fields are in their ranges (CHECK).  Without room
 * for it, `writer` fails and has whole records only. */
void catalogue_put(struct bytes_writer *writer,
                   const struct catalogue_record *record);

/* Counts a record, other than END, into `totals`.  Returns false, with nothing
 * counted, when the sizes exceed CATALOGUE_DATA_BYTES_MAX. */
bool catalogue_count(struct catalogue_totals *totals,
                     const struct catalogue_record *record);

/* ---- reading ---- */

/* MORE and RECORD are fine, DONE is the good end; the others end the session
 * with error 1 (protocol), BAD_PATH with 56 (illegal characters) or 55 (path
 * too long), as catalogue_error() says.  The first error sticks. */
enum catalogue_result {
    CATALOGUE_MORE,   /* all input is taken, and no record is complete */
    CATALOGUE_RECORD, /* `record` is filled, and is not END */
    CATALOGUE_DONE,   /* `record` is END, and its totals are true */
    CATALOGUE_BAD_KIND,
    CATALOGUE_BAD_PATH,
    CATALOGUE_PATH_TOO_LONG,
    CATALOGUE_BAD_FIELD,
    CATALOGUE_BAD_TOTALS,
    CATALOGUE_AFTER_END, /* bytes behind END */
};

const char *catalogue_result_text(enum catalogue_result result);
/* The error that ends the session; only for a result that is one. */
uint32_t catalogue_error(enum catalogue_result result);

struct catalogue_parser {
    struct catalogue_totals totals; /* of the records so far */
    enum catalogue_result result;   /* MORE, DONE or the error that stuck */
    uint32_t held_bytes;            /* of the record that is being gathered */
    uint8_t held[CATALOGUE_RECORD_BYTES_MAX];
};

void catalogue_parser_init(struct catalogue_parser *parser);

/* Takes bytes from `input`, cut anywhere, until a record is complete.  The
 * record's texts are borrowed until the next call.  To be called again until it
 * gives MORE, which it does after DONE too while nothing follows; the caller
 * may stop between records and go on later with the rest of `input`. */
enum catalogue_result catalogue_next(struct catalogue_parser *parser,
                                     struct bytes_reader *input,
                                     struct catalogue_record *record);

#endif
