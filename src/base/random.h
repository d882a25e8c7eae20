/* Random numbers: from the system for what must not be guessed, from a seed
 * for what must be repeatable.
 *
 * Source: xoshiro256** and splitmix64 by Blackman and Vigna (2018).
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `data` from the kernel (getrandom), fit for keys and ids. */
void random_system(void *data, size_t size_bytes);

/* Repeatable; never for keys or ids that a peer could profit from guessing. */
struct random {
    uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
/* Evenly in 0 to `bound` - 1; `bound` is at least 1. */
uint64_t random_below(struct random *random, uint64_t bound);
/* Evenly in [0, 1). */
double random_unit(struct random *random);

#endif
