/* A sender that is told anything: it never crashes, and neither its rate nor
 * what it sends is ever above what was asked for. */
#include <stdlib.h>

#include "fasp/report.h"
#include "fasp/sender.h"
#include "fuzz_fasp.h"

#define DATAGRAM_WIRE_BYTES (DATAGRAM_BYTES + FASP_WIRE_BYTES)
/* Of each space: seconds of the rates below. */
#define SOURCE_BYTES (2u << 20)

struct talk {
    struct fasp_sender *sender;
    struct fasp_rates rates;
    uint64_t now_ns;
    uint64_t sent_wire_bytes;
    uint64_t sent_packets;
    uint64_t allowed_bytes; /* that the rates gave so far */
    uint64_t report_number;
    struct report report; /* the last one */
};

static const uint8_t *source_data(void *user, enum fasp_space space,
                                  uint64_t place, uint32_t want_bytes,
                                  uint32_t *have_bytes)
{
    static const uint8_t bytes[DATAGRAM_BYTES];

    (void)user;
    (void)space;
    *have_bytes = to_block_end(place, want_bytes);
    return bytes;
}

static uint64_t allowed_bps(const struct fasp_rates *rates)
{
    uint64_t bps = rates->target_bps;

    if (rates->cap_bps > 0 && rates->cap_bps < bps)
        bps = rates->cap_bps;
    return bps > FASP_RATE_BPS_MIN ? bps : FASP_RATE_BPS_MIN;
}

static void check_rate(const struct talk *talk)
{
    struct fasp_sender_statistics statistics;

    fasp_sender_statistics(talk->sender, talk->now_ns, &statistics);
    CHECK(statistics.rate_bps <= allowed_bps(&talk->rates));
    CHECK(statistics.sent_packets == talk->sent_packets);
    CHECK(statistics.delivered_bytes <= 2 * SOURCE_BYTES);
    CHECK(statistics.loss_ppm <= 1000000);
    CHECK(statistics.path_loss_ppm <= 1000000);
}

/* Over any time, no more than the rate allows, a late start and a burst: see
 * pacer.h.  A burst is 1 ms, or one datagram. */
static void check_sent(const struct talk *talk)
{
    uint64_t bps = FASP_RATE_BPS_MAX / 1000; /* above all that is set here */
    uint64_t slack = bps / 8 / 1000 * 2 + 2 * DATAGRAM_WIRE_BYTES;

    CHECK(talk->sent_wire_bytes <= talk->allowed_bytes + slack);
}

static void let_pass(struct talk *talk, uint64_t span_ns)
{
    talk->now_ns += span_ns;
    talk->allowed_bytes +=
        allowed_bps(&talk->rates) * span_ns / UINT64_C(8000000000) + 1;
}

static void send_all(struct talk *talk)
{
    static uint8_t room[FASP_TRAIN_BYTES_MAX];
    struct fasp_train train;
    int64_t wall_us = (int64_t)(talk->now_ns / 1000);

    for (int i = 0; i < 20; i++) {
        if (!fasp_sender_train(talk->sender, talk->now_ns, wall_us, room,
                               sizeof room, &train))
            break;
        CHECK(train.count > 0 && train.count <= FASP_TRAIN_COUNT_MAX);
        CHECK(train.segment_bytes <= DATAGRAM_BYTES);
        CHECK(train.size_bytes <= train.count * train.segment_bytes);
        CHECK(train.size_bytes > (train.count - 1) * train.segment_bytes);
        talk->sent_packets += train.count;
        talk->sent_wire_bytes +=
            train.size_bytes + train.count * FASP_WIRE_BYTES;
    }
    check_sent(talk);
}

/* A report that goes on from the last one, as far as bytes of the input say,
 * so that many are possible and some are not. */
static uint32_t make_report(struct bytes_reader *input, struct talk *talk,
                            uint8_t *out)
{
    uint8_t kind = bytes_get_u8(input);
    struct report report = talk->report;
    struct bytes_writer writer =
        bytes_write_to(out, DATAGRAM_BYTES - FASP_TAG_BYTES);
    const struct fasp_packet packet = {
        .type = FASP_PACKET_REPORT,
        .connection = 7,
        .number = ++talk->report_number,
    };

    out += fasp_packet_write(&packet, out);
    writer.at += FASP_HEADER_BYTES;
    report.flags = kind & 3;
    report.judged += bytes_get_u8(input) % 16;
    if (report.judged > talk->sent_packets + 1 && (kind & 0x80) == 0)
        report.judged = talk->sent_packets + 1;
    report.from = 1 + report.judged * bytes_get_u8(input) / 256;
    report.to = report.judged - (kind & 0x10 ? bytes_get_u8(input) % 8 : 0);
    report.lost += bytes_get_u8(input) % 4;
    report.runs += report.runs < report.lost;
    report.delivered_bytes +=
        (uint64_t)(bytes_get_u8(input) % 16) * DATAGRAM_WIRE_BYTES;
    if (report.delivered_bytes > talk->sent_wire_bytes && (kind & 0x80) == 0)
        report.delivered_bytes = talk->sent_wire_bytes;
    if ((kind & 0x20) && report.late_bytes < report.delivered_bytes / 2)
        report.late_bytes += DATAGRAM_WIRE_BYTES;
    report.rx_time_us += (uint64_t)bytes_get_u16(input) << (kind >> 6 << 3);
    report.owd_min_us = bytes_get_u32(input);
    report.owd_mean_us = report.owd_min_us + bytes_get_u16(input);
    report.sent_echo_us =
        (uint32_t)(talk->now_ns / 1000) - bytes_get_u16(input) * 4u;
    report.hold_us = bytes_get_u8(input);
    report.disk_queue_us = kind & 8 ? bytes_get_u32(input) : 0;
    report.free_bytes = kind & 4 ? bytes_get_u16(input) : UINT64_MAX;
    report_write(&writer, &report);
    uint64_t at = report.from;
    for (uint8_t ranges = bytes_get_u8(input) % 8; ranges > 0; ranges--) {
        struct report_range range = {at + bytes_get_u8(input) % 8,
                                     1 + bytes_get_u8(input) % 4};
        report_write_range(&writer, &at, range);
    }
    talk->report = report;
    uint32_t size = (uint32_t)bytes_written(&writer);
    memset(writer.at, 0, FASP_TAG_BYTES);
    return size + FASP_TAG_BYTES;
}

