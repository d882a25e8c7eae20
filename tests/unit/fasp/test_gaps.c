/* Missing numbers: seen, declared, listed, confirmed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "fasp/gaps.h"
#include "fasp/report.h"

static struct gaps gaps;
static char text[4096];

static void set_up(void)
{
    cr_assert(gaps_init(&gaps));
}

static void tear_down(void)
{
    gaps_free(&gaps);
}

TestSuite(gaps, .init = set_up, .fini = tear_down);

static void arrive(uint64_t first, uint64_t end, uint64_t now_ns)
{
    for (uint64_t number = first; number < end; number++)
        cr_assert_neq(gaps_arrive(&gaps, number, now_ns), GAPS_REFUSED);
}

/* The list as text: "5-6 9-10 to 12", ends exclusive. */
static const char *list(uint64_t from, uint32_t room)
{
    uint8_t data[2048];
    struct bytes_writer writer = bytes_write_to(data, room);
    uint64_t to = gaps_list(&gaps, from, &writer);
    struct bytes_reader reader = bytes_read_from(data, bytes_written(&writer));
    struct report_range range;
    uint64_t at = from;
    size_t used = 0;

    text[0] = 0;
    while (report_read_range(&reader, &at, to, &range))
        used += (size_t)snprintf(text + used, sizeof text - used, "%lu-%lu ",
                                 (unsigned long)range.first,
                                 (unsigned long)(range.first + range.count));
    cr_assert_not(reader.failed);
    snprintf(text + used, sizeof text - used, "to %lu", (unsigned long)to);
    return text;
}

Test(gaps, in_order_nothing_is_missing)
{
    arrive(1, 1000, 0);
    gaps_declare(&gaps, 1);
    cr_assert_str_eq(list(1, 100), "to 1000");
    cr_assert_eq(gaps.lost, 0);
    cr_assert_not(gaps.reordered);
}

Test(gaps, a_hole_is_declared_after_its_time_and_not_before)
{
    arrive(1, 5, 10);
    arrive(7, 9, 20);
    gaps_declare(&gaps, 19);
    cr_assert_str_eq(list(1, 100), "to 5");
    gaps_declare(&gaps, 20);
    cr_assert_str_eq(list(1, 100), "5-7 to 9");
    cr_assert_eq(gaps.lost, 2);
    cr_assert_eq(gaps.runs, 1);
}

Test(gaps, what_comes_in_time_is_not_declared)
{
    arrive(1, 3, 0);
    arrive(10, 11, 0);
    cr_assert_eq(gaps_arrive(&gaps, 5, 1), GAPS_ON_TIME);
    cr_assert(gaps.reordered);
    gaps_declare(&gaps, 0);
    cr_assert_str_eq(list(1, 100), "3-5 6-10 to 11");
    cr_assert_eq(gaps.runs, 2);
}

Test(gaps, what_comes_late_says_so_and_stays_listed)
{
    arrive(1, 3, 0);
    arrive(4, 5, 0);
    gaps_declare(&gaps, 0);
    cr_assert_eq(gaps_arrive(&gaps, 3, 1), GAPS_LATE);
    cr_assert_not(gaps_is_new(&gaps, 3));
    /* The sender counts it as lost in any case: so it must hear of it. */
    cr_assert_str_eq(list(1, 100), "3-4 to 5");
}

Test(gaps, a_confirmed_stretch_is_not_listed_again)
{
    arrive(1, 3, 0);
    arrive(4, 6, 0);
    arrive(7, 9, 0);
    gaps_declare(&gaps, 0);
    cr_assert_str_eq(list(1, 100), "3-4 6-7 to 9");
    gaps_confirm(&gaps, 1, 5);
    cr_assert_eq(gaps.confirmed_end, 5);
    cr_assert_str_eq(list(gaps.confirmed_end, 100), "6-7 to 9");
    gaps_confirm(&gaps, 5, 9);
    cr_assert_eq(gaps.declared.count, 0);
    cr_assert_str_eq(list(gaps.confirmed_end, 100), "to 9");
}

