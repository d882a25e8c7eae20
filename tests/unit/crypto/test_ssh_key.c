#include "crypto/ssh_key.h"

#include <criterion/criterion.h>
#include <string.h>

#include "crypto/base64.h"
#include "hex.h"
#include "ssh_key_vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(ssh_key, reads_and_writes_a_public_key)
{
    struct ssh_public_key key;
    char text[SSH_PUBLIC_KEY_TEXT_BYTES + 1];
    char fingerprint[FINGERPRINT_TEXT_BYTES + 1];

    cr_assert_eq(ssh_public_key_parse(text_of(ssh_public), &key), SSH_KEY_OK);
    ssh_public_key_format(&key, text);
    cr_assert_str_eq(text, "ssh-ed25519 " SSH_PUBLIC_BASE64);
    cr_assert_eq(strlen(text), SSH_PUBLIC_KEY_TEXT_BYTES);
    fingerprint_format(ssh_public_key_fingerprint(&key), fingerprint);
    cr_assert_str_eq(fingerprint, ssh_public_fingerprint);
}

Test(ssh_key, says_what_is_wrong_with_a_public_key)
{
    static const struct {
        const char *line;
        enum ssh_key_result result;
    } cases[] = {
        {"", SSH_KEY_NOT_A_KEY},
        {"hello", SSH_KEY_NOT_A_KEY},
        {"from=\"*\" ssh-ed25519 " SSH_PUBLIC_BASE64, SSH_KEY_NOT_A_KEY},
        {"ssh-ed25519 " SSH_PUBLIC_BASE64 "\nssh-ed25519", SSH_KEY_NOT_A_KEY},
        {"ssh-ed25519", SSH_KEY_MALFORMED},
        {"ssh-ed25519 ", SSH_KEY_MALFORMED},
        {"ssh-ed25519 AAAA", SSH_KEY_MALFORMED},
        {"ssh-ed25519 " SSH_PUBLIC_BASE64 "A", SSH_KEY_MALFORMED},
        {"ssh-ed25519 A" SSH_PUBLIC_BASE64, SSH_KEY_MALFORMED},
        {"ssh-ed25519 " SSH_PUBLIC_BASE64 "AAAA", SSH_KEY_MALFORMED},
        {"ssh-rsa AAAAB3NzaC1yc2E", SSH_KEY_WRONG_TYPE},
        {"sk-ssh-ed25519@openssh.com AAAA", SSH_KEY_WRONG_TYPE},
        {ssh_ecdsa_public, SSH_KEY_WRONG_TYPE},
        {ssh_plain, SSH_KEY_IS_PRIVATE},
        {"\t ssh-ed25519 \t" SSH_PUBLIC_BASE64 "\r\n", SSH_KEY_OK},
        {"ssh-ed25519 " SSH_PUBLIC_BASE64, SSH_KEY_OK},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ssh_public_key key;
        cr_expect_eq(ssh_public_key_parse(text_of(cases[i].line), &key),
                     cases[i].result, "%s", cases[i].line);
    }
}

Test(ssh_key, a_public_key_that_is_cut_off_is_refused)
{
    struct text line = text_of("ssh-ed25519 " SSH_PUBLIC_BASE64);
    struct ssh_public_key key;

    for (uint32_t cut = 0; cut < line.size_bytes; cut++)
        cr_assert_neq(ssh_public_key_parse(text_from(line.data, cut), &key),
                      SSH_KEY_OK);
}

Test(ssh_key, reads_private_keys_or_says_why_not)
{
    static const struct {
        const char *name;
        const char *file;
        const char *passphrase;
        enum ssh_key_result result;
    } cases[] = {
        {"plain", ssh_plain, NULL, SSH_KEY_OK},
        {"plain, needless passphrase", ssh_plain, "x", SSH_KEY_OK},
        {"public", ssh_public, NULL, SSH_KEY_IS_PUBLIC},
        {"public ecdsa", ssh_ecdsa_public, NULL, SSH_KEY_IS_PUBLIC},
        {"OpenSSH's scheme", ssh_encrypted, "secret",
         SSH_KEY_OPENSSH_ENCRYPTED},
        {"ecdsa", ssh_ecdsa, NULL, SSH_KEY_WRONG_TYPE},
        {"old rsa", ssh_rsa_old, NULL, SSH_KEY_OLD_FORMAT},
        {"pkcs8", pkcs8_plain, NULL, SSH_KEY_OK},
        {"pkcs8 p256", pkcs8_p256, NULL, SSH_KEY_WRONG_TYPE},
        {"encrypted", pkcs8_encrypted, "secret", SSH_KEY_OK},
        {"generated encrypted", pkcs8_generated, "secret", SSH_KEY_OK},
        {"no passphrase", pkcs8_encrypted, NULL, SSH_KEY_NEEDS_PASSPHRASE},
        {"wrong passphrase", pkcs8_encrypted, "Secret", SSH_KEY_BAD_PASSPHRASE},
        {"empty passphrase", pkcs8_encrypted, "", SSH_KEY_BAD_PASSPHRASE},
        {"aes-128", pkcs8_aes_128, "secret", SSH_KEY_OK},
        {"scrypt", pkcs8_scrypt, "secret", SSH_KEY_CIPHER},
        {"triple DES", pkcs8_des, "secret", SSH_KEY_CIPHER},
        {"empty", "", NULL, SSH_KEY_NOT_A_KEY},
        {"text", "hello", NULL, SSH_KEY_NOT_A_KEY},
        {"empty pkcs8",
         "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", NULL,
         SSH_KEY_MALFORMED},
        {"pkcs8 of nothing",
         "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
         "-----END ENCRYPTED PRIVATE KEY-----\n",
         "secret", SSH_KEY_MALFORMED},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ssh_private_key key;
        enum ssh_key_result result = ssh_private_key_parse(
            text_of(cases[i].file), text_of(cases[i].passphrase), &key);
        cr_expect_eq(result, cases[i].result, "%s: %s", cases[i].name,
                     ssh_key_result_text(result));
    }
}

