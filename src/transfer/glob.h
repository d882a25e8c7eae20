/* Patterns of names, as shells have them.
 *
 * Knows: bytes.
 * Must not know: files.
 *
 *   *       any bytes but '/'; `**` with them
 *   ?       one byte but '/'
 *   [a-z]   one byte of a set, [!a-z] or [^a-z] of all others but '/'
 *   \x      x itself; all else stands for itself
 *
 * A pattern with a '/' is about the whole path, another one about the last
 * name in it.  No pattern costs more than its size times the path's.
 */
#ifndef TRANSFER_GLOB_H
#define TRANSFER_GLOB_H

#include <stdbool.h>

#include "base/text.h"

bool glob_matches(struct text pattern, struct text path);

#endif
