/* What the kernel knows of the way to a peer: our address there, and the size
 * of datagrams that the first link takes.
 *
 * Knows: the routing table, by asking it with an unused socket.
 * Must not know: sessions.
 */
#ifndef TRANSFER_ROUTE_H
#define TRANSFER_ROUTE_H

#include <stdint.h>

#include "base/address.h"

/* The largest datagrams (UDP payload) that may be tried towards `peer`: what
 * the first link takes, and `wanted_bytes`, 0 = as the path allows.  `local`,
 * which may be NULL, becomes our address on that way, port 0. */
uint32_t route_datagram_bytes(const struct address *peer, uint32_t wanted_bytes,
                              struct address *local);
/* What to begin with, of these: what nearly every path takes, 1472 over IPv4
 * and 1452 over IPv6, or all of it within this machine. */
uint32_t route_first_bytes(const struct address *peer, uint32_t most_bytes);

#endif
