/* Pieces of a space: cut, lost, again, delivered, skipped. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/random.h"
#include "fasp/pieces.h"

static struct pieces pieces;

static void set_up(void)
{
    pieces_init(&pieces);
    pieces.end = 100000;
}

static void tear_down(void)
{
    pieces_free(&pieces);
}

TestSuite(pieces, .init = set_up, .fini = tear_down);

static uint32_t cut(uint32_t size_bytes)
{
    cr_assert(pieces_have_room(&pieces));
    uint64_t number = pieces_cut(&pieces, size_bytes);
    pieces_at(&pieces, number)->flying = 1;
    return (uint32_t)number;
}

static uint32_t repeat(void)
{
    uint32_t number;
    struct piece *piece = pieces_repeat(&pieces, &number);

    cr_assert_not_null(piece);
    pieces_repeat_taken(&pieces);
    piece->flying++;
    return number;
}

Test(pieces, the_end_of_what_is_delivered_moves_over_what_came_before)
{
    uint32_t first = cut(1000);
    uint32_t second = cut(500);
    uint32_t third = cut(700);

    pieces_delivered(&pieces, second);
    cr_assert_eq(pieces_delivered_end(&pieces), 0);
    pieces_delivered(&pieces, first);
    cr_assert_eq(pieces_delivered_end(&pieces), 1500);
    pieces_delivered(&pieces, third);
    cr_assert_eq(pieces_delivered_end(&pieces), 2200);
    cr_assert(pieces_idle(&pieces));
    cr_assert_eq(pieces.delivered_bytes, 2200);
}

Test(pieces, lost_ones_come_again_in_order_and_once)
{
    uint32_t first = cut(1000);
    uint32_t second = cut(1000);
    uint32_t number;

    pieces_lost(&pieces, second);
    pieces_lost(&pieces, first);
    pieces_lost(&pieces, first);
    cr_assert_eq(pieces.repeats_bytes, 2000);
    cr_assert_eq(repeat(), second);
    cr_assert_eq(repeat(), first);
    cr_assert_null(pieces_repeat(&pieces, &number));
    cr_assert_eq(pieces.repeats_bytes, 0);
}

Test(pieces, one_that_came_late_is_passed_over)
{
    uint32_t first = cut(1000);
    uint32_t second = cut(1000);

    pieces_lost(&pieces, first);
    pieces_lost(&pieces, second);
    pieces_delivered(&pieces, first);
    cr_assert_eq(pieces.repeats_bytes, 1000);
    cr_assert_eq(repeat(), second);
}

Test(pieces, while_a_copy_flies_a_loss_asks_for_nothing)
{
    uint32_t first = cut(1000);
    uint32_t number;

    pieces_lost(&pieces, first);
    repeat();
    pieces_find(&pieces, first)->flying++; /* a copy */
    pieces_lost(&pieces, first);
    cr_assert_null(pieces_repeat(&pieces, &number));
    pieces_lost(&pieces, first);
    cr_assert_not_null(pieces_repeat(&pieces, &number));
}

Test(pieces, what_is_skipped_is_never_cut)
{
    cr_assert(pieces_skip(&pieces, 0, 300));
    cr_assert(pieces_skip(&pieces, 1000, 99000));
    cr_assert_eq(pieces_ready(&pieces), 700);
    cr_assert_eq(pieces.next, 300);
    uint32_t first = cut(700);
    cr_assert_eq(pieces_ready(&pieces), 1000);
    cr_assert_eq(pieces.next, 99000);
    pieces_delivered(&pieces, first);
    cr_assert_eq(pieces_delivered_end(&pieces), 99000);
}

Test(pieces, what_is_skipped_in_flight_counts_as_delivered)
{
    uint32_t first = cut(1000);
    uint32_t number;

    cut(1000);
    uint32_t third = cut(1000);
    pieces_lost(&pieces, first);
    /* The third lies only partly within. */
    cr_assert(pieces_skip(&pieces, 0, 2500));
    cr_assert_null(pieces_repeat(&pieces, &number));
    cr_assert_eq(pieces_delivered_end(&pieces), 2000);
    pieces_delivered(&pieces, third);
    cr_assert_eq(pieces_delivered_end(&pieces), 3000);
}

Test(pieces, any_order_of_loss_ends_with_all_delivered)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct random random;
        static uint32_t flying[20000];
        uint32_t count = 0;
        uint32_t number;
        uint64_t sent = 0;

        random_seed(&random, seed);
        pieces_free(&pieces);
        pieces.end = 3000000;
        while (pieces_ready(&pieces) > 0 || !pieces_idle(&pieces)) {
            if (pieces_repeat(&pieces, &number) != NULL) {
                flying[count++] = repeat();
            } else if (pieces_ready(&pieces) > 0 && count < 15000) {
                uint64_t ready = pieces_ready(&pieces);
                flying[count++] = cut(ready < 997 ? (uint32_t)ready : 997);
                sent++;
            }
            if (random_below(&random, 3) == 0 || pieces_ready(&pieces) == 0) {
                uint32_t place = (uint32_t)random_below(&random, count);
                number = flying[place];
                flying[place] = flying[--count];
                if (random_below(&random, 3) == 0)
                    pieces_lost(&pieces, number);
                else
                    pieces_delivered(&pieces, number);
            }
        }
        cr_assert_eq(pieces_delivered_end(&pieces), 3000000);
        cr_assert_eq(pieces.delivered_bytes, 3000000);
        cr_assert_eq(sent, (3000000 + 996) / 997);
    }
}

Test(pieces, the_line_of_repeats_never_overflows)
{
    /* Each comes late after it was queued, so that the line fills with ones
     * to be passed over. */
    uint32_t head = cut(1);

    for (int i = 0; i < 5000; i++) {
        uint32_t number = cut(1);
        pieces_lost(&pieces, number);
        pieces_delivered(&pieces, number);
        if (i % 200 == 199) {
            pieces_delivered(&pieces, head);
            head = cut(1);
        }
    }
    pieces_lost(&pieces, head);
    cr_assert_eq(repeat(), head);
}
