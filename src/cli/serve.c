/* `ferry serve`, and the binary under the name asperacentral. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/log_syslog.h"
#include "central/central.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/notify.h"
#include "cli/options.h"
#include "cli/serve.h"
#include "cli/soap_client.h"
#include "io/loop.h"

#define DEFAULT_STATE "/var/lib/ferry"
#define DEFAULT_LOG_MIB 10u
#define DEFAULT_LOG_COUNT 9u

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
    const char *pid_file;
    uint32_t debug;
    bool insecure_soap;
    bool no_daemon;
};

/* ---- while it runs ---- */

static void stopped(void *owner)
{
    struct serving *serving = owner;

    serving->central = NULL;
    LOG(server_stopped);
    loop_stop(serving->loop);
}

static void stop(struct serving *serving, int number)
{
    if (serving->stopping) {
        pid_file_give();
        _exit(EXIT_FAILED); /* the second time: at once */
    }
    serving->stopping = true;
    LOG(server_stopping, number);
    notify_stopping();
    central_stop(serving->central, stopped, serving);
}

static void reopen_log(void)
{
    int result = log_file_reopen();

    if (result != 0)
        LOG(log_not_reopened, -result);
    else
        LOG(log_reopened);
}

static void caught(struct loop_signals *signals, int number)
{
    struct serving *serving = OWNER_OF(signals, struct serving, signals);

    switch (number) {
    case SIGTERM:
    case SIGINT:
        stop(serving, number);
        break;
    case SIGUSR1:
        reopen_log();
        break;
    default:
        break;
    }
}

/* ---- before it runs ---- */

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

/* The background's folder is "/": what was said relative to the caller's
 * stays what it was. */
static const char *absolute(const char *path, char buffer[PATH_MAX])
{
    char cwd[PATH_MAX];

    if (path == NULL || path[0] == '/' || getcwd(cwd, sizeof cwd) == NULL)
        return path;
    int size = snprintf(buffer, PATH_MAX, "%s/%s", cwd, path);
    return size > 0 && size < PATH_MAX ? buffer : path;
}

