#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pair.h"

static void set_up(void)
{
    pair_open(NULL);
}

static void tear_down(void)
{
    pair_close();
}

TestSuite(session, .init = set_up, .fini = tear_down, .timeout = 90);

/* Runs a shell command in the temporary folder. */
static void shell(const char *command)
{
    char line[1024];

    snprintf(line, sizeof line, "cd %s && %s", pair.root, command);
    cr_assert_eq(system(line), 0, "%s", command);
}

Test(session, a_small_file_is_pushed)
{
    pair_write("here/a", "hello", 5);

    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "a", "/"), FASP_ERROR_NONE, "%s",
                 pair.client_end.error_text);
    pair_same("here/a", "there/a");
    cr_assert_eq(pair.client_end.stats.state, TRANSFER_COMPLETED);
    cr_assert_eq(pair.server_end.stats.state, TRANSFER_COMPLETED);
    cr_assert_eq(pair.client_end.let_in, 1);
    cr_assert_eq(pair_count("there"), 1);
}

/* Both ends count the same, and the truth. */
static void expect_counts(uint32_t files, uint64_t bytes)
{
    const struct transfer_stats *ends[2] = {&pair.client_end.stats,
                                            &pair.server_end.stats};

    for (int i = 0; i < 2; i++) {
        cr_expect_eq(ends[i]->files_complete, files);
        cr_expect_eq(ends[i]->files_failed, 0);
        cr_expect_eq(ends[i]->files_transferring, 0);
        cr_expect_eq(ends[i]->file_count, files);
        cr_expect_eq(ends[i]->expected_file_count, files);
        cr_expect(ends[i]->scan_finished);
        cr_expect_eq(ends[i]->expected_bytes, bytes);
        cr_expect_eq(ends[i]->bytes_written, bytes);
        cr_expect_eq(ends[i]->bytes_transferred, bytes);
    }
    cr_expect_eq(pair.client_end.files_told, files);
    cr_expect_eq(pair.server_end.files_told, files);
}

/* A tree with every kind of name that Linux takes. */
static void make_odd_tree(const char *below)
{
    char command[1024];

    snprintf(command, sizeof command,
             "cd %s && mkdir -p 'tree/a b' tree/empty tree/d/e/f/g && "
             "printf 1 > 'tree/with space' && "
             "printf 22 > 'tree/new\nline' && "
             "printf 333 > 'tree/\xc3\xa9\xe2\x82\xac\xff' && "
             "printf 4444 > \"tree/$(printf '%%0255d' 7)\" && "
             "printf 55555 > 'tree/-rf' && "
             ": > 'tree/a b/nothing' && printf x > tree/d/e/f/g/deep && "
             "chmod 640 'tree/with space' && chmod 4755 tree/-- 2>/dev/null; "
             "chmod 4755 'tree/-rf' && chmod 0500 tree/empty && "
             "touch -d '2001-02-03 04:05:06.123456789' tree/d/e",
             below);
    shell(command);
}

static void run_odd_tree(enum transfer_operation operation, const char *from,
                         const char *to)
{
    struct text source = text_of("/tree");
    struct transfer_params params = pair_params(operation, &source, "/got/");
    char path[600];
    struct stat info;

    make_odd_tree(from);
    params.preserve_times = true;
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, 0, "%s",
                 pair.client_end.error_text);
    snprintf(path, sizeof path, "%s/tree", from);
    char got[600];
    snprintf(got, sizeof got, "%s/got/tree", to);
    pair_same(path, got);
    expect_counts(7, 16);

    snprintf(path, sizeof path, "%s/%s/with space", pair.root, got);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0640);
    snprintf(path, sizeof path, "%s/%s/-rf", pair.root, got);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0755, "no set-uid bit ever travels");
    snprintf(path, sizeof path, "%s/%s/empty", pair.root, got);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0500);
    snprintf(path, sizeof path, "%s/%s/d/e", pair.root, got);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mtim.tv_nsec, 123456789);
}

Test(session, a_tree_of_odd_names_is_pushed)
{
    run_odd_tree(TRANSFER_PUSH, "here", "there");
}

Test(session, a_tree_of_odd_names_is_pulled)
{
    run_odd_tree(TRANSFER_PULL, "there", "here");
}

