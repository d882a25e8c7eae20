#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/rate.h"
#include "cli/secret.h"
#include "cli/soap_client.h"
#include "io/loop.h"
#include "transfer/node.h"

#define SOURCES_MAX 1024
#define DEFAULT_PORT 33001
#define SECOND_NS UINT64_C(1000000000)
/* Into a file or a pipe; on a terminal as often as it is read with ease. */
#define PROGRESS_NS SECOND_NS
#define PROGRESS_DRAWN_NS (SECOND_NS / 5)
#define RETRIES 3u
#define RETRY_S_MAX 60u

/* One `ferry push` or `ferry pull`: a node with client ends only. */
struct errand {
    struct loop *loop;
    struct transfer_node *node;
    struct transfer_session *session;
    struct loop_signals signals;
    struct loop_timer progress;
    struct loop_timer retry;
    uint32_t retry_count;
    uint32_t retries_max;
    bool json;
    bool is_terminal; /* standard error */
    bool is_drawn;    /* a line without its end stands there */
    bool cancelled;
    struct transfer_params params;
    struct text sources[SOURCES_MAX];
    struct text_builder password;
    struct arena arena; /* of local paths */
    char host[TRANSFER_HOST_BYTES];
    char user[256];
    char known_hosts[PATH_MAX];
    char key_path[PATH_MAX];
    bool ended;
    int code;
};

struct errand_options {
    const char *key;
    const char *rate;
    const char *policy;
    const char *fingerprint;
    const char *cipher;
    const char *retries;
    bool password_stdin;
    bool mkdir;
    bool json;
    uint32_t debug;
};

/* ---- what was asked for ---- */

/* "user@host:path", "user@host:33001:path", "user@[::1]:path".  Returns the
 * path, or NULL. */
static const char *split_remote(struct errand *errand, const char *text)
{
    const char *at = strchr(text, '@');
    const char *host = at + 1;
    const char *host_end;
    const char *rest;

    if (at == NULL || at == text || (size_t)(at - text) >= sizeof errand->user)
        return NULL;
    if (*host == '[') {
        host++;
        host_end = strchr(host, ']');
        rest = host_end != NULL ? host_end + 1 : NULL;
    } else {
        host_end = strchr(host, ':');
        rest = host_end;
    }
    if (host_end == NULL || host_end == host || *rest != ':' ||
        (size_t)(host_end - host) >= sizeof errand->host)
        return NULL;
    memcpy(errand->user, text, (size_t)(at - text));
    memcpy(errand->host, host, (size_t)(host_end - host));
    errand->user[at - text] = '\0';
    errand->host[host_end - host] = '\0';

    rest++;
    size_t digits = strspn(rest, "0123456789");
    errand->params.port = DEFAULT_PORT;
    if (digits > 0 && rest[digits] == ':') {
        uint64_t port;
        if (!text_to_u64(text_from(rest, digits), 65535, &port) || port == 0)
            return NULL;
        errand->params.port = (uint16_t)port;
        rest += digits + 1;
    }
    return rest;
}

/* A path of the caller, beneath "/".  A trailing slash is kept: it says that
 * the destination is a folder.  Absent when memory is used up. */
static struct text local_path(struct errand *errand, const char *path)
{
    struct text_builder whole = {0};
    char cwd[PATH_MAX];

    if (path[0] != '/' && getcwd(cwd, sizeof cwd) != NULL) {
        text_add_string(&whole, cwd);
        text_add_char(&whole, '/');
    }
    text_add_string(&whole, path);
    struct text copy = text_copy(&errand->arena, text_built(&whole));
    text_builder_free(&whole);
    return copy;
}

static int read_endpoints(struct errand *errand, const struct command *command,
                          int count, char **arguments, bool is_push)
{
    struct transfer_params *params = &errand->params;

    if (count < 2)
        return usage_error(command, "a source and a destination");
    if (count - 1 > SOURCES_MAX)
        return usage_error(command, "at most %d sources", SOURCES_MAX);
    params->source_count = (uint32_t)count - 1;
    params->sources = errand->sources;
    for (int i = 0; i < count; i++) {
        bool is_remote = is_push == (i == count - 1);
        struct text *path =
            i == count - 1 ? &params->destination : &errand->sources[i];
        char user[sizeof errand->user];
        char host[sizeof errand->host];

        if (!is_remote) {
            *path = local_path(errand, arguments[i]);
            continue;
        }
        memcpy(user, errand->user, sizeof user);
        memcpy(host, errand->host, sizeof host);
        const char *remote = split_remote(errand, arguments[i]);
        if (remote == NULL)
            return usage_error(command,
                               "'%s': expected USER@HOST:PATH or "
                               "USER@HOST:PORT:PATH",
                               arguments[i]);
        if (user[0] != '\0' && (strcmp(user, errand->user) != 0 ||
                                strcmp(host, errand->host) != 0))
            return usage_error(command, "all sources at one node");
        *path = text_of(remote);
    }
    params->host = text_of(errand->host);
    params->user = text_of(errand->user);
    return EXIT_DONE;
}

