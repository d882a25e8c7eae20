#include "central/signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "net/http_client.h"

#define PREFIX "whsec_"
#define NEW_KEY_BYTES 32u

bool signature_key(struct text secret, uint8_t key[SIGNATURE_KEY_BYTES_MAX],
                   uint32_t *key_bytes)
{
    uint32_t size_bytes;

    if (!text_starts_with(secret, PREFIX))
        return false;
    struct text digits = text_from(secret.data + sizeof PREFIX - 1,
                                   secret.size_bytes - (sizeof PREFIX - 1));
    if (!base64_decode(digits, key, SIGNATURE_KEY_BYTES_MAX, &size_bytes) ||
        size_bytes < SIGNATURE_KEY_BYTES_MIN)
        return false;
    *key_bytes = size_bytes;
    return true;
}

void signature_secret_new(char secret[SIGNATURE_SECRET_TEXT_BYTES_MAX + 1])
{
    uint8_t key[NEW_KEY_BYTES];

    random_system(key, sizeof key);
    memcpy(secret, PREFIX, sizeof PREFIX);
    base64_encode(key, sizeof key, true, secret + sizeof PREFIX - 1);
}

void signature_write(struct text_builder *out, struct text secret,
                     struct text id, struct text timestamp, struct text body)
{
    uint8_t key[SIGNATURE_KEY_BYTES_MAX];
    uint8_t digest[HASH_SHA256_BYTES];
    char digits[BASE64_TEXT_BYTES(HASH_SHA256_BYTES) + 1];
    struct text_builder content = {0};
    uint32_t key_bytes = 0;

    CHECK(signature_key(secret, key, &key_bytes));
    text_add(&content, id);
    text_add_char(&content, '.');
    text_add(&content, timestamp);
    text_add_char(&content, '.');
    text_add(&content, body);
    if (content.failed) {
        out->failed = true;
        return;
    }
    hash_hmac_sha256(key, key_bytes, content.data, content.size_bytes, digest);
    base64_encode(digest, sizeof digest, true, digits);
    text_add_string(out, "v1,");
    text_add_string(out, digits);
    text_builder_free(&content);
}

void signature_add(struct text_builder *fields,
                   struct http_call_request *request,
                   const struct signature_secrets *secrets, struct uuid id)
{
    char id_text[UUID_TEXT_BYTES + 1];
    char timestamp[24];
    int64_t now_us = clock_wall_us();

    text_builder_reset(fields);
    if (text_is_absent(secrets->secret))
        return;
    uuid_format(id, id_text);
    snprintf(timestamp, sizeof timestamp, "%" PRId64, now_us / 1000000);
    text_add_string(fields, id_text);
    text_add_string(fields, timestamp);
    uint32_t begin = fields->size_bytes;
    signature_write(fields, secrets->secret, text_of(id_text),
                    text_of(timestamp), request->body);
    if (!text_is_absent(secrets->before) &&
        now_us < secrets->before_until_us) {
        text_add_char(fields, ' ');
        signature_write(fields, secrets->before, text_of(id_text),
                        text_of(timestamp), request->body);
    }
    if (fields->failed)
        return;
    request->webhook_id = text_from(fields->data, UUID_TEXT_BYTES);
    request->webhook_timestamp =
        text_from(fields->data + UUID_TEXT_BYTES, begin - UUID_TEXT_BYTES);
    request->webhook_signature =
        text_from(fields->data + begin, fields->size_bytes - begin);
}
