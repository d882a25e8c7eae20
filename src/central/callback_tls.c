#include "central/callback_tls.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "central/context.h"
#include "central/pem_file.h"
#include "crypto/tls.h"

/* `*context` stays NULL where there is no bundle. */
static int read_bundle(const char *path, struct tls_context **context,
                       char *error)
{
    struct text_builder bundle = {0};

    if (path == NULL)
        path = pem_file_system_bundle();
    if (path == NULL)
        return 0;
    int ret = pem_file_read(path, LIMIT_AUTHORITIES_BYTES, false, &bundle,
                            error);
    if (ret == 0) {
        *context = tls_context_open_https_client(text_built(&bundle));
        if (*context == NULL) {
            snprintf(error, CENTRAL_ERROR_BYTES,
                     "%s holds no certificate of an authority that could be "
                     "used",
                     path);
            ret = CENTRAL_BAD_CONFIG;
        }
    }
    text_builder_free(&bundle);
    return ret;
}

static bool is_unchecked(void *user, struct text host, uint16_t port)
{
    const struct central *central = user;

    return callback_is_unchecked(&central->config.callbacks, host, port);
}

int callback_tls_open(struct central *central,
                      const struct central_config *config, char *error)
{
    struct tls_context *checked = NULL;

    int ret = read_bundle(config->callback_authorities, &checked, error);
    if (ret != 0 && config->callback_authorities == NULL) {
        LOG(callback_no_authorities, error); /* nobody asked for that file */
        ret = 0;
    }
    if (ret != 0)
        return ret;
    callback_tls_close(central);
    central->observer_tls = checked;
    central->observer_tls_unchecked =
        tls_context_open_https_client((struct text){0});
    const struct http_client_tls tls = {
        .checked = checked,
        .unchecked = central->observer_tls_unchecked,
        .is_unchecked = is_unchecked,
        .user = central,
    };
    http_client_use_tls(&central->client, &tls);
    return 0;
}

void callback_tls_close(struct central *central)
{
    tls_context_close(central->observer_tls);
    tls_context_close(central->observer_tls_unchecked);
    central->observer_tls = NULL;
    central->observer_tls_unchecked = NULL;
}

bool callback_tls_knows(const struct central *central,
                        const struct http_url *url)
{
    return central->observer_tls != NULL ||
           callback_is_unchecked(&central->config.callbacks, url->host,
                                 url->port);
}
