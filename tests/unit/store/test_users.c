#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "store/users.h"

static struct fixture fixture;
static struct store_users *users;

static void set_up(void)
{
    char message[STORE_MESSAGE_BYTES];

    fixture_make_folder(&fixture);
    cr_assert_eq(store_users_open(&users, fixture.path, message), 0, "%s",
                 message);
}

static void tear_down(void)
{
    store_users_close(users);
    fixture_remove_folder(&fixture);
}

TestSuite(users, .init = set_up, .fini = tear_down);

static struct store_user user_of(const char *name)
{
    return (struct store_user){.name = text_of(name),
                               .docroot = text_of("/"),
                               .public_keys = text_of("ssh-ed25519 AAAA"),
                               .created_us = 5};
}

struct listed {
    char names[64];
};

static void list(void *data, const struct store_user *row)
{
    struct listed *listed = data;

    strncat(listed->names, row->name.data, row->name.size_bytes);
    strcat(listed->names, ",");
    cr_expect(text_is(row->public_keys, "ssh-ed25519 AAAA"));
    cr_expect_eq(row->created_us, 5);
}

Test(users, are_listed_by_name)
{
    static const char *const names[] = {"cid", "ann", "bob"};
    struct listed listed = {0};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct store_user user = user_of(names[i]);
        cr_assert_eq(store_users_add(users, &user), 0);
    }
    cr_assert_eq(store_users_list(users, &listed, list), 0);
    cr_expect_str_eq(listed.names, "ann,bob,cid,");
}

Test(users, a_second_one_of_a_name_is_refused_and_changes_nothing)
{
    struct listed listed = {0};
    struct store_user user = user_of("ann");

    cr_assert_eq(store_users_add(users, &user), 0);
    user.public_keys = text_of("other");
    cr_expect_eq(store_users_add(users, &user), -EEXIST);
    cr_assert_eq(store_users_list(users, &listed, list), 0);
    cr_expect_str_eq(listed.names, "ann,");
}

Test(users, names_differ_by_case)
{
    struct store_user user = user_of("ann");
    struct store_user other = user_of("Ann");

    cr_assert_eq(store_users_add(users, &user), 0);
    cr_expect_eq(store_users_add(users, &other), 0);
}

Test(users, one_without_a_docroot_cannot_exist)
{
    struct store_user user = user_of("ann");

    user.docroot = TEXT_ABSENT;
    cr_expect_eq(store_users_add(users, &user), -EINVAL);
}

Test(users, removing_says_when_there_was_none)
{
    struct listed listed = {0};
    struct store_user user = user_of("ann");

    cr_assert_eq(store_users_add(users, &user), 0);
    cr_expect_eq(store_users_remove(users, text_of("bob")), -ENOENT);
    cr_expect_eq(store_users_remove(users, text_of("ann")), 0);
    cr_expect_eq(store_users_remove(users, text_of("ann")), -ENOENT);
    cr_assert_eq(store_users_list(users, &listed, list), 0);
    cr_expect_str_eq(listed.names, "");
}
