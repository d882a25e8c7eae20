/* The receiver, datagram by datagram: what it takes, refuses and reports. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/random.h"
#include "fasp/receiver.h"
#include "fasp/report.h"
#include "hand_cipher.h"

#define MS UINT64_C(1000000)

enum { SPACE_BYTES = 100000, BLOCK = 4096 };

static struct fasp_receiver *receiver;
static uint8_t memory[SPACE_BYTES];
static uint8_t written[SPACE_BYTES]; /* times a byte arrived */
static bool no_room;
static bool no_block; /* memory only for what is proven */
static uint32_t unproven_asked;

static uint8_t *sink_place(void *user, enum fasp_space space, uint64_t place,
                           uint32_t size_bytes, uint32_t *have_bytes,
                           bool proven)
{
    uint32_t left = BLOCK - (uint32_t)(place % BLOCK);

    (void)user;
    if (!proven && space != FASP_SPACE_DATA)
        return NULL;
    cr_assert_eq(space, FASP_SPACE_DATA);
    cr_assert_leq(place + size_bytes, SPACE_BYTES);
    if (!proven)
        unproven_asked++;
    if (no_room || (no_block && !proven))
        return NULL;
    *have_bytes = size_bytes < left ? size_bytes : left;
    return memory + place;
}

static void sink_arrived(void *user, enum fasp_space space, uint64_t place,
                         uint32_t size_bytes)
{
    (void)user;
    (void)space;
    for (uint32_t i = 0; i < size_bytes; i++)
        written[place + i]++;
}

static const struct fasp_receiver_options options = {
    .connection = 9,
    .datagram_bytes = FASP_DATAGRAM_BYTES_IPV4,
    .cipher = {NULL, hand_seal, hand_open},
    .sink = {NULL, sink_place, sink_arrived},
    .rtt_ns = 40 * MS,
};

static void set_up(void)
{
    receiver = fasp_receiver_open(&options, 0);
    cr_assert_not_null(receiver);
    fasp_receiver_limit(receiver, FASP_SPACE_DATA, SPACE_BYTES);
}

static void tear_down(void)
{
    fasp_receiver_close(receiver);
}

TestSuite(receiver, .init = set_up, .fini = tear_down);

/* ---- datagrams ---- */

static uint8_t datagram[FASP_DATAGRAM_BYTES_MAX];
static uint8_t token[FASP_PATH_TOKEN_BYTES];

static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)(place * 7 + place / 251);
}

static uint32_t make(enum fasp_packet_type type, uint64_t number,
                     uint64_t place, uint32_t size_bytes, uint32_t seen)
{
    uint8_t plain[FASP_DATAGRAM_BYTES_MAX];
    struct fasp_packet packet = {
        .type = type,
        .connection = 1,
        .number = number,
        .space =
            type == FASP_PACKET_DATA ? FASP_SPACE_DATA : FASP_SPACE_CATALOGUE,
        .place = place,
        .time_us = (uint32_t)number,
        .seen = seen,
    };
    uint32_t header = fasp_packet_write(&packet, datagram);

    for (uint32_t i = 0; i < size_bytes; i++)
        plain[i] = byte_at(place + i);
    hand_seal(NULL, number, datagram, header, plain, size_bytes,
              datagram + header);
    return header + size_bytes + FASP_TAG_BYTES;
}

static enum fasp_taken give(uint32_t size_bytes, uint64_t now_ns)
{
    return fasp_receiver_datagram(receiver, datagram, size_bytes, now_ns,
                                  token);
}

static enum fasp_taken give_data(uint64_t number, uint64_t place,
                                 uint32_t size_bytes, uint64_t now_ns)
{
    return give(make(FASP_PACKET_DATA, number, place, size_bytes, 0), now_ns);
}

/* Every byte of [from, to) arrived once and is right; none other arrived. */
static void expect_only(uint64_t from, uint64_t to)
{
    for (uint64_t place = 0; place < SPACE_BYTES; place++) {
        bool inside = place >= from && place < to;
        cr_assert_eq(written[place], inside, "byte %lu arrived %u times",
                     (unsigned long)place, written[place]);
        if (inside)
            cr_assert_eq(memory[place], byte_at(place));
    }
}

/* ---- data ---- */

Test(receiver, data_goes_to_its_place)
{
    cr_assert_eq(give_data(1, 5000, 1000, 0), FASP_TAKEN);
    expect_only(5000, 6000);
    cr_assert_eq(fasp_receiver_contiguous(receiver, FASP_SPACE_DATA), 0);
    cr_assert_eq(fasp_receiver_total(receiver, FASP_SPACE_DATA), 1000);
    cr_assert(fasp_receiver_has(receiver, FASP_SPACE_DATA, 5000, 6000));
    cr_assert_not(fasp_receiver_has(receiver, FASP_SPACE_DATA, 4999, 6000));
}

