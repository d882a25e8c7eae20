#include "crypto/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "base/address.h"
#include "base/limits.h"
#include "crypto/tls_output.h"
#include "crypto/tls_private.h"

/* RFC 1035 section 2.3.4. */
#define LABEL_BYTES_MAX 63

struct tls_session {
    WOLFSSL *library;
    enum tls_state state;
    enum tls_error error;
    bool is_server;
    bool is_https;
    bool is_tls;    /* the first byte could be one of TLS */
    bool has_ended; /* close_notify was said */

    const uint8_t *fed; /* borrowed; what is not read yet */
    uint32_t fed_bytes;
    uint32_t handshake_bytes; /* fed while HANDSHAKING */

    struct tls_output output;
    struct fingerprint peer;
    /* A name of one label, which the library leaves to us; else empty. */
    char label[LABEL_BYTES_MAX + 1];
};

const char *tls_error_text(enum tls_error error)
{
    switch (error) {
    case TLS_ERROR_NONE:
        return "no error";
    case TLS_ERROR_NOT_TLS:
        return "the peer does not speak TLS";
    case TLS_ERROR_VERSION:
        return "the peer does not speak TLS 1.3";
    case TLS_ERROR_PARAMETERS:
        return "no cipher, group or signature in common with the peer";
    case TLS_ERROR_CERTIFICATE:
        return "the peer did not prove that it holds its certificate's key";
    case TLS_ERROR_AUTHORITY:
        return "no authority that is known here has signed the certificate";
    case TLS_ERROR_EXPIRED:
        return "the certificate has expired, or does not hold yet";
    case TLS_ERROR_NAME:
        return "the certificate is for another name";
    case TLS_ERROR_PROTOCOL:
        return "the peer broke the TLS protocol";
    case TLS_ERROR_ALERT:
        return "the peer ended the TLS session with an alert";
    case TLS_ERROR_LIMIT:
        return "the peer's handshake is too large, or it does not read";
    case TLS_ERROR_MEMORY:
        return "no memory for a TLS session";
    }
    NEVER("a TLS error that is none");
}

/* ---- what the library calls ---- */

