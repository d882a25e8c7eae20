#include "http/fields.h"

#include <criterion/criterion.h>
#include <string.h>

Test(fields, hosts_are_split)
{
    static const struct {
        const char *text;
        const char *host; /* NULL = refused */
        uint16_t port;
    } cases[] = {
        {"a", "a", 0},
        {"a:", "a", 0},
        {"a:1", "a", 1},
        {"A.b-c_d~9:65535", "A.b-c_d~9", 65535},
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"[::1]", "::1", 0},
        {"[::ffff:1.2.3.4]:8", "::ffff:1.2.3.4", 8},
        {"", NULL, 0},
        {":1", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:000080", NULL, 0},
        {"a:+1", NULL, 0},
        {"a:1 ", NULL, 0},
        {"a b", NULL, 0},
        {"a%20b", NULL, 0},
        {"a&b", NULL, 0},
        {"u@a", NULL, 0},
        {"[::1", NULL, 0},
        {"[]", NULL, 0},
        {"[::1]1", NULL, 0},
        {"[fe80::1%1]", NULL, 0},
        {"[v1.a]", NULL, 0},
        {"\xc3\xa4", NULL, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text host = TEXT_ABSENT;
        uint16_t port = 7;
        bool good = http_host_parse(text_of(cases[i].text), &host, &port);
        cr_expect_eq(good, cases[i].host != NULL, "%s", cases[i].text);
        if (good && cases[i].host != NULL) {
            cr_expect(text_is(host, cases[i].host), "%s", cases[i].text);
            cr_expect_eq(port, cases[i].port, "%s", cases[i].text);
        }
    }
}

Test(fields, a_host_ends_at_255_bytes)
{
    char name[257];
    struct text host;
    uint16_t port;

    memset(name, 'a', sizeof name);
    cr_assert(http_host_parse(text_from(name, 255), &host, &port));
    cr_assert_not(http_host_parse(text_from(name, 256), &host, &port));
}

Test(fields, content_types_are_taken_apart)
{
    static const struct {
        const char *text;
        const char *media_type;
        const char *charset; /* NULL = absent */
        const char *action;
    } cases[] = {
        {"text/xml", "text/xml", NULL, NULL},
        {"text/xml;charset=utf-8", "text/xml", "utf-8", NULL},
        {"text/xml ; Charset = \"utf-16\"", "text/xml", "utf-16", NULL},
        {"a/b; x=\"; charset=no\"; charset=yes", "a/b", "yes", NULL},
        {"a/b; x=\"\\\"; charset=no\"; charset=yes", "a/b", "yes", NULL},
        {"a/b; charset=one; charset=two", "a/b", "one", NULL},
        {"a/b; action=urn:x; charset=c", "a/b", "c", "urn:x"},
        {"a/b;;", "a/b", NULL, NULL},
        {"a/b; charset", "a/b", NULL, NULL},
        {"a/b; charset=", "a/b", "", NULL},
        {";charset=c", "", "c", NULL},
        {"", "", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_content_type type =
            http_content_type_parse(text_of(cases[i].text));
        cr_expect(text_is(type.media_type, cases[i].media_type), "%s",
                  cases[i].text);
        cr_expect(text_equal(type.charset, text_of(cases[i].charset)), "%s",
                  cases[i].text);
        cr_expect(text_equal(type.action, text_of(cases[i].action)), "%s",
                  cases[i].text);
    }
}

Test(fields, one_pair_of_quotes_is_taken_off)
{
    cr_assert(text_is(http_unquote(text_of("\"a\"")), "a"));
    cr_assert(text_is(http_unquote(text_of("\"\"")), ""));
    cr_assert(text_is(http_unquote(text_of("a")), "a"));
    cr_assert(text_is(http_unquote(text_of("\"")), "\""));
    cr_assert(text_is(http_unquote(text_of("\"a")), "\"a"));
    cr_assert(text_is_absent(http_unquote(TEXT_ABSENT)));
}

/* 1994-11-06T08:49:37Z, the date in all HTTP specifications. */
#define THEN_US INT64_C(784111777000000)

Test(fields, retry_after_is_seconds_or_a_date)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t seconds;
    } cases[] = {
        {"0", true, 0},
        {"120", true, 120},
        {"31622400", true, 31622400},
        {"31622401", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", true, 0},
        {"Sun, 06 Nov 1994 08:49:47 GMT", true, 10},
        {"Sun, 06 Nov 1993 08:49:47 GMT", true, 0},
        {"Sun, 06 Nov 1999 08:49:47 GMT", false, 0},
        {"Sun, 06 Nox 1994 08:49:37 GMT", false, 0},
        {"Sun, 31 Feb 1994 08:49:37 GMT", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 UTC", false, 0},
        {"soon", false, 0},
        {"-1", false, 0},
        {"", false, 0},
        {NULL, false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t seconds = 7;
        bool good =
            http_retry_after_s(text_of(cases[i].text), THEN_US, &seconds);
        cr_expect_eq(good, cases[i].good, "%s", cases[i].text);
        cr_expect_eq(seconds, good ? cases[i].seconds : 7, "%s", cases[i].text);
    }
}

Test(fields, dates_are_written_as_http_has_them)
{
    char text[HTTP_DATE_BYTES + 1];

    http_date_format(THEN_US, text);
    cr_assert_str_eq(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_date_format(0, text);
    cr_assert_str_eq(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}
