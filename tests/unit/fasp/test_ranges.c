/* The range set against one bit a number. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/random.h"
#include "fasp/ranges.h"

enum { NUMBERS = 4096 };

static struct ranges ranges;
static uint8_t bits[NUMBERS + 1]; /* the last stays 0 */

static void set_up(void)
{
    ranges_init(&ranges, 1000000);
    memset(bits, 0, sizeof bits);
}

static void tear_down(void)
{
    ranges_free(&ranges);
}

TestSuite(ranges, .init = set_up, .fini = tear_down);

static void add(uint64_t first, uint64_t end)
{
    cr_assert(ranges_add(&ranges, first, end));
    memset(bits + first, 1, end - first);
}

/* The set, walked through, is the bits. */
static void expect_equal(void)
{
    uint64_t at = 0;
    uint64_t total = 0;
    uint32_t count = 0;
    struct range range;

    while (ranges_next(&ranges, at, &range)) {
        for (; at < range.first; at++)
            cr_assert_eq(bits[at], 0, "%lu", (unsigned long)at);
        for (; at < range.end; at++)
            cr_assert_eq(bits[at], 1, "%lu", (unsigned long)at);
        cr_assert_eq(bits[at], 0, "ranges touch at %lu", (unsigned long)at);
        total += range.end - range.first;
        count++;
    }
    for (; at < NUMBERS; at++)
        cr_assert_eq(bits[at], 0);
    cr_assert_eq(total, ranges.total);
    cr_assert_eq(count, ranges.count);
}

Test(ranges, random_sets_are_what_bits_say)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct random random;
        random_seed(&random, seed);
        /* From many short ranges to a few that swallow others. */
        uint64_t longest = 1 + random_below(&random, seed % 3 ? 4 : 200);

        ranges_free(&ranges);
        memset(bits, 0, sizeof bits);
        for (int i = 0; i < 2000; i++) {
            uint64_t first = random_below(&random, NUMBERS - longest);
            add(first, first + 1 + random_below(&random, longest));
            if (i % 50 == 0)
                expect_equal();
            if (i % 301 == 300) {
                uint64_t below = random_below(&random, NUMBERS / 2);
                ranges_drop_below(&ranges, below);
                memset(bits, 0, below);
                expect_equal();
            }
        }
        expect_equal();
    }
}

Test(ranges, questions_are_answered_as_bits_would)
{
    struct random random;

    random_seed(&random, 7);
    for (int i = 0; i < 700; i++) {
        uint64_t first = random_below(&random, NUMBERS - 4);
        add(first, first + 1 + random_below(&random, 3));
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t first = random_below(&random, NUMBERS - 8);
        uint64_t end = first + 1 + random_below(&random, 7);
        size_t set = 0;
        uint64_t stop = first;

        for (uint64_t at = first; at < end; at++)
            set += bits[at];
        while (bits[stop])
            stop++;
        cr_assert_eq(ranges_hold(&ranges, first, end), set == end - first);
        cr_assert_eq(ranges_touch(&ranges, first, end), set > 0);
        cr_assert_eq(ranges_end_of(&ranges, first), stop);
    }
}

Test(ranges, in_order_is_one_range)
{
    for (uint64_t at = 0; at < 1000; at++)
        cr_assert(ranges_add(&ranges, at * 1430, (at + 1) * 1430));
    cr_assert_eq(ranges.count, 1);
    cr_assert_eq(ranges_end_of(&ranges, 0), 1000 * 1430);
}

Test(ranges, at_the_bound_only_what_needs_no_range_is_added)
{
    ranges_init(&ranges, 2);
    cr_assert(ranges_add(&ranges, 10, 20));
    cr_assert(ranges_add(&ranges, 30, 40));
    cr_assert_not(ranges_add(&ranges, 50, 60));
    cr_assert_eq(ranges.total, 20);

    cr_assert(ranges_add(&ranges, 40, 60)); /* grows */
    cr_assert(ranges_add(&ranges, 20, 30)); /* joins */
    cr_assert_eq(ranges.count, 1);
    cr_assert_eq(ranges.total, 50);
}

Test(ranges, the_largest_numbers_fit)
{
    cr_assert(ranges_add(&ranges, UINT64_MAX - 1, UINT64_MAX));
    cr_assert(ranges_add(&ranges, 0, 1));
    cr_assert(ranges_add(&ranges, 1, UINT64_MAX - 1));
    cr_assert_eq(ranges.count, 1);
    cr_assert_eq(ranges.total, UINT64_MAX);
}

Test(ranges, an_empty_set_holds_nothing)
{
    struct range range;

    cr_assert_not(ranges_next(&ranges, 0, &range));
    cr_assert_not(ranges_touch(&ranges, 0, UINT64_MAX));
    cr_assert_eq(ranges_end_of(&ranges, 5), 5);
    ranges_drop_below(&ranges, 100);
}

Test(ranges, an_empty_range_is_a_bug, .signal = SIGABRT)
{
    (void)ranges_add(&ranges, 5, 5);
}
