#include <criterion/criterion.h>
#include <string.h>

#include "feed.h"

/* Rows may hold NULs, so each has its size. */
struct row {
    const char *data;
    size_t size_bytes;
    const char *expected;
};
#define ROW(data, expected)              \
    {                                    \
        data, sizeof(data) - 1, expected \
    }

#define H "Host: h\r\n"

static void run(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        feed_all_ways(HTTP_KIND_REQUEST, &http_limits_default, rows[i].data,
                      rows[i].size_bytes, false, rows[i].expected);
}
#define RUN(rows) run(rows, sizeof rows / sizeof rows[0])

Test(requests, good_ones_are_read)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\r\n" H "\r\n", "GET / |."),
        ROW("HEAD /a?wsdl HTTP/1.1\r\n" H "\r\n", "HEAD /a?wsdl |."),
        ROW("GET /a? HTTP/1.1\r\n" H "\r\n", "GET /a? |."),
        ROW("GET /a?b?c HTTP/1.1\r\n" H "\r\n", "GET /a?b?c |."),
        ROW("\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / |."),
        ROW("GET / HTTP/1.0\r\n\r\n", "GET / close |."),
        ROW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / |."),
        ROW("GET / HTTP/1.1\r\nConnection: close\r\n" H "\r\n",
            "GET / close |."),
        ROW("GET / HTTP/1.1\r\nConnection: TE, close\r\nTE: trailers\r\n" H
            "\r\n",
            "GET / close |."),
        ROW("GET / HTTP/1.1\r\nConnection: Close\r\n" H "\r\n",
            "GET / close |."),
        ROW("POST /x HTTP/1.1\r\n" H "\r\n", "POST /x |."),
        ROW("POST /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "POST /x |."),
        ROW("POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello",
            "POST /x |hello."),
        ROW("POST /x HTTP/1.1\r\n" H "content-LENGTH:5\r\n\r\nhell",
            "POST /x |hell~"),
        ROW("POST /x HTTP/1.1\r\n" H "Content-Length:  5  \r\n\r\nhello",
            "POST /x |hello."),
        ROW("POST /x HTTP/1.1\r\n" H "Content-Length: 010\r\n\r\n0123456789",
            "POST /x |0123456789."),
        ROW("POST /x HTTP/1.1\r\n" H "Expect: 100-Continue\r\n"
            "Content-Length: 1\r\n\r\na",
            "POST /x expects |a."),
        ROW("POST /x HTTP/1.0\r\nExpect: 100-continue\r\n"
            "Content-Length: 1\r\n\r\na",
            "POST /x close |a."),
        ROW("POST /x HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
            "5\r\nhello\r\n0B\r\n, and world\r\n0\r\n\r\n",
            "POST /x |hello, and world."),
        ROW("POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
            "5;a=b;c=\"d\"\r\nhello\r\n0\r\nX: y\r\n\r\n",
            "POST /x |hello."),
        ROW("POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
            "0\r\nHost: b\r\nSOAPAction: c\r\n\r\n",
            "POST /x |."),
        ROW("POST /x HTTP/1.1\r\n" H "Content-Encoding: identity\r\n"
            "Content-Length: 1\r\n\r\na",
            "POST /x |a."),
        ROW("GET http://h:1/a?b HTTP/1.1\r\n" H "\r\n", "GET /a?b |."),
        ROW("GET http://h HTTP/1.1\r\n" H "\r\n", "GET / |."),
        /* Java's client offers HTTP/2 on each of its first requests. */
        ROW("GET /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n" H
            "Upgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n",
            "GET /a |."),
        ROW("POST /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n" H
            "Content-Length: 2\r\nUpgrade: h2c\r\n\r\nhi",
            "POST /a |hi."),
        ROW("GET /%00/..%2f HTTP/1.1\r\n" H "\r\n", "GET /%00/..%2f |."),
    };
    RUN(rows);
}

