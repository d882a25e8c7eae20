#include "http/head.h"

#include <string.h>

#include "http/fields.h"
#include "http/parser_private.h"
#include "http/url.h"

int http_parser_refuse(struct http_parser *parser, uint16_t status,
                       const char *reason)
{
    if (parser->event != HTTP_EVENT_REFUSED) {
        parser->event = HTTP_EVENT_REFUSED;
        parser->status = status;
        parser->reason = reason;
    }
    return HPE_USER;
}

/* The value of a field, trimmed; absent when it was not sent. */
static struct text kept_value(const struct http_parser *parser, enum kept field)
{
    const struct http_kept *kept = &parser->kept[field];

    if (!kept->seen)
        return TEXT_ABSENT;
    if (kept->size_bytes == 0)
        return text_of("");
    return text_trim(
        (struct text){parser->kept_text.data + kept->start, kept->size_bytes});
}

static int check_version(struct http_parser *parser, const llhttp_t *machine)
{
    if (machine->http_major != 1 || machine->http_minor > 1)
        return http_parser_refuse(parser, 505,
                                  "Only HTTP/1.0 and HTTP/1.1 are spoken.");
    parser->head.version_minor = machine->http_minor;
    return 0;
}

/* Where does the body end?  llhttp refuses most of what is ambiguous; this is
 * the rest.  RFC 9112, section 6.1: "A server or client that receives an
 * HTTP/1.0 message containing a Transfer-Encoding header field MUST treat the
 * message as if the framing is faulty". */
static int check_framing(struct http_parser *parser, const llhttp_t *machine)
{
    struct http_head *head = &parser->head;
    struct text encoding = kept_value(parser, KEPT_TRANSFER_ENCODING);
    struct text length = kept_value(parser, KEPT_CONTENT_LENGTH);

    if (!text_is_absent(encoding)) {
        if (head->version_minor == 0)
            return http_parser_refuse(parser, 400,
                                      "HTTP/1.0 has no Transfer-Encoding.");
        if (!text_is_absent(length))
            return http_parser_refuse(parser, 400,
                                      "There is a Content-Length and a "
                                      "Transfer-Encoding.");
        if (!text_is_nocase(encoding, "chunked") ||
            !(machine->flags & F_CHUNKED))
            return http_parser_refuse(parser, 501,
                                      "Only chunked bodies are understood.");
        head->is_chunked = true;
    }
    if (!text_is_absent(length)) {
        if (!text_to_u64(length, INT64_MAX, &head->content_length))
            return http_parser_refuse(parser, 400,
                                      "The Content-Length is no number.");
        if (head->content_length > parser->limits->body_bytes_max)
            return http_parser_refuse(parser, 413, "The body is too large.");
        head->content_length_known = true;
    }
    return 0;
}

static int check_content(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    struct text encoding = kept_value(parser, KEPT_CONTENT_ENCODING);
    struct text type = kept_value(parser, KEPT_CONTENT_TYPE);

    head->content_is_coded = !text_is_absent(encoding) &&
                             encoding.size_bytes > 0 &&
                             !text_is_nocase(encoding, "identity");
    if (!text_is_absent(type)) {
        struct http_content_type parts = http_content_type_parse(type);
        head->has_media_type = true;
        head->media_type = parts.media_type;
        head->charset = parts.charset;
        head->action = parts.action;
    }
    return 0;
}

static int check_method(struct http_parser *parser, const llhttp_t *machine)
{
    switch (machine->method) {
    case HTTP_GET:
        parser->head.method = HTTP_METHOD_GET;
        return 0;
    case HTTP_HEAD:
        parser->head.method = HTTP_METHOD_HEAD;
        return 0;
    case HTTP_POST:
        parser->head.method = HTTP_METHOD_POST;
        return 0;
    default: /* llhttp knows some forty; we have three */
        return http_parser_refuse(parser, 405, "The method is not supported.");
    }
}

/* Both "/path?query" and the absolute form, which RFC 9112, section 3.2.2,
 * says a server must accept: then its host counts, not that of the field. */
