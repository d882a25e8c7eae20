/* URLs and the header fields that are parsed by themselves. */
#include <string.h>

#include "fuzz.h"
#include "http/fields.h"
#include "http/url.h"

static void check_within(struct text part, struct text whole)
{
    if (text_is_absent(part))
        return;
    CHECK(part.data >= whole.data);
    CHECK(part.data + part.size_bytes <= whole.data + whole.size_bytes);
}

/* What was taken apart and put together again means the same. */
static void check_again(const struct http_url *url)
{
    struct text_builder builder = {0};
    struct http_url again;

    text_add_string(&builder, url->is_https ? "https://" : "http://");
    text_add(&builder, url->authority);
    text_add(&builder, url->path);
    if (!text_is_absent(url->query)) {
        text_add_char(&builder, '?');
        text_add(&builder, url->query);
    }
    enum http_url_result result = http_url_parse(text_built(&builder), &again);
    /* A path that was not there is '/' now: one byte may be too many. */
    CHECK(result == HTTP_URL_GOOD || result == HTTP_URL_TOO_LONG);
    if (result == HTTP_URL_GOOD) {
        CHECK(again.is_https == url->is_https && again.port == url->port);
        CHECK(text_equal(again.host, url->host));
        CHECK(text_equal(again.path, url->path));
        CHECK(text_equal(again.query, url->query));
    }
    text_builder_free(&builder);
}

static void take_url(struct text text)
{
    struct http_url url;
    enum http_url_result result = http_url_parse(text, &url);

    CHECK(http_url_result_text(result) != NULL);
    if (result != HTTP_URL_GOOD)
        return;
    check_within(url.authority, text);
    check_within(url.host, text);
    check_within(url.query, text);
    CHECK(url.host.size_bytes > 0);
    CHECK(url.path.size_bytes > 0 && url.path.data[0] == '/');
    check_again(&url);
}

static void take_fields(struct text text)
{
    struct text host;
    uint16_t port;
    uint32_t seconds;
    struct http_content_type type = http_content_type_parse(text);

    check_within(type.media_type, text);
    check_within(type.charset, text);
    check_within(type.action, text);
    check_within(http_unquote(text), text);
    if (http_host_parse(text, &host, &port)) {
        check_within(host, text);
        CHECK(host.size_bytes > 0 && host.size_bytes <= HTTP_HOST_BYTES_MAX);
    }
    /* 2026-11-23T00:00:00Z */
    if (http_retry_after_s(text, INT64_C(1795392000000000), &seconds))
        CHECK(seconds <= 366u * 86400u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    struct text text = fuzz_rest(&input);

    take_url(text);
    take_fields(text);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[] = {
        "http://observer.example.com/services/soap/JobObserver",
        "https://[fe80::1]:8443/a/b?c=d&e=%20",
        "http://user:pass@127.0.0.1:80/#fragment",
        "HTTP://a?q",
        "a.example:65535",
        "[::ffff:1.2.3.4]:0",
        "text/xml; charset=\"utf-8\"; action='x'",
        "multipart/related ;a=\"b;\\\"c\";charset = utf-16",
        "120",
        "Mon, 23 Nov 2026 00:01:00 GMT",
    };

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        fuzz_seed_string("", 0, seeds[i]);
}
