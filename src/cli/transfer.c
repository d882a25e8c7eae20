#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "cli/soap_client.h"
#include "io/loop.h"
#include "transfer/node.h"

#define SOURCES_MAX 1024
#define DEFAULT_PORT 33001
#define PROGRESS_NS UINT64_C(1000000000)

/* One `ferry push` or `ferry pull`: a node with client ends only. */
struct errand {
    struct loop *loop;
    struct transfer_node *node;
    struct transfer_session *session;
    struct loop_signals signals;
    struct loop_timer progress;
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
    bool password_stdin;
    bool mkdir;
    uint32_t debug;
};

/* ---- what was asked for ---- */

/* RATE is a number with k, m or g bits a second; bare: kbit/s. */
static bool read_rate(const char *text, uint32_t *kbps)
{
    char *end;
    double value = strtod(text, &end);
    double factor = 1;

    if (*end == 'm' || *end == 'M')
        factor = 1e3;
    else if (*end == 'g' || *end == 'G')
        factor = 1e6;
    if (strchr("kKmMgG", *end) != NULL && *end != '\0')
        end++;
    value *= factor;
    if (end == text || *end != '\0' || !(value >= 1 && value <= 4e9))
        return false;
    *kbps = (uint32_t)value;
    return true;
}

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
        !read_rate(options->rate, &params->rates.target_kbps))
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

static void print_progress(const struct transfer_stats *stats)
{
    fprintf(stderr, "%u of %u%s files, %llu of %llu%s bytes, %llu Mbit/s\n",
            stats->files_complete, stats->expected_file_count,
            stats->scan_finished ? "" : "+",
            (unsigned long long)stats->bytes_written,
            (unsigned long long)stats->expected_bytes,
            stats->scan_finished ? "" : "+",
            (unsigned long long)(stats->rate_kbps / 1000));
}

static void progress_fired(struct loop_timer *timer)
{
    struct errand *errand = OWNER_OF(timer, struct errand, progress);
    struct transfer_stats stats;

    transfer_stats(errand->session, &stats);
    if (stats.state == TRANSFER_RUNNING)
        print_progress(&stats);
    loop_timer_start(errand->loop, &errand->progress,
                     loop_now_ns(errand->loop) + PROGRESS_NS, progress_fired);
}

static void session_ended(void *owner, struct transfer_session *session)
{
    struct errand *errand = owner;
    struct transfer_stats stats;

    transfer_stats(session, &stats);
    errand->session = NULL;
    errand->ended = true;
    loop_timer_stop(errand->loop, &errand->progress);
    errand->code =
        stats.state == TRANSFER_COMPLETED ? EXIT_DONE : EXIT_FAILED;
    if (stats.state == TRANSFER_COMPLETED) {
        double seconds = (double)stats.elapsed_us / 1e6;
        printf("%u files, %llu bytes in %.2f s, %.0f Mbit/s\n",
               stats.files_complete, (unsigned long long)stats.bytes_written,
               seconds,
               seconds > 0
                   ? (double)stats.bytes_transferred * 8 / 1e6 / seconds
                   : 0);
    } else {
        say("error %d: %.*s", (int)stats.error,
            (int)stats.error_text.size_bytes,
            stats.error_text.data ? stats.error_text.data : "");
    }
}

static void file_changed(void *owner, struct transfer_session *session,
                         const struct transfer_file *file)
{
    (void)owner;
    (void)session;
    if (file->state == TRANSFER_FILE_FAILED)
        say("%.*s: error %d: %.*s", (int)file->path.size_bytes,
            file->path.data, (int)file->error,
            (int)file->error_text.size_bytes,
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

    if ((number == SIGTERM || number == SIGINT) && errand->session != NULL)
        transfer_cancel(errand->session);
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
    errand->params.session_id = uuid_new();
    errand->params.local_docroot = text_of("/");
    errand->session = transfer_start(errand->node, &errand->params, NULL);
    loop_timer_start(errand->loop, &errand->progress,
                     loop_now_ns(errand->loop) + PROGRESS_NS, progress_fired);
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
        {"-D", OPTION_LEVEL, &options.debug},
        {0},
    };
    int code;

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
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
