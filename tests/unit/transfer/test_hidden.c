#include "transfer/hidden.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "folder.h"

static const struct text suffix = {HIDDEN_RESUME_SUFFIX,
                                   sizeof HIDDEN_RESUME_SUFFIX - 1};

TestSuite(hidden, .init = folder_open, .fini = folder_close);

Test(hidden, only_the_forms_that_we_make_are_ours)
{
    static const struct {
        const char *name;
        bool ours;
    } cases[] = {
        {".ferry-0123456789abcdef-0", true},
        {".ferry-0123456789abcdef-18446744073709551615", true},
        {".ferry-0123456789abcdef.partial", true},
        {".ferry-0123456789abcdef.partial.ferry-resume", true},
        {"a.ferry-resume", true},
        {".ferry-resume", false}, /* of no file */
        {".ferry-0123456789abcdef-", false},
        {".ferry-0123456789abcdef-x", false},
        {".ferry-0123456789abcdeF-1", false},
        {".ferry-0123456789abcde-1", false},
        {".ferry-0123456789abcdef", false},
        {".ferry-0123456789abcdef.partially", false},
        {".ferryrc", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(hidden_is_name(text_of(cases[i].name), suffix),
                     cases[i].ours, "%s", cases[i].name);
}

Test(hidden, a_partial_name_is_ours_and_depends_on_the_name_alone)
{
    char one[HIDDEN_PARTIAL_BYTES];
    char same[HIDDEN_PARTIAL_BYTES];
    char other[HIDDEN_PARTIAL_BYTES];

    hidden_partial_name("a", one);
    hidden_partial_name("a", same);
    hidden_partial_name("b", other);
    cr_assert_str_eq(one, same);
    cr_assert_str_neq(one, other);
    cr_assert(hidden_is_name(text_of(one), suffix));
    cr_assert_eq(strlen(one), HIDDEN_PARTIAL_BYTES - 1);
}

static void put_aged(const char *name, int64_t age_s)
{
    char path[FOLDER_PATH_BYTES + 256];
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    times[1].tv_sec = clock_wall_us() / 1000000 - age_s;
    cr_assert_eq(futimens(fd, times), 0);
    close(fd);
}

static bool is_there(const char *name)
{
    char path[FOLDER_PATH_BYTES + 256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

Test(hidden, a_crash_s_leftovers_go_and_everything_else_stays)
{
    static const struct {
        const char *name;
        int64_t age_s;
        bool stays;
    } cases[] = {
        {".ferry-0123456789abcdef-1", LIMIT_HIDDEN_IDLE_S + 10, false},
        {".ferry-0123456789abcdef-2", LIMIT_HIDDEN_IDLE_S - 10, true},
        {".ferry-0123456789abcdef.partial", LIMIT_PARTIAL_KEPT_S - 10, true},
        {".ferry-0123456789abcdef.partial.ferry-resume",
         LIMIT_PARTIAL_KEPT_S - 10, true},
        {".ferry-1123456789abcdef.partial", LIMIT_PARTIAL_KEPT_S + 10, false},
        {"orphan.ferry-resume", LIMIT_HIDDEN_IDLE_S + 10, false},
        {"young orphan.ferry-resume", 0, true},
        {"old", LIMIT_PARTIAL_KEPT_S * 10, true},
        {".ferryrc", LIMIT_PARTIAL_KEPT_S * 10, true},
    };
    const size_t count = sizeof cases / sizeof cases[0];

    for (size_t i = 0; i < count; i++)
        put_aged(cases[i].name, cases[i].age_s);
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    cr_assert_eq(hidden_sweep(fd, suffix, clock_wall_us()), 3);
    close(fd);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(is_there(cases[i].name), cases[i].stays, "%s",
                     cases[i].name);
}

Test(hidden, what_a_session_has_open_stays_however_old)
{
    static const char name[] = ".ferry-0123456789abcdef-1";
    char path[FOLDER_PATH_BYTES + 256];

    put_aged(name, LIMIT_HIDDEN_IDLE_S * 100);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int locked = open(path, O_RDONLY);
    cr_assert_eq(flock(locked, LOCK_EX), 0);
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    cr_assert_eq(hidden_sweep(fd, suffix, clock_wall_us()), 0);
    close(locked);
    cr_assert_eq(hidden_sweep(fd, suffix, clock_wall_us()), 1);
    close(fd);
}
