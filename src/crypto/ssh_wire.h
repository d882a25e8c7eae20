/* SSH's strings: a length of 4 bytes and as many bytes (RFC 4251, section 5).
 */
#ifndef CRYPTO_SSH_WIRE_H
#define CRYPTO_SSH_WIRE_H

#include "base/bytes.h"

/* Borrowed; absent, and the reader failed, when it is cut off. */
static inline struct text ssh_get_string(struct bytes_reader *reader)
{
    uint32_t size_bytes = bytes_get_u32(reader);
    const uint8_t *data = bytes_get(reader, size_bytes);

    if (data == NULL)
        return TEXT_ABSENT;
    return text_from((const char *)data, size_bytes);
}

static inline void ssh_put_string(struct bytes_writer *writer, const void *data,
                                  uint32_t size_bytes)
{
    bytes_put_u32(writer, size_bytes);
    bytes_put(writer, data, size_bytes);
}

#endif
