/* wolfSSL's start, for the files of this folder alone. */
#ifndef CRYPTO_LIBRARY_H
#define CRYPTO_LIBRARY_H

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/random.h>

/* Starts the library, once; from any thread, as often as wanted. */
void library_start(void);

/* Opens a generator of random numbers, seeded by the kernel; starts the
 * library first.  Aborts when there is no memory or no seed. */
void library_random_open(WC_RNG *random);

#endif
