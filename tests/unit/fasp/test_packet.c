/* Headers of datagrams: written, read, cut at every place. */
#include <criterion/criterion.h>
#include <string.h>

#include "fasp/packet.h"

static const struct fasp_packet rows[] = {
    {FASP_PACKET_DATA, 0x01020304, 1, FASP_SPACE_DATA, 0, 0, 0, 26},
    {FASP_PACKET_DATA, UINT32_MAX, FASP_NUMBER_MAX, FASP_SPACE_CATALOGUE,
     FASP_NUMBER_MAX, UINT32_MAX, UINT32_MAX, 26},
    {FASP_PACKET_PROBE, 7, 0x0a0b0c0d0e0f, FASP_SPACE_CATALOGUE, 5, 6, 7, 26},
    {.type = FASP_PACKET_REPORT, .number = 1, .header_bytes = 12},
    {.type = FASP_PACKET_PATH_CHALLENGE, .number = 2, .header_bytes = 12},
    {.type = FASP_PACKET_PATH_RESPONSE, .number = 3, .header_bytes = 12},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

Test(packet, what_is_written_is_read)
{
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t data[64] = {0};
        struct fasp_packet packet;
        uint32_t size = fasp_packet_write(&rows[i], data);

        cr_assert_eq(size, rows[i].header_bytes, "row %zu", i);
        cr_assert(fasp_packet_read(data, size + FASP_TAG_BYTES, &packet));
        cr_expect_eq(packet.type, rows[i].type, "row %zu", i);
        cr_expect_eq(packet.connection, rows[i].connection, "row %zu", i);
        cr_expect_eq(packet.number, rows[i].number, "row %zu", i);
        cr_expect_eq(packet.space, rows[i].space, "row %zu", i);
        cr_expect_eq(packet.place, rows[i].place, "row %zu", i);
        cr_expect_eq(packet.time_us, rows[i].time_us, "row %zu", i);
        cr_expect_eq(packet.seen, rows[i].seen, "row %zu", i);
    }
}

Test(packet, the_layout_is_the_documented_one)
{
    static const uint8_t wanted[26] = {1, 1, 0, 0, 0, 7, 0, 0, 0, 0, 1, 2, 0,
                                       0, 0, 0, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6};
    struct fasp_packet packet = {FASP_PACKET_DATA, 7, 0x0102, FASP_SPACE_DATA,
                                 0x0304,           5, 6,      0};
    uint8_t data[26];

    cr_assert_eq(fasp_packet_write(&packet, data), 26);
    cr_assert_arr_eq(data, wanted, sizeof wanted);
}

Test(packet, anything_shorter_than_header_and_tag_is_refused)
{
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t data[64] = {0};
        struct fasp_packet packet;
        uint32_t size = fasp_packet_write(&rows[i], data) + FASP_TAG_BYTES;

        for (uint32_t cut = 0; cut < size; cut++)
            cr_expect_not(fasp_packet_read(data, cut, &packet), "cut %u", cut);
    }
}

Test(packet, only_known_types_and_flags_are_read)
{
    for (uint32_t first = 0; first < 65536; first++) {
        uint8_t data[64] = {(uint8_t)(first >> 8), (uint8_t)first};
        struct fasp_packet packet;
        uint32_t type = first >> 8;
        uint32_t flags = first & 0xff;
        bool known =
            type >= 1 && type <= 6 && (flags == 0 || (type == 1 && flags == 1));

        data[11] = 1; /* a number that is not 0 */
        cr_expect_eq(fasp_packet_read(data, sizeof data, &packet), known,
                     "%04x", first);
    }
}

Test(packet, number_0_is_refused)
{
    uint8_t data[64] = {FASP_PACKET_DATA};
    struct fasp_packet packet;

    cr_assert_not(fasp_packet_read(data, sizeof data, &packet));
}

Test(packet, the_connection_id_is_found_whatever_the_type)
{
    const uint8_t data[] = {0xff, 0xff, 1, 2, 3, 4};
    uint32_t connection = 0;

    cr_assert(fasp_packet_connection(data, 6, &connection));
    cr_assert_eq(connection, 0x01020304);
    for (uint32_t cut = 0; cut < 6; cut++)
        cr_assert_not(fasp_packet_connection(data, cut, &connection));
}