Test(receiver, data_over_the_end_of_a_block_is_put_in_both)
{
    cr_assert_eq(give_data(1, BLOCK - 300, 1000, 0), FASP_TAKEN);
    expect_only(BLOCK - 300, BLOCK + 700);
}

Test(receiver, memory_is_made_only_for_what_is_proven)
{
    no_block = true;
    uint32_t size = make(FASP_PACKET_DATA, 1, 0, 1000, 0);
    datagram[size - 1] ^= 1;
    cr_assert_eq(give(size, 0), FASP_FORGED);
    cr_assert_eq(give_data(1, 0, 1000, 0), FASP_TAKEN);
    expect_only(0, 1000);
    cr_assert_eq(unproven_asked, 2);
}

Test(receiver, a_replay_is_refused_without_a_look_inside)
{
    cr_assert_eq(give_data(1, 0, 1000, 0), FASP_TAKEN);
    memset(memory, 0xee, 1000); /* on its way to the disk */
    unproven_asked = 0;
    cr_assert_eq(give_data(1, 0, 1000, 1), FASP_DUPLICATE);
    cr_assert_eq(unproven_asked, 0);
    cr_assert_eq(memory[0], 0xee);
}

Test(receiver, what_came_before_is_never_written_again)
{
    struct fasp_receiver_statistics statistics;

    cr_assert_eq(give_data(1, 1000, 1000, 0), FASP_TAKEN);
    memory[1500] = 0xee;
    cr_assert_eq(give_data(2, 1000, 1000, 0), FASP_DUPLICATE);
    cr_assert_eq(memory[1500], 0xee);
    /* Half of it is new. */
    cr_assert_eq(give_data(3, 500, 1000, 0), FASP_TAKEN);
    cr_assert_eq(memory[1500], 0xee);
    memory[1500] = byte_at(1500);
    expect_only(500, 2000);

    fasp_receiver_statistics(receiver, &statistics);
    cr_assert_eq(statistics.received_bytes, 1500);
    cr_assert_eq(statistics.duplicate_bytes, 1500);
}

Test(receiver, a_forged_datagram_changes_nothing_that_counts)
{
    struct fasp_receiver_statistics statistics;

    cr_assert_eq(give_data(1, 0, 1000, 0), FASP_TAKEN);
    /* Any bit of header, content or tag. */
    for (uint32_t bit = 0; bit < (1000 + FASP_DATA_OVERHEAD_BYTES) * 8; bit++) {
        uint32_t size = make(FASP_PACKET_DATA, 2, 1000, 1000, 0);
        datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum fasp_taken taken = give(size, 0);
        cr_assert(taken == FASP_FORGED || taken == FASP_MALFORMED ||
                      taken == FASP_DUPLICATE,
                  "bit %u: %d", bit, taken);
    }
    expect_only(0, 1000);
    fasp_receiver_statistics(receiver, &statistics);
    cr_assert_eq(statistics.packets, 1);
    cr_assert_eq(give_data(2, 1000, 1000, 0), FASP_TAKEN);
    expect_only(0, 2000);
}

Test(receiver, garbage_of_any_length_is_malformed_or_forged)
{
    struct random random;

    random_seed(&random, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t size = (uint32_t)random_below(&random, 1600);
        for (uint32_t j = 0; j < size; j++)
            datagram[j] = (uint8_t)random_u64(&random);
        if (size > 1 && i % 2 == 0) {
            datagram[0] = (uint8_t)(i / 2 % 6);
            datagram[1] = 0;
        }
        enum fasp_taken taken = give(size, 0);
        cr_assert(taken == FASP_MALFORMED || taken == FASP_FORGED);
    }
    expect_only(0, 0);
}

Test(receiver, data_beyond_the_end_is_nonsense)
{
    cr_assert_eq(give_data(1, SPACE_BYTES - 1000, 1000, 0), FASP_TAKEN);
    cr_assert_eq(give_data(2, SPACE_BYTES - 999, 1000, 0), FASP_NONSENSE);
    cr_assert_eq(give_data(3, FASP_NUMBER_MAX, 1000, 0), FASP_NONSENSE);
    expect_only(SPACE_BYTES - 1000, SPACE_BYTES);
}

Test(receiver, without_room_a_datagram_counts_as_missing)
{
    no_room = true;
    cr_assert_eq(give_data(1, 0, 1000, 0), FASP_NO_ROOM);
    no_room = false;
    cr_assert_eq(give_data(2, 1000, 1000, 0), FASP_TAKEN);
    cr_assert_eq(give_data(3, 0, 1000, 1), FASP_TAKEN);
    expect_only(0, 2000);
}

