/* How a session seals and opens its datagrams, as a table of two functions.
 *
 * Knows: nothing.
 * Must not know: which cipher it is, keys.
 *
 * The owner of a session fills the table from crypto/; simulated tests fill in
 * a cipher that does nothing.  A context holds both keys of its session: seal
 * uses the outgoing one, open the incoming one.  The nonce is made from the
 * packet number, which is never used twice under one key.
 */
#ifndef FASP_CIPHER_H
#define FASP_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

#define FASP_TAG_BYTES 16u

struct fasp_cipher {
    void *context; /* borrowed; outlives the session */

    /* Writes `plain_bytes` sealed bytes and the tag to `out`, which does not
     * overlap `plain`.  `aad` is authenticated as it stands. */
    void (*seal)(void *context, uint64_t number, const uint8_t *aad,
                 uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
                 uint8_t *out);

    /* Opens `sealed_bytes`, the tag included (so 16 or more), into `out`,
     * which does not overlap.  Returns false when the tag does not fit; `out`
     * may then hold anything. */
    bool (*open)(void *context, uint64_t number, const uint8_t *aad,
                 uint32_t aad_bytes, const uint8_t *sealed,
                 uint32_t sealed_bytes, uint8_t *out);
};

#endif
