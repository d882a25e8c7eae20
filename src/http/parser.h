/* Reads HTTP/1.0 and HTTP/1.1 messages from bytes as they arrive.
 *
 * Knows: llhttp, and the rules that it leaves to its caller.
 * Must not know: sockets, time, SOAP.
 *
 * The caller feeds bytes and is handed one event after another:
 *
 *   MORE ... HEAD, BODY ..., END     then http_parser_next() and so on
 *        \________________________-> REFUSED, which is final
 *
 * What was not used belongs to the caller: after END it is the beginning of
 * the next (pipelined) message.  How the bytes were cut does not change what
 * comes out, save where a body is cut into pieces, and which of two reasons is
 * told for a target that is both too long and ill-formed.
 *
 * REFUSED names the status to answer with; the connection cannot be used
 * further, since where the next message begins is no longer certain:
 *
 *   400 not HTTP, or dangerous HTTP     405 a method we do not have
 *   413 body too large                  414 target too long
 *   415 a Content-Encoding              417 an Expect other than 100-continue
 *   431 head too large                  500 no memory
 *   501 a Transfer-Encoding             505 a version other than 1.0 and 1.1
 *       other than chunked
 *
 * Of a response, REFUSED only says that it is none: its status is to be
 * ignored, its reason is not.
 *
 * Source: RFC 9112; "strict" here means that nothing is accepted of which two
 * readers could disagree where it ends (request smuggling).
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "http/head.h"

enum http_kind {
    HTTP_KIND_REQUEST,
    HTTP_KIND_RESPONSE,
};

enum http_event {
    HTTP_EVENT_MORE,    /* all bytes were used, more are needed */
    HTTP_EVENT_HEAD,    /* `head` is filled in */
    HTTP_EVENT_BODY,    /* `body` and `body_bytes` are a piece of the body */
    HTTP_EVENT_END,     /* the message is complete */
    HTTP_EVENT_REFUSED, /* `status` and `reason` say why */
};

struct http_limits {
    uint32_t head_bytes_max; /* from the first byte to the empty line; once
                              * more for what chunks add to the body */
    uint32_t header_count_max;
    uint32_t target_bytes_max;
    uint64_t body_bytes_max;
};

/* The limits of limits.h. */
extern const struct http_limits http_limits_default;

/* Room for an llhttp_t, which only parser.c may know; asserted there. */
#define HTTP_MACHINE_WORDS 16

/* Fields whose values are kept; the table is in parser.c. */
#define HTTP_KEPT_COUNT 9

/* The longest name of a field that is kept: transfer-encoding. */
#define HTTP_KEPT_NAME_BYTES 17

struct http_kept {
    uint32_t start;      /* in `kept_text` */
    uint32_t size_bytes; /* valid when `seen` */
    bool seen;
};

struct http_parser {
    /* To be read after the event that fills them in. */
    struct http_head head;
    const uint8_t *body; /* borrowed from the bytes that were fed */
    uint32_t body_bytes;
    uint16_t status;
    const char *reason; /* a sentence without the peer's bytes; static */

    /* Private. */
    uint64_t machine[HTTP_MACHINE_WORDS];
    const struct http_limits *limits; /* borrowed */
    enum http_kind kind;
    enum http_event event;         /* found while llhttp runs */
    struct text_builder kept_text; /* target and kept values; owned */
    struct http_kept kept[HTTP_KEPT_COUNT];
    char name[HTTP_KEPT_NAME_BYTES]; /* of the field being read */
    uint32_t name_bytes;
    int8_t kept_index; /* of that field; -1 = not kept */
    uint32_t target_bytes;
    uint32_t header_count;
    uint32_t head_bytes;
    uint8_t last_byte;      /* of those */
    uint64_t content_bytes; /* of the body, so far */
    uint32_t extra_bytes;   /* of chunk extensions and trailers, so far */
    bool head_done;
    bool in_chunk_size; /* digits may come */
    bool is_last_chunk;
    uint32_t size_digits; /* of a chunk's size, so far */
};

/* Starts reading the first message.  `limits` must outlive the parser.
 * Memory is taken when the first byte comes. */
void http_parser_init(struct http_parser *parser, enum http_kind kind,
                      const struct http_limits *limits);

/* Reads from `data` up to the next event and sets `*used_bytes`.  After HEAD
 * and BODY call it again, also with nothing left: the next event may be due
 * without further bytes.  Not to be called after END or REFUSED. */
enum http_event http_parser_feed(struct http_parser *parser,
                                 const uint8_t *data, uint32_t size_bytes,
                                 uint32_t *used_bytes);

/* Tells that the peer will send no more: END when that completes a response
 * whose body had no other end, MORE when no message was begun, else REFUSED.
 * Only after MORE. */
enum http_event http_parser_finish(struct http_parser *parser);

/* Goes on to the next message, after END.  Memory is kept. */
void http_parser_next(struct http_parser *parser);

/* True until the first byte of a message. */
bool http_parser_is_idle(const struct http_parser *parser);

/* Gives the memory back; the parser can be used for the next message.  Only
 * while it is idle, or to end its use. */
void http_parser_free(struct http_parser *parser);

#endif
