/* The sender's answers to what a receiver asks of its files: whether pieces of
 * them have the digests that the receiver found at its end.
 *
 * Knows: batches of a scan, files below a docroot, digests, workers.
 * Must not know: the control connection, why the receiver asks.
 *
 * Answers come in the order of the questions.  A file that cannot be read, or
 * that is not what the scan saw, is answered with "not equal": what becomes of
 * it shows when it is read to be sent.
 */
#ifndef TRANSFER_CHECKER_H
#define TRANSFER_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/hash.h"
#include "fasp/control.h"
#include "io/loop.h"
#include "transfer/file_reader.h"
#include "transfer/source.h"

struct checker_item {
    struct scan_batch *batch; /* pinned by its `readers` */
    struct scan_file *file;
    uint64_t file_id;
    uint64_t offset;
    uint64_t size_bytes;
    uint64_t read_bytes;
    uint8_t checksum; /* enum control_checksum */
    uint8_t digest[HASH_BYTES_MAX];
    bool is_done;
    bool is_equal;
};

struct checker_owner {
    void (*checked)(struct checker_owner *owner, uint64_t file_id, bool equal);
    /* The checked ones of one job were told, or checker_is_busy() ended. */
    void (*done)(struct checker_owner *owner);
};

struct checker {
    struct loop *loop;
    struct checker_owner *owner;
    struct text docroot; /* borrowed */
    struct file_reader reader;
    bool is_open;
    bool no_access_time;  /* file_reader.h */
    bool is_stopped;      /* no further job */
    struct loop_work work;
    struct hash hash;     /* of the item at work, up to read_bytes */
    uint8_t *buffer;      /* owned */
    uint64_t checked_bytes;
    uint64_t job_bytes;   /* the job's */
    uint32_t job_count;   /* items that the job looks at, from the front on */
    struct checker_item *items; /* owned; a ring of LIMIT_CHECKS_ITEMS */
    uint32_t first;
    uint32_t count;
};

/* Holds nothing until something is asked. */
void checker_init(struct checker *checker, struct loop *loop,
                  struct text docroot, struct checker_owner *owner);
/* checker_is_busy() must be false.  Lets go of the batches of `source`, which
 * may be NULL when there are none. */
void checker_close(struct checker *checker, struct source *source);
bool checker_is_busy(const struct checker *checker);
/* Starts no further job. */
void checker_stop(struct checker *checker);

/* Returns false for files that were not listed, for bytes that they do not
 * have, and for more questions at once than an honest receiver has. */
bool checker_add(struct checker *checker, struct source *source,
                 const struct control_check *check);

#endif
