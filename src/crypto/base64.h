/* Base64, with padding as an option, and PEM blocks on top of it.
 *
 * Knows: RFC 4648 section 4 and the lax form of RFC 7468.
 * Must not know: what the bytes mean.
 *
 * Decoding is strict: no foreign characters, no bits left over in the last
 * character, so that each run of bytes has one text.
 */
#ifndef CRYPTO_BASE64_H
#define CRYPTO_BASE64_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Characters for `size` bytes, padding included, without a NUL. */
#define BASE64_TEXT_BYTES(size) (((size) + 2u) / 3u * 4u)

/* Writes the text of `size_bytes` bytes and a NUL to `text`, which has room
 * for BASE64_TEXT_BYTES(size_bytes) + 1.  Returns its length. */
uint32_t base64_encode(const void *data, uint32_t size_bytes, bool padded,
                       char *text);

/* Reads the whole of `text`; padding, if any, must be complete.  Returns
 * false, with `*size_bytes` untouched, for anything else and for more than
 * `room_bytes` bytes. */
bool base64_decode(struct text text, uint8_t *data, uint32_t room_bytes,
                   uint32_t *size_bytes);

/* Adds a block with lines of 64 characters:
 * -----BEGIN label----- ... -----END label----- */
void pem_add(struct text_builder *builder, const char *label, const void *data,
             uint32_t size_bytes);

/* Finds the first block with `label` in `text` and decodes it.  White space
 * between the lines and text around the block are ignored; headers inside it
 * are not understood.  Returns false, with `*size_bytes` untouched, when there
 * is none, or it is malformed or larger than `room_bytes`. */
bool pem_find(struct text text, const char *label, uint8_t *data,
              uint32_t room_bytes, uint32_t *size_bytes);

/* Whether a block with `label` begins in `text`. */
bool pem_has(struct text text, const char *label);

#endif
