#include <criterion/criterion.h>
#include <stdio.h>

#include "crypto/password_known.h"

#define SECOND_NS UINT64_C(1000000000)

static struct password_known known;

static void set_up(void)
{
    password_known_init(&known);
}

TestSuite(password_known, .init = set_up);

static bool has(const char *stored, const char *password, uint64_t now_ns)
{
    return password_known_has(&known, text_of(stored), text_of(password),
                              now_ns);
}

Test(password_known, nothing_is_known_at_first)
{
    cr_assert(!has("stored", "password", 0));
    cr_assert(!has("stored", "", 0));
}

Test(password_known, what_was_right_is_known_for_a_minute_and_no_longer)
{
    const uint64_t start_ns = 5 * SECOND_NS;
    const uint64_t end_ns = start_ns + LIMIT_LOGIN_KNOWN_S * SECOND_NS;

    password_known_add(&known, text_of("stored"), text_of("password"),
                       start_ns);
    cr_assert(has("stored", "password", start_ns));
    cr_assert(has("stored", "password", end_ns - 1));
    cr_assert(!has("stored", "password", end_ns));
}

Test(password_known, another_password_or_stored_text_is_not)
{
    static const char *const others[][2] = {
        {"stored", "passwore"}, {"stored", "passwor"}, {"stored", "passwordd"},
        {"stored", ""},         {"storee", "password"}, {"store", "password"},
        {"store", "dpassword"}, {"storedp", "assword"},
    };

    password_known_add(&known, text_of("stored"), text_of("password"), 1);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert(!has(others[i][0], others[i][1], 1), "%zu", i);
    cr_assert(!password_known_has(&known, TEXT_ABSENT, text_of("password"),
                                  1));
}

Test(password_known, the_oldest_goes_when_there_are_too_many)
{
    char name[16];

    for (uint32_t i = 0; i <= LIMIT_LOGINS_KNOWN; i++) {
        snprintf(name, sizeof name, "%u", i);
        password_known_add(&known, text_of("stored"), text_of(name), 1);
        cr_assert_eq(has("stored", "0", 1), i < LIMIT_LOGINS_KNOWN);
    }
    cr_assert(has("stored", "1", 1));
    cr_assert(has("stored", name, 1));
}
