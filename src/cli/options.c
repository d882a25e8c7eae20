#include "cli/options.h"

#include <string.h>

#include "base/check.h"

/* True if `argument` is the option of `row`; `*value` is what is attached to
 * it, or NULL. */
static bool matches(const struct option_row *row, char *argument, char **value)
{
    size_t name_bytes = strlen(row->name);

    *value = NULL;
    if (strncmp(argument, row->name, name_bytes) != 0)
        return false;
    char *rest = argument + name_bytes;
    switch (row->kind) {
    case OPTION_FLAG:
        return *rest == '\0';
    case OPTION_TEXT:
    case OPTION_LIST:
        if (*rest == '=')
            *value = rest + 1;
        return *rest == '\0' || *rest == '=';
    case OPTION_LEVEL:
        *value = rest;
        return rest[strspn(rest, row->name + 1)] == '\0' ||
               (*rest == 'L' || rest[strspn(rest, row->name + 1)] == 'L');
    case OPTION_TAIL:
        if (*rest != '\0')
            *value = rest;
        return true;
    }
    NEVER("an option of no kind");
}

/* Takes one option in.  Returns how many arguments it used, or -1. */
static int take(const struct command *command, const struct option_row *row,
                char *value, int argc, char **argv)
{
    int used = 1;

    if (row->kind == OPTION_FLAG) {
        *(bool *)row->target = true;
        return 1;
    }
    if (row->kind == OPTION_LEVEL) {
        *(uint32_t *)row->target += 1;
        for (; *value == row->name[1]; value++)
            *(uint32_t *)row->target += 1;
        if (*value == '\0')
            return 1;
        /* -DDL-: what follows is another option with one dash. */
        value[-1] = '-';
        argv[0] = value - 1;
        return 0;
    }
    if (value == NULL) {
        if (argc < 2) {
            usage_error(command, "%s needs a value", row->name);
            return -1;
        }
        value = argv[1];
        used = 2;
    }
    if (row->kind == OPTION_LIST) {
        struct option_list *list = row->target;
        if (list->count == OPTION_LIST_MAX) {
            usage_error(command, "%s at most %d times", row->name,
                        OPTION_LIST_MAX);
            return -1;
        }
        list->values[list->count++] = value;
    } else {
        *(const char **)row->target = value;
    }
    return used;
}

/* What is read is also in the manual. */
static void check_texts(const struct command *command,
                        const struct option_row *rows)
{
    for (; rows->name != NULL && command->options != NULL; rows++) {
        const struct option_text *text = command->options;
        while (text->name != NULL && strcmp(text->name, rows->name) != 0)
            text++;
        CHECK(text->name != NULL);
        CHECK((text->value != NULL) == (rows->kind != OPTION_FLAG &&
                                        rows->kind != OPTION_LEVEL));
    }
}

int options_read(const struct command *command, int argc, char **argv,
                 const struct option_row *rows)
{
    int others = 0;

    check_texts(command, rows);
    for (int i = 0; i < argc;) {
        const struct option_row *row = rows;
        char *value = NULL;

        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[others++] = argv[i++];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            for (i++; i < argc; i++)
                argv[others++] = argv[i];
            break;
        }
        while (row->name != NULL && !matches(row, argv[i], &value))
            row++;
        if (row->name == NULL) {
            usage_error(command, "there is no option %s", argv[i]);
            return -1;
        }
        int used = take(command, row, value, argc - i, argv + i);
        if (used < 0)
            return -1;
        i += used;
    }
    return others;
}
