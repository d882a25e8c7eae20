/* The sender against reports made by hand. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/random.h"
#include "fasp/report.h"
#include "fasp/sender.h"
#include "hand_cipher.h"

#define MS UINT64_C(1000000)

enum { PAYLOAD = FASP_DATAGRAM_BYTES_IPV4 - FASP_DATA_OVERHEAD_BYTES };
#define WIRE (FASP_DATAGRAM_BYTES_IPV4 + FASP_WIRE_BYTES)

static struct fasp_sender *sender;
static uint8_t file[200 * PAYLOAD];
static bool not_there;

static const uint8_t *source_data(void *user, enum fasp_space space,
                                  uint64_t place, uint32_t want_bytes,
                                  uint32_t *have_bytes)
{
    (void)user;
    (void)space;
    cr_assert_leq(place + want_bytes, sizeof file);
    if (not_there)
        return NULL;
    *have_bytes = want_bytes;
    return file + place;
}

static struct fasp_sender_options options = {
    .connection = 5,
    .datagram_bytes = FASP_DATAGRAM_BYTES_IPV4,
    .cipher = {NULL, hand_seal, hand_open},
    .source = {NULL, source_data},
    /* 12 Mbit/s is one datagram a millisecond. */
    .rates = {.policy = FASP_POLICY_FIXED, .target_bps = 12000000},
    .rtt_ns = 40 * MS,
};

static void open_with(uint64_t data_bytes)
{
    sender = fasp_sender_open(&options, 0);
    cr_assert_not_null(sender);
    fasp_sender_limit(sender, FASP_SPACE_CATALOGUE, 0, true);
    fasp_sender_limit(sender, FASP_SPACE_DATA, data_bytes, true);
}

static void tear_down(void)
{
    fasp_sender_close(sender);
}

TestSuite(sender, .fini = tear_down);

static uint8_t buffer[FASP_TRAIN_BYTES_MAX];
static struct fasp_train train;
static struct fasp_packet packet; /* the first of the train */

static bool send(uint64_t now_ns)
{
    if (!fasp_sender_train(sender, now_ns, 0, buffer, sizeof buffer, &train))
        return false;
    cr_assert(fasp_packet_read(buffer,
                               train.segment_bytes < train.size_bytes
                                   ? train.segment_bytes
                                   : train.size_bytes,
                               &packet));
    return true;
}

/* Sends all that may go until `end_ns`; the count of datagrams. */
static uint32_t send_until(uint64_t end_ns)
{
    uint32_t count = 0;

    while (fasp_sender_due(sender) < end_ns) {
        if (send(fasp_sender_due(sender)))
            count += train.count;
    }
    return count;
}

static uint8_t datagram[FASP_DATAGRAM_BYTES_IPV4];
static uint8_t token[FASP_PATH_TOKEN_BYTES];

static enum fasp_taken give_report(uint64_t number, const struct report *report,
                                   const struct report_range *list,
                                   uint32_t count, uint64_t now_ns)
{
    uint8_t plain[1400];
    struct bytes_writer writer = bytes_write_to(plain, sizeof plain);
    uint64_t at = report->from;
    struct fasp_packet head = {.type = FASP_PACKET_REPORT, .number = number};

    report_write(&writer, report);
    for (uint32_t i = 0; i < count; i++)
        cr_assert(report_write_range(&writer, &at, list[i]));
    uint32_t size = (uint32_t)bytes_written(&writer);
    fasp_packet_write(&head, datagram);
    hand_seal(NULL, number, datagram, FASP_HEADER_BYTES, plain, size,
              datagram + FASP_HEADER_BYTES);
    return fasp_sender_datagram(sender, datagram,
                                FASP_HEADER_BYTES + size + FASP_TAG_BYTES,
                                now_ns, 0, token);
}

static struct fasp_sender_statistics statistics(void)
{
    struct fasp_sender_statistics result;

    fasp_sender_statistics(sender, 0, &result);
    return result;
}

