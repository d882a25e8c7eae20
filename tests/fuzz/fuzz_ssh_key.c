/* Keys from users' files: what was read signs and is written again. */
#include <stdlib.h>
#include <string.h>

#include "../unit/crypto/ssh_key_vectors.h"
#include "crypto/base64.h"
#include "crypto/ssh_key.h"
#include "fuzz.h"

static void take_public(struct text text)
{
    char written[SSH_PUBLIC_KEY_TEXT_BYTES + 1];
    struct ssh_public_key key;
    struct ssh_public_key again;
    enum ssh_key_result result = ssh_public_key_parse(text, &key);

    CHECK(ssh_key_result_text(result) != NULL);
    if (result != SSH_KEY_OK)
        return;
    ssh_public_key_format(&key, written);
    CHECK(ssh_public_key_parse(text_of(written), &again) == SSH_KEY_OK);
    CHECK(ssh_public_key_equal(&key, &again));
    /* A point that is none on the curve only fails. */
    const uint8_t signature[SSH_SIGNATURE_BYTES] = {1};
    CHECK(!ssh_verify(&key, "x", 1, signature));
}

static void take_private(struct text text)
{
    struct ssh_private_key key;
    uint8_t signature[SSH_SIGNATURE_BYTES];
    enum ssh_key_result result =
        ssh_private_key_parse(text, text_of("secret"), &key);

    CHECK(ssh_key_result_text(result) != NULL);
    if (result != SSH_KEY_OK)
        return;
    ssh_sign(&key, "x", 1, signature);
    CHECK(ssh_verify(&key.public_key, "x", 1, signature));
    ssh_private_key_wipe(&key);
}

/* The choice: 0 the text as it is, else its bytes in a PEM block or in a public
 * line, so that what is changed lies behind the base64. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const char *const labels[] = {"OPENSSH PRIVATE KEY", "PRIVATE KEY",
                                         "ENCRYPTED PRIVATE KEY"};
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    uint8_t choice = bytes_get_u8(&input) % 5;
    struct text rest = fuzz_rest(&input);
    struct text_builder text = {0};
    char base64[BASE64_TEXT_BYTES(4096u) + 1];

    if (choice == 0) {
        text_add(&text, rest);
    } else if (choice <= 3) {
        pem_add(&text, labels[choice - 1], rest.data, rest.size_bytes);
    } else if (rest.size_bytes <= 4096) {
        base64_encode(rest.data, rest.size_bytes, true, base64);
        text_add_string(&text, "ssh-ed25519 ");
        text_add_string(&text, base64);
    }
    /* An exact copy, since a builder has room to spare. */
    uint8_t *copy = fuzz_copy(text.data, text.size_bytes);
    struct text exact = text_from((const char *)copy, text.size_bytes);
    take_public(exact);
    take_private(exact);
    free(copy);
    text_builder_free(&text);
    return 0;
}

/* ---- seeds ---- */

static void seed_decoded(uint8_t choice, const char *label, const char *pem)
{
    uint8_t seed[2048] = {choice};
    uint32_t size;

    CHECK(pem_find(text_of(pem), label, seed + 1, sizeof seed - 1, &size));
    fuzz_seed(seed, size + 1);
}

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        ssh_plain,   ssh_public,  ssh_encrypted,   ssh_ecdsa_public,
        ssh_rsa_old, pkcs8_plain, pkcs8_encrypted, pkcs8_scrypt,
        pkcs8_des,   pkcs8_p256,  pkcs8_generated, pkcs8_aes_128,
    };
    uint8_t public_key[256] = {4};
    uint32_t size;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        fuzz_seed_string("\0", 1, texts[i]);
    seed_decoded(1, "OPENSSH PRIVATE KEY", ssh_plain);
    seed_decoded(1, "OPENSSH PRIVATE KEY", ssh_encrypted);
    seed_decoded(1, "OPENSSH PRIVATE KEY", ssh_ecdsa);
    seed_decoded(2, "PRIVATE KEY", pkcs8_plain);
    seed_decoded(2, "PRIVATE KEY", pkcs8_p256);
    seed_decoded(3, "ENCRYPTED PRIVATE KEY", pkcs8_encrypted);
    seed_decoded(3, "ENCRYPTED PRIVATE KEY", pkcs8_des);
    CHECK(base64_decode(text_of(SSH_PUBLIC_BASE64), public_key + 1,
                        sizeof public_key - 1, &size));
    fuzz_seed(public_key, size + 1);
    (void)ssh_public_fingerprint;
    (void)pkcs8_point;
    (void)pkcs8_signature;
}
