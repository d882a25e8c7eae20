#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "net/udp_port_private.h"

/* linux/udp.h has it, and cannot be included beside netinet/udp.h. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* One train on its way to the kernel. */
struct train {
    struct address_sockaddr to;
    const uint8_t *data;
    uint32_t size_bytes;
    uint32_t segment_bytes;
    uint32_t count;
};

bool udp_port_reaches(const struct udp_port *port,
                      const struct address *address)
{
    if (!address_is_ipv4(address))
        return port->family == AF_INET6;
    return port->family == AF_INET || address_is_any(&port->address);
}

void udp_port_refuse_segments(struct udp_port *port, int error)
{
    port->refuse_error = error;
}

static bool is_plain(const struct udp_port *port, const struct address *address)
{
    for (uint32_t i = 0; i < port->plain_count && i < UDP_PORT_PLAIN_MAX; i++) {
        if (address_equal_ip(&port->plain[i], address))
            return true;
    }
    return false;
}

static void remember_plain(struct udp_port *port, const struct address *address,
                           int error)
{
    char text[ADDRESS_TEXT_BYTES];

    port->plain[port->plain_count % UDP_PORT_PLAIN_MAX] = *address;
    port->plain_count++;
    address_format_ip(address, text);
    LOG(udp_no_segments, text, error);
}

/* The whole train in one call.  Returns 0 or -errno. */
static int send_segmented(struct udp_port *port, struct train *train)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    struct iovec vector = {(void *)(uintptr_t)train->data, train->size_bytes};
    struct msghdr header = {
        .msg_name = &train->to.any,
        .msg_namelen = train->to.size_bytes,
        .msg_iov = &vector,
        .msg_iovlen = 1,
    };
    uint16_t segment_bytes = (uint16_t)train->segment_bytes;

    if (train->count > 1) {
        if (port->refuse_error != 0)
            return -port->refuse_error;
        memset(control, 0, sizeof control);
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        struct cmsghdr *message = CMSG_FIRSTHDR(&header);
        message->cmsg_level = IPPROTO_UDP;
        message->cmsg_type = UDP_SEGMENT;
        message->cmsg_len = CMSG_LEN(sizeof segment_bytes);
        memcpy(CMSG_DATA(message), &segment_bytes, sizeof segment_bytes);
    }
    return sendmsg(port->fd, &header, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Each datagram by itself.  Returns how many were taken, or -errno for none. */
static int send_plain(struct udp_port *port, struct train *train)
{
    struct mmsghdr messages[UDP_PORT_TRAIN_MAX];
    struct iovec vectors[UDP_PORT_TRAIN_MAX];
    uint32_t at = 0;

    memset(messages, 0, train->count * sizeof messages[0]);
    for (uint32_t i = 0; i < train->count; i++) {
        uint32_t left = train->size_bytes - at;
        vectors[i].iov_base = (void *)(uintptr_t)(train->data + at);
        vectors[i].iov_len =
            left < train->segment_bytes ? left : train->segment_bytes;
        messages[i].msg_hdr.msg_name = &train->to.any;
        messages[i].msg_hdr.msg_namelen = train->to.size_bytes;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        at += (uint32_t)vectors[i].iov_len;
    }
    int taken = sendmmsg(port->fd, messages, train->count, MSG_DONTWAIT);
    return taken < 0 ? -errno : taken;
}

static int send_train(struct udp_port *port, const struct address *address,
                      struct train *train)
{
    int error = 0;

    if (train->count == 1 || !is_plain(port, address)) {
        error = send_segmented(port, train);
        if (error == 0)
            return (int)train->count;
        /* EIO: the route cannot do it.  EINVAL: neither can the kernel, or the
         * segments are too large for the route, which single datagrams will
         * tell as EMSGSIZE. */
        if (train->count == 1 || (error != -EIO && error != -EINVAL))
            return error;
    }
    int taken = send_plain(port, train);
    if (taken > 0 && error != 0)
        remember_plain(port, address, -error);
    return taken;
}

static void count_sent(struct udp_port *port, const struct train *train,
                       int taken)
{
    if (taken > 0) {
        uint64_t bytes = (uint64_t)taken * train->segment_bytes;
        port->stats.sent_trains++;
        port->stats.sent_count += (uint64_t)taken;
        port->stats.sent_bytes +=
            bytes < train->size_bytes ? bytes : train->size_bytes;
    }
    if (taken < (int)train->count && (taken > 0 || taken == -EAGAIN))
        port->stats.full_count++;
}

int udp_port_send(struct udp_port *port, const struct address *address,
                  const void *data, uint32_t size_bytes, uint32_t segment_bytes)
{
    CHECK(size_bytes >= 1);
    CHECK(size_bytes <= UDP_PORT_TRAIN_BYTES_MAX);
    CHECK(segment_bytes >= 1);
    CHECK(segment_bytes <= UDP_PORT_TRAIN_BYTES_MAX);
    uint32_t count = (size_bytes + segment_bytes - 1) / segment_bytes;
    CHECK(count <= UDP_PORT_TRAIN_MAX);
    CHECK(!port->closing);

    if (!udp_port_reaches(port, address))
        return -EAFNOSUPPORT;
    struct train train = {
        .to = address_to_sockaddr(address, port->family),
        .data = data,
        .size_bytes = size_bytes,
        .segment_bytes = segment_bytes,
        .count = count,
    };
    int taken = send_train(port, address, &train);
    count_sent(port, &train, taken);
    return taken;
}

/* ---- waiting until the socket takes more ---- */

static void port_writable(struct loop_op *op, int result)
{
    struct udp_port *port = OWNER_OF(op, struct udp_port, writable_op);
    struct udp_port_waiter *waiter;

    (void)result; /* an error shows in the next send */
    if (port->closing) {
        udp_port_close_run(port);
        return;
    }
    /* Those who wait again while this goes on are not told twice. */
    port->telling = port->waiting_first;
    port->waiting_first = NULL;
    port->waiting_last = &port->waiting_first;
    while ((waiter = port->telling) != NULL) {
        port->telling = waiter->next;
        waiter->waiting = false;
        waiter->writable(waiter);
    }
}

void udp_port_wait_writable(struct udp_port *port,
                            struct udp_port_waiter *waiter,
                            void (*writable)(struct udp_port_waiter *waiter))
{
    CHECK(writable != NULL);
    CHECK(!port->closing);
    if (waiter->waiting)
        return;
    waiter->waiting = true;
    waiter->writable = writable;
    waiter->next = NULL;
    *port->waiting_last = waiter;
    port->waiting_last = &waiter->next;
    if (!loop_op_busy(&port->writable_op))
        loop_poll(port->loop, &port->writable_op, port->fd, POLLOUT,
                  port_writable);
}

/* Takes the waiter out of a list.  Returns whether it was there. */
static bool unlink_waiter(struct udp_port_waiter **first,
                          struct udp_port_waiter *waiter)
{
    struct udp_port_waiter **link = first;

    while (*link != NULL && *link != waiter)
        link = &(*link)->next;
    if (*link == NULL)
        return false;
    *link = waiter->next;
    return true;
}

void udp_port_stop_waiting(struct udp_port *port,
                           struct udp_port_waiter *waiter)
{
    if (!waiter->waiting)
        return;
    waiter->waiting = false;
    if (unlink_waiter(&port->telling, waiter))
        return;
    CHECK(unlink_waiter(&port->waiting_first, waiter));
    port->waiting_last = &port->waiting_first;
    while (*port->waiting_last != NULL)
        port->waiting_last = &(*port->waiting_last)->next;
}
