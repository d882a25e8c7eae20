/* A number is taken once, and never when it is too old. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/random.h"
#include "fasp/window.h"

enum { BITS = 256, NUMBERS = 20000 };

static uint64_t words[BITS / 64];
static struct window window;

static void set_up(void)
{
    window_init(&window, words, BITS, 1);
}

TestSuite(window, .init = set_up);

Test(window, random_numbers_are_taken_once)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        static uint8_t taken[NUMBERS + 2 * BITS];
        struct random random;
        uint64_t next = 1;

        random_seed(&random, seed);
        memset(taken, 0, sizeof taken);
        window_init(&window, words, BITS, 1);
        taken[0] = 1;
        while (next < NUMBERS) {
            uint64_t spread = seed % 2 ? 40 : 2 * BITS;
            uint64_t low = next > spread ? next - spread : 0;
            uint64_t number =
                low + random_below(&random, next - low + spread / 4);
            bool old = next > BITS && number < next - BITS;

            cr_assert_eq(window_is_new(&window, number), !old && !taken[number],
                         "seed %lu number %lu", (unsigned long)seed,
                         (unsigned long)number);
            if (old || taken[number])
                continue;
            window_mark(&window, number);
            taken[number] = 1;
            if (number >= next)
                next = number + 1;
            cr_assert_eq(window.next, next);
        }
    }
}

Test(window, a_jump_forgets_all)
{
    window_mark(&window, 1);
    window_mark(&window, UINT64_C(1) << 47);
    cr_assert_not(window_is_new(&window, 1));
    cr_assert_not(window_is_new(&window, UINT64_C(1) << 47));
    cr_assert(window_is_new(&window, (UINT64_C(1) << 47) - BITS + 1));
    cr_assert_not(window_is_new(&window, (UINT64_C(1) << 47) - BITS));
}

Test(window, numbers_below_the_first_never_come)
{
    cr_assert_not(window_is_new(&window, 0));
    cr_assert(window_is_new(&window, 1));
}