int tls_take_fed(WOLFSSL *library, char *room, int room_bytes, void *user)
{
    struct tls_session *session = user;
    uint32_t size_bytes = (uint32_t)room_bytes;

    (void)library;
    if (session->fed_bytes == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    if (size_bytes > session->fed_bytes)
        size_bytes = session->fed_bytes;
    if (session->state == TLS_HANDSHAKING) {
        if (size_bytes > LIMIT_TLS_HANDSHAKE_BYTES - session->handshake_bytes) {
            session->error = TLS_ERROR_LIMIT;
            return WOLFSSL_CBIO_ERR_GENERAL;
        }
        if (session->handshake_bytes == 0)
            /* RFC 8446 section 5.1: 20 to 23, of which 21 is an alert and 22
             * a handshake. */
            session->is_tls = *session->fed == 21 || *session->fed == 22;
        session->handshake_bytes += size_bytes;
    }
    memcpy(room, session->fed, size_bytes);
    session->fed += size_bytes;
    session->fed_bytes -= size_bytes;
    return (int)size_bytes;
}

int tls_add_output(WOLFSSL *library, char *data, int size_bytes, void *user)
{
    struct tls_session *session = user;

    (void)library;
    switch (tls_output_add(&session->output, data, (uint32_t)size_bytes)) {
    case TLS_OUTPUT_ADDED:
        return size_bytes;
    case TLS_OUTPUT_FULL:
        session->error = TLS_ERROR_LIMIT;
        break;
    case TLS_OUTPUT_NO_MEMORY:
        session->error = TLS_ERROR_MEMORY;
        break;
    }
    return WOLFSSL_CBIO_ERR_GENERAL;
}

/* ---- errors ---- */

static enum tls_error handshake_error(int code)
{
    switch (code) {
    case VERSION_ERROR:
    case UNSUPPORTED_PROTO_VERSION:
        return TLS_ERROR_VERSION;
    case MATCH_SUITE_ERROR:
    case UNSUPPORTED_SUITE:
    case SUITES_ERROR:
    case BAD_KEY_SHARE_DATA:
    case ECC_CURVE_ERROR:
    case INVALID_PARAMETER:
    case EXT_MISSING:
        return TLS_ERROR_PARAMETERS;
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
        return TLS_ERROR_AUTHORITY;
    case ASN_BEFORE_DATE_E:
    case ASN_AFTER_DATE_E:
        return TLS_ERROR_EXPIRED;
    case DOMAIN_NAME_MISMATCH:
    case IPADDR_MISMATCH:
        return TLS_ERROR_NAME;
    case VERIFY_CERT_ERROR:
    case VERIFY_SIGN_ERROR:
    case SIG_VERIFY_E:
    case PEER_KEY_ERROR:
    case NO_PEER_KEY:
    case NO_PEER_CERT:
    case KEYUSE_SIGNATURE_E:
    case EXTKEYUSE_AUTH_E:
    case RSA_KEY_SIZE_E:
    case ECC_KEY_SIZE_E:
    case MAX_CHAIN_ERROR:
        return TLS_ERROR_CERTIFICATE;
    default: /* not an enum: the library's numbers */
        /* Those of the decoder of certificates. */
        if (code <= ASN_PARSE_E && code >= ASN_NO_PEM_HEADER)
            return TLS_ERROR_CERTIFICATE;
        return TLS_ERROR_PROTOCOL;
    }
}

/* Ends the session for what the library's last call returned.  What a callback
 * of ours found wrong before comes first. */
static void fail(struct tls_session *session, int code)
{
    enum tls_error error;

    if (session->error != TLS_ERROR_NONE)
        error = session->error;
    else if (code == MEMORY_E || code == MEMORY_ERROR)
        error = TLS_ERROR_MEMORY;
    else if (code == FATAL_ERROR)
        error = TLS_ERROR_ALERT;
    else if (session->state != TLS_HANDSHAKING)
        error = TLS_ERROR_PROTOCOL;
    else if (!session->is_tls)
        error = TLS_ERROR_NOT_TLS;
    else
        error = handshake_error(code);
    session->error = error;
    session->state = TLS_FAILED;
    session->fed_bytes = 0;
}

/* ---- sessions ---- */

static bool read_peer(struct tls_session *session)
{
    int size = 0;
    WOLFSSL_X509 *certificate = wolfSSL_get_peer_certificate(session->library);
    const unsigned char *der = wolfSSL_X509_get_der(certificate, &size);
    bool read = der != NULL && size > 0 &&
                fingerprint_of_certificate(der, (uint32_t)size, &session->peer);

    wolfSSL_X509_free(certificate);
    return read;
}

/* Whether one of the names that a certificate is for is `label`.  A star stands
 * for none: it would do so for every host of a network (RFC 9525 section 6.3
 * has it beside other labels). */
static bool has_label(const unsigned char *der, int size, const char *label)
{
    struct DecodedCert certificate;
    bool found = false;

    InitDecodedCert(&certificate, der, (word32)size, NULL);
    if (ParseCert(&certificate, CERT_TYPE, NO_VERIFY, NULL) == 0)
        for (const struct DNS_entry *name = certificate.altNames; name;
             name = name->next)
            found |= name->type == ASN_DNS_TYPE &&
                     name->len == (int)strlen(label) &&
                     strncasecmp(name->name, label, strlen(label)) == 0;
    FreeDecodedCert(&certificate);
    return found;
}

static bool is_who_was_called(struct tls_session *session)
{
    int size = 0;

    if (session->label[0] == '\0')
        return true;
    WOLFSSL_X509 *certificate = wolfSSL_get_peer_certificate(session->library);
    const unsigned char *der = wolfSSL_X509_get_der(certificate, &size);
    bool is_it = der != NULL && size > 0 && has_label(der, size, session->label);

    wolfSSL_X509_free(certificate);
    return is_it;
}

/* Goes on with the handshake as far as what was fed reaches. */
static void shake_hands(struct tls_session *session)
{
    int ret = session->is_server ? wolfSSL_accept(session->library)
                                 : wolfSSL_connect(session->library);

    if (ret == WOLFSSL_SUCCESS) {
        if (!is_who_was_called(session))
            fail(session, DOMAIN_NAME_MISMATCH);
        else if (session->is_server || session->is_https || read_peer(session))
            session->state = TLS_OPEN;
        else
            fail(session, NO_PEER_CERT);
        return;
    }
    int code = wolfSSL_get_error(session->library, ret);
    if (code != WOLFSSL_ERROR_WANT_READ)
        fail(session, code);
}

static struct tls_session *open_session(struct tls_context *context,
                                        uint32_t output_bytes_max)
{
    struct tls_session *session = calloc(1, sizeof *session);
    WOLFSSL *library = wolfSSL_new(context->library);

    if (session == NULL || library == NULL) {
        wolfSSL_free(library);
        free(session);
        return NULL;
    }
    *session = (struct tls_session){
        .library = library,
        .is_server = context->is_server,
        .is_https = context->is_https,
        .state = TLS_HANDSHAKING,
        .output = {.size_bytes_max = output_bytes_max},
    };
    wolfSSL_SetIOReadCtx(library, session);
    wolfSSL_SetIOWriteCtx(library, session);
    /* RFC 7301 section 3.2: no protocol in common ends the handshake. */
    if (context->is_https)
        CHECK(wolfSSL_UseALPN(library, (char *)"http/1.1", 8,
                              WOLFSSL_ALPN_FAILED_ON_MISMATCH) ==
              WOLFSSL_SUCCESS);
    else
        wolfSSL_KeepArrays(library); /* they hold the exporter's secret */
    return session;
}

struct tls_session *tls_session_open(struct tls_context *context,
                                     uint32_t output_bytes_max)
{
    CHECK(context->is_server || !context->is_https);
    struct tls_session *session = open_session(context, output_bytes_max);

    if (session != NULL && !session->is_server)
        shake_hands(session);
    return session;
}

/* The library compares an address in the form in which it writes those of
 * certificates: an IPv6 one in full. */
static bool check_address(WOLFSSL *library, const struct address *address)
{
    const uint8_t *ip = address->ip;
    char text[40];

    if (address_is_ipv4(address))
        snprintf(text, sizeof text, "%u.%u.%u.%u", ip[12], ip[13], ip[14],
                 ip[15]);
    else
        for (uint32_t i = 0; i < 8; i++)
            snprintf(text + 5 * i, sizeof text - 5 * i, "%02X%02X%s", ip[2 * i],
                     ip[2 * i + 1], i < 7 ? ":" : "");
    return wolfSSL_check_ip_address(library, text) == WOLFSSL_SUCCESS;
}

/* A name of one label.  The library knows only localhost among those. */
static bool is_label(const char *host)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t size = strlen(host);

    return size > 0 && size <= LABEL_BYTES_MAX && strspn(host, bytes) == size;
}

