/* Files of certificates and keys, for the parts that speak TLS.
 *
 * Knows: files.
 * Must not know: what is in them.
 */
#ifndef CENTRAL_PEM_FILE_H
#define CENTRAL_PEM_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

/* Adds the file's bytes to `pem`, at most `bytes_max`.  Returns 0, or
 * CENTRAL_BAD_CONFIG with a sentence in `error`: it cannot be read, is empty or
 * too large, or everybody can read it and `is_key` says that nobody should. */
MUST_USE int pem_file_read(const char *path, uint32_t bytes_max, bool is_key,
                           struct text_builder *pem, char *error);

/* The authorities that this system knows; NULL where there is no such file. */
const char *pem_file_system_bundle(void);

#endif
