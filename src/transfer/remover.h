/* Removes sources once they have arrived, and folders that are left empty.
 *
 * Knows: files below a docroot, workers.
 * Must not know: how it is known that they arrived.
 *
 * A file goes only if it still is what the scan saw: same size, same time, a
 * regular file by its own name.  What cannot be removed stays, and the log says
 * so: the transfer itself is done.
 */
#ifndef TRANSFER_REMOVER_H
#define TRANSFER_REMOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "io/loop.h"
#include "transfer/docroot.h"

struct remover_file {
    char *path; /* owned; NULL-terminated, below the docroot */
    uint64_t size_bytes;
    int64_t mtime_ns;
};

struct remover {
    struct loop *loop;
    struct text docroot; /* borrowed */
    struct docroot root; /* the job's */
    bool is_open;
    struct loop_work work;
    void (*done)(struct remover *remover);
    struct remover_file *waiting; /* owned */
    uint32_t waiting_count;
    uint32_t waiting_room;
    struct remover_file *going; /* owned; the job's */
    uint32_t going_count;
};

/* `done` is called from the loop when remover_is_busy() has ended. */
void remover_init(struct remover *remover, struct loop *loop,
                  struct text docroot, void (*done)(struct remover *remover));
/* remover_is_busy() must be false. */
void remover_close(struct remover *remover);
bool remover_is_busy(const struct remover *remover);

/* The file arrived.  Nothing happens when memory is used up. */
void remover_add(struct remover *remover, const char *path,
                 uint64_t size_bytes, int64_t mtime_ns);

/* Removes the empty folders below `source`, not itself.  Blocks: for a worker,
 * after everything else. */
void remover_empty_folders(struct text docroot, struct text source);

#endif
