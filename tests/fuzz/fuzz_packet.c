/* Datagrams: headers, reports, and a receiver that is sent anything.  What
 * arrives, arrives once, in its place, and is what the receiver says it has. */
#include <stdlib.h>

#include "fasp/receiver.h"
#include "fasp/report.h"
#include "fuzz_fasp.h"

/* The first byte of an input. */
enum target {
    HEADER,
    REPORT,
    RECEIVER,
    TARGET_COUNT,
};

/* ---- headers and reports ---- */

static void take_header(struct text bytes)
{
    struct fasp_packet packet;
    uint8_t written[FASP_DATA_HEADER_BYTES];
    uint32_t connection;

    if (!fasp_packet_read((const uint8_t *)bytes.data, bytes.size_bytes,
                          &packet))
        return;
    CHECK(packet.number > 0 && packet.number <= FASP_NUMBER_MAX);
    CHECK(packet.place <= FASP_NUMBER_MAX);
    CHECK(bytes.size_bytes >= packet.header_bytes + FASP_TAG_BYTES);
    CHECK(fasp_packet_write(&packet, written) == packet.header_bytes);
    CHECK(memcmp(written, bytes.data, packet.header_bytes) == 0);
    CHECK(fasp_packet_connection((const uint8_t *)bytes.data, bytes.size_bytes,
                                 &connection));
    CHECK(connection == packet.connection);
}

static void take_report(struct text bytes)
{
    struct bytes_reader reader = bytes_read_from(bytes.data, bytes.size_bytes);
    uint8_t written[REPORT_FIXED_BYTES + 8192];
    struct bytes_writer writer = bytes_write_to(written, sizeof written);
    struct report report;
    struct report again;
    struct report_range range;

    if (!report_read(&reader, &report))
        return;
    report_write(&writer, &report);
    uint64_t at = report.from;
    uint64_t written_at = report.from;
    while (report_read_range(&reader, &at, report.to, &range)) {
        CHECK(range.count > 0 && range.first + range.count == at);
        CHECK(at <= report.to);
        CHECK(report_write_range(&writer, &written_at, range));
        CHECK(written_at == at);
    }
    struct bytes_reader second =
        bytes_read_from(written, bytes_written(&writer));
    CHECK(report_read(&second, &again));
    CHECK(again.from == report.from && again.to == report.to);
    CHECK(again.lost == report.lost && again.flags == report.flags);
    CHECK(again.free_bytes == report.free_bytes);
}

/* ---- the receiver ---- */

struct sink {
    uint8_t bytes[SPACE_BYTES];
    uint8_t arrived[SPACE_BYTES];
};

static struct sink sinks[FASP_SPACE_COUNT];

static uint8_t *sink_place(void *user, enum fasp_space space, uint64_t place,
                           uint32_t size_bytes, uint32_t *have_bytes,
                           bool proven)
{
    (void)user;
    CHECK(size_bytes > 0);
    if (place >= SPACE_BYTES || (!proven && place % BLOCK_BYTES == 0))
        return NULL;
    *have_bytes = to_block_end(place, size_bytes);
    if (*have_bytes > SPACE_BYTES - place)
        *have_bytes = (uint32_t)(SPACE_BYTES - place);
    return sinks[space].bytes + place;
}

static void sink_arrived(void *user, enum fasp_space space, uint64_t place,
                         uint32_t size_bytes)
{
    (void)user;
    CHECK(place + size_bytes <= SPACE_BYTES);
    for (uint32_t i = 0; i < size_bytes; i++)
        CHECK(sinks[space].arrived[place + i]++ == 0);
}

/* A datagram whose header fits more often than chance would have it. */
static uint32_t make_data(struct bytes_reader *input, uint64_t *number,
                          uint32_t report_count, uint8_t *out)
{
    uint8_t kind = bytes_get_u8(input);
    uint16_t size = bytes_get_u16(input) % (DATAGRAM_BYTES + 1);
    struct fasp_packet packet = {
        .type = (enum fasp_packet_type)(1 + kind % 5),
        .number = *number + bytes_get_u8(input),
        .space = (enum fasp_space)(kind >> 7),
        .place = (uint64_t)(bytes_get_u16(input) % (SPACE_BYTES + 1000)) *
                 (kind & 0x40 ? 40 : 1),
        .time_us = bytes_get_u32(input),
        .seen = bytes_get_u8(input) % (report_count + 2),
    };

    if (kind & 0x20) /* back, or far ahead */
        packet.number = kind & 0x10 ? packet.number << 16 : packet.number / 2;
    if (packet.number > FASP_NUMBER_MAX)
        packet.number = FASP_NUMBER_MAX;
    if ((kind & 0x20) == 0)
        *number = packet.number;
    uint32_t header = fasp_packet_write(&packet, out);
    if (packet.type == FASP_PACKET_PROBE)
        size = 0;
    else if (packet.type != FASP_PACKET_DATA)
        size = FASP_PATH_TOKEN_BYTES;
    memset(out + header, 0, size + FASP_TAG_BYTES);
    return header + size + FASP_TAG_BYTES;
}