/* Of `count` datagrams sent, all but one came. */
static struct report all_but(uint64_t count, uint64_t lost)
{
    return (struct report){
        .from = 1,
        .to = count + 1,
        .judged = count + 1,
        .lost = lost,
        .runs = lost,
        .delivered_bytes = (count - lost) * WIRE,
        .rx_time_us = 1000000 + count,
        .free_bytes = UINT64_MAX,
    };
}

Test(sender, fixed_keeps_to_its_rate)
{
    open_with(200 * PAYLOAD);
    cr_assert_eq(send_until(50 * MS), 50);
    cr_assert(send(50 * MS + 100));
    cr_assert_eq(packet.number, 51);
    cr_assert_eq(packet.place, 50 * PAYLOAD);
    cr_assert_eq(packet.space, FASP_SPACE_DATA);
    cr_assert_eq(packet.connection, 5);
    cr_assert_eq(packet.time_us, 50000);
}

Test(sender, a_train_holds_what_a_millisecond_allows)
{
    options.rates.target_bps = 240000000;
    open_with(200 * PAYLOAD);
    cr_assert(send(0));
    cr_assert_eq(train.count, 20);
    cr_assert_eq(train.segment_bytes, FASP_DATAGRAM_BYTES_IPV4);
    cr_assert_eq(train.size_bytes, 20 * FASP_DATAGRAM_BYTES_IPV4);
    cr_assert_not(send(1));
    cr_assert_geq(fasp_sender_due(sender), MS - 10);
}

Test(sender, the_last_of_a_train_may_be_shorter)
{
    options.rates.target_bps = 240000000;
    open_with(3 * PAYLOAD + 10);
    cr_assert(send(0));
    cr_assert_eq(train.count, 4);
    cr_assert_eq(train.size_bytes,
                 3 * FASP_DATAGRAM_BYTES_IPV4 + FASP_DATA_OVERHEAD_BYTES + 10);
}

Test(sender, the_catalogue_goes_first)
{
    open_with(2 * PAYLOAD);
    fasp_sender_close(sender);
    sender = fasp_sender_open(&options, 0);
    fasp_sender_limit(sender, FASP_SPACE_DATA, PAYLOAD, true);
    fasp_sender_limit(sender, FASP_SPACE_CATALOGUE, 100, false);
    cr_assert(send(0));
    cr_assert_eq(packet.space, FASP_SPACE_CATALOGUE);
    cr_assert_eq(train.size_bytes, FASP_DATA_OVERHEAD_BYTES + 100);
    send_until(3 * MS);
    /* It grows, and the growth passes the data too. */
    fasp_sender_limit(sender, FASP_SPACE_CATALOGUE, 150, true);
    cr_assert(send(10 * MS));
    cr_assert_eq(packet.space, FASP_SPACE_CATALOGUE);
    cr_assert_eq(packet.place, 100);
}

Test(sender, what_is_listed_goes_again_before_new_data)
{
    const struct report_range lost = {3, 1};

    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 1);
    cr_assert_eq(give_report(1, &report, &lost, 1, 10 * MS), FASP_TAKEN);
    cr_assert_eq(fasp_sender_delivered(sender, FASP_SPACE_DATA), 2 * PAYLOAD);
    cr_assert(send(10 * MS + 100));
    cr_assert_eq(packet.number, 11);
    cr_assert_eq(packet.place, 2 * PAYLOAD);
    cr_assert_eq(packet.seen, 1);
    cr_assert(send(11 * MS + 200));
    cr_assert_eq(packet.place, 10 * PAYLOAD);
    cr_assert_eq(statistics().lost_bytes, PAYLOAD);
}

