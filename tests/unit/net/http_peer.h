/* The other end of an HTTP connection, for tests: a plain socket whose bytes a
 * test writes out, on the test's own thread.  Whatever waits turns the loop
 * meanwhile, and gives up after some seconds. */
#ifndef TESTS_HTTP_PEER_H
#define TESTS_HTTP_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "io/loop.h"

struct http_peer {
    int fd;
    bool ended; /* the other side closed it, or reset it */
    uint32_t size_bytes;
    char data[1 << 20]; /* what came, with a NUL behind it */
};

extern struct loop *peer_loop;

/* Opens the loop, with one worker; closes it. */
void peer_set_up(void);
void peer_tear_down(void);

/* Turns the loop until `*flag`; fails the test if that takes too long. */
void peer_wait(const bool *flag);
void peer_wait_count(const uint32_t *count, uint32_t at_least);
/* Turns the loop for some milliseconds: to see that nothing happens. */
void peer_turn_ms(uint32_t wait_ms);

struct http_peer *peer_connect(const struct address *address);
/* Listens on a free port of 127.0.0.1. */
int peer_listen(struct address *address);
/* Waits for a connection. */
struct http_peer *peer_accept(int listen_fd);

void peer_send(struct http_peer *peer, const char *string);
void peer_send_bytes(struct http_peer *peer, const char *data,
                     size_t size_bytes);
/* Waits until `string` has come, after what earlier calls waited for. */
void peer_expect(struct http_peer *peer, const char *string);
/* Waits until the other side has closed it. */
void peer_expect_end(struct http_peer *peer);
/* Takes in what is there. */
void peer_read(struct http_peer *peer);
/* How often `string` came so far. */
uint32_t peer_count(const struct http_peer *peer, const char *string);
/* Ends our direction only. */
void peer_end(struct http_peer *peer);
void peer_close(struct http_peer *peer);
/* With a reset instead of an orderly end. */
void peer_reset(struct http_peer *peer);

#endif
