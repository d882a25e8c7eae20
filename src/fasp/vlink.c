#include "fasp/vlink.h"

#include "base/check.h"

/* Longer says no more than that it is far too long. */
#define QUEUE_S_MAX 1.0

static double bytes_per_s(const struct vlink *vlink)
{
    return (double)vlink->capacity_bps / 8;
}

void vlink_init(struct vlink *vlink, uint64_t capacity_bps, uint64_t now_ns)
{
    CHECK(capacity_bps > 0);
    *vlink = (struct vlink){.capacity_bps = capacity_bps, .now_ns = now_ns};
}

static void drain(struct vlink *vlink, uint64_t now_ns)
{
    /* Members see the clock at different moments of a turn. */
    if (now_ns < vlink->now_ns)
        return;
    double span_s = (double)(now_ns - vlink->now_ns) * 1e-9;

    vlink->now_ns = now_ns;
    vlink->queue_bytes -= bytes_per_s(vlink) * span_s;
    if (vlink->queue_bytes < 0)
        vlink->queue_bytes = 0;
}

void vlink_set(struct vlink *vlink, uint64_t capacity_bps, uint64_t now_ns)
{
    CHECK(capacity_bps > 0);
    drain(vlink, now_ns);
    vlink->capacity_bps = capacity_bps;
}

void vlink_sent(struct vlink *vlink, uint64_t wire_bytes, uint64_t now_ns)
{
    drain(vlink, now_ns);
    vlink->queue_bytes += (double)wire_bytes;
    if (vlink->queue_bytes > bytes_per_s(vlink) * QUEUE_S_MAX)
        vlink->queue_bytes = bytes_per_s(vlink) * QUEUE_S_MAX;
}

uint64_t vlink_queue_ns(struct vlink *vlink, uint64_t now_ns)
{
    drain(vlink, now_ns);
    double delay_s = vlink->queue_bytes / bytes_per_s(vlink);
    return (uint64_t)((delay_s < QUEUE_S_MAX ? delay_s : QUEUE_S_MAX) * 1e9);
}
