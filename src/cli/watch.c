#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/subscription.h"
#include "cli/options.h"
#include "cli/soap_client.h"
#include "cli/watch.h"
#include "net/http_server.h"
#include "soap/writer.h"

/* A day, as the server gives by default; who watches for longer starts anew. */
#define WATCH_DURATION_S 86400u

/* An order with thousands of paths is echoed in its job's notifications. */
#define NOTIFICATION_BYTES_MAX (16u << 20)

struct watch {
    struct soap_client client;
    struct http_server server;
    struct soap_reader reader;
    struct text_builder answer;
    struct loop_signals signals;
    struct option_list topics;
    struct soap_server soap;
    const char *listen;
    const char *after;
    bool json;
    bool pull;
    bool ending;
    bool stopped;
    char observer[128];
    char job_subscription[64];
    char session_subscription[64];
};

/* ---- what arrives ---- */

static void print_notification(struct watch *watch)
{
    struct soap_reader *reader = &watch->reader;

    if (watch->json) {
        watch_print_json(reader->type, reader->message);
    } else if (reader->operation == SOAP_OP_NOTIFY_JOB) {
        const struct isc_notify_request *notify = reader->message;
        watch_print_job(notify->time, notify->topic, notify->sequence,
                        &notify->job);
    } else if (reader->operation == SOAP_OP_NOTIFY_SESSION) {
        const struct f06_notify_request *notify = reader->message;
        watch_print_session(notify->time, notify->topic, notify->sequence,
                            &notify->session);
    } else {
        puts("the subscription ended");
        fflush(stdout);
    }
}

/* ---- the observer ---- */

static uint16_t on_head(void *owner, struct http_exchange *exchange,
                        const struct http_head *head)
{
    struct text_builder *body;

    (void)owner;
    if (head->method != HTTP_METHOD_POST)
        return 405;
    body = calloc(1, sizeof *body);
    if (body == NULL)
        return 503;
    body->size_bytes_max = NOTIFICATION_BYTES_MAX;
    exchange->user = body;
    return 0;
}

/* Bodies are gathered, since several connections may be talking at once. */
static void on_body(void *owner, struct http_exchange *exchange,
                    const uint8_t *data, uint32_t size_bytes)
{
    (void)owner;
    text_add(exchange->user, text_from((const char *)data, size_bytes));
}

static void drop_body(struct http_exchange *exchange)
{
    text_builder_free(exchange->user);
    free(exchange->user);
    exchange->user = NULL;
}

static bool is_notification(enum soap_operation operation)
{
    return operation == SOAP_OP_NOTIFY_JOB ||
           operation == SOAP_OP_NOTIFY_JOB_END ||
           operation == SOAP_OP_NOTIFY_SESSION ||
           operation == SOAP_OP_NOTIFY_SESSION_END;
}

static void on_end(void *owner, struct http_exchange *exchange)
{
    struct watch *watch = owner;
    struct soap_reader *reader = &watch->reader;
    struct text_builder *body = exchange->user;
    struct http_response response = {
        .status = 500,
        .content_type = "text/xml; charset=utf-8",
    };

    soap_reader_start(reader, &exchange->arena, SOAP_READ_REQUEST,
                      SOAP_CHARSET_ABSENT, NULL);
    soap_reader_feed(reader, text_built(body).data, body->size_bytes, true);
    text_builder_reset(&watch->answer);
    if (reader->result == SOAP_READER_DONE &&
        is_notification(reader->operation)) {
        print_notification(watch);
        response.status = 200;
        soap_write(&watch->answer, reader->version,
                   soap_operations[reader->operation].response, NULL);
    } else {
        struct soap_fault fault = soap_fault_make(
            &exchange->arena, SOAP_FAULT_CLIENT, "expected a notification");
        soap_write_fault(&watch->answer, reader->version,
                         reader->result == SOAP_READER_REFUSED ? &reader->fault
                                                               : &fault);
    }
    response.body = text_built(&watch->answer);
    drop_body(exchange);
    http_exchange_respond(exchange, &response);
}

static void on_gone(void *owner, struct http_exchange *exchange)
{
    (void)owner;
    drop_body(exchange);
}

static const struct http_server_handler handler = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .gone = on_gone,
};

static int open_observer(struct watch *watch)
{
    char text[ADDRESS_TEXT_BYTES];
    struct address address;

    if (!address_parse(text_of(watch->listen), &address)) {
        say("--listen %s: expected an IP address and a port (0: any)",
            watch->listen);
        return EXIT_USAGE;
    }
    int result = http_server_open(&watch->server, watch->client.loop, &address,
                                  &handler, watch, NULL);
    if (result != 0) {
        say("cannot listen on %s: %s", watch->listen, strerror(-result));
        return EXIT_FAILED;
    }
    address_format(&watch->server.address, text);
    snprintf(watch->observer, sizeof watch->observer, "http://%s/", text);
    return EXIT_DONE;
}

/* ---- subscribing ---- */

/* The topics of one kind among those asked for.  "job.Start" and "session.Stop"
 * name the kind; a bare one belongs to each kind that has it. */
