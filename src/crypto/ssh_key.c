#include "crypto/ssh_key.h"

#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/ed25519.h>

#include "crypto/base64.h"
#include "crypto/library.h"
#include "crypto/ssh_wire.h"

static const char type_name[] = "ssh-ed25519";

/* A length of 4 bytes before each: the type's name and the point. */
#define BLOB_BYTES (4u + sizeof type_name - 1 + 4u + SSH_PUBLIC_KEY_BYTES)

const char *ssh_key_result_text(enum ssh_key_result result)
{
    switch (result) {
    case SSH_KEY_OK:
        return "the key is in order";
    case SSH_KEY_NOT_A_KEY:
        return "this is no key: a public key is one line that begins with "
               "\"ssh-ed25519\", a private key file begins with "
               "\"-----BEGIN OPENSSH PRIVATE KEY-----\" or "
               "\"-----BEGIN PRIVATE KEY-----\"";
    case SSH_KEY_MALFORMED:
        return "the key is damaged or cut off";
    case SSH_KEY_WRONG_TYPE:
        return "only Ed25519 keys are supported: make one with "
               "\"ssh-keygen -t ed25519\"";
    case SSH_KEY_IS_PUBLIC:
        return "this is the public key: the private one is in the file "
               "without \".pub\"";
    case SSH_KEY_IS_PRIVATE:
        return "this is the private key: the public one is in the file that "
               "ends in \".pub\"";
    case SSH_KEY_OLD_FORMAT:
        return "the key file is of an old format that holds no Ed25519 keys: "
               "make a key with \"ssh-keygen -t ed25519\"";
    case SSH_KEY_OPENSSH_ENCRYPTED:
        return "the key file is encrypted with OpenSSH's own scheme: take the "
               "passphrase off a copy with \"ssh-keygen -p -N '' -f COPY\", or "
               "make a key that is encrypted as PKCS#8 with \"openssl genpkey "
               "-algorithm ed25519 -aes-256-cbc\"";
    case SSH_KEY_NEEDS_PASSPHRASE:
        return "the key file is encrypted: its passphrase is needed";
    case SSH_KEY_BAD_PASSPHRASE:
        return "the passphrase does not open the key file";
    case SSH_KEY_CIPHER:
        return "the key file is encrypted in a way that is not supported: "
               "convert it with \"openssl pkcs8 -topk8 -v2 aes-256-cbc\"";
    case SSH_KEY_TOO_LARGE:
        return "the file is too large to be a key";
    }
    NEVER("a result of a key parser that is none");
}

static void format_blob(const struct ssh_public_key *key,
                        uint8_t blob[BLOB_BYTES])
{
    struct bytes_writer writer = bytes_write_to(blob, BLOB_BYTES);

    ssh_put_string(&writer, type_name, sizeof type_name - 1);
    ssh_put_string(&writer, key->point, sizeof key->point);
    CHECK(!writer.failed);
}

/* ---- public keys ---- */

/* Takes the next word off `rest`. */
static struct text take_word(struct text *rest)
{
    struct text all = text_trim(*rest);
    uint32_t size = 0;

    while (size < all.size_bytes && all.data[size] != ' ' &&
           all.data[size] != '\t')
        size++;
    *rest = text_from(all.data + size, all.size_bytes - size);
    return text_from(all.data, size);
}

/* Whether a word is the name of a type of key that OpenSSH has. */
static bool is_type_name(struct text word)
{
    return text_starts_with(word, "ssh-") ||
           text_starts_with(word, "ecdsa-sha2-") ||
           text_starts_with(word, "sk-");
}

static enum ssh_key_result parse_blob(struct text base64,
                                      struct ssh_public_key *key)
{
    uint8_t blob[BLOB_BYTES];
    uint32_t blob_bytes;