/* The first that is there: --key, --password-stdin, $FERRY_PASSWORD, the
 * usual key file, a prompt. */
static int read_secrets(struct errand *errand,
                        const struct errand_options *options)
{
    struct transfer_params *params = &errand->params;
    const char *password = getenv("FERRY_PASSWORD");
    const char *home = getenv("HOME");
    int code = EXIT_DONE;

    if (options->key != NULL) {
        snprintf(errand->key_path, sizeof errand->key_path, "%s",
                 options->key);
        params->key_path = text_of(errand->key_path);
    }
    if (options->password_stdin)
        code = read_secret_line(&errand->password);
    else if (password != NULL && *password != '\0')
        text_add_string(&errand->password, password);
    if (code == EXIT_DONE && options->key == NULL &&
        errand->password.size_bytes == 0) {
        snprintf(errand->key_path, sizeof errand->key_path,
                 "%s/.ssh/id_ed25519", home != NULL ? home : "");
        if (access(errand->key_path, R_OK) == 0)
            params->key_path = text_of(errand->key_path);
        else
            code = ask_secret("Password: ", &errand->password);
    }
    if (errand->password.size_bytes > 0)
        params->password = text_built(&errand->password);
    if (!text_is_absent(params->key_path))
        params->methods[params->method_count++] = TRANSFER_METHOD_PUBLIC_KEY;
    if (!text_is_absent(params->password))
        params->methods[params->method_count++] = TRANSFER_METHOD_PASSWORD;
    return code;
}

static int read_options(struct errand *errand, const struct command *command,
                        const struct errand_options *options)
{
    static const char *const ciphers[] = {"none", "aes-128", "aes-256"};
    struct transfer_params *params = &errand->params;

    params->rates.policy = TRANSFER_FAIR;
    params->rates.target_kbps = 1000000;
    params->cipher = TRANSFER_CIPHER_AES_128;
    params->create_path = options->mkdir;
    if (options->rate != NULL &&
        !rate_read(options->rate, &params->rates.target_kbps))
        return usage_error(command, "--rate %s: expected a number with k, m "
                                    "or g bits a second",
                           options->rate);
    if (options->policy != NULL) {
        if (strcmp(options->policy, "fixed") == 0)
            params->rates.policy = TRANSFER_FIXED;
        else if (strcmp(options->policy, "fair") != 0)
            return usage_error(command, "--policy %s: expected fixed or fair",
                               options->policy);
    }
    if (options->cipher != NULL) {
        int i = 0;
        while (i < 3 && strcmp(ciphers[i], options->cipher) != 0)
            i++;
        if (i == 3)
            return usage_error(command, "--cipher %s: expected none, aes-128 "
                                        "or aes-256",
                               options->cipher);
        params->cipher = (enum transfer_cipher)i;
    }
    uint64_t retries = RETRIES;
    if (options->retries != NULL &&
        !text_to_u64(text_of(options->retries), 1000, &retries))
        return usage_error(command, "--retries %s: expected a number up to "
                                    "1000",
                           options->retries);
    errand->retries_max = (uint32_t)retries;
    /* A retry skips what has come already, which it knows by its time. */
    params->preserve_times = true;
    errand->json = options->json;
    errand->is_terminal = !options->json && isatty(STDERR_FILENO);
    if (options->fingerprint != NULL)
        params->fingerprint = text_of(options->fingerprint);
    return EXIT_DONE;
}

/* ~/.config/ferry/known_hosts, with its folders. */
static void find_known_hosts(struct errand *errand)
{
    const char *home = getenv("HOME");
    char folder[PATH_MAX - 32];

    snprintf(folder, sizeof folder, "%s/.config", home != NULL ? home : "");
    mkdir(folder, 0700);
    strncat(folder, "/ferry", sizeof folder - strlen(folder) - 1);
    mkdir(folder, 0700); /* a failure shows when the file is written */
    snprintf(errand->known_hosts, sizeof errand->known_hosts,
             "%s/known_hosts", folder);
    errand->params.known_hosts_path = text_of(errand->known_hosts);
}

/* ---- its life ---- */

static uint32_t terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return PROGRESS_COLUMNS;
}