static uint32_t pick_topics(const struct option_list *list,
                            enum store_kind kind,
                            struct text topics[OPTION_LIST_MAX])
{
    const char *prefix = kind == STORE_KIND_JOB ? "job." : "session.";
    uint32_t count = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        struct text topic = text_of(list->values[i]);
        if (text_starts_with(topic, prefix))
            topic = text_of(list->values[i] + strlen(prefix));
        if (text_is(topic, "*") ||
            subscription_topic(kind, topic) != STORE_TOPIC_COUNT)
            topics[count++] = topic;
    }
    return count;
}

static int subscribe(struct watch *watch)
{
    struct text job_topics[OPTION_LIST_MAX];
    struct text session_topics[OPTION_LIST_MAX];
    uint32_t job_count =
        pick_topics(&watch->topics, STORE_KIND_JOB, job_topics);
    uint32_t session_count =
        pick_topics(&watch->topics, STORE_KIND_SESSION, session_topics);
    bool all = watch->topics.count == 0;

    if (!all && job_count + session_count == 0) {
        say("--topic %s: expected Connecting, Start, Stop, Status, Error or "
            "Statistics, with job. or session. before it for one kind alone",
            watch->topics.values[0]);
        return EXIT_USAGE;
    }
    if (all || job_count > 0) {
        struct isc_subscribe_request request = {
            .job_id = text_of("0"),
            .job_observer = {.address = text_of(watch->observer)},
            .topics = {.topic = job_topics, .topic_count = job_count},
            .duration = WATCH_DURATION_S,
            .has_duration = true,
        };
        const struct isc_subscribe_response *response =
            soap_client_call(&watch->client, SOAP_OP_SUBSCRIBE_JOBS, &request);
        if (response == NULL)
            return EXIT_FAILED;
        text_to_string(response->subscription_resource.id,
                       watch->job_subscription,
                       sizeof watch->job_subscription);
    }
    if (all || session_count > 0) {
        struct f06_subscribe_request request = {
            .session_id = text_of("0"),
            .session_observer = {.address = text_of(watch->observer)},
            .topics = {.topic = session_topics, .topic_count = session_count},
            .duration = WATCH_DURATION_S,
            .has_duration = true,
        };
        const struct f06_subscribe_response *response = soap_client_call(
            &watch->client, SOAP_OP_SUBSCRIBE_SESSIONS, &request);
        if (response == NULL)
            return EXIT_FAILED;
        text_to_string(response->subscription_resource.id,
                       watch->session_subscription,
                       sizeof watch->session_subscription);
    }
    return EXIT_DONE;
}

static void unsubscribe(struct watch *watch)
{
    watch->client.quiet = true; /* the server may be gone */
    if (watch->job_subscription[0] != '\0') {
        struct isc_unsubscribe_request request = {
            .subscription_id = text_of(watch->job_subscription)};
        soap_client_call(&watch->client, SOAP_OP_UNSUBSCRIBE_JOBS, &request);
    }
    if (watch->session_subscription[0] != '\0') {
        struct f06_unsubscribe_request request = {
            .subscription_id = text_of(watch->session_subscription)};
        soap_client_call(&watch->client, SOAP_OP_UNSUBSCRIBE_SESSIONS,
                         &request);
    }
}

static void caught(struct loop_signals *signals, int number)
{
    struct watch *watch = OWNER_OF(signals, struct watch, signals);

    if (number != SIGTERM && number != SIGINT)
        return;
    watch->ending = true;
    watch->client.quiet = true; /* a call that is cut short is no failure */
    if (watch->pull)
        http_call_cancel(&watch->client.call);
}

static void server_stopped(struct http_server *server)
{
    OWNER_OF(server, struct watch, server)->stopped = true;
}

int command_watch(const struct command *command, int argc, char **argv)
{
    static struct watch watch = {.listen = "127.0.0.1:0"};
    const struct option_row rows[] = {
        SOAP_SERVER_OPTIONS(watch.soap),
        {"--topic", OPTION_LIST, &watch.topics},
        {"--json", OPTION_FLAG, &watch.json},
        {"--listen", OPTION_TEXT, &watch.listen},
        {"--pull", OPTION_FLAG, &watch.pull},
        {"--after", OPTION_TEXT, &watch.after},
        {0},
    };

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0)
        return usage_error(command, "what is '%s'?", argv[0]);
    if (watch.after != NULL && !watch.pull)
        return usage_error(command, "--after goes with --pull");
    loop_signals_block();
    int code = soap_client_open(&watch.client, command, &watch.soap);
    if (code != EXIT_DONE)
        return code;
    struct loop *loop = watch.client.loop;
    if (soap_reader_open(&watch.reader) != 0 ||
        loop_signals_open(loop, &watch.signals, caught) != 0) {
        say("memory or descriptors are used up");
        return EXIT_FAILED;
    }
    if (watch.pull) {
        struct watch_pull pull = {&watch.client, &watch.topics, watch.after,
                                  watch.json, &watch.ending};
        soap_reader_close(&watch.reader);
        return watch_pull_run(&pull);
    }
    if ((code = open_observer(&watch)) != EXIT_DONE)
        return code;
    if ((code = subscribe(&watch)) == EXIT_DONE) {
        fprintf(stderr, "watching; the observer is %s\n", watch.observer);
        while (!watch.ending)
            loop_run_once(loop);
    }
    unsubscribe(&watch);
    http_server_stop(&watch.server, server_stopped);
    http_server_abort(&watch.server);
    while (!watch.stopped)
        loop_run_once(loop);
    soap_reader_close(&watch.reader);
    text_builder_free(&watch.answer);
    return code;
}
