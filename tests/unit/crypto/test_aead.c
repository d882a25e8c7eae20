#include "crypto/aead.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "hex.h"

#define SIZE_MAX_BYTES 9000u

struct vector {
    enum aead_kind kind;
    const char *key;
    const char *iv;
    uint64_t packet_number;
    const char *aad;
    const char *plain;
    const char *sealed;
};

#define GCM_PLAIN                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_SEALED                                                     \
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" \
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc" \
    "3221a5db94fae95ae7121a47"

/* Test cases 4 and 16 of the GCM specification (McGrew and Viega), and the
 * example of RFC 8439, section 2.8.2.  Where a packet number stands, the IV was
 * XORed with it beforehand, so that the nonce is the vector's. */
static const struct vector vectors[] = {
    {AEAD_AES_128_GCM, GCM_KEY, "cafebabefacedbaddecaf888", 0, GCM_AAD,
     GCM_PLAIN, GCM_SEALED},
    {AEAD_AES_128_GCM, GCM_KEY, "cafebabefacedcafdaccffff",
     UINT64_C(0x0000070204060777), GCM_AAD, GCM_PLAIN, GCM_SEALED},
    {AEAD_AES_256_GCM, GCM_KEY GCM_KEY, "cafebabefacedbaddecaf888", 0, GCM_AAD,
     GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece"
     "0f4e1768cddf8853bb2d551b"},
    {AEAD_CHACHA20_POLY1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", 0, "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060"
     "0691"},
    /* The tag of AES-128-GCM over the two as additional data, by another
     * implementation (Python's cryptography). */
    {AEAD_AES_128_GMAC_ONLY, GCM_KEY, "cafebabefacedbaddecaf888", 0, GCM_AAD,
     GCM_PLAIN, GCM_PLAIN "4b28357f198fc8344618fa46306b827f"},
};

static const enum aead_kind kinds[] = {
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AEAD_CHACHA20_POLY1305,
    AEAD_AES_128_GMAC_ONLY,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t some_key[AEAD_KEY_BYTES_MAX] = {1, 2, 3, 4, 5};
static const uint8_t some_iv[AEAD_IV_BYTES] = {9, 8, 7};

static void fill(uint8_t *data, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + 3);
}

Test(aead, gives_what_the_specifications_say)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        const struct vector *vector = &vectors[i];
        struct aead aead;
        uint8_t key[32], iv[12], aad[32], plain[256], sealed[256], out[256];
        uint8_t opened[256];
        char text[513];

        from_hex(vector->key, key);
        from_hex(vector->iv, iv);
        uint32_t aad_bytes = from_hex(vector->aad, aad);
        uint32_t plain_bytes = from_hex(vector->plain, plain);
        uint32_t sealed_bytes = from_hex(vector->sealed, sealed);
        cr_assert_eq(sealed_bytes, plain_bytes + AEAD_TAG_BYTES);

        aead_init(&aead, vector->kind, key, iv);
        aead_seal(&aead, vector->packet_number, aad, aad_bytes, plain,
                  plain_bytes, out);
        cr_expect_str_eq(to_hex(out, sealed_bytes, text), vector->sealed,
                         "vector %zu", i);
        cr_expect(aead_open(&aead, vector->packet_number, aad, aad_bytes,
                            sealed, sealed_bytes, opened));
        cr_expect_arr_eq(opened, plain, plain_bytes);
        aead_wipe(&aead);
    }
}

Test(aead, knows_its_kinds)
{
    cr_assert_eq(aead_key_bytes(AEAD_AES_128_GCM), 16);
    cr_assert_eq(aead_key_bytes(AEAD_AES_256_GCM), 32);
    cr_assert_eq(aead_key_bytes(AEAD_CHACHA20_POLY1305), 32);
    cr_assert_eq(aead_key_bytes(AEAD_AES_128_GMAC_ONLY), 16);
    cr_assert_str_eq(aead_name(AEAD_CHACHA20_POLY1305), "chacha20-poly1305");

    enum aead_kind preferred = aead_preferred();
    cr_assert(preferred == AEAD_AES_128_GCM ||
              preferred == AEAD_CHACHA20_POLY1305);
}

/* In place and out of place give the same, for sizes around those at which the
 * code takes other paths. */