static void print_json(const struct errand *errand,
                       const struct transfer_stats *stats, const char *state)
{
    printf("{\"Status\":\"%s\",\"FilesComplete\":%u,\"FilesExpected\":%u,"
           "\"BytesWritten\":%llu,\"BytesExpected\":%llu,"
           "\"BytesTransferred\":%llu,\"FilesFailed\":%u,"
           "\"RateKbps\":%llu,\"ElapsedUs\":%llu,\"RetryCount\":%u,"
           "\"ErrorCode\":%d}\n",
           state, stats->files_complete, stats->expected_file_count,
           (unsigned long long)stats->bytes_written,
           (unsigned long long)stats->expected_bytes,
           (unsigned long long)stats->bytes_transferred, stats->files_failed,
           (unsigned long long)stats->rate_kbps,
           (unsigned long long)stats->elapsed_us, errand->retry_count,
           (int)stats->error);
    fflush(stdout);
}

/* On a terminal one line that is drawn over; else a line now and then. */
static void print_progress(struct errand *errand,
                           const struct transfer_stats *stats)
{
    struct progress progress = {
        .done_bytes = stats->bytes_written,
        .total_bytes = stats->expected_bytes,
        .total_known = stats->scan_finished,
        .done_files = stats->files_complete,
        .total_files = stats->expected_file_count,
        .rate_kbps = stats->rate_kbps,
        .retry_count = errand->retry_count,
        .is_paused = stats->state == TRANSFER_PAUSED,
    };
    char line[PROGRESS_BYTES];

    if (errand->json) {
        print_json(errand, stats, "running");
    } else if (errand->is_terminal) {
        /* In the last column a terminal may wrap. */
        progress_line(&progress, terminal_columns() - 1, line);
        fprintf(stderr, "\r%s\x1b[K", line);
        errand->is_drawn = true;
    } else {
        progress_line(&progress, PROGRESS_COLUMNS - 1, line);
        fprintf(stderr, "%s\n", line);
    }
}

/* What is printed next begins on a line of its own. */
static void end_line(struct errand *errand)
{
    if (errand->is_drawn)
        fputs("\r\x1b[K", stderr);
    errand->is_drawn = false;
}

static void start_progress(struct errand *errand);

static void progress_fired(struct loop_timer *timer)
{
    struct errand *errand = OWNER_OF(timer, struct errand, progress);
    struct transfer_stats stats;

    transfer_stats(errand->session, &stats);
    if (stats.state == TRANSFER_RUNNING || stats.state == TRANSFER_PAUSED)
        print_progress(errand, &stats);
    start_progress(errand);
}

static void start_progress(struct errand *errand)
{
    loop_timer_start(errand->loop, &errand->progress,
                     loop_now_ns(errand->loop) + (errand->is_terminal
                                                      ? PROGRESS_DRAWN_NS
                                                      : PROGRESS_NS),
                     progress_fired);
}

/* ---- again ---- */

static void start_session(struct errand *errand)
{
    errand->params.session_id = uuid_new();
    errand->session = transfer_start(errand->node, &errand->params, NULL);
    start_progress(errand);
}

static void retry_fired(struct loop_timer *timer)
{
    start_session(OWNER_OF(timer, struct errand, retry));
}

/* Files that are there already are skipped: they have kept their times. */
static bool may_retry(const struct errand *errand,
                      const struct transfer_stats *stats)
{
    return stats->state == TRANSFER_FAILED && !errand->cancelled &&
           errand->retry_count < errand->retries_max &&
           fasp_error_is_retryable(stats->error);
}

static void print_error(const struct transfer_stats *stats)
{
    say("error %d: %.*s", (int)stats->error,
        (int)stats->error_text.size_bytes,
        stats->error_text.data ? stats->error_text.data : "");
}

static void retry(struct errand *errand)
{
    uint64_t wait_s = UINT64_C(1) << errand->retry_count;

    if (wait_s > RETRY_S_MAX)
        wait_s = RETRY_S_MAX;
    errand->retry_count++;
    say("trying again in %llu s (%u of %u)", (unsigned long long)wait_s,
        errand->retry_count, errand->retries_max);
    loop_timer_start(errand->loop, &errand->retry,
                     loop_now_ns(errand->loop) + wait_s * SECOND_NS,
                     retry_fired);
}

static void print_end(const struct errand *errand,
                      const struct transfer_stats *stats)
{
    double seconds = (double)stats->elapsed_us / 1e6;
    double mbps = seconds > 0
                      ? (double)stats->bytes_transferred * 8 / 1e6 / seconds
                      : 0;
    bool completed = stats->state == TRANSFER_COMPLETED;

    if (errand->json)
        print_json(errand, stats,
                   completed                           ? "completed"
                   : stats->state == TRANSFER_CANCELLED ? "cancelled"
                                                        : "error");
    else if (completed)
        printf("%u files, %llu bytes in %.2f s, %.0f Mbit/s\n",
               stats->files_complete, (unsigned long long)stats->bytes_written,
               seconds, mbps);
}

