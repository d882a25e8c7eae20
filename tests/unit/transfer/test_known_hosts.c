#include "transfer/known_hosts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "folder.h"

static char path[FOLDER_PATH_BYTES + 16];
static struct fingerprint key;
static struct fingerprint other;

static void set_up(void)
{
    folder_open();
    snprintf(path, sizeof path, "%s/known", folder);
    memset(&key, 1, sizeof key);
    memset(&other, 2, sizeof other);
}

TestSuite(known_hosts, .init = set_up, .fini = folder_close);

Test(known_hosts, a_node_is_known_by_its_name_and_port)
{
    struct fingerprint found;

    cr_expect_eq(known_hosts_find(path, text_of("a"), 1, &found), 0);
    cr_assert_eq(known_hosts_add(path, text_of("a"), 1, key), 0);
    cr_assert_eq(known_hosts_add(path, text_of("::1"), 1, other), 0);
    cr_expect_eq(known_hosts_find(path, text_of("a"), 1, &found), 1);
    cr_expect(fingerprint_equal(found, key));
    cr_expect_eq(known_hosts_find(path, text_of("::1"), 1, &found), 1);
    cr_expect(fingerprint_equal(found, other));
    cr_expect_eq(known_hosts_find(path, text_of("a"), 11, &found), 0);
    cr_expect_eq(known_hosts_find(path, text_of("aa"), 1, &found), 0);
    folder_shell("test $(stat -c %a known) = 600");
}

Test(known_hosts, the_folder_of_the_file_is_made)
{
    snprintf(path, sizeof path, "%s/new/known", folder);
    cr_assert_eq(known_hosts_add(path, text_of("a"), 1, key), 0);
    folder_shell("test $(stat -c %a new) = 700");
    snprintf(path, sizeof path, "%s/neither/nor/known", folder);
    cr_expect_eq(known_hosts_add(path, text_of("a"), 1, key), -ENOENT);
}

Test(known_hosts, a_second_key_is_refused_and_the_same_one_is_not_doubled)
{
    cr_expect_eq(known_hosts_add(path, text_of("a"), 1, key), 0);
    cr_expect_eq(known_hosts_add(path, text_of("a"), 1, key), 0);
    cr_expect_eq(known_hosts_add(path, text_of("a"), 1, other), -EEXIST);
    folder_shell("test $(wc -l < known) = 1");
}

Test(known_hosts, remarks_are_let_pass_and_broken_lines_are_not_trusted)
{
    struct fingerprint found;

    folder_shell("printf '# hello\\n\\n[a]:1 SHA256:short\\n' > known");
    cr_expect_eq(known_hosts_find(path, text_of("a"), 1, &found), -EBADMSG);
    cr_expect_eq(known_hosts_add(path, text_of("a"), 1, key), -EBADMSG);
    cr_expect_eq(known_hosts_find(path, text_of("b"), 1, &found), 0);
}
