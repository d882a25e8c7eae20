/* Takes the URL of an observer or of a server apart.
 *
 * Knows: http and https URLs.
 * Must not know: which of them may be called (central/ checks the address
 * after resolution), sockets.
 *
 * Source: RFC 3986; userinfo and fragments are refused, since neither has a
 * place in a request and both are used to disguise the host.
 */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* central/ makes all but the first a Client fault. */
enum http_url_result {
    HTTP_URL_GOOD,
    HTTP_URL_TOO_LONG, /* over LIMIT_CALLBACK_URL_BYTES */
    HTTP_URL_BAD_SCHEME,
    HTTP_URL_BAD_USERINFO,
    HTTP_URL_BAD_HOST,
    HTTP_URL_BAD_PORT,
    HTTP_URL_BAD_FRAGMENT,
    HTTP_URL_BAD_CHARACTER, /* a space, a control, not ASCII, <, >, ", ... */
};

/* All texts borrow from the URL. */
struct http_url {
    bool is_https;
    struct text authority; /* for the Host field: as it was written */
    struct text host;      /* without brackets */
    uint16_t port;         /* 80 or 443 when none was given */
    struct text path;      /* starts with '/' */
    struct text query;     /* absent without a '?' */
};

/* `*url` is only filled in when the result is HTTP_URL_GOOD. */
enum http_url_result http_url_parse(struct text text, struct http_url *url);

/* A few words for people: "it holds user information". */
const char *http_url_result_text(enum http_url_result result);

#endif