Test(gaps, stretches_may_be_confirmed_in_any_order)
{
    for (uint64_t number = 1; number < 40; number += 2)
        arrive(number, number + 1, 0);
    gaps_declare(&gaps, 0);
    gaps_confirm(&gaps, 11, 21);
    cr_assert_str_eq(list(1, 100),
                     "2-3 4-5 6-7 8-9 10-11 22-23 24-25 26-27 28-29 30-31 "
                     "32-33 34-35 36-37 38-39 to 40");
    gaps_confirm(&gaps, 1, 11);
    cr_assert_eq(gaps.confirmed_end, 21);
    cr_assert_eq(gaps.confirmed.count, 0);
}

Test(gaps, a_list_without_room_says_how_far_it_goes)
{
    for (uint64_t number = 1; number < 40; number += 2)
        arrive(number, number + 1, 0);
    gaps_declare(&gaps, 0);
    cr_assert_str_eq(list(1, 4), "2-3 4-5 to 5");
    cr_assert_str_eq(list(5, 4), "6-7 8-9 to 9");
}

Test(gaps, a_jump_beyond_the_window_is_one_range)
{
    uint64_t far = UINT64_C(1) << 47;

    arrive(1, 2, 0);
    arrive(far, far + 1, 0);
    gaps_declare(&gaps, 0);
    cr_assert_eq(gaps.lost, far - 2);
    cr_assert_eq(gaps.declared.count, 1);
    cr_assert_eq(gaps.judged, far + 1);
}

Test(gaps, a_hole_that_leaves_the_window_is_declared_at_once)
{
    arrive(1, 2, 5);
    arrive(3, 3 + GAPS_WINDOW_BITS, 5);
    cr_assert_eq(gaps.lost, 1);
    cr_assert_eq(gaps.judged, 3 + GAPS_WINDOW_BITS);
    cr_assert_not(gaps_is_new(&gaps, 2));
}

Test(gaps, without_room_a_datagram_counts_as_lost_and_nothing_is_forgotten)
{
    uint64_t number = 1;

    /* Every other one is missing, and nothing is ever confirmed. */
    while (gaps_arrive(&gaps, number, number) != GAPS_REFUSED)
        number += 2;
    cr_assert_eq(gaps.declared.count, GAPS_COUNT_MAX);
    cr_assert(gaps_is_new(&gaps, number));

    gaps_confirm(&gaps, 1, gaps.judged);
    cr_assert_eq(gaps_arrive(&gaps, number, number), GAPS_ON_TIME);
    gaps_declare(&gaps, number);
    cr_assert_eq(gaps.lost, number / 2);
}

/* Each number is, in the end, either come in time or declared, exactly once,
 * whatever the order. */
Test(gaps, every_number_is_decided_once)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static uint8_t state[6000]; /* 1 in time, 2 declared */
        struct random random;
        uint64_t confirmed = 1;
        uint64_t late = 0;

        random_seed(&random, seed);
        memset(state, 0, sizeof state);
        gaps_free(&gaps);
        cr_assert(gaps_init(&gaps));
        for (uint64_t now = 1; now < 5000; now++) {
            uint64_t back = random_below(&random, 30);
            uint64_t number = now > back ? now - back : now;
            if (!gaps_is_new(&gaps, number))
                continue;
            if (gaps_arrive(&gaps, number, now) == GAPS_ON_TIME)
                state[number] |= 1;
            else
                late++;
            if (random_below(&random, 10) == 0 && now > 10)
                gaps_declare(&gaps, now - 10);
            if (random_below(&random, 50) != 0)
                continue;
            uint8_t data[4096];
            struct bytes_writer writer = bytes_write_to(data, sizeof data);
            uint64_t to = gaps_list(&gaps, confirmed, &writer);
            struct bytes_reader reader =
                bytes_read_from(data, bytes_written(&writer));
            struct report_range range;
            uint64_t at = confirmed;
            while (report_read_range(&reader, &at, to, &range))
                for (uint64_t i = 0; i < range.count; i++)
                    state[range.first + i] |= 2;
            gaps_confirm(&gaps, confirmed, to);
            confirmed = to;
        }
        uint64_t declared = 0;
        for (uint64_t number = 1; number < confirmed; number++) {
            cr_assert(state[number] == 1 || state[number] == 2,
                      "seed %lu: %lu is %d", (unsigned long)seed,
                      (unsigned long)number, state[number]);
            declared += state[number] == 2;
        }
        cr_assert_leq(declared, gaps.lost);
        cr_assert_leq(late, gaps.lost);
    }
}
