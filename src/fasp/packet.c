#include "fasp/packet.h"

#include "base/bytes.h"
#include "base/check.h"

static bool has_data_header(uint8_t type)
{
    return type == FASP_PACKET_DATA || type == FASP_PACKET_PROBE ||
           type == FASP_PACKET_TRAIN;
}

bool fasp_packet_read(const uint8_t *data, uint32_t size_bytes,
                      struct fasp_packet *packet)
{
    struct bytes_reader reader = bytes_read_from(data, size_bytes);
    uint8_t type = bytes_get_u8(&reader);
    uint8_t flags = bytes_get_u8(&reader);
    bool has_data = has_data_header(type);

    if (type < FASP_PACKET_DATA || type > FASP_PACKET_TRAIN)
        return false;
    if ((flags & ~(type == FASP_PACKET_DATA ? FASP_PACKET_FLAG_SPACE : 0)) != 0)
        return false;

    *packet = (struct fasp_packet){
        .type = (enum fasp_packet_type)type,
        .space = (enum fasp_space)(flags & FASP_PACKET_FLAG_SPACE),
        .connection = bytes_get_u32(&reader),
        .number = bytes_get_u48(&reader),
        .header_bytes = has_data ? FASP_DATA_HEADER_BYTES : FASP_HEADER_BYTES,
    };
    if (has_data) {
        packet->place = bytes_get_u48(&reader);
        packet->time_us = bytes_get_u32(&reader);
        packet->seen = bytes_get_u32(&reader);
    }
    return !reader.failed && bytes_left(&reader) >= FASP_TAG_BYTES &&
           packet->number != 0;
}

bool fasp_packet_connection(const uint8_t *data, uint32_t size_bytes,
                            uint32_t *connection)
{
    struct bytes_reader reader = bytes_read_from(data, size_bytes);

    (void)bytes_get_u16(&reader);
    uint32_t value = bytes_get_u32(&reader);
    if (reader.failed)
        return false;
    *connection = value;
    return true;
}

uint32_t fasp_packet_write(const struct fasp_packet *packet, uint8_t *out)
{
    bool has_data = has_data_header((uint8_t)packet->type);
    struct bytes_writer writer = bytes_write_to(out, FASP_DATA_HEADER_BYTES);

    bytes_put_u8(&writer, (uint8_t)packet->type);
    bytes_put_u8(&writer,
                 packet->type == FASP_PACKET_DATA ? (uint8_t)packet->space : 0);
    bytes_put_u32(&writer, packet->connection);
    bytes_put_u48(&writer, packet->number);
    if (has_data) {
        bytes_put_u48(&writer, packet->place);
        bytes_put_u32(&writer, packet->time_us);
        bytes_put_u32(&writer, packet->seen);
    }
    CHECK(!writer.failed);
    return (uint32_t)bytes_written(&writer);
}
