/* Private key files: OpenSSH's own format, and PKCS#8. */
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "crypto/base64.h"
#include "crypto/library.h"
#include "crypto/ssh_key.h"
#include "crypto/ssh_wire.h"

#define SEED_BYTES 32u
#define KEY_BYTES_MAX 4096u

static const char pem_openssh[] = "OPENSSH PRIVATE KEY";
static const char pem_plain[] = "PRIVATE KEY";
static const char pem_encrypted[] = "ENCRYPTED PRIVATE KEY";

/* With its NUL.  Source: OpenSSH PROTOCOL.key. */
static const char openssh_magic[] = "openssh-key-v1";

/* Fills in the public half of a key from its seed. */
static void complete(struct ssh_private_key *key)
{
    ed25519_key pair;

    library_start();
    CHECK(wc_ed25519_init(&pair) == 0);
    CHECK(wc_ed25519_import_private_only(key->seed, sizeof key->seed, &pair) ==
          0);
    CHECK(wc_ed25519_make_public(&pair, key->public_key.point,
                                 sizeof key->public_key.point) == 0);
    wc_ed25519_free(&pair);
}

/* ---- OpenSSH ---- */

/* The private part: twice the same number, the key, a comment, padding. */
static enum ssh_key_result parse_openssh_private(struct text part,
                                                 struct ssh_private_key *key)
{
    struct bytes_reader reader = bytes_read_from(part.data, part.size_bytes);
    uint32_t check = bytes_get_u32(&reader);
    bool agree = check == bytes_get_u32(&reader);
    struct text type = ssh_get_string(&reader);

    if (!reader.failed && agree && !text_is(type, "ssh-ed25519"))
        return SSH_KEY_WRONG_TYPE;
    struct text point = ssh_get_string(&reader);
    struct text pair = ssh_get_string(&reader); /* seed and point */
    ssh_get_string(&reader);                    /* comment */
    if (reader.failed || !agree || point.size_bytes != SSH_PUBLIC_KEY_BYTES ||
        pair.size_bytes != SEED_BYTES + SSH_PUBLIC_KEY_BYTES)
        return SSH_KEY_MALFORMED;
    for (uint8_t expected = 1; bytes_left(&reader) > 0; expected++) {
        if (expected > 8 || bytes_get_u8(&reader) != expected)
            return SSH_KEY_MALFORMED;
    }

    struct text second =
        text_from(pair.data + SEED_BYTES, SSH_PUBLIC_KEY_BYTES);
    memcpy(key->seed, pair.data, SEED_BYTES);
    complete(key);
    if (!text_equal(point, second) ||
        !text_equal(point, text_from((const char *)key->public_key.point,
                                     SSH_PUBLIC_KEY_BYTES)))
        return SSH_KEY_MALFORMED;
    return SSH_KEY_OK;
}

static enum ssh_key_result parse_openssh(const uint8_t *data,
                                         uint32_t size_bytes,
                                         struct ssh_private_key *key)
{
    struct bytes_reader reader = bytes_read_from(data, size_bytes);
    const uint8_t *magic = bytes_get(&reader, sizeof openssh_magic);

    if (magic == NULL || memcmp(magic, openssh_magic, sizeof openssh_magic))
        return SSH_KEY_MALFORMED;
    struct text cipher = ssh_get_string(&reader);
    struct text derivation = ssh_get_string(&reader);
    ssh_get_string(&reader); /* options of the derivation */
    if (!reader.failed && !text_is(cipher, "none"))
        return SSH_KEY_OPENSSH_ENCRYPTED;

    uint32_t key_count = bytes_get_u32(&reader);
    ssh_get_string(&reader); /* the public key; the private part has it too */
    struct text part = ssh_get_string(&reader);
    if (reader.failed || bytes_left(&reader) != 0 || key_count != 1 ||
        !text_is(derivation, "none"))
        return SSH_KEY_MALFORMED;
    return parse_openssh_private(part, key);
}

/* ---- PKCS#8 ---- */

/* `otherwise` is the result where the bytes are no PKCS#8 at all. */
static enum ssh_key_result parse_pkcs8(uint8_t *der, uint32_t size_bytes,
                                       enum ssh_key_result otherwise,
                                       struct ssh_private_key *key)
{
    enum ssh_key_result result = otherwise;
    ed25519_key pair;
    word32 at = 0;
    word32 seed_bytes = SEED_BYTES;

    library_start();
    CHECK(wc_ed25519_init(&pair) == 0);
    if (wc_Ed25519PrivateKeyDecode(der, &at, &pair, size_bytes) == 0 &&
        wc_ed25519_export_private_only(&pair, key->seed, &seed_bytes) == 0) {
        complete(key);
        result = SSH_KEY_OK;
    } else {
        at = 0;
        if (wc_GetPkcs8TraditionalOffset(der, &at, size_bytes) > 0)
            result = SSH_KEY_WRONG_TYPE;
    }
    wc_ed25519_free(&pair);
    return result;
}