Test(receiver, what_is_skipped_is_a_duplicate)
{
    cr_assert(fasp_receiver_skip(receiver, FASP_SPACE_DATA, 0, 3000));
    cr_assert_eq(give_data(1, 1000, 1000, 0), FASP_DUPLICATE);
    cr_assert_eq(fasp_receiver_contiguous(receiver, FASP_SPACE_DATA), 3000);
    expect_only(0, 0);
}

Test(receiver, path_tokens_are_handed_out)
{
    uint32_t size =
        make(FASP_PACKET_PATH_CHALLENGE, 1, 0, FASP_PATH_TOKEN_BYTES, 0);
    cr_assert_eq(size, FASP_PATH_DATAGRAM_BYTES);
    cr_assert_eq(give(size, 0), FASP_TAKEN_CHALLENGE);
    cr_assert_eq(token[3], byte_at(3));
    cr_assert_eq(give(size, 0), FASP_DUPLICATE);

    size = make(FASP_PACKET_PATH_RESPONSE, 2, 0, FASP_PATH_TOKEN_BYTES, 0);
    cr_assert_eq(give(size, 0), FASP_TAKEN_RESPONSE);
    size = make(FASP_PACKET_PATH_RESPONSE, 3, 0, 7, 0);
    cr_assert_eq(give(size, 0), FASP_MALFORMED);
}

Test(receiver, a_report_does_not_come_this_way)
{
    cr_assert_eq(give(make(FASP_PACKET_REPORT, 1, 0, 500, 0), 0),
                 FASP_MALFORMED);
}

/* ---- reports ---- */

static struct report report;
static struct report_range ranges[2000];
static uint32_t range_count;

/* Takes the next report datagram at `now_ns`. */
static bool next_report(uint64_t now_ns)
{
    uint8_t data[FASP_DATAGRAM_BYTES_IPV4];
    uint8_t plain[FASP_DATAGRAM_BYTES_IPV4];
    struct fasp_packet packet;
    uint32_t size;

    if (!fasp_receiver_report(receiver, now_ns, data, sizeof data, &size))
        return false;
    cr_assert_leq(size, options.datagram_bytes);
    cr_assert(fasp_packet_read(data, size, &packet));
    cr_assert_eq(packet.type, FASP_PACKET_REPORT);
    cr_assert_eq(packet.connection, 9);
    cr_assert(
        hand_open(NULL, packet.number, data, 12, data + 12, size - 12, plain));
    struct bytes_reader reader = bytes_read_from(plain, size - 28);
    cr_assert(report_read(&reader, &report));
    uint64_t at = report.from;
    range_count = 0;
    while (report_read_range(&reader, &at, report.to, &ranges[range_count]))
        range_count++;
    cr_assert_not(reader.failed);
    return true;
}

/* Data every half millisecond from `number` on, all before 10 ms: three of
 * them are less than the slack of 2 ms. */
static void give_stream(uint64_t number, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        give_data(number + i, 10000 + 100 * i, 100,
                  (9 * MS + MS / 2) - (count - i) * MS / 2);
}

/* Runs the clock to the next report. */
static uint64_t run_to_report(void)
{
    uint64_t due = fasp_receiver_due(receiver);

    cr_assert(next_report(due));
    return due;
}

Test(receiver, reports_come_every_quarter_of_a_round_trip)
{
    cr_assert(next_report(0));
    cr_assert_not(next_report(1));
    cr_assert_eq(fasp_receiver_due(receiver), 10 * MS);
    cr_assert_not(next_report(10 * MS - 1));
    cr_assert(next_report(10 * MS));
}

Test(receiver, a_report_says_what_came)
{
    give_data(1, 0, 1000, 1 * MS);
    give_data(2, 1000, 1000, 2 * MS);
    cr_assert(next_report(7 * MS));
    cr_assert_eq(report.flags, REPORT_FLAG_FRESH | REPORT_FLAG_ECHO);
    cr_assert_eq(report.delivered_bytes,
                 2 * (1000 + FASP_DATA_OVERHEAD_BYTES + FASP_WIRE_BYTES));
    cr_assert_eq(report.judged, 3);
    cr_assert_eq(report.lost, 0);
    cr_assert_eq(report.sent_echo_us, 2); /* `time_us` is the number here */
    cr_assert_eq(report.hold_us, 5000);
    cr_assert_eq(report.owd_min_us, 1000 - 1);
    cr_assert_eq(report.owd_mean_us, (1000 - 1 + 2000 - 2) / 2);
    cr_assert_eq(range_count, 0);

    run_to_report();
    cr_assert_eq(report.flags, REPORT_FLAG_ECHO);
}