Test(ssh_key, the_forms_of_a_key_file_hold_the_same_key)
{
    struct ssh_private_key key, encrypted;
    struct ssh_public_key public_key;
    char text[65];

    cr_assert_eq(ssh_private_key_parse(text_of(ssh_plain), TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    cr_assert_eq(ssh_public_key_parse(text_of(ssh_public), &public_key),
                 SSH_KEY_OK);
    cr_assert(ssh_public_key_equal(&key.public_key, &public_key));

    cr_assert_eq(ssh_private_key_parse(text_of(pkcs8_plain), TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    cr_assert_eq(ssh_private_key_parse(text_of(pkcs8_encrypted),
                                       text_of("secret"), &encrypted),
                 SSH_KEY_OK);
    cr_assert_eq(memcmp(&key, &encrypted, sizeof key), 0);
    cr_assert_str_eq(to_hex(key.public_key.point, 32, text), pkcs8_point);
}

/* Decodes a block, cuts it at every length and changes every byte. */
static void damage(const char *file, const char *label, const char *passphrase)
{
    uint8_t data[1024];
    uint32_t size;
    struct text_builder builder = {0};
    struct ssh_private_key whole, key;

    cr_assert_eq(
        ssh_private_key_parse(text_of(file), text_of(passphrase), &whole),
        SSH_KEY_OK);
    cr_assert(pem_find(text_of(file), label, data, sizeof data, &size));
    for (uint32_t cut = 0; cut < size; cut++) {
        text_builder_reset(&builder);
        pem_add(&builder, label, data, cut);
        cr_assert_neq(ssh_private_key_parse(text_built(&builder),
                                            text_of(passphrase), &key),
                      SSH_KEY_OK, "%s cut at %u", label, cut);
    }
    for (uint32_t i = 0; i < size; i++) {
        data[i] ^= 0x81;
        text_builder_reset(&builder);
        pem_add(&builder, label, data, size);
        /* Without a checksum a changed seed is another key, which is fine;
         * what must not happen is a crash. */
        (void)!ssh_private_key_parse(text_built(&builder), text_of(passphrase),
                                     &key);
        data[i] ^= 0x81;
    }
    for (uint32_t cut = 0; cut + 1 < strlen(file); cut++)
        cr_assert_neq(ssh_private_key_parse(text_from(file, cut),
                                            text_of(passphrase), &key),
                      SSH_KEY_OK);
    text_builder_free(&builder);
}

Test(ssh_key, damaged_files_are_refused)
{
    damage(ssh_plain, "OPENSSH PRIVATE KEY", NULL);
    damage(pkcs8_plain, "PRIVATE KEY", NULL);
    damage(pkcs8_encrypted, "ENCRYPTED PRIVATE KEY", "secret");
}

Test(ssh_key, a_file_at_the_limit_is_looked_at_and_one_more_byte_is_not)
{
    static char file[SSH_KEY_FILE_BYTES_MAX + 1];
    struct ssh_private_key key;

    memset(file, ' ', sizeof file);
    memcpy(file, ssh_plain, sizeof ssh_plain - 1);
    cr_assert_eq(ssh_private_key_parse(text_from(file, SSH_KEY_FILE_BYTES_MAX),
                                       TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    cr_assert_eq(
        ssh_private_key_parse(text_from(file, SSH_KEY_FILE_BYTES_MAX + 1),
                              TEXT_ABSENT, &key),
        SSH_KEY_TOO_LARGE);
}

Test(ssh_key, signs_as_openssl_does)
{
    struct ssh_private_key key;
    uint8_t signature[SSH_SIGNATURE_BYTES];
    char text[2 * SSH_SIGNATURE_BYTES + 1];

    cr_assert_eq(ssh_private_key_parse(text_of(pkcs8_plain), TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    ssh_sign(&key, "ferry", 5, signature);
    cr_assert_str_eq(to_hex(signature, sizeof signature, text),
                     pkcs8_signature);
    cr_assert(ssh_verify(&key.public_key, "ferry", 5, signature));
    ssh_private_key_wipe(&key);
    cr_assert_eq(key.seed[0], 0);
}

Test(ssh_key, a_signature_is_for_one_message_and_one_key)
{
    struct ssh_private_key key, other;
    uint8_t signature[SSH_SIGNATURE_BYTES];

    cr_assert_eq(ssh_private_key_parse(text_of(pkcs8_plain), TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    cr_assert_eq(ssh_private_key_parse(text_of(ssh_plain), TEXT_ABSENT, &other),
                 SSH_KEY_OK);
    ssh_sign(&key, "ferry", 5, signature);
    cr_assert_not(ssh_verify(&key.public_key, "ferrx", 5, signature));
    cr_assert_not(ssh_verify(&key.public_key, "ferry", 4, signature));
    cr_assert_not(ssh_verify(&other.public_key, "ferry", 5, signature));
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        cr_assert_not(ssh_verify(&key.public_key, "ferry", 5, signature));
        signature[i] ^= 1;
    }
}

Test(ssh_key, a_public_key_that_is_no_point_verifies_nothing)
{
    struct ssh_public_key key;
    uint8_t signature[SSH_SIGNATURE_BYTES] = {0};

    for (unsigned value = 0; value < 256; value++) {
        memset(key.point, (int)value, sizeof key.point);
        cr_assert_not(ssh_verify(&key, "ferry", 5, signature));
    }
}
