/* Calls one SOAP operation after another at a server, and waits for each: for
 * commands, which have nothing else to do meanwhile.
 *
 * Knows: the loop, the HTTP client, soap/.
 * Must not know: what the operations mean.
 */
#ifndef CLI_SOAP_CLIENT_H
#define CLI_SOAP_CLIENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "cli/command.h"
#include "io/loop.h"
#include "net/http_client.h"
#include "soap/operations.h"
#include "soap/reader.h"

#define SOAP_CLIENT_DEFAULT_URL "http://127.0.0.1:40001"

/* Which server, and how to get in: what the options say. */
struct soap_server {
    const char *url;  /* NULL: $FERRY_SOAP or the default */
    const char *user; /* NULL: $FERRY_USER, if that is set */
    const char *ca;   /* NULL: $FERRY_CA or what the system knows */
    bool insecure;
};

/* Their rows for options_read(). */
#define SOAP_SERVER_OPTIONS(server)                 \
    {"--soap", OPTION_TEXT, &(server).url},         \
        {"--user", OPTION_TEXT, &(server).user},    \
        {"--ca", OPTION_TEXT, &(server).ca},        \
    {                                               \
        "--insecure", OPTION_FLAG, &(server).insecure \
    }

/* "Basic " and a name and password of their largest size, in base64. */
#define SOAP_CLIENT_LOGIN_BYTES 2100

struct soap_client {
    struct loop *loop; /* owned */
    struct http_client http;
    struct http_url url;
    char address[2100]; /* what `url` borrows from */
    struct tls_context *tls; /* owned; NULL unless it is https */
    char authorization[SOAP_CLIENT_LOGIN_BYTES]; /* "" = none */
    struct soap_reader reader;
    struct arena arena; /* of the last answer */
    struct http_call call;
    struct text_builder body;
    bool done;
    bool quiet; /* failures are not printed; `message` has them */
    char message[1024];
    enum soap_detail detail; /* of the last Fault */
};

/* Prepares for calls to `server`; a path of its own may follow the host.  Asks
 * for the password if there is a user and $FERRY_PASSWORD is not set.  Returns
 * EXIT_DONE, or another exit code after it has printed why. */
int soap_client_open(struct soap_client *client,
                     const struct command *command,
                     const struct soap_server *server);
void soap_client_close(struct soap_client *client);

/* Calls `operation` with its request struct and waits.  Returns the response
 * struct, valid until the next call, or NULL: `message` says why, and was
 * printed unless `quiet`. */
const void *soap_client_call(struct soap_client *client,
                             enum soap_operation operation,
                             const void *request);

/* Opens a loop for a command.  Returns EXIT_DONE, or EXIT_CONFIG after it has
 * printed what is in the way of io_uring. */
int open_loop(struct loop **loop);

#endif
