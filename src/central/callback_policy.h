/* Which addresses observers may have.
 *
 * Knows: addresses, and where this server listens.
 * Must not know: names (the address is checked after resolution, and the
 * connection goes to the very address that was checked), HTTP.
 *
 *     address                      may be called
 *     an address we listen on      never: we would talk to ourselves
 *     loopback                     while SOAP itself listens on loopback only
 *     link-local, this-network,    never: metadata services live there, and
 *     multicast, broadcast         no observer does
 *     all else                     yes
 */
#ifndef CENTRAL_CALLBACK_POLICY_H
#define CENTRAL_CALLBACK_POLICY_H

#include "base/address.h"

struct callback_policy {
    struct address soap_address;     /* as bound */
    struct address transfer_address; /* as bound */
};

/* NULL = `address` may be called; else the reason why not, for people. */
const char *callback_refused(const struct callback_policy *policy,
                             const struct address *address);

#endif
