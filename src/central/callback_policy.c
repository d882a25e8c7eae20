#include "central/callback_policy.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/fields.h"
#include "http/url.h"

/* Whether the address is one of this machine: only then it can be bound. */
static bool is_local(const struct address *address)
{
    struct address probe = *address;
    int family = address_family(address);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return true; /* no descriptor left: refuse rather than guess */
    probe.port = 0;
    struct address_sockaddr sockaddr = address_to_sockaddr(&probe, family);
    bool bound = bind(fd, &sockaddr.any, sockaddr.size_bytes) == 0;
    close(fd);
    return bound;
}

static bool is_own(const struct address *own, const struct address *address)
{
    if (own->port != address->port)
        return false;
    return address_is_any(own) ? is_local(address)
                               : address_equal_ip(own, address);
}

/* RFC 1122 3.2.1.3, RFC 5771; RFC 4291 section 2.7. */
static bool is_nobody(const struct address *address)
{
    const uint8_t *ip = address->ip;

    if (address_is_any(address))
        return true;
    return address_is_ipv4(address) ? ip[12] == 0 || ip[12] >= 224
                                    : ip[0] == 0xff;
}

/* RFC 3927; RFC 4291 section 2.5.6. */
static bool is_link_local(const struct address *address)
{
    const uint8_t *ip = address->ip;

    return address_is_ipv4(address) ? ip[12] == 169 && ip[13] == 254
                                    : ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* The IPv4 address that a translator on the way would make of it: RFC 6052
 * section 2.1, RFC 3056 section 2. */
static struct address unwrap(const struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const uint8_t *ip = address->ip;
    struct address inner = *address;

    if (memcmp(ip, nat64, sizeof nat64) == 0)
        memcpy(inner.ip, mapped, sizeof mapped);
    if (ip[0] == 0x20 && ip[1] == 0x02) {
        memcpy(inner.ip, mapped, sizeof mapped);
        memcpy(inner.ip + 12, ip + 2, 4);
    }
    return inner;
}

static bool matches(const struct callback_prefix *prefix,
                    const struct address *address)
{
    uint32_t whole = prefix->bits / 8u;
    uint32_t rest = prefix->bits % 8u;

    if (memcmp(prefix->ip, address->ip, whole) != 0)
        return false;
    return rest == 0 ||
           ((prefix->ip[whole] ^ address->ip[whole]) >> (8 - rest)) == 0;
}

static bool is_in(const struct callback_list *list,
                  const struct address *address)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (matches(&list->prefixes[i], address))
            return true;
    return false;
}

/* Whoever listens there takes lines for commands, or is no observer. */
static bool is_of_another_protocol(uint16_t port)
{
    static const uint16_t ports[] = {
        7,   19,  20,  21,  22,  23,   25,   53,   110,  111,   119,   139, 143,
        389, 445, 465, 514, 587, 636,  993,  995,  1433, 3306,  5432,  6379,
        6667, 11211, 27017,
    };

    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
        if (ports[i] == port)
            return true;
    return false;
}

/* What holds where no list says anything. */
static const char *default_refused(const struct callback_policy *policy,
                                   const struct address *address)
{
    if (is_of_another_protocol(address->port))
        return "this port is another protocol's";
    if (is_link_local(address))
        return "link-local addresses are not called";
    if (address_is_loopback(address) &&
        !address_is_loopback(&policy->soap_address))
        return "loopback is called only while SOAP listens on loopback only";
    return NULL;
}

const char *callback_refused(const struct callback_policy *policy,
                             const struct address *address)
{
    struct address inner = unwrap(address);

    if (address->port == 0)
        return "port 0 cannot be called";
    if (is_own(&policy->soap_address, &inner) ||
        is_own(&policy->transfer_address, &inner))
        return "this is an address of the server itself";
    if (is_nobody(address) || is_nobody(&inner))
        return "multicast and unspecified addresses are not called";
    if (is_in(&policy->deny, address) || is_in(&policy->deny, &inner))
        return "the configuration denies this address";
    if (policy->allow.count > 0)
        return is_in(&policy->allow, address)
                   ? NULL
                   : "the configuration does not allow this address";
    return default_refused(policy, &inner);
}

bool callback_prefix_parse(struct text text, struct callback_prefix *prefix)
{
    const char *slash = memchr(text.data, '/', text.size_bytes);
    struct text ip = text;
    struct address address;
    uint64_t bits;

    if (slash != NULL)
        ip = text_from(text.data, (size_t)(slash - text.data));
    if (!address_parse_ip(ip, 0, &address))
        return false;
    uint32_t before = address_is_ipv4(&address) ? 96 : 0;
    bits = 128 - before;
    if (slash != NULL &&
        !text_to_u64(text_from(slash + 1, text.size_bytes - ip.size_bytes - 1),
                     bits, &bits))
        return false;
    bits += before;
    for (uint64_t i = bits; i < 128; i++)
        if (address.ip[i / 8] & (0x80u >> (i % 8)))
            return false;
    memcpy(prefix->ip, address.ip, sizeof prefix->ip);
    prefix->bits = (uint8_t)bits;
    return true;
}

bool callback_destination_parse(struct text text, struct text *host,
                                uint16_t *port)
{
    char url[sizeof "https:///" + HTTP_HOST_BYTES_MAX + 8];
    struct http_url parts;

    int size = snprintf(url, sizeof url, "https://%.*s/", (int)text.size_bytes,
                        text.data);
    if (size <= 0 || (size_t)size >= sizeof url ||
        http_url_parse(text_of(url), &parts) != HTTP_URL_GOOD ||
        parts.authority.size_bytes != text.size_bytes)
        return false;
    /* Without a port the authority ends with the host. */
    uint32_t host_at = (uint32_t)(parts.host.data - parts.authority.data);
    *host = text_from(text.data + host_at, parts.host.size_bytes);
    uint32_t rest = parts.authority.size_bytes - host_at - host->size_bytes;
    *port = rest > 1 ? parts.port : 0;
    return true;
}

bool callback_is_unchecked(const struct callback_policy *policy,
                           struct text host, uint16_t port)
{
    for (uint32_t i = 0; i < policy->unchecked_count; i++) {
        const struct callback_destination *one = &policy->unchecked[i];
        if ((one->port == 0 || one->port == port) &&
            text_is_nocase(host, one->host))
            return true;
    }
    return false;
}
