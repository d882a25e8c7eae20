#include "hand_cipher.h"

#include <string.h>

#include "fasp/cipher.h"

/* FNV-1a over all of it. */
static uint32_t hash_of(uint64_t number, const uint8_t *aad, uint32_t aad_bytes,
                        const uint8_t *plain, uint32_t plain_bytes)
{
    uint32_t hash = 2166136261u ^ (uint32_t)number;

    for (uint32_t i = 0; i < aad_bytes; i++)
        hash = (hash ^ aad[i]) * 16777619u;
    for (uint32_t i = 0; i < plain_bytes; i++)
        hash = (hash ^ plain[i]) * 16777619u;
    return hash ^ hash >> 15;
}

void hand_seal(void *context, uint64_t number, const uint8_t *aad,
               uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
               uint8_t *out)
{
    uint32_t hash = hash_of(number, aad, aad_bytes, plain, plain_bytes);

    (void)context;
    if (plain_bytes > 0)
        memcpy(out, plain, plain_bytes);
    for (uint32_t i = 0; i < FASP_TAG_BYTES; i++)
        out[plain_bytes + i] = (uint8_t)(hash >> i % 4 * 8);
}

bool hand_open(void *context, uint64_t number, const uint8_t *aad,
               uint32_t aad_bytes, const uint8_t *sealed, uint32_t sealed_bytes,
               uint8_t *out)
{
    uint32_t plain_bytes = sealed_bytes - FASP_TAG_BYTES;
    uint32_t hash = hash_of(number, aad, aad_bytes, sealed, plain_bytes);

    (void)context;
    if (plain_bytes > 0)
        memcpy(out, sealed, plain_bytes); /* also when it is forged */
    for (uint32_t i = 0; i < FASP_TAG_BYTES; i++)
        if (sealed[plain_bytes + i] != (uint8_t)(hash >> i % 4 * 8))
            return false;
    return true;
}
