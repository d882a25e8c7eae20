#include "crypto/identity.h"

#include <criterion/criterion.h>
#include <string.h>

#include "identity_vector.h"

static void assert_round_trip(const struct identity *identity)
{
    struct text_builder builder = {0};
    struct identity back;

    identity_format(identity, &builder);
    cr_assert_eq(identity_parse(text_built(&builder), &back), IDENTITY_OK);
    cr_assert_eq(back.key_bytes, identity->key_bytes);
    cr_assert_eq(memcmp(back.key, identity->key, back.key_bytes), 0);
    cr_assert_eq(back.certificate_bytes, identity->certificate_bytes);
    cr_assert_eq(
        memcmp(back.certificate, identity->certificate, back.certificate_bytes),
        0);
    cr_assert(fingerprint_equal(back.fingerprint, identity->fingerprint));
    text_builder_free(&builder);
}

Test(identity, survives_being_written_and_read)
{
    struct identity one, other;
    struct fingerprint of_certificate;

    identity_make(&one);
    identity_make(&other);
    assert_round_trip(&one);
    cr_assert_not(fingerprint_equal(one.fingerprint, other.fingerprint));
    cr_assert(fingerprint_of_certificate(one.certificate, one.certificate_bytes,
                                         &of_certificate));
    cr_assert(fingerprint_equal(one.fingerprint, of_certificate));
    identity_wipe(&one);
    cr_assert_eq(one.key_bytes, 0);
}

Test(identity, reads_one_that_openssl_made)
{
    struct identity identity;
    char text[FINGERPRINT_TEXT_BYTES + 1];

    cr_assert_eq(identity_parse(text_of(openssl_identity), &identity),
                 IDENTITY_OK);
    fingerprint_format(identity.fingerprint, text);
    cr_assert_str_eq(text, openssl_fingerprint);
}

Test(identity, says_what_is_wrong_with_a_file)
{
    struct text_builder builder = {0};
    struct identity one, other, read;
    struct text pem;

    memset(&read, 0xaa, sizeof read);
    identity_make(&one);
    identity_make(&other);
    cr_assert_eq(identity_parse(text_of(""), &read), IDENTITY_NO_KEY);
    cr_assert_eq(identity_parse(TEXT_ABSENT, &read), IDENTITY_NO_KEY);

    identity_format(&one, &builder);
    pem = text_built(&builder);
    cr_assert_eq(identity_parse(text_from(pem.data, pem.size_bytes / 2), &read),
                 IDENTITY_NO_CERTIFICATE);

    /* The key of one with the certificate of another. */
    memcpy(one.certificate, other.certificate, other.certificate_bytes);
    one.certificate_bytes = other.certificate_bytes;
    text_builder_reset(&builder);
    identity_format(&one, &builder);
    cr_assert_eq(identity_parse(text_built(&builder), &read),
                 IDENTITY_MISMATCH);

    cr_assert_eq(identity_parse(text_of(openssl_p384), &read),
                 IDENTITY_WRONG_KIND);
    for (size_t i = 0; i < sizeof read; i++)
        cr_assert_eq(((const uint8_t *)&read)[i], 0xaa);
    text_builder_free(&builder);
}

Test(identity, a_changed_byte_is_noticed_or_harmless)
{
    struct text_builder builder = {0};
    struct identity one, read;

    identity_make(&one);
    for (uint32_t i = 0; i < one.key_bytes; i++) {
        one.key[i] ^= 1;
        text_builder_reset(&builder);
        identity_format(&one, &builder);
        if (identity_parse(text_built(&builder), &read) == IDENTITY_OK)
            cr_assert(fingerprint_equal(read.fingerprint, one.fingerprint));
        one.key[i] ^= 1;
    }
    text_builder_free(&builder);
}

Test(identity, cut_off_certificates_have_no_fingerprint)
{
    struct identity one;
    struct fingerprint fingerprint;

    identity_make(&one);
    for (uint32_t cut = 0; cut < one.certificate_bytes / 2; cut++)
        cr_assert_not(
            fingerprint_of_certificate(one.certificate, cut, &fingerprint));
}

Test(identity, fingerprints_have_one_text)
{
    static const char text[] =
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    static const char *const bad[] = {
        "",
        "SHA256:",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "MD5:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU==",
        " SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    };
    struct fingerprint fingerprint, again;
    char back[FINGERPRINT_TEXT_BYTES + 1];

    hash_once(HASH_SHA256, "", 0, fingerprint.digest);
    fingerprint_format(fingerprint, back);
    cr_assert_str_eq(back, text);
    cr_assert(fingerprint_parse(text_of(text), &again));
    cr_assert(fingerprint_equal(fingerprint, again));
    cr_assert(fingerprint_parse(
        text_of("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        &again));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(fingerprint_parse(text_of(bad[i]), &again), "%s", bad[i]);
}
