#include "cli/soap_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "central/central.h"
#include "central/pem_file.h"
#include "cli/secret.h"
#include "crypto/base64.h"
#include "crypto/password.h"
#include "crypto/tls.h"
#include "soap/writer.h"

/* An answer holds at most a page of 1,000 rows. */
#define ANSWER_BYTES_MAX (32u << 20)

int open_loop(struct loop **loop)
{
    int result = loop_open(loop, LOOP_WORKERS);

    if (result == 0)
        return EXIT_DONE;
    if (result == -EPERM || result == -ENOSYS)
        say("io_uring is refused here: set the sysctl "
            "kernel.io_uring_disabled to 0, or, in a container, allow "
            "io_uring_setup, io_uring_enter and io_uring_register in its "
            "seccomp profile");
    else if (result == -EINVAL)
        say("this kernel is too old: Linux 6.1 or later is needed");
    else
        say("cannot set up io_uring: %s", strerror(-result));
    return EXIT_CONFIG;
}

/* What the option says, else the environment; NULL for nothing. */
static const char *option_or_env(const char *option, const char *name)
{
    const char *value = option != NULL ? option : getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static bool is_unchecked(void *user, struct text host, uint16_t port)
{
    (void)user;
    (void)host;
    (void)port;
    return true;
}

/* How the server shows who it is. */
static int open_tls(struct soap_client *client,
                    const struct soap_server *server)
{
    struct text_builder bundle = {0};
    const char *path = option_or_env(server->ca, "FERRY_CA");
    char error[CENTRAL_ERROR_BYTES];
    struct http_client_tls tls = {0};

    if (!client->url.is_https)
        return EXIT_DONE;
    if (path == NULL)
        path = pem_file_system_bundle();
    if (path == NULL && !server->insecure) {
        say("this system knows no authorities of certificates: give --ca PEM "
            "or --insecure");
        return EXIT_FAILED;
    }
    if (!server->insecure && pem_file_read(path, LIMIT_AUTHORITIES_BYTES, false,
                                           &bundle, error) != 0) {
        say("%s", error);
        return EXIT_FAILED;
    }
    client->tls = tls_context_open_https_client(
        server->insecure ? TEXT_ABSENT : text_built(&bundle));
    text_builder_free(&bundle);
    if (client->tls == NULL) {
        say("%s holds no certificate of an authority", path);
        return EXIT_FAILED;
    }
    if (server->insecure)
        tls = (struct http_client_tls){.unchecked = client->tls,
                                       .is_unchecked = is_unchecked};
    else
        tls.checked = client->tls;
    http_client_use_tls(&client->http, &tls);
    return EXIT_DONE;
}

/* Basic, over TLS only: there it is asked for, and nobody can read it. */
static int read_login(struct soap_client *client,
                      const struct command *command,
                      const struct soap_server *server)
{
    static const char scheme[] = "Basic ";
    const char *user = option_or_env(server->user, "FERRY_USER");
    const char *password = getenv("FERRY_PASSWORD");
    struct text_builder login = {0};
    int code = EXIT_DONE;

    if (!client->url.is_https) {
        if (server->user == NULL)
            return EXIT_DONE;
        return usage_error(command, "a password is sent to https servers only");
    }
    if (user == NULL)
        return EXIT_DONE;
    if (strlen(user) > LIMIT_USER_NAME_BYTES || strchr(user, ':') != NULL)
        return usage_error(command, "'%s' is no name of a user", user);
    struct text_builder secret = {.size_bytes_max = PASSWORD_BYTES_MAX};
    if (password != NULL)
        text_add_string(&secret, password);
    else
        code = ask_secret("Password: ", &secret);
    if (code == EXIT_DONE && secret.failed) {
        say("the password is longer than %u bytes", PASSWORD_BYTES_MAX);
        code = EXIT_FAILED;
    }
    if (code == EXIT_DONE) {
        text_add_format(&login, "%s:", user);
        text_add(&login, text_built(&secret));
        memcpy(client->authorization, scheme, sizeof scheme);
        base64_encode(login.data, login.size_bytes, true,
                      client->authorization + sizeof scheme - 1);
    }
    text_builder_free(&login);
    text_builder_free(&secret);
    return code;
}

int soap_client_open(struct soap_client *client,
                     const struct command *command,
                     const struct soap_server *server)
{
    const char *url = option_or_env(server->url, "FERRY_SOAP");
    enum http_url_result result;

    memset(client, 0, sizeof *client);
    if (url == NULL)
        url = SOAP_CLIENT_DEFAULT_URL;
    snprintf(client->address, sizeof client->address, "%s", url);
    result = http_url_parse(text_of(client->address), &client->url);
    if (result != HTTP_URL_GOOD)
        return usage_error(command, "'%s' is no address of a server: %s", url,
                           http_url_result_text(result));
    if (client->url.path.size_bytes <= 1)
        client->url.path = text_of("/services/soap/Transfer-201210");

    int code = read_login(client, command, server);
    if (code == EXIT_DONE)
        code = open_loop(&client->loop);
    if (code != EXIT_DONE)
        return code;
    http_client_init(&client->http, client->loop, NULL);
    code = open_tls(client, server);
    if (code != EXIT_DONE)
        return code;
    arena_init(&client->arena, ANSWER_BYTES_MAX);
    if (soap_reader_open(&client->reader) != 0) {
        say("memory is used up");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static void client_stopped(struct http_client *http)
{
    struct soap_client *client = OWNER_OF(http, struct soap_client, http);

    client->done = true;
}

void soap_client_close(struct soap_client *client)
{
    client->done = false;
    http_client_stop(&client->http, client_stopped);
    while (!client->done)
        loop_run_once(client->loop);
    soap_reader_close(&client->reader);
    arena_free(&client->arena);
    text_builder_free(&client->body);
    tls_context_close(client->tls);
    loop_free(client->loop);
}

static void __attribute__((format(printf, 2, 3)))
fail(struct soap_client *client, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(client->message, sizeof client->message, format, args);
    va_end(args);
    if (!client->quiet)
        say("%s", client->message);
}

static void read_answer(struct soap_client *client,
                        const struct http_call_result *result)
{
    struct soap_reader *reader = &client->reader;

    if (result->error != HTTP_CALL_GOOD) {
        bool is_unknown = result->error == HTTP_CALL_TLS &&
                          result->tls_error == TLS_ERROR_AUTHORITY;
        fail(client, "%.*s: %s%s%s%s", (int)client->url.authority.size_bytes,
             client->url.authority.data, http_call_error_text(result),
             result->system_error ? ": " : "",
             result->system_error ? strerror(result->system_error) : "",
             is_unknown ? "; --ca PEM names who has signed it, --insecure "
                          "does not ask"
                        : "");
        return;
    }
    soap_reader_feed(reader, result->body.data ? result->body.data : "",
                     result->body.size_bytes, true);
    if (reader->result != SOAP_READER_DONE) {
        fail(client, "the server answered %u without a SOAP message",
             result->status);
        return;
    }
    if (!reader->is_peer_fault)
        return;
    client->detail = reader->fault.detail;
    bool has_value = reader->fault.value.size_bytes > 0;
    fail(client, "%.*s%s%.*s", (int)reader->fault.text.size_bytes,
         reader->fault.text.data, has_value ? ": " : "",
         has_value ? (int)reader->fault.value.size_bytes : 0,
         has_value ? reader->fault.value.data : "");
}

static void call_done(struct http_call *call,
                      const struct http_call_result *result)
{
    struct soap_client *client = OWNER_OF(call, struct soap_client, call);

    read_answer(client, result);
    client->done = true;
}

const void *soap_client_call(struct soap_client *client,
                             enum soap_operation operation,
                             const void *request)
{
    const struct soap_operation_row *row = &soap_operations[operation];
    static const char empty[1];

    text_builder_reset(&client->body);
    arena_reset(&client->arena);
    client->message[0] = '\0';
    client->detail = SOAP_DETAIL_NONE;
    soap_write(&client->body, SOAP_1_1, row->request, request);
    soap_reader_start(&client->reader, &client->arena, SOAP_READ_RESPONSE,
                      SOAP_CHARSET_ABSENT, row->response);
    struct http_call_request http = {
        .method = HTTP_METHOD_POST,
        .url = client->url,
        .content_type = text_of("text/xml; charset=utf-8"),
        .soap_action = text_of(row->action),
        .authorization = client->authorization[0] != '\0'
                             ? text_of(client->authorization)
                             : TEXT_ABSENT,
        .body = text_built(&client->body),
        .response_bytes_max = ANSWER_BYTES_MAX,
    };
    client->done = false;
    http_call_start(&client->http, &client->call, &http, call_done);
    while (!client->done)
        loop_run_once(client->loop);
    if (client->message[0] != '\0')
        return NULL;
    /* A response without children has no struct. */
    return client->reader.message != NULL ? client->reader.message : empty;
}
