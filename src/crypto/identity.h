/* Who a node is: a P-256 key, a self-signed certificate that carries it, and
 * the fingerprint by which other nodes know it.
 *
 * Knows: keys, certificates, their encodings.
 * Must not know: files, clocks, host names, who trusts whom.
 *
 * Only the key matters: the fingerprint is "SHA256:" and the unpadded base64
 * of the SHA-256 of the key's SubjectPublicKeyInfo (50 characters).  The
 * certificate exists because TLS wants one; its dates never end (RFC 5280,
 * section 4.1.2.5, 99991231235959Z).
 */
#ifndef CRYPTO_IDENTITY_H
#define CRYPTO_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/hash.h"

#define IDENTITY_CERTIFICATE_BYTES_MAX 1024u
#define IDENTITY_KEY_BYTES_MAX 256u
#define FINGERPRINT_TEXT_BYTES 50u

/* The SHA-256 of a SubjectPublicKeyInfo. */
struct fingerprint {
    uint8_t digest[HASH_SHA256_BYTES];
};

struct identity {
    uint8_t certificate[IDENTITY_CERTIFICATE_BYTES_MAX]; /* DER */
    uint32_t certificate_bytes;
    uint8_t key[IDENTITY_KEY_BYTES_MAX]; /* PKCS#8 DER; secret */
    uint32_t key_bytes;
    struct fingerprint fingerprint;
};

/* Becomes part of the startup's message: exit 78. */
enum identity_result {
    IDENTITY_OK,
    IDENTITY_NO_KEY,         /* no readable PRIVATE KEY block */
    IDENTITY_NO_CERTIFICATE, /* no readable CERTIFICATE block */
    IDENTITY_WRONG_KIND,     /* not a P-256 key */
    IDENTITY_MISMATCH,       /* the certificate is for another key */
};

const char *identity_result_text(enum identity_result result);

/* Makes a new key and its certificate.  Aborts when the system has no memory
 * or no random numbers: that is no state to make keys in. */
void identity_make(struct identity *identity);

/* Adds the two PEM blocks that identity_parse() reads: a secret. */
void identity_format(const struct identity *identity,
                     struct text_builder *builder);
/* Reads PEM blocks PRIVATE KEY and CERTIFICATE in any order.  `*identity` is
 * untouched unless the result is IDENTITY_OK. */
MUST_USE enum identity_result identity_parse(struct text pem,
                                             struct identity *identity);
/* Forgets the key. */
void identity_wipe(struct identity *identity);

/* Writes the 50 characters and a NUL. */
void fingerprint_format(struct fingerprint fingerprint,
                        char text[FINGERPRINT_TEXT_BYTES + 1]);
/* Reads that form; a trailing '=' is allowed.  Returns false, with
 * `*fingerprint` untouched, for anything else. */
bool fingerprint_parse(struct text text, struct fingerprint *fingerprint);
bool fingerprint_equal(struct fingerprint a, struct fingerprint b);
/* Of the key in a certificate; false if it cannot be read. */
bool fingerprint_of_certificate(const uint8_t *der, uint32_t size_bytes,
                                struct fingerprint *fingerprint);

#endif
