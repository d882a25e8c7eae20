/* The files of sessions, on their way to the store.
 *
 * Knows: what the transfer layer reports of a file.
 * Must not know: queries.
 *
 * A session may move 10,000 files a second.  Their rows gather, for all
 * sessions together, for FILES_GATHER_NS or until LIMIT_FILE_ROWS_GATHERED,
 * and go in one change; files_flush() before a session ends keeps the order:
 * a session is over only when its files are durable.
 *
 * Of small files most are over a moment after they begin.  The row that says
 * so waits for FILES_START_NS, and is not written at all when the row of the
 * end comes meanwhile: that is a third of the store's work.
 */
#ifndef CENTRAL_FILES_H
#define CENTRAL_FILES_H

#include "base/map.h"
#include "io/loop.h"
#include "transfer/node.h"

/* Several round trips of a long path, and a disk's flush. */
#define FILES_START_NS UINT64_C(1000000000)
/* Files of this size and more are seen to be running at once. */
#define FILES_SMALL_BYTES (UINT64_C(1) << 20)

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

    struct files_start *starts_first; /* owned; the oldest */
    struct files_start *starts_last;
    struct map starts; /* of the same, by the file's id */
    struct loop_timer start_timer;
};

void files_init(struct files *files, struct changes *changes,
                struct loop *loop, const struct central_settings *settings);
void files_report(struct files *files, struct uuid session_uuid,
                  const struct transfer_file *file);
void files_flush(struct files *files);
/* After files_flush(). */
void files_close(struct files *files);

/* The id of a file: it is known by its place in the session, and the same at
 * its start and at its end. */
struct uuid file_uuid(struct uuid session_uuid, uint64_t local_id);

#endif
