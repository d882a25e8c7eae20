/* Where a session's datagrams go: the address of the control connection, or
 * another one that its peer has shown to be its own.
 *
 * Knows: addresses, packet numbers, time as an argument.
 * Must not know: datagrams, keys, sockets.
 *
 * A peer behind an address translator may move.  Only a datagram that is newer
 * than all before it tells so: one that was late on its old way does not move
 * the path back.
 *
 * Source: docs/protocol.md, section 9.
 */
#ifndef TRANSFER_PEER_PATH_H
#define TRANSFER_PEER_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "fasp/packet.h"

/* Zero-initialise it. */
struct peer_path {
    struct address peer;
    bool is_proven; /* `peer` may be sent to */
    struct address candidate;
    bool is_challenged; /* `candidate` was sent `token` */
    uint8_t token[FASP_PATH_TOKEN_BYTES];
    uint64_t challenge_next_ns;
    uint64_t newest; /* packet number; they begin with 1 */
};

/* A genuine datagram of this number came from `from`; `answers`: with the
 * token.  Moves to an address of the control connection's host at once, to
 * another one when it answers.  Returns whether `candidate` is to be sent a
 * challenge with a new token now. */
bool peer_path_meet(struct peer_path *path, const struct address *control,
                    const struct address *from, uint64_t number, bool answers,
                    uint64_t now_ns);

#endif
