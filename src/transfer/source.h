/* The bytes that a sending session sends: catalogue and data, from memory that
 * workers fill ahead of the network.
 *
 * Knows: batches of a scan, blocks, the loop's workers.
 * Must not know: datagrams, rates, the peer.
 *
 *   scan's batches --> catalogue bytes, kept until they are delivered
 *                  \-> table of files --> blocks of the data space:
 *
 *      FREE --> LOADING --> READY --> (delivered) --> FREE
 *                  \--> HELD --/
 *
 * A block is read some time before the sender gets there, and kept until it is
 * delivered; where more is on its way than a session may hold, those go that
 * were not asked for since longest, and a repeat reads one again.
 *
 * A block in which a file failed is held back: what lies behind the failure
 * must not reach the receiver before it knows, or it might take the zeros for
 * the file.  Once the result of that file has come back, the block is ready.
 *
 * A batch goes when its bytes are delivered and the result of each file came.
 */
#ifndef TRANSFER_SOURCE_H
#define TRANSFER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "fasp/sender.h"
#include "io/loop.h"
#include "transfer/block.h"
#include "transfer/file_reader.h"
#include "transfer/scan.h"

/* Blocks are found by their number, modulo this: a power of two well above
 * what a session may hold. */
#define SOURCE_RING 256u
/* Read ahead at most: 8 MiB hide a disk's seek at 10 Gbit/s. */
#define SOURCE_AHEAD_MAX 8u

enum source_block_state {
    SOURCE_FREE,
    SOURCE_LOADING,
    SOURCE_HELD,
    SOURCE_READY,
};

struct source;

struct source_block {
    struct loop_work work;
    struct source *source;
    enum source_block_state state;
    uint64_t index;      /* of the block in the data space */
    uint64_t used;       /* when it was loaded or asked for: source.uses then */
    uint8_t *data;       /* owned by the pool */
    uint32_t have_bytes; /* may be sent; stays so while more is loaded */
    uint32_t goal_bytes; /* what the job at work reads up to */
    uint32_t forgotten;  /* bytes from its begin that are delivered and gone */
    bool is_again;       /* was read again: nothing of it is forgotten */
    uint32_t held_count; /* files whose failure is not confirmed */
    struct scan_batch *first_batch; /* the job's */
    struct scan_batch *last_batch;
    struct file_reader_result result;
};

struct source_owner {
    /* The first byte of a file is about to be read. */
    void (*started)(struct source_owner *owner, const struct scan_batch *batch,
                    struct scan_file *file);
    /* A file cannot be read (any more): the peer is to be told, and answers
     * with the file's result. */
    void (*failed)(struct source_owner *owner, uint64_t file_id,
                   enum fasp_error error);
    /* Data that the sender asked for in vain is there. */
    void (*ready)(struct source_owner *owner);
    /* Memory is used up: the session ends with error 32. */
    void (*no_memory)(struct source_owner *owner);
};

struct source {
    struct loop *loop;
    struct block_pool *pool;
    struct source_owner *owner;
    struct loop_strand strand;
    struct file_reader reader;

    struct scan_batch *first; /* owned, in order */
    struct scan_batch *last;
    uint32_t batch_count;
    struct scan_batch *catalogue_at; /* where the last catalogue bytes were */
    struct scan_batch *file_at;      /* where the last result was */

    uint64_t data_end;  /* of what was scanned so far */
    uint64_t data_open; /* of what may be sent */
    uint64_t delivered; /* of the data space, for good */
    uint64_t front;     /* new data was asked for up to here */
    uint64_t new_bytes; /* of data, asked for the first time */
    uint64_t wanted;    /* block asked for in vain; UINT64_MAX = none */
    uint64_t wanted_to; /* and up to where of the data space */
    uint64_t lowest;    /* no block below this one is in memory */
    uint64_t uses;      /* loads, and calls of source_data() */
    uint32_t block_count;
    uint32_t held_count; /* blocks */
    uint32_t busy_count; /* jobs */
    uint32_t ahead;      /* blocks to read ahead */
    bool is_slow;        /* holds parts of blocks */
    struct source_block blocks[SOURCE_RING];
};

/* Opens the docroot for reading.  `source` is zeroed.  Returns 0 or -errno. */
MUST_USE int source_open(struct source *source, struct loop *loop,
                         struct block_pool *pool, struct text docroot,
                         struct source_owner *owner);
/* Gives all memory back; source_is_busy() must be false. */
void source_close(struct source *source);
/* Jobs are at work: it must stay in place. */
bool source_is_busy(const struct source *source);

/* Takes over the next batch. */
void source_add(struct source *source, struct scan_batch *batch);
/* Batches that are held; a scan that runs too far ahead waits. */
uint32_t source_batch_count(const struct source *source);

/* The receiver has, or does not want, these bytes. */
void source_skipped(struct source *source, uint64_t from_place,
                    uint64_t to_place);

/* The callback of struct fasp_source; `user` is the source. */
const uint8_t *source_data(void *user, enum fasp_space space, uint64_t place,
                           uint32_t want_bytes, uint32_t *have_bytes);

/* Frees what is delivered and starts reads; not from source_data().
 * `rate_bps` decides how far ahead: of a slow session, parts of blocks. */
void source_turn(struct source *source, uint64_t catalogue_delivered,
                 uint64_t data_delivered, uint64_t rate_bps);

/* The file and its batch, or NULL when the id is unknown or its batch gone. */
struct scan_file *source_file(struct source *source, uint64_t file_id,
                              struct scan_batch **batch);
/* The result of a file came: it is not read any more.  For each file once. */
void source_file_ended(struct source *source, struct scan_batch *batch,
                       struct scan_file *file);

#endif
