#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/soap_client.h"

/* One list: which question it asks and how a row looks. */
struct query {
    struct soap_client client;
    struct soap_server server;
    const char *job;
    bool active;
    bool json;
    uint32_t row_count;
};

static int print_text(struct text text)
{
    return printf("%.*s", (int)text.size_bytes, text.data ? text.data : "");
}

static void print_json_row(struct query *query, const struct soap_type *type,
                           const void *row)
{
    struct text_builder line = {0};

    json_write(&line, type, row);
    printf("%s\n ", query->row_count > 0 ? "," : "");
    fwrite(line.data, 1, line.size_bytes, stdout);
    text_builder_free(&line);
}

static bool is_active(struct text state)
{
    return text_is(state, "waiting") || text_is(state, "running") ||
           text_is(state, "paused") || text_is(state, "willretry");
}

static void print_session(struct query *query, const char *id_name,
                          struct text id, const struct f09_session_info *row)
{
    const struct f09_session_statistics *figures = &row->statistics;
    char date[DATETIME_TEXT_BYTES + 1];

    datetime_format(row->start_date, date);
    date[19] = '\0'; /* seconds are enough to read */
    if (query->row_count == 0)
        printf("%-36s  %-9s  %-19s  %7s  %14s  %5s  %s\n", id_name, "STATE",
               "STARTED (UTC)", "FILES", "BYTES", "ERROR", "SOURCE -> TARGET");
    print_text(id);
    printf("  %-9.*s  %s  %7u  %14llu  %5d  ",
           (int)figures->status.size_bytes, figures->status.data, date,
           figures->files_complete,
           (unsigned long long)figures->bytes_written, figures->error_code);
    print_text(row->source_path);
    printf(" -> ");
    print_text(row->destination_path);
    putchar('\n');
}

/* `jobs` shows of each job its newest session, which is how it stands. */
static int list_sessions(struct query *query, bool of_jobs)
{
    struct text job_id = text_of(query->job);
    struct text token = TEXT_ABSENT;
    char token_text[512];

    for (;;) {
        struct f09_get_session_info_request request = {
            .session_filter = {.iteration_token = token,
                               .last_session_only = of_jobs,
                               .has_last_session_only = of_jobs},
        };
        if (query->job != NULL) {
            request.session_filter.job_id = &job_id;
            request.session_filter.job_id_count = 1;
        }
        const struct f09_get_session_info_response *response = soap_client_call(
            &query->client, SOAP_OP_GET_SESSION_INFO, &request);
        if (response == NULL)
            return EXIT_FAILED;
        const struct f09_session_info_result *result =
            &response->session_info_result;
        for (uint32_t i = 0; i < result->session_info_count; i++) {
            const struct f09_session_info *row = &result->session_info[i];
            const struct f09_session_key *key = &row->statistics.key;
            if ((of_jobs && key->job_id.size_bytes == 0) ||
                (query->active && !is_active(row->statistics.status)))
                continue;
            if (query->json)
                print_json_row(query, &soap_type_f09_session_info, row);
            else
                print_session(query, of_jobs ? "JOB" : "SESSION",
                              of_jobs ? key->job_id : key->uuid, row);
            query->row_count++;
        }
        if (result->query.remaining_result_count == 0)
            return EXIT_DONE;
        if (!text_to_string(result->query.iteration_token, token_text,
                            sizeof token_text))
            return EXIT_FAILED;
        token = text_of(token_text);
    }
}

static int list_files(struct query *query, bool unused)
{
    struct text job_id = text_of(query->job);
    struct text token = TEXT_ABSENT;
    char token_text[512];

    (void)unused;
    for (;;) {
        struct f09_get_file_transfer_info_request request = {
            .file_transfer_filter = {.session = {.iteration_token = token}},
        };
        if (query->job != NULL) {
            request.file_transfer_filter.session.job_id = &job_id;
            request.file_transfer_filter.session.job_id_count = 1;
        }
        const struct f09_get_file_transfer_info_response *response =
            soap_client_call(&query->client, SOAP_OP_GET_FILE_TRANSFER_INFO,
                             &request);
        if (response == NULL)
            return EXIT_FAILED;
        const struct f09_file_transfer_info_result *result =
            &response->file_transfer_info_result;
        for (uint32_t i = 0; i < result->file_transfer_info_count; i++) {
            const struct f09_file_transfer_info *row =
                &result->file_transfer_info[i];
            const struct f09_file_transfer_statistics *figures =
                &row->statistics;
            if (query->json) {
                print_json_row(query, &soap_type_f09_file_transfer_info, row);
            } else {
                if (query->row_count == 0)
                    printf("%-9s  %14s  %14s  %5s  %s\n", "STATE", "SIZE",
                           "WRITTEN", "ERROR", "PATH");
                printf("%-9.*s  %14llu  %14llu  %5d  ",
                       (int)figures->status.size_bytes, figures->status.data,
                       (unsigned long long)figures->size,
                       (unsigned long long)figures->bytes_written,
                       figures->error_code);
                print_text(figures->key.path);
                putchar('\n');
            }
            query->row_count++;
        }
        if (result->query.remaining_result_count == 0)
            return EXIT_DONE;
        if (!text_to_string(result->query.iteration_token, token_text,
                            sizeof token_text))
            return EXIT_FAILED;
        token = text_of(token_text);
    }
}

static int run(const struct command *command, int argc, char **argv,
               int (*list)(struct query *, bool), bool of_jobs)
{
    struct query query = {0};
    const struct option_row rows[] = {
        SOAP_SERVER_OPTIONS(query.server),
        {"--job", OPTION_TEXT, &query.job},
        {"--active", OPTION_FLAG, &query.active},
        {"--json", OPTION_FLAG, &query.json},
        {0},
    };

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others > 0)
        return usage_error(command, "what is '%s'?", argv[0]);
    int code = soap_client_open(&query.client, command, &query.server);
    if (code != EXIT_DONE)
        return code;
    if (query.json)
        putchar('[');
    code = list(&query, of_jobs);
    if (query.json)
        puts(query.row_count > 0 ? "\n]" : "]");
    soap_client_close(&query.client);
    return code;
}

int command_jobs(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, list_sessions, true);
}

int command_sessions(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, list_sessions, false);
}

int command_files(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, list_files, false);
}
