/* Bounded reading and writing of wire formats: big-endian, no casts.
 *
 * Knows: bytes and their bounds.
 * Must not know: any protocol.
 *
 * Both cursors have a sticky `failed`: a read beyond the end gives zeros, a
 * write beyond the end writes nothing, and the caller looks once, at the end.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct bytes_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct bytes_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct bytes_reader bytes_read_from(const void *data,
                                                  size_t size_bytes)
{
    const uint8_t *start = data;
    return (struct bytes_reader){start, start + size_bytes, false};
}

static inline struct bytes_writer bytes_write_to(void *data, size_t room_bytes)
{
    uint8_t *start = data;
    return (struct bytes_writer){start, start, start + room_bytes, false};
}

static inline size_t bytes_left(const struct bytes_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static inline size_t bytes_written(const struct bytes_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

/* The next `size_bytes` bytes, borrowed; NULL, and failed, when fewer are left. */
static inline const uint8_t *bytes_get(struct bytes_reader *reader,
                                       size_t size_bytes)
{
    if (reader->failed || size_bytes > bytes_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *piece = reader->at;
    reader->at += size_bytes;
    return piece;
}

/* An unsigned number of `size_bytes` bytes, 1 to 8. */
static inline uint64_t bytes_get_uint(struct bytes_reader *reader,
                                      unsigned size_bytes)
{
    const uint8_t *piece = bytes_get(reader, size_bytes);
    uint64_t value = 0;

    if (piece == NULL)
        return 0;
    for (unsigned i = 0; i < size_bytes; i++)
        value = value << 8 | piece[i];
    return value;
}

static inline uint8_t bytes_get_u8(struct bytes_reader *reader)
{
    return (uint8_t)bytes_get_uint(reader, 1);
}

static inline uint16_t bytes_get_u16(struct bytes_reader *reader)
{
    return (uint16_t)bytes_get_uint(reader, 2);
}

static inline uint32_t bytes_get_u32(struct bytes_reader *reader)
{
    return (uint32_t)bytes_get_uint(reader, 4);
}

static inline uint64_t bytes_get_u48(struct bytes_reader *reader)
{
    return bytes_get_uint(reader, 6);
}

static inline uint64_t bytes_get_u64(struct bytes_reader *reader)
{
    return bytes_get_uint(reader, 8);
}

/* A text behind its length in 2 bytes; borrowed; absent after a failure. */
static inline struct text bytes_get_text(struct bytes_reader *reader)
{
    uint16_t size = bytes_get_u16(reader);
    const uint8_t *piece = bytes_get(reader, size);

    if (piece == NULL)
        return TEXT_ABSENT;
    return text_from((const char *)piece, size);
}

static inline void bytes_put(struct bytes_writer *writer, const void *data,
                             size_t size_bytes)
{
    if (writer->failed || size_bytes > (size_t)(writer->end - writer->at)) {
        writer->failed = true;
        return;
    }
    if (size_bytes > 0)
        memcpy(writer->at, data, size_bytes);
    writer->at += size_bytes;
}

static inline void bytes_put_uint(struct bytes_writer *writer, uint64_t value,
                                  unsigned size_bytes)
{
    uint8_t piece[8];

    for (unsigned i = 0; i < size_bytes; i++)
        piece[i] = (uint8_t)(value >> 8 * (size_bytes - 1 - i));
    bytes_put(writer, piece, size_bytes);
}

static inline void bytes_put_u8(struct bytes_writer *writer, uint8_t value)
{
    bytes_put_uint(writer, value, 1);
}

static inline void bytes_put_u16(struct bytes_writer *writer, uint16_t value)
{
    bytes_put_uint(writer, value, 2);
}

static inline void bytes_put_u32(struct bytes_writer *writer, uint32_t value)
{
    bytes_put_uint(writer, value, 4);
}

static inline void bytes_put_u48(struct bytes_writer *writer, uint64_t value)
{
    bytes_put_uint(writer, value, 6);
}

static inline void bytes_put_u64(struct bytes_writer *writer, uint64_t value)
{
    bytes_put_uint(writer, value, 8);
}

/* A text of at most 65535 bytes behind its length in 2 bytes. */
static inline void bytes_put_text(struct bytes_writer *writer,
                                  struct text text)
{
    if (text.size_bytes > UINT16_MAX) {
        writer->failed = true;
        return;
    }
    bytes_put_u16(writer, (uint16_t)text.size_bytes);
    bytes_put(writer, text.data, text.size_bytes);
}

#endif
