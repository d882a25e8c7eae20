#include "net/udp_port.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "io/socket.h"
#include "net/udp_port_private.h"

/* linux/udp.h has them, and cannot be included beside netinet/udp.h. */
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define BUFFERS_BYTES (UDP_PORT_BATCH * (size_t)UDP_PORT_BUFFER_BYTES)

/* ---- opening ---- */

/* Asks for the buffer, past the system's maximum where we may. */
static void set_buffer(int fd, int force, int plain, uint32_t wanted_bytes,
                       const char *sysctl)
{
    int value = (int)wanted_bytes, got = 0;
    socklen_t size_bytes = sizeof got;

    if (setsockopt(fd, SOL_SOCKET, force, &value, sizeof value) != 0)
        (void)setsockopt(fd, SOL_SOCKET, plain, &value, sizeof value);
    (void)getsockopt(fd, SOL_SOCKET, plain, &got, &size_bytes);
    /* The kernel doubles what it grants, for its own bookkeeping. */
    if (got / 2 < value)
        LOG(udp_small_buffer, got / 2, value, sysctl, value);
}

/* None of these is needed to work, only to work well: old kernels may refuse
 * some. */
static void set_options(const struct udp_port *port)
{
    static const struct option {
        int family; /* 0 = all; AF_INET on IPv6 sockets is for mapped peers */
        int level;
        int name;
        int value;
    } options[] = {
        {0, IPPROTO_UDP, UDP_GRO, 1},
        {0, SOL_SOCKET, SO_RXQ_OVFL, 1},
        /* Datagrams are never fragmented, and the path's size is what we
         * measure, not what somebody's ICMP says. */
        {AF_INET, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE},
        {AF_INET, IPPROTO_IP, IP_RECVTOS, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE},
        {AF_INET6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
    };

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].family == AF_INET6 && port->family != AF_INET6)
            continue;
        (void)setsockopt(port->fd, options[i].level, options[i].name,
                         &options[i].value, sizeof options[i].value);
    }
    set_buffer(port->fd, SO_RCVBUFFORCE, SO_RCVBUF, LIMIT_UDP_RECEIVE_BYTES,
               "net.core.rmem_max");
    set_buffer(port->fd, SO_SNDBUFFORCE, SO_SNDBUF, LIMIT_UDP_SEND_BYTES,
               "net.core.wmem_max");
}

