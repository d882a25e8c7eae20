#include "crypto/hash.h"

#include <criterion/criterion.h>
#include <string.h>

#include "hex.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    enum hash_kind kind;
    const char *text;
    const char *digest;
} vectors[] = {
    /* FIPS 180-2 appendix B, RFC 3174 section 7.3, RFC 1321 appendix A.5. */
    {HASH_SHA256, "",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {HASH_SHA256, "abc",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {HASH_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {HASH_SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {HASH_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
    {HASH_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
    {HASH_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
};

Test(hash, gives_what_the_specifications_say_at_once_and_byte_by_byte)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t digest[HASH_BYTES_MAX];
        char text[2 * HASH_BYTES_MAX + 1];
        uint32_t size = hash_bytes(vectors[i].kind);

        hash_once(vectors[i].kind, vectors[i].text, strlen(vectors[i].text),
                  digest);
        cr_expect_str_eq(to_hex(digest, size, text), vectors[i].digest);

        struct hash hash;
        hash_init(&hash, vectors[i].kind);
        for (const char *at = vectors[i].text; *at != '\0'; at++)
            hash_add(&hash, at, 1);
        hash_finish(&hash, digest);
        cr_expect_str_eq(to_hex(digest, size, text), vectors[i].digest);
    }
    cr_assert_str_eq(hash_name(HASH_SHA256), "sha-256");
    cr_assert_str_eq(hash_name(HASH_SHA1), "sha1");
    cr_assert_str_eq(hash_name(HASH_MD5), "md5");
}

Test(hash, hmac_gives_what_rfc_4231_says)
{
    static const struct {
        const char *key;
        const char *data;
        const char *digest;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t key[64], data[64], digest[HASH_SHA256_BYTES];
        char text[65];
        uint32_t key_bytes = from_hex(cases[i].key, key);
        uint32_t data_bytes = from_hex(cases[i].data, data);

        hash_hmac_sha256(key, key_bytes, data, data_bytes, digest);
        cr_expect_str_eq(to_hex(digest, sizeof digest, text), cases[i].digest);
    }
}

Test(hash, compares_every_byte)
{
    uint8_t a[33] = {1, 2, 3};
    uint8_t b[33] = {1, 2, 3};

    cr_assert(hash_equal(a, b, sizeof a));
    cr_assert(hash_equal(a, b, 0));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        cr_assert_not(hash_equal(a, b, sizeof a));
        b[i] ^= 0x80;
    }
}

Test(hash, crc32c_gives_what_rfc_3720_says)
{
    uint8_t data[32];

    cr_assert_eq(hash_crc32c(0, NULL, 0), 0);
    cr_assert_eq(hash_crc32c(0, "123456789", 9), 0xe3069283);
    memset(data, 0, sizeof data);
    cr_assert_eq(hash_crc32c(0, data, sizeof data), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    cr_assert_eq(hash_crc32c(0, data, sizeof data), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = i;
    cr_assert_eq(hash_crc32c(0, data, sizeof data), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = (uint8_t)(31 - i);
    cr_assert_eq(hash_crc32c(0, data, sizeof data), 0x113fdb5c);
}

/* From 24 KiB on it is made in three runs at once. */
Test(hash, crc32c_of_much_is_the_same_by_table_around_each_run)
{
    static uint8_t data[3 * 24576 + 16];
    static const uint32_t sizes[] = {8192,  24575, 24576, 24577, 24584,
                                     32768, 49151, 49152, 73728, sizeof data};

    for (uint32_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t crc = hash_crc32c_by_table(7, data, sizes[i]);
        cr_assert_eq(hash_crc32c(7, data, sizes[i]), crc, "%u", sizes[i]);
    }
}

Test(hash, crc32c_is_the_same_by_table_at_any_size_and_in_two_pieces)
{
    uint8_t data[100];

    for (uint32_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37);
    for (uint32_t size = 0; size <= sizeof data; size++) {
        uint32_t crc = hash_crc32c(0, data, size);
        cr_assert_eq(hash_crc32c_by_table(0, data, size), crc);
        for (uint32_t cut = 0; cut <= size; cut += 7) {
            uint32_t first = hash_crc32c(0, data, cut);
            cr_assert_eq(hash_crc32c(first, data + cut, size - cut), crc);
        }
    }
}
