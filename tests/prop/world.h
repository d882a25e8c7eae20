/* A world without threads, disk and network, for the parts of central that
 * must not lose an event: one clock, a store, a client, all driven by a seed.
 *
 * world.c stands in place of io/loop, store/ and net/http_client; the functions
 * of those headers that the parts under test call are defined there.
 */
#ifndef TESTS_PROP_WORLD_H
#define TESTS_PROP_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/random.h"
#include "net/http_client.h"
#include "store/store.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

/* The slowest commit. */
#define WORLD_COMMIT_NS_MAX (30 * MS)

/* The longest way of a request to its observer. */
#define WORLD_WAY_NS_MAX (5 * MS)

#define WORLD_EVENTS_MAX 1024u
#define WORLD_ROWS_MAX 16u

/* What is on the disk: it outlives the process. */
struct world_disk {
    struct store_event events[WORLD_EVENTS_MAX]; /* by Sequence */
    bool has[WORLD_EVENTS_MAX];                  /* ever */
    bool kept[WORLD_EVENTS_MAX];                 /* not purged */
    uint64_t last_sequence;
    struct store_subscription rows[WORLD_ROWS_MAX];
    uint32_t row_count;
    bool full;
};

/* What the observer at the other end of a call does with it. */
struct world_answer {
    uint64_t after_ns;
    enum http_call_error error;
    uint16_t status;
    uint32_t retry_after_s;
    const char *body;
    void *user; /* for world_heard() */
};

struct world {
    struct random random;
    uint64_t now_ns;
    struct heap timers;
    struct heap tasks;
    struct loop_post *posts;
    struct loop_post *posts_last;
    struct world_disk disk;
    uint64_t written_ns; /* when the writer is free again */
    bool dead; /* the process was killed: nothing has an effect any more */
    uint64_t commits;
    uint64_t calls;
};

extern struct world world;

void world_begin(uint64_t seed);
void world_end(void);
/* Runs what is due next; false when nothing is, or not before `until_ns`. */
bool world_step(uint64_t until_ns);
/* The process is dead: runs what is left of it, without any effect. */
bool world_step_dead(void);

/* A store and a loop for the parts under test. */
struct store *world_store(void);
struct loop *world_loop(void);

/* Removes events up to `sequence` from before `before_ns`, as a purge does,
 * some time from now. */
void world_purge(uint64_t sequence, uint64_t before_ns);

/* The test's: a request arrives at an observer. */
struct world_answer world_arrived(const struct http_call_request *request);
/* The test's: the sender hears of the answer. */
void world_heard(const struct world_answer *answer);

#endif