Test(sender, what_is_listed_twice_goes_again_once)
{
    const struct report_range lost = {3, 1};

    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 1);
    give_report(1, &report, &lost, 1, 10 * MS);
    cr_assert_eq(give_report(1, &report, &lost, 1, 10 * MS), FASP_DUPLICATE);
    cr_assert_eq(give_report(2, &report, &lost, 1, 10 * MS), FASP_TAKEN);
    send_until(20 * MS);
    cr_assert_eq(statistics().repeated_packets, 1);
    cr_assert_eq(statistics().lost_packets, 1);
}

Test(sender, a_stretch_that_no_report_covered_is_not_decided)
{
    const struct report_range lost = {7, 1};

    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 1);
    report.from = 6; /* the part before got lost */
    give_report(2, &report, &lost, 1, 10 * MS);
    cr_assert_eq(fasp_sender_delivered(sender, FASP_SPACE_DATA), 0);
    cr_assert_eq(statistics().delivered_bytes, 4 * PAYLOAD);
    report.from = 1;
    report.to = 6;
    give_report(1, &report, NULL, 0, 10 * MS);
    cr_assert_eq(fasp_sender_delivered(sender, FASP_SPACE_DATA), 6 * PAYLOAD);
}

Test(sender, it_is_done_when_all_is_final_and_delivered)
{
    open_with(5 * PAYLOAD);
    cr_assert_not(fasp_sender_done(sender));
    send_until(6 * MS);
    struct report report = all_but(5, 0);
    give_report(1, &report, NULL, 0, 50 * MS);
    cr_assert(fasp_sender_done(sender));
    cr_assert_not(send(60 * MS));
    cr_assert_eq(fasp_sender_due(sender), UINT64_MAX);
}

Test(sender, nothing_to_send_is_done_at_once)
{
    open_with(0);
    cr_assert(fasp_sender_done(sender));
}

Test(sender, at_the_end_empty_datagrams_show_what_is_missing)
{
    open_with(2 * PAYLOAD);
    send_until(2 * MS + 100);
    cr_assert(send(20 * MS));
    cr_assert_eq(packet.type, FASP_PACKET_PROBE);
    cr_assert_eq(train.size_bytes, FASP_DATA_OVERHEAD_BYTES);
}

Test(sender, what_is_not_in_memory_is_asked_for_once)
{
    open_with(5 * PAYLOAD);
    not_there = true;
    cr_assert_not(send(0));
    not_there = false;
    cr_assert_not(send(1 * MS)); /* the owner said nothing */
    fasp_sender_ready(sender);
    cr_assert(send(1 * MS));
    cr_assert_eq(packet.type, FASP_PACKET_DATA);
}

Test(sender, a_small_window_of_the_receiver_holds_it_back)
{
    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 0);
    report.free_bytes = 3 * WIRE;
    give_report(1, &report, NULL, 0, 10 * MS);
    cr_assert_eq(send_until(60 * MS), 3);
}

/* The receiver's memory is full of what waits for a repeat. */
Test(sender, a_small_window_lets_repeats_pass)
{
    struct report_range lost = {.first = 3, .count = 2};

    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 2);
    report.free_bytes = 1;
    give_report(1, &report, &lost, 1, 10 * MS);
    cr_assert_eq(send_until(60 * MS), 2);
    cr_assert_eq(packet.type, FASP_PACKET_DATA);
}

Test(sender, a_full_budget_without_news_is_probed)
{
    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 0);
    report.free_bytes = 0;
    give_report(1, &report, NULL, 0, 10 * MS);
    cr_assert_eq(send_until(139 * MS), 0);
    cr_assert_eq(send_until(200 * MS), 1);
    cr_assert_eq(packet.type, FASP_PACKET_PROBE);
}

Test(sender, a_pause_stops_data_and_a_rate_brings_it_back)
{
    struct fasp_rates rates = options.rates;

    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    fasp_sender_pause(sender, true, 10 * MS);
    cr_assert_leq(send_until(1000 * MS), 4); /* probes */
    cr_assert_eq(packet.type, FASP_PACKET_PROBE);
    fasp_sender_pause(sender, false, 1000 * MS);
    cr_assert_geq(send_until(1010 * MS), 9);

    rates.target_bps = 0;
    cr_assert(fasp_sender_set_rates(sender, &rates, 1010 * MS));
    cr_assert_leq(send_until(2000 * MS), 4);
    rates.target_bps = 120000000;
    cr_assert(fasp_sender_set_rates(sender, &rates, 2000 * MS));
    cr_assert_geq(send_until(2010 * MS), 90);
}

