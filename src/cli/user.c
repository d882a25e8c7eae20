#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "crypto/password.h"
#include "crypto/ssh_key.h"
#include "store/users.h"

struct user_options {
    const char *state;
    const char *docroot;
    struct option_list keys;
    bool password_stdin;
    bool json;
};

static int open_users(const struct command *command,
                      const struct user_options *options,
                      struct store_users **users)
{
    char message[STORE_MESSAGE_BYTES];
    char path[PATH_MAX];

    if (options->state == NULL)
        return usage_error(command, "--state DIR is missing");
    if (mkdir(options->state, 0700) != 0 && errno != EEXIST) {
        say("cannot make %s: %s", options->state, strerror(errno));
        return EXIT_FAILED;
    }
    snprintf(path, sizeof path, "%s/%s", options->state, STORE_FILE_NAME);
    if (store_users_open(users, path, message) != 0) {
        say("%s", message);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* Reads the public keys of all --key files into one text of lines. */
static int read_keys(const struct option_list *files,
                     struct text_builder *lines)
{
    for (uint32_t i = 0; i < files->count; i++) {
        struct text_builder file = {.size_bytes_max = 65536};
        struct ssh_public_key key;

        int result = read_file(files->values[i], &file);
        if (result != 0) {
            say("cannot read %s: %s", files->values[i], strerror(-result));
            return EXIT_FAILED;
        }
        struct text line = text_trim(text_built(&file));
        enum ssh_key_result parsed = ssh_public_key_parse(line, &key);
        if (parsed != SSH_KEY_OK) {
            say("%s: %s", files->values[i], ssh_key_result_text(parsed));
            return EXIT_FAILED;
        }
        text_add(lines, line);
        text_add_char(lines, '\n');
        text_builder_free(&file);
    }
    return EXIT_DONE;
}

/* Adds the user; both texts are the caller's to free. */
static int add_with(const struct command *command,
                    const struct user_options *options, const char *name,
                    struct text_builder *password, struct text_builder *keys)
{
    char docroot[PATH_MAX];
    char hash[PASSWORD_HASH_TEXT_BYTES_MAX + 1];
    struct store_users *users;
    struct stat folder;

    if (options->docroot == NULL)
        return usage_error(command, "--docroot DIR is missing: a user is let "
                                    "into no folder but that one");
    if (!options->password_stdin && options->keys.count == 0)
        return usage_error(command, "give --password-stdin, --key FILE.pub, "
                                    "or both");
    if (realpath(options->docroot, docroot) == NULL ||
        stat(docroot, &folder) != 0 || !S_ISDIR(folder.st_mode)) {
        say("the docroot %s is no folder", options->docroot);
        return EXIT_FAILED;
    }
    if (options->password_stdin && read_secret_line(password) != EXIT_DONE)
        return EXIT_FAILED;
    int code = read_keys(&options->keys, keys);
    if (code != EXIT_DONE)
        return code;

    struct store_user row = {
        .name = text_of(name),
        .docroot = text_of(docroot),
        .created_us = clock_wall_us(),
    };
    if (options->password_stdin) {
        if (password_hash(text_built(password), hash) != 0) {
            say("memory is used up");
            return EXIT_FAILED;
        }
        row.password_hash = text_of(hash);
    }
    if (options->keys.count > 0)
        row.public_keys = text_built(keys);

    code = open_users(command, options, &users);
    if (code != EXIT_DONE)
        return code;
    int result = store_users_add(users, &row);
    store_users_close(users);
    if (result == -EEXIST)
        say("there is a user %s already; remove it first: ferry user remove "
            "%s --state %s",
            name, name, options->state);
    else if (result != 0)
        say("cannot store the user: %s", strerror(-result));
    return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int add(const struct command *command,
               const struct user_options *options, const char *name)
{
    struct text_builder password = {0};
    struct text_builder keys = {0};

    int code = add_with(command, options, name, &password, &keys);
    if (password.data != NULL)
        explicit_bzero(password.data, password.room_bytes);
    text_builder_free(&password);
    text_builder_free(&keys);
    return code;
}

static void print_json(const struct store_user *row, uint32_t *count)
{
    struct text_builder text = {0};

    text_add_string(&text, (*count)++ > 0 ? ",\n {\"Name\":" : "{\"Name\":");
    json_write_string(&text, row->name);
    text_add_string(&text, ",\"Docroot\":");
    json_write_string(&text, row->docroot);
    text_add_format(&text, ",\"Password\":%s,\"Keys\":%s}",
                    text_is_absent(row->password_hash) ? "false" : "true",
                    row->public_keys.size_bytes == 0 ? "false" : "true");
    fwrite(text.data, 1, text.size_bytes, stdout);
    text_builder_free(&text);
}

/* `user` counts the rows of JSON, NULL = plain. */
static void print_user(void *user, const struct store_user *row)
{
    if (user != NULL) {
        print_json(row, user);
        return;
    }
    printf("%.*s\tdocroot=%.*s\tpassword=%s\tkeys=%s\n",
           (int)row->name.size_bytes, row->name.data,
           (int)row->docroot.size_bytes, row->docroot.data,
           text_is_absent(row->password_hash) ? "no" : "yes",
           row->public_keys.size_bytes == 0 ? "no" : "yes");
}

static int list(const struct command *command,
                const struct user_options *options)
{
    struct store_users *users;
    int code = open_users(command, options, &users);

    if (code != EXIT_DONE)
        return code;
    uint32_t count = 0;
    if (options->json)
        putchar('[');
    int result =
        store_users_list(users, options->json ? &count : NULL, print_user);
    if (options->json)
        puts("]");
    store_users_close(users);
    if (result != 0)
        say("cannot read the users: %s", strerror(-result));
    return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int remove_user(const struct command *command,
                       const struct user_options *options, const char *name)
{
    struct store_users *users;
    int code = open_users(command, options, &users);

    if (code != EXIT_DONE)
        return code;
    int result = store_users_remove(users, text_of(name));
    store_users_close(users);
    if (result == -ENOENT)
        say("there is no user %s", name);
    else if (result != 0)
        say("cannot remove the user: %s", strerror(-result));
    return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

int command_user(const struct command *command, int argc, char **argv)
{
    struct user_options options = {0};
    const struct option_row rows[] = {
        {"--state", OPTION_TEXT, &options.state},
        {"--docroot", OPTION_TEXT, &options.docroot},
        {"--key", OPTION_LIST, &options.keys},
        {"--password-stdin", OPTION_FLAG, &options.password_stdin},
        {"--json", OPTION_FLAG, &options.json},
        {0},
    };
    int others = options_read(command, argc, argv, rows);

    if (others < 0)
        return EXIT_USAGE;
    if (others == 2 && strcmp(argv[0], "add") == 0)
        return add(command, &options, argv[1]);
    if (others == 1 && strcmp(argv[0], "list") == 0)
        return list(command, &options);
    if (others == 2 && strcmp(argv[0], "remove") == 0)
        return remove_user(command, &options, argv[1]);
    return usage_error(command, "what is to be done?");
}
