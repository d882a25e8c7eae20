/* `ferry man PAGE`: the manual, from the table of commands and the table of
 * settings.
 *
 * Source: man(7).
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/settings.h"

/* Text that roff would take for something else. */
static void print_text(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void print_head(const char *name, const char *section,
                       const char *summary)
{
    printf(".TH %s %s \"\" \"ferry " FERRY_VERSION "\"\n.SH NAME\n", name,
           section);
    print_text(name);
    fputs(" \\- ", stdout);
    print_text(summary);
    putchar('\n');
}

static void print_options(const struct option_text *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        fputs(".TP\n.B ", stdout);
        print_text(option->name);
        if (option->value != NULL) {
            fputs(" \\fI", stdout);
            print_text(option->value);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        print_text(option->text);
        puts(".");
    }
}

static void print_usage(const struct command *command)
{
    fputs(".nf\n\\fBferry ", stdout);
    print_text(command->name);
    fputs("\\fR ", stdout);
    print_text(command->usage);
    puts("\n.fi");
}

static void print_exit_codes(void)
{
    puts(".SH EXIT STATUS\n"
         ".TP\n0\nDone.\n"
         ".TP\n1\nIt failed; what went wrong was printed, with the number of "
         "the error where there is one.\n"
         ".TP\n2\nWrong usage.\n"
         ".TP\n78\nBad configuration, or io_uring is refused here.");
}

static void print_commands(void)
{
    print_head("ferry", "1", "transfers of files at the rate that was asked "
                             "for, ordered over SOAP");
    puts(".SH SYNOPSIS\n.B ferry\n\\fICOMMAND\\fR ...\n.SH COMMANDS");
    for (const struct command *row = commands; row->name != NULL; row++) {
        printf(".SS ");
        print_text(row->name);
        putchar('\n');
        print_text(row->summary);
        puts(".");
        print_usage(row);
        print_options(row->options);
    }
    puts(".SH ENVIRONMENT\n"
         ".TP\n.B FERRY_SOAP\nThe server that client commands ask.\n"
         ".TP\n.B FERRY_USER\nWho calls it, where it is an https server.\n"
         ".TP\n.B FERRY_CA\nA file of certificates in PEM: who may have "
         "signed its own.\n"
         ".TP\n.B FERRY_PASSWORD\nThe password of push and pull, and of "
         "FERRY_USER.\n"
         ".SH FILES\n"
         ".TP\n.I ~/.config/ferry/known_hosts\nThe keys of nodes that push "
         "and pull have met.\n"
         ".TP\n.I ~/.local/state/ferry/paused\nThe rates of sessions before "
         "they were paused from here.");
    print_exit_codes();
    puts(".SH SEE ALSO\n.BR ferry (8),\n.BR ferry.conf (5)");
}

static void print_server(const char *name)
{
    const struct command *serve = command_find("serve");
    bool old_name = strcmp(name, "asperacentral") == 0;

    print_head(name, "8", "the server for orders over SOAP, and the node that "
                          "moves the files");
    printf(".SH SYNOPSIS\n.B %s\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n",
           old_name ? "asperacentral" : "ferry serve");
    puts("When everything listens, one line on standard output says where: "
         "SOAP, transfers, and the fingerprint of this node's key.  Without "
         "\\-\\-docroot or \\-\\-state the configuration decides; see\n"
         ".BR ferry.conf (5).");
    if (old_name)
        puts(".PP\nUnder this name the server goes to the background, and the "
             "command returns when everything listens, or with the error.  "
             "It logs to syslog (local2) then, unless \\-L says otherwise.  "
             "With \\-\\-no\\-daemon it stays, as\n.B ferry serve\ndoes.");
    puts(".SH OPTIONS");
    print_options(serve->options);
    puts(".SH SIGNALS\n"
         ".TP\n.BR SIGTERM \", \" SIGINT\nSessions write what they have and "
         "end, the store is flushed, exit 0.  A second one ends it at once.\n"
         ".TP\n.B SIGHUP\nThe configuration is read again; the log says what "
         "needs a restart.\n"
         ".TP\n.B SIGUSR1\nThe log file is opened again, by its name.\n"
         ".SH FILES\n"
         ".TP\n.I /etc/ferry/ferry.conf\nThe configuration; else\n"
         ".I /opt/aspera/etc/aspera.conf\n"
         ".TP\n.I /var/lib/ferry\nThe state folder.\n"
         ".TP\n.I /run/asperacentral.pid\nThe number of the background's "
         "process.");
    print_exit_codes();
    printf(".SH SEE ALSO\n.BR ferry (1),\n.BR %s (8),\n.BR ferry.conf (5)\n",
           old_name ? "ferry" : "asperacentral");
}

/* ---- ferry.conf.5 ---- */

static void print_words(const struct setting_word *words)
{
    for (; words->word != NULL; words++)
        printf("%s%s", words->word, words[1].word != NULL ? ", " : "");
}

static void print_setting(const struct setting_row *row)
{
    printf(".TP\n.B ");
    print_text(row->path);
    putchar('\n');
    switch (row->kind) {
    case SETTING_TEXT:
        puts("A name.");
        break;
    case SETTING_HOST:
        puts("An IP address.");
        break;
    case SETTING_SUFFIX:
        puts("An end of names, without a slash.");
        break;
    case SETTING_PATH:
        puts("A path that begins with /.");
        break;
    case SETTING_NUMBER:
        printf("A whole number from %u to %u.\n", row->min, row->max);
        break;
    case SETTING_ID:
        printf("A whole number up to %u, or Disabled.\n", row->max);
        break;
    case SETTING_MODE:
        puts("Permissions as an octal number, 644, or Undefined.");
        break;
    case SETTING_RATE:
        printf("A whole number from %u on, or Unlimited.\n", row->min);
        break;
    case SETTING_WORD:
        print_words(row->words);
        puts(".");
        break;
    case SETTING_LIST:
        puts("A network, as 10.0.0.0/8; may come several times.");
        break;
    case SETTING_DESTINATIONS:
        puts("A name or an address, with a port or without; may come several "
             "times.");
        break;
    case SETTING_REFUSED:
        if (row->harmless[0] != '\0')
            printf("No other value than %s: ", row->harmless);
        else
            printf("No value: ");
        print_text(row->why);
        puts(".");
        break;
    case SETTING_IGNORED:
        print_text(row->why);
        puts(".");
        break;
    }
}

/* Paths of "default" that stand in aaa/realms/realm/users/user, too. */
static void print_settings(const char *title, bool wanted[SETTING_REFUSED + 1])
{
    printf(".SH %s\n", title);
    for (uint32_t i = 0; i < setting_row_count; i++)
        if (wanted[setting_rows[i].kind])
            print_setting(&setting_rows[i]);
}

static void print_config(void)
{
    bool honoured[SETTING_REFUSED + 1];
    bool refused[SETTING_REFUSED + 1] = {[SETTING_REFUSED] = true};
    bool ignored[SETTING_REFUSED + 1] = {[SETTING_IGNORED] = true};

    for (int kind = 0; kind <= SETTING_REFUSED; kind++)
        honoured[kind] = !refused[kind] && !ignored[kind];
    print_head("ferry.conf", "5", "the configuration of ferry's server");
    puts(".SH DESCRIPTION\n"
         "XML, in the form of aspera.conf: a path below is one element in "
         "another, in a root of any name.  What is below default, but for "
         "rates and time-outs, may also stand in an element of "
         "aaa/realms/realm/users/user, for that user.\n"
         ".PP\n.B ferry check\\-config\nsays of each setting of a file "
         "whether it is honoured, ignored or refused.");
    print_settings("HONOURED", honoured);
    print_settings("REFUSED", refused);
    print_settings("IGNORED", ignored);
    puts(".SH SEE ALSO\n.BR ferry (8)");
}

int command_man(const struct command *command, int argc, char **argv)
{
    const char *page = argc == 1 ? argv[0] : "";

    if (strcmp(page, "ferry.1") == 0)
        print_commands();
    else if (strcmp(page, "ferry.8") == 0)
        print_server("ferry");
    else if (strcmp(page, "asperacentral.8") == 0)
        print_server("asperacentral");
    else if (strcmp(page, "ferry.conf.5") == 0)
        print_config();
    else
        return usage_error(command, "which page?");
    return EXIT_DONE;
}
