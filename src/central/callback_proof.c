#include "central/callback_proof.h"

#include <stdio.h>
#include <string.h>

/* Who subscribes waits for it. */
#define PROOF_NS UINT64_C(5000000000)
#define ANSWER_BYTES_MAX 1024u

static void call_done(struct http_call *call,
                      const struct http_call_result *result)
{
    struct callback_proof *proof = OWNER_OF(call, struct callback_proof, call);
    const char *problem = NULL;

    if (result->error != HTTP_CALL_GOOD)
        problem = http_call_error_text(result);
    else if (result->status != 200)
        problem = "its answer was not 200";
    else if (!text_is(text_trim(result->body), proof->nonce))
        problem = "its answer was not the challenge";
    proof->done(proof, problem);
}

static bool address_check(struct http_call *call,
                          const struct address *address)
{
    struct callback_proof *proof = OWNER_OF(call, struct callback_proof, call);

    return callback_refused(proof->policy, address) == NULL;
}

void callback_proof_start(struct callback_proof *proof,
                          struct http_client *client,
                          const struct callback_policy *policy,
                          struct text url, callback_proof_fn done)
{
    struct http_call_request request = {
        .method = HTTP_METHOD_GET,
        .timeout_ns = PROOF_NS,
        .wait_ns_max = PROOF_NS,
        .response_bytes_max = ANSWER_BYTES_MAX,
        .address_check = address_check,
    };
    bool has_query = memchr(url.data, '?', url.size_bytes) != NULL;
    int size;

    proof->policy = policy;
    proof->done = done;
    uuid_format(uuid_new(), proof->nonce);
    size = snprintf(proof->url, sizeof proof->url, "%.*s%cchallenge=%s",
                    (int)url.size_bytes, url.data, has_query ? '&' : '?',
                    proof->nonce);
    CHECK(size > 0 && (size_t)size < sizeof proof->url);
    if (http_url_parse(text_of(proof->url), &request.url) != HTTP_URL_GOOD) {
        done(proof, "its address has no room for a challenge");
        return;
    }
    http_call_start(client, &proof->call, &request, call_done);
}
