#include <criterion/criterion.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/pattern.h"
#include "store/pattern_program.h"

static struct pattern *compile(struct text text)
{
    struct pattern_error error;
    struct pattern *pattern = pattern_compile(text, &error);

    cr_assert_not_null(pattern, "%.*s: %s at %u", (int)text.size_bytes,
                       text.data, error.why, error.at_bytes);
    return pattern;
}

static bool matches(const char *pattern, struct text text)
{
    struct pattern *compiled = compile(text_of(pattern));
    bool first = pattern_matches(compiled, text);

    /* What was learnt from one text does not change the next. */
    (void)pattern_matches(compiled, text_of("something else"));
    cr_expect_eq(pattern_matches(compiled, text), first, "%s", pattern);
    pattern_free(compiled);
    return first;
}

Test(pattern, finds_what_it_says)
{
    static const struct {
        const char *pattern;
        const char *yes; /* NULL: no such case */
        const char *no;
    } cases[] = {
        {"", "", NULL},
        {"", "anything", NULL},
        {"b", "abc", "ac"},
        {"^b", "bc", "ab"},
        {"b$", "ab", "ba"},
        {"^$", "", "a"},
        {"^abc$", "abc", "abcd"},
        {"a^b", NULL, "ab"},
        {"a$b", NULL, "a$b"},
        {"(^|/)x", "a/x", "ax"},
        {"x(/|$)", "x", "xa"},
        {"($|a)b", "ab", "b"},
        {"^.$", "a", ""},
        {"^.$", "\xc3\xa9", "ab"},
        {"^..$", "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac"},
        {"^.$", "\xff", "\xff\xff"},
        {"^\xc3\xa9+$", "\xc3\xa9\xc3\xa9", "\xc3\xa9\xa9"},
        {"^[\xc3\xa0-\xc3\xbc]$", "\xc3\xa9", "\xc3\xbd"},
        {"^[a\xe2\x82\xac]$", "\xe2\x82\xac", "\xe2"},
        {"^[^/]+$", "a\xc3\xa9", "a/b"},
        {"^a*$", "", "aab"},
        {"^a*$", "aaa", "b"},
        {"^a+$", "a", ""},
        {"^ab?c$", "ac", "abbc"},
        {"^a{2}$", "aa", "aaa"},
        {"^a{2}$", "aa", "a"},
        {"^a{2,}$", "aaaaa", "a"},
        {"^a{0,2}$", "", "aaa"},
        {"^a{2,4}$", "aa", "a"},
        {"^a{2,4}$", "aaaa", "aaaaa"},
        {"^a{0}b$", "b", "ab"},
        {"^(ab){2,3}$", "ababab", "ab"},
        {"^(a|b)+$", "abba", "abc"},
        {"^(a|bc|d)$", "bc", "b"},
        {"^(a|bc|d)e$", "de", "ade"},
        {"^((a|b)|c)*d$", "acbd", "acbe"},
        {"a|b|c", "xxc", "xxd"},
        {"^a|b$", "ax", "xa"},
        {"(|a)b", "b", "a"},
        {"^(?:ab)+$", "abab", "aba"},
        {"^(a*)*$", "aaa", "b"},
        {"^(a?){3}$", "aa", "aaaa"},
        {"^(a*|b)+c$", "abac", "abad"},
        {"^()*a$", "a", "b"},
        {"a*?b", "aab", "aa"},
        {"^[abc]$", "b", "d"},
        {"^[a-c-]$", "-", "d"},
        {"^[]a]$", "]", "b"},
        {"^[^]a]$", "b", "]"},
        {"^[\\]\\\\]$", "\\", "["},
        {"^[.]$", ".", "a"},
        {"^[[:alpha:]_]+$", "Az_", "A1"},
        {"^[^[:digit:]]$", "a", "1"},
        {"^[[:space:]]$", "\t", "a"},
        {"^[[:xdigit:]]+$", "09afAF", "g"},
        {"^\\d\\D\\w\\W\\s\\S$", "1a_-\tx", "aa_-\tx"},
        {"^[\\d-]+$", "1-2", "a"},
        {"\\.txt$", "a.txt", "atxt"},
        {"^\\*\\(\\)\\|\\{\\/$", "*()|{/", "x"},
        {"^\\t\\n$", "\t\n", "tn"},
        {"(?i)^AbC[x-z]$", "aBcY", "aBcA"},
        {"(?i)[^a]", "b", "A"},
        {"^a\nb$", "a\nb", "ab"},
        {"^a.b$", "a\nb", "ab"},
        {"^(/[a-z]+){2}/[^/]*\\.(mov|mxf)$", "/in/day/a b.mxf", "/in/a.mxf"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pattern = cases[i].pattern;
        if (cases[i].yes != NULL)
            cr_expect(matches(pattern, text_of(cases[i].yes)), "%s in %s",
                      pattern, cases[i].yes);
        if (cases[i].no != NULL)
            cr_expect_not(matches(pattern, text_of(cases[i].no)), "%s in %s",
                          pattern, cases[i].no);
    }
    cr_expect(matches("^a.b$", text_from("a\0b", 3)), "NUL is a byte");
}

Test(pattern, what_it_cannot_do_it_names)
{
    static const struct {
        const char *pattern;
        const char *why; /* a part */
        uint32_t at_bytes;
    } cases[] = {
        {"a)", "closes no group", 1},
        {"(a", "not closed", 2},
        {"((a)", "not closed", 4},
        {"*a", "nothing that could be repeated", 0},
        {"^*", "nothing that could be repeated", 1},
        {"a|+", "nothing that could be repeated", 2},
        {"(*a)", "nothing that could be repeated", 1},
        {"a**", "repeated already", 2},
        {"a*+", "repeated already", 2},
        {"a{", "{2,5}", 1},
        {"a{}", "{2,5}", 1},
        {"a{,2}", "{2,5}", 1},
        {"a{2", "{2,5}", 1},
        {"a{2,1}", "order", 1},
        {"a{256}", "too large", 1},
        {"a{256,}", "too large", 1},
        {"a{0,256}", "too large", 1},
        {"a{99999999999}", "{2,5}", 1},
        {"a{1,2,3}", "{2,5}", 1},
        {"(a)\\1", "back-references", 3},
        {"(?=a)", "one pass", 0},
        {"(?<!a)b", "one pass", 0},
        {"(?<n>a)", "one pass", 0},
        {"a(?i)b", "one pass", 1},
        {"\\bword", "no meaning", 0},
        {"a\\", "last character", 1},
        {"[a", "not closed", 0},
        {"[]", "not closed", 0},
        {"[b-a]", "order", 0},
        {"[a-\\d]", "order", 0},
        {"[[:name:]]", "no class", 1},
        {"[[:alpha]", "no class", 1},
        {"[[=a=]]", "[= and [.", 1},
        {"a\xff", "UTF-8", 1},
        {"\xc3", "UTF-8", 0},
        {"(((a{255}){255}){255})", "too large", 15},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pattern_error error;
        struct pattern *pattern =
            pattern_compile(text_of(cases[i].pattern), &error);
        cr_assert_null(pattern, "%s", cases[i].pattern);
        cr_expect_not_null(strstr(error.why, cases[i].why), "%s: %s",
                           cases[i].pattern, error.why);
        cr_expect_eq(error.at_bytes, cases[i].at_bytes, "%s: at %u",
                     cases[i].pattern, error.at_bytes);
    }
}

Test(pattern, its_size_has_a_limit)
{
    char text[LIMIT_PATTERN_BYTES + 1];
    struct pattern_error error;

    memset(text, 'a', sizeof text);
    pattern_free(compile(text_from(text, LIMIT_PATTERN_BYTES)));
    cr_expect_null(pattern_compile(text_from(text, sizeof text), &error));

    /* 16 * 255 steps and the last; then 4 too many. */
    const struct text fits = text_of("(aaaaaaaaaaaaaaaa){255}(a){15}");
    const struct text over = text_of("(aaaaaaaaaaaaaaaa){255}(a){16}");
    cr_assert_eq(LIMIT_PATTERN_STEPS, 16 * 255 + 15 + 1);
    pattern_free(compile(fits));
    cr_expect_null(pattern_compile(over, &error));

    for (uint32_t depth = 63; depth <= 64; depth++) {
        memset(text, '(', depth);
        memset(text + depth, ')', depth);
        struct pattern *nested =
            pattern_compile(text_from(text, 2 * (size_t)depth), &error);
        cr_expect_eq(nested != NULL, depth == 63);
        pattern_free(nested);
    }
}

/* Patterns that cost other matchers a time that doubles with each byte. */
Test(pattern, a_byte_costs_at_most_all_steps)
{
    static const char *const patterns[] = {
        "^(a+)+$",           "^(a|aa)+$",          "^(a|a?)+$", "(.*a){20}$",
        "(a|b)*a(a|b){12}$", "((a{0,40}){0,40})$", "(x+x+)+y",
    };
    char text[2000];

    for (uint32_t i = 0; i < sizeof text; i++)
        text[i] = (i * i + i / 7) % 3 != 0 ? 'a' : 'b';
    memset(text, 'a', 1000);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct pattern *pattern = compile(text_of(patterns[i]));
        struct pattern_program *program = malloc(sizeof *program);
        struct pattern_error error;
        cr_assert(pattern_read(text_of(patterns[i]), program, &error));
        (void)pattern_matches(pattern, text_from(text, sizeof text));
        uint64_t work = pattern_work(pattern);
        /* Looked at, gathered, and gathered again for the end. */
        cr_expect_leq(work, 3u * (program->count + 1) * (sizeof text + 1),
                      "%s: %llu", patterns[i], (unsigned long long)work);
        /* Once more costs as much at most: sets are known or forgotten. */
        (void)pattern_matches(pattern, text_from(text, sizeof text));
        cr_expect_leq(pattern_work(pattern), 2 * work, "%s", patterns[i]);
        free(program);
        pattern_free(pattern);
    }
}

