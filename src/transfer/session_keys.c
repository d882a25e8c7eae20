#include "transfer/session_keys.h"

#include <string.h>

void session_keys_make(struct session_keys *keys, struct tls_conn *conn,
                       const char *label, const struct uuid *session_id,
                       enum aead_kind kind, bool is_client)
{
    uint32_t key_bytes = aead_key_bytes(kind);
    uint32_t half_bytes = key_bytes + AEAD_IV_BYTES;
    uint8_t secret[2 * (AEAD_KEY_BYTES_MAX + AEAD_IV_BYTES)];

    tls_conn_export(conn, label, session_id->bytes, sizeof session_id->bytes,
                    secret, 2 * half_bytes);
    const uint8_t *ours = secret + (is_client ? 0 : half_bytes);
    const uint8_t *theirs = secret + (is_client ? half_bytes : 0);
    aead_init(&keys->seal, kind, ours, ours + key_bytes);
    aead_init(&keys->open, kind, theirs, theirs + key_bytes);
    explicit_bzero(secret, sizeof secret);
}

void session_keys_wipe(struct session_keys *keys)
{
    aead_wipe(&keys->seal);
    aead_wipe(&keys->open);
}

static void seal(void *context, uint64_t number, const uint8_t *aad,
                 uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
                 uint8_t *out)
{
    struct session_keys *keys = context;

    aead_seal(&keys->seal, number, aad, aad_bytes, plain, plain_bytes, out);
}

static bool open_sealed(void *context, uint64_t number, const uint8_t *aad,
                        uint32_t aad_bytes, const uint8_t *sealed,
                        uint32_t sealed_bytes, uint8_t *out)
{
    struct session_keys *keys = context;

    return aead_open(&keys->open, number, aad, aad_bytes, sealed, sealed_bytes,
                     out);
}

struct fasp_cipher session_keys_cipher(struct session_keys *keys)
{
    return (struct fasp_cipher){keys, seal, open_sealed};
}
