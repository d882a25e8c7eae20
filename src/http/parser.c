#include "http/parser.h"

#include <ctype.h>
#include <llhttp.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "http/parser_private.h"

_Static_assert(sizeof(llhttp_t) <= HTTP_MACHINE_WORDS * sizeof(uint64_t),
               "llhttp_t has grown");

const struct http_limits http_limits_default = {
    .head_bytes_max = LIMIT_HTTP_HEADER_BYTES,
    .header_count_max = LIMIT_HTTP_HEADER_COUNT,
    .target_bytes_max = LIMIT_HTTP_TARGET_BYTES,
    .body_bytes_max = LIMIT_HTTP_BODY_BYTES,
};

static const char *const kept_names[HTTP_KEPT_COUNT] = {
    [KEPT_HOST] = "host",
    [KEPT_CONTENT_TYPE] = "content-type",
    [KEPT_CONTENT_LENGTH] = "content-length",
    [KEPT_CONTENT_ENCODING] = "content-encoding",
    [KEPT_TRANSFER_ENCODING] = "transfer-encoding",
    [KEPT_SOAP_ACTION] = "soapaction",
    [KEPT_AUTHORIZATION] = "authorization",
    [KEPT_EXPECT] = "expect",
    [KEPT_RETRY_AFTER] = "retry-after",
};

/* Of 64 bits, which is what HTTP's readers count in. */
#define CHUNK_DIGITS_MAX 16

static llhttp_t *machine_of(struct http_parser *parser)
{
    return (llhttp_t *)(void *)parser->machine;
}

static struct http_parser *parser_of(llhttp_t *machine)
{
    return machine->data;
}

/* ---- what llhttp calls ---- */

static int on_url(llhttp_t *machine, const char *at, size_t size_bytes)
{
    struct http_parser *parser = parser_of(machine);

    if (size_bytes > parser->limits->target_bytes_max - parser->target_bytes)
        return http_parser_refuse(parser, 414,
                                  "The request target is too long.");
    text_add(&parser->kept_text, text_from(at, size_bytes));
    parser->target_bytes += (uint32_t)size_bytes;
    return 0;
}

/* Chunk extensions and trailers mean nothing to us, so their only limit is
 * that nobody may send them for ever. */
static int on_extra(llhttp_t *machine, const char *at, size_t size_bytes)
{
    struct http_parser *parser = parser_of(machine);

    (void)at;
    if (size_bytes > parser->limits->head_bytes_max - parser->extra_bytes)
        return http_parser_refuse(parser, 431,
                                  "The chunks carry too much besides data.");
    parser->extra_bytes += (uint32_t)size_bytes;
    return 0;
}

static int on_header_field(llhttp_t *machine, const char *at, size_t size_bytes)
{
    struct http_parser *parser = parser_of(machine);

    if (parser->head_done)
        return on_extra(machine, at, size_bytes);

    /* A longer name is none that is kept; one byte too many is remembered. */
    if (size_bytes > sizeof parser->name - parser->name_bytes)
        parser->name_bytes = sizeof parser->name + 1;
    if (parser->name_bytes <= sizeof parser->name) {
        memcpy(parser->name + parser->name_bytes, at, size_bytes);
        parser->name_bytes += (uint32_t)size_bytes;
    }
    return 0;
}

static int8_t find_kept(const struct http_parser *parser)
{
    struct text name = {parser->name, parser->name_bytes};

    if (parser->name_bytes > sizeof parser->name)
        return -1;
    for (int8_t i = 0; i < HTTP_KEPT_COUNT; i++)
        if (text_is_nocase(name, kept_names[i]))
            return i;
    return -1;
}

static int on_header_field_complete(llhttp_t *machine)
{
    struct http_parser *parser = parser_of(machine);

    if (++parser->header_count > parser->limits->header_count_max)
        return http_parser_refuse(parser, 431,
                                  "There are too many header fields.");

    parser->kept_index = parser->head_done ? -1 : find_kept(parser);
    parser->name_bytes = 0;
    if (parser->kept_index < 0)
        return 0;

    struct http_kept *kept = &parser->kept[parser->kept_index];
    if (kept->seen)
        return http_parser_refuse(parser, 400,
                                  "A header field is there twice.");
    *kept =
        (struct http_kept){.start = parser->kept_text.size_bytes, .seen = true};
    return 0;
}

