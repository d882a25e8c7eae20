#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "central/login.h"
#include "crypto/base64.h"
#include "crypto/password.h"
#include "harness.h"

static struct logins logins;

static struct answer {
    bool done;
    enum login_result result;
    char name[LIMIT_USER_NAME_BYTES + 1];
} answer;

static void set_up(void)
{
    harness_make_folder();
    harness_open(0);
    harness_add_user(); /* ann, "secret-word" */
    logins_init(&logins, harness.loop, harness.central->store);
}

static void tear_down(void)
{
    harness_close();
    harness_remove_folder();
}

TestSuite(login, .init = set_up, .fini = tear_down);

static void checked(void *user, enum login_result result, const char *name)
{
    cr_assert_eq(user, &answer);
    answer.done = true;
    answer.result = result;
    snprintf(answer.name, sizeof answer.name, "%s", name);
}

static bool is_done(void *user)
{
    (void)user;
    return answer.done;
}

/* What is said at once; the rest comes to `answer`. */
static enum login_result check(const char *field)
{
    const char *name = "";
    enum login_result result;

    answer = (struct answer){0};
    result = login_check(&logins, field != NULL ? text_of(field) : TEXT_ABSENT,
                         &name, &answer, checked);
    if (result == LOGIN_RIGHT)
        snprintf(answer.name, sizeof answer.name, "%s", name);
    return result;
}

static const char *basic(const char *scheme, const char *credentials)
{
    static char field[4096];
    char text[3000];

    base64_encode(credentials, (uint32_t)strlen(credentials), true, text);
    snprintf(field, sizeof field, "%s%s", scheme, text);
    return field;
}

static enum login_result login(const char *credentials)
{
    enum login_result result = check(basic("Basic ", credentials));

    if (result != LOGIN_LATER)
        return result;
    harness_run_until(is_done, NULL);
    return answer.result;
}

Test(login, what_is_no_basic_field_costs_nothing)
{
    char long_name[LIMIT_USER_NAME_BYTES + 8];
    char both[LIMIT_USER_NAME_BYTES + PASSWORD_BYTES_MAX + 3];
    const char *fields[] = {
        NULL, "", "Basic", "Basic ", "Basic  ", "Basic !", "Basic YW5u",
        "Basic OnNlY3JldC13b3Jk" /* no name */, "Basicx YW5uOng=",
        "Bearer YW5uOng=", "Basic YW5uOn=", /* padding half there */
        "Basic YW4AbjpzZWNyZXQ=" /* a NUL in the name */,
        "Basic YW5uOng= YW5uOng=",
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        cr_expect_eq(check(fields[i]), LOGIN_WRONG, "field %zu", i);
    memset(long_name, 'n', LIMIT_USER_NAME_BYTES + 1);
    strcpy(long_name + LIMIT_USER_NAME_BYTES + 1, ":x");
    cr_expect_eq(check(basic("Basic ", long_name)), LOGIN_WRONG);
    /* One beyond the longest of both together. */
    memset(both, 'p', sizeof both);
    memcpy(both, "n:", 2);
    both[sizeof both - 1] = '\0';
    cr_expect_eq(check(basic("Basic ", both)), LOGIN_WRONG);
    cr_expect_eq(logins.checking_count, 0);
}

Test(login, who_is_right_is_known_the_next_time)
{
    cr_expect_eq(check(basic("Basic ", "ann:secret-word")), LOGIN_LATER);
    cr_expect_eq(logins.checking_count, 1);
    harness_run_until(is_done, NULL);
    cr_expect_eq(answer.result, LOGIN_RIGHT);
    cr_expect_str_eq(answer.name, "ann");
    cr_expect_eq(logins.checking_count, 0);

    cr_expect_eq(check(basic("bAsIc   ", "ann:secret-word")), LOGIN_RIGHT);
    cr_expect_str_eq(answer.name, "ann");
    /* Nothing of the password is left to be found. */
    for (size_t i = 0; i + 6 < sizeof logins; i++)
        cr_assert_neq(memcmp((const char *)&logins + i, "secret", 6), 0);
}

Test(login, who_is_wrong_is_asked_each_time)
{
    static const char *const wrong[] = {
        "ann:secret-worD", "ann:", "ann:secret-word ", "ann::secret-word",
        "nobody:secret-word", "Ann:secret-word", "an:nsecret-word",
    };

    cr_assert_eq(login("ann:secret-word"), LOGIN_RIGHT);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        for (int again = 0; again < 2; again++) {
            cr_expect_eq(check(basic("Basic ", wrong[i])), LOGIN_LATER, "%s",
                         wrong[i]);
            harness_run_until(is_done, NULL);
            cr_expect_eq(answer.result, LOGIN_WRONG, "%s", wrong[i]);
        }
}

Test(login, what_is_known_is_forgotten_in_time)
{
    cr_assert_eq(login("ann:secret-word"), LOGIN_RIGHT);
    cr_expect_leq(logins.known[0].until_ns,
                  loop_now_ns(harness.loop) +
                      LIMIT_LOGIN_KNOWN_S * UINT64_C(1000000000));
    logins.known[0].until_ns = loop_now_ns(harness.loop) + UINT64_C(1000000000);
    cr_expect_eq(check(basic("Basic ", "ann:secret-word")), LOGIN_RIGHT);
    logins.known[0].until_ns = loop_now_ns(harness.loop);
    cr_expect_eq(check(basic("Basic ", "ann:secret-word")), LOGIN_LATER);
    harness_run_until(is_done, NULL);
    cr_expect_eq(answer.result, LOGIN_RIGHT);
    cr_expect_gt(logins.known[1].until_ns, 0, "the next place");
}

Test(login, the_oldest_that_is_known_makes_room)
{
    logins.oldest = LIMIT_LOGINS_KNOWN - 1;
    cr_assert_eq(login("ann:secret-word"), LOGIN_RIGHT);
    cr_expect_gt(logins.known[LIMIT_LOGINS_KNOWN - 1].until_ns, 0);
    cr_expect_eq(logins.oldest, 0);
}

Test(login, no_more_are_looked_at_than_the_limit)
{
    cr_assert_eq(login("ann:secret-word"), LOGIN_RIGHT);
    logins.checking_count = LIMIT_LOGINS_CHECKING;
    cr_expect_eq(check(basic("Basic ", "ann:other")), LOGIN_BUSY);
    cr_expect_eq(check(basic("Basic ", "ann:secret-word")), LOGIN_RIGHT,
                 "who is known is not held up by those who guess");
    cr_expect_eq(check("Basic !"), LOGIN_WRONG);
    logins.checking_count = LIMIT_LOGINS_CHECKING - 1;
    cr_expect_eq(login("ann:other"), LOGIN_WRONG);
    cr_expect_eq(logins.checking_count, LIMIT_LOGINS_CHECKING - 1);
    logins.checking_count = 0;
}

Test(login, another_process_knows_nothing_by_these_hashes)
{
    struct logins other;

    cr_assert_eq(login("ann:secret-word"), LOGIN_RIGHT);
    logins_init(&other, harness.loop, harness.central->store);
    memcpy(other.known, logins.known, sizeof other.known);
    const char *name;
    answer = (struct answer){0};
    cr_expect_eq(login_check(&other,
                             text_of(basic("Basic ", "ann:secret-word")), &name,
                             &answer, checked),
                 LOGIN_LATER);
    harness_run_until(is_done, NULL);
}