/* Why decrypting failed, from the look of the file: the library gives one
 * error for all that it cannot read, a wrong passphrase included. */
enum look {
    LOOK_DAMAGED, /* its outermost length is not that of the file */
    LOOK_FOREIGN, /* no key derivation by PBKDF2 */
    LOOK_USUAL,
};

static enum look look_at(const uint8_t *der, uint32_t size_bytes)
{
    /* 1.2.840.113549.1.5.12, PBKDF2 (RFC 8018, appendix A.2). */
    static const uint8_t pbkdf2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                     0x0d, 0x01, 0x05, 0x0c};
    struct bytes_reader reader = bytes_read_from(der, size_bytes);
    uint8_t tag = bytes_get_u8(&reader);
    uint64_t length = bytes_get_u8(&reader);

    /* The long form: the number of bytes of the length that follow. */
    if (length >= 0x81 && length <= 0x84)
        length = bytes_get_uint(&reader, (unsigned)length - 0x80);
    if (reader.failed || tag != 0x30 || length < 2 ||
        length != bytes_left(&reader))
        return LOOK_DAMAGED;
    if (memmem(der, size_bytes, pbkdf2, sizeof pbkdf2) == NULL)
        return LOOK_FOREIGN;
    return LOOK_USUAL;
}

static enum ssh_key_result parse_encrypted(uint8_t *der, uint32_t size_bytes,
                                           struct text passphrase,
                                           struct ssh_private_key *key)
{
    enum look look = look_at(der, size_bytes);

    if (look == LOOK_DAMAGED)
        return SSH_KEY_MALFORMED;
    if (text_is_absent(passphrase))
        return SSH_KEY_NEEDS_PASSPHRASE;

    library_start();
    int size = wc_DecryptPKCS8Key(der, size_bytes, passphrase.data,
                                  (int)passphrase.size_bytes);
    if (size > 0)
        return parse_pkcs8(der, (uint32_t)size, SSH_KEY_BAD_PASSPHRASE, key);
    if (look == LOOK_USUAL && (size == ASN_PARSE_E || size == BUFFER_E))
        return SSH_KEY_BAD_PASSPHRASE;
    return SSH_KEY_CIPHER;
}

/* ---- all ---- */

static enum ssh_key_result parse_file(struct text file, struct text passphrase,
                                      uint8_t der[KEY_BYTES_MAX],
                                      struct ssh_private_key *key)
{
    uint32_t size_bytes;

    if (pem_has(file, pem_openssh)) {
        if (!pem_find(file, pem_openssh, der, KEY_BYTES_MAX, &size_bytes))
            return SSH_KEY_MALFORMED;
        return parse_openssh(der, size_bytes, key);
    }
    if (pem_has(file, pem_encrypted)) {
        if (!pem_find(file, pem_encrypted, der, KEY_BYTES_MAX, &size_bytes))
            return SSH_KEY_MALFORMED;
        return parse_encrypted(der, size_bytes, passphrase, key);
    }
    if (pem_has(file, pem_plain)) {
        if (!pem_find(file, pem_plain, der, KEY_BYTES_MAX, &size_bytes))
            return SSH_KEY_MALFORMED;
        return parse_pkcs8(der, size_bytes, SSH_KEY_MALFORMED, key);
    }
    if (pem_has(file, "RSA PRIVATE KEY") || pem_has(file, "EC PRIVATE KEY") ||
        pem_has(file, "DSA PRIVATE KEY"))
        return SSH_KEY_OLD_FORMAT;

    struct ssh_public_key unused;
    enum ssh_key_result as_public = ssh_public_key_parse(file, &unused);
    if (as_public == SSH_KEY_OK || as_public == SSH_KEY_WRONG_TYPE)
        return SSH_KEY_IS_PUBLIC;
    return SSH_KEY_NOT_A_KEY;
}

enum ssh_key_result ssh_private_key_parse(struct text file,
                                          struct text passphrase,
                                          struct ssh_private_key *key)
{
    struct ssh_private_key parsed = {0};
    uint8_t der[KEY_BYTES_MAX];

    if (file.size_bytes > SSH_KEY_FILE_BYTES_MAX)
        return SSH_KEY_TOO_LARGE;
    enum ssh_key_result result = parse_file(file, passphrase, der, &parsed);
    if (result == SSH_KEY_OK)
        *key = parsed;
    ssh_private_key_wipe(&parsed);
    explicit_bzero(der, sizeof der);
    return result;
}