static int on_header_value(llhttp_t *machine, const char *at, size_t size_bytes)
{
    struct http_parser *parser = parser_of(machine);

    if (parser->head_done)
        return on_extra(machine, at, size_bytes);
    if (parser->kept_index >= 0)
        text_add(&parser->kept_text, text_from(at, size_bytes));
    return 0;
}

static int on_header_value_complete(llhttp_t *machine)
{
    struct http_parser *parser = parser_of(machine);

    if (parser->head_done || parser->kept_index < 0)
        return 0;
    struct http_kept *kept = &parser->kept[parser->kept_index];
    kept->size_bytes = parser->kept_text.size_bytes - kept->start;
    parser->kept_index = -1;
    return 0;
}

/* RFC 9112, section 6.3: whatever these responses say. */
static bool has_body(const llhttp_t *machine)
{
    return machine->type == HTTP_REQUEST ||
           (machine->status_code >= 200 && machine->status_code != 204 &&
            machine->status_code != 304);
}

static int on_headers_complete(llhttp_t *machine)
{
    struct http_parser *parser = parser_of(machine);
    int refused;

    if (parser->kept_text.failed)
        refused =
            http_parser_refuse(parser, 500, "There is no memory for the head.");
    else if (parser->kind == HTTP_KIND_REQUEST)
        refused = http_head_check_request(parser, machine);
    else
        refused = http_head_check_response(parser, machine);
    if (refused != 0)
        return -1; /* a value above 0 would mean something else here */

    parser->head.keep_alive = llhttp_should_keep_alive(machine) != 0;
    parser->head_done = true;
    parser->in_chunk_size = parser->head.is_chunked && has_body(machine);
    parser->event = HTTP_EVENT_HEAD;
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *machine)
{
    struct http_parser *parser = parser_of(machine);

    if (machine->content_length >
        parser->limits->body_bytes_max - parser->content_bytes) {
        http_parser_refuse(parser, 413, "The body is too large.");
        return -1;
    }
    parser->is_last_chunk = machine->content_length == 0;
    return 0;
}

/* Stops there, so that the next size is at the beginning of what llhttp is
 * given next. */
static int on_chunk_complete(llhttp_t *machine)
{
    struct http_parser *parser = parser_of(machine);

    if (parser->is_last_chunk)
        return 0;
    parser->in_chunk_size = true;
    parser->size_digits = 0;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *machine, const char *at, size_t size_bytes)
{
    struct http_parser *parser = parser_of(machine);

    if (size_bytes == 0)
        return 0;
    if (size_bytes > parser->limits->body_bytes_max - parser->content_bytes)
        return http_parser_refuse(parser, 413, "The body is too large.");
    parser->content_bytes += size_bytes;
    parser->body = (const uint8_t *)at;
    parser->body_bytes = (uint32_t)size_bytes;
    parser->event = HTTP_EVENT_BODY;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *machine)
{
    parser_of(machine)->event = HTTP_EVENT_END;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_chunk_extension_name = on_extra,
    .on_chunk_extension_value = on_extra,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- what our callers call ---- */

/* llhttp gives up at the first byte that no method it knows goes on with.  Of
 * the methods it does not know one was meant for SOAP: M-POST (SOAP 1.1,
 * section 6, with RFC 2774), and llhttp's only other "M-" is M-SEARCH. */
static bool is_m_post(uint8_t before, const char *bad)
{
    return before == '-' && bad != NULL && *bad == 'P';
}

/* Says in our words what llhttp did not like; `bad` is the byte it was at, or
 * NULL when that is not known. */
static void refuse_for(struct http_parser *parser, llhttp_errno_t error,
                       const char *bad)
{
    switch ((int)error) { /* of some forty values, those that differ */
    case HPE_INVALID_METHOD:
        if (is_m_post(parser->last_byte, bad))
            http_parser_refuse(parser, 405, "The method is not supported.");
        else
            http_parser_refuse(parser, 400, "This is not an HTTP request.");
        break;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        http_parser_refuse(parser, 505,
                           "Only HTTP/1.0 and HTTP/1.1 are spoken.");
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
        http_parser_refuse(parser, 400,
                           "The Content-Length is wrong or is there twice.");
        break;
    case HPE_INVALID_TRANSFER_ENCODING:
        http_parser_refuse(parser, 400,
                           "The Transfer-Encoding is not chunked.");
        break;
    case HPE_INVALID_CHUNK_SIZE:
        http_parser_refuse(parser, 400, "A chunk is not well formed.");
        break;
    case HPE_INVALID_EOF_STATE:
        http_parser_refuse(parser, 400, "The message ends before its end.");
        break;
    default:
        http_parser_refuse(parser, 400, "The message is not well formed HTTP.");
        break;
    }
}

/* llhttp tells nothing of the digits of a chunk's size, and takes leading zeros
 * without an end: other readers stop at some number of digits. */
static bool chunk_size_fits(struct http_parser *parser, const uint8_t *data,
                            uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes && parser->in_chunk_size; i++) {
        parser->in_chunk_size = isxdigit(data[i]) != 0;
        if (parser->in_chunk_size && ++parser->size_digits > CHUNK_DIGITS_MAX)
            return false;
    }
    return true;
}

