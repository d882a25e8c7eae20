#include "crypto/aead.h"

#include <string.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/cpuid.h>

#include "base/check.h"

/* Both keep their key from packet to packet; only the nonce changes. */
struct chacha_poly {
    ChaCha chacha;
    Poly1305 poly;
};

union cipher {
    Aes aes;
    struct chacha_poly chacha_poly;
};

_Static_assert(sizeof(union cipher) <= sizeof((struct aead *)NULL)->cipher,
               "the room for the cipher's state in struct aead is too small");
_Static_assert(_Alignof(union cipher) <= 64, "and aligned for less");

static const struct {
    const char *name;
    uint32_t key_bytes;
} kinds[] = {
    [AEAD_AES_128_GCM] = {"aes-128-gcm", 16},
    [AEAD_AES_256_GCM] = {"aes-256-gcm", 32},
    [AEAD_CHACHA20_POLY1305] = {"chacha20-poly1305", 32},
    [AEAD_AES_128_GMAC_ONLY] = {"none", 16},
};

static union cipher *cipher_of(struct aead *aead)
{
    return (union cipher *)(void *)aead->cipher;
}

uint32_t aead_key_bytes(enum aead_kind kind)
{
    return kinds[kind].key_bytes;
}

const char *aead_name(enum aead_kind kind)
{
    return kinds[kind].name;
}

