/* Rates as people write them. */
#ifndef CLI_RATE_H
#define CLI_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads a number with k, m or g bits a second, bare: kbit/s; 1 to 4,000 g.
 * Returns false for anything else. */
bool rate_read(const char *text, uint32_t *kbps);

#endif