/* Says whom the session is to be with, and whose certificate is expected. */
static bool set_host(struct tls_session *session, const char *host,
                     bool is_checked)
{
    WOLFSSL *library = session->library;
    struct address address;

    if (address_parse_ip(text_of(host), 0, &address))
        return !is_checked || check_address(library, &address);
    /* RFC 6066 section 3; a name that is none goes without. */
    (void)wolfSSL_UseSNI(library, WOLFSSL_SNI_HOST_NAME, host,
                         (unsigned short)strlen(host));
    if (is_checked && is_label(host)) {
        memcpy(session->label, host, strlen(host) + 1);
        return true;
    }
    return !is_checked ||
           wolfSSL_check_domain_name(library, host) == WOLFSSL_SUCCESS;
}

struct tls_session *tls_session_open_https(struct tls_context *context,
                                           const char *host,
                                           uint32_t output_bytes_max)
{
    CHECK(!context->is_server && context->is_https);
    CHECK(strlen(host) <= UINT16_MAX);
    struct tls_session *session = open_session(context, output_bytes_max);

    if (session == NULL)
        return NULL;
    if (set_host(session, host, context->is_checked)) {
        shake_hands(session);
    } else {
        session->error = TLS_ERROR_NAME;
        session->state = TLS_FAILED;
    }
    return session;
}