Test(requests, two_readings_of_the_length_are_refused)
{
#define P "POST /x HTTP/1.1\r\n" H
    static const struct row rows[] = {
        ROW(P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "!400"),
        ROW(P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "!400"),
        ROW(P "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "!400"),
        ROW(P "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "!400"),
        ROW(P "Content-Length: +1\r\n\r\n", "!400"),
        ROW(P "Content-Length: -1\r\n\r\n", "!400"),
        ROW(P "Content-Length: 0x10\r\n\r\n", "!400"),
        ROW(P "Content-Length: 1_0\r\n\r\n", "!400"),
        ROW(P "Content-Length: \r\n\r\n", "!400"),
        ROW(P "Content-Length:\r\n\r\n", "!400"),
        ROW(P "Content-Length: 1,1\r\n\r\n", "!400"),
        ROW(P "Content-Length: 1 1\r\n\r\n", "!400"),
        ROW(P "Content-Length: 9223372036854775808\r\n\r\n", "!400"),
        ROW(P "Content-Length: 18446744073709551617\r\n\r\n", "!400"),
        ROW(P "Transfer-Encoding: ,chunked\r\n\r\n", "!501"),
        ROW(P "Transfer-Encoding: chunked, identity\r\n\r\n", "!400"),
        ROW(P "Transfer-Encoding: gzip, chunked\r\n\r\n", "!501"),
        ROW(P "Transfer-Encoding: xchunked\r\n\r\n", "!501"),
        ROW(P "Transfer-Encoding: identity\r\n\r\n", "!501"),
        ROW(P "Transfer-Encoding:\r\n\r\n", "!400"),
        ROW(P "Transfer-Encoding: chunked\v\r\n\r\n", "!400"),
        ROW(P "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
              "chunked\r\n\r\n",
            "!400"),
        ROW("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "!400"),
    };
    RUN(rows);
}

Test(requests, chunks_are_read_strictly)
{
#define C P "Transfer-Encoding: chunked\r\n\r\n"
    static const struct row rows[] = {
        ROW(C "0x1\r\na\r\n", "POST /x |!400"),
        ROW(C "+1\r\na\r\n", "POST /x |!400"),
        ROW(C "-1\r\na\r\n", "POST /x |!400"),
        ROW(C "1_0\r\na\r\n", "POST /x |!400"),
        ROW(C "\r\na\r\n", "POST /x |!400"),
        ROW(C " 1\r\na\r\n", "POST /x |!400"),
        ROW(C "1 \r\na\r\n", "POST /x |!400"),
        ROW(C "10000000000000000\r\n", "POST /x |!400"),
        ROW(C "0000000000000001\r\na\r\n0000000000000000\r\n\r\n",
            "POST /x |a."),
        ROW(C "00000000000000001\r\na\r\n", "POST /x |!400"),
        ROW(C "1\r\na\r\n0000000000000001\r\nb\r\n0\r\n\r\n",
            "POST /x |ab."),
        ROW(C "1\r\na\r\n00000000000000001\r\nb\r\n", "POST /x |a!400"),
        ROW(C "1\r\na\r\n00000000000000000\r\n\r\n", "POST /x |a!400"),
        ROW(C "1;0000000000000000000000\r\na\r\n0\r\n"
              "0000000000000000000000: b\r\n\r\n",
            "POST /x |a."),
        ROW(C "1;a\rb\r\na\r\n", "POST /x |!400"),
        ROW(C "1\na\r\n", "POST /x |!400"),
        ROW(C "1\r\na\n0\r\n\r\n", "POST /x |a!400"),
        ROW(C "1\r\nab\r\n", "POST /x |a!400"),
        ROW(C "1\r\na0\r\n\r\n", "POST /x |a!400"),
        ROW(C "0\r\nX:", "POST /x |~"),
        ROW(C "0\r\nContent-Length: 9\r\n\r\n", "POST /x |!400"),
        ROW(C "0\r\nX\r\n\r\n", "POST /x |!400"),
        ROW(C "0\r\n\r\nX", "POST /x |.!400"),
        ROW(C "800001\r\n", "POST /x |!413"),
        ROW(C "fffffffffffffff\r\n", "POST /x |!413"),
    };
    RUN(rows);
}

Test(requests, header_fields_are_read_strictly)
{
#define G "GET / HTTP/1.1\r\n" H
    static const struct row rows[] = {
        ROW(G "A: b\rC: d\r\n\r\n", "!400"),
        ROW(G "A: b\r\r\n\r\n", "!400"),
        ROW(G "A: b\nC: d\r\n\r\n", "!400"),
        ROW(G "A: b\n\n", "!400"),
        ROW(G "A: b\0c\r\n\r\n", "!400"),
        ROW(G "A: b\r\n c\r\n\r\n", "!400"),
        ROW(G "A: b\r\n\tc\r\n\r\n", "!400"),
        ROW("GET / HTTP/1.1\r\n A: b\r\n" H "\r\n", "!400"),
        ROW(G "A : b\r\n\r\n", "!400"),
        ROW(G ": b\r\n\r\n", "!400"),
        ROW(G "A(: b\r\n\r\n", "!400"),
        ROW(G "A\xe4: b\r\n\r\n", "!400"),
        ROW(G "A\x80: b\r\n\r\n", "!400"),
        ROW(G "A\r\n\r\n", "!400"),
        ROW(G "A: b\x01\r\n\r\n", "!400"),
        ROW(G "A: b\x7f\r\n\r\n", "!400"),
        ROW(G "A: b\r\n\rX", "!400"),
        ROW(G "Content-Type: text/xml\r\nContent-Type: text/xml\r\n\r\n",
            "!400"),
        ROW(G "A: \xe4\r\nB:\r\nC: \t d\r\n\r\n", "GET / |."),
    };
    RUN(rows);
}

Test(requests, request_lines_are_read_strictly)
{
    static const struct row rows[] = {
        ROW("G@T / HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET /\r\n" H "\r\n", "!505"),
        ROW("GET / HTTP/1.32\r\n" H "\r\n", "!505"),
        ROW("GET / HTTP/4294967295.255\r\n" H "\r\n", "!505"),
        ROW("GET / HTTP/2.0\r\n" H "\r\n", "!505"),
        ROW("GET / HTTP/0.9\r\n" H "\r\n", "!505"),
        ROW("GET / HTTP/1.2\r\n" H "\r\n", "!505"),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505"),
        ROW("GET / HTTQ/1.1\r\n" H "\r\n", "!400"),
        ROW("GET / HTTP/1.1\n" H "\r\n", "!505"),
        ROW("GET / HTTP/1.1\r" H "\r\n", "!400"),
        ROW("GET / HTTP/1.1 \r\n" H "\r\n", "!505"),
        ROW("GET  / HTTP/1.1\r\n" H "\r\n", "GET / |."),
        ROW("GET /a b HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET * HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET h:80 HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET a HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET /#a HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET /\xe4 HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET /\x01 HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET http://a@h/ HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("GET ftp://h/ HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("\x16\x03\x01\x02\x00", "!400"),
        ROW("get / HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("FOO / HTTP/1.1\r\n" H "\r\n", "!400"),
        ROW("M-SEARCH * HTTP/1.1\r\n" H "\r\n", "!405"),
        ROW("M-POST / HTTP/1.1\r\n" H "\r\n", "!405"),
        ROW("PUT / HTTP/1.1\r\n" H "\r\n", "!405"),
        ROW("DELETE / HTTP/1.1\r\n" H "\r\n", "!405"),
        ROW("TRACE / HTTP/1.1\r\n" H "\r\n", "!405"),
        ROW("OPTIONS * HTTP/1.1\r\n" H "\r\n", "!405"),
        ROW("CONNECT h:80 HTTP/1.1\r\n" H "\r\n", "!405"),
    };
    RUN(rows);
}

Test(requests, a_host_is_a_name_or_an_address)
{
#define T "GET / HTTP/1.1\r\n"
    static const struct row rows[] = {
        ROW(T "\r\n", "!400"),
        ROW(T "Host: a\r\nHost: a\r\n\r\n", "!400"),
        ROW("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "!400"),
        ROW(T "Host: \r\n\r\n", "!400"),
        ROW(T "Host: a b\r\n\r\n", "!400"),
        ROW(T "Host: a@b\r\n\r\n", "!400"),
        ROW(T "Host: a/b\r\n\r\n", "!400"),
        ROW(T "Host: <a>\r\n\r\n", "!400"),
        ROW(T "Host: [::1\r\n\r\n", "!400"),
        ROW(T "Host: [::1]a\r\n\r\n", "!400"),
        ROW(T "Host: [1]\r\n\r\n", "!400"),
        ROW(T "Host: ::1\r\n\r\n", "!400"),
        ROW(T "Host: a:65536\r\n\r\n", "!400"),
        ROW(T "Host: a:-1\r\n\r\n", "!400"),
        ROW(T "Host: a:1:2\r\n\r\n", "!400"),
        ROW(T "Host: a:\r\n\r\n", "GET / |."),
        ROW(T "Host: 127.0.0.1:40001\r\n\r\n", "GET / |."),
        ROW(T "Host: [::1]:40001\r\n\r\n", "GET / |."),
        ROW(T "Host: a-b_c.example.\r\n\r\n", "GET / |."),
    };
    RUN(rows);
}

Test(requests, what_is_not_offered_is_refused)
{
    static const struct row rows[] = {
        ROW(P "Expect: a-miracle\r\nContent-Length: 1\r\n\r\n", "!417"),
        ROW(P "Expect:\r\nContent-Length: 1\r\n\r\n", "!417"),
        ROW(P "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", "!415"),
        ROW(P "Content-Length: 8388609\r\n\r\n", "!413"),
        ROW(P "Content-Length: 8388608\r\n\r\n", "POST /x |~"),
    };
    RUN(rows);
}

Test(requests, pipelined_ones_come_one_after_another)
{
    static const struct row rows[] = {
        ROW(G "\r\nGET /b HTTP/1.1\r\n" H "\r\nPOST /x HTTP/1.1\r\n" H
              "Content-Length: 2\r\n\r\nhiGET /c HTTP/1.1\r\n" H "\r\n",
            "GET / |.GET /b |.POST /x |hi.GET /c |."),
        ROW(C "1\r\na\r\n0\r\n\r\nGET /b HTTP/1.1\r\n" H "\r\n",
            "POST /x |a.GET /b |."),
        ROW(G "\r\n\x01", "GET / |.!400"),
    };
    RUN(rows);
}

Test(requests, the_host_of_an_absolute_target_wins)
{
    struct feed feed;
    static const char data[] =
        "GET http://Real:7/a HTTP/1.1\r\nHost: o\r\n\r\n";
    uint32_t used;

    feed_open(&feed, HTTP_KIND_REQUEST, &http_limits_default);
    cr_assert_eq(http_parser_feed(&feed.parser, (const uint8_t *)data,
                                  sizeof data - 1, &used),
                 HTTP_EVENT_HEAD);
    cr_assert(text_is(feed.parser.head.host, "Real:7"));
    feed_close(&feed);
}

Test(requests, the_fields_that_matter_are_kept)
{
    struct feed feed;
    static const char data[] =
        "POST /s HTTP/1.1\r\nUser-Agent: " /* a long name, a long value */
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
        "A-Very-Long-Field-Name-That-Nobody-Keeps: y\r\n"
        "HOST: h.example:40001\r\n"
        "Content-Type: Application/SOAP+xml; charset=\"UTF-8\"; "
        "action=\"urn:a;b\"\r\n"
        "SOAPAction: \"urn:x#y\"\r\n"
        "Authorization: Basic QQ== \r\n"
        "Content-Length: 3\r\n\r\nabc";
    const struct http_head *head = &feed.parser.head;
    uint32_t used;

    feed_open(&feed, HTTP_KIND_REQUEST, &http_limits_default);
    cr_assert_eq(http_parser_feed(&feed.parser, (const uint8_t *)data,
                                  sizeof data - 1, &used),
                 HTTP_EVENT_HEAD);
    cr_expect_eq(head->method, HTTP_METHOD_POST);
    cr_expect(text_is(head->path, "/s"));
    cr_expect(text_is_absent(head->query));
    cr_expect(text_is(head->host, "h.example:40001"));
    cr_expect(head->has_media_type);
    cr_expect(text_is_nocase(head->media_type, "application/soap+xml"));
    cr_expect(text_is(head->charset, "UTF-8"));
    cr_expect(text_is(head->action, "urn:a;b"));
    cr_expect(text_is(head->soap_action, "urn:x#y"));
    cr_expect(text_is(head->authorization, "Basic QQ=="));
    cr_expect(head->content_length_known);
    cr_expect_eq(head->content_length, 3);
    cr_expect_not(head->is_chunked);
    cr_expect_eq(head->version_minor, 1);
    feed_close(&feed);
}
