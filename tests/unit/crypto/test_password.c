#include "crypto/password.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Made by another implementation (Python's cryptography). */
static const struct {
    const char *password;
    const char *stored;
} vectors[] = {
    {"correct horse", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA"
                      "$poz2RbN5/EtUG8PRX3SAK2voWAiA06zZBqIdaVB/oI8"},
    {"", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQxMjM0NTY3OA"
         "$8YvYoyqDBMgrBzffuydOdErN2TBiekbhjLX67G8+teE"},
    {"correct horse", "$argon2id$v=19$m=256,t=3,p=4$c29tZXNhbHQxMjM0NTY3OA"
                      "$uYZHFaKXitWyIBwhY2ODZx+z3Oa2fAWpxSs9Kvw1BFw"},
};

Test(password, verifies_what_others_have_hashed)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        cr_expect_eq(password_verify(text_of(vectors[i].password),
                                     text_of(vectors[i].stored)),
                     PASSWORD_RIGHT);
        cr_expect_eq(password_verify(text_of("correct horsf"),
                                     text_of(vectors[i].stored)),
                     PASSWORD_WRONG);
    }
}

Test(password, knows_its_own_hashes_and_salts_them)
{
    static const char odd[] = "p\xc3\xa4ss\0word";
    struct text password = text_from(odd, sizeof odd - 1);
    char one[PASSWORD_HASH_TEXT_BYTES_MAX + 1];
    char other[PASSWORD_HASH_TEXT_BYTES_MAX + 1];

    cr_assert_eq(password_hash(password, one), 0);
    cr_assert_eq(password_hash(password, other), 0);
    cr_assert_str_neq(one, other);
    cr_assert(
        text_starts_with(text_of(one), "$argon2id$v=19$m=32768,t=2,p=1$"));
    cr_assert_eq(password_verify(password, text_of(one)), PASSWORD_RIGHT);
    cr_assert_eq(password_verify(text_of("p\xc3\xa4ss"), text_of(one)),
                 PASSWORD_WRONG);
}

Test(password, nobody_has_no_password)
{
    cr_assert_eq(password_verify(text_of(""), TEXT_ABSENT), PASSWORD_WRONG);
    cr_assert_eq(password_verify(text_of("x"), TEXT_ABSENT), PASSWORD_WRONG);
}

Test(password, of_the_largest_size_is_taken_and_one_more_is_wrong)
{
    static char longest[PASSWORD_BYTES_MAX + 1];
    char stored[PASSWORD_HASH_TEXT_BYTES_MAX + 1];

    memset(longest, 'a', sizeof longest);
    struct text password = text_from(longest, PASSWORD_BYTES_MAX);
    cr_assert_eq(password_hash(password, stored), 0);
    cr_assert_eq(password_verify(password, text_of(stored)), PASSWORD_RIGHT);
    cr_assert_eq(password_verify(text_from(longest, PASSWORD_BYTES_MAX + 1),
                                 text_of(stored)),
                 PASSWORD_WRONG);
}

#define SALT "c29tZXNhbHQxMjM0NTY3OA"
#define TAG "poz2RbN5/EtUG8PRX3SAK2voWAiA06zZBqIdaVB/oI8"

Test(password, a_stored_text_that_is_none_of_ours_is_refused)
{
    static const char *const bad[] = {
        "",
        "secret",
        "$argon2i$v=19$m=64,t=2,p=1$" SALT "$" TAG,
        "$argon2id$v=16$m=64,t=2,p=1$" SALT "$" TAG,
        "$argon2id$m=64,t=2,p=1$" SALT "$" TAG,
        "$argon2id$v=19$t=2,m=64,p=1$" SALT "$" TAG,
        "$argon2id$v=19$m=64,t=0,p=1$" SALT "$" TAG,
        "$argon2id$v=19$m=64,t=17,p=1$" SALT "$" TAG,
        "$argon2id$v=19$m=64,t=2,p=0$" SALT "$" TAG,
        "$argon2id$v=19$m=64,t=2,p=17$" SALT "$" TAG,
        "$argon2id$v=19$m=7,t=2,p=1$" SALT "$" TAG,
        "$argon2id$v=19$m=262145,t=2,p=1$" SALT "$" TAG,
        "$argon2id$v=19$m=99999999999,t=2,p=1$" SALT "$" TAG,
        "$argon2id$v=19$m=64,t=2,p=1$c2hvcnQ$" TAG,
        "$argon2id$v=19$m=64,t=2,p=1$" SALT SALT "$" TAG,
        "$argon2id$v=19$m=64,t=2,p=1$" SALT "$",
        "$argon2id$v=19$m=64,t=2,p=1$" SALT "$c2hvcnQ",
        "$argon2id$v=19$m=64,t=2,p=1$" SALT "$" TAG "A",
        "$argon2id$v=19$m=64,t=2,p=1$" SALT "$" TAG "$",
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        cr_expect_eq(password_verify(text_of("x"), text_of(bad[i])),
                     PASSWORD_BAD_HASH, "%s", bad[i]);
}

Test(password, a_stored_text_that_is_cut_off_is_refused)
{
    struct text stored = text_of(vectors[0].stored);

    for (uint32_t cut = 0; cut < stored.size_bytes; cut++)
        cr_assert_eq(password_verify(text_of("correct horse"),
                                     text_from(stored.data, cut)),
                     PASSWORD_BAD_HASH);
}