Test(pattern, a_usual_text_costs_one_look_a_byte)
{
    struct pattern *pattern = compile(text_of("/day-[0-9]+/.*\\.mxf$"));
    const struct text text = text_of("/archive/day-17/camera one/a.mxf");

    cr_assert(pattern_matches(pattern, text));
    uint64_t before = pattern_work(pattern);
    cr_assert(pattern_matches(pattern, text));
    cr_expect_leq(pattern_work(pattern) - before, text.size_bytes);
    pattern_free(pattern);
}

/* Appends a character as UTF-8. */
static void add_character(struct text_builder *text, uint32_t c)
{
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    uint32_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

    text_add_char(text, (char)(leads[more] | c >> (6 * more)));
    while (more-- > 0)
        text_add_char(text, (char)(0x80 | (c >> (6 * more) & 63)));
}

/* Every character of each length is found by a set that holds it, and by no
 * set around it. */
Test(pattern, ranges_of_characters_are_exact)
{
    static const uint32_t ends[] = {0x1,    0x7e,    0x7f,    0x80,    0x81,
                                    0xbf,   0x7ff,   0x800,   0xfff,   0x1000,
                                    0xffff, 0x10000, 0x3ffff, 0x10ffff};
    const uint32_t count = sizeof ends / sizeof ends[0];

    for (uint32_t i = 0; i < count * count; i++) {
        uint32_t min = ends[i / count];
        uint32_t max = ends[i % count];
        struct text_builder set = {0};
        if (min > max || min == '-' || max == ']')
            continue;
        text_add_string(&set, "^[");
        add_character(&set, min);
        text_add_char(&set, '-');
        add_character(&set, max);
        text_add_string(&set, "]$");
        struct pattern *pattern = compile(text_built(&set));
        for (uint32_t j = 0; j < 3 * count; j++) {
            struct text_builder text = {0};
            uint32_t c = ends[j / 3] + j % 3 - 1; /* and its neighbours */
            if (c == 0 || c > 0x10ffff)
                continue;
            add_character(&text, c);
            cr_expect_eq(pattern_matches(pattern, text_built(&text)),
                         min <= c && c <= max, "%x in %x to %x", c, min, max);
            text_builder_free(&text);
        }
        pattern_free(pattern);
        text_builder_free(&set);
    }
}

