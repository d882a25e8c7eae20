#include "crypto/hash.h"

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/md5.h>
#include <wolfssl/wolfcrypt/sha.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include "base/check.h"
#include "crypto/library.h"

union state {
    wc_Sha256 sha256;
    wc_Sha sha1;
    wc_Md5 md5;
};

_Static_assert(sizeof(union state) <= sizeof((struct hash *)NULL)->state,
               "the room for the hash's state in struct hash is too small");
_Static_assert(_Alignof(union state) <= 16, "and aligned for less");

static const struct {
    const char *name;
    uint32_t digest_bytes;
} kinds[] = {
    [HASH_SHA256] = {"sha-256", HASH_SHA256_BYTES},
    [HASH_SHA1] = {"sha1", HASH_SHA1_BYTES},
    [HASH_MD5] = {"md5", HASH_MD5_BYTES},
};

static union state *state_of(struct hash *hash)
{
    return (union state *)(void *)hash->state;
}

uint32_t hash_bytes(enum hash_kind kind)
{
    return kinds[kind].digest_bytes;
}

const char *hash_name(enum hash_kind kind)
{
    return kinds[kind].name;
}

void hash_init(struct hash *hash, enum hash_kind kind)
{
    union state *state = state_of(hash);

    library_start();
    hash->kind = (uint8_t)kind;
    switch (kind) {
    case HASH_SHA256:
        CHECK(wc_InitSha256(&state->sha256) == 0);
        return;
    case HASH_SHA1:
        CHECK(wc_InitSha(&state->sha1) == 0);
        return;
    case HASH_MD5:
        CHECK(wc_InitMd5(&state->md5) == 0);
        return;
    }
    NEVER("a kind of hash that is none");
}

static int add(struct hash *hash, const uint8_t *data, uint32_t size_bytes)
{
    union state *state = state_of(hash);

    switch ((enum hash_kind)hash->kind) {
    case HASH_SHA256:
        return wc_Sha256Update(&state->sha256, data, size_bytes);
    case HASH_SHA1:
        return wc_ShaUpdate(&state->sha1, data, size_bytes);
    case HASH_MD5:
        return wc_Md5Update(&state->md5, data, size_bytes);
    }
    return -1;
}

void hash_add(struct hash *hash, const void *data, size_t size_bytes)
{
    const uint8_t *at = data;

    while (size_bytes > 0) {
        /* The library counts in 32 bits. */
        uint32_t piece_bytes =
            size_bytes < (1u << 30) ? (uint32_t)size_bytes : 1u << 30;
        CHECK(add(hash, at, piece_bytes) == 0);
        at += piece_bytes;
        size_bytes -= piece_bytes;
    }
}

void hash_finish(struct hash *hash, uint8_t *digest)
{
    union state *state = state_of(hash);

    switch ((enum hash_kind)hash->kind) {
    case HASH_SHA256:
        CHECK(wc_Sha256Final(&state->sha256, digest) == 0);
        wc_Sha256Free(&state->sha256);
        return;
    case HASH_SHA1:
        CHECK(wc_ShaFinal(&state->sha1, digest) == 0);
        wc_ShaFree(&state->sha1);
        return;
    case HASH_MD5:
        CHECK(wc_Md5Final(&state->md5, digest) == 0);
        wc_Md5Free(&state->md5);
        return;
    }
    NEVER("a hash that was not initialised");
}

void hash_once(enum hash_kind kind, const void *data, size_t size_bytes,
               uint8_t *digest)
{
    struct hash hash;

    hash_init(&hash, kind);
    hash_add(&hash, data, size_bytes);
    hash_finish(&hash, digest);
}

void hash_hmac_sha256(const void *key, uint32_t key_bytes, const void *data,
                      uint32_t size_bytes, uint8_t digest[HASH_SHA256_BYTES])
{
    Hmac hmac;

    library_start();
    CHECK(wc_HmacInit(&hmac, NULL, INVALID_DEVID) == 0);
    CHECK(wc_HmacSetKey(&hmac, WC_SHA256, key, key_bytes) == 0);
    if (size_bytes > 0)
        CHECK(wc_HmacUpdate(&hmac, data, size_bytes) == 0);
    CHECK(wc_HmacFinal(&hmac, digest) == 0);
    wc_HmacFree(&hmac);
}

bool hash_equal(const void *a, const void *b, size_t size_bytes)
{
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < size_bytes; i++)
        difference |= (uint8_t)(left[i] ^ right[i]);
    return difference == 0;
}
