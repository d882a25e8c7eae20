/* Random ids: version 4 UUIDs in lower case (RFC 9562, section 5.4). */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define UUID_TEXT_BYTES 36

struct uuid {
    uint8_t bytes[16];
};

/* A new random id from the system's random numbers. */
struct uuid uuid_new(void);
bool uuid_equal(struct uuid a, struct uuid b);
/* All bytes zero: no id. */
bool uuid_is_zero(struct uuid uuid);
/* Writes the 36 characters and a NUL. */
void uuid_format(struct uuid uuid, char text[UUID_TEXT_BYTES + 1]);
/* Reads the 36-character form, in either letter case.  Returns false, with
 * `*uuid` untouched, for anything else. */
bool uuid_parse(struct text text, struct uuid *uuid);

#endif
