/* One UDP socket that carries all sessions of the node, in trains.
 *
 * Knows: UDP_SEGMENT and UDP_GRO, batches, socket buffers, the loop.
 * Must not know: what is in a datagram, sessions, rates.
 *
 * A train is up to 64 datagrams of one size to or from one address, of which
 * the last may be shorter: one system call moves it, and the kernel cuts it up
 * or puts it together.  That is worth a factor of ten in packets a second; on
 * a route that refuses it (EIO, EINVAL) trains to that address go as single
 * datagrams from then on.
 *
 * Receiving: in each turn at most UDP_PORT_TURN_TRAINS trains are taken in, so
 * that one busy port does not hold up the loop; the rest waits for the next.
 */
#ifndef NET_UDP_PORT_H
#define NET_UDP_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/check.h"
#include "io/loop.h"

/* Linux takes 64 segments in one send (128 since 6.11). */
#define UDP_PORT_TRAIN_MAX 64u
/* A UDP length is 16 bits: 65,535 less the headers, rounded down. */
#define UDP_PORT_TRAIN_BYTES_MAX 65000u
/* Trains that arrive can be longer than those we send. */
#define UDP_PORT_ARRIVED_MAX 128u
/* Some 4 MiB: a millisecond or two of work at full speed. */
#define UDP_PORT_TURN_TRAINS 64u

struct udp_port;

/* `data` is borrowed for the duration of the call, and may be written to:
 * opening in place is allowed. */
struct udp_datagram {
    uint8_t *data;
    uint32_t size_bytes; /* 0 is possible: an empty datagram */
};

struct udp_port_owner {
    /* `count` datagrams, 1 to UDP_PORT_ARRIVED_MAX, came from `peer` in one
     * train.  `ecn` is the two bits of RFC 3168 that came with it. */
    void (*received)(struct udp_port_owner *owner, const struct address *peer,
                     uint8_t ecn, const struct udp_datagram *datagrams,
                     uint32_t count);
    /* What came in this turn has been told: the time to answer.  May be NULL.
     */
    void (*turn_over)(struct udp_port_owner *owner);
};

/* Who waits until the socket takes datagrams again.  Zero-initialise it. */
struct udp_port_waiter {
    struct udp_port_waiter *next;
    void (*writable)(struct udp_port_waiter *waiter);
    bool waiting;
};

struct udp_port_stats {
    uint64_t received_count; /* datagrams */
    uint64_t received_bytes;
    uint64_t received_trains;
    uint64_t sent_count;
    uint64_t sent_bytes;
    uint64_t sent_trains;
    uint64_t
        dropped_count; /* by the full receive buffer; a train counts once */
    uint64_t truncated_count; /* trains larger than any buffer (MSG_TRUNC) */
    uint64_t full_count;      /* sends that found the send buffer full */
};

/* Binds `address`, port 0 for a free one, and starts to receive.  An IPv6
 * "any" address serves IPv4 too.  An address in use is tried again for 2 s,
 * blocking: a process that was killed holds its port for a moment.
 *
 * Returns 0, or -errno of the first call that failed: EADDRINUSE, EACCES and
 * EADDRNOTAVAIL come from bind(), ENOMEM from the buffers.  On failure nothing
 * is held.  `owner` is borrowed until udp_port_close(). */
MUST_USE int udp_port_open(struct udp_port **port, struct loop *loop,
                           const struct address *address,
                           struct udp_port_owner *owner);

typedef void (*udp_port_closed_fn)(struct udp_port_owner *owner);

/* Stops receiving, closes the socket and frees the port; `closed`, which may
 * be NULL, is called from the loop when that is done.  No other callback runs
 * after this call.  Not to be called from `received` or `turn_over`. */
void udp_port_close(struct udp_port *port, udp_port_closed_fn closed);

/* The address it is bound to, with the real port. */
const struct address *udp_port_address(const struct udp_port *port);
const struct udp_port_stats *udp_port_stats(const struct udp_port *port);

/* True when a datagram to this address can be sent from this port at all: an
 * IPv4 port does not reach IPv6. */
bool udp_port_reaches(const struct udp_port *port,
                      const struct address *address);

/* Sends `size_bytes`, 1 to UDP_PORT_TRAIN_BYTES_MAX, as datagrams of
 * `segment_bytes` each, of which the last may be shorter; at most
 * UDP_PORT_TRAIN_MAX of them.  The data is copied before it returns.
 *
 * Returns the number of datagrams that the kernel took, all as a rule, or
 * -errno when it took none: EAGAIN means full, see udp_port_wait_writable();
 * EMSGSIZE means that a segment is larger than the path is known to carry;
 * anything else is about this address (ENETUNREACH, EPERM, ...). */
MUST_USE int udp_port_send(struct udp_port *port, const struct address *address,
                           const void *data, uint32_t size_bytes,
                           uint32_t segment_bytes);

/* Calls `writable` once, from the loop, when the socket takes datagrams again.
 * One that waits already keeps its place. */
void udp_port_wait_writable(struct udp_port *port,
                            struct udp_port_waiter *waiter,
                            void (*writable)(struct udp_port_waiter *waiter));
/* Nothing happens if it does not wait. */
void udp_port_stop_waiting(struct udp_port *port,
                           struct udp_port_waiter *waiter);

/* Makes every UDP_SEGMENT send fail with `error`, an errno, 0 for none: for
 * tests of the way without it. */
void udp_port_refuse_segments(struct udp_port *port, int error);

#endif
