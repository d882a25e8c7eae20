/* How observers with an https address are met.
 *
 * Knows: the configured bundle of authorities, else the system's; which
 * destinations need not prove who they are.
 * Must not know: subscriptions, addresses.
 *
 * An observer's certificate has to be signed by an authority of the bundle, for
 * the name or the address in the observer's URL, and within its time.  Only
 * ferry/callback_insecure takes a destination out of this; no client can.
 */
#ifndef CENTRAL_CALLBACK_TLS_H
#define CENTRAL_CALLBACK_TLS_H

#include <stdbool.h>

#include "base/check.h"
#include "http/url.h"

struct central;
struct central_config;

/* Reads the bundle anew, and meets observers by it and by `config` from now on.
 * Returns 0, or CENTRAL_BAD_CONFIG with a sentence in `error`, and nothing has
 * changed.  No bundle at all is no failure. */
MUST_USE int callback_tls_open(struct central *central,
                               const struct central_config *config,
                               char *error);
void callback_tls_close(struct central *central);

/* Whether there is a way to meet this https observer. */
bool callback_tls_knows(const struct central *central,
                        const struct http_url *url);

#endif
