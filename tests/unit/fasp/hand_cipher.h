/* A cipher for datagrams made by hand: nothing is hidden, and the tag knows
 * number, header and content, so that every changed bit is found. */
#ifndef TESTS_HAND_CIPHER_H
#define TESTS_HAND_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

void hand_seal(void *context, uint64_t number, const uint8_t *aad,
               uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
               uint8_t *out);
/* Writes to `out` also what is forged, as a real cipher may. */
bool hand_open(void *context, uint64_t number, const uint8_t *aad,
               uint32_t aad_bytes, const uint8_t *sealed, uint32_t sealed_bytes,
               uint8_t *out);

#endif
