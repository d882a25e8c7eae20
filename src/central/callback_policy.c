#include "central/callback_policy.h"

#include <string.h>

static bool is_own(const struct address *own,
                   const struct address *address)
{
    if (own->port != address->port)
        return false;
    return address_is_any(own) ? address_is_loopback(address)
                                   : address_equal_ip(own, address);
}

/* RFC 1122 3.2.1.3, RFC 3927, RFC 5771; RFC 4291 sections 2.5.6 and 2.7. */
static bool is_special(const struct address *address)
{
    const uint8_t *ip = address->ip;

    if (address_is_any(address))
        return true;
    if (address_is_ipv4(address)) {
        const uint8_t *v4 = ip + 12;
        return v4[0] == 0 || (v4[0] == 169 && v4[1] == 254) || v4[0] >= 224;
    }
    return ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

const char *callback_refused(const struct callback_policy *policy,
                             const struct address *address)
{
    if (address->port == 0)
        return "port 0 cannot be called";
    if (is_own(&policy->soap_address, address) ||
        is_own(&policy->transfer_address, address))
        return "this is an address of the server itself";
    if (is_special(address))
        return "link-local, multicast and unspecified addresses are not called";
    if (address_is_loopback(address) &&
        !address_is_loopback(&policy->soap_address))
        return "loopback is called only while SOAP listens on loopback only";
    return NULL;
}