static uint32_t take_reports(struct fasp_receiver *receiver, uint64_t now_ns)
{
    uint8_t room[DATAGRAM_BYTES];
    uint32_t size;
    uint32_t count = 0;

    while (fasp_receiver_report(receiver, now_ns, room, sizeof room, &size)) {
        struct fasp_packet packet;
        struct report report;

        CHECK(size <= DATAGRAM_BYTES);
        CHECK(fasp_packet_read(room, size, &packet));
        struct bytes_reader reader =
            bytes_read_from(room + FASP_HEADER_BYTES,
                            size - FASP_HEADER_BYTES - FASP_TAG_BYTES);
        CHECK(report_read(&reader, &report));
        CHECK(++count <= 1000);
    }
    return count;
}

/* What arrived is what is had, but for what was skipped. */
static void check_receiver(struct fasp_receiver *receiver, bool skipped)
{
    struct fasp_receiver_statistics statistics;
    uint64_t arrived = 0;

    fasp_receiver_statistics(receiver, &statistics);
    for (int space = 0; space < FASP_SPACE_COUNT; space++) {
        uint64_t total = fasp_receiver_total(receiver, (enum fasp_space)space);
        uint64_t here = 0;

        for (uint32_t i = 0; i < SPACE_BYTES; i++)
            here += sinks[space].arrived[i];
        CHECK(skipped ? total >= here : total == here);
        CHECK(fasp_receiver_contiguous(receiver, (enum fasp_space)space) <=
              total);
        arrived += here;
    }
    CHECK(arrived == statistics.received_bytes);
}

static void run_receiver(struct bytes_reader *input)
{
    const struct fasp_receiver_options options = {
        .connection = 7,
        .datagram_bytes = DATAGRAM_BYTES,
        .cipher = null_cipher,
        .sink = {NULL, sink_place, sink_arrived},
    };
    uint8_t token[FASP_PATH_TOKEN_BYTES];
    uint8_t room[DATAGRAM_BYTES + 256];
    uint64_t now_ns = START_NS;
    uint64_t number = 0;
    uint32_t reports = 0;
    bool skipped = false;
    struct fasp_receiver *receiver = fasp_receiver_open(&options, now_ns);

    CHECK(receiver != NULL);
    memset(sinks, 0, sizeof sinks);
    for (int step = 0; step < STEPS_MAX && bytes_left(input) > 0; step++) {
        uint8_t what = bytes_get_u8(input);

        now_ns += (uint64_t)(what >> 4) * (what & 8 ? 10 * MS : MS / 10);
        if ((what & 7) == 7) {
            reports += take_reports(receiver, now_ns);
        } else if ((what & 7) == 6) {
            uint16_t from = bytes_get_u16(input);
            skipped = true;
            (void)fasp_receiver_skip(receiver, FASP_SPACE_DATA, from,
                                     from + bytes_get_u16(input));
        } else if ((what & 7) == 5) {
            fasp_receiver_room(receiver, bytes_get_u32(input),
                               bytes_get_u32(input), now_ns);
        } else if ((what & 7) == 4) {
            uint32_t size = bytes_get_u8(input);
            const uint8_t *raw = bytes_get(input, size);
            if (raw == NULL)
                break;
            uint8_t *copy = fuzz_copy(raw, size);
            fasp_receiver_datagram(receiver, copy, size, now_ns, token);
            free(copy);
        } else {
            uint32_t size = make_data(input, &number, reports, room);
            uint8_t *copy = fuzz_copy(room, size);
            fasp_receiver_datagram(receiver, copy, size, now_ns, token);
            free(copy);
        }
    }
    take_reports(receiver, now_ns);
    check_receiver(receiver, skipped);
    fasp_receiver_close(receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);

    switch ((enum target)(bytes_get_u8(&input) % TARGET_COUNT)) {
    case HEADER:
        take_header(fuzz_rest(&input));
        return 0;
    case REPORT:
        take_report(fuzz_rest(&input));
        return 0;
    case RECEIVER:
        run_receiver(&input);
        return 0;
    case TARGET_COUNT:
        break;
    }
    NEVER("the remainder is smaller");
}

/* ---- seeds ---- */

static void seed_header_and_report(void)
{
    uint8_t room[512] = {HEADER};
    const struct fasp_packet packet = {
        FASP_PACKET_DATA, 7, 1, FASP_SPACE_DATA, 1000, 5, 1, 0};
    struct bytes_writer writer = bytes_write_to(room + 1, sizeof room - 1);
    struct report report = {.from = 1,
                            .to = 20,
                            .judged = 20,
                            .lost = 3,
                            .runs = 1,
                            .free_bytes = 100000};
    uint64_t at = report.from;

    fuzz_seed(room, 1 + fasp_packet_write(&packet, room + 1) + FASP_TAG_BYTES);
    room[0] = REPORT;
    report_write(&writer, &report);
    CHECK(report_write_range(&writer, &at, (struct report_range){3, 2}));
    CHECK(report_write_range(&writer, &at, (struct report_range){9, 1}));
    fuzz_seed(room, 1 + bytes_written(&writer));
}

void fuzz_seeds(void)
{
    /* Time after time: some data, then reports. */
    static const uint8_t data[] = {0x11, 0x80, 4, 100, 1, 0, 10, 0, 0, 0, 9, 1};
    uint8_t room[1024] = {RECEIVER};
    struct bytes_writer writer = bytes_write_to(room + 1, sizeof room - 1);

    seed_header_and_report();
    for (int i = 0; i < 20; i++) {
        bytes_put(&writer, data, sizeof data);
        bytes_put_u8(&writer, 0x7f);
        if (i % 5 == 4)
            fuzz_seed(room, 1 + bytes_written(&writer));
    }
}
