/* What the fuzz targets share.
 *
 * A target defines LLVMFuzzerTestOneInput(), which libFuzzer calls with one
 * input after another, and fuzz_seeds().  Whatever must hold is a CHECK: a
 * crash, a report of a sanitizer and a failed CHECK are all one kind of find.
 *
 * An input begins with a few bytes that choose what is done; the rest is what
 * a peer sent.  Both are read with the bytes cursor, which gives zeros behind
 * the end, so that an input of any length means something.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);
int LLVMFuzzerInitialize(int *argument_count, char ***arguments);

/* The target's: calls fuzz_seed() with each input that fuzzing begins with. */
void fuzz_seeds(void);

/* Adds an input. */
void fuzz_seed(const void *data, size_t size_bytes);
/* Adds the input `choices` (of `choices_bytes`) and `string`. */
void fuzz_seed_string(const void *choices, size_t choices_bytes,
                      const char *string);

/* All that is left of `input`, never absent. */
struct text fuzz_rest(struct bytes_reader *input);

/* A copy on the heap, of the exact size, so that a step beyond it shows; the
 * caller frees it.  Never NULL. */
uint8_t *fuzz_copy(const void *data, size_t size_bytes);

/* Appends a number with a space. */
void fuzz_trace(struct text_builder *trace, uint64_t number);

#endif
