/* The files of sessions, on their way to the store.
 *
 * Knows: what the transfer layer reports of a file.
 * Must not know: queries.
 *
 * A session may move 10,000 files a second.  Their rows gather, for all
 * sessions together, for FILES_GATHER_NS or until LIMIT_FILE_ROWS_GATHERED,
 * and go in one change; files_flush() before a session ends keeps the order:
 * a session is over only when its files are durable.
 */
#ifndef CENTRAL_FILES_H
#define CENTRAL_FILES_H

#include "io/loop.h"
#include "transfer/node.h"

struct central_settings;
struct change;
struct changes;

/* A tenth of a second is what a person calls at once. */
#define FILES_GATHER_NS UINT64_C(100000000)

struct files {
    struct changes *changes;
    struct loop *loop;
    const struct central_settings *settings; /* borrowed */
    struct change *gathering; /* NULL = nothing waits */
    struct loop_timer timer;
};

void files_init(struct files *files, struct changes *changes,
                struct loop *loop, const struct central_settings *settings);
void files_report(struct files *files, struct uuid session_uuid,
                  const struct transfer_file *file);
void files_flush(struct files *files);

/* The id of a file: it is known by its place in the session, and the same at
 * its start and at its end. */
struct uuid file_uuid(struct uuid session_uuid, uint64_t local_id);

#endif
