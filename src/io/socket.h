/* Sockets of TCP, as all users of the loop want them.
 *
 * Knows: socket options.
 * Must not know: what travels over them.
 *
 * All are close-on-exec and blocking, as loop.h asks.
 */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include "base/address.h"
#include "base/check.h"

/* Binds `fd`.  An address in use is tried again for 2 s: after a process that
 * had armed operations dies, the kernel holds its ports for a moment.  Blocks
 * meanwhile; it is for the start.  Returns 0 or -errno. */
MUST_USE int socket_bind(int fd, const struct address_sockaddr *sockaddr);

/* Binds (as socket_bind() does) and listens.  An IPv6 address that is "any" takes IPv4 too.  Returns 0
 * with `*fd`, or -errno: EADDRINUSE, EACCES, EADDRNOTAVAIL as a rule. */
MUST_USE int socket_listen(const struct address *address, int *fd);

/* Makes a socket that can be connected to `address`, without Nagle's delay.
 * Returns 0 with `*fd`, or -errno (EMFILE, ENFILE, ...). */
MUST_USE int socket_open(const struct address *address, int *fd);

/* Sends small messages at once (TCP_NODELAY), and finds out within about a
 * minute that a silent peer has gone (keep-alive).  For accepted sockets;
 * socket_open() does it itself. */
void socket_tune(int fd);

/* The address of this end, with the port that the system chose. */
MUST_USE int socket_local_address(int fd, struct address *address);
MUST_USE int socket_peer_address(int fd, struct address *address);

#endif