Test(sender, the_cap_holds)
{
    struct fasp_rates rates = options.rates;

    rates.target_bps = 1000000000;
    rates.cap_bps = 12000000;
    open_with(200 * PAYLOAD);
    cr_assert(fasp_sender_set_rates(sender, &rates, 0));
    cr_assert_leq(send_until(50 * MS), 51);
}

static const struct fasp_rates refused[] = {
    {.policy = FASP_POLICY_FIXED, .target_bps = FASP_RATE_BPS_MAX + 1},
    {.policy = FASP_POLICY_FAIR, .target_bps = 1000, .minimum_bps = 1001},
    {.policy = FASP_POLICY_FAIR, .target_bps = 1, .cap_bps = UINT64_MAX},
};

Test(sender, rates_out_of_range_are_refused)
{
    open_with(PAYLOAD);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct fasp_sender_options wrong = options;
        wrong.rates = refused[i];
        cr_expect_null(fasp_sender_open(&wrong, 0), "row %zu", i);
        cr_expect_not(fasp_sender_set_rates(sender, &refused[i], 0), "row %zu",
                      i);
    }
}

/* ---- a peer that says what cannot be ---- */

Test(sender, a_report_that_cannot_be_true_ends_the_session)
{
    struct report rows[7];

    for (size_t i = 0; i < 7; i++)
        rows[i] = all_but(10, 0);
    rows[1].judged = 12;
    rows[2].from = 0;
    rows[3].delivered_bytes = 10 * WIRE + 1;
    rows[4].to = rows[4].judged = FASP_NUMBER_MAX;
    rows[5].late_bytes = rows[5].delivered_bytes + 1;
    rows[6].lost = 12;
    for (size_t i = 0; i < 7; i++) {
        open_with(200 * PAYLOAD);
        send_until(10 * MS);
        cr_expect_eq(give_report(1, &rows[i], NULL, 0, 10 * MS),
                     i == 0 ? FASP_TAKEN : FASP_NONSENSE, "row %zu", i);
        fasp_sender_close(sender);
    }
    sender = NULL;
}

Test(sender, what_went_back_since_the_last_report_is_nonsense)
{
    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report report = all_but(10, 0);
    cr_assert_eq(give_report(1, &report, NULL, 0, 10 * MS), FASP_TAKEN);
    report = all_but(9, 0);
    report.rx_time_us = 2000000;
    cr_assert_eq(give_report(2, &report, NULL, 0, 11 * MS), FASP_NONSENSE);
}

Test(sender, an_older_report_that_was_overtaken_is_no_nonsense)
{
    open_with(200 * PAYLOAD);
    send_until(10 * MS);
    struct report newer = all_but(10, 0);
    struct report older = all_but(5, 0);
    cr_assert_eq(give_report(2, &newer, NULL, 0, 10 * MS), FASP_TAKEN);
    cr_assert_eq(give_report(1, &older, NULL, 0, 11 * MS), FASP_TAKEN);
}

Test(sender, garbage_is_malformed_or_forged)
{
    struct random random;

    open_with(200 * PAYLOAD);
    random_seed(&random, 3);
    for (int i = 0; i < 20000; i++) {
        uint8_t garbage[200];
        uint32_t size = (uint32_t)random_below(&random, sizeof garbage);
        for (uint32_t j = 0; j < size; j++)
            garbage[j] = (uint8_t)random_u64(&random);
        if (size > 1)
            garbage[0] = (uint8_t)(i % 7), garbage[1] = 0;
        enum fasp_taken taken =
            fasp_sender_datagram(sender, garbage, size, MS, 0, token);
        cr_assert(taken == FASP_MALFORMED || taken == FASP_FORGED, "%d: %d", i,
                  taken);
    }
}

