/* Hashes, in one call or piece by piece, and a comparison that takes the same
 * time whatever differs.
 *
 * Knows: bytes.
 * Must not know: what is hashed and why.
 *
 * SHA-1 and MD5 are here because orders may ask for them as file checksums;
 * nothing in this program trusts them.
 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_BYTES 32u
#define HASH_SHA1_BYTES 20u
#define HASH_MD5_BYTES 16u
#define HASH_BYTES_MAX 32u

enum hash_kind {
    HASH_SHA256,
    HASH_SHA1,
    HASH_MD5,
};

/* Its contents are hash.c's alone.  Holds nothing that has to be released. */
struct hash {
    uint8_t kind;
    _Alignas(16) uint8_t state[144];
};

/* 32, 20 or 16. */
uint32_t hash_bytes(enum hash_kind kind);
/* "sha-256", "sha1", "md5", as orders name them. */
const char *hash_name(enum hash_kind kind);

void hash_init(struct hash *hash, enum hash_kind kind);
void hash_add(struct hash *hash, const void *data, size_t size_bytes);
/* Writes hash_bytes() to `digest`; the hash must be initialised to be used
 * again. */
void hash_finish(struct hash *hash, uint8_t *digest);

/* All three steps at once. */
void hash_once(enum hash_kind kind, const void *data, size_t size_bytes,
               uint8_t *digest);

/* Source: RFC 2104, with SHA-256. */
void hash_hmac_sha256(const void *key, uint32_t key_bytes, const void *data,
                      uint32_t size_bytes, uint8_t digest[HASH_SHA256_BYTES]);

/* Whether the two are equal, in a time that depends on `size_bytes` only. */
bool hash_equal(const void *a, const void *b, size_t size_bytes);

/* Continues a CRC32C (Castagnoli) over `data`; start with 0.  Detects
 * accidents, not forgery.  Source: RFC 3720, appendix B.4. */
uint32_t hash_crc32c(uint32_t crc, const void *data, size_t size_bytes);
/* The same without the CPU's instruction, which it takes where there is one:
 * apart so that tests can compare the two. */
uint32_t hash_crc32c_by_table(uint32_t crc, const void *data,
                              size_t size_bytes);

#endif