enum aead_kind aead_preferred(void)
{
#if defined(__x86_64__)
    bool has_aes = IS_INTEL_AESNI(cpuid_get_flags()) != 0;
#elif defined(__aarch64__)
    bool has_aes = (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
    bool has_aes = false;
#endif
    return has_aes ? AEAD_AES_128_GCM : AEAD_CHACHA20_POLY1305;
}

void aead_init(struct aead *aead, enum aead_kind kind, const uint8_t *key,
               const uint8_t iv[AEAD_IV_BYTES])
{
    union cipher *cipher = cipher_of(aead);

    memset(aead, 0, sizeof *aead);
    aead->kind = (uint8_t)kind;
    memcpy(aead->iv, iv, AEAD_IV_BYTES);
    switch (kind) {
    case AEAD_AES_128_GCM:
    case AEAD_AES_256_GCM:
    case AEAD_AES_128_GMAC_ONLY:
        CHECK(wc_AesInit(&cipher->aes, NULL, INVALID_DEVID) == 0);
        CHECK(wc_AesGcmSetKey(&cipher->aes, key, kinds[kind].key_bytes) == 0);
        return;
    case AEAD_CHACHA20_POLY1305:
        CHECK(wc_Chacha_SetKey(&cipher->chacha_poly.chacha, key,
                               kinds[kind].key_bytes) == 0);
        return;
    }
    NEVER("a kind of cipher that is none");
}

void aead_wipe(struct aead *aead)
{
    if (aead->kind != AEAD_CHACHA20_POLY1305)
        wc_AesFree(&cipher_of(aead)->aes);
    explicit_bzero(aead, sizeof *aead);
}

static void make_nonce(const struct aead *aead, uint64_t packet_number,
                       uint8_t nonce[AEAD_IV_BYTES])
{
    memcpy(nonce, aead->iv, AEAD_IV_BYTES);
    for (unsigned i = 0; i < 8; i++)
        nonce[AEAD_IV_BYTES - 1 - i] ^= (uint8_t)(packet_number >> 8 * i);
}

/* GCM takes one run of data to authenticate; `whole` gets both behind each
 * other.  Returns its size, 0 when it does not fit. */
static uint32_t join(uint8_t whole[AEAD_GMAC_BYTES_MAX], const void *aad,
                     uint32_t aad_bytes, const void *data, uint32_t data_bytes)
{
    if (aad_bytes > AEAD_GMAC_BYTES_MAX ||
        data_bytes > AEAD_GMAC_BYTES_MAX - aad_bytes)
        return 0;
    if (aad_bytes > 0)
        memcpy(whole, aad, aad_bytes);
    if (data_bytes > 0)
        memcpy(whole + aad_bytes, data, data_bytes);
    return aad_bytes + data_bytes;
}

static int mac_seal(Aes *aes, const uint8_t *nonce, const void *aad,
                    uint32_t aad_bytes, const void *plain, uint32_t plain_bytes,
                    uint8_t *out)
{
    uint8_t whole[AEAD_GMAC_BYTES_MAX];
    uint32_t whole_bytes = join(whole, aad, aad_bytes, plain, plain_bytes);

    CHECK(whole_bytes == (uint64_t)aad_bytes + plain_bytes);
    memcpy(out, whole + aad_bytes, plain_bytes);
    return wc_AesGcmEncrypt(aes, NULL, NULL, 0, nonce, AEAD_IV_BYTES,
                            out + plain_bytes, AEAD_TAG_BYTES, whole,
                            whole_bytes);
}

static int mac_open(Aes *aes, const uint8_t *nonce, const void *aad,
                    uint32_t aad_bytes, const uint8_t *sealed,
                    uint32_t plain_bytes, uint8_t *out)
{
    uint8_t whole[AEAD_GMAC_BYTES_MAX];
    uint32_t whole_bytes = join(whole, aad, aad_bytes, sealed, plain_bytes);

    if (whole_bytes != (uint64_t)aad_bytes + plain_bytes)
        return -1;
    int ret = wc_AesGcmDecrypt(aes, NULL, NULL, 0, nonce, AEAD_IV_BYTES,
                               sealed + plain_bytes, AEAD_TAG_BYTES, whole,
                               whole_bytes);
    if (ret == 0)
        memcpy(out, whole + aad_bytes, plain_bytes);
    return ret;
}

void aead_seal(struct aead *aead, uint64_t packet_number, const void *aad,
               uint32_t aad_bytes, const void *plain, uint32_t plain_bytes,
               void *out)
{
    union cipher *cipher = cipher_of(aead);
    uint8_t nonce[AEAD_IV_BYTES];
    uint8_t *sealed = out;
    int ret = -1;

    make_nonce(aead, packet_number, nonce);
    switch ((enum aead_kind)aead->kind) {
    case AEAD_AES_128_GCM:
    case AEAD_AES_256_GCM:
        ret = wc_AesGcmEncrypt(&cipher->aes, sealed, plain, plain_bytes, nonce,
                               AEAD_IV_BYTES, sealed + plain_bytes,
                               AEAD_TAG_BYTES, aad, aad_bytes);
        break;
    case AEAD_CHACHA20_POLY1305:
        ret = wc_ChaCha20Poly1305_Encrypt_ex(
            &cipher->chacha_poly.chacha, &cipher->chacha_poly.poly, sealed,
            plain, plain_bytes, nonce, sealed + plain_bytes, aad, aad_bytes);
        break;
    case AEAD_AES_128_GMAC_ONLY:
        ret = mac_seal(&cipher->aes, nonce, aad, aad_bytes, plain, plain_bytes,
                       sealed);
        break;
    }
    /* The library fails here on wrong arguments only. */
    CHECK(ret == 0);
}

bool aead_open(struct aead *aead, uint64_t packet_number, const void *aad,
               uint32_t aad_bytes, const void *sealed, uint32_t sealed_bytes,
               void *out)
{
    union cipher *cipher = cipher_of(aead);
    uint8_t nonce[AEAD_IV_BYTES];
    const uint8_t *text = sealed;
    int ret = -1;

    if (sealed_bytes < AEAD_TAG_BYTES)
        return false;
    uint32_t plain_bytes = sealed_bytes - AEAD_TAG_BYTES;

    make_nonce(aead, packet_number, nonce);
    switch ((enum aead_kind)aead->kind) {
    case AEAD_AES_128_GCM:
    case AEAD_AES_256_GCM:
        ret = wc_AesGcmDecrypt(&cipher->aes, out, text, plain_bytes, nonce,
                               AEAD_IV_BYTES, text + plain_bytes,
                               AEAD_TAG_BYTES, aad, aad_bytes);
        break;
    case AEAD_CHACHA20_POLY1305:
        ret = wc_ChaCha20Poly1305_Decrypt_ex(
            &cipher->chacha_poly.chacha, &cipher->chacha_poly.poly, out, text,
            plain_bytes, nonce, text + plain_bytes, aad, aad_bytes);
        break;
    case AEAD_AES_128_GMAC_ONLY:
        ret = mac_open(&cipher->aes, nonce, aad, aad_bytes, text, plain_bytes,
                       out);
        break;
    }
    return ret == 0;
}