static int check_target(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    struct text target = {parser->kept_text.data, parser->target_bytes};
    struct http_url url;

    for (uint32_t i = 0; i < target.size_bytes; i++)
        if (target.data[i] <= ' ' || target.data[i] > '~' ||
            target.data[i] == '#')
            return http_parser_refuse(
                parser, 400, "The request target holds a wrong character.");

    if (target.size_bytes > 0 && target.data[0] == '/') {
        const char *mark = memchr(target.data, '?', target.size_bytes);
        uint32_t path_bytes =
            mark ? (uint32_t)(mark - target.data) : target.size_bytes;
        head->path = (struct text){target.data, path_bytes};
        if (mark != NULL)
            head->query =
                (struct text){mark + 1, target.size_bytes - path_bytes - 1};
        return 0;
    }
    if (http_url_parse(target, &url) != HTTP_URL_GOOD)
        return http_parser_refuse(parser, 400,
                                  "The request target is not a path.");
    head->path = url.path;
    head->query = url.query;
    head->host = url.authority;
    return 0;
}

/* RFC 9112, section 3.2: "A server MUST respond with a 400 (Bad Request)
 * status code to any HTTP/1.1 request message that lacks a Host header field
 * and to any request message that contains more than one Host header field
 * line or a Host header field with an invalid field value." */
static int check_host(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    struct text field = kept_value(parser, KEPT_HOST);
    struct text host;
    uint16_t port;

    if (text_is_absent(field)) {
        if (head->version_minor >= 1)
            return http_parser_refuse(parser, 400, "There is no Host field.");
        return 0;
    }
    if (!http_host_parse(field, &host, &port))
        return http_parser_refuse(parser, 400, "The Host field is not valid.");
    if (text_is_absent(head->host))
        head->host = field;
    return 0;
}

static int check_expect(struct http_parser *parser)
{
    struct text expect = kept_value(parser, KEPT_EXPECT);

    /* RFC 9110, section 10.1.1: a server "MUST ignore" a 100-continue in
     * HTTP/1.0. */
    if (text_is_absent(expect) || parser->head.version_minor == 0)
        return 0;
    if (!text_is_nocase(expect, "100-continue"))
        return http_parser_refuse(parser, 417,
                                  "Only 100-continue can be expected.");
    parser->head.expects_continue = true;
    return 0;
}

int http_head_check_request(struct http_parser *parser, llhttp_t *machine)
{
    struct http_head *head = &parser->head;
    int ret;

    if ((ret = check_version(parser, machine)) != 0 ||
        (ret = check_method(parser, machine)) != 0 ||
        (ret = check_framing(parser, machine)) != 0 ||
        (ret = check_target(parser)) != 0 || (ret = check_host(parser)) != 0 ||
        (ret = check_expect(parser)) != 0 || (ret = check_content(parser)) != 0)
        return ret;
    if (head->content_is_coded)
        return http_parser_refuse(parser, 415,
                                  "A Content-Encoding is not understood.");

    head->soap_action = http_unquote(kept_value(parser, KEPT_SOAP_ACTION));
    head->authorization = kept_value(parser, KEPT_AUTHORIZATION);
    /* "Upgrade: h2c" is an offer (Java's client makes it), and the answer is
     * to ignore it: RFC 9110, section 7.8. */
    machine->upgrade = 0;
    return 0;
}

int http_head_check_response(struct http_parser *parser,
                             const llhttp_t *machine)
{
    int ret;

    if ((ret = check_version(parser, machine)) != 0 ||
        (ret = check_framing(parser, machine)) != 0 ||
        (ret = check_content(parser)) != 0)
        return ret;
    if (machine->status_code < 100 || machine->status_code == 101 ||
        machine->status_code > 599)
        return http_parser_refuse(parser, 400,
                                  "The status is none that was asked for.");
    parser->head.status = machine->status_code;
    parser->head.retry_after = kept_value(parser, KEPT_RETRY_AFTER);
    return 0;
}
