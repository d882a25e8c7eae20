/* `ferry completion SHELL`: what a shell can complete, from the table of
 * commands. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

/* Of an option that takes a file or a folder. */
static bool takes_path(const struct option_text *option)
{
    static const char *const words[] = {"DIR", "FILE", "FILE.pub", "PEM"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (option->value != NULL && strcmp(option->value, words[i]) == 0)
            return true;
    return false;
}

/* The words that stand behind a command, "" = files. */
static const char *words_of(const struct command *command)
{
    if (strcmp(command->name, "user") == 0)
        return "add list remove";
    if (strcmp(command->name, "completion") == 0)
        return "bash zsh fish";
    if (strcmp(command->name, "man") == 0)
        return "ferry.1 ferry.8 asperacentral.8 ferry.conf.5";
    return "";
}

/* ---- bash ---- */

static void print_bash_command(const struct command *command)
{
    const struct option_text *option = command->options;

    printf("    %s) words=\"%s", command->name, words_of(command));
    for (; option != NULL && option->name != NULL; option++)
        printf(" %s", option->name);
    if (strcmp(command->name, "help") == 0)
        for (const struct command *row = commands; row->name != NULL; row++)
            printf(" %s", row->name);
    puts("\" ;;");
}

static void print_bash(void)
{
    puts("# bash completion of ferry: eval \"$(ferry completion bash)\"\n"
         "_ferry() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("        words=\"");
    for (const struct command *row = commands; row->name != NULL; row++)
        printf("%s ", row->name);
    puts("\"\n    else\n    case ${COMP_WORDS[1]} in");
    for (const struct command *row = commands; row->name != NULL; row++)
        print_bash_command(row);
    puts("    esac\n    fi\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "
         "\"$word\"))\n"
         "}\n"
         "complete -o filenames -F _ferry ferry");
}

/* ---- zsh ---- */

/* In single quotes, with what _arguments and _describe take apart. */
static void print_quoted(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr(special, *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_option(const struct option_text *option)
{
    printf("            '*%s[", option->name);
    print_quoted(option->text, "[]\\:");
    putchar(']');
    if (option->value != NULL) {
        putchar(':');
        print_quoted(option->value, "[]\\:");
        fputs(takes_path(option) ? ":_files" : ": ", stdout);
    }
    puts("' \\");
}

static void print_zsh(void)
{
    puts("#compdef ferry\n"
         "_ferry() {\n"
         "    local -a commands=(");
    for (const struct command *row = commands; row->name != NULL; row++) {
        printf("        '%s:", row->name);
        print_quoted(row->summary, ":\\");
        puts("'");
    }
    puts("    )\n"
         "    if ((CURRENT == 2)); then\n"
         "        _describe command commands\n"
         "        return\n"
         "    fi\n"
         "    local command=$words[2]\n"
         "    shift words\n"
         "    ((CURRENT--))\n"
         "    case $command in");
    for (const struct command *row = commands; row->name != NULL; row++) {
        const struct option_text *option = row->options;
        printf("    %s)\n        _arguments \\\n", row->name);
        for (; option != NULL && option->name != NULL; option++)
            print_zsh_option(option);
        if (words_of(row)[0] != '\0')
            printf("            '1:word:(%s)' \\\n", words_of(row));
        puts("            '*:file:_files'\n        ;;");
    }
    puts("    esac\n}\ncompdef _ferry ferry");
}

/* ---- fish ---- */

static void print_fish_option(const struct command *command,
                              const struct option_text *option)
{
    printf("complete -c ferry -n '__fish_seen_subcommand_from %s' ",
           command->name);
    if (option->name[1] == '-')
        printf("-l %s", option->name + 2);
    else
        printf("-s %s", option->name + 1);
    printf("%s%s -d '",
           option->value != NULL ? " -r" : "",
           option->value != NULL && !takes_path(option) ? " -f" : "");
    print_quoted(option->text, "\\");
    puts("'");
}

static void print_fish(void)
{
    puts("# fish completion of ferry");
    for (const struct command *row = commands; row->name != NULL; row++) {
        printf("complete -c ferry -n __fish_use_subcommand -f -a %s -d '",
               row->name);
        print_quoted(row->summary, "\\");
        puts("'");
        const struct option_text *option = row->options;
        for (; option != NULL && option->name != NULL; option++)
            print_fish_option(row, option);
        if (words_of(row)[0] != '\0')
            printf("complete -c ferry -n '__fish_seen_subcommand_from %s' -f "
                   "-a '%s'\n",
                   row->name, words_of(row));
    }
}

int command_completion(const struct command *command, int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {
        {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; argc == 1 && i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(argv[0], shells[i].shell) == 0) {
            shells[i].print();
            return EXIT_DONE;
        }
    }
    return usage_error(command, "expected bash, zsh or fish");
}
