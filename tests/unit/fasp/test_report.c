/* Reports: written, read, cut at every place, and nonsense. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/random.h"
#include "fasp/packet.h"
#include "fasp/report.h"

static const struct report full = {
    .flags = REPORT_FLAG_FRESH | REPORT_FLAG_ECHO,
    .from = 100,
    .to = 500,
    .delivered_bytes = UINT64_MAX,
    .late_bytes = 17,
    .rx_time_us = 0x0102030405060708,
    .judged = FASP_NUMBER_MAX,
    .lost = 12,
    .runs = 11,
    .owd_min_us = UINT32_MAX,
    .owd_mean_us = 1,
    .sent_echo_us = 2,
    .hold_us = 3,
    .disk_queue_us = 4,
    .free_bytes = UINT64_MAX,
    .train_rate = 5,
    .ce_count = 6,
};

static uint8_t data[2048];

static uint32_t write_report(const struct report *report,
                             const struct report_range *list, uint32_t count)
{
    struct bytes_writer writer = bytes_write_to(data, sizeof data);
    uint64_t at = report->from;

    report_write(&writer, report);
    for (uint32_t i = 0; i < count; i++)
        cr_assert(report_write_range(&writer, &at, list[i]));
    return (uint32_t)bytes_written(&writer);
}

/* Reads all; the count of ranges, or -1. */
static int read_all(uint32_t size, struct report *report,
                    struct report_range *list)
{
    struct bytes_reader reader = bytes_read_from(data, size);
    int count = 0;

    if (!report_read(&reader, report))
        return -1;
    uint64_t at = report->from;
    while (report_read_range(&reader, &at, report->to, &list[count]))
        count++;
    return reader.failed ? -1 : count;
}

Test(report, what_is_written_is_read)
{
    const struct report_range list[] = {
        {100, 1}, {101, 1}, {200, 128}, {328, 100}, {499, 1}};
    struct report_range got[16];
    struct report report;
    uint32_t size = write_report(&full, list, 5);

    cr_assert_eq(read_all(size, &report, got), 5);
    cr_assert_eq(memcmp(got, list, sizeof list), 0);

    static uint8_t before[sizeof data];
    memcpy(before, data, size);
    cr_assert_eq(write_report(&report, got, 5), size);
    cr_assert_arr_eq(data, before, size);
    cr_assert_eq(report.rx_time_us, full.rx_time_us);
    cr_assert_eq(report.judged, full.judged);
    cr_assert_eq(report.free_bytes, full.free_bytes);
}

Test(report, neighbours_of_one_take_two_bytes)
{
    const struct report_range list[] = {{110, 1}, {150, 3}};

    cr_assert_eq(write_report(&full, list, 2), REPORT_FIXED_BYTES + 4);
}

Test(report, a_cut_one_is_refused_or_has_fewer_ranges)
{
    const struct report_range list[] = {{100, 1}, {300, 150}};
    struct report_range got[16];
    struct report report;
    uint32_t size = write_report(&full, list, 2);

    for (uint32_t cut = 0; cut < REPORT_FIXED_BYTES; cut++)
        cr_expect_eq(read_all(cut, &report, got), -1, "cut %u", cut);
    for (uint32_t cut = REPORT_FIXED_BYTES; cut < size; cut++)
        cr_expect_lt(read_all(cut, &report, got), 2, "cut %u", cut);
}

Test(report, fields_that_a_later_version_adds_are_passed_over)
{
    const struct report_range list[] = {{120, 2}};
    struct report_range got[16];
    struct report report;
    uint32_t size = write_report(&full, list, 1);

    memmove(data + REPORT_FIXED_BYTES + 9, data + REPORT_FIXED_BYTES,
            size - REPORT_FIXED_BYTES);
    data[0] += 9;
    cr_assert_eq(read_all(size + 9, &report, got), 1);
    cr_assert_eq(got[0].first, 120);
}

Test(report, what_contradicts_itself_is_refused)
{
    struct report rows[] = {full, full, full, full, full};
    struct report_range got[16];
    struct report report;

    rows[0].from = rows[0].to + 1;
    rows[1].judged = rows[1].to - 1;
    rows[2].lost = rows[2].judged = 500;
    rows[2].lost++;
    rows[3].runs = rows[3].lost + 1;
    rows[4].delivered_bytes = rows[4].late_bytes - 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(read_all(write_report(&rows[i], NULL, 0), &report, got),
                     -1, "row %zu", i);
}

Test(report, a_range_beyond_its_stretch_is_refused)
{
    const struct report_range inside = {499, 1};
    const struct report_range beyond = {499, 2};
    struct report_range got[16];
    struct report report;

    cr_assert_eq(read_all(write_report(&full, &inside, 1), &report, got), 1);
    cr_assert_eq(read_all(write_report(&full, &beyond, 1), &report, got), -1);
}

/* Random bytes behind a good beginning: never out of bounds, always in
 * order. */
Test(report, random_lists_are_in_order_or_refused)
{
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random random;
        uint32_t size = write_report(&full, NULL, 0);
        uint64_t end = full.from;
        struct report report;
        struct report_range range;

        random_seed(&random, seed);
        for (int i = 0; i < 60; i++)
            data[size++] = (uint8_t)random_below(&random, seed % 2 ? 256 : 12);
        struct bytes_reader reader = bytes_read_from(data, size);
        cr_assert(report_read(&reader, &report));
        uint64_t at = report.from;
        while (report_read_range(&reader, &at, report.to, &range)) {
            cr_assert_geq(range.first, end);
            cr_assert_gt(range.count, 0);
            end = range.first + range.count;
            cr_assert_leq(end, report.to);
            cr_assert_eq(at, end);
        }
    }
}

Test(report, a_range_that_goes_back_is_a_bug, .signal = SIGABRT)
{
    const struct report_range list[] = {{200, 1}, {150, 1}};

    write_report(&full, list, 2);
}
