#include "http/writer.h"

#include <criterion/criterion.h>

Test(writer, a_response_says_what_it_must)
{
    struct text_builder out = {0};
    struct http_response_head head = {
        .status = 405,
        .version_minor = 1,
        .close = true,
        .date = "D",
        .content_type = "text/plain",
        .content_length = 12,
        .allow = "POST",
        .retry_after_s = 3,
    };

    http_write_response(&out, &head);
    cr_assert(text_is(text_built(&out),
                      "HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\n"
                      "Content-Type: text/plain\r\nContent-Length: 12\r\n"
                      "Allow: POST\r\nRetry-After: 3\r\n"
                      "Connection: close\r\n\r\n"),
              "%s", out.data);
    text_builder_free(&out);
}

Test(writer, keep_alive_is_said_to_old_clients_only)
{
    struct text_builder out = {0};
    struct http_response_head head = {.status = 200, .version_minor = 0};

    http_write_response(&out, &head);
    cr_assert(text_is(text_built(&out),
                      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                      "Connection: keep-alive\r\n\r\n"));
    text_builder_reset(&out);
    head.version_minor = 1;
    head.status = 204;
    http_write_response(&out, &head);
    cr_assert(text_is(text_built(&out), "HTTP/1.1 204 No Content\r\n\r\n"));
    text_builder_free(&out);
}

Test(writer, a_request_says_what_it_must)
{
    struct text_builder out = {0};
    struct http_request_head head = {
        .method = HTTP_METHOD_POST,
        .path = text_of("/a"),
        .query = text_of("b"),
        .host = text_of("h:1"),
        .content_type = text_of("text/xml"),
        .soap_action = text_of(""),
        .content_length = 0,
    };

    http_write_request(&out, &head);
    cr_assert(text_is(text_built(&out),
                      "POST /a?b HTTP/1.1\r\nHost: h:1\r\n"
                      "User-Agent: ferry\r\nAccept-Encoding: identity\r\n"
                      "Content-Type: text/xml\r\nSOAPAction: \"\"\r\n"
                      "Content-Length: 0\r\n\r\n"),
              "%s", out.data);
    text_builder_free(&out);
}

Test(writer, no_value_can_begin_a_new_field)
{
    static const char *const bad[] = {"a\r\nX: y", "a\nb", "a\x7f", "a\"b"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text_builder out = {0};
        struct http_request_head head = {
            .method = HTTP_METHOD_POST,
            .path = text_of("/"),
            .host = text_of("h"),
            .soap_action = text_of(bad[i]),
        };
        http_write_request(&out, &head);
        cr_expect(out.failed, "%s", bad[i]);
        text_builder_free(&out);
    }

    struct text_builder out = {0};
    struct http_request_head head = {
        .method = HTTP_METHOD_GET,
        .path = text_of("/a b"),
        .host = text_of("h"),
    };
    http_write_request(&out, &head);
    cr_expect(out.failed);
    text_builder_free(&out);
}
