/* HTTP messages: the same comes out however the bytes were cut, and what the
 * head says stays as it was until the message ends. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/parser.h"

/* The choices: a byte of these, and where to cut in two bytes. */
enum {
    RESPONSE = 1,
    SMALL_LIMITS = 2,
    PEER_ENDS = 4,
    BYTE_BY_BYTE = 8,
};

static const struct http_limits small_limits = {
    .head_bytes_max = 256,
    .header_count_max = 6,
    .target_bytes_max = 32,
    .body_bytes_max = 64,
};

struct outcome {
    struct http_parser parser;
    struct text_builder trace;
    uint32_t head_at; /* in the trace: the head of the open message */
    uint32_t head_bytes;
    bool is_refused;
};

static void trace_text(struct text_builder *trace, struct text text)
{
    text_add_char(trace, text_is_absent(text) ? '-' : '"');
    text_add(trace, text);
}

static void trace_head(struct text_builder *trace, const struct http_head *head)
{
    const struct text texts[] = {
        head->path,        head->query,         head->host,
        head->soap_action, head->authorization, head->retry_after,
        head->media_type,  head->charset,       head->action,
    };
    const uint64_t numbers[] = {
        head->method,         head->expects_continue,
        head->status,         head->content_is_coded,
        head->version_minor,  head->keep_alive,
        head->has_media_type, head->is_chunked,
        head->content_length, head->content_length_known,
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        trace_text(trace, texts[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fuzz_trace(trace, numbers[i]);
}

static void check_head_stays(const struct outcome *outcome)
{
    struct text_builder again = {0};

    trace_head(&again, &outcome->parser.head);
    CHECK(text_equal(text_built(&again),
                     text_from(outcome->trace.data + outcome->head_at,
                               outcome->head_bytes)));
    text_builder_free(&again);
}

static void take_event(struct outcome *outcome, enum http_event event)
{
    struct text_builder *trace = &outcome->trace;

    switch (event) {
    case HTTP_EVENT_MORE:
        return;
    case HTTP_EVENT_HEAD:
        outcome->head_at = trace->size_bytes;
        trace_head(trace, &outcome->parser.head);
        outcome->head_bytes = trace->size_bytes - outcome->head_at;
        return;
    case HTTP_EVENT_BODY:
        CHECK(outcome->parser.body_bytes > 0);
        text_add(trace, text_from((const char *)outcome->parser.body,
                                  outcome->parser.body_bytes));
        return;
    case HTTP_EVENT_END:
        check_head_stays(outcome);
        text_add_string(trace, "<end>");
        http_parser_next(&outcome->parser);
        return;
    case HTTP_EVENT_REFUSED:
        CHECK(outcome->parser.reason != NULL);
        outcome->is_refused = true;
        return;
    }
}

static void feed(struct outcome *outcome, struct text piece)
{
    uint8_t *copy = fuzz_copy(piece.data, piece.size_bytes);
    enum http_event event = HTTP_EVENT_END;
    uint32_t at = 0;

    while (!outcome->is_refused && event != HTTP_EVENT_MORE) {
        uint32_t used;
        if (event == HTTP_EVENT_END && at == piece.size_bytes)
            break;
        event = http_parser_feed(&outcome->parser, copy + at,
                                 piece.size_bytes - at, &used);
        CHECK(used <= piece.size_bytes - at);
        at += used;
        CHECK(event != HTTP_EVENT_MORE || at == piece.size_bytes);
        take_event(outcome, event);
    }
    free(copy);
}

static void run(struct outcome *outcome, uint8_t choices, struct text bytes,
                uint32_t piece_bytes)
{
    *outcome = (struct outcome){0};
    http_parser_init(
        &outcome->parser,
        choices & RESPONSE ? HTTP_KIND_RESPONSE : HTTP_KIND_REQUEST,
        choices & SMALL_LIMITS ? &small_limits : &http_limits_default);
    for (uint32_t at = 0; at < bytes.size_bytes;) {
        uint32_t left = bytes.size_bytes - at;
        uint32_t size = piece_bytes < left ? piece_bytes : left;
        if (at > 0 && (choices & BYTE_BY_BYTE) == 0)
            size = left;
        feed(outcome, text_from(bytes.data + at, size));
        at += size;
    }
    if ((choices & PEER_ENDS) && !outcome->is_refused)
        take_event(outcome, http_parser_finish(&outcome->parser));
}

static void end(struct outcome *outcome)
{
    http_parser_free(&outcome->parser);
    text_builder_free(&outcome->trace);
}

static struct text prefix(const struct text_builder *trace, uint32_t size_bytes)
{
    return text_from(trace->data, size_bytes);
}

/* Two differences are allowed: 414 for 400, which the parser's header names,
 * and how much of a body that is too large came before it was refused. */
static void compare(const struct outcome *whole, const struct outcome *cut)
{
    uint32_t least = whole->trace.size_bytes < cut->trace.size_bytes
                         ? whole->trace.size_bytes
                         : cut->trace.size_bytes;

    CHECK(text_equal(prefix(&whole->trace, least), prefix(&cut->trace, least)));
    CHECK(whole->is_refused == cut->is_refused);
    if (!whole->is_refused || whole->parser.status != 413)
        CHECK(whole->trace.size_bytes == cut->trace.size_bytes);
    if (!whole->is_refused ||
        (whole->parser.status == 414 && cut->parser.status == 400) ||
        (whole->parser.status == 400 && cut->parser.status == 414))
        return;
    CHECK(whole->parser.status == cut->parser.status);
    CHECK(strcmp(whole->parser.reason, cut->parser.reason) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    uint8_t choices = bytes_get_u8(&input);
    uint16_t position = bytes_get_u16(&input);
    struct text bytes = fuzz_rest(&input);
    uint32_t piece_bytes =
        choices & BYTE_BY_BYTE ? 1 : 1 + position % (bytes.size_bytes + 1);
    struct outcome whole;
    struct outcome cut;

    run(&whole, choices & (uint8_t)~BYTE_BY_BYTE, bytes, bytes.size_bytes);
    run(&cut, choices, bytes, piece_bytes);
    compare(&whole, &cut);
    end(&whole);
    end(&cut);
    return 0;
}

void fuzz_seeds(void)
{
    static const struct {
        uint8_t choices;
        const char *text;
    } seeds[] = {
        {0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {BYTE_BY_BYTE,
         "POST /services/soap/Transfer-201210?wsdl HTTP/1.1\r\n"
         "Host: [::1]:40001\r\nContent-Type: application/soap+xml; "
         "charset=\"utf-8\"; action=\"x#y\"\r\nSOAPAction: \"a#b\"\r\n"
         "Authorization: Basic YTpi\r\nContent-Length: 3\r\n"
         "Expect: 100-continue\r\n\r\nabcGET /2 HTTP/1.0\r\n\r\n"},
        {0, "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: v\r\n\r\n"},
        {SMALL_LIMITS, "HEAD /0123456789/0123456789/01234567 HTTP/1.1\r\n"
                       "Host:a\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n\r\n"},
        {0, "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n"},
        {0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
            "Content-Length: 2\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                   "HTTP/1.1 204 No Content\r\n\r\n"},
        {RESPONSE | PEER_ENDS, "HTTP/1.0 503 Busy\r\nRetry-After: 5\r\n"
                               "Content-Encoding: gzip\r\n\r\nuntil the end"},
        {RESPONSE | BYTE_BY_BYTE,
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\n"
         "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"},
    };

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        const uint8_t choices[] = {seeds[i].choices, 0, 9};
        fuzz_seed_string(choices, sizeof choices, seeds[i].text);
    }
}
