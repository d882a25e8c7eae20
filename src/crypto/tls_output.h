/* What a TLS session has to send: bytes in at one end, out at the other.
 *
 * Knows: the heap, one limit.
 * Must not know: records.
 *
 * The bytes lie in one piece from `start_bytes` on; the piece moves to the
 * front of its room, or into a larger room, when the end is reached.
 */
#ifndef CRYPTO_TLS_OUTPUT_H
#define CRYPTO_TLS_OUTPUT_H

#include <stdint.h>

/* Room that is kept when all was taken; more goes back to the heap. */
#define TLS_OUTPUT_KEPT_BYTES 16384u

/* Zero-initialise it, but for the limit. */
struct tls_output {
    uint8_t *data; /* owned */
    uint32_t room_bytes;
    uint32_t start_bytes;
    uint32_t size_bytes;
    uint32_t size_bytes_max;
};

enum tls_output_result {
    TLS_OUTPUT_ADDED,
    TLS_OUTPUT_FULL, /* and nothing was added */
    TLS_OUTPUT_NO_MEMORY,
};

enum tls_output_result tls_output_add(struct tls_output *output,
                                      const void *data, uint32_t size_bytes);
/* Moves up to `room_bytes` of the oldest bytes into `room`; returns how
 * many. */
uint32_t tls_output_take(struct tls_output *output, void *room,
                         uint32_t room_bytes);
void tls_output_free(struct tls_output *output);

#endif
