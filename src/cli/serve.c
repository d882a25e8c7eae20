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
#include "cli/config.h"
#include "cli/daemon.h"
#include "cli/notify.h"
#include "cli/options.h"
#include "cli/serve.h"
#include "cli/serve_config.h"
#include "cli/soap_client.h"
#include "io/loop.h"

#define DEFAULT_LOG_MIB 10u
#define DEFAULT_LOG_COUNT 9u

struct serving {
    const struct serve_options *options;
    struct config config;          /* of the file */
    struct central_config central_config; /* with the flags */
    struct loop *loop;
    struct central *central;
    struct loop_signals signals;
    bool stopping;
};

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

/* ---- the log ---- */

static void set_level(const struct serve_options *options,
                      const struct config *config)
{
    if (options->debug > 0)
        log_set_level(LOG_DEBUG);
    else if (config->log_level != CONFIG_UNSET)
        log_set_level((enum log_level)config->log_level);
    else
        log_set_level(LOG_INFO);
}

static uint64_t log_bytes(const struct config *config)
{
    uint32_t size_mb = config->log_size_mb;

    return (uint64_t)(size_mb == CONFIG_UNSET ? DEFAULT_LOG_MIB : size_mb) << 20;
}

static uint32_t log_count(const struct config *config)
{
    return config->log_count == CONFIG_UNSET ? DEFAULT_LOG_COUNT
                                             : config->log_count;
}

static int open_log(const struct serve_options *options,
                    const struct config *config)
{
    const char *folder =
        options->log != NULL ? options->log : config->log_folder;

    set_level(options, config);
    if (folder == NULL && !options->no_daemon) {
        if (!log_syslog_is_there())
            say("nothing takes messages at /dev/log: give -L DIR, or the log "
                "is lost");
        log_syslog_open(options->program);
        return EXIT_DONE;
    }
    if (folder == NULL || strcmp(folder, "-") == 0)
        return EXIT_DONE;
    int result = log_file_open(folder, options->program, log_bytes(config),
                               log_count(config));
    if (result == 0)
        return EXIT_DONE;
    say("%s: cannot write a log file there: %s", folder, strerror(-result));
    return EXIT_CONFIG;
}

/* ---- SIGHUP ---- */

/* What holds from the next start on, if it has changed. */
static void log_restart_needed(const struct serving *serving,
                               const struct central_config *next,
                               const struct config *file)
{
    const struct central_config *now = &serving->central_config;
    const char *log_now = serving->config.log_folder;
    const char *log_next = file->log_folder;
    const struct {
        const char *setting;
        bool differs;
    } rows[] = {
        {"soap address", !address_equal(&now->soap_listen, &next->soap_listen)},
        {"transfer address",
         !address_equal(&now->transfer_listen, &next->transfer_listen)},
        {"backlog", now->backlog != next->backlog},
        {"insecure_soap", now->insecure_soap != next->insecure_soap},
        {"subscriptions_per_caller_max",
         now->subscriptions_per_caller_max !=
             next->subscriptions_per_caller_max},
        {"state", strcmp(now->state_dir, next->state_dir) != 0},
        {"db_synchronous", now->synchronous != next->synchronous},
        {"default/file_system",
         now->made.file_mode != next->made.file_mode ||
             now->made.file_grant != next->made.file_grant ||
             now->made.folder_mode != next->made.folder_mode ||
             now->made.folder_grant != next->made.folder_grant ||
             now->made.forbids_links != next->made.forbids_links ||
             now->made.checksum != next->made.checksum},
        {"log directory",
         strcmp(log_now ? log_now : "", log_next ? log_next : "") != 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].differs)
            LOG(config_restart_needed, rows[i].setting);
}

static void reload(struct serving *serving)
{
    char error[CENTRAL_ERROR_BYTES];
    struct central_config central;
    struct config config;

    int code = serve_read_config(serving->options, &config, &central, serve_log_finding,
                           error);
    if (code == EXIT_DONE && !central_change(serving->central, &central, error))
        code = EXIT_CONFIG;
    if (code != EXIT_DONE) {
        LOG(config_kept, error);
        config_free(&config);
        return;
    }
    log_restart_needed(serving, &central, &config);
    set_level(serving->options, &config);
    log_file_set_limits(log_bytes(&config), log_count(&config));
    /* Nobody borrows from the old one any more. */
    config_free(&serving->config);
    serving->config = config;
    serving->central_config = central;
    LOG(config_reloaded, config.path != NULL ? config.path : "none");
}

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
    case SIGHUP:
        if (serving->stopping)
            break;
        notify_reloading();
        reload(serving);
        notify_ready("reloaded");
        break;
    case SIGUSR1:
        reopen_log();
        break;
    default:
        break;
    }
}

