#include "transfer/glob.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(glob, patterns_match_names_and_paths)
{
    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "x/a", true},
        {"a", "a/x", false},
        {"*.o", "x/y.o", true},
        {"*.o", ".o", true},
        {"*.o", "y.oo", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"x/*", "x/a", true},
        {"x/*", "x/a/b", false},
        {"/x/*", "x/a", true},
        {"x/**", "x/a/b", true},
        {"**/b", "x/a/b", true},
        {"**/b", "b", false},
        {"**b*c", "ab/xbyc", true},
        {"**b*c", "ab/xby/c", false},
        {"x/**/*.o", "x/a/b/c.o", true},
        {"x/**/*.o", "x/a/b/c.o/d", false},
        {"[a-c]x", "bx", true},
        {"[a-c]x", "dx", false},
        {"[!a-c]x", "dx", true},
        {"[^a-c]x", "bx", false},
        {"[]]", "]", true},
        {"[a-]", "-", true},
        {"x[!a]y/", "x/y/", false},
        {"[ab", "[ab", true},
        {"[ab", "a", false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\", "\\", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXcYbZ", false},
        {"\xff*", "\xff\xfe", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(
            glob_matches(text_of(cases[i].pattern), text_of(cases[i].path)),
            cases[i].matches, "%s with %s", cases[i].pattern, cases[i].path);
}

Test(glob, many_stars_do_not_make_it_slow, .timeout = 10)
{
    char path[4096];
    char pattern[1024];

    memset(path, 'a', sizeof path);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 1] = 'b';
    for (int i = 0; i < 100; i++)
        cr_assert_not(glob_matches(text_from(pattern, sizeof pattern),
                                   text_from(path, sizeof path)));
    for (size_t i = 0; i < sizeof pattern - 2; i++)
        pattern[i] = i % 3 == 2 ? 'a' : '*';
    for (int i = 0; i < 100; i++)
        cr_assert_not(glob_matches(text_from(pattern, sizeof pattern),
                                   text_from(path, sizeof path)));
}
