/* How a transfer looks to a person while it runs: one line.
 *
 * Knows: figures.
 * Must not know: terminals, sessions.
 *
 *   [=====>      ]  42 %  1.2 GB of 2.9 GB  812 Mbit/s  0:17 left  3 of 40 files
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* As long as a line may become, with its NUL. */
#define PROGRESS_BYTES 256
/* What a line has where nobody knows better. */
#define PROGRESS_COLUMNS 80

struct progress {
    uint64_t done_bytes;
    uint64_t total_bytes;
    bool total_known; /* the scan is over; before, totals only grow */
    uint32_t done_files;
    uint32_t total_files;
    uint64_t rate_kbps;
    uint32_t retry_count;
    bool is_paused;
};

/* Writes the line, at most `columns` long; parts that do not fit are left out,
 * the bar first. */
void progress_line(const struct progress *progress, uint32_t columns,
                   char line[PROGRESS_BYTES]);

/* "1.2 GB", decimal as rates are. */
void progress_bytes(uint64_t bytes, char text[16]);

#endif
