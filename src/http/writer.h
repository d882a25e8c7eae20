/* Writes the heads of HTTP/1.1 messages.
 *
 * Knows: the order and form of header fields.
 * Must not know: sockets, clocks; the date is an argument.
 *
 * A value that holds a control character sets `failed` of the builder, so that
 * no text of a peer can begin a new field (response splitting).
 */
#ifndef HTTP_WRITER_H
#define HTTP_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "http/head.h"

/* Absent texts and NULL strings leave their field out. */
struct http_response_head {
    uint16_t status;
    uint8_t version_minor; /* of the request: 0 needs "keep-alive" said */
    bool close;            /* the connection ends with this response */
    const char *date;      /* http_date_format() */
    const char *content_type;
    uint64_t content_length;
    const char *allow;
    uint32_t retry_after_s;   /* 0 = none */
    const char *authenticate; /* WWW-Authenticate */
};

void http_write_response(struct text_builder *builder,
                         const struct http_response_head *head);

/* The sentence of RFC 9110 for a status: "Not Found"; "Status" if unknown. */
const char *http_status_text(uint16_t status);

struct http_request_head {
    enum http_method method;
    bool close;
    struct text path;
    struct text query;
    struct text host;
    struct text content_type;
    struct text soap_action; /* written in quotes; empty is "" */
    struct text authorization;
    struct text webhook_id; /* a signed message has these three */
    struct text webhook_timestamp;
    struct text webhook_signature;
    uint64_t content_length; /* written for POST only */
};

void http_write_request(struct text_builder *builder,
                        const struct http_request_head *head);

#endif
