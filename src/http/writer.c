#include "http/writer.h"

#include <string.h>

#include "base/check.h"

static const struct {
    uint16_t status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_text(uint16_t status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "Status";
}

static void add_value(struct text_builder *builder, struct text value)
{
    for (uint32_t i = 0; i < value.size_bytes; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            builder->failed = true;
    }
    text_add(builder, value);
}

/* Writes "Name: value" unless the value is absent. */
static void add_field(struct text_builder *builder, const char *name,
                      struct text value)
{
    if (text_is_absent(value))
        return;
    text_add_string(builder, name);
    add_value(builder, value);
    text_add_string(builder, "\r\n");
}

/* SOAP 1.1, section 6.1.1: the value is a URI in quotes, which may be empty. */
static void add_soap_action(struct text_builder *builder, struct text action)
{
    if (text_is_absent(action))
        return;
    if (action.size_bytes > 0 &&
        memchr(action.data, '"', action.size_bytes) != NULL)
        builder->failed = true; /* it would end the quotes */
    text_add_string(builder, "SOAPAction: \"");
    add_value(builder, action);
    text_add_string(builder, "\"\r\n");
}

static void add_number(struct text_builder *builder, const char *name,
                       uint64_t value)
{
    text_add_string(builder, name);
    text_add_u64(builder, value);
    text_add_string(builder, "\r\n");
}

void http_write_response(struct text_builder *builder,
                         const struct http_response_head *head)
{
    CHECK(head->status >= 100);
    CHECK(head->status <= 599);

    text_add_string(builder, "HTTP/1.1 ");
    text_add_u64(builder, head->status);
    text_add_char(builder, ' ');
    text_add_string(builder, http_status_text(head->status));
    text_add_string(builder, "\r\n");
    add_field(builder, "Date: ", text_of(head->date));
    add_field(builder, "Content-Type: ", text_of(head->content_type));
    /* RFC 9110, section 8.6: none in a response with status 1xx or 204. */
    if (head->status >= 200 && head->status != 204)
        add_number(builder, "Content-Length: ", head->content_length);
    add_field(builder, "Allow: ", text_of(head->allow));
    add_field(builder, "WWW-Authenticate: ", text_of(head->authenticate));
    if (head->retry_after_s != 0)
        add_number(builder, "Retry-After: ", head->retry_after_s);
    if (head->close)
        text_add_string(builder, "Connection: close\r\n");
    else if (head->version_minor == 0)
        text_add_string(builder, "Connection: keep-alive\r\n");
    text_add_string(builder, "\r\n");
}

static const char *method_text(enum http_method method)
{
    switch (method) {
    case HTTP_METHOD_GET:
        return "GET ";
    case HTTP_METHOD_HEAD:
        return "HEAD ";
    case HTTP_METHOD_POST:
        return "POST ";
    }
    NEVER("a method outside its enum");
}

/* A space or a control would end the request line early. */
static void add_target(struct text_builder *builder, struct text text)
{
    for (uint32_t i = 0; i < text.size_bytes; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            builder->failed = true;
    text_add(builder, text);
}

void http_write_request(struct text_builder *builder,
                        const struct http_request_head *head)
{
    text_add_string(builder, method_text(head->method));
    add_target(builder, head->path);
    if (!text_is_absent(head->query)) {
        text_add_char(builder, '?');
        add_target(builder, head->query);
    }
    text_add_string(builder, " HTTP/1.1\r\n");
    add_field(builder, "Host: ", head->host);
    text_add_string(builder, "User-Agent: ferry\r\n"
                             "Accept-Encoding: identity\r\n");
    add_field(builder, "Content-Type: ", head->content_type);
    add_soap_action(builder, head->soap_action);
    add_field(builder, "Authorization: ", head->authorization);
    add_field(builder, "webhook-id: ", head->webhook_id);
    add_field(builder, "webhook-timestamp: ", head->webhook_timestamp);
    add_field(builder, "webhook-signature: ", head->webhook_signature);
    if (head->method == HTTP_METHOD_POST)
        add_number(builder, "Content-Length: ", head->content_length);
    if (head->close)
        text_add_string(builder, "Connection: close\r\n");
    text_add_string(builder, "\r\n");
}
