#include "http_peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define GIVE_UP_NS UINT64_C(5000000000)
#define TICK_NS UINT64_C(1000000)

struct loop *peer_loop;
static struct loop_timer tick;

static void tick_fired(struct loop_timer *timer)
{
    loop_timer_start(peer_loop, timer, loop_now_ns(peer_loop) + TICK_NS,
                     tick_fired);
}

void peer_set_up(void)
{
    loop_signals_block();
    log_set_level(LOG_ERROR);
    cr_assert_eq(loop_open(&peer_loop, 1), 0);
    tick = (struct loop_timer){0};
    loop_timer_start(peer_loop, &tick, 0, tick_fired);
}

void peer_tear_down(void)
{
    loop_free(peer_loop);
}

void peer_wait_count(const uint32_t *count, uint32_t at_least)
{
    uint64_t end_ns = clock_mono_ns() + GIVE_UP_NS;

    while (*count < at_least) {
        loop_run_once(peer_loop);
        cr_assert_lt(clock_mono_ns(), end_ns, "got %u of %u", *count, at_least);
    }
}

void peer_wait(const bool *flag)
{
    uint64_t end_ns = clock_mono_ns() + GIVE_UP_NS;

    while (!*flag) {
        loop_run_once(peer_loop);
        cr_assert_lt(clock_mono_ns(), end_ns, "it does not happen");
    }
}

void peer_turn_ms(uint32_t wait_ms)
{
    uint64_t end_ns = clock_mono_ns() + wait_ms * UINT64_C(1000000);

    while (clock_mono_ns() < end_ns)
        loop_run_once(peer_loop);
}

static struct http_peer *new_peer(int fd)
{
    struct http_peer *peer = calloc(1, sizeof *peer);

    cr_assert_not_null(peer);
    peer->fd = fd;
    return peer;
}

struct http_peer *peer_connect(const struct address *address)
{
    struct address_sockaddr to =
        address_to_sockaddr(address, address_family(address));
    int fd = socket(address_family(address), SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, &to.any, to.size_bytes), 0, "%s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return new_peer(fd);
}

int peer_listen(struct address *address)
{
    struct sockaddr_storage bound;
    socklen_t size_bytes = sizeof bound;
    struct address any;

    cr_assert(address_parse(text_of("127.0.0.1:0"), &any));
    struct address_sockaddr at = address_to_sockaddr(&any, AF_INET);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, &at.any, at.size_bytes), 0);
    cr_assert_eq(listen(fd, 100), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&bound, &size_bytes), 0);
    cr_assert(
        address_from_sockaddr((struct sockaddr *)&bound, size_bytes, address));
    return fd;
}

struct http_peer *peer_accept(int listen_fd)
{
    uint64_t end_ns = clock_mono_ns() + GIVE_UP_NS;
    int fd;

    while ((fd = accept(listen_fd, NULL, NULL)) < 0) {
        loop_run_once(peer_loop);
        cr_assert_lt(clock_mono_ns(), end_ns, "nobody connects");
    }
    return new_peer(fd);
}

void peer_send_bytes(struct http_peer *peer, const char *data,
                     size_t size_bytes)
{
    uint64_t end_ns = clock_mono_ns() + GIVE_UP_NS;

    while (size_bytes > 0) {
        ssize_t sent =
            send(peer->fd, data, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                return; /* the other side has gone; the test will see it */
            loop_run_once(peer_loop);
            cr_assert_lt(clock_mono_ns(), end_ns, "nobody reads");
            continue;
        }
        data += sent;
        size_bytes -= (size_t)sent;
    }
}

void peer_send(struct http_peer *peer, const char *string)
{
    peer_send_bytes(peer, string, strlen(string));
}

void peer_read(struct http_peer *peer)
{
    for (;;) {
        size_t room = sizeof peer->data - 1 - peer->size_bytes;
        ssize_t size =
            recv(peer->fd, peer->data + peer->size_bytes, room, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN)
            return;
        if (size <= 0) {
            peer->ended = true;
            return;
        }
        peer->size_bytes += (uint32_t)size;
    }
}

static void drop(struct http_peer *peer, size_t size_bytes)
{
    memmove(peer->data, peer->data + size_bytes, peer->size_bytes - size_bytes);
    peer->size_bytes -= (uint32_t)size_bytes;
    memset(peer->data + peer->size_bytes, 0, size_bytes);
}

void peer_expect(struct http_peer *peer, const char *string)
{
    uint64_t end_ns = clock_mono_ns() + GIVE_UP_NS;
    const char *found;

    peer_read(peer);
    while ((found = strstr(peer->data, string)) == NULL) {
        cr_assert_not(peer->ended, "closed without \"%s\" after \"%s\"", string,
                      peer->data);
        loop_run_once(peer_loop);
        cr_assert_lt(clock_mono_ns(), end_ns, "no \"%s\" in \"%s\"", string,
                     peer->data);
        peer_read(peer);
    }
    drop(peer, (size_t)(found - peer->data) + strlen(string));
}

void peer_expect_end(struct http_peer *peer)
{
    uint64_t end_ns = clock_mono_ns() + GIVE_UP_NS;

    peer_read(peer);
    while (!peer->ended) {
        loop_run_once(peer_loop);
        cr_assert_lt(clock_mono_ns(), end_ns, "it is not closed");
        peer_read(peer);
    }
}

uint32_t peer_count(const struct http_peer *peer, const char *string)
{
    uint32_t count = 0;

    for (const char *at = peer->data; (at = strstr(at, string)) != NULL; at++)
        count++;
    return count;
}

void peer_end(struct http_peer *peer)
{
    shutdown(peer->fd, SHUT_WR);
}

void peer_close(struct http_peer *peer)
{
    close(peer->fd);
    free(peer);
}

void peer_reset(struct http_peer *peer)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    peer_close(peer);
}
