/* Reads the data space of a sending session from its files.
 *
 * Knows: files below a docroot, batches of a scan.
 * Must not know: the loop, blocks, who asks.
 *
 * The file read last stays open, since the next bytes are its as a rule.  A
 * file that cannot be opened, that is not what the scan saw (size and time of
 * modification), or that ends early, fails: its bytes are zeros from there on,
 * so that the space keeps its places.
 *
 * Everything blocks: call it from jobs of one strand.
 */
#ifndef TRANSFER_FILE_READER_H
#define TRANSFER_FILE_READER_H

#include <stdint.h>

#include "base/check.h"
#include "fasp/error.h"
#include "transfer/docroot.h"
#include "transfer/scan.h"

struct file_reader_failure {
    uint64_t file_id;
    enum fasp_error error;
};

/* What a read came to.  Zero-initialise it; file_reader_result_reset() frees.
 */
struct file_reader_result {
    struct file_reader_failure *failures; /* owned */
    uint32_t failure_count;
    uint32_t failure_room;
    bool no_memory;
};

struct file_reader {
    struct docroot docroot;
    int fd;             /* -1 = none */
    uint64_t file_id;   /* of fd */
    bool has_holes;
    bool no_access_time; /* reading is not to show in the file, where the
                          * node may ask for that */
    uint64_t failed_id; /* the newest file that failed, + 1; 0 = none */
};

/* Returns 0, or -errno of the docroot. */
MUST_USE int file_reader_open(struct file_reader *reader, struct text docroot);
void file_reader_close(struct file_reader *reader);

/* Makes `file` the open one, reader->fd.  Returns 0, or -errno; -EIO for one
 * that is not what the scan saw. */
MUST_USE int file_reader_open_file(struct file_reader *reader, const char *path,
                                   const struct scan_file *file,
                                   uint64_t file_id);

/* Fills `size_bytes` of `out` from `place` of the data space on.  `batch` has
 * the place, and it and those after it in its list have all of them; what is in
 * front of `batch` is delivered, is not sent again, and reads as zeros.
 * Failures are added to `result`, for each file once. */
void file_reader_read(struct file_reader *reader,
                      const struct scan_batch *batch, uint64_t place,
                      uint8_t *out, uint32_t size_bytes,
                      struct file_reader_result *result);

void file_reader_result_reset(struct file_reader_result *result);

#endif
