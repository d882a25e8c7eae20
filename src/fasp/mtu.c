#include "fasp/mtu.h"

#include "base/check.h"

void mtu_init(struct mtu *mtu, uint32_t least, uint32_t start, uint32_t most)
{
    CHECK(least <= start);
    CHECK(start <= most);
    *mtu = (struct mtu){
        .least = least,
        .most = most,
        .good = start,
        .bad = most + 1,
    };
}

static uint32_t next_size(const struct mtu *mtu)
{
    uint32_t open_bytes = mtu->bad - mtu->good - 1;

    if (!mtu->is_halving)
        return open_bytes > 0 ? mtu->bad - 1 : 0;
    return open_bytes >= MTU_STEP_BYTES ? mtu->good + (open_bytes + 1) / 2 : 0;
}

uint32_t mtu_probe(struct mtu *mtu, uint64_t now_ns)
{
    if (mtu->is_trying)
        return 0;
    uint32_t size = next_size(mtu);
    if (size > 0 || mtu->good == mtu->most)
        return size;
    if (mtu->found_ns == 0)
        mtu->found_ns = now_ns;
    if (now_ns - mtu->found_ns < MTU_AGAIN_NS)
        return 0;
    mtu->found_ns = 0;
    mtu->bad = mtu->most + 1;
    mtu->is_halving = false;
    return next_size(mtu);
}

void mtu_sent(struct mtu *mtu, uint32_t size_bytes)
{
    CHECK(!mtu->is_trying);
    if (size_bytes != mtu->tried)
        mtu->tries = 0;
    mtu->tried = size_bytes;
    mtu->is_trying = true;
}

/* What was carried until now is tried first: an outage looks the same. */
static void fall(struct mtu *mtu)
{
    mtu->bad = mtu->good + 1;
    mtu->good = mtu->least;
    mtu->lost_run = 0;
    mtu->came_run = 0;
    mtu->tries = 0;
    mtu->is_trying = false;
    mtu->is_halving = false;
    mtu->found_ns = 0;
}

bool mtu_came(struct mtu *mtu, uint32_t size_bytes)
{
    if (size_bytes > mtu->least) {
        mtu->lost_run = 0;
        mtu->came_run = 0;
    } else if (mtu->lost_run > 0 && ++mtu->came_run >= MTU_CAME_RUN &&
               mtu->lost_run >= MTU_LOST_RUN && mtu->good > mtu->least) {
        fall(mtu);
        return true;
    }
    if (!mtu->is_trying || size_bytes != mtu->tried || size_bytes <= mtu->good)
        return false;
    mtu->good = size_bytes;
    mtu->is_trying = false;
    return true;
}

void mtu_lost(struct mtu *mtu, uint32_t size_bytes, bool is_probe)
{
    if (!is_probe) {
        /* Those larger than now were cut before the path shrank. */
        if (size_bytes > mtu->least && mtu->lost_run < MTU_LOST_RUN)
            mtu->lost_run++;
        return;
    }
    if (!mtu->is_trying || size_bytes != mtu->tried)
        return;
    mtu->is_trying = false;
    if (++mtu->tries < MTU_TRIES)
        return;
    mtu->tries = 0;
    mtu->bad = size_bytes;
    mtu->is_halving = true;
}
