/* Ed25519 keys in the files that users have: OpenSSH's and PKCS#8.
 *
 * Knows: the formats of key files, Ed25519.
 * Must not know: files, users, what is signed.
 *
 * Source: OpenSSH PROTOCOL.key; RFC 4253 section 6.6 and RFC 8709 (public
 * keys); RFC 5958 and RFC 8410 (PKCS#8); RFC 8032 (signatures).
 */
#ifndef CRYPTO_SSH_KEY_H
#define CRYPTO_SSH_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/identity.h"

#define SSH_PUBLIC_KEY_BYTES 32u
#define SSH_SIGNATURE_BYTES 64u
/* "ssh-ed25519 " and 68 characters. */
#define SSH_PUBLIC_KEY_TEXT_BYTES 80u
/* Key files are some 400 bytes; larger ones are not looked at. */
#define SSH_KEY_FILE_BYTES_MAX 16384u

struct ssh_public_key {
    uint8_t point[SSH_PUBLIC_KEY_BYTES];
};

struct ssh_private_key {
    uint8_t seed[32]; /* secret */
    struct ssh_public_key public_key;
};

/* ssh_key_result_text() is what the user reads: it names the remedy. */
enum ssh_key_result {
    SSH_KEY_OK,
    SSH_KEY_NOT_A_KEY,         /* none of the formats */
    SSH_KEY_MALFORMED,         /* a known format, but broken */
    SSH_KEY_WRONG_TYPE,        /* RSA, ECDSA, a security key and so on */
    SSH_KEY_IS_PUBLIC,         /* the .pub file in place of the private one */
    SSH_KEY_IS_PRIVATE,        /* and the other way round */
    SSH_KEY_OLD_FORMAT,        /* RSA PRIVATE KEY and its like */
    SSH_KEY_OPENSSH_ENCRYPTED, /* OpenSSH's own scheme (bcrypt) */
    SSH_KEY_NEEDS_PASSPHRASE,  /* encrypted PKCS#8, and none was given */
    SSH_KEY_BAD_PASSPHRASE,    /* or the file is damaged */
    SSH_KEY_CIPHER,            /* PKCS#8 under a cipher that is not built in */
    SSH_KEY_TOO_LARGE,
};

const char *ssh_key_result_text(enum ssh_key_result result);

/* Reads one line, "ssh-ed25519 AAAA... comment", as in a .pub file or an
 * authorized_keys without options; white space around it is ignored. `*key`
 * is untouched unless the result is SSH_KEY_OK. */
MUST_USE enum ssh_key_result ssh_public_key_parse(struct text line,
                                                  struct ssh_public_key *key);
/* Writes "ssh-ed25519 AAAA..." and a NUL. */
void ssh_public_key_format(const struct ssh_public_key *key,
                           char text[SSH_PUBLIC_KEY_TEXT_BYTES + 1]);
/* As `ssh-keygen -l` shows it: the SHA-256 of the key's SSH encoding. */
struct fingerprint ssh_public_key_fingerprint(const struct ssh_public_key *key);
bool ssh_public_key_equal(const struct ssh_public_key *a,
                          const struct ssh_public_key *b);

/* Reads the contents of a private key file; `passphrase` may be absent.
 * Decrypting takes time by intent.  `*key` is untouched unless the result is
 * SSH_KEY_OK. */
MUST_USE enum ssh_key_result ssh_private_key_parse(struct text file,
                                                   struct text passphrase,
                                                   struct ssh_private_key *key);
void ssh_private_key_wipe(struct ssh_private_key *key);

/* Signs `size_bytes` of `message` (at most 64 KiB). */
void ssh_sign(const struct ssh_private_key *key, const void *message,
              uint32_t size_bytes, uint8_t signature[SSH_SIGNATURE_BYTES]);
MUST_USE bool ssh_verify(const struct ssh_public_key *key, const void *message,
                         uint32_t size_bytes,
                         const uint8_t signature[SSH_SIGNATURE_BYTES]);

#endif
