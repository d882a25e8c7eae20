/* Which addresses observers may have.
 *
 * Knows: addresses, where this server listens, the lists of the configuration.
 * Must not know: names (the address is checked after resolution, and the
 * connection goes to the very address that was checked), HTTP.
 *
 * The first line that fits decides:
 *     address                      may be called
 *     where we listen ourselves    never: we would talk to ourselves
 *     unspecified, multicast,      never: no observer lives there
 *     broadcast
 *     in the deny list             no
 *     there is an allow list       if it is in it, and only then
 *     a port of another protocol,  no: SSH, SMTP, Redis and their like
 *     whatever the address
 *     loopback                     while SOAP itself listens on loopback only
 *     link-local                   no: metadata services live there
 *     all else                     yes
 *
 * An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) is judged as what
 * it is.
 */
#ifndef CENTRAL_CALLBACK_POLICY_H
#define CENTRAL_CALLBACK_POLICY_H

#include <stdbool.h>

#include "base/address.h"

/* "10.0.0.0/8", "fd00::/8", "192.0.2.7". */
struct callback_prefix {
    uint8_t ip[16];
    uint8_t bits; /* of the 128; an IPv4 prefix has 96 more */
};

struct callback_list {
    const struct callback_prefix *prefixes; /* borrowed */
    uint32_t count;
};

/* An https observer: "observer.example.org:8443"; port 0 is any. */
struct callback_destination {
    const char *host; /* borrowed */
    uint16_t port;
};

struct callback_policy {
    struct address soap_address;     /* as bound */
    struct address transfer_address; /* as bound */
    struct callback_list allow; /* empty: the defaults above */
    struct callback_list deny;
    bool proves; /* an observer has to show that it wants to be one */
    /* Those whose certificates are not checked; borrowed. */
    const struct callback_destination *unchecked;
    uint32_t unchecked_count;
};

/* Reads one; false for anything else, and for one with bits beyond its own
 * length: 10.1.2.3/8 is somebody's mistake. */
bool callback_prefix_parse(struct text text, struct callback_prefix *prefix);

/* Reads "host", "host:port", "[::1]:8443"; `*host` borrows from `text`. */
bool callback_destination_parse(struct text text, struct text *host,
                                uint16_t *port);
/* Whether this https destination need not prove who it is. */
bool callback_is_unchecked(const struct callback_policy *policy,
                           struct text host, uint16_t port);

/* NULL = `address` may be called; else the reason why not, for people. */
const char *callback_refused(const struct callback_policy *policy,
                             const struct address *address);

#endif
