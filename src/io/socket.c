#include "io/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

/* As many as clients may open while a turn lasts; the system's own limit
 * (net.core.somaxconn, 4096) cuts it. */
#define BACKLOG 4096

/* 40 x 50 ms: see socket_bind(). */
#define BIND_WAIT_NS 50000000
#define BIND_TRIES 40

/* The first probe after 30 s of silence, five more 6 s apart. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 6
#define KEEPALIVE_COUNT 5

static void set_option(int fd, int level, int name, int value)
{
    /* None of them is vital: a refusal costs latency, not correctness. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void socket_tune(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

int socket_open(const struct address *address, int *opened)
{
    int fd = socket(address_family(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socket_tune(fd);
    *opened = fd;
    return 0;
}

int socket_bind(int fd, const struct address_sockaddr *sockaddr)
{
    const struct timespec wait = {.tv_nsec = BIND_WAIT_NS};

    for (int tries = 0;; tries++) {
        if (bind(fd, &sockaddr->any, sockaddr->size_bytes) == 0)
            return 0;
        if (errno != EADDRINUSE || tries == BIND_TRIES)
            return -errno;
        nanosleep(&wait, NULL);
    }
}

int socket_listen(const struct address *address, int *opened)
{
    int family = address_family(address);
    struct address_sockaddr sockaddr = address_to_sockaddr(address, family);
    int ret;

    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Connections of our last run in TIME_WAIT do not keep us from starting. */
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address_is_any(address));

    ret = socket_bind(fd, &sockaddr);
    if (ret == 0 && listen(fd, BACKLOG) != 0)
        ret = -errno;
    if (ret != 0)
        goto close_fd;
    *opened = fd;
    return 0;

close_fd:
    close(fd);
    return ret;
}

typedef int (*name_fn)(int fd, struct sockaddr *sockaddr, socklen_t *size);

static int ask_name(name_fn ask, int fd, struct address *address)
{
    struct address_sockaddr sockaddr;
    socklen_t size_bytes = sizeof sockaddr.ipv6;

    if (ask(fd, &sockaddr.any, &size_bytes) != 0)
        return -errno;
    if (!address_from_sockaddr(&sockaddr.any, size_bytes, address))
        return -EAFNOSUPPORT;
    return 0;
}

int socket_local_address(int fd, struct address *address)
{
    return ask_name(getsockname, fd, address);
}

int socket_peer_address(int fd, struct address *address)
{
    return ask_name(getpeername, fd, address);
}
