#include "http/url.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "http/fields.h"

static bool starts_with_nocase(struct text text, const char *prefix)
{
    size_t size = strlen(prefix);

    return text.size_bytes >= size &&
           text_is_nocase(text_from(text.data, size), prefix);
}

/* What RFC 3986 has in a URL at all; the rest must be percent-encoded. */
static bool is_url_char(char c)
{
    return c > ' ' && c <= '~' && strchr("\"<>\\^`{|}", c) == NULL;
}

/* Splits host and port off.  A colon without a port means the default. */
static enum http_url_result parse_authority(struct http_url *url)
{
    struct text authority = url->authority;
    uint16_t port;

    if (authority.size_bytes > 0 &&
        memchr(authority.data, '@', authority.size_bytes) != NULL)
        return HTTP_URL_BAD_USERINFO;
    if (http_host_parse(authority, &url->host, &port)) {
        if (port == 0 && authority.data[authority.size_bytes - 1] == '0' &&
            authority.size_bytes >
                url->host.size_bytes + (authority.data[0] == '[' ? 2 : 0))
            return HTTP_URL_BAD_PORT; /* port 0 is none */
        if (port != 0)
            url->port = port;
        return HTTP_URL_GOOD;
    }
    /* Which half was it?  Only the message to the user depends on it. */
    const char *colon = authority.size_bytes && authority.data[0] != '['
                            ? memchr(authority.data, ':', authority.size_bytes)
                            : NULL;
    if (colon != NULL && colon > authority.data &&
        http_host_parse(
            text_from(authority.data, (size_t)(colon - authority.data)),
            &url->host, &port))
        return HTTP_URL_BAD_PORT;
    return HTTP_URL_BAD_HOST;
}

enum http_url_result http_url_parse(struct text text, struct http_url *url)
{
    struct http_url parts = {.port = 80};
    uint32_t at = 7;

    if (text.size_bytes > LIMIT_CALLBACK_URL_BYTES)
        return HTTP_URL_TOO_LONG;
    for (uint32_t i = 0; i < text.size_bytes; i++)
        if (!is_url_char(text.data[i]))
            return HTTP_URL_BAD_CHARACTER;
    if (starts_with_nocase(text, "https://")) {
        parts.is_https = true;
        parts.port = 443;
        at = 8;
    } else if (!starts_with_nocase(text, "http://")) {
        return HTTP_URL_BAD_SCHEME;
    }

    struct text rest = {text.data + at, text.size_bytes - at};
    uint32_t size = 0;
    while (size < rest.size_bytes && strchr("/?#", rest.data[size]) == NULL)
        size++;
    parts.authority = (struct text){rest.data, size};
    rest.data += size;
    rest.size_bytes -= size;

    enum http_url_result result = parse_authority(&parts);
    if (result != HTTP_URL_GOOD)
        return result;
    if (rest.size_bytes > 0 && memchr(rest.data, '#', rest.size_bytes) != NULL)
        return HTTP_URL_BAD_FRAGMENT;

    const char *mark =
        rest.size_bytes ? memchr(rest.data, '?', rest.size_bytes) : NULL;
    uint32_t path_bytes = mark ? (uint32_t)(mark - rest.data) : rest.size_bytes;
    parts.path =
        path_bytes ? (struct text){rest.data, path_bytes} : text_of("/");
    if (mark != NULL)
        parts.query = (struct text){mark + 1, rest.size_bytes - path_bytes - 1};
    *url = parts;
    return HTTP_URL_GOOD;
}

const char *http_url_result_text(enum http_url_result result)
{
    switch (result) {
    case HTTP_URL_GOOD:
        return "it is a good URL";
    case HTTP_URL_TOO_LONG:
        return "it is longer than 2048 bytes";
    case HTTP_URL_BAD_SCHEME:
        return "it does not begin with http:// or https://";
    case HTTP_URL_BAD_USERINFO:
        return "it holds user information";
    case HTTP_URL_BAD_HOST:
        return "its host is not valid";
    case HTTP_URL_BAD_PORT:
        return "its port is not valid";
    case HTTP_URL_BAD_FRAGMENT:
        return "it holds a fragment (#)";
    case HTTP_URL_BAD_CHARACTER:
        return "it holds a character that must be percent-encoded";
    }
    NEVER("a URL result outside its enum");
}