void tls_session_close(struct tls_session *session)
{
    if (session == NULL)
        return;
    wolfSSL_free(session->library);
    tls_output_free(&session->output);
    free(session);
}

enum tls_state tls_session_state(const struct tls_session *session)
{
    return session->state;
}

enum tls_error tls_session_error(const struct tls_session *session)
{
    return session->state == TLS_FAILED ? session->error : TLS_ERROR_NONE;
}

void tls_feed(struct tls_session *session, const void *data,
              uint32_t size_bytes)
{
    CHECK(session->fed_bytes == 0);
    if (session->state == TLS_FAILED || session->state == TLS_CLOSED)
        return;
    session->fed = data;
    session->fed_bytes = size_bytes;
}

bool tls_has_input(const struct tls_session *session)
{
    return session->fed_bytes > 0;
}

uint32_t tls_read(struct tls_session *session, void *room, uint32_t room_bytes)
{
    CHECK(room_bytes > 0 && room_bytes <= INT32_MAX);
    if (session->state == TLS_HANDSHAKING) {
        shake_hands(session);
        return 0;
    }
    if (session->state != TLS_OPEN)
        return 0;

    int ret = wolfSSL_read(session->library, room, (int)room_bytes);
    if (ret > 0)
        return (uint32_t)ret;
    int code = wolfSSL_get_error(session->library, ret);
    if (code == WOLFSSL_ERROR_WANT_READ)
        return 0;
    if (code == WOLFSSL_ERROR_ZERO_RETURN) {
        session->state = TLS_CLOSED;
        session->fed_bytes = 0;
    } else {
        fail(session, code);
    }
    return 0;
}

void tls_write(struct tls_session *session, const void *data,
               uint32_t size_bytes)
{
    CHECK(session->state == TLS_OPEN && !session->has_ended);
    CHECK(size_bytes <= INT32_MAX);
    if (size_bytes == 0)
        return;
    int ret = wolfSSL_write(session->library, data, (int)size_bytes);
    if (ret != (int)size_bytes)
        fail(session, wolfSSL_get_error(session->library, ret));
}

void tls_write_end(struct tls_session *session)
{
    if (session->has_ended ||
        (session->state != TLS_OPEN && session->state != TLS_CLOSED))
        return;
    session->has_ended = true;
    /* Its result says only whether the peer has said it too. */
    (void)wolfSSL_shutdown(session->library);
}

uint32_t tls_take_output(struct tls_session *session, void *room,
                         uint32_t room_bytes)
{
    return tls_output_take(&session->output, room, room_bytes);
}

uint32_t tls_output_bytes(const struct tls_session *session)
{
    return session->output.size_bytes;
}

struct fingerprint tls_peer_fingerprint(const struct tls_session *session)
{
    CHECK(!session->is_server);
    CHECK(session->state == TLS_OPEN || session->state == TLS_CLOSED);
    return session->peer;
}

void tls_export(struct tls_session *session, const char *label,
                const void *context, uint32_t context_bytes, void *out,
                uint32_t size_bytes)
{
    CHECK(session->state == TLS_OPEN || session->state == TLS_CLOSED);
    CHECK(wolfSSL_export_keying_material(session->library, out, size_bytes,
                                         label, strlen(label), context,
                                         context_bytes, 1) == WOLFSSL_SUCCESS);
}
