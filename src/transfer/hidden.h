/* The names that a receiving node keeps for itself in destinations, and what a
 * crash left under them.
 *
 * Knows: one folder's descriptor, the forms of names.
 * Must not know: sessions, what is in a file.
 *
 *   .ferry-<16 hex digits>-<number>   a file on its way; gone with its session
 *   .ferry-<16 hex digits>.partial    one that a later session may finish
 *   <any name><resume suffix>         the side file beside it (resume.h)
 *
 * No scan sends such a name and no receiver takes one.  A file on its way is
 * locked (flock) while its session has it open: what nobody locks, and nobody
 * wrote to for a while, is a crash's.
 */
#ifndef TRANSFER_HIDDEN_H
#define TRANSFER_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* What a node's configuration names side files by, unless it says else. */
#define HIDDEN_RESUME_SUFFIX ".ferry-resume"
/* ".ferry-", 16 digits, ".partial", NUL. */
#define HIDDEN_PARTIAL_BYTES 32u

/* Whether the name is one of ours. */
bool hidden_is_name(struct text name, struct text resume_suffix);

/* The name of a partial file where no suffix was asked for: made of the final
 * name, so that the next session finds it. */
void hidden_partial_name(const char *name, char partial[HIDDEN_PARTIAL_BYTES]);

/* Removes what sessions that are gone left in the folder.  `now_us` is the
 * wall clock.  Blocks.  Returns how many files it removed. */
uint32_t hidden_sweep(int folder_fd, struct text resume_suffix, int64_t now_us);

#endif
