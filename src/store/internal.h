/* What store.c and query.c share: the store itself. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/reader.h"
#include "store/writer.h"

struct store {
    struct writer writer;
    struct reader reader;
    struct reader long_reader; /* for queries that others must not wait for */
    char *path;
    int lock_fd; /* held while a server has the file */
    uint64_t opened_sequence;
    uint64_t change; /* of what callers were told */
    bool full;
    bool closing;

    void *user;
    store_closed_fn closed;
};

/* The reader lane's way back to the caller. */
void query_finish(struct lane *lane, struct lane_item *item);

#endif