Test(receiver, a_missing_datagram_is_listed_until_the_sender_has_seen_it)
{
    next_report(0); /* number 1 */
    give_data(1, 0, 1000, 1 * MS);
    give_data(3, 2000, 1000, 1 * MS);
    give_stream(4, 16);
    run_to_report(); /* number 2, at 10 ms: the slack of 2 ms is over */
    cr_assert_eq(range_count, 1);
    cr_assert_eq(ranges[0].first, 2);
    cr_assert_eq(ranges[0].count, 1);
    cr_assert_eq(report.lost, 1);
    cr_assert_eq(report.judged, 20);

    run_to_report(); /* number 3 */
    cr_assert_eq(range_count, 1);
    give(make(FASP_PACKET_PROBE, 20, 0, 0, 1), 21 * MS); /* a wrong one */
    run_to_report();
    cr_assert_eq(range_count, 1);
    give(make(FASP_PACKET_PROBE, 21, 0, 0, 2), 31 * MS);
    run_to_report();
    cr_assert_eq(range_count, 0);
    cr_assert_eq(report.from, 20);
}

Test(receiver, a_hole_younger_than_the_slack_is_not_listed)
{
    give_stream(1, 18);
    give_data(20, 2000, 1000, 9 * MS + MS / 2);
    next_report(10 * MS);
    cr_assert_eq(range_count, 0);
    cr_assert_eq(report.judged, 19);
    give_data(19, 1000, 1000, 10 * MS + MS / 2);
    run_to_report();
    cr_assert_eq(range_count, 0);
    cr_assert_eq(report.judged, 21);
}

Test(receiver, once_reordering_was_seen_the_slack_is_longer)
{
    give_stream(2, 12); /* the last at 9 ms */
    give_data(1, 0, 1000, 9 * MS);
    give_data(15, 3000, 1000, 9 * MS);
    next_report(12 * MS); /* 3 ms: more than 2, less than 40 / 8 */
    cr_assert_eq(range_count, 0);
    run_to_report();
    cr_assert_eq(range_count, 1);
}

Test(receiver, what_comes_after_it_was_listed_is_told_apart)
{
    uint32_t wire = 1000 + FASP_DATA_OVERHEAD_BYTES + FASP_WIRE_BYTES;

    give_data(1, 0, 1000, 1 * MS);
    give_data(3, 2000, 1000, 1 * MS);
    give_stream(4, 16);
    next_report(10 * MS);
    cr_assert_eq(range_count, 1);
    uint64_t before = report.delivered_bytes;
    cr_assert_eq(give_data(2, 1000, 1000, 11 * MS), FASP_TAKEN);
    run_to_report();
    cr_assert_eq(report.delivered_bytes, before + wire);
    cr_assert_eq(report.late_bytes, wire);
    cr_assert_eq(range_count, 1); /* so that the sums agree */
}

Test(receiver, a_long_list_takes_several_reports)
{
    uint64_t number = 1;
    uint64_t listed = 0;
    uint64_t from = 1;

    for (; number < 6000; number += 2) {
        uint32_t size = make(FASP_PACKET_PROBE, number, 0, 0, 0);
        cr_assert_eq(give(size, 1 * MS), FASP_TAKEN);
    }
    for (int part = 0; next_report(10 * MS); part++) {
        cr_assert_eq(report.from, from);
        from = report.to;
        for (uint32_t i = 0; i < range_count; i++) {
            cr_assert_eq(ranges[i].first, 2 * (listed + 1));
            cr_assert_eq(ranges[i].count, 1);
            listed++;
        }
        cr_assert_lt(part, 10);
    }
    cr_assert_eq(listed, 2999);
    cr_assert_eq(from, report.judged);
}

Test(receiver, a_window_that_opens_is_told_at_once)
{
    fasp_receiver_room(receiver, 1000, 3 * MS, 0);
    next_report(0);
    cr_assert_eq(report.free_bytes, 1000);
    cr_assert_eq(report.disk_queue_us, 3000);
    fasp_receiver_room(receiver, 2000, 0, 1 * MS);
    cr_assert_gt(fasp_receiver_due(receiver), 1 * MS);
    fasp_receiver_room(receiver, 1 << 20, 0, 2 * MS);
    cr_assert_eq(fasp_receiver_due(receiver), 2 * MS);
    next_report(2 * MS);
    cr_assert_eq(report.free_bytes, 1 << 20);
}

Test(receiver, seen_of_reports_that_never_were_changes_nothing)
{
    give_data(1, 0, 1000, 1 * MS);
    give_data(3, 2000, 1000, 1 * MS);
    give_stream(4, 16);
    next_report(10 * MS);
    for (uint32_t seen = 2; seen < 3000; seen++)
        give(make(FASP_PACKET_PROBE, 18 + seen, 0, 0, seen * 77), 11 * MS);
    run_to_report();
    cr_assert_eq(range_count, 1);
}