static int take_pid_file(const struct serving *serving)
{
    const struct serve_options *options = serving->options;
    const char *wanted = options->pid_file != NULL ? options->pid_file
                                                   : serving->config.pid_file;
    char path[PATH_MAX];
    int holder = 0;

    if (wanted == NULL && options->no_daemon)
        return EXIT_DONE;
    if (wanted != NULL)
        snprintf(path, sizeof path, "%s", wanted);
    else if (geteuid() == 0)
        snprintf(path, sizeof path, "/run/asperacentral.pid");
    else
        snprintf(path, sizeof path, "%.4000s/asperacentral.pid",
                 serving->central_config.state_dir);
    int result = pid_file_take(path, &holder);
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
    snprintf(line, sizeof line, "ready soap=%s://%s transfer=%s fingerprint=%s",
             central_soap_scheme(serving->central), soap, transfer, fingerprint);
    puts(line);
    fflush(stdout);
    notify_ready(line);
}

static int open_server(struct serving *serving)
{
    char error[CENTRAL_ERROR_BYTES];

    int result =
        central_open(&serving->central, &serving->central_config, error);
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
static int run(struct serving *serving)
{
    int code;

    raise_descriptor_limit();
    loop_signals_block();
    if ((code = open_log(serving->options, &serving->config)) ||
        (code = take_pid_file(serving)) || (code = open_loop(&serving->loop)))
        return code;
    serving->central_config.loop = serving->loop;
    notify_open(serving->loop);
    code = open_server(serving);
    if (code == EXIT_DONE) {
        announce(serving);
        daemon_ready(EXIT_DONE);
        loop_run(serving->loop);
    }
    pid_file_give();
    /* The process ends here: the kernel takes back what a failed start or a
     * stop has left. */
    return code;
}

/* The background's folder is "/". */
static void make_absolute(struct serve_options *options)
{
    static char paths[7][PATH_MAX];

    options->state = absolute(options->state, paths[0]);
    options->docroot = absolute(options->docroot, paths[1]);
    options->pid_file = absolute(options->pid_file, paths[2]);
    options->config = absolute(options->config, paths[3]);
    options->soap_cert = absolute(options->soap_cert, paths[5]);
    options->soap_key = absolute(options->soap_key, paths[6]);
    if (options->log != NULL && strcmp(options->log, "-") != 0)
        options->log = absolute(options->log, paths[4]);
}

static int start(struct serving *serving)
{
    char error[CENTRAL_ERROR_BYTES];

    int code = serve_read_config(serving->options, &serving->config,
                           &serving->central_config, serve_print_finding, error);
    if (code != EXIT_DONE) {
        if (error[0] != '\0')
            say("%s", error);
        return code;
    }
    if (!serving->options->no_daemon) {
        int result = daemon_start();
        if (result != 0) {
            say("cannot go to the background: %s", strerror(-result));
            return EXIT_FAILED;
        }
    }
    code = run(serving);
    daemon_ready(code);
    return code;
}

int serve_as(const struct command *command, const char *program, int argc,
             char **argv)
{
    static struct serving serving;
    struct serve_options options = {
        .program = program,
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
        {"--soap-cert", OPTION_TEXT, &options.soap_cert},
        {"--soap-key", OPTION_TEXT, &options.soap_key},
        {"--no-daemon", OPTION_FLAG, &options.no_daemon},
        {"-D", OPTION_LEVEL, &options.debug},
        {"-L", OPTION_TAIL, &options.log},
        {0},
    };

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
    make_absolute(&options);
    serving.options = &options;
    return start(&serving);
}

int command_serve(const struct command *command, int argc, char **argv)
{
    return serve_as(command, "ferry", argc, argv);
}