static int check_options(const struct serve_options *options)
{
    if (options->config != NULL)
        say("--config: configuration files are not built yet; give --state "
            "and --docroot");
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

static int open_log(const struct serve_options *options, const char *program)
{
    if (options->debug > 0)
        log_set_level(LOG_DEBUG);
    if (options->log == NULL && !options->no_daemon) {
        if (!log_syslog_is_there())
            say("nothing takes messages at /dev/log: give -L DIR, or the log "
                "is lost");
        log_syslog_open(program);
        return EXIT_DONE;
    }
    if (options->log == NULL || strcmp(options->log, "-") == 0)
        return EXIT_DONE;
    int result = log_file_open(options->log, program,
                               (uint64_t)DEFAULT_LOG_MIB << 20,
                               DEFAULT_LOG_COUNT);
    if (result == 0)
        return EXIT_DONE;
    say("-L %s: cannot write a log file there: %s", options->log,
        strerror(-result));
    return EXIT_CONFIG;
}

static int take_pid_file(const struct serve_options *options)
{
    char path[PATH_MAX];
    int holder = 0;
    int result;

    if (options->pid_file != NULL)
        snprintf(path, sizeof path, "%s", options->pid_file);
    else if (options->no_daemon)
        return EXIT_DONE;
    else if (geteuid() == 0)
        snprintf(path, sizeof path, "/run/asperacentral.pid");
    else
        snprintf(path, sizeof path, "%.4000s/asperacentral.pid",
                 options->state);
    result = pid_file_take(path, &holder);
    if (result == 0)
        return EXIT_DONE;
    if (result == -EAGAIN)
        say("%s: a server runs already, as process %d", path, holder);
    else
        say("%s: cannot write the PID file: %s", path, strerror(-result));
    return EXIT_FAILED;
}

/* ---- its life ---- */

static void announce(struct serving *serving)
{
    char soap[ADDRESS_TEXT_BYTES];
    char transfer[ADDRESS_TEXT_BYTES];
    char line[256];

    struct address address = central_soap_address(serving->central);
    address_format(&address, soap);
    address = central_transfer_address(serving->central);
    address_format(&address, transfer);
    const char *fingerprint = central_fingerprint(serving->central);
    LOG(server_ready, soap, transfer, fingerprint);
    snprintf(line, sizeof line, "ready soap=http://%s transfer=%s fingerprint=%s",
             soap, transfer, fingerprint);
    puts(line);
    fflush(stdout);
    notify_ready(line);
}

static int open_server(struct serving *serving,
                       const struct central_config *config)
{
    char error[CENTRAL_ERROR_BYTES];

    int result = central_open(&serving->central, config, error);
    if (result != 0) {
        say("%s", error);
        LOG(server_failed, error);
        return result == CENTRAL_BAD_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
    }
    result = loop_signals_open(serving->loop, &serving->signals, caught);
    if (result != 0) {
        say("cannot watch signals: %s", strerror(-result));
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* In the process that serves. */
static int run(const struct serve_options *options,
               struct central_config *config, const char *program)
{
    struct serving serving = {0};
    int code;

    raise_descriptor_limit();
    loop_signals_block();
    if ((code = open_log(options, program)) ||
        (code = take_pid_file(options)) || (code = open_loop(&serving.loop)))
        return code;
    config->loop = serving.loop;
    notify_open(serving.loop);
    code = open_server(&serving, config);
    if (code == EXIT_DONE) {
        announce(&serving);
        daemon_ready(EXIT_DONE);
        loop_run(serving.loop);
    }
    pid_file_give();
    /* The process ends here: the kernel takes back what a failed start or a
     * stop has left. */
    return code;
}

int serve_as(const struct command *command, const char *program, int argc,
             char **argv)
{
    struct serve_options options = {
        .soap = "127.0.0.1:40001",
        .transfer = "0.0.0.0:33001",
        .no_daemon = strcmp(program, "asperacentral") != 0,
    };
    const struct option_row rows[] = {
        {"--state", OPTION_TEXT, &options.state},
        {"--docroot", OPTION_TEXT, &options.docroot},
        {"--soap", OPTION_TEXT, &options.soap},
        {"--transfer", OPTION_TEXT, &options.transfer},
        {"--config", OPTION_TEXT, &options.config},
        {"--pid-file", OPTION_TEXT, &options.pid_file},
        {"--insecure-soap", OPTION_FLAG, &options.insecure_soap},
        {"--no-daemon", OPTION_FLAG, &options.no_daemon},
        {"-D", OPTION_LEVEL, &options.debug},
        {"-L", OPTION_TAIL, &options.log},
        {0},
    };
    struct central_config config = {0};
    char paths[4][PATH_MAX];

    harden_process();
    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0)
        return usage_error(command, "what is '%s'?", argv[0]);
    if (!options.no_daemon && options.log != NULL &&
        strcmp(options.log, "-") == 0)
        return usage_error(command, "-L- logs to this terminal: add "
                                    "--no-daemon, or name a folder");
    int code = check_options(&options);
    if (code != EXIT_DONE)
        return code;
    if ((code = read_address("--soap", options.soap, &config.soap_listen)) ||
        (code = read_address("--transfer", options.transfer,
                             &config.transfer_listen)))
        return code;
    options.state = absolute(options.state, paths[0]);
    options.docroot = absolute(options.docroot, paths[1]);
    options.pid_file = absolute(options.pid_file, paths[2]);
    if (options.log != NULL && strcmp(options.log, "-") != 0)
        options.log = absolute(options.log, paths[3]);
    config.state_dir = options.state;
    config.docroot = options.docroot;
    config.insecure_soap = options.insecure_soap;

    if (!options.no_daemon) {
        int result = daemon_start();
        if (result != 0) {
            say("cannot go to the background: %s", strerror(-result));
            return EXIT_FAILED;
        }
    }
    code = run(&options, &config, program);
    daemon_ready(code);
    return code;
}

int command_serve(const struct command *command, int argc, char **argv)
{
    return serve_as(command, "ferry", argc, argv);
}