static void session_ended(void *owner, struct transfer_session *session)
{
    struct errand *errand = owner;
    struct transfer_stats stats;

    transfer_stats(session, &stats);
    errand->session = NULL;
    loop_timer_stop(errand->loop, &errand->progress);
    end_line(errand);
    if (stats.state != TRANSFER_COMPLETED)
        print_error(&stats);
    if (may_retry(errand, &stats)) {
        retry(errand);
        return;
    }
    errand->ended = true;
    errand->code =
        stats.state == TRANSFER_COMPLETED ? EXIT_DONE : EXIT_FAILED;
    print_end(errand, &stats);
}

static void file_changed(void *owner, struct transfer_session *session,
                         const struct transfer_file *file)
{
    struct errand *errand = owner;

    (void)session;
    if (file->state != TRANSFER_FILE_FAILED)
        return;
    end_line(errand);
    say("%.*s: error %d: %.*s", (int)file->path.size_bytes, file->path.data,
        (int)file->error, (int)file->error_text.size_bytes,
        file->error_text.data ? file->error_text.data : "");
}

static void session_changed(void *owner, struct transfer_session *session,
                            enum transfer_change change)
{
    (void)owner;
    (void)session;
    (void)change;
}

static void login(void *owner, struct transfer_login *login, struct text user)
{
    (void)owner;
    (void)user;
    transfer_login_answer(login, NULL); /* nobody logs in to a command */
}

static void opened(void *owner, struct transfer_session *session)
{
    (void)owner;
    (void)session;
}

static const struct transfer_node_events events = {
    .login = login,
    .opened = opened,
    .changed = session_changed,
    .file = file_changed,
    .ended = session_ended,
};

static void caught(struct loop_signals *signals, int number)
{
    struct errand *errand = OWNER_OF(signals, struct errand, signals);

    if (number != SIGTERM && number != SIGINT)
        return;
    if (errand->cancelled)
        _exit(EXIT_FAILED); /* the second time: at once */
    errand->cancelled = true;
    if (errand->session != NULL) {
        transfer_cancel(errand->session);
    } else if (loop_timer_running(&errand->retry)) {
        loop_timer_stop(errand->loop, &errand->retry);
        say("cancelled before it was tried again");
        errand->ended = true;
        errand->code = EXIT_FAILED;
    }
}

static int run(struct errand *errand)
{
    struct transfer_node_config config = {
        .events = &events,
        .owner = errand,
    };

    loop_signals_block();
    int code = open_loop(&errand->loop);
    if (code != EXIT_DONE)
        return code;
    config.loop = errand->loop;
    int result = transfer_node_open(&errand->node, &config);
    if (result == 0)
        result = loop_signals_open(errand->loop, &errand->signals, caught);
    if (result != 0) {
        say("cannot open a UDP port: %s", strerror(-result));
        return EXIT_FAILED;
    }
    errand->params.local_docroot = text_of("/");
    start_session(errand);
    while (!errand->ended)
        loop_run_once(errand->loop);
    return errand->code;
}

static int command_transfer(const struct command *command, int argc,
                            char **argv, enum transfer_operation operation)
{
    static struct errand errand;
    struct errand_options options = {0};
    const struct option_row rows[] = {
        {"--password-stdin", OPTION_FLAG, &options.password_stdin},
        {"--key", OPTION_TEXT, &options.key},
        {"--rate", OPTION_TEXT, &options.rate},
        {"--policy", OPTION_TEXT, &options.policy},
        {"--fingerprint", OPTION_TEXT, &options.fingerprint},
        {"--cipher", OPTION_TEXT, &options.cipher},
        {"--mkdir", OPTION_FLAG, &options.mkdir},
        {"--retries", OPTION_TEXT, &options.retries},
        {"--json", OPTION_FLAG, &options.json},
        {"-D", OPTION_LEVEL, &options.debug},
        {0},
    };
    int code;

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    harden_process();
    arena_init(&errand.arena, SOURCES_MAX * (size_t)PATH_MAX);
    log_set_level(options.debug > 0 ? LOG_DEBUG : LOG_ERROR);
    errand.params.operation = operation;
    if ((code = read_endpoints(&errand, command, others, argv,
                               operation == TRANSFER_PUSH)) ||
        (code = read_options(&errand, command, &options)) ||
        (code = read_secrets(&errand, &options)))
        return code;
    find_known_hosts(&errand);
    return run(&errand);
}

int command_push(const struct command *command, int argc, char **argv)
{
    return command_transfer(command, argc, argv, TRANSFER_PUSH);
}

int command_pull(const struct command *command, int argc, char **argv)
{
    return command_transfer(command, argc, argv, TRANSFER_PULL);
}
