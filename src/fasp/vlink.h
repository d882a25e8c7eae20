/* A cap on the sum of several sessions: a link that exists in numbers only.
 *
 * Knows: what its members sent, its capacity, time.
 * Must not know: members, policies.
 *
 * What is sent beyond the capacity waits in a queue that nothing waits in.
 * Its delay counts for each member like that of a real queue, so that the rate
 * law shares the vlink as it shares a link.
 *
 * Source: docs/protocol.md, "Rate".
 */
#ifndef FASP_VLINK_H
#define FASP_VLINK_H

#include <stdint.h>

struct vlink {
    uint64_t capacity_bps; /* 1 or more */
    double queue_bytes;
    uint64_t now_ns;
};

void vlink_init(struct vlink *vlink, uint64_t capacity_bps, uint64_t now_ns);
/* What waits stays, and takes another time from now on. */
void vlink_set(struct vlink *vlink, uint64_t capacity_bps, uint64_t now_ns);
/* A member sent this, wire bytes. */
void vlink_sent(struct vlink *vlink, uint64_t wire_bytes, uint64_t now_ns);
/* How long what is sent now would wait; at most a second. */
uint64_t vlink_queue_ns(struct vlink *vlink, uint64_t now_ns);

#endif
