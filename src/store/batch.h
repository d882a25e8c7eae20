/* Row changes on their way to the writer.
 *
 * Knows: rows, how to copy them.
 * Must not know: statements, threads.
 *
 * A batch owns all that it holds; the writer binds straight from it.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "base/arena.h"
#include "store/lane.h"
#include "store/store.h"
#include "store/table.h"

enum change_kind {
    CHANGE_PUT,
    CHANGE_ADD_EVENT,
    CHANGE_REMOVE_SUBSCRIPTION,
    CHANGE_REMOVE_USER,
    CHANGE_SET_CURSOR,
    CHANGE_PURGE,
};

struct change {
    struct change *next;
    enum change_kind kind;
    enum table_id table; /* CHANGE_PUT */
    const void *row;     /* CHANGE_PUT, CHANGE_ADD_EVENT */
    struct uuid uuid;
    struct text name;
    uint64_t cursor;
    struct store_purge purge;
};

struct store_batch {
    struct lane_item item;
    struct arena arena; /* holds the changes and their rows */
    struct change *first;
    struct change *last;
    uint32_t change_count;
    bool out_of_memory;
    bool may_lag; /* it needs no sync of its own */

    void *user;
    store_done_fn done;
    /* Set by the writer. */
    int result;
    uint32_t removed_count; /* by a purge */
    uint64_t change;        /* the last one that is durable */
    bool full;              /* the disk, when it was committed */
};

void batch_add_purge(struct store_batch *batch,
                     const struct store_purge *purge);

#endif
