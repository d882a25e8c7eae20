/* What a user's key signs to log in, and how keys travel.
 *
 * The message is 32 bytes of the TLS exporter (RFC 8446, section 7.5), label
 * "EXPORTER-ferry-login", context = session id and user name: it is of this
 * connection only, so that no server can pass a signature on to another one.
 * A public key travels in SSH wire form (RFC 8709, section 4).
 */
#ifndef TRANSFER_SIGNATURE_H
#define TRANSFER_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"
#include "crypto/ssh_key.h"
#include "net/tls_conn.h"

#define SIGNATURE_MESSAGE_BYTES 32u
/* Two texts behind their sizes: "ssh-ed25519" and 32 bytes. */
#define SIGNATURE_KEY_BYTES 51u

/* The user's name is at most CONTROL_USER_BYTES_MAX. */
void signature_message(struct tls_conn *conn, struct uuid session_id,
                       struct text user,
                       uint8_t message[SIGNATURE_MESSAGE_BYTES]);
void signature_write_key(const struct ssh_public_key *key,
                         uint8_t out[SIGNATURE_KEY_BYTES]);
/* Returns false for anything but an Ed25519 key. */
bool signature_read_key(struct text wire, struct ssh_public_key *key);

#endif
