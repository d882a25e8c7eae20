#include "http/fields.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/datetime.h"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static bool is_name(struct text text)
{
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (!is_alnum(c) && c != '-' && c != '.' && c != '_' && c != '~')
            return false;
    }
    return text.size_bytes > 0;
}

/* Without a zone: a scope means nothing outside its machine. */
static bool is_ipv6(struct text text)
{
    char string[INET6_ADDRSTRLEN];
    struct in6_addr address;

    return text_to_string(text, string, sizeof string) &&
           inet_pton(AF_INET6, string, &address) == 1;
}

bool http_host_parse(struct text text, struct text *host, uint16_t *port)
{
    if (text.size_bytes == 0 || text.size_bytes > HTTP_HOST_BYTES_MAX)
        return false;

    const char *end = text.data + text.size_bytes;
    const char *colon;
    struct text name;
    uint64_t number = 0;

    if (text.data[0] == '[') {
        const char *bracket = memchr(text.data, ']', text.size_bytes);
        if (bracket == NULL)
            return false;
        name = text_from(text.data + 1, (size_t)(bracket - text.data - 1));
        colon = bracket + 1;
        if (!is_ipv6(name) || (colon != end && *colon != ':'))
            return false;
    } else {
        colon = memchr(text.data, ':', text.size_bytes);
        if (colon == NULL)
            colon = end;
        name = text_from(text.data, (size_t)(colon - text.data));
        if (!is_name(name))
            return false;
    }
    /* RFC 3986 allows a colon without a port. */
    if (end - colon > 1) {
        struct text digits = text_from(colon + 1, (size_t)(end - colon - 1));
        if (digits.size_bytes > 5 || !text_to_u64(digits, 65535, &number))
            return false;
    }
    *host = name;
    *port = (uint16_t)number;
    return true;
}

struct text http_unquote(struct text text)
{
    if (text.size_bytes >= 2 && text.data[0] == '"' &&
        text.data[text.size_bytes - 1] == '"')
        return (struct text){text.data + 1, text.size_bytes - 2};
    return text;
}

/* The size of `text` up to a ';' that is not inside quotes. */
static uint32_t until_semicolon(struct text text)
{
    bool in_quotes = false;

    for (uint32_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (in_quotes && c == '\\')
            i++; /* quoted-pair: RFC 9110, section 5.6.4 */
        else if (c == '"')
            in_quotes = !in_quotes;
        else if (c == ';' && !in_quotes)
            return i;
    }
    return text.size_bytes;
}

static void take_parameter(struct http_content_type *type, struct text text)
{
    const char *equals =
        text.size_bytes ? memchr(text.data, '=', text.size_bytes) : NULL;
    if (equals == NULL)
        return;

    size_t name_bytes = (size_t)(equals - text.data);
    struct text name = text_trim(text_from(text.data, name_bytes));
    struct text value = http_unquote(
        text_trim(text_from(equals + 1, text.size_bytes - name_bytes - 1)));

    if (text_is_nocase(name, "charset") && text_is_absent(type->charset))
        type->charset = value;
    if (text_is_nocase(name, "action") && text_is_absent(type->action))
        type->action = value;
}

struct http_content_type http_content_type_parse(struct text text)
{
    uint32_t size = until_semicolon(text);
    struct http_content_type type = {
        .media_type = text_trim((struct text){text.data, size}),
    };

    while (size < text.size_bytes) {
        text.data += size + 1;
        text.size_bytes -= size + 1;
        size = until_semicolon(text);
        take_parameter(&type, text_trim((struct text){text.data, size}));
    }
    return type;
}

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                        "May", "Jun", "Jul", "Aug",
                                        "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                     "Thu", "Fri", "Sat"};

/* Reads "Sun, 06 Nov 1994 08:49:37 GMT".  The two older forms that RFC 9110
 * lists have not been sent by servers for twenty years. */
static bool parse_date(struct text text, int64_t *time_us)
{
    char iso[32];
    unsigned month = 0;

    if (text.size_bytes != HTTP_DATE_BYTES)
        return false;
    const char *at = text.data;
    while (month < 12 && memcmp(at + 8, month_names[month], 3) != 0)
        month++;
    if (month == 12 || memcmp(at + 3, ", ", 2) != 0 || at[7] != ' ' ||
        at[11] != ' ' || at[16] != ' ' || memcmp(at + 25, " GMT", 4) != 0)
        return false;
    int size = snprintf(iso, sizeof iso, "%.4s-%02u-%.2sT%.8sZ", at + 12,
                        month + 1, at + 5, at + 17);
    return size > 0 && datetime_parse(text_from(iso, (size_t)size), time_us);
}

bool http_retry_after_s(struct text text, int64_t now_us, uint32_t *seconds)
{
    const uint64_t year_s = 366 * 86400;
    uint64_t wait_s;
    int64_t time_us;

    if (text_is_absent(text))
        return false;
    if (!text_to_u64(text, year_s, &wait_s)) {
        if (!parse_date(text, &time_us))
            return false;
        /* Rounded up: too early is what the peer asked us not to be. */
        wait_s = time_us <= now_us
                     ? 0
                     : ((uint64_t)(time_us - now_us) + 999999) / 1000000;
        if (wait_s > year_s)
            return false;
    }
    *seconds = (uint32_t)wait_s;
    return true;
}

void http_date_format(int64_t time_us, char text[HTTP_DATE_BYTES + 1])
{
    char iso[DATETIME_TEXT_BYTES + 1];
    datetime_format(time_us, iso); /* 2026-11-24T03:39:12.123456Z */
    int64_t days = time_us / 86400000000 - (time_us % 86400000000 < 0);
    int64_t day = ((days + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int month = (iso[5] - '0') * 10 + (iso[6] - '0') - 1;

    snprintf(text, HTTP_DATE_BYTES + 1, "%s, %.2s %s %.4s %.8s GMT",
             day_names[day], iso + 8, month_names[month], iso, iso + 11);
}