/* The C library agrees, on patterns and texts drawn by chance. */
Test(pattern, agrees_with_the_matcher_of_the_library)
{
    static const char *const parts[] = {"a",        "b",    "c",     ".",
                                        "[ab]",     "[^b]", "(a|b)", "(ab|c)",
                                        "(a(b|c))", "^",    "$",     "|"};
    static const char *const repeats[] = {"",  "",    "",      "*",   "+",
                                          "?", "{2}", "{1,3}", "{2,}"};
    uint32_t seed = 1;
    uint32_t compared = 0;

    for (uint32_t round = 0; round < 4000; round++) {
        char pattern[128] = "";
        char text[16];
        regex_t library;
        for (uint32_t i = 0; i < 1 + round % 5; i++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t part = (seed >> 8) % 12;
            strcat(pattern, parts[part]);
            if (part < 9)
                strcat(pattern, repeats[(seed >> 20) % 9]);
        }
        struct pattern_error error;
        struct pattern *ours = pattern_compile(text_of(pattern), &error);
        cr_assert_not_null(ours, "%s: %s", pattern, error.why);
        if (regcomp(&library, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
            pattern_free(ours);
            continue;
        }
        for (uint32_t i = 0; i < 20; i++) {
            uint32_t size = i % 8;
            for (uint32_t j = 0; j < size; j++) {
                seed = seed * 1664525 + 1013904223;
                text[j] = (char)('a' + (seed >> 16) % 3);
            }
            text[size] = '\0';
            bool want = regexec(&library, text, 0, NULL, 0) == 0;
            cr_expect_eq(pattern_matches(ours, text_of(text)), want,
                         "%s in %s: the library says %d", pattern, text, want);
            compared++;
        }
        regfree(&library);
        pattern_free(ours);
    }
    cr_expect_gt(compared, 40000);
}