    if (!base64_decode(base64, blob, sizeof blob, &blob_bytes))
        return SSH_KEY_MALFORMED;
    struct bytes_reader reader = bytes_read_from(blob, blob_bytes);
    struct text name = ssh_get_string(&reader);
    struct text point = ssh_get_string(&reader);
    if (reader.failed || bytes_left(&reader) != 0 ||
        !text_is(name, type_name) || point.size_bytes != sizeof key->point)
        return SSH_KEY_MALFORMED;
    memcpy(key->point, point.data, sizeof key->point);
    return SSH_KEY_OK;
}

enum ssh_key_result ssh_public_key_parse(struct text line,
                                         struct ssh_public_key *key)
{
    struct text rest = text_trim(line);

    if (rest.size_bytes > SSH_KEY_FILE_BYTES_MAX)
        return SSH_KEY_TOO_LARGE;
    if (text_starts_with(rest, "-----BEGIN "))
        return SSH_KEY_IS_PRIVATE;
    if (rest.size_bytes > 0 && memchr(rest.data, '\n', rest.size_bytes) != NULL)
        return SSH_KEY_NOT_A_KEY;

    struct text type = take_word(&rest);
    if (!text_is(type, type_name))
        return is_type_name(type) ? SSH_KEY_WRONG_TYPE : SSH_KEY_NOT_A_KEY;
    return parse_blob(take_word(&rest), key);
}

void ssh_public_key_format(const struct ssh_public_key *key,
                           char text[SSH_PUBLIC_KEY_TEXT_BYTES + 1])
{
    uint8_t blob[BLOB_BYTES];

    _Static_assert(sizeof type_name + BASE64_TEXT_BYTES(BLOB_BYTES) ==
                       SSH_PUBLIC_KEY_TEXT_BYTES,
                   "SSH_PUBLIC_KEY_TEXT_BYTES is the length of the text");
    format_blob(key, blob);
    memcpy(text, type_name, sizeof type_name - 1);
    text[sizeof type_name - 1] = ' ';
    base64_encode(blob, sizeof blob, true, text + sizeof type_name);
}

struct fingerprint ssh_public_key_fingerprint(const struct ssh_public_key *key)
{
    struct fingerprint fingerprint;
    uint8_t blob[BLOB_BYTES];

    format_blob(key, blob);
    hash_once(HASH_SHA256, blob, sizeof blob, fingerprint.digest);
    return fingerprint;
}

bool ssh_public_key_equal(const struct ssh_public_key *a,
                          const struct ssh_public_key *b)
{
    return hash_equal(a->point, b->point, sizeof a->point);
}

/* ---- signatures ---- */

void ssh_private_key_wipe(struct ssh_private_key *key)
{
    explicit_bzero(key, sizeof *key);
}

void ssh_sign(const struct ssh_private_key *key, const void *message,
              uint32_t size_bytes, uint8_t signature[SSH_SIGNATURE_BYTES])
{
    ed25519_key signer;
    word32 signature_bytes = SSH_SIGNATURE_BYTES;

    library_start();
    CHECK(wc_ed25519_init(&signer) == 0);
    CHECK(wc_ed25519_import_private_key(
              key->seed, sizeof key->seed, key->public_key.point,
              sizeof key->public_key.point, &signer) == 0);
    CHECK(wc_ed25519_sign_msg(message, size_bytes, signature, &signature_bytes,
                              &signer) == 0);
    wc_ed25519_free(&signer);
}

bool ssh_verify(const struct ssh_public_key *key, const void *message,
                uint32_t size_bytes,
                const uint8_t signature[SSH_SIGNATURE_BYTES])
{
    ed25519_key verifier;
    int holds = 0;

    library_start();
    CHECK(wc_ed25519_init(&verifier) == 0);
    if (wc_ed25519_import_public(key->point, sizeof key->point, &verifier) !=
            0 ||
        wc_ed25519_verify_msg(signature, SSH_SIGNATURE_BYTES, message,
                              size_bytes, &holds, &verifier) != 0)
        holds = 0;
    wc_ed25519_free(&verifier);
    return holds == 1;
}