static int open_socket(struct udp_port *port, const struct address *address)
{
    struct address_sockaddr sockaddr;
    int ipv6_only = !address_is_any(address);
    int ret;

    port->family = address_family(address);
    sockaddr = address_to_sockaddr(address, port->family);
    port->fd =
        socket(port->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (port->fd < 0)
        return -errno;
    if (port->family == AF_INET6 &&
        setsockopt(port->fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only,
                   sizeof ipv6_only) != 0) {
        ret = -errno;
        goto close_fd;
    }
    set_options(port);
    ret = socket_bind(port->fd, &sockaddr);
    if (ret == 0)
        ret = socket_local_address(port->fd, &port->address);
    if (ret != 0)
        goto close_fd;
    return 0;

close_fd:
    close(port->fd);
    return ret;
}

static void prepare_messages(struct udp_port *port)
{
    for (uint32_t i = 0; i < UDP_PORT_BATCH; i++) {
        struct udp_arrival *arrival = &port->arrivals[i];
        arrival->vector.iov_base =
            port->buffers + i * (size_t)UDP_PORT_BUFFER_BYTES;
        arrival->vector.iov_len = UDP_PORT_BUFFER_BYTES;
        port->messages[i].msg_hdr.msg_iov = &arrival->vector;
        port->messages[i].msg_hdr.msg_iovlen = 1;
        port->messages[i].msg_hdr.msg_name = &arrival->peer;
        port->messages[i].msg_hdr.msg_control = arrival->control;
    }
}

static void port_polled(struct loop_op *op, int result);

int udp_port_open(struct udp_port **opened, struct loop *loop,
                  const struct address *address, struct udp_port_owner *owner)
{
    int ret;

    CHECK(owner->received != NULL);
    struct udp_port *port = calloc(1, sizeof *port);
    if (port == NULL)
        return -ENOMEM;
    port->loop = loop;
    port->owner = owner;
    port->waiting_last = &port->waiting_first;

    port->buffers = mmap(NULL, BUFFERS_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (port->buffers == MAP_FAILED) {
        ret = -errno;
        goto free_port;
    }
    prepare_messages(port);
    ret = open_socket(port, address);
    if (ret != 0)
        goto unmap_buffers;

    loop_poll_many(loop, &port->poll_op, port->fd, POLLIN, port_polled);
    *opened = port;
    return 0;

unmap_buffers:
    munmap(port->buffers, BUFFERS_BYTES);
free_port:
    free(port);
    return ret;
}

const struct address *udp_port_address(const struct udp_port *port)
{
    return &port->address;
}

const struct udp_port_stats *udp_port_stats(const struct udp_port *port)
{
    return &port->stats;
}

/* ---- receiving ---- */

/* What the kernel says about a train. */
struct train_info {
    uint32_t segment_bytes; /* 0 = one datagram */
    uint32_t drops;
    bool has_drops;
    uint8_t ecn;
};

static int control_int(struct cmsghdr *message)
{
    int value = 0;
    size_t data_bytes = message->cmsg_len - CMSG_LEN(0);

    memcpy(&value, CMSG_DATA(message),
           data_bytes < sizeof value ? data_bytes : sizeof value);
    return value;
}

/* musl's CMSG_NXTHDR compares a signed with an unsigned number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
static struct cmsghdr *next_control(struct msghdr *header,
                                    struct cmsghdr *message)
{
    return CMSG_NXTHDR(header, message);
}
#pragma GCC diagnostic pop

static struct train_info read_control(struct msghdr *header)
{
    struct train_info info = {0};

    for (struct cmsghdr *message = CMSG_FIRSTHDR(header); message != NULL;
         message = next_control(header, message)) {
        int level = message->cmsg_level, type = message->cmsg_type;
        if (level == IPPROTO_UDP && type == UDP_GRO) {
            info.segment_bytes = (uint32_t)control_int(message);
        } else if (level == SOL_SOCKET && type == SO_RXQ_OVFL) {
            info.drops = (uint32_t)control_int(message);
            info.has_drops = true;
        } else if (level == IPPROTO_IP && type == IP_TOS) {
            info.ecn = *CMSG_DATA(message) & 3;
        } else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) {
            info.ecn = (uint8_t)(control_int(message) & 3);
        }
    }
    return info;
}

/* Cuts the train up and tells the owner. */
static void tell_train(struct udp_port *port, const struct address *peer,
                       const struct train_info *info, uint8_t *data,
                       uint32_t size_bytes)
{
    struct udp_datagram datagrams[UDP_PORT_ARRIVED_MAX];
    uint32_t segment_bytes = info->segment_bytes;
    uint32_t at = 0;

    if (segment_bytes == 0 || segment_bytes > size_bytes)
        segment_bytes = size_bytes;
    do { /* at least once: an empty datagram is one */
        uint32_t count = 0;
        do {
            uint32_t left = size_bytes - at;
            datagrams[count].data = data + at;
            datagrams[count].size_bytes =
                left < segment_bytes ? left : segment_bytes;
            at += datagrams[count].size_bytes;
            count++;
        } while (at < size_bytes && count < UDP_PORT_ARRIVED_MAX);
        port->stats.received_count += count;
        port->owner->received(port->owner, peer, info->ecn, datagrams, count);
    } while (at < size_bytes);
}

static void take_train(struct udp_port *port, uint32_t index)
{
    struct msghdr *header = &port->messages[index].msg_hdr;
    uint32_t size_bytes = port->messages[index].msg_len;
    struct train_info info = read_control(header);
    struct address peer;

    if (info.has_drops) {
        port->stats.dropped_count += info.drops - port->seen_drops;
        port->seen_drops = info.drops;
    }
    port->stats.received_trains++;
    port->stats.received_bytes += size_bytes;
    /* UNTESTED: a UDP length has 16 bits, as has the buffer. */
    if ((header->msg_flags & MSG_TRUNC) != 0) {
        port->stats.truncated_count++;
        return;
    }
    if (!address_from_sockaddr(header->msg_name, header->msg_namelen, &peer))
        NEVER("an IP socket receives from another family");
    tell_train(port, &peer, &info, port->arrivals[index].vector.iov_base,
               size_bytes);
}

/* Takes in one batch.  Returns whether there may be more. */
static bool receive_batch(struct udp_port *port)
{
    for (uint32_t i = 0; i < UDP_PORT_BATCH; i++) {
        port->messages[i].msg_hdr.msg_namelen = sizeof port->arrivals[i].peer;
        port->messages[i].msg_hdr.msg_controllen =
            sizeof port->arrivals[i].control;
        port->messages[i].msg_hdr.msg_flags = 0;
    }
    int got =
        recvmmsg(port->fd, port->messages, UDP_PORT_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++)
        take_train(port, (uint32_t)i);
    /* An error is about one datagram (as ICMP tells of it) or no memory: the
     * next edge, or the next turn, tries again. */
    return got == (int)UDP_PORT_BATCH || (got < 0 && errno != EAGAIN);
}

static void receive_again(struct loop_post *post);

/* Trains up to the budget of a turn; what is left waits for the next. */
static void receive_turn(struct udp_port *port)
{
    uint64_t trains_before = port->stats.received_trains;
    bool more = true;

    port->in_callback = true;
    for (uint32_t i = 0; i < UDP_PORT_TURN_TRAINS / UDP_PORT_BATCH && more; i++)
        more = receive_batch(port);
    if (port->owner->turn_over != NULL &&
        port->stats.received_trains != trains_before)
        port->owner->turn_over(port->owner);
    port->in_callback = false;

    if (more)
        loop_post(port->loop, &port->again_post, receive_again);
}

static void receive_again(struct loop_post *post)
{
    struct udp_port *port = OWNER_OF(post, struct udp_port, again_post);

    if (port->closing) {
        udp_port_close_run(port);
        return;
    }
    /* UNTESTED: the kernel had no memory for the poll. */
    if (!loop_op_busy(&port->poll_op))
        loop_poll_many(port->loop, &port->poll_op, port->fd, POLLIN,
                       port_polled);
    receive_turn(port);
}

static void port_polled(struct loop_op *op, int result)
{
    struct udp_port *port = OWNER_OF(op, struct udp_port, poll_op);

    if (port->closing)
        udp_port_close_run(port);
    else if (result < 0)
        loop_post(port->loop, &port->again_post, receive_again);
    else if (!port->again_post.queued) /* which comes in this very turn */
        receive_turn(port);
}

/* ---- closing ---- */

static void port_closed(struct loop_op *op, int result)
{
    struct udp_port *port = OWNER_OF(op, struct udp_port, close_op);
    udp_port_closed_fn closed = port->closed;
    struct udp_port_owner *owner = port->owner;

    (void)result; /* nothing unwritten is lost with a UDP socket */
    munmap(port->buffers, BUFFERS_BYTES);
    free(port);
    if (closed != NULL)
        closed(owner);
}

void udp_port_close_run(struct udp_port *port)
{
    if (loop_op_busy(&port->poll_op) || loop_op_busy(&port->writable_op) ||
        port->again_post.queued || loop_op_busy(&port->close_op))
        return; /* their callbacks come back here */
    loop_close(port->loop, &port->close_op, port->fd, port_closed);
}

void udp_port_close(struct udp_port *port, udp_port_closed_fn closed)
{
    CHECK(!port->in_callback);
    CHECK(!port->closing);
    port->closing = true;
    port->closed = closed;
    while (port->waiting_first != NULL)
        udp_port_stop_waiting(port, port->waiting_first);
    while (port->telling != NULL)
        udp_port_stop_waiting(port, port->telling);

    if (loop_op_busy(&port->poll_op))
        loop_cancel(port->loop, &port->poll_op);
    if (loop_op_busy(&port->writable_op))
        loop_cancel(port->loop, &port->writable_op);
    udp_port_close_run(port);
}
