#include "transfer/peer_path.h"

/* Challenges to an address that did not answer yet. */
#define CHALLENGE_NS UINT64_C(200000000)

static void use(struct peer_path *path, const struct address *peer)
{
    path->peer = *peer;
    path->is_proven = true;
    path->is_challenged = false;
}

bool peer_path_meet(struct peer_path *path, const struct address *control,
                    const struct address *from, uint64_t number, bool answers,
                    uint64_t now_ns)
{
    bool is_newest = number > path->newest;

    if (is_newest)
        path->newest = number;
    if (path->is_proven && address_equal(from, &path->peer))
        return false;
    /* The token was sent to nobody else, whatever overtook its answer. */
    if (answers && path->is_challenged &&
        address_equal(from, &path->candidate)) {
        use(path, from);
        return false;
    }
    if (path->is_proven && !is_newest)
        return false;
    if (address_equal_ip(from, control)) {
        use(path, from);
        return false;
    }
    if (now_ns < path->challenge_next_ns)
        return false;
    path->challenge_next_ns = now_ns + CHALLENGE_NS;
    path->candidate = *from;
    path->is_challenged = true;
    return true;
}
