/* Seals and opens datagrams: authenticated encryption with a packet number.
 *
 * Knows: one key, the nonce rule, the ciphers.
 * Must not know: what a datagram holds, replay windows, who owns the number.
 *
 * One `struct aead` serves one direction of one session.  The nonce of a
 * packet is the 12-byte IV with the packet number, big-endian in 64 bits,
 * XORed into its last 8 bytes, so a number must never be sealed twice under
 * one key.  A sealed text is the encrypted text followed by a tag of 16 bytes.
 * AEAD_AES_128_GMAC_ONLY covers `aad` and the text as one run of bytes and does
 * not see where one ends: the size of `aad` must be fixed, or follow from it.
 *
 * Nothing is allocated after aead_init().
 *
 * Source: nonce, RFC 8446 section 5.3; ciphers, NIST SP 800-38D and RFC 8439.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stdbool.h>
#include <stdint.h>

#define AEAD_TAG_BYTES 16u
#define AEAD_IV_BYTES 12u
#define AEAD_KEY_BYTES_MAX 32u

/* The largest `aad_bytes` + text with AEAD_AES_128_GMAC_ONLY: a datagram on a
 * jumbo path (9000) and some.  The other kinds have no such limit. */
#define AEAD_GMAC_BYTES_MAX 9216u

enum aead_kind {
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AEAD_CHACHA20_POLY1305,
    AEAD_AES_128_GMAC_ONLY, /* "None": authenticates all, encrypts nothing */
};

/* Its contents are aead.c's alone.  Must not be moved or copied while in use:
 * the cipher's state may hold addresses. */
struct aead {
    uint8_t kind;
    uint8_t iv[AEAD_IV_BYTES];
    _Alignas(64) uint8_t cipher[1216];
};

/* The bytes of key that `kind` takes: 16 or 32. */
uint32_t aead_key_bytes(enum aead_kind kind);
/* "aes-128-gcm" and so on, for logs. */
const char *aead_name(enum aead_kind kind);
/* The fastest kind with encryption and 128 bits or more on this CPU: AES where
 * it has instructions for it, else ChaCha20. */
enum aead_kind aead_preferred(void);

/* Takes a key of aead_key_bytes(kind) and an IV; both are copied.  Cannot
 * fail.  aead_wipe() must follow. */
void aead_init(struct aead *aead, enum aead_kind kind, const uint8_t *key,
               const uint8_t iv[AEAD_IV_BYTES]);
/* Forgets the key. */
void aead_wipe(struct aead *aead);

/* Seals `plain_bytes` of `plain` under `packet_number`, authenticating
 * `aad_bytes` of `aad` with it, and writes plain_bytes + AEAD_TAG_BYTES to
 * `out`.  `out` is `plain` itself or does not overlap it or `aad`. */
void aead_seal(struct aead *aead, uint64_t packet_number, const void *aad,
               uint32_t aad_bytes, const void *plain, uint32_t plain_bytes,
               void *out);

/* Opens `sealed_bytes` of `sealed`, tag included, and writes sealed_bytes -
 * AEAD_TAG_BYTES to `out`, which is `sealed` itself or does not overlap it or
 * `aad`.  Returns false for anything that was not sealed so, also for less
 * than a tag and, with AEAD_AES_128_GMAC_ONLY, for more than its limit; what
 * is in `out` is then undefined. */
bool aead_open(struct aead *aead, uint64_t packet_number, const void *aad,
               uint32_t aad_bytes, const void *sealed, uint32_t sealed_bytes,
               void *out) __attribute__((warn_unused_result));

#endif
