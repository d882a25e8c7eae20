#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "feed.h"

/* Small, so that every position can be tried. */
static const struct http_limits small = {
    .head_bytes_max = 120,
    .header_count_max = 4,
    .target_bytes_max = 20,
    .body_bytes_max = 10,
};

static void run(const char *data, const char *expected)
{
    feed_all_ways(HTTP_KIND_REQUEST, &small, data, strlen(data), false,
                  expected);
}

Test(limits, a_head_of_the_limit_passes_and_one_byte_more_does_not)
{
    char data[256];
    const char *front = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    size_t fill = 120 - strlen(front) - 4;

    snprintf(
        data, sizeof data, "%s%.*s\r\n\r\n", front, (int)fill,
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    cr_assert_eq(strlen(data), 120);
    run(data, "GET / |.");

    snprintf(
        data, sizeof data, "%s%.*s\r\n\r\n", front, (int)fill + 1,
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    cr_assert_eq(strlen(data), 121);
    run(data, "!431");
}

Test(limits, blanks_and_empty_lines_count_as_head)
{
    char data[512];

    memset(data, ' ', sizeof data);
    memcpy(data, "GET / HTTP/1.1\r\nHost:", 21);
    feed_all_ways(HTTP_KIND_REQUEST, &small, data, sizeof data, false, "!431");
    for (size_t i = 0; i < sizeof data; i += 2)
        memcpy(data + i, "\r\n", 2);
    feed_all_ways(HTTP_KIND_REQUEST, &small, data, sizeof data, false, "!431");
}

Test(limits, as_many_fields_as_allowed_and_one_more)
{
    run("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n",
        "GET / |.");
    run("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n",
        "!431");
}

Test(limits, a_target_of_the_limit_and_one_byte_more)
{
    run("GET /1234567890123456789 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /1234567890123456789 |.");
    run("GET /12345678901234567890 HTTP/1.1\r\nHost: h\r\n\r\n", "!414");
}

Test(limits, a_body_of_the_limit_and_one_byte_more)
{
    run("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789",
        "POST / |0123456789.");
    run("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", "!413");
    run("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
        "POST / |0123456789.");
    run("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n",
        "POST / |01234!413");
}

Test(limits, chunks_cannot_carry_extensions_for_ever)
{
    struct feed feed;
    static const char head[] =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;";

    feed_open(&feed, HTTP_KIND_REQUEST, &small);
    feed_bytes(&feed, head, sizeof head - 1);
    for (int i = 0; i < 120; i++)
        feed_bytes(&feed, "x", 1);
    cr_assert_not(feed.refused);
    feed_bytes(&feed, "x", 1);
    cr_assert(feed.refused);
    cr_assert_eq(feed.parser.status, 431);
    feed_close(&feed);
}

Test(limits, eight_megabytes_of_head_in_single_bytes_take_no_memory)
{
    struct feed feed;

    feed_open(&feed, HTTP_KIND_REQUEST, &http_limits_default);
    feed_bytes(&feed, "GET / HTTP/1.1\r\nHost: ", 22);
    for (uint32_t i = 0; i < 8u << 20 && !feed.refused; i++)
        feed_bytes(&feed, "x", 1);
    cr_assert(feed.refused);
    cr_assert_eq(feed.parser.status, 431);
    cr_assert_leq(feed.parser.kept_text.room_bytes, 32768);
    feed_close(&feed);
}

Test(limits, ten_thousand_pipelined_requests_reuse_the_memory)
{
    struct feed feed;
    static const char data[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    const char *kept = NULL;

    feed_open(&feed, HTTP_KIND_REQUEST, &http_limits_default);
    for (int i = 0; i < 10000; i++) {
        feed.trace_bytes = 0;
        feed_bytes(&feed, data, sizeof data - 1);
        if (i > 0)
            cr_assert_eq(feed.parser.kept_text.data, kept);
        kept = feed.parser.kept_text.data;
    }
    feed_close(&feed);
}

Test(limits, feeding_after_the_end_is_a_bug, .signal = SIGABRT)
{
    struct http_parser parser;
    static const char data[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    const uint8_t *at = (const uint8_t *)data;
    uint32_t used = 0;

    http_parser_init(&parser, HTTP_KIND_REQUEST, &http_limits_default);
    for (;;)
        http_parser_feed(&parser, at, sizeof data - 1, &used);
}
