/* What tls.c (sessions) and tls_context.c (contexts) share. */
#ifndef CRYPTO_TLS_PRIVATE_H
#define CRYPTO_TLS_PRIVATE_H

#include <stdbool.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>

struct tls_context {
    WOLFSSL_CTX *library;
    bool is_server;
    bool is_https;
    bool is_checked; /* a client: the server's certificate is */
};

/* The library's way in and out; `user` is the session. */
int tls_take_fed(WOLFSSL *library, char *room, int room_bytes, void *user);
int tls_add_output(WOLFSSL *library, char *data, int size_bytes, void *user);

#endif
