/* Where a receiving session's bytes go: memory until a block of them is whole,
 * then the disk, by workers.
 *
 * Knows: blocks, the writer, the loop's workers.
 * Must not know: datagrams, the peer, the control connection.
 *
 *   catalogue --> a ring --> file_writer_catalogue()   (records, in order)
 *   data      --> blocks --> file_writer_data()        (whole, or with gaps)
 *
 *   a block:  (none) --> FILLING <--> WRITING
 *                           \--> (none) --> FILLING ...
 *
 * Data may come in any order, and ahead of its record: a block waits until the
 * records of its bytes are known.  What was lost holds nothing up: of more than
 * LIMIT_BLOCKS_WAITING blocks with gaps the lowest are written as they are and
 * let go, and what still comes for them begins a block again.  So memory is
 * bounded by that, and by what waits for a slow disk.
 *
 * All works run on one strand, in order.  When everything has come, what is
 * left settles, and finished() is called once.
 */
#ifndef TRANSFER_SINK_H
#define TRANSFER_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "fasp/receiver.h"
#include "io/loop.h"
#include "transfer/block.h"
#include "transfer/file_writer.h"

/* Catalogue that came and was not taken in: 128 datagrams and some. */
#define SINK_CATALOGUE_BYTES (256u << 10)
/* Blocks are found by their number, modulo this: 1 GiB from the first missing
 * byte on, which at 10 Gbit/s and 200 ms may be lost four times. */
#define SINK_RING 1024u
#define SINK_BLOCKS_MAX (LIMIT_BLOCKS_RECEIVING + LIMIT_BLOCKS_REPEATS)

enum sink_block_state {
    SINK_FILLING,
    SINK_WRITING,
};

struct sink;

/* Bytes of a block, from its begin. */
struct sink_run {
    uint32_t from;
    uint32_t to;
};

/* In the order in which they came, each joined to the one before it where they
 * touch. */
struct sink_runs {
    struct sink_run *items; /* owned */
    uint32_t count;
    uint32_t room;
};

struct sink_block {
    struct loop_work work;
    struct sink *sink;
    enum sink_block_state state;
    uint32_t held_at;    /* in sink.held */
    uint64_t index;      /* of the block in the data space */
    uint8_t *data;       /* owned by the pool */
    uint32_t had_bytes;  /* that arrived since it was taken */
    bool lets_go;        /* its memory, once that is written */
    uint32_t forgotten;  /* bytes from its begin that are written and gone */
    uint32_t job_forgets; /* the job's: all below this is written with it */
    struct sink_runs arrived; /* that no job has yet */
    struct sink_runs job;     /* the job's */
    uint32_t job_bytes;
    uint64_t took_ns;
    struct file_writer_result result;
    struct file_writer_status status;
};

/* A job that is not about one block. */
struct sink_job {
    struct loop_work work;
    struct sink *sink;
    struct file_writer_result result;
    struct file_writer_status status;
    uint32_t size_bytes; /* catalogue: to take in; taken in */
};

struct sink_failure {
    uint64_t file_id;
    enum fasp_error error;
};

struct sink_answer {
    uint64_t file_id;
    uint32_t count;
    bool equal;
};

struct sink_owner {
    void (*file_started)(struct sink_owner *owner,
                         const struct file_writer_file *file);
    /* `file` is freed when this returns. */
    void (*file_ended)(struct sink_owner *owner,
                       const struct file_writer_file *file);
    /* No byte of [from_place, to_place) of the data is needed. */
    void (*skip)(struct sink_owner *owner, uint64_t from_place,
                 uint64_t to_place);
    /* The sender is to be asked: a WRITER_ASK event. */
    void (*ask)(struct sink_owner *owner,
                const struct file_writer_event *event);
    /* The session cannot go on: sink_error(). */
    void (*failed)(struct sink_owner *owner);
    /* A job ended: time for sink_turn(). */
    void (*progress)(struct sink_owner *owner);
    /* Everything is on disk. */
    void (*finished)(struct sink_owner *owner);
};

struct sink {
    struct loop *loop;
    struct block_pool *pool;
    struct sink_owner *owner;
    struct loop_strand strand;
    struct file_writer *writer;       /* owned */
    struct file_writer_status status; /* as of the last job */
    uint32_t busy_count;

    uint8_t *catalogue;       /* owned; a ring */
    uint64_t catalogue_taken; /* by the writer */
    uint64_t catalogue_have;  /* came without a gap */
    struct sink_job catalogue_job;

    struct sink_failure *failures; /* owned; for the next job */
    uint32_t failure_count;
    uint32_t failure_room;
    struct sink_failure *failing; /* owned; the job's at work */
    uint32_t failing_count;
    struct sink_job fail_job;

    struct sink_answer *answers; /* owned; for the next job */
    uint32_t answer_count;
    uint32_t answer_room;
    struct sink_answer *answering; /* owned; the job's at work */
    uint32_t answering_count;
    struct sink_job answer_job;
    struct sink_job check_job;

    uint64_t data_have; /* came without a gap */
    uint64_t arrived_bytes;
    uint64_t data_top; /* the end of the highest byte that came */
    struct sink_block *ring[SINK_RING];
    struct sink_block *held[SINK_BLOCKS_MAX]; /* the same, one after another */
    uint32_t block_count;
    uint32_t writing_count;
    uint64_t writing_bytes;
    uint64_t written_ns_per_mb; /* the disk's pace; 0 = unknown */

    struct sink_job settle_job;
    struct sink_job finish_job;
    bool has_skips;
    bool is_finishing;
    bool is_finished;
    bool is_stopped; /* by an error */
};

/* Takes over `writer`, which was checked.  `sink` is zeroed.  Returns 0 or
 * -ENOMEM. */
MUST_USE int sink_open(struct sink *sink, struct loop *loop,
                       struct block_pool *pool, struct file_writer *writer,
                       struct sink_owner *owner);
bool sink_is_busy(const struct sink *sink);
/* Gives memory back, all but the writer, which sink_take_writer() gives to be
 * freed by a worker; sink_is_busy() must be false. */
void sink_close(struct sink *sink);
struct file_writer *sink_take_writer(struct sink *sink);

/* The callbacks of struct fasp_sink; `user` is the sink. */
uint8_t *sink_place(void *user, enum fasp_space space, uint64_t place,
                    uint32_t size_bytes, uint32_t *have_bytes, bool proven);
void sink_arrived(void *user, enum fasp_space space, uint64_t place,
                  uint32_t size_bytes);

/* Starts what can be done with what came.  `flush` also writes blocks with
 * gaps, and settles files: to be true a few times a second. */
void sink_turn(struct sink *sink, struct fasp_receiver *receiver, bool flush);

/* The sender cannot read this file. */
void sink_fail_file(struct sink *sink, uint64_t file_id, enum fasp_error error);

/* The sender's answer to what was asked, in order. */
void sink_answer(struct sink *sink, uint64_t file_id, uint32_t count,
                 bool equal);

/* What can be taken in beyond what came, and how long the disk needs for what
 * waits for it. */
uint64_t sink_room_bytes(const struct sink *sink);
uint64_t sink_disk_queue_ns(const struct sink *sink);

#endif
