#include "cli/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static bool flag;
static const char *text;
static const char *tail;
static struct option_list list;
static uint32_t level;

static const struct option_row rows[] = {
    {"--flag", OPTION_FLAG, &flag}, {"--text", OPTION_TEXT, &text},
    {"--list", OPTION_LIST, &list}, {"-D", OPTION_LEVEL, &level},
    {"-L", OPTION_TAIL, &tail},     {0},
};
static const struct command command = {.name = "test", .usage = ""};

/* Cuts `line` at its spaces; returns options_read(). */
static int read_line(const char *line, char *argv[16])
{
    static char copy[256];
    int argc = 0;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *at = strtok(copy, " "); at != NULL; at = strtok(NULL, " "))
        argv[argc++] = at;
    return options_read(&command, argc, argv, rows);
}

Test(options, mixes_with_other_arguments)
{
    char *argv[16];

    cr_assert_eq(read_line("a --flag b --text=c --list d --list=e - f", argv),
                 4);
    cr_assert_str_eq(argv[0], "a");
    cr_assert_str_eq(argv[1], "b");
    cr_assert_str_eq(argv[2], "-");
    cr_assert_str_eq(argv[3], "f");
    cr_assert(flag);
    cr_assert_str_eq(text, "c");
    cr_assert_eq(list.count, 2);
    cr_assert_str_eq(list.values[1], "e");
}

Test(options, two_dashes_end_them)
{
    char *argv[16];

    cr_assert_eq(read_line("-- --flag", argv), 1);
    cr_assert_str_eq(argv[0], "--flag");
    cr_assert_not(flag);
}

Test(options, the_original_s_debug_flags)
{
    static const struct {
        const char *line;
        uint32_t level;
        const char *tail;
    } cases[] = {
        {"-D", 1, NULL},     {"-DDD", 3, NULL}, {"-D -D", 2, NULL},
        {"-DDL-", 2, "-"},   {"-L-", 0, "-"},   {"-L /var/log", 0, "/var/log"},
        {"-L/log", 0, "/log"}, {"-DDD -L-", 3, "-"},
    };
    char *argv[16];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        level = 0;
        tail = NULL;
        cr_expect_eq(read_line(cases[i].line, argv), 0, "%s", cases[i].line);
        cr_expect_eq(level, cases[i].level, "%s", cases[i].line);
        if (cases[i].tail == NULL)
            cr_expect_null(tail, "%s", cases[i].line);
        else
            cr_expect_str_eq(tail, cases[i].tail);
    }
}

Test(options, what_is_wrong_is_refused)
{
    static const char *const cases[] = {"--wings", "--text", "--flag=1",
                                        "--fla",   "-DX",    "-x"};
    char *argv[16];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(read_line(cases[i], argv), -1, "%s", cases[i]);
}
