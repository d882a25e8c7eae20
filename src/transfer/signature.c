#include "transfer/signature.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "fasp/control.h"

static const char label[] = "EXPORTER-ferry-login";
static const char kind[] = "ssh-ed25519";

void signature_message(struct tls_conn *conn, struct uuid session_id,
                       struct text user,
                       uint8_t message[SIGNATURE_MESSAGE_BYTES])
{
    uint8_t context[sizeof session_id.bytes + CONTROL_USER_BYTES_MAX];
    struct bytes_writer writer = bytes_write_to(context, sizeof context);

    bytes_put(&writer, session_id.bytes, sizeof session_id.bytes);
    bytes_put(&writer, user.data, user.size_bytes);
    CHECK(!writer.failed);
    tls_conn_export(conn, label, context, (uint32_t)bytes_written(&writer),
                    message, SIGNATURE_MESSAGE_BYTES);
}

void signature_write_key(const struct ssh_public_key *key,
                         uint8_t out[SIGNATURE_KEY_BYTES])
{
    struct bytes_writer writer = bytes_write_to(out, SIGNATURE_KEY_BYTES);

    bytes_put_u32(&writer, sizeof kind - 1);
    bytes_put(&writer, kind, sizeof kind - 1);
    bytes_put_u32(&writer, SSH_PUBLIC_KEY_BYTES);
    bytes_put(&writer, key->point, SSH_PUBLIC_KEY_BYTES);
    CHECK(!writer.failed);
}

bool signature_read_key(struct text wire, struct ssh_public_key *key)
{
    struct ssh_public_key read;
    uint8_t expected[SIGNATURE_KEY_BYTES];

    if (wire.size_bytes != SIGNATURE_KEY_BYTES)
        return false;
    memcpy(read.point, wire.data + SIGNATURE_KEY_BYTES - SSH_PUBLIC_KEY_BYTES,
           SSH_PUBLIC_KEY_BYTES);
    signature_write_key(&read, expected);
    if (memcmp(expected, wire.data, SIGNATURE_KEY_BYTES) != 0)
        return false;
    *key = read;
    return true;
}
