/* What the head of an HTTP message says, once it has been read and checked.
 *
 * Knows: the fields that some part of this program acts upon; no others are
 * kept.
 * Must not know: sockets, SOAP, which paths exist.
 *
 * All texts borrow from the parser that filled the head in; they are valid
 * until it goes on to its next message.
 *
 * Source: RFC 9110 (HTTP semantics), RFC 9112 (HTTP/1.1).
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* A request with any other method is refused with 405. */
enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
};

/* What every 405 of the parser says in its Allow field. */
#define HTTP_METHODS_ALLOWED "GET, HEAD, POST"

struct http_head {
    /* Requests only. */
    enum http_method method;
    struct text path;          /* starts with '/'; still percent-encoded */
    struct text query;         /* behind the first '?'; absent without one */
    struct text host;          /* name or address, and port if it was given;
                                * absent only in HTTP/1.0 */
    struct text soap_action;   /* without its quotes */
    struct text authorization; /* the field as it was sent */
    bool expects_continue;     /* the client waits for "100 Continue" */

    /* Responses only. */
    uint16_t status;
    struct text retry_after; /* see http_retry_after_s() */
    bool content_is_coded;   /* a Content-Encoding other than identity */

    /* Both. */
    uint8_t version_minor;  /* HTTP/1.0 or HTTP/1.1 */
    bool keep_alive;        /* the peer will use the connection again */
    bool has_media_type;    /* there was a Content-Type */
    struct text media_type; /* "text/xml", letter case as sent */
    struct text charset;    /* parameter of Content-Type, without quotes */
    struct text action;     /* parameter of Content-Type (SOAP 1.2) */
    bool is_chunked;
    bool content_length_known;
    uint64_t content_length;
};

#endif
