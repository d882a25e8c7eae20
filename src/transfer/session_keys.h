/* The keys of a session's datagrams, one for each direction, from TLS.
 *
 * Knows: the control connection's exporter, AEADs.
 * Must not know: datagrams.
 *
 * Direction 0 is from the client, 1 to it: the exporter's label, with the
 * session's id as context, gives key, IV, key, IV.
 *
 * Source: docs/protocol.md, section 3.
 */
#ifndef TRANSFER_SESSION_KEYS_H
#define TRANSFER_SESSION_KEYS_H

#include <stdbool.h>

#include "base/uuid.h"
#include "crypto/aead.h"
#include "fasp/cipher.h"
#include "net/tls_conn.h"

struct session_keys {
    struct aead seal;
    struct aead open;
};

void session_keys_make(struct session_keys *keys, struct tls_conn *conn,
                       const char *label, const struct uuid *session_id,
                       enum aead_kind kind, bool is_client);
void session_keys_wipe(struct session_keys *keys);
/* `keys` must stay in place while it is used. */
struct fasp_cipher session_keys_cipher(struct session_keys *keys);

#endif
