/* The grammars of the header fields that we read.
 *
 * Knows: texts.
 * Must not know: messages.
 */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* DNS names end at 253 characters; the longest port takes 6. */
#define HTTP_HOST_BYTES_MAX 255

/* Splits `text`, a name or an address with an optional port, into both.  The
 * host is letters, digits, '-', '.', '_' and '~', or an IPv6 address, which
 * loses its brackets; `*port` is 0 when none was given.  Returns false for
 * anything else: userinfo, spaces, an open bracket, a port above 65535, more
 * than HTTP_HOST_BYTES_MAX.
 * Source: RFC 3986, section 3.2.2, without what no real name contains. */
bool http_host_parse(struct text text, struct text *host, uint16_t *port);

struct http_content_type {
    struct text media_type; /* empty when there is none before the ';' */
    struct text charset;    /* absent or without quotes */
    struct text action;
};

/* Takes a Content-Type apart.  Cannot fail: what is no parameter is skipped,
 * and an odd media type is none that anybody compares equal to. */
struct http_content_type http_content_type_parse(struct text text);

/* `text` without one pair of double quotes around it. */
struct text http_unquote(struct text text);

/* Reads a Retry-After in either form, seconds or a date, as seconds from
 * `now_us` (wall clock); a date that has passed is 0.  Returns false, with
 * `*seconds` untouched, for anything else and beyond a year. */
bool http_retry_after_s(struct text text, int64_t now_us, uint32_t *seconds);

#define HTTP_DATE_BYTES 29 /* Sun, 06 Nov 1994 08:49:37 GMT */

/* Writes the date as HTTP has it, 29 characters and a NUL. */
void http_date_format(int64_t time_us, char text[HTTP_DATE_BYTES + 1]);

#endif