Test(aead, seals_and_opens_any_size_in_place_and_out_of_place)
{
    static const uint32_t sizes[] = {0,   1,    15,   16,   17,   255,  256,
                                     257, 1023, 1024, 1025, 1430, 4096, 9000};
    static uint8_t plain[SIZE_MAX_BYTES], apart[SIZE_MAX_BYTES + 16],
        inside[SIZE_MAX_BYTES + 16], opened[SIZE_MAX_BYTES];
    static const uint8_t aad[26] = {1, 2, 3};

    fill(plain, sizeof plain);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct aead aead;
        aead_init(&aead, kinds[k], some_key, some_iv);
        for (size_t i = 0; i < COUNT(sizes); i++) {
            uint32_t size = sizes[i];
            uint32_t sealed_bytes = size + AEAD_TAG_BYTES;

            aead_seal(&aead, i, aad, sizeof aad, plain, size, apart);
            memcpy(inside, plain, size);
            aead_seal(&aead, i, aad, sizeof aad, inside, size, inside);
            cr_assert_eq(memcmp(apart, inside, sealed_bytes), 0,
                         "%s of %u bytes", aead_name(kinds[k]), size);

            cr_assert(aead_open(&aead, i, aad, sizeof aad, apart, sealed_bytes,
                                opened));
            cr_assert_eq(memcmp(opened, plain, size), 0);
            cr_assert(aead_open(&aead, i, aad, sizeof aad, inside, sealed_bytes,
                                inside));
            cr_assert_eq(memcmp(inside, plain, size), 0);
        }
        aead_wipe(&aead);
    }
}

Test(aead, encrypts_unless_told_not_to)
{
    uint8_t plain[64], sealed[80];

    fill(plain, sizeof plain);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct aead aead;
        aead_init(&aead, kinds[k], some_key, some_iv);
        aead_seal(&aead, 1, NULL, 0, plain, sizeof plain, sealed);
        cr_expect_eq(memcmp(plain, sealed, sizeof plain) == 0,
                     kinds[k] == AEAD_AES_128_GMAC_ONLY);
        aead_wipe(&aead);
    }
}

Test(aead, refuses_a_packet_with_any_byte_changed)
{
    uint8_t aad[26], plain[100], sealed[116], opened[100];

    fill(aad, sizeof aad);
    fill(plain, sizeof plain);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct aead aead;
        aead_init(&aead, kinds[k], some_key, some_iv);
        aead_seal(&aead, 5, aad, sizeof aad, plain, sizeof plain, sealed);

        for (size_t i = 0; i < sizeof sealed; i++) {
            sealed[i] ^= 0x40;
            cr_assert_not(aead_open(&aead, 5, aad, sizeof aad, sealed,
                                    sizeof sealed, opened));
            sealed[i] ^= 0x40;
        }
        for (size_t i = 0; i < sizeof aad; i++) {
            aad[i] ^= 1;
            cr_assert_not(aead_open(&aead, 5, aad, sizeof aad, sealed,
                                    sizeof sealed, opened));
            aad[i] ^= 1;
        }
        cr_assert(aead_open(&aead, 5, aad, sizeof aad, sealed, sizeof sealed,
                            opened));
        aead_wipe(&aead);
    }
}

Test(aead, refuses_another_number_another_length_and_another_border)
{
    uint8_t packet[26 + 116], opened[200];

    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct aead aead;
        fill(packet, sizeof packet);
        aead_init(&aead, kinds[k], some_key, some_iv);
        aead_seal(&aead, 5, packet, 26, packet + 26, 100, packet + 26);

        cr_expect_not(
            aead_open(&aead, 6, packet, 26, packet + 26, 116, opened));
        cr_expect_not(aead_open(&aead, UINT64_C(5) | UINT64_C(1) << 47, packet,
                                26, packet + 26, 116, opened));
        for (uint32_t size = 0; size < 116; size++)
            cr_expect_not(
                aead_open(&aead, 5, packet, 26, packet + 26, size, opened));
        /* GMAC over the joined text cannot tell where the border was: the
         * header has a fixed size in every datagram. */
        if (kinds[k] != AEAD_AES_128_GMAC_ONLY)
            cr_expect_not(
                aead_open(&aead, 5, packet, 25, packet + 25, 117, opened));
        cr_expect(aead_open(&aead, 5, packet, 26, packet + 26, 116, opened));
        aead_wipe(&aead);
    }
}

Test(aead, authenticates_without_encryption_up_to_its_limit)
{
    static uint8_t plain[AEAD_GMAC_BYTES_MAX], sealed[AEAD_GMAC_BYTES_MAX + 17],
        opened[AEAD_GMAC_BYTES_MAX + 1];
    uint8_t aad[16] = {0};
    uint32_t largest = AEAD_GMAC_BYTES_MAX - sizeof aad;
    struct aead aead;

    aead_init(&aead, AEAD_AES_128_GMAC_ONLY, some_key, some_iv);
    aead_seal(&aead, 0, aad, sizeof aad, plain, largest, sealed);
    cr_assert(
        aead_open(&aead, 0, aad, sizeof aad, sealed, largest + 16, opened));
    cr_assert_not(
        aead_open(&aead, 0, aad, sizeof aad, sealed, largest + 17, opened));
    aead_wipe(&aead);
}

Test(aead, sealing_more_than_that_is_a_bug, .signal = SIGABRT)
{
    static uint8_t plain[AEAD_GMAC_BYTES_MAX + 1],
        sealed[AEAD_GMAC_BYTES_MAX + 17];
    struct aead aead;

    aead_init(&aead, AEAD_AES_128_GMAC_ONLY, some_key, some_iv);
    aead_seal(&aead, 0, NULL, 0, plain, sizeof plain, sealed);
}
