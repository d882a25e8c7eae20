#include "transfer/route.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fasp/packet.h"

/* IPv4 and IPv6 headers, with UDP's. */
#define HEADERS_IPV4 28
#define HEADERS_IPV6 48

/* Asks the kernel; fills what it knows. */
static void look_up(const struct address *peer, int *mtu_bytes,
                    struct address *local)
{
    int family = address_family(peer);
    struct address target = *peer;
    struct sockaddr_storage bound;
    socklen_t size_bytes = sizeof bound;
    socklen_t mtu_size = sizeof *mtu_bytes;

    if (target.port == 0)
        target.port = 9; /* nothing is sent */
    struct address_sockaddr to = address_to_sockaddr(&target, family);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, &to.any, to.size_bytes) == 0) {
        if (family == AF_INET)
            getsockopt(fd, IPPROTO_IP, IP_MTU, mtu_bytes, &mtu_size);
        else
            getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, mtu_bytes, &mtu_size);
        if (local != NULL &&
            getsockname(fd, (struct sockaddr *)&bound, &size_bytes) == 0 &&
            address_from_sockaddr((const struct sockaddr *)&bound, size_bytes,
                                  local))
            local->port = 0;
    }
    close(fd);
}

uint32_t route_datagram_bytes(const struct address *peer, uint32_t wanted_bytes,
                              struct address *local)
{
    bool is_ipv4 = address_is_ipv4(peer);
    int headers = is_ipv4 ? HEADERS_IPV4 : HEADERS_IPV6;
    int mtu_bytes = 0;
    uint32_t bytes =
        wanted_bytes > 0 ? wanted_bytes : FASP_DATAGRAM_BYTES_MAX;

    look_up(peer, &mtu_bytes, local);
    if (mtu_bytes > headers && bytes > (uint32_t)(mtu_bytes - headers))
        bytes = (uint32_t)(mtu_bytes - headers);
    if (bytes > FASP_DATAGRAM_BYTES_MAX)
        bytes = FASP_DATAGRAM_BYTES_MAX;
    if (bytes < FASP_DATAGRAM_BYTES_MIN)
        bytes = FASP_DATAGRAM_BYTES_MIN;
    return bytes;
}

uint32_t route_first_bytes(const struct address *peer, uint32_t most_bytes)
{
    uint32_t usual = address_is_ipv4(peer) ? FASP_DATAGRAM_BYTES_IPV4
                                           : FASP_DATAGRAM_BYTES_IPV6;

    return address_is_loopback(peer) || most_bytes < usual ? most_bytes : usual;
}