/* Runs llhttp up to an event, an error or the end; returns how far it came. */
static const char *run_machine(struct http_parser *parser, const char *start,
                               const char *end, llhttp_errno_t *error)
{
    llhttp_t *machine = machine_of(parser);

    for (;;) {
        if (!chunk_size_fits(parser, (const uint8_t *)start,
                             (uint32_t)(end - start))) {
            *error = HPE_INVALID_CHUNK_SIZE;
            return start;
        }
        llhttp_resume(machine);
        *error = llhttp_execute(machine, start, (size_t)(end - start));
        if (*error == HPE_OK)
            return end;
        start = llhttp_get_error_pos(machine);
        if (*error != HPE_PAUSED || parser->event != HTTP_EVENT_MORE)
            return start;
    }
}

enum http_event http_parser_feed(struct http_parser *parser,
                                 const uint8_t *data, uint32_t size_bytes,
                                 uint32_t *used_bytes)
{
    uint32_t head_room = parser->limits->head_bytes_max - parser->head_bytes;

    CHECK(parser->event != HTTP_EVENT_END);
    CHECK(parser->event != HTTP_EVENT_REFUSED);
    /* Not beyond the limit, so that where it is met does not depend on how
     * the bytes were cut. */
    if (!parser->head_done && size_bytes > head_room)
        size_bytes = head_room;

    parser->event = HTTP_EVENT_MORE;
    bool in_head = !parser->head_done;
    const char *start = (const char *)data;
    llhttp_errno_t error;
    const char *stop = run_machine(parser, start, start + size_bytes, &error);
    *used_bytes = (uint32_t)(stop - start);

    CHECK(*used_bytes <= size_bytes);
    if (in_head && *used_bytes > 0) {
        parser->head_bytes += *used_bytes;
        parser->last_byte = data[*used_bytes - 1];
    }
    if (error != HPE_OK && error != HPE_PAUSED)
        refuse_for(parser, error, *used_bytes < size_bytes ? stop : NULL);
    else if (!parser->head_done &&
             parser->head_bytes == parser->limits->head_bytes_max)
        http_parser_refuse(parser, 431, "The header fields are too large.");
    return parser->event;
}

enum http_event http_parser_finish(struct http_parser *parser)
{
    CHECK(parser->event == HTTP_EVENT_MORE);

    if (http_parser_is_idle(parser))
        return HTTP_EVENT_MORE;
    llhttp_errno_t error = llhttp_finish(machine_of(parser));
    if (parser->event != HTTP_EVENT_END)
        refuse_for(parser, error == HPE_OK ? HPE_INVALID_EOF_STATE : error,
                   NULL);
    return parser->event;
}

static void start(struct http_parser *parser)
{
    llhttp_t *machine = machine_of(parser);

    llhttp_init(machine,
                parser->kind == HTTP_KIND_REQUEST ? HTTP_REQUEST
                                                  : HTTP_RESPONSE,
                &settings);
    machine->data = parser;
    parser->event = HTTP_EVENT_MORE;
    parser->kept_index = -1;
}

void http_parser_init(struct http_parser *parser, enum http_kind kind,
                      const struct http_limits *limits)
{
    CHECK(limits->head_bytes_max > 0);

    *parser = (struct http_parser){.limits = limits, .kind = kind};
    start(parser);
}

void http_parser_next(struct http_parser *parser)
{
    CHECK(parser->event == HTTP_EVENT_END);

    struct text_builder kept_text = parser->kept_text;
    http_parser_init(parser, parser->kind, parser->limits);
    parser->kept_text = kept_text;
    text_builder_reset(&parser->kept_text);
}

bool http_parser_is_idle(const struct http_parser *parser)
{
    return parser->head_bytes == 0;
}

void http_parser_free(struct http_parser *parser)
{
    text_builder_free(&parser->kept_text);
}
