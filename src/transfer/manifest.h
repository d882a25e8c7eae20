/* A list of what a session did, as text in a file: the order's manifest.
 *
 * Knows: files below a docroot, what is told of each file.
 * Must not know: sessions, orders, who reads it.
 *
 * The file is `<session>.manifest.txt` in the folder that the order names, with
 * a suffix behind it until the session has ended and all of it is on disk.  A
 * head of lines with `#`, a line for each file, and `# end` with the outcome;
 * docs/files.md has the form.
 *
 * manifest_open() and manifest_close() block; manifest_add() is the loop's, and
 * has workers write what gathers, so that ten million lines are never in
 * memory together.
 */
#ifndef TRANSFER_MANIFEST_H
#define TRANSFER_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "io/loop.h"
#include "transfer/docroot.h"
#include "transfer/node.h"

#define MANIFEST_SUFFIX ".aspera-inprogress"

struct manifest_owner {
    /* It cannot be written: -errno.  Once, from the loop. */
    void (*failed)(struct manifest_owner *owner, int error);
    /* A work ended: manifest_is_busy() may be false now. */
    void (*done)(struct manifest_owner *owner);
};

struct manifest {
    struct loop *loop;
    struct manifest_owner *owner;
    struct docroot docroot;
    char path[LIMIT_PATH_BYTES];  /* without the suffix */
    char under[LIMIT_PATH_BYTES]; /* with it */
    int fd;                       /* -1 = none */
    int error;                    /* the first; the worker's while busy */
    bool told;
    struct loop_work work;
    struct text_builder waiting; /* lines for the next work */
    struct text_builder writing; /* the work's */
};

/* Creates the file.  `suffix` absent = MANIFEST_SUFFIX; missing folders are
 * made.  `manifest` is zeroed.  Returns 0 or -errno, and then nothing is open. */
MUST_USE int manifest_open(struct manifest *manifest, struct text docroot,
                           struct text folder, struct text suffix,
                           struct uuid session_id, struct uuid job_id,
                           bool push);
void manifest_start(struct manifest *manifest, struct loop *loop,
                    struct manifest_owner *owner);
bool manifest_is_open(const struct manifest *manifest);
bool manifest_is_busy(const struct manifest *manifest);
/* One file that has ended. */
void manifest_add(struct manifest *manifest, const struct transfer_file *file);
/* Writes the rest, with the session's outcome, and gives the file its name.
 * Returns 0 or -errno: then it keeps the suffix.  Nothing is open after. */
int manifest_close(struct manifest *manifest, const char *outcome,
                   uint32_t error);

#endif