Test(session, a_large_file_arrives_whole_both_ways)
{
    const uint64_t size_bytes = (64u << 20) + 12345;

    pair_fill("here/big", size_bytes, 1);
    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "big", "/"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/big", "there/big");
    expect_counts(1, size_bytes);

    cr_assert_eq(pair_transfer(TRANSFER_PULL, "big", "back"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/big", "here/back");
    expect_counts(1, size_bytes);
}

Test(session, holes_stay_holes_both_ways)
{
    pair_fill("here/sparse", 100000, 1);
    shell("truncate -s 40M here/sparse && echo middle >> here/sparse && "
          "truncate -s 60000000 here/sparse");
    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "sparse", "/"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/sparse", "there/sparse");
    cr_assert_eq(pair_transfer(TRANSFER_PULL, "sparse", "back"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/sparse", "here/back");
    shell("test $(stat -c %b there/sparse) -lt 1000 && "
          "test $(stat -c %b here/back) -lt 1000");
}

Test(session, ten_thousand_small_files_arrive_both_ways)
{
    shell("mkdir here/many && cd here/many && for i in 0 1 2 3 4 5 6 7 8 9; do "
          "mkdir $i; done && seq 0 9999 | awk '{f=($1%10)\"/\"$1; "
          "printf \"%s\", substr(\"abcdefghijklmnop\", 1, $1%17) > f; "
          "close(f)}'");

    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "many", "/"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/many", "there/many");
    cr_assert_eq(pair.client_end.stats.files_complete, 10000);
    cr_assert_eq(pair.server_end.files_told, 10000);
    cr_assert_eq(pair_transfer(TRANSFER_PULL, "many", "/back/"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/many", "here/back/many");
}

/* ---- trust ---- */

Test(session, a_wrong_password_is_error_19_and_writes_nothing)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    pair_write("here/a", "hello", 5);
    params.password = text_of("Secret");
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_AUTHENTICATION);
    cr_assert_eq(pair.client_end.stats.state, TRANSFER_FAILED);
    cr_assert_eq(pair.server_end.let_in, 0);
    cr_assert_eq(pair_count("there"), 0);
}

/* The server remembers for a while what was right, by user's hash and
 * password. */
Test(session, after_a_right_password_a_wrong_or_changed_one_is_still_refused)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");
    static const struct {
        const char *given;
        bool changed;
        enum fasp_error error;
    } rows[] = {
        {"secret", false, FASP_ERROR_NONE},
        {"secret", false, FASP_ERROR_NONE},
        {"Secret", false, FASP_ERROR_AUTHENTICATION},
        {"secret", true, FASP_ERROR_AUTHENTICATION},
        {"new", true, FASP_ERROR_NONE},
    };

    pair_write("here/a", "hello", 5);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].changed)
            cr_assert_eq(password_hash(text_of("new"), pair.password_hash), 0);
        pair.user.password_hash = text_of(pair.password_hash);
        params.password = text_of(rows[i].given);
        pair_start(&params);
        pair_run();
        cr_assert_eq(pair.client_end.stats.error, rows[i].error, "%zu", i);
    }
}

Test(session, an_unknown_user_is_error_19_as_well)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    pair_write("here/a", "hello", 5);
    params.user = text_of("eve");
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_AUTHENTICATION);
    cr_assert_eq(pair.logins, 1);
    cr_assert_eq(pair_count("there"), 0);
}

/* PKCS#8 (RFC 8410) of a key made for this test. */
static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";

static void give_key(struct transfer_params *params, char *path,
                     uint32_t path_bytes)
{
    snprintf(path, path_bytes, "%s/key", pair.root);
    pair_write("key", private_key, sizeof private_key - 1);
    params->key_path = text_of(path);
}

/* The line that belongs to the key above. */
static void public_line(char line[SSH_PUBLIC_KEY_TEXT_BYTES + 1])
{
    struct ssh_private_key key;

    cr_assert_eq(ssh_private_key_parse(text_of(private_key), TEXT_ABSENT, &key),
                 SSH_KEY_OK);
    ssh_public_key_format(&key.public_key, line);
}

Test(session, a_listed_key_logs_in)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");
    char path[300];
    char line[SSH_PUBLIC_KEY_TEXT_BYTES + 1];
    char lines[300];

    public_line(line);
    snprintf(lines, sizeof lines, "# keys\n\n%s ada@host\n", line);
    pair.user.public_keys = text_of(lines);
    pair.user.password_hash = TEXT_ABSENT;
    give_key(&params, path, sizeof path);
    params.password = TEXT_ABSENT;
    pair_write("here/a", "hello", 5);
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/a", "there/a");
}

