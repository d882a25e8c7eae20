/* Asks an address whether it wants notifications, before the first one goes
 * there: nobody subscribes somebody else.
 *
 * Knows: one HTTP call.
 * Must not know: subscriptions.
 *
 * GET of the observer's address with "challenge=<nonce>" added to its query; an
 * answer of 200 whose body is the nonce, with white space around it or not,
 * says yes.
 */
#ifndef CENTRAL_CALLBACK_PROOF_H
#define CENTRAL_CALLBACK_PROOF_H

#include "base/limits.h"
#include "base/uuid.h"
#include "central/callback_policy.h"
#include "net/http_client.h"

struct callback_proof;

/* `problem` is NULL for yes, else what was wrong, for people. */
typedef void (*callback_proof_fn)(struct callback_proof *proof,
                                  const char *problem);

/* Embedded, zero-initialised, until `done`. */
struct callback_proof {
    struct http_call call;
    const struct callback_policy *policy;
    callback_proof_fn done;
    char nonce[UUID_TEXT_BYTES + 1];
    char url[LIMIT_CALLBACK_URL_BYTES + UUID_TEXT_BYTES + 16];
};

/* `url` is a good one.  `done` may be called at once. */
void callback_proof_start(struct callback_proof *proof,
                          struct http_client *client,
                          const struct callback_policy *policy,
                          struct text url, callback_proof_fn done);

#endif
