/* What the targets of fasp/ share: a cipher under which every datagram is
 * genuine, so that what is tested lies behind the tag.
 *
 * The peer is taken to have the keys.
 */
#ifndef TESTS_FUZZ_FASP_H
#define TESTS_FUZZ_FASP_H

#include <string.h>

#include "fasp/cipher.h"
#include "fasp/packet.h"
#include "fuzz.h"

#define STEPS_MAX 400
#define DATAGRAM_BYTES FASP_DATAGRAM_BYTES_MIN
#define START_NS UINT64_C(1000000000000)
#define MS UINT64_C(1000000)

/* Of each space, what the sink has room for. */
#define SPACE_BYTES (24u << 10)
#define BLOCK_BYTES 5000u

static inline void null_seal(void *context, uint64_t number, const uint8_t *aad,
                             uint32_t aad_bytes, const uint8_t *plain,
                             uint32_t plain_bytes, uint8_t *out)
{
    (void)context;
    (void)number;
    (void)aad;
    (void)aad_bytes;
    if (plain_bytes > 0)
        memcpy(out, plain, plain_bytes);
    memset(out + plain_bytes, 0, FASP_TAG_BYTES);
}

/* A tag that begins with 1 is a forged one. */
static inline bool null_open(void *context, uint64_t number, const uint8_t *aad,
                             uint32_t aad_bytes, const uint8_t *sealed,
                             uint32_t sealed_bytes, uint8_t *out)
{
    (void)context;
    (void)number;
    (void)aad;
    (void)aad_bytes;
    memcpy(out, sealed, sealed_bytes - FASP_TAG_BYTES);
    return sealed[sealed_bytes - FASP_TAG_BYTES] != 1;
}

static const struct fasp_cipher null_cipher = {NULL, null_seal, null_open};

/* How much of `want_bytes` lies in the block of `place`. */
static inline uint32_t to_block_end(uint64_t place, uint32_t want_bytes)
{
    uint64_t left = BLOCK_BYTES - place % BLOCK_BYTES;

    return left < want_bytes ? (uint32_t)left : want_bytes;
}

#endif
