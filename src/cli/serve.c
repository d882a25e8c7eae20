#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "central/central.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/soap_client.h"
#include "io/loop.h"

struct serving {
    struct loop *loop;
    struct central *central;
    struct loop_signals signals;
    bool stopping;
};

struct serve_options {
    const char *state;
    const char *docroot;
    const char *soap;
    const char *transfer;
    const char *config;
    const char *log;
    uint32_t debug;
    bool insecure_soap;
    bool no_daemon; /* accepted: the foreground is all there is yet */
};

static void stopped(void *owner)
{
    struct serving *serving = owner;

    serving->central = NULL;
    LOG(server_stopped);
    loop_stop(serving->loop);
}

static void caught(struct loop_signals *signals, int number)
{
    struct serving *serving = OWNER_OF(signals, struct serving, signals);

    if (number != SIGTERM && number != SIGINT)
        return;
    if (serving->stopping)
        _exit(EXIT_FAILED); /* the second time: at once */
    serving->stopping = true;
    LOG(server_stopping, number);
    central_stop(serving->central, stopped, serving);
}

/* Each connection and each session is a descriptor or two. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

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

static int check_options(const struct serve_options *options)
{
    if (options->config != NULL)
        say("--config: configuration files are not built yet; give --state "
            "and --docroot");
    else if (options->log != NULL && strcmp(options->log, "-") != 0)
        say("-L %s: log files are not built yet; the log goes to standard "
            "error",
            options->log);
    else if (options->docroot == NULL)
        say("no docroot: give --docroot DIR, the folder that local paths of "
            "orders are beneath");
    else if (options->state == NULL)
        say("no state folder: give --state DIR, where jobs, events and this "
            "node's key are kept");
    else
        return EXIT_DONE;
    return EXIT_CONFIG;
}

static int run(struct serving *serving, const struct central_config *config)
{
    char error[CENTRAL_ERROR_BYTES];
    char soap[ADDRESS_TEXT_BYTES];
    char transfer[ADDRESS_TEXT_BYTES];

    int result = central_open(&serving->central, config, error);
    if (result != 0) {
        say("%s", error);
        return result == CENTRAL_BAD_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
    }
    result = loop_signals_open(serving->loop, &serving->signals, caught);
    if (result != 0) {
        say("cannot watch signals: %s", strerror(-result));
        return EXIT_FAILED;
    }
    struct address address = central_soap_address(serving->central);
    address_format(&address, soap);
    address = central_transfer_address(serving->central);
    address_format(&address, transfer);
    const char *fingerprint = central_fingerprint(serving->central);
    LOG(server_ready, soap, transfer, fingerprint);
    printf("ready soap=http://%s transfer=%s fingerprint=%s\n", soap, transfer,
           fingerprint);
    fflush(stdout);
    loop_run(serving->loop);
    return EXIT_DONE;
}

int command_serve(const struct command *command, int argc, char **argv)
{
    struct serve_options options = {
        .soap = "127.0.0.1:40001",
        .transfer = "0.0.0.0:33001",
    };
    const struct option_row rows[] = {
        {"--state", OPTION_TEXT, &options.state},
        {"--docroot", OPTION_TEXT, &options.docroot},
        {"--soap", OPTION_TEXT, &options.soap},
        {"--transfer", OPTION_TEXT, &options.transfer},
        {"--config", OPTION_TEXT, &options.config},
        {"--insecure-soap", OPTION_FLAG, &options.insecure_soap},
        {"--no-daemon", OPTION_FLAG, &options.no_daemon},
        {"-D", OPTION_LEVEL, &options.debug},
        {"-L", OPTION_TAIL, &options.log},
        {0},
    };
    struct serving serving = {0};
    struct central_config config = {0};

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0)
        return usage_error(command, "what is '%s'?", argv[0]);
    int code = check_options(&options);
    if (code != EXIT_DONE)
        return code;
    if ((code = read_address("--soap", options.soap, &config.soap_listen)) ||
        (code = read_address("--transfer", options.transfer,
                             &config.transfer_listen)))
        return code;

    if (options.debug > 0)
        log_set_level(LOG_DEBUG);
    raise_descriptor_limit();
    loop_signals_block();
    code = open_loop(&serving.loop);
    if (code != EXIT_DONE)
        return code;
    config.loop = serving.loop;
    config.state_dir = options.state;
    config.docroot = options.docroot;
    config.insecure_soap = options.insecure_soap;
    code = run(&serving, &config);
    /* The process ends here: the kernel takes back what a failed start or a
     * stop has left. */
    return code;
}
