#include "http/url.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(url, good_ones_are_taken_apart)
{
    static const struct {
        const char *text, *authority, *host, *path, *query;
        uint16_t port;
        bool is_https;
    } cases[] = {
        {"http://a", "a", "a", "/", NULL, 80, false},
        {"http://a/", "a", "a", "/", NULL, 80, false},
        {"HTTPS://a:8443/b/c?d=e", "a:8443", "a", "/b/c", "d=e", 8443, true},
        {"https://a", "a", "a", "/", NULL, 443, true},
        {"http://a:/b", "a:", "a", "/b", NULL, 80, false},
        {"http://[::1]:9/?", "[::1]:9", "::1", "/", "", 9, false},
        {"http://a?b/c@d", "a", "a", "/", "b/c@d", 80, false},
        {"http://1.2.3.4/%20", "1.2.3.4", "1.2.3.4", "/%20", NULL, 80, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_url url;
        cr_assert_eq(http_url_parse(text_of(cases[i].text), &url),
                     HTTP_URL_GOOD, "%s", cases[i].text);
        cr_expect(text_is(url.authority, cases[i].authority));
        cr_expect(text_is(url.host, cases[i].host));
        cr_expect(text_is(url.path, cases[i].path));
        cr_expect(text_equal(url.query, text_of(cases[i].query)));
        cr_expect_eq(url.port, cases[i].port);
        cr_expect_eq(url.is_https, cases[i].is_https);
    }
}

Test(url, bad_ones_are_refused_with_the_reason)
{
    static const struct {
        const char *text;
        enum http_url_result result;
    } cases[] = {
        {"", HTTP_URL_BAD_SCHEME},
        {"http:", HTTP_URL_BAD_SCHEME},
        {"http:/a", HTTP_URL_BAD_SCHEME},
        {"ftp://a/", HTTP_URL_BAD_SCHEME},
        {"file:///etc/passwd", HTTP_URL_BAD_SCHEME},
        {"//a/", HTTP_URL_BAD_SCHEME},
        {"http://", HTTP_URL_BAD_HOST},
        {"http:///a", HTTP_URL_BAD_HOST},
        {"http://:80/", HTTP_URL_BAD_HOST},
        {"http://[::1/", HTTP_URL_BAD_HOST},
        {"http://a_%41/", HTTP_URL_BAD_HOST},
        {"http://u@a/", HTTP_URL_BAD_USERINFO},
        {"http://u:p@a/", HTTP_URL_BAD_USERINFO},
        {"http://@a/", HTTP_URL_BAD_USERINFO},
        {"http://a:0/", HTTP_URL_BAD_PORT},
        {"http://[::1]:0/", HTTP_URL_BAD_PORT},
        {"http://a:65536/", HTTP_URL_BAD_PORT},
        {"http://a:x/", HTTP_URL_BAD_PORT},
        {"http://a/#b", HTTP_URL_BAD_FRAGMENT},
        {"http://a#b", HTTP_URL_BAD_FRAGMENT},
        {"http://a/b c", HTTP_URL_BAD_CHARACTER},
        {"http://a/\r\nX: y", HTTP_URL_BAD_CHARACTER},
        {"http://a/\xc3\xa4", HTTP_URL_BAD_CHARACTER},
        {"http://a\\@b/", HTTP_URL_BAD_CHARACTER},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_url url = {.port = 7};
        cr_expect_eq(http_url_parse(text_of(cases[i].text), &url),
                     cases[i].result, "%s", cases[i].text);
        cr_expect_eq(url.port, 7, "%s", cases[i].text);
    }
}

Test(url, its_length_is_limited)
{
    char text[2050];
    struct http_url url;

    memset(text, 'a', sizeof text);
    memcpy(text, "http://b/", 9);
    cr_assert_eq(http_url_parse(text_from(text, 2048), &url), HTTP_URL_GOOD);
    cr_assert_eq(http_url_parse(text_from(text, 2049), &url),
                 HTTP_URL_TOO_LONG);
}
