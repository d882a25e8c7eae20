#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "feed.h"

static void run(const char *data, bool with_end, const char *expected)
{
    feed_all_ways(HTTP_KIND_RESPONSE, &http_limits_default, data, strlen(data),
                  with_end, expected);
}

Test(responses, bodies_end_where_they_end)
{
    run("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, "200 |hi.");
    run("HTTP/1.1 204 No Content\r\n\r\n", false, "204 |.");
    run("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhi\r\n0\r\n\r\n",
        false, "200 |hi.");
    run("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
        "200 close |hi.");
    run("HTTP/1.1 200 OK\r\n\r\nhi", true, "200 close |hi.");
    run("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "200 |.");
    run("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n"
        "Content-Length: 0\r\n\r\n",
        false, "302 |.");
}

Test(responses, continue_comes_before_the_answer)
{
    run("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
        "Content-Length: 0\r\n\r\n",
        false, "100 |.200 |.");
}

/* What follows is no chunk, however it looks. */
Test(responses, some_have_no_body_whatever_they_say)
{
    static const char *const statuses[] = {"100 Continue", "204 No Content",
                                           "304 Not Modified"};
    char data[256];
    char want[16];

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        snprintf(data, sizeof data,
                 "HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "cccccccccccccccccccc",
                 statuses[i]);
        snprintf(want, sizeof want, "%.3s |.!400", statuses[i]);
        run(data, false, want);
    }
}

Test(responses, an_early_end_is_noticed)
{
    run("", true, "");
    run("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", true, "200 |h!400");
    run("HTTP/1.1 200 OK\r\nContent-Le", true, "!400");
    run("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        true, "200 |hi!400");
}

Test(responses, nonsense_is_refused)
{
    run("SSH-2.0-OpenSSH\r\n", false, "!400");
    run("HTTP/2.0 200 OK\r\n\r\n", false, "!505");
    run("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        false, "!400");
    run("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", false, "!400");
    run("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", false, "!400");
    run("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        false, "!400");
}

Test(responses, retry_after_and_codings_are_kept)
{
    struct feed feed;
    static const char data[] =
        "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Encoding: gzip\r\n"
        "Content-Type: text/html\r\nContent-Length: 0\r\n\r\n";
    uint32_t used;

    feed_open(&feed, HTTP_KIND_RESPONSE, &http_limits_default);
    cr_assert_eq(http_parser_feed(&feed.parser, (const uint8_t *)data,
                                  sizeof data - 1, &used),
                 HTTP_EVENT_HEAD);
    cr_assert_eq(feed.parser.head.status, 503);
    cr_assert(text_is(feed.parser.head.retry_after, "17"));
    cr_assert(text_is(feed.parser.head.media_type, "text/html"));
    cr_assert(feed.parser.head.content_is_coded);
    feed_close(&feed);
}
