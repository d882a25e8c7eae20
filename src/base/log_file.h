/* The log as files of a folder: one that is written, and older ones.
 *
 *     NAME.log  NAME.1.log  ...  NAME.<count>.log     newest to oldest
 *
 * Knows: the file system.
 * Must not know: what a line means.
 *
 * Lines may come from several threads.  A file that has reached its size is
 * renamed, and the oldest goes.  A line that cannot be written is lost and
 * counted; the next line that can be says how many.  log_file_reopen() is for
 * who renames files himself (logrotate).
 */
#ifndef BASE_LOG_FILE_H
#define BASE_LOG_FILE_H

#include "base/check.h"
#include "base/log.h"

/* Sends the log to `folder`/`name`.log: 0640, appended to.  At most
 * `count_max` older files are kept; `size_bytes_max` is of one file.  Returns
 * 0, or -errno and the log stays where it was. */
MUST_USE int log_file_open(const char *folder, const char *name,
                           uint64_t size_bytes_max, uint32_t count_max);
/* Other limits, from the next line on. */
void log_file_set_limits(uint64_t size_bytes_max, uint32_t count_max);
/* Opens the file by its name again.  Returns 0, also when the log is no file,
 * or -errno: then the old file is written on. */
int log_file_reopen(void);
/* The log goes to standard error again. */
void log_file_close(void);

#endif
