/* Dates as XML Schema writes them, in both directions, as microseconds since
 * 1970-01-01T00:00:00Z.
 *
 * Source: XML Schema Part 2, section 3.2.7 (dateTime); days by the proleptic
 * Gregorian calendar (ISO 8601).
 */
#ifndef BASE_DATETIME_H
#define BASE_DATETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define DATETIME_TEXT_BYTES 27 /* 2026-11-24T03:39:12.123456Z */

/* Writes UTC with microseconds, 27 characters and a NUL.  `time_us` is from
 * year 1 to year 9999. */
void datetime_format(int64_t time_us, char text[DATETIME_TEXT_BYTES + 1]);

/* Reads a dateTime: years 0001 to 9999, also once it is in UTC, any fraction
 * (cut to microseconds), with Z, an offset of at most 14:00, or none (taken as
 * UTC); 24:00:00 is the next day's start.  Returns false, with `*time_us`
 * untouched, for all else. */
bool datetime_parse(struct text text, int64_t *time_us);

#endif
