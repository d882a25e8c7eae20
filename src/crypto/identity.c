#include "crypto/identity.h"

#include <stdio.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "crypto/base64.h"
#include "crypto/library.h"

#define P256_BYTES 32
/* An RSA key of 8192 bits takes 1062; ours 91. */
#define SPKI_BYTES_MAX 2048u

static const char pem_key[] = "PRIVATE KEY";
static const char pem_certificate[] = "CERTIFICATE";
static const char fingerprint_prefix[] = "SHA256:";

const char *identity_result_text(enum identity_result result)
{
    switch (result) {
    case IDENTITY_OK:
        return "the identity is in order";
    case IDENTITY_NO_KEY:
        return "the identity file holds no readable PRIVATE KEY block";
    case IDENTITY_NO_CERTIFICATE:
        return "the identity file holds no readable CERTIFICATE block";
    case IDENTITY_WRONG_KIND:
        return "the identity's key is not a P-256 key";
    case IDENTITY_MISMATCH:
        return "the identity's certificate belongs to another key";
    }
    NEVER("a result of identity_parse() that is none");
}

/* DER of a date: its tag (UTCTime or GeneralizedTime), its length, its text. */
static int put_date(uint8_t *date, uint8_t tag, const char *text)
{
    size_t text_bytes = strlen(text);

    date[0] = tag;
    date[1] = (uint8_t)text_bytes;
    memcpy(date + 2, text, text_bytes);
    return (int)(text_bytes + 2);
}

static uint32_t make_certificate(ecc_key *key, WC_RNG *random,
                                 uint8_t der[IDENTITY_CERTIFICATE_BYTES_MAX])
{
    Cert cert;

    CHECK(wc_InitCert(&cert) == 0);
    memcpy(cert.subject.commonName, "ferry", sizeof "ferry");
    cert.sigType = CTC_SHA256wECDSA;
    cert.selfSigned = 1;
    cert.isCA = 0;
    /* Fixed, so that no clock matters.  The first date is before ferry was:
     * a node whose clock stands in the past is believed, too. */
    cert.beforeDateSz =
        put_date(cert.beforeDate, ASN_UTC_TIME, "000101000000Z");
    cert.afterDateSz =
        put_date(cert.afterDate, ASN_GENERALIZED_TIME, "99991231235959Z");
    CHECK(wc_SetKeyUsage(&cert, "digitalSignature") == 0);
    CHECK(wc_MakeCert(&cert, der, IDENTITY_CERTIFICATE_BYTES_MAX, NULL, key,
                      random) > 0);
    int size = wc_SignCert(cert.bodySz, cert.sigType, der,
                           IDENTITY_CERTIFICATE_BYTES_MAX, NULL, key, random);
    CHECK(size > 0);
    return (uint32_t)size;
}

/* The fingerprint of the public half of `key`. */
static bool fingerprint_of_key(ecc_key *key, struct fingerprint *fingerprint)
{
    uint8_t spki[SPKI_BYTES_MAX];
    int size = wc_EccPublicKeyToDer(key, spki, sizeof spki, 1);

    if (size <= 0)
        return false;
    hash_once(HASH_SHA256, spki, (size_t)size, fingerprint->digest);
    return true;
}

void identity_make(struct identity *identity)
{
    WC_RNG random;
    ecc_key key;
    word32 key_bytes = sizeof identity->key;

    memset(identity, 0, sizeof *identity);
    library_random_open(&random);
    CHECK(wc_ecc_init(&key) == 0);
    CHECK(wc_ecc_make_key_ex(&random, P256_BYTES, &key, ECC_SECP256R1) == 0);

    int size = wc_EccKeyToPKCS8(&key, identity->key, &key_bytes);
    CHECK(size > 0);
    identity->key_bytes = (uint32_t)size;
    identity->certificate_bytes =
        make_certificate(&key, &random, identity->certificate);
    CHECK(fingerprint_of_key(&key, &identity->fingerprint));

    wc_ecc_free(&key);
    wc_FreeRng(&random);
}

