/* Looks at XML before the parser does: no markup may be longer than a limit,
 * and a DTD is refused at its first byte.
 *
 * Knows: where tags, comments and CDATA sections begin and end.
 * Must not know: whether the document is well-formed; that is expat's.
 *
 * expat scans an unfinished tag or comment again when more of it arrives, and
 * calls nobody before its end: a tag of 8 MiB would cost time, memory and an
 * answer.  Text and CDATA sections come in pieces and are not limited here.
 * Where a document ends in the middle of something, expat says so.
 *
 * Source: XML 1.0 sections 2.5 (comments), 2.7 (CDATA), 2.8 (DTD), 3.1 (tags);
 * appendix F for the first bytes of UTF-16.
 */
#ifndef SOAP_MARKUP_GUARD_H
#define SOAP_MARKUP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum markup_result {
    MARKUP_GOOD,
    MARKUP_TOO_LONG, /* a tag, comment or instruction over the limit */
    MARKUP_DTD,      /* <! that begins neither a comment nor CDATA */
    MARKUP_PI,       /* <? other than at the very beginning */
};

struct markup_guard {
    uint32_t size_bytes_max;
    uint32_t size_bytes; /* of the open markup */
    uint8_t first[2];    /* of the document: they tell UTF-16 */
    uint8_t first_count;
    uint8_t unit_bytes; /* 1, or 2 for UTF-16; 0 before they are known */
    bool is_big_endian;
    uint8_t state;
    uint8_t quote;
    uint8_t matched; /* characters of the sought beginning or end */
    uint8_t half;    /* the first byte of an unfinished unit */
    bool has_half;
    bool has_begun; /* a character has been seen */
};

/* Starts at the first byte of a document.  `unit_bytes` is 1 or 2 where the
 * encoding is known from outside (2: see `is_big_endian`), 0 where the first
 * two bytes tell. */
void markup_guard_init(struct markup_guard *guard, uint32_t size_bytes_max,
                       uint8_t unit_bytes, bool is_big_endian);

/* Looks at the next bytes.  `*good_bytes` is how many of them come before the
 * place that is wrong, all with MARKUP_GOOD.  Any other result is final. */
enum markup_result markup_guard_feed(struct markup_guard *guard,
                                     const char *data, uint32_t size_bytes,
                                     uint32_t *good_bytes);

#endif
