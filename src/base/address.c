#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff};

static void set_ipv4(struct address *address, const void *ipv4)
{
    memcpy(address->ip, mapped_prefix, sizeof mapped_prefix);
    memcpy(address->ip + sizeof mapped_prefix, ipv4, 4);
}

/* Reads an IPv6 address, with a number behind "%" as its scope. */
static bool parse_ipv6(struct text text, struct address *address)
{
    char string[INET6_ADDRSTRLEN];
    const char *percent =
        text.size_bytes == 0 ? NULL : memchr(text.data, '%', text.size_bytes);

    if (percent != NULL) {
        uint32_t ip_bytes = (uint32_t)(percent - text.data);
        uint64_t scope;
        if (!text_to_u64(text_from(percent + 1, text.size_bytes - ip_bytes - 1),
                         UINT32_MAX, &scope))
            return false;
        address->scope = (uint32_t)scope;
        text.size_bytes = ip_bytes;
    }
    return text_to_string(text, string, sizeof string) &&
           inet_pton(AF_INET6, string, address->ip) == 1;
}

bool address_parse_ip(struct text text, uint16_t port, struct address *address)
{
    struct address result = {.port = port};
    char string[INET6_ADDRSTRLEN];
    struct in_addr ipv4;

    if (text.size_bytes >= 2 && text.data[0] == '[') {
        if (text.data[text.size_bytes - 1] != ']')
            return false;
        if (!parse_ipv6(text_from(text.data + 1, text.size_bytes - 2), &result))
            return false;
    } else if (text_to_string(text, string, sizeof string) &&
               inet_pton(AF_INET, string, &ipv4) == 1) {
        set_ipv4(&result, &ipv4);
    } else if (!parse_ipv6(text, &result)) {
        return false;
    }
    *address = result;
    return true;
}

bool address_parse(struct text text, struct address *address)
{
    uint32_t colon = text.size_bytes;
    uint64_t port;

    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    colon--; /* its index */

    struct text ip = text_from(text.data, colon);
    if (!text_to_u64(
            text_from(text.data + colon + 1, text.size_bytes - colon - 1),
            UINT16_MAX, &port))
        return false;
    /* "::1:33001" could mean two things, so that IPv6 needs its brackets. */
    if (colon > 0 && ip.data[0] != '[' && memchr(ip.data, ':', colon) != NULL)
        return false;
    return address_parse_ip(ip, (uint16_t)port, address);
}

void address_format_ip(const struct address *address,
                       char text[ADDRESS_TEXT_BYTES])
{
    if (address_is_ipv4(address)) {
        const uint8_t *ipv4 = address->ip + sizeof mapped_prefix;
        snprintf(text, ADDRESS_TEXT_BYTES, "%u.%u.%u.%u", ipv4[0], ipv4[1],
                 ipv4[2], ipv4[3]);
        return;
    }
    char ip[INET6_ADDRSTRLEN];
    CHECK(inet_ntop(AF_INET6, address->ip, ip, sizeof ip) != NULL);
    if (address->scope == 0)
        snprintf(text, ADDRESS_TEXT_BYTES, "%s", ip);
    else
        snprintf(text, ADDRESS_TEXT_BYTES, "%s%%%u", ip, address->scope);
}

void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_BYTES])
{
    char ip[ADDRESS_TEXT_BYTES];

    address_format_ip(address, ip);
    /* At most 45 + 11 characters come from above: the precision tells the
     * compiler so. */
    snprintf(text, ADDRESS_TEXT_BYTES,
             address_is_ipv4(address) ? "%.60s:%u" : "[%.60s]:%u", ip,
             address->port);
}

bool address_equal_ip(const struct address *a, const struct address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->scope == b->scope;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->port == b->port && address_equal_ip(a, b);
}

bool address_is_ipv4(const struct address *address)
{
    return memcmp(address->ip, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t ipv6_loopback[16] = {[15] = 1};

    if (address_is_ipv4(address))
        return address->ip[sizeof mapped_prefix] == 127;
    return memcmp(address->ip, ipv6_loopback, sizeof ipv6_loopback) == 0;
}

bool address_is_any(const struct address *address)
{
    static const uint8_t zeros[16];
    const uint8_t *ip = address->ip;

    if (address_is_ipv4(address))
        return memcmp(ip + sizeof mapped_prefix, zeros, 4) == 0;
    return memcmp(ip, zeros, sizeof zeros) == 0;
}

int address_family(const struct address *address)
{
    return address_is_ipv4(address) ? AF_INET : AF_INET6;
}

struct address_sockaddr address_to_sockaddr(const struct address *address,
                                            int family)
{
    struct address_sockaddr result = {0};

    if (family == AF_INET) {
        CHECK(address_is_ipv4(address));
        result.ipv4.sin_family = AF_INET;
        result.ipv4.sin_port = htons(address->port);
        memcpy(&result.ipv4.sin_addr, address->ip + sizeof mapped_prefix, 4);
        result.size_bytes = sizeof result.ipv4;
        return result;
    }
    CHECK(family == AF_INET6);
    result.ipv6.sin6_family = AF_INET6;
    result.ipv6.sin6_port = htons(address->port);
    result.ipv6.sin6_scope_id = address->scope;
    memcpy(&result.ipv6.sin6_addr, address->ip, sizeof address->ip);
    result.size_bytes = sizeof result.ipv6;
    return result;
}

bool address_from_sockaddr(const struct sockaddr *sockaddr,
                           socklen_t size_bytes, struct address *address)
{
    struct address_sockaddr copy = {0};

    if (size_bytes < sizeof sockaddr->sa_family)
        return false;
    memcpy(&copy.any, sockaddr,
           size_bytes < sizeof copy.ipv6 ? size_bytes : sizeof copy.ipv6);

    if (copy.any.sa_family == AF_INET && size_bytes >= sizeof copy.ipv4) {
        *address = (struct address){.port = ntohs(copy.ipv4.sin_port)};
        set_ipv4(address, &copy.ipv4.sin_addr);
        return true;
    }
    if (copy.any.sa_family == AF_INET6 && size_bytes >= sizeof copy.ipv6) {
        *address = (struct address){
            .port = ntohs(copy.ipv6.sin6_port),
            .scope = copy.ipv6.sin6_scope_id,
        };
        memcpy(address->ip, &copy.ipv6.sin6_addr, sizeof address->ip);
        return true;
    }
    return false;
}