static enum fasp_taken give(struct talk *talk, const uint8_t *data,
                            uint32_t size_bytes)
{
    uint8_t token[FASP_PATH_TOKEN_BYTES];
    uint8_t *copy = fuzz_copy(data, size_bytes);
    enum fasp_taken taken =
        fasp_sender_datagram(talk->sender, copy, size_bytes, talk->now_ns,
                             (int64_t)(talk->now_ns / 1000), token);

    free(copy);
    check_rate(talk);
    return taken;
}

static struct fasp_rates make_rates(struct bytes_reader *input)
{
    uint8_t kind = bytes_get_u8(input);
    struct fasp_rates rates = {
        .policy = kind & 1 ? FASP_POLICY_FAIR : FASP_POLICY_FIXED,
        .target_bps = bytes_get_u16(input) * UINT64_C(1500),
        .cap_bps = kind & 2 ? bytes_get_u16(input) * UINT64_C(1500) : 0,
    };

    if (kind & 4)
        rates.minimum_bps = rates.target_bps / 4;
    return rates;
}

/* One step.  Returns false when the session is over. */
static bool step_sender(struct bytes_reader *input, struct talk *talk)
{
    uint8_t room[DATAGRAM_BYTES];
    uint8_t what = bytes_get_u8(input);

    let_pass(talk, (uint64_t)(what >> 4) * (what & 8 ? 100 * MS : MS));
    switch (what & 7) {
    case 0:
    case 1:
        send_all(talk);
        return true;
    case 2:
    case 3:
    case 4: {
        uint32_t size = make_report(input, talk, room);
        return give(talk, room, size) != FASP_NONSENSE;
    }
    case 5: {
        uint32_t size = bytes_get_u8(input);
        const uint8_t *raw = bytes_get(input, size);
        return raw != NULL && give(talk, raw, size) != FASP_NONSENSE;
    }
    case 6: {
        uint64_t from = bytes_get_u16(input) * 30u;
        return fasp_sender_skip(talk->sender, FASP_SPACE_DATA, from,
                                from + bytes_get_u16(input));
    }
    default:
        if (what & 0x80) {
            fasp_sender_pause(talk->sender, (what & 0x40) != 0, talk->now_ns);
        } else {
            talk->rates = make_rates(input);
            CHECK(fasp_sender_set_rates(talk->sender, &talk->rates,
                                        talk->now_ns));
        }
        check_rate(talk);
        return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader reader = bytes_read_from(data, size_bytes);
    struct bytes_reader *input = &reader;
    struct talk talk = {
        .rates = make_rates(input),
        .now_ns = START_NS,
        .report = {.judged = 1},
    };
    const struct fasp_sender_options options = {
        .connection = 7,
        .datagram_bytes = DATAGRAM_BYTES,
        .cipher = null_cipher,
        .source = {NULL, source_data},
        .rates = talk.rates,
        .rtt_ns = bytes_get_u16(input) * MS / 16,
    };

    talk.sender = fasp_sender_open(&options, talk.now_ns);
    CHECK(talk.sender != NULL);
    for (int space = 0; space < FASP_SPACE_COUNT; space++)
        fasp_sender_limit(talk.sender, (enum fasp_space)space, SOURCE_BYTES,
                          true);
    for (int step = 0; step < STEPS_MAX && bytes_left(input) > 0; step++)
        if (!step_sender(input, &talk))
            break;
    send_all(&talk);
    check_rate(&talk);
    fasp_sender_close(talk.sender);
    return 0;
}

void fuzz_seeds(void)
{
    /* Time after time: a train, and a report of some of it. */
    static const uint8_t report[] = {3, 4,  0, 0,  4, 0, 200, 0, 0,
                                     0, 50, 0, 10, 2, 0, 1,   0, 1};
    uint8_t room[1024];

    for (uint8_t policy = 0; policy < 2; policy++) {
        struct bytes_writer writer = bytes_write_to(room, sizeof room);
        bytes_put_u8(&writer, policy);
        bytes_put_uint(&writer, UINT64_C(0xffff0100), 4);
        for (int i = 0; i < 30; i++) {
            bytes_put_u8(&writer, 0x10);
            bytes_put_u8(&writer, 0x12);
            bytes_put(&writer, report, sizeof report);
            if (i % 10 == 9)
                fuzz_seed(room, bytes_written(&writer));
        }
    }
}
