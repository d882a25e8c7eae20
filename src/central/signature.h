/* Signs notifications with the secret of their subscription, so that an
 * observer can tell them from what others send to its address.
 *
 * Knows: secrets as people write them, the three fields of a signed request.
 * Must not know: how a notification is sent.
 *
 * Three header fields, on each attempt:
 *     webhook-id         the EventID, or the SubscriptionID of a
 *                        SubscriptionNotify: the same on each attempt
 *     webhook-timestamp  seconds since 1970 when this attempt began
 *     webhook-signature  "v1," and the base64 of the HMAC-SHA256, by the
 *                        secret, of id "." timestamp "." body; while a secret
 *                        takes over from another one, both, with a blank
 *                        between them
 *
 * A secret is "whsec_" and the base64 of 24 to 64 random bytes.
 *
 * Source: Standard Webhooks specification, "Webhook metadata" and "Signature
 * scheme" (symmetric).
 */
#ifndef CENTRAL_SIGNATURE_H
#define CENTRAL_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"

struct http_call_request;

/* What signs the notifications of a subscription; all borrowed. */
struct signature_secrets {
    struct text secret; /* absent: nothing does */
    struct text before; /* signs along; or absent */
    int64_t before_until_us;
};

#define SIGNATURE_KEY_BYTES_MIN 24u
#define SIGNATURE_KEY_BYTES_MAX 64u
/* "whsec_" and base64, without the NUL. */
#define SIGNATURE_SECRET_TEXT_BYTES_MAX (6u + (SIGNATURE_KEY_BYTES_MAX + 2u) / 3u * 4u)
/* An older secret signs along for so long after a new one was set. */
#define SIGNATURE_OVERLAP_US INT64_C(86400000000)

/* Reads a secret; false if it is none. */
bool signature_key(struct text secret, uint8_t key[SIGNATURE_KEY_BYTES_MAX],
                   uint32_t *key_bytes);
/* Makes a new secret of 32 bytes. */
void signature_secret_new(char secret[SIGNATURE_SECRET_TEXT_BYTES_MAX + 1]);

/* Adds "v1,..." to `out`.  `secret` is a good one. */
void signature_write(struct text_builder *out, struct text secret,
                     struct text id, struct text timestamp, struct text body);

/* Fills in the fields of `request`, whose body is there, if there is a secret;
 * their text lives in `fields`, which fails without memory. */
void signature_add(struct text_builder *fields,
                   struct http_call_request *request,
                   const struct signature_secrets *secrets, struct uuid id);

#endif
