/* The example datagrams of docs/protocol.md, opened by the machines' code. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "crypto/aead.h"
#include "fasp/packet.h"
#include "fasp/report.h"

#define EXAMPLES 10
#define BYTES 512

enum { DATA, PLAIN, PROBE, REPORT, CHALLENGE, TRAIN };

static uint8_t examples[EXAMPLES][BYTES];
static uint32_t sizes[EXAMPLES];

/* Blocks of hexadecimal numbers between lines of ``` behind the heading. */
static void read_page(void)
{
    char line[256];
    bool found = false, inside = false;
    uint32_t count = 0;
    FILE *page = fopen("docs/protocol.md", "r");

    cr_assert_not_null(page);
    while (fgets(line, sizeof line, page) != NULL) {
        found |= strncmp(line, "## 15. Examples", 15) == 0;
        if (!found)
            continue;
        if (strncmp(line, "```", 3) == 0) {
            count += inside;
            inside = !inside;
            continue;
        }
        unsigned byte;
        int used;
        for (const char *at = line;
             inside && sscanf(at, " %2x%n", &byte, &used) == 1; at += used) {
            cr_assert_lt(count, EXAMPLES);
            cr_assert_lt(sizes[count], BYTES);
            examples[count][sizes[count]++] = (uint8_t)byte;
        }
    }
    fclose(page);
    cr_assert_eq(count, EXAMPLES);
}

static struct fasp_packet open_example(uint32_t index, bool to_client,
                                       enum aead_kind kind, uint8_t *content)
{
    const uint8_t *data = examples[index];
    uint8_t secret[56];
    struct fasp_packet packet;
    _Alignas(64) static struct aead aead;

    for (uint32_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)i;
    const uint8_t *half = secret + (to_client ? 28 : 0);
    aead_init(&aead, kind, half, half + 16);
    cr_assert(fasp_packet_read(data, sizes[index], &packet), "%u", index);
    cr_assert(aead_open(&aead, packet.number, data, packet.header_bytes,
                        data + packet.header_bytes,
                        sizes[index] - packet.header_bytes, content),
              "%u", index);
    aead_wipe(&aead);
    return packet;
}

Test(page, its_datagrams_are_ours, .init = read_page)
{
    static const struct {
        uint32_t index;
        bool to_client;
        enum aead_kind kind;
        struct fasp_packet packet;
        const char *content;
    } rows[] = {
        {DATA, false, AEAD_AES_128_GCM,
         {FASP_PACKET_DATA, 0x0a0b0c0d, 7, FASP_SPACE_DATA, 65536, 1000000, 3,
          26},
         "ferry"},
        {PLAIN, false, AEAD_AES_128_GMAC_ONLY,
         {FASP_PACKET_DATA, 0x0a0b0c0d, 7, FASP_SPACE_DATA, 65536, 1000000, 3,
          26},
         "ferry"},
        {PROBE, false, AEAD_AES_128_GCM,
         {FASP_PACKET_PROBE, 0x0a0b0c0d, 8, 0, 0, 1005000, 3, 26},
         ""},
        {CHALLENGE, true, AEAD_AES_128_GCM,
         {FASP_PACKET_PATH_CHALLENGE, 0x01020304, 4, 0, 0, 0, 0, 12},
         "12345678"},
        {TRAIN, false, AEAD_AES_128_GCM,
         {FASP_PACKET_TRAIN, 0xdeadbeef, 34, 0, 33, 5, 0, 26},
         ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct fasp_packet *expected = &rows[i].packet;
        uint8_t content[BYTES];
        struct fasp_packet packet = open_example(
            rows[i].index, rows[i].to_client, rows[i].kind, content);
        cr_assert_eq(packet.type, expected->type, "%zu", i);
        cr_assert_eq(packet.connection, expected->connection, "%zu", i);
        cr_assert_eq(packet.number, expected->number, "%zu", i);
        cr_assert_eq(packet.space, expected->space, "%zu", i);
        cr_assert_eq(packet.place, expected->place, "%zu", i);
        cr_assert_eq(packet.time_us, expected->time_us, "%zu", i);
        cr_assert_eq(packet.seen, expected->seen, "%zu", i);
        cr_assert_eq(packet.header_bytes, expected->header_bytes, "%zu", i);
        cr_assert_eq(
            memcmp(content, rows[i].content, strlen(rows[i].content)), 0,
            "%zu", i);
    }
}

Test(page, its_report_is_ours, .init = read_page)
{
    uint8_t content[BYTES];
    struct report report;
    struct report_range range;
    struct fasp_packet packet =
        open_example(REPORT, true, AEAD_AES_128_GCM, content);
    struct bytes_reader reader =
        bytes_read_from(content, sizes[REPORT] - packet.header_bytes - 16);

    cr_assert(report_read(&reader, &report));
    cr_assert_eq(report.flags, REPORT_FLAG_FRESH | REPORT_FLAG_ECHO);
    cr_assert_eq(report.from, 1);
    cr_assert_eq(report.to, 10);
    cr_assert_eq(report.delivered_bytes, 7500);
    cr_assert_eq(report.rx_time_us, 2000000);
    cr_assert_eq(report.judged, 10);
    cr_assert_eq(report.lost, 3);
    cr_assert_eq(report.runs, 2);
    cr_assert_eq(report.owd_min_us, 999000);
    cr_assert_eq(report.owd_mean_us, 999500);
    cr_assert_eq(report.sent_echo_us, 1005000);
    cr_assert_eq(report.hold_us, 1500);
    cr_assert_eq(report.disk_queue_us, 20);
    cr_assert_eq(report.free_bytes, 1u << 20);
    cr_assert_eq(report.train_rate, 12500000);
    uint64_t at = report.from;
    cr_assert(report_read_range(&reader, &at, report.to, &range));
    cr_assert(range.first == 4 && range.count == 2);
    cr_assert(report_read_range(&reader, &at, report.to, &range));
    cr_assert(range.first == 8 && range.count == 1);
    cr_assert_not(report_read_range(&reader, &at, report.to, &range));
    cr_assert_not(reader.failed);
}
