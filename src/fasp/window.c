#include "fasp/window.h"

#include <string.h>

#include "base/check.h"

void window_init(struct window *window, uint64_t *words, uint32_t bits,
                 uint64_t first)
{
    CHECK(bits >= 64);
    CHECK((bits & (bits - 1)) == 0);

    memset(words, 0, bits / 8);
    *window = (struct window){.words = words, .bits = bits, .next = first};
    /* Numbers below the first never come. */
    for (uint64_t number = window_floor(window); number < first; number++)
        words[((uint32_t)number & (bits - 1)) / 64] |= UINT64_C(1)
                                                       << (number % 64);
}

/* The bits of numbers that leave the window are those of the ones that enter
 * it. */
static void clear(struct window *window, uint64_t first, uint64_t end)
{
    if (end - first >= window->bits) {
        memset(window->words, 0, window->bits / 8);
        return;
    }
    for (uint64_t number = first; number < end;) {
        uint32_t bit = (uint32_t)number & (window->bits - 1);
        if (bit % 64 == 0 && end - number >= 64) {
            window->words[bit / 64] = 0;
            number += 64;
        } else {
            window->words[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
            number++;
        }
    }
}

void window_mark(struct window *window, uint64_t number)
{
    uint32_t bit = (uint32_t)number & (window->bits - 1);

    if (number >= window->next) {
        clear(window, window->next, number + 1);
        window->next = number + 1;
    }
    window->words[bit / 64] |= UINT64_C(1) << (bit % 64);
}
