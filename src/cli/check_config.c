/* `ferry check-config FILE`: what a server would make of a file. */
#include <stdio.h>

#include "cli/config.h"
#include "cli/json.h"
#include "cli/options.h"

struct check {
    const char *path;
    bool json;
    uint32_t counts[3];
};

static void print_json(struct check *check, const struct config_finding *finding)
{
    struct text_builder row = {0};
    bool first =
        check->counts[0] + check->counts[1] + check->counts[2] == 0;

    text_add_string(&row, "{\"File\":");
    json_write_string(&row, text_of(check->path));
    text_add_format(&row, ",\"Line\":%u,\"Column\":%u,\"Setting\":",
                    finding->line, finding->column);
    json_write_string(&row, finding->setting);
    text_add_format(&row, ",\"Verdict\":\"%s\",\"Reason\":",
                    config_verdict_text(finding->verdict));
    json_write_string(&row, text_of(finding->why));
    text_add_char(&row, '}');
    printf("%s%.*s", first ? "" : ",\n", (int)row.size_bytes, row.data);
    text_builder_free(&row);
}

static void print(void *user, const struct config_finding *finding)
{
    struct check *check = user;

    if (check->json)
        print_json(check, finding);
    else
        printf("%s:%u:%u: %-8s %.*s%s%s\n", check->path, finding->line,
               finding->column, config_verdict_text(finding->verdict),
               (int)finding->setting.size_bytes, finding->setting.data,
               finding->why[0] != '\0' ? ": " : "", finding->why);
    check->counts[finding->verdict]++;
}

int command_check_config(const struct command *command, int argc, char **argv)
{
    char error[CENTRAL_ERROR_BYTES];
    struct central_config central = {0};
    struct config config;
    struct check check = {0};
    const struct option_row rows[] = {
        {"--json", OPTION_FLAG, &check.json},
        {0},
    };

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    if (others != 1)
        return usage_error(command, "one file");
    check.path = argv[0];
    config_init(&config);
    if (check.json)
        putchar('[');
    int code = config_read(&config, check.path, &check, print);
    if (code == EXIT_DONE && !config_fill(&config, &central, error)) {
        struct config_finding finding = {
            .verdict = CONFIG_REFUSED, .setting = text_of(""), .why = error};
        print(&check, &finding);
        code = EXIT_CONFIG;
    }
    if (check.json)
        puts("]");
    else
        printf("%u honoured, %u ignored, %u refused\n",
               check.counts[CONFIG_HONOURED], check.counts[CONFIG_IGNORED],
               check.counts[CONFIG_REFUSED]);
    config_free(&config);
    return code;
}
