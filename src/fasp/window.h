/* Which packet numbers came lately: a number is taken once, and never when it
 * is too old to know.
 *
 * Knows: packet numbers.
 * Must not know: what they number.
 *
 * A ring of bits for the newest WINDOW numbers.  Skipping ahead clears the
 * bits in between, at most all of them.
 */
#ifndef FASP_WINDOW_H
#define FASP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint64_t *words; /* owned by who holds the window */
    uint32_t bits;   /* a power of two, 64 or more */
    uint64_t next;   /* one beyond the highest number that came */
};

/* `words` has room for `bits` and is cleared; the first number is `first`. */
void window_init(struct window *window, uint64_t *words, uint32_t bits,
                 uint64_t first);

/* The lowest number that can still be taken. */
static inline uint64_t window_floor(const struct window *window)
{
    return window->next > window->bits ? window->next - window->bits : 0;
}

/* Whether `number`, which lies between floor and next, came. */
static inline bool window_has(const struct window *window, uint64_t number)
{
    uint32_t bit = (uint32_t)number & (window->bits - 1);
    return (window->words[bit / 64] >> (bit % 64) & 1) != 0;
}

/* Whether `number` did not come yet and is not too old. */
static inline bool window_is_new(const struct window *window, uint64_t number)
{
    return number >= window->next ||
           (number >= window_floor(window) && !window_has(window, number));
}

/* Marks `number`, which is new, as come. */
void window_mark(struct window *window, uint64_t number);

#endif
