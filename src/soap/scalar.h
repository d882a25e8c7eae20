/* Single values between text and memory, as XML Schema writes them.
 *
 * Knows: the kinds of types.h.
 * Must not know: elements, envelopes.
 *
 * Source: XML Schema Part 2, sections 3.2 and 3.3; white space collapses
 * around everything but TEXT (section 4.3.6).
 */
#ifndef SOAP_SCALAR_H
#define SOAP_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "soap/types.h"

/* The bytes that a value of `kind` takes in memory; not for STRUCT, BASE. */
uint32_t scalar_size_bytes(enum soap_kind kind);

/* Reads `text` to `place`; a text is borrowed.  Returns false, with the place
 * untouched, when it is none of that kind: see scalar_expected(). */
bool scalar_parse(enum soap_kind kind, struct text text, void *place);

/* "a whole number from 0 to 65535" */
const char *scalar_expected(enum soap_kind kind);

/* Appends the value at `place`, escaped. */
void scalar_write(struct text_builder *out, enum soap_kind kind,
                  const void *place);

/* Reads a whole number with an optional sign and white space around it, from
 * `min` to `max`. */
bool scalar_parse_i64(struct text text, int64_t min, int64_t max,
                      int64_t *value);

#endif
