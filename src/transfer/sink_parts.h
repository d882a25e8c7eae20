/* What the files of the sink share; nobody else includes it. */
#ifndef TRANSFER_SINK_PARTS_H
#define TRANSFER_SINK_PARTS_H

#include "transfer/sink.h"

/* Takes in what a job came to. */
void sink_take_result(struct sink *sink, struct file_writer_result *result,
                      const struct file_writer_status *status);
/* Where the data that may be written ends: behind the records that are known.
 */
static inline uint64_t sink_known_end(const struct sink *sink)
{
    return sink->status.totals.bytes;
}

/* ---- sink_blocks.c ---- */

void sink_free_blocks(struct sink *sink);
/* Writes what can be written, and lets go of what was. */
void sink_turn_blocks(struct sink *sink, struct fasp_receiver *receiver,
                      bool flush);

#endif
