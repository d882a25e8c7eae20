/* Whom a session can be with, and by which rules: what many sessions share. */
#include <stdlib.h>
#include <string.h>

#include "crypto/library.h"
#include "crypto/tls.h"
#include "crypto/tls_private.h"

/* AES first: both ends ask their CPUs only for datagrams, where it counts. */
#define SUITES                                                \
    "TLS13-AES128-GCM-SHA256:TLS13-CHACHA20-POLY1305-SHA256:" \
    "TLS13-AES256-GCM-SHA384"

/* Of TLS 1.2: ephemeral keys, AEAD. */
#define SUITES_HTTPS                                                    \
    SUITES ":ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" \
           ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305" \
           ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"

static struct tls_context *open_context(WOLFSSL_METHOD *method, bool is_server)
{
    struct tls_context *context = calloc(1, sizeof *context);
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};

    /* The library takes the method even where it fails. */
    WOLFSSL_CTX *library = wolfSSL_CTX_new(method);
    if (context == NULL || library == NULL) {
        wolfSSL_CTX_free(library);
        free(context);
        return NULL;
    }
    *context = (struct tls_context){.library = library, .is_server = is_server};
    wolfSSL_SetIORecv(library, tls_take_fed);
    wolfSSL_SetIOSend(library, tls_add_output);
    /* No chain is checked, unless it is said below; the signature with the
     * certificate's key is, in this mode as in any (RFC 8446 section 4.4.3). */
    wolfSSL_CTX_set_verify(library, WOLFSSL_VERIFY_NONE, NULL);
    CHECK(wolfSSL_CTX_set_cipher_list(library, SUITES) == WOLFSSL_SUCCESS);
    CHECK(wolfSSL_CTX_set_groups(library, groups, 2) == WOLFSSL_SUCCESS);
    if (is_server)
        CHECK(wolfSSL_CTX_no_ticket_TLSv13(library) == 0);
    return context;
}

struct tls_context *tls_context_open_server(const struct identity *identity)
{
    library_start();
    struct tls_context *context =
        open_context(wolfTLSv1_3_server_method(), true);

    if (context == NULL)
        return NULL;
    if (wolfSSL_CTX_use_certificate_buffer(
            context->library, identity->certificate,
            identity->certificate_bytes,
            WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_use_PrivateKey_buffer(
            context->library, identity->key, identity->key_bytes,
            WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS) {
        tls_context_close(context);
        return NULL;
    }
    return context;
}

struct tls_context *tls_context_open_client(void)
{
    library_start();
    return open_context(wolfTLSv1_3_client_method(), false);
}

static void allow_tls_1_2(WOLFSSL_CTX *library)
{
    CHECK(wolfSSL_CTX_SetMinVersion(library, WOLFSSL_TLSV1_2) ==
          WOLFSSL_SUCCESS);
    CHECK(wolfSSL_CTX_set_cipher_list(library, SUITES_HTTPS) ==
          WOLFSSL_SUCCESS);
}

struct tls_context *tls_context_open_https(struct text certificates,
                                           struct text key)
{
    library_start();
    struct tls_context *context =
        open_context(wolfSSLv23_server_method(), true);

    if (context == NULL)
        return NULL;
    WOLFSSL_CTX *library = context->library;
    context->is_https = true;
    allow_tls_1_2(library);
    if (wolfSSL_CTX_use_certificate_chain_buffer(
            library, (const unsigned char *)certificates.data,
            certificates.size_bytes) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_use_PrivateKey_buffer(
            library, (const unsigned char *)key.data, key.size_bytes,
            WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_check_private_key(library) != WOLFSSL_SUCCESS) {
        tls_context_close(context);
        return NULL;
    }
    return context;
}

/* Adds the certificates of a bundle, one by one: what is none, has expired, or
 * is of a kind that nobody can check must not cost all others.  Returns whether
 * there was any. */
static bool add_authorities(WOLFSSL_CTX *library, struct text bundle)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    static const char end[] = "-----END CERTIFICATE-----";
    const char *at = bundle.data;
    const char *stop = bundle.data + bundle.size_bytes;
    bool any = false;

    while ((at = memmem(at, (size_t)(stop - at), begin, sizeof begin - 1))) {
        const char *last = memmem(at, (size_t)(stop - at), end, sizeof end - 1);
        if (last == NULL)
            break;
        last += sizeof end - 1;
        any |= wolfSSL_CTX_load_verify_buffer(
                   library, (const unsigned char *)at, last - at,
                   WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS;
        at = last;
    }
    return any;
}

struct tls_context *tls_context_open_https_client(struct text authorities)
{
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1,
                    WOLFSSL_ECC_SECP384R1, WOLFSSL_ECC_SECP521R1};

    library_start();
    struct tls_context *context =
        open_context(wolfSSLv23_client_method(), false);

    if (context == NULL)
        return NULL;
    WOLFSSL_CTX *library = context->library;
    context->is_https = true;
    allow_tls_1_2(library);
    /* In TLS 1.2 the curves of certificates, too. */
    CHECK(wolfSSL_CTX_set_groups(library, groups, 4) == WOLFSSL_SUCCESS);
    if (text_is_absent(authorities))
        return context;
    context->is_checked = true;
    wolfSSL_CTX_set_verify(library, WOLFSSL_VERIFY_PEER, NULL);
    if (!add_authorities(library, authorities)) {
        tls_context_close(context);
        return NULL;
    }
    return context;
}

void tls_context_close(struct tls_context *context)
{
    if (context == NULL)
        return;
    wolfSSL_CTX_free(context->library);
    free(context);
}
