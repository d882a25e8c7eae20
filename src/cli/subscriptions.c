#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/datetime.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/soap_client.h"

struct listed {
    char id[64];
    bool is_job;
    struct text_builder json; /* of the resource */
    char observer[2100];
    uint32_t time_remaining_s;
};

struct list {
    struct soap_client client;
    struct soap_server server;
    bool json;
    bool none;
    bool secret_stdin;
    struct listed *all; /* owned */
    uint32_t count;
};

static bool add(struct list *list, bool is_job, const struct soap_type *type,
                const void *resource, struct text id, struct text observer,
                uint32_t time_remaining_s)
{
    struct listed *more =
        realloc(list->all, (list->count + 1) * sizeof *list->all);

    if (more == NULL) {
        say("memory is used up");
        return false;
    }
    list->all = more;
    struct listed *added = &list->all[list->count++];
    *added = (struct listed){.is_job = is_job,
                             .time_remaining_s = time_remaining_s};
    text_to_string(id, added->id, sizeof added->id);
    text_to_string(observer, added->observer, sizeof added->observer);
    json_write(&added->json, type, resource);
    return true;
}

static bool ask_all(struct list *list)
{
    const struct isc_list_subscriptions_response *jobs = soap_client_call(
        &list->client, SOAP_OP_LIST_JOB_SUBSCRIPTIONS, NULL);

    if (jobs == NULL)
        return false;
    for (uint32_t i = 0; i < jobs->subscription_resource_count; i++) {
        const struct isc_subscription_resource *row =
            &jobs->subscription_resource[i];
        if (!add(list, true, &soap_type_isc_subscription_resource, row,
                 row->id, row->observer.address, row->time_remaining))
            return false;
    }
    const struct f06_list_subscriptions_response *sessions = soap_client_call(
        &list->client, SOAP_OP_LIST_SESSION_SUBSCRIPTIONS, NULL);
    if (sessions == NULL)
        return false;
    for (uint32_t i = 0; i < sessions->subscription_resource_count; i++) {
        const struct f06_subscription_resource *row =
            &sessions->subscription_resource[i];
        if (!add(list, false, &soap_type_f06_subscription_resource, row,
                 row->id, row->observer.address, row->time_remaining))
            return false;
    }
    return true;
}

static void print_json(const struct listed *listed, bool is_first,
                       const struct evt_query_delivery_response *delivery)
{
    struct text_builder line = {0};

    json_write(&line, &soap_type_evt_query_delivery_response, delivery);
    printf("%s\n {\"Kind\":\"%s\",\"Subscription\":%s,\"Delivery\":%s}",
           is_first ? "" : ",", listed->is_job ? "job" : "session",
           listed->json.data, line.data);
    text_builder_free(&line);
}

static void print_line(const struct listed *listed, bool is_first,
                       const struct evt_query_delivery_response *delivery)
{
    char date[DATETIME_TEXT_BYTES + 1] = "-";

    if (delivery->has_next_attempt) {
        datetime_format(delivery->next_attempt, date);
        memmove(date, date + 11, 8); /* the time of day */
        date[8] = '\0';
    }
    if (is_first)
        printf("%-36s  %-7s  %-7s  %7s  %6s  %-8s  %8s  %s\n", "SUBSCRIPTION",
               "KIND", "STATE", "BACKLOG", "FAILED", "NEXT", "ENDS IN",
               "OBSERVER: LAST ERROR");
    printf("%-36s  %-7s  %-7.*s  %7llu  %6u  %-8s  %7us  %s", listed->id,
           listed->is_job ? "job" : "session", (int)delivery->state.size_bytes,
           delivery->state.data, (unsigned long long)delivery->backlog,
           delivery->failed_attempts, date, listed->time_remaining_s,
           listed->observer);
    if (!text_is_absent(delivery->last_error))
        printf(": %.*s", (int)delivery->last_error.size_bytes,
               delivery->last_error.data);
    putchar('\n');
}

static int show_all(struct list *list)
{
    bool is_first = true;

    if (!ask_all(list))
        return EXIT_FAILED;
    if (list->json)
        putchar('[');
    for (uint32_t i = 0; i < list->count; i++) {
        struct evt_query_delivery_request request = {
            .subscription_id = text_of(list->all[i].id)};
        list->client.quiet = true; /* it may have ended meanwhile */
        const struct evt_query_delivery_response *delivery = soap_client_call(
            &list->client, SOAP_OP_QUERY_DELIVERY, &request);
        if (delivery == NULL)
            continue;
        if (list->json)
            print_json(&list->all[i], is_first, delivery);
        else
            print_line(&list->all[i], is_first, delivery);
        is_first = false;
    }
    if (list->json)
        puts(is_first ? "]" : "\n]");
    return EXIT_DONE;
}

static int set_secret(struct list *list, const char *id)
{
    char secret[256] = "";
    struct evt_set_secret_request request = {.subscription_id = text_of(id)};

    if (list->secret_stdin) {
        if (fgets(secret, sizeof secret, stdin) == NULL) {
            say("no secret came from standard input");
            return EXIT_FAILED;
        }
        secret[strcspn(secret, "\r\n")] = '\0';
    }
    if (list->secret_stdin || list->none)
        request.secret = text_of(secret);
    const struct evt_set_secret_response *response =
        soap_client_call(&list->client, SOAP_OP_SET_SECRET, &request);
    if (response == NULL)
        return EXIT_FAILED;
    if (response->secret.size_bytes > 0 && !list->secret_stdin)
        printf("%.*s\n", (int)response->secret.size_bytes,
               response->secret.data);
    return EXIT_DONE;
}

static int replay(const struct command *command, struct list *list,
                  const char *id, const char *after)
{
    struct evt_redeliver_request request = {.subscription_id = text_of(id)};

    if (!text_to_u64(text_of(after), INT64_MAX, &request.after_sequence))
        return usage_error(command, "'%s' is no Sequence of an event", after);
    const struct evt_redeliver_response *response =
        soap_client_call(&list->client, SOAP_OP_REDELIVER, &request);
    if (response == NULL)
        return EXIT_FAILED;
    if (response->first_sequence > request.after_sequence + 1)
        say("events before %llu are not kept any more",
            (unsigned long long)response->first_sequence);
    return EXIT_DONE;
}

static int run(const struct command *command, struct list *list, int argc,
               char **argv)
{
    if (argc == 0)
        return show_all(list);
    if (argc == 2 && strcmp(argv[0], "secret") == 0)
        return set_secret(list, argv[1]);
    if (argc == 3 && strcmp(argv[0], "replay") == 0)
        return replay(command, list, argv[1], argv[2]);
    return usage_error(command, "what is '%s'?", argv[0]);
}

int command_subscriptions(const struct command *command, int argc, char **argv)
{
    struct list list = {0};
    const struct option_row rows[] = {
        SOAP_SERVER_OPTIONS(list.server),
        {"--json", OPTION_FLAG, &list.json},
        {"--none", OPTION_FLAG, &list.none},
        {"--secret-stdin", OPTION_FLAG, &list.secret_stdin},
        {0},
    };

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    int code = soap_client_open(&list.client, command, &list.server);
    if (code != EXIT_DONE)
        return code;
    code = run(command, &list, others, argv);
    for (uint32_t i = 0; i < list.count; i++)
        text_builder_free(&list.all[i].json);
    free(list.all);
    soap_client_close(&list.client);
    return code;
}
