#include "central/soap_listener.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "central/context.h"
#include "central/pem_file.h"
#include "central/service.h"
#include "crypto/identity.h"
#include "crypto/tls.h"

/* A chain of ten RSA certificates takes a quarter of it. */
#define PEM_BYTES_MAX 65536u

static void wipe(struct text_builder *builder)
{
    if (builder->data != NULL)
        explicit_bzero(builder->data, builder->room_bytes);
    text_builder_free(builder);
}

/* The configured certificate, else the node's own. */
static int open_tls(struct central *central, char *error)
{
    const char *certificate_path = central->config.soap_certificate;
    const char *key_path = central->config.soap_key;
    struct text_builder certificates = {0};
    struct text_builder key = {0};
    int ret = 0;

    if (key_path == NULL)
        key_path = certificate_path;
    if (certificate_path == NULL) {
        identity_format(&central->folder.identity, &certificates);
        identity_format(&central->folder.identity, &key);
    } else {
        ret = pem_file_read(certificate_path, PEM_BYTES_MAX,
                            key_path == certificate_path, &certificates, error);
        if (ret == 0)
            ret = pem_file_read(key_path, PEM_BYTES_MAX, true, &key, error);
    }
    if (ret == 0) {
        central->soap_tls =
            tls_context_open_https(text_built(&certificates), text_built(&key));
        if (central->soap_tls == NULL) {
            snprintf(error, CENTRAL_ERROR_BYTES,
                     "the certificate %s cannot be used: expected PEM, with "
                     "the key that belongs to it",
                     certificate_path != NULL ? certificate_path
                                              : "of this node");
            ret = CENTRAL_BAD_CONFIG;
        }
    }
    wipe(&certificates);
    wipe(&key);
    return ret;
}

int soap_listener_open(struct central *central, char *error)
{
    const struct central_config *config = &central->config;
    const struct address *listen = &config->soap_listen;
    bool is_open = !central->soap_is_loopback && config->insecure_soap;
    char text[ADDRESS_TEXT_BYTES];
    int ret = 0;

    address_format(listen, text);
    if (config->soap_key != NULL && config->soap_certificate == NULL) {
        snprintf(error, CENTRAL_ERROR_BYTES,
                 "the key %s has no certificate: give --soap-cert, too",
                 config->soap_key);
        return CENTRAL_BAD_CONFIG;
    }
    central->soap_needs_login =
        !central->soap_is_loopback && !config->insecure_soap;
    if (is_open)
        LOG(soap_insecure, text);
    if (central->soap_needs_login || config->soap_certificate != NULL)
        ret = open_tls(central, error);
    if (ret != 0)
        return ret;
    logins_init(&central->logins, central->loop, central->store);
    ret = http_server_open(&central->server, central->loop, listen,
                           &service_handler, central, NULL);
    if (ret != 0) {
        snprintf(error, CENTRAL_ERROR_BYTES, "SOAP cannot listen at %s: %s",
                 text, strerror(-ret));
        soap_listener_close(central);
        return ret;
    }
    if (central->soap_tls != NULL)
        http_server_use_tls(&central->server, central->soap_tls);
    return 0;
}

void soap_listener_close(struct central *central)
{
    tls_context_close(central->soap_tls);
    central->soap_tls = NULL;
}