void identity_format(const struct identity *identity,
                     struct text_builder *builder)
{
    pem_add(builder, pem_key, identity->key, identity->key_bytes);
    pem_add(builder, pem_certificate, identity->certificate,
            identity->certificate_bytes);
}

/* Reads the private key and derives the public one from it: what the file says
 * of the public one is not believed. */
static enum identity_result check_key(const struct identity *identity,
                                      struct fingerprint *fingerprint)
{
    enum identity_result result = IDENTITY_WRONG_KIND;
    WC_RNG random;
    ecc_key key;
    word32 at = 0;

    library_random_open(&random);
    CHECK(wc_ecc_init(&key) == 0);
    if (wc_EccPrivateKeyDecode(identity->key, &at, &key, identity->key_bytes) ==
            0 &&
        wc_ecc_get_curve_id(key.idx) == ECC_SECP256R1 &&
        wc_ecc_make_pub_ex(&key, NULL, &random) == 0 &&
        fingerprint_of_key(&key, fingerprint))
        result = IDENTITY_OK;
    wc_ecc_free(&key);
    wc_FreeRng(&random);
    return result;
}

static enum identity_result read_identity(struct text pem,
                                          struct identity *identity)
{
    struct fingerprint of_key;

    if (!pem_find(pem, pem_key, identity->key, sizeof identity->key,
                  &identity->key_bytes))
        return IDENTITY_NO_KEY;
    if (!pem_find(pem, pem_certificate, identity->certificate,
                  sizeof identity->certificate, &identity->certificate_bytes))
        return IDENTITY_NO_CERTIFICATE;

    enum identity_result result = check_key(identity, &of_key);
    if (result != IDENTITY_OK)
        return result;
    if (!fingerprint_of_certificate(identity->certificate,
                                    identity->certificate_bytes,
                                    &identity->fingerprint))
        return IDENTITY_NO_CERTIFICATE;
    if (!fingerprint_equal(of_key, identity->fingerprint))
        return IDENTITY_MISMATCH;
    return IDENTITY_OK;
}

enum identity_result identity_parse(struct text pem, struct identity *identity)
{
    struct identity parsed = {0};
    enum identity_result result = read_identity(pem, &parsed);

    if (result == IDENTITY_OK)
        *identity = parsed;
    identity_wipe(&parsed);
    return result;
}

void identity_wipe(struct identity *identity)
{
    explicit_bzero(identity, sizeof *identity);
}

void fingerprint_format(struct fingerprint fingerprint,
                        char text[FINGERPRINT_TEXT_BYTES + 1])
{
    char digest[BASE64_TEXT_BYTES(HASH_SHA256_BYTES) + 1];

    base64_encode(fingerprint.digest, HASH_SHA256_BYTES, false, digest);
    snprintf(text, FINGERPRINT_TEXT_BYTES + 1, "%s%s", fingerprint_prefix,
             digest);
}

bool fingerprint_parse(struct text text, struct fingerprint *fingerprint)
{
    struct fingerprint parsed;
    uint32_t prefix_bytes = sizeof fingerprint_prefix - 1;
    uint32_t size_bytes;

    if (!text_starts_with(text, fingerprint_prefix))
        return false;
    struct text digest =
        text_from(text.data + prefix_bytes, text.size_bytes - prefix_bytes);
    if (!base64_decode(digest, parsed.digest, sizeof parsed.digest,
                       &size_bytes) ||
        size_bytes != sizeof parsed.digest)
        return false;
    *fingerprint = parsed;
    return true;
}

bool fingerprint_equal(struct fingerprint a, struct fingerprint b)
{
    return hash_equal(a.digest, b.digest, sizeof a.digest);
}

bool fingerprint_of_certificate(const uint8_t *der, uint32_t size_bytes,
                                struct fingerprint *fingerprint)
{
    uint8_t spki[SPKI_BYTES_MAX];
    word32 spki_bytes = sizeof spki;

    library_start();
    if (wc_GetSubjectPubKeyInfoDerFromCert(der, size_bytes, spki,
                                           &spki_bytes) != 0)
        return false;
    hash_once(HASH_SHA256, spki, spki_bytes, fingerprint->digest);
    return true;
}