/* Reports with every field at random, sealed well: a hostile receiver. */
Test(sender, a_hostile_receiver_cannot_raise_the_rate_or_crash)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct random random;
        uint64_t number = 0;
        uint64_t sent = 0;
        bool ended = false;

        options.rates.policy = seed % 2 ? FASP_POLICY_FAIR : FASP_POLICY_FIXED;
        open_with(200 * PAYLOAD);
        random_seed(&random, seed);
        for (uint64_t now = 0; now < 150 * MS && !ended; now += MS) {
            sent += send_until(now);
            struct report report = {
                .flags = (uint8_t)random_below(&random, 4),
                .from = 1 + random_below(&random, sent + 1),
                .delivered_bytes = sent * WIRE,
                .rx_time_us = random_u64(&random) >> 1,
                .lost = random_below(&random, sent + 1),
                .owd_min_us = (uint32_t)random_u64(&random),
                .owd_mean_us = (uint32_t)random_u64(&random),
                .sent_echo_us = (uint32_t)random_u64(&random),
                .hold_us = (uint32_t)random_u64(&random),
                .disk_queue_us = (uint32_t)random_u64(&random),
                .free_bytes = UINT64_MAX,
            };
            report.to =
                report.from + random_below(&random, sent + 2 - report.from);
            report.judged = report.to;
            report.lost = report.lost % report.judged;
            struct report_range range = {report.from, report.to - report.from};
            ended = give_report(++number, &report, &range, range.count > 0,
                                now) == FASP_NONSENSE;
        }
        cr_assert_leq(sent, 153, "seed %lu", (unsigned long)seed);
        cr_assert_leq(statistics().rate_bps, options.rates.target_bps);
        fasp_sender_close(sender);
    }
    sender = NULL;
}

Test(sender, path_datagrams_take_a_number_of_their_own)
{
    static const uint8_t asked[FASP_PATH_TOKEN_BYTES] = {1, 2, 3};
    uint8_t out[FASP_PATH_DATAGRAM_BYTES];
    struct fasp_packet path;

    open_with(10 * PAYLOAD);
    cr_assert(
        fasp_sender_path(sender, FASP_PACKET_PATH_CHALLENGE, asked, out, 0));
    cr_assert(fasp_packet_read(out, sizeof out, &path));
    cr_assert_eq(path.number, 1);
    cr_assert(send(0));
    cr_assert_eq(packet.number, 2);

    struct fasp_packet head = {.type = FASP_PACKET_PATH_RESPONSE, .number = 1};
    fasp_packet_write(&head, datagram);
    hand_seal(NULL, 1, datagram, FASP_HEADER_BYTES, asked, sizeof asked,
              datagram + FASP_HEADER_BYTES);
    cr_assert_eq(fasp_sender_datagram(sender, datagram,
                                      FASP_PATH_DATAGRAM_BYTES, 0, 0, token),
                 FASP_TAKEN_RESPONSE);
    cr_assert_arr_eq(token, asked, sizeof asked);
}

Test(sender, a_skip_leaves_out_what_is_not_wanted)
{
    open_with(100 * PAYLOAD);
    cr_assert(fasp_sender_skip(sender, FASP_SPACE_DATA, 0, 90 * PAYLOAD));
    cr_assert(send(0));
    cr_assert_eq(packet.place, 90 * PAYLOAD);
    cr_assert(fasp_sender_skip(sender, FASP_SPACE_DATA, 0, 100 * PAYLOAD));
    cr_assert(fasp_sender_done(sender));
}

Test(sender, a_space_that_shrinks_is_a_bug, .signal = SIGABRT)
{
    open_with(10 * PAYLOAD);
    fasp_sender_limit(sender, FASP_SPACE_DATA, 9 * PAYLOAD, true);
}
