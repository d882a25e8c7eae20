/* The folder in which a server keeps what outlives it.
 *
 * Knows: the file system, the identity's file.
 * Must not know: what the store keeps in it.
 *
 *     lock           held while a server runs: one at a time
 *     identity.pem   the node's key and certificate, 0600, made at first start
 *     ferry.db       the store
 *     known_hosts    fingerprints of other nodes
 *     keys/          private keys that orders from other machines may name
 */
#ifndef CENTRAL_STATE_FOLDER_H
#define CENTRAL_STATE_FOLDER_H

#include <stddef.h>

#include "base/check.h"
#include "crypto/identity.h"

struct state_folder {
    const char *path; /* borrowed */
    int fd;
    int lock_fd;
    struct identity identity;
};

/* Makes the folder if it does not exist, locks it, and reads or makes the
 * identity.  Returns 0 or CENTRAL_BAD_CONFIG with a sentence in `error` and
 * nothing held: the folder cannot be written, other users may write to it, a
 * server uses it, or its identity cannot be read. */
MUST_USE int state_folder_open(struct state_folder *folder, const char *path,
                               char *error, size_t error_bytes);
void state_folder_close(struct state_folder *folder);

#endif
