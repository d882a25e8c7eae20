#include "harness.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/password.h"
#include "store/query.h"
#include "store/users.h"

/* Far beyond what any step takes, even on a busy machine. */
#define PATIENCE_NS UINT64_C(20000000000)

struct harness harness;

static int remove_entry(const char *path, const struct stat *stat, int kind,
                        struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void make_file(const char *name, long size_bytes)
{
    char path[128];

    snprintf(path, sizeof path, "%s/source/%s", harness.docroot, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    for (long i = 0; i < size_bytes; i++)
        fputc((int)(i * 7 % 251), file);
    fclose(file);
}

void harness_make_folder(void)
{
    snprintf(harness.folder, sizeof harness.folder, "/tmp/ferry-XXXXXX");
    cr_assert_not_null(mkdtemp(harness.folder));
    snprintf(harness.state_dir, sizeof harness.state_dir, "%s/state",
             harness.folder);
    snprintf(harness.docroot, sizeof harness.docroot, "%s/docroot",
             harness.folder);
    snprintf(harness.remote, sizeof harness.remote, "%s/remote",
             harness.folder);
    cr_assert_eq(mkdir(harness.docroot, 0700), 0);
    cr_assert_eq(mkdir(harness.remote, 0700), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/source", harness.docroot);
    cr_assert_eq(mkdir(path, 0700), 0);
    make_file("small", 5);
    make_file("large", 70000);
    make_file("empty", 0);
}

void harness_remove_folder(void)
{
    nftw(harness.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void harness_add_user(void)
{
    char path[128];
    char message[STORE_MESSAGE_BYTES] = "";
    char hash[PASSWORD_HASH_TEXT_BYTES_MAX + 1];
    struct store_users *users;

    cr_assert_eq(password_hash(text_of("secret-word"), hash), 0);
    struct store_user user = {
        .name = text_of("ann"),
        .docroot = text_of(harness.remote),
        .password_hash = text_of(hash),
        .created_us = 1,
    };
    snprintf(path, sizeof path, "%s/" STORE_FILE_NAME, harness.state_dir);
    cr_assert_eq(store_users_open(&users, path, message), 0, "%s", message);
    cr_assert_eq(store_users_add(users, &user), 0);
    store_users_close(users);
}

void harness_open(uint32_t sessions_running_max)
{
    char error[CENTRAL_ERROR_BYTES] = "";
    struct central_config config = {
        .state_dir = harness.state_dir,
        .docroot = harness.docroot,
        .sessions_running_max = sessions_running_max,
    };

    cr_assert(address_parse(text_of("127.0.0.1:0"), &config.soap_listen));
    config.transfer_listen = config.soap_listen;
    cr_assert_eq(loop_open(&harness.loop, 2), 0);
    config.loop = harness.loop;
    cr_assert_eq(central_open(&harness.central, &config, error), 0, "%s",
                 error);
    http_client_init(&harness.client, harness.loop, NULL);
}

void harness_run_until(bool (*reached)(void *user), void *user)
{
    uint64_t give_up_ns = clock_mono_ns() + PATIENCE_NS;

    while (!reached(user)) {
        cr_assert(clock_mono_ns() < give_up_ns, "waited in vain");
        loop_run_once(harness.loop);
    }
}

static bool is_true(void *user)
{
    return *(bool *)user;
}

static bool client_has_stopped;

static void client_stopped(struct http_client *client)
{
    (void)client;
    client_has_stopped = true;
}

static void set_true(void *owner)
{
    *(bool *)owner = true;
}

static void nothing_fired(struct loop_timer *timer)
{
    (void)timer;
}

void harness_close(void)
{
    /* Keeps the loop turning, so that a stop that hangs is seen. */
    struct loop_timer patience = {0};
    bool stopped = false;

    loop_timer_start(harness.loop, &patience,
                     loop_now_ns(harness.loop) + PATIENCE_NS, nothing_fired);
    client_has_stopped = false;
    http_client_stop(&harness.client, client_stopped);
    harness_run_until(is_true, &client_has_stopped);
    central_stop(harness.central, set_true, &stopped);
    harness_run_until(is_true, &stopped);
    loop_timer_stop(harness.loop, &patience);
    loop_free(harness.loop);
    harness.central = NULL;
}

/* ---- requests ---- */

static struct {
    bool done;
    struct reply reply;
    char *body;
    char media_type[64];
} got;

static void call_done(struct http_call *call,
                      const struct http_call_result *result)
{
    (void)call;
    free(got.body);
    got.body = calloc(1, result->body.size_bytes + 1);
    if (result->body.size_bytes > 0)
        memcpy(got.body, result->body.data, result->body.size_bytes);
    if (!text_to_string(result->media_type, got.media_type,
                        sizeof got.media_type))
        got.media_type[0] = '\0';
    got.reply = (struct reply){result->status, got.media_type, got.body};
    got.done = true;
}

struct reply harness_request(enum http_method method, const char *path,
                             const char *content_type, const char *body)
{
    char url[512];
    char address[ADDRESS_TEXT_BYTES];
    struct http_call call = {0};
    struct http_call_request request = {
        .method = method,
        .content_type = text_of(content_type),
        .body = text_of(body),
        .response_bytes_max = 8u << 20,
    };
    struct address soap = central_soap_address(harness.central);

    address_format(&soap, address);
    snprintf(url, sizeof url, "http://%s%s", address, path);
    cr_assert_eq(http_url_parse(text_of(url), &request.url), HTTP_URL_GOOD);
    got.done = false;
    http_call_start(&harness.client, &call, &request, call_done);
    harness_run_until(is_true, &got.done);
    return got.reply;
}

struct reply harness_call(const char *content)
{
    struct text_builder envelope = {0};

    text_add_format(
        &envelope,
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/' "
        "xmlns:job='urn:Aspera:XML:JobNET:2006/01:Types' "
        "xmlns:isc='urn:Aspera:XML:IScpTransferNET:2006/04:Types' "
        "xmlns:f06='urn:Aspera:XML:FASPSessionNET:2006/01:Types' "
        "xmlns:f09='urn:Aspera:XML:FASPSessionNET:2009/11:Types'>"
        "<e:Body>%s</e:Body></e:Envelope>",
        content);
    struct reply reply =
        harness_request(HTTP_METHOD_POST, "/services/soap/Transfer-201210",
                        "text/xml", envelope.data);
    text_builder_free(&envelope);
    return reply;
}

const char *harness_order(uint16_t port)
{
    return harness_order_retry(port, 0, 10);
}

static int bound_socket(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

uint16_t harness_free_port(void)
{
    uint16_t port;

    close(bound_socket(&port));
    return port;
}

int harness_silent_peer(uint16_t *port)
{
    int fd = bound_socket(port);

    cr_assert_eq(listen(fd, 5), 0);
    return fd;
}

const char *harness_order_retry(uint16_t port, uint32_t count, uint32_t base_s)
{
    static char order[1024];

    snprintf(order, sizeof order,
             "<Order><Operation>Push</Operation>"
             "<ApplicationData><Cookie>crumb</Cookie></ApplicationData>"
             "<RemoteLocation><System><Address>127.0.0.1</Address>"
             "<Port>%u</Port><UserName>ann</UserName>"
             "<Password>secret-word</Password></System>"
             "<Files><Path>/in</Path></Files></RemoteLocation>"
             "<LocalLocation><Files><Path>source</Path></Files>"
             "</LocalLocation>"
             "<RetryParameters><Count>%u</Count>"
             "<BaseInterval>%u</BaseInterval></RetryParameters>"
             "<PrivateData><Key>mine</Key></PrivateData></Order>",
             port, count, base_s);
    return order;
}

const char *harness_submit(const char *order)
{
    static char id[64];
    struct text_builder content = {0};

    text_add_format(&content,
                    "<job:SubmitRequest><Type>Aspera.IScpTransfer</Type>"
                    "<Definition><![CDATA[%s]]></Definition>"
                    "</job:SubmitRequest>",
                    order);
    struct reply reply = harness_call(content.data);
    text_builder_free(&content);
    cr_assert_eq(reply.status, 200, "%s", reply.body);
    const char *found = harness_element(reply.body, "ID", 0);
    cr_assert_not_null(found);
    snprintf(id, sizeof id, "%s", found);
    return id;
}

const char *harness_element(const char *body, const char *name, uint32_t n)
{
    static char value[4096];
    const char *at = body;

    for (uint32_t i = 0; i <= n; i++) {
        for (;;) {
            at = strstr(at, name);
            if (at == NULL)
                return NULL;
            at += strlen(name);
            const char *before = at - strlen(name) - 1;
            if (*at == '>' && (*before == '<' || *before == ':'))
                break;
        }
        at++;
    }
    const char *end = strchr(at, '<');
    snprintf(value, sizeof value, "%.*s", (int)(end - at), at);
    return value;
}

static bool all_durable(void *user)
{
    (void)user;
    return harness.central->changes.first == NULL;
}

void harness_store(const struct store_job *job,
                   const struct store_session *session)
{
    struct change *change = change_begin(&harness.central->changes);

    change_put_job(change, job);
    change_put_session(change, session);
    change_commit(change, CHANGE_MUST, NULL, NULL);
    harness_run_until(all_durable, NULL);
}

/* ---- events ---- */

static struct {
    bool done;
    uint32_t count;
    char topics[4096];
} events;

static void events_read(void *user, struct store_rows *rows)
{
    (void)user;
    cr_assert_eq(rows->result, 0);
    events.topics[0] = '\0';
    for (uint32_t i = 0; i < rows->count; i++) {
        if (i > 0)
            strcat(events.topics, " ");
        strcat(events.topics, store_topic_names[rows->events[i].topic]);
    }
    events.count = rows->count;
    events.done = true;
    store_rows_free(rows);
}

const char *harness_topics(void)
{
    struct store_event_filter filter = {.topics = HARNESS_ALL_TOPICS};

    events.done = false;
    store_query_events(harness.central->store, &filter, 100, NULL, events_read);
    harness_run_until(is_true, &events.done);
    return events.topics;
}

void harness_wait_events(uint32_t count)
{
    uint64_t give_up_ns = clock_mono_ns() + PATIENCE_NS;

    do {
        cr_assert(clock_mono_ns() < give_up_ns, "waited in vain: %s",
                  events.topics);
        harness_topics();
    } while (events.count < count);
}
