/* What a push or a pull was asked to do. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/rate.h"
#include "cli/secret.h"
#include "cli/transfer.h"

#define DEFAULT_PORT 33001
#define RETRIES 3u

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
    if (count - 1 > ERRAND_SOURCES_MAX)
        return usage_error(command, "at most %d sources", ERRAND_SOURCES_MAX);
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

/* ~/.config/ferry/known_hosts, with its folders.  Who has no home meets every
 * node for the first time: then the node's key has to be named. */
static int find_known_hosts(struct errand *errand)
{
    const char *home = getenv("HOME");
    char folder[PATH_MAX - 32];
    struct stat info;

    if (home == NULL || stat(home, &info) != 0 || !S_ISDIR(info.st_mode)) {
        if (!text_is_absent(errand->params.fingerprint))
            return EXIT_DONE;
        fprintf(stderr,
                "ferry: HOME (%s) is no folder, and the keys of nodes are "
                "remembered there; set it, or name the key of this node with "
                "--fingerprint (its ferry fingerprint prints it)\n",
                home != NULL ? home : "not set");
        return EXIT_CONFIG;
    }
    snprintf(folder, sizeof folder, "%s/.config", home != NULL ? home : "");
    mkdir(folder, 0700);
    strncat(folder, "/ferry", sizeof folder - strlen(folder) - 1);
    mkdir(folder, 0700); /* a failure shows when the file is written */
    snprintf(errand->known_hosts, sizeof errand->known_hosts,
             "%s/known_hosts", folder);
    errand->params.known_hosts_path = text_of(errand->known_hosts);
    return EXIT_DONE;
}

int errand_read(struct errand *errand, const struct command *command,
                int count, char **arguments,
                const struct errand_options *options)
{
    bool is_push = errand->params.operation == TRANSFER_PUSH;
    int code = read_endpoints(errand, command, count, arguments, is_push);

    if (code == EXIT_DONE)
        code = read_options(errand, command, options);
    if (code == EXIT_DONE)
        code = read_secrets(errand, options);
    if (code == EXIT_DONE)
        code = find_known_hosts(errand);
    return code;
}
