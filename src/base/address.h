/* An IP address with a port: how the program names a peer or a place to listen.
 *
 * Knows: IPv4, IPv6, and how the kernel's socket calls want them.
 * Must not know: names (resolving blocks, so that a worker does it), sockets.
 *
 * An IPv4 address is kept in its IPv6-mapped form (::ffff:a.b.c.d, RFC 4291
 * section 2.5.5.2), so that a peer seen through an IPv4 socket and the same
 * peer seen through a dual-stack one are equal.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/text.h"

/* "[", an IPv6 address (45 with an embedded IPv4), "%", a scope, "]:65535",
 * and a NUL. */
#define ADDRESS_TEXT_BYTES 72

/* All bytes zero: [::]:0. */
struct address {
    uint8_t ip[16];
    uint32_t scope; /* interface of a link-local address; else 0 */
    uint16_t port;
};

/* What the socket calls take; `size_bytes` goes with it. */
struct address_sockaddr {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    };
    socklen_t size_bytes;
};

/* Reads "1.2.3.4:33001", "[::1]:33001" or "[fe80::1%2]:33001" (a scope is a
 * number).  The port must be there, 0 to 65535.  Returns false, with `*address`
 * untouched, for anything else, names included. */
bool address_parse(struct text text, struct address *address);

/* Reads an address without a port: "1.2.3.4", "::1" or "[::1]". */
bool address_parse_ip(struct text text, uint16_t port, struct address *address);

/* Writes the form that address_parse() reads, with a NUL. */
void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_BYTES]);
/* Writes it without port and brackets: "1.2.3.4", "::1". */
void address_format_ip(const struct address *address,
                       char text[ADDRESS_TEXT_BYTES]);

bool address_equal(const struct address *a, const struct address *b);
/* The same, with no regard to the port. */
bool address_equal_ip(const struct address *a, const struct address *b);

bool address_is_ipv4(const struct address *address);
/* 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct address *address);
/* 0.0.0.0 and :: (any local address). */
bool address_is_any(const struct address *address);

/* The family that a socket for this address needs: AF_INET or AF_INET6. */
int address_family(const struct address *address);

/* The address for a socket of `family`.  An AF_INET6 socket takes an IPv4
 * address in its mapped form; an AF_INET socket takes IPv4 only, which is the
 * caller's business (CHECK). */
struct address_sockaddr address_to_sockaddr(const struct address *address,
                                            int family);

/* Reads what the kernel gave.  Returns false for a family other than AF_INET
 * and AF_INET6, and for a size that is too small. */
bool address_from_sockaddr(const struct sockaddr *sockaddr,
                           socklen_t size_bytes, struct address *address);

#endif
