/* Small reads that several commands share: files, and secrets from standard
 * input or the terminal. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "base/text.h"

/* Adds the whole file ("-": standard input) to `text`, up to its limit.
 * Returns 0 or -errno (EFBIG beyond the limit). */
int read_file(const char *path, struct text_builder *text);

/* Adds one line of standard input, without its end.  Returns an exit code; a
 * failure was printed. */
int read_secret_line(struct text_builder *text);

/* Asks on the terminal, without showing what is typed. */
int ask_secret(const char *prompt, struct text_builder *text);

#endif