Test(session, methods_are_tried_in_order)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");
    char path[300];

    give_key(&params, path, sizeof path); /* which the server does not list */
    params.token = text_of("token");
    params.methods[0] = TRANSFER_METHOD_TOKEN;
    params.methods[1] = TRANSFER_METHOD_PUBLIC_KEY;
    params.methods[2] = TRANSFER_METHOD_PASSWORD;
    params.method_count = 3;
    pair_write("here/a", "hello", 5);
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, 0, "%s",
                 pair.client_end.error_text);
    cr_assert_eq(pair.logins, 1);
}

Test(session, a_token_is_refused_until_it_is_built)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    params.token = text_of("token");
    params.methods[0] = TRANSFER_METHOD_TOKEN;
    params.method_count = 1;
    pair_write("here/a", "hello", 5);
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_NOT_AUTHORISED);
}

Test(session, another_key_than_the_order_s_is_error_51_before_any_secret)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");
    struct identity other;
    char text[FINGERPRINT_TEXT_BYTES + 1];

    identity_make(&other);
    fingerprint_format(other.fingerprint, text);
    params.fingerprint = text_of(text);
    pair_write("here/a", "hello", 5);
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_HOST_KEY);
    cr_assert_eq(pair.logins, 0);
}

Test(session, a_first_contact_is_recorded_and_a_changed_key_refused)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");
    char path[300];

    snprintf(path, sizeof path, "%s/known_hosts", pair.root);
    params.fingerprint = TEXT_ABSENT;
    params.known_hosts_path = text_of(path);
    pair_write("here/a", "hello", 5);
    for (int i = 0; i < 2; i++) {
        pair_start(&params);
        pair_run();
        cr_assert_eq(pair.client_end.stats.error, 0, "%s",
                     pair.client_end.error_text);
    }
    shell("test $(wc -l < known_hosts) = 1 && grep -q '^\\[127.0.0.1\\]' "
          "known_hosts");

    shell("sed -i 's/SHA256:...../SHA256:AAAAA/' known_hosts");
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_HOST_KEY);
    cr_assert_eq(pair.logins, 2);
}

Test(session, without_a_way_to_know_the_host_nothing_is_sent)
{
    struct text source = text_of("a");
    struct transfer_params params = pair_params(TRANSFER_PUSH, &source, "/");

    params.fingerprint = TEXT_ABSENT;
    pair_write("here/a", "hello", 5);
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_HOST_KEY);
}

/* ---- paths ---- */

Test(session, what_is_outside_the_docroot_is_error_41_and_writes_nothing)
{
    static const struct {
        enum transfer_operation operation;
        const char *source;
        const char *destination;
    } cases[] = {
        {TRANSFER_PUSH, "a", "../x"},         {TRANSFER_PUSH, "a", "/../../x"},
        {TRANSFER_PUSH, "a", "d/../../x"},    {TRANSFER_PUSH, "a", "etc/"},
        {TRANSFER_PUSH, "a", "etc/x"},        {TRANSFER_PUSH, "../secret", "/"},
        {TRANSFER_PUSH, "leak", "/"},         {TRANSFER_PULL, "../secret", "/"},
        {TRANSFER_PULL, "etc/hostname", "/"}, {TRANSFER_PULL, "etc", "/"},
        {TRANSFER_PULL, "a", "../x"},
    };

    pair_write("secret", "s", 1);
    pair_write("here/a", "hello", 5);
    pair_write("there/a", "hello", 5);
    shell("ln -s ../secret here/leak && ln -s /etc there/etc");
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum fasp_error error = pair_transfer(
            cases[i].operation, cases[i].source, cases[i].destination);
        cr_expect_eq(error, FASP_ERROR_OUTSIDE_DOCROOT, "case %u: %d %s", i,
                     (int)error, pair.client_end.error_text);
        cr_expect_eq(pair_count("there"), 2, "case %u", i);
        cr_expect_eq(pair_count("here"), 2, "case %u", i);
        cr_expect_not(pair_exists("x"));
    }
}

Test(session, a_missing_source_is_error_4_at_either_end)
{
    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "no", "/"),
                 FASP_ERROR_NO_SUCH_FILE);
    cr_assert_eq(pair_transfer(TRANSFER_PULL, "no", "/"),
                 FASP_ERROR_NO_SUCH_FILE);
}

