#include "cli/serve_config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "soap/leaves.h"

#define DEFAULT_STATE "/var/lib/ferry"

/* The first that is there. */
static const char *const default_configs[] = {
    "/etc/ferry/ferry.conf",
    "/opt/aspera/etc/aspera.conf",
};

static int read_address(const char *option, const char *value,
                        struct address *address)
{
    if (address_parse(text_of(value), address))
        return EXIT_DONE;
    say("%s %s: expected an IP address and a port, as in 127.0.0.1:40001 or "
        "[::1]:40001",
        option, value);
    return EXIT_CONFIG;
}

void serve_print_finding(void *user, const struct config_finding *finding)
{
    const char *path = user;

    if (finding->verdict == CONFIG_REFUSED ||
        (finding->line == 0 && finding->verdict == CONFIG_IGNORED))
        say("%s:%u:%u: %.*s%s%s", path, finding->line, finding->column,
            (int)finding->setting.size_bytes, finding->setting.data,
            finding->setting.size_bytes > 0 ? ": " : "", finding->why);
}

void serve_log_finding(void *user, const struct config_finding *finding)
{
    char setting[LEAVES_PATH_BYTES];

    (void)user;
    if (finding->verdict != CONFIG_REFUSED)
        return;
    snprintf(setting, sizeof setting, "%.*s", (int)finding->setting.size_bytes,
             finding->setting.data);
    LOG(config_refused, finding->line, finding->column, setting, finding->why);
}

/* NULL = the flags say all. */
static const char *find_config(const struct serve_options *options)
{
    if (options->config != NULL)
        return options->config;
    if (options->docroot != NULL && options->state != NULL)
        return NULL;
    for (size_t i = 0; i < sizeof default_configs / sizeof default_configs[0];
         i++)
        if (access(default_configs[i], F_OK) == 0)
            return default_configs[i];
    return NULL;
}

/* Flags win over the file.  Returns an exit code; a failure was printed. */
static int add_flags(const struct serve_options *options,
                     struct central_config *config)
{
    int code = EXIT_DONE;

    if (options->state != NULL)
        config->state_dir = options->state;
    if (config->state_dir == NULL)
        config->state_dir = DEFAULT_STATE;
    if (options->docroot != NULL)
        config->docroot = options->docroot;
    if (options->insecure_soap)
        config->insecure_soap = true;
    if (options->soap_cert != NULL)
        config->soap_certificate = options->soap_cert;
    if (options->soap_key != NULL)
        config->soap_key = options->soap_key;
    if (options->soap != NULL)
        code = read_address("--soap", options->soap, &config->soap_listen);
    if (code == EXIT_DONE && options->transfer != NULL)
        code = read_address("--transfer", options->transfer,
                            &config->transfer_listen);
    return code;
}

int serve_read_config(const struct serve_options *options,
                       struct config *config, struct central_config *central,
                       config_fn found, char error[CENTRAL_ERROR_BYTES])
{
    const char *path = find_config(options);

    config_init(config);
    *central = (struct central_config){0};
    error[0] = '\0';
    if (path != NULL &&
        config_read(config, path, (char *)(uintptr_t)path, found) != EXIT_DONE)
        return EXIT_CONFIG;
    if (!config_fill(config, central, error))
        return EXIT_CONFIG;
    int code = add_flags(options, central);
    if (code != EXIT_DONE || central->docroot != NULL)
        return code;
    snprintf(error, CENTRAL_ERROR_BYTES,
             "no docroot is given: say --docroot DIR, the folder that "
             "transfers may read and write, or write <default><file_system>"
             "<access><paths><path><absolute>DIR</absolute></path></paths>"
             "</access></file_system></default> into %s",
             path != NULL ? path : default_configs[0]);
    return EXIT_CONFIG;
}
