#include "crypto/library.h"

#include <pthread.h>

#include <wolfssl/ssl.h>

#include "base/check.h"

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void)
{
    CHECK(wolfSSL_Init() == WOLFSSL_SUCCESS);
}

void library_start(void)
{
    CHECK(pthread_once(&started, start) == 0);
}

void library_random_open(WC_RNG *random)
{
    library_start();
    CHECK(wc_InitRng(random) == 0);
}
