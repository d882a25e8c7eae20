/* The nodes that were met before, by the fingerprints of their keys.
 *
 * Knows: one text file, a line a node: "[host]:port SHA256:...".
 * Must not know: connections.
 *
 * The first line about a node holds; lines beginning with '#' are remarks.
 * Everything blocks: call it from worker jobs.
 */
#ifndef TRANSFER_KNOWN_HOSTS_H
#define TRANSFER_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/identity.h"

/* Looks the node up.  Returns 1 with `*fingerprint`, 0 when it is not known or
 * there is no file, or -errno; -EBADMSG for a line that cannot be read. */
MUST_USE int known_hosts_find(const char *path, struct text host, uint16_t port,
                              struct fingerprint *fingerprint);

/* Remembers the node, under a lock: when somebody else did so meanwhile with
 * another key, -EEXIST.  Creates the file and its folder, for their owner
 * alone.  0 or -errno. */
MUST_USE int known_hosts_add(const char *path, struct text host, uint16_t port,
                             struct fingerprint fingerprint);

#endif
