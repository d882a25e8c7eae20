/* The largest datagrams that a path carries: searches for them, and notices
 * when the path does not carry them any more.
 *
 * Knows: sizes of datagrams, which came, which got lost.
 * Must not know: what is in them, packets, the session.
 *
 * A probe is an empty datagram that is filled up to the size in question.  The
 * first one tries the largest size, since most paths are of one kind of link;
 * then each tries the middle of what is still open, until that is less than
 * MTU_STEP_BYTES.  A size is given up after MTU_TRIES of its probes got lost.
 *
 *   least ---- good ----- tried ----- bad ---- most
 *
 * Where MTU_LOST_RUN datagrams above `least` in a row got lost, and MTU_CAME_RUN
 * small ones came meanwhile, the path is a black hole for them: data goes on
 * with `least`, and the search begins again.
 *
 * Source: docs/protocol.md, "Sending"; the search is like that of RFC 8899.
 */
#ifndef FASP_MTU_H
#define FASP_MTU_H

#include <stdbool.h>
#include <stdint.h>

#define MTU_STEP_BYTES 16u
#define MTU_TRIES 3u
/* At 30 % loss that happens by chance once in 10^12 datagrams. */
#define MTU_LOST_RUN 24u
/* A full queue drops a burst, and lets a small one in: not three. */
#define MTU_CAME_RUN 3u
/* Then a search that found less than `most` is repeated, as in RFC 8899. */
#define MTU_AGAIN_NS UINT64_C(600000000000)

struct mtu {
    uint32_t least; /* any path carries that */
    uint32_t most;
    uint32_t good; /* what data is cut to */
    uint32_t bad;  /* not carried, as far as is known */
    uint32_t tried;
    uint32_t tries; /* of it that got lost */
    uint32_t lost_run; /* large ones, since one came */
    uint32_t came_run; /* small ones, since a large one got lost */
    bool is_trying;  /* a probe is on its way */
    bool is_halving; /* the largest size was given up */
    uint64_t found_ns; /* the search was over; 0 = it goes on */
};

/* least <= start <= most. */
void mtu_init(struct mtu *mtu, uint32_t least, uint32_t start, uint32_t most);

/* The size that a probe should have now; 0 = none is wanted. */
uint32_t mtu_probe(struct mtu *mtu, uint64_t now_ns);
/* It went out. */
void mtu_sent(struct mtu *mtu, uint32_t size_bytes);

/* Any datagram came.  Returns whether `good` is another one now. */
bool mtu_came(struct mtu *mtu, uint32_t size_bytes);
/* Any datagram got lost. */
void mtu_lost(struct mtu *mtu, uint32_t size_bytes, bool is_probe);

#endif
