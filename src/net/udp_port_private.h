/* What the files of the UDP port share.  Only they include this.
 *
 *   udp_port.c       opening, receiving, closing
 *   udp_port_send.c  sending, and waiting until that is possible
 */
#ifndef NET_UDP_PORT_PRIVATE_H
#define NET_UDP_PORT_PRIVATE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/udp_port.h"

/* Trains of one recvmmsg: 1 MiB of buffers stays in the second-level cache. */
#define UDP_PORT_BATCH 16u
/* Any train fits: a UDP length is 16 bits. */
#define UDP_PORT_BUFFER_BYTES 65536u
/* UDP_GRO, SO_RXQ_OVFL and the traffic class; twice over for good measure. */
#define UDP_PORT_CONTROL_BYTES 256u
/* Routes that refuse UDP_SEGMENT are few: tunnels and odd devices. */
#define UDP_PORT_PLAIN_MAX 16u

/* Where the kernel puts one train and what it says about it. */
struct udp_arrival {
    struct iovec vector;
    struct sockaddr_in6 peer;
    _Alignas(struct cmsghdr) uint8_t control[UDP_PORT_CONTROL_BYTES];
};

struct udp_port {
    struct loop *loop;
    struct udp_port_owner *owner;
    int fd;
    int family;
    struct address address;
    struct udp_port_stats stats;

    /* Receiving. */
    struct loop_op poll_op;
    struct loop_post again_post; /* for what one turn leaves */
    bool in_callback;
    uint32_t seen_drops; /* the kernel's count, which wraps */
    uint8_t *buffers;    /* UDP_PORT_BATCH of UDP_PORT_BUFFER_BYTES, mapped */
    struct mmsghdr messages[UDP_PORT_BATCH];
    struct udp_arrival arrivals[UDP_PORT_BATCH];

    /* Sending. */
    struct loop_op writable_op;
    struct udp_port_waiter *waiting_first;
    struct udp_port_waiter **waiting_last;
    struct udp_port_waiter *telling; /* taken off that list to be told */
    /* Addresses whose route refuses UDP_SEGMENT, the newest over the oldest;
     * ports do not matter. */
    struct address plain[UDP_PORT_PLAIN_MAX];
    uint32_t plain_count; /* ever */
    int refuse_error;     /* for tests; 0 = none */

    /* Closing. */
    struct loop_op close_op;
    bool closing;
    udp_port_closed_fn closed;
};

/* Goes on with closing when nothing is in flight any more. */
void udp_port_close_run(struct udp_port *port);

#endif