Test(session, destinations_follow_the_contract)
{
    static const struct {
        const char *source;
        const char *destination;
        bool create_path;
        enum fasp_error error;
        const char *arrives;
    } cases[] = {
        {"a", "", false, 0, "there/a"},
        {"a", "/", false, 0, "there/a"},
        {"a", "b", false, 0, "there/b"}, /* the new name */
        {"a", "folder", false, 0, "there/folder/a"},
        {"a", "new/", false, 0, "there/new/a"}, /* ends in '/' */
        {"a", "x/y", true, 0, "there/x/y/a"},   /* CreatePath */
        {"a", "p/q", false, FASP_ERROR_NO_SUCH_FILE, NULL},
        {"a", "file/", false, FASP_ERROR_TARGET_NO_FOLDER, NULL},
        {"dir", "folder", false, 0, "there/folder/dir/f"},
        {"dir", "other/", false, 0, "there/other/dir/f"},
        {"dir", "name", false, FASP_ERROR_TARGET_NO_FOLDER, NULL},
    };

    pair_write("here/a", "hello", 5);
    pair_folder("here/dir");
    pair_write("here/dir/f", "f", 1);
    pair_folder("there/folder");
    pair_write("there/file", "old", 3);
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text source = text_of(cases[i].source);
        struct transfer_params params =
            pair_params(TRANSFER_PUSH, &source, cases[i].destination);
        params.create_path = cases[i].create_path;
        pair_start(&params);
        pair_run();
        cr_expect_eq(pair.client_end.stats.error, cases[i].error, "case %u: %s",
                     i, pair.client_end.error_text);
        if (cases[i].arrives != NULL)
            cr_expect(pair_exists(cases[i].arrives), "case %u", i);
    }
    cr_expect_not(pair_exists("there/p"));
    cr_expect_not(pair_exists("there/name"));
}

Test(session, overwriting_follows_its_policy)
{
    static const struct {
        enum transfer_overwrite overwrite;
        bool same_time;
        const char *there; /* what is there before */
        const char *then;  /* and afterwards */
    } cases[] = {
        {TRANSFER_OVERWRITE_DIFF, false, "older", "hello"},
        {TRANSFER_OVERWRITE_DIFF, true, "older", "older"},
        {TRANSFER_OVERWRITE_DIFF, true, "longer", "hello"},
        {TRANSFER_OVERWRITE_ALWAYS, true, "older", "hello"},
        {TRANSFER_OVERWRITE_NEVER, false, "x", "x"},
    };

    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text source = text_of("a");
        struct transfer_params params =
            pair_params(TRANSFER_PUSH, &source, "/");
        bool skips = strcmp(cases[i].there, cases[i].then) == 0;
        params.overwrite = cases[i].overwrite;
        pair_write("here/a", "hello", 5);
        pair_write("there/a", cases[i].there, strlen(cases[i].there));
        pair_write("then", cases[i].then, strlen(cases[i].then));
        shell("touch -d '2001-01-01' here/a");
        shell(cases[i].same_time ? "touch -d '2001-01-01' there/a"
                                 : "touch -d '2002-01-01' there/a");
        pair_start(&params);
        pair_run();
        cr_expect_eq(pair.client_end.stats.error, 0, "case %u: %s", i,
                     pair.client_end.error_text);
        pair_same("there/a", "then");
        cr_expect_eq(pair.client_end.files_skipped, skips ? 1 : 0);
        cr_expect_eq(pair.server_end.files_skipped, skips ? 1 : 0);
        cr_expect_eq(pair.client_end.stats.files_complete, 1);
    }
}

Test(session, a_link_at_the_final_name_is_replaced_and_not_followed)
{
    pair_write("here/a", "hello", 5);
    pair_write("victim", "victim", 6);
    shell("ln -s ../victim there/a");
    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "a", "/"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/a", "there/a");
    shell("test ! -h there/a && test $(cat victim) = victim");
}

Test(session, a_folder_where_a_file_should_go_is_error_7)
{
    pair_write("here/a", "hello", 5);
    pair_folder("there/b");
    pair_folder("there/b/a");
    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "a", "b"), FASP_ERROR_IS_FOLDER);
    cr_assert_eq(pair.server_end.stats.error, FASP_ERROR_IS_FOLDER);
}
