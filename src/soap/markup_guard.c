#include "soap/markup_guard.h"

#include <string.h>

#include "base/check.h"

enum guard_state {
    IN_TEXT,
    AFTER_LESS, /* after < */
    IN_TAG,     /* also the XML declaration */
    IN_QUOTES,  /* inside a tag */
    AFTER_BANG, /* after <!, while it may become <!-- or <![CDATA[ */
    IN_COMMENT,
    IN_CDATA,
};

static const char comment_begin[] = "--";
static const char cdata_begin[] = "[CDATA[";

void markup_guard_init(struct markup_guard *guard, uint32_t size_bytes_max,
                       uint8_t unit_bytes, bool is_big_endian)
{
    CHECK(unit_bytes <= 2);
    *guard = (struct markup_guard){
        .size_bytes_max = size_bytes_max,
        .unit_bytes = unit_bytes,
        .is_big_endian = is_big_endian,
        .state = IN_TEXT,
    };
}

/* The second byte is here: is it UTF-16?  Appendix F: a byte order mark, or
 * < or a white space with a zero byte at its side. */
static void learn_encoding(struct markup_guard *guard)
{
    const uint8_t *first = guard->first;
    bool is_big = (first[0] == 0xfe && first[1] == 0xff) || first[0] == 0;
    bool is_little = (first[0] == 0xff && first[1] == 0xfe) || first[1] == 0;

    guard->unit_bytes = is_big || is_little ? 2 : 1;
    guard->is_big_endian = is_big;
}

/* Follows the beginning of a comment or of a CDATA section, of which
 * `matched` characters are known to be right. */
static enum markup_result step_after_bang(struct markup_guard *guard,
                                          uint32_t c)
{
    const char *begin = guard->matched == 0
                            ? (c == '-' ? comment_begin : cdata_begin)
                        : guard->quote == '-' ? comment_begin
                                              : cdata_begin;

    if (c != (uint32_t)begin[guard->matched])
        return MARKUP_DTD;
    guard->quote = (uint8_t)begin[0];
    guard->matched++;
    if (begin[guard->matched] == '\0') {
        guard->state = begin == comment_begin ? IN_COMMENT : IN_CDATA;
        guard->matched = 0;
    }
    return MARKUP_GOOD;
}

/* Inside a comment or CDATA section: looks for its end, two of `twice` and a
 * greater-than sign. */
static void step_inside(struct markup_guard *guard, uint32_t c, uint32_t twice)
{
    if (c == twice)
        guard->matched = guard->matched < 2 ? guard->matched + 1 : 2;
    else if (c == '>' && guard->matched == 2)
        guard->state = IN_TEXT;
    else
        guard->matched = 0;
}

static enum markup_result step_after_less(struct markup_guard *guard,
                                          uint32_t c)
{
    if (c == '?' && guard->has_begun)
        return MARKUP_PI;
    guard->state = c == '!' ? AFTER_BANG : c == '>' ? IN_TEXT : IN_TAG;
    guard->matched = 0;
    guard->has_begun = true;
    return MARKUP_GOOD;
}

/* One character, or half of one beyond U+FFFF; as good as any other. */
static enum markup_result step(struct markup_guard *guard, uint32_t c)
{
    switch ((enum guard_state)guard->state) {
    case IN_TEXT:
        if (c == '<') {
            guard->state = AFTER_LESS;
            guard->size_bytes = 0;
        } else if (c != 0xfeff && c != 0xef && c != 0xbb && c != 0xbf) {
            guard->has_begun = true; /* not by a byte order mark */
        }
        return MARKUP_GOOD;
    case AFTER_LESS:
        return step_after_less(guard, c);
    case IN_TAG:
        if (c == '>') {
            guard->state = IN_TEXT;
        } else if (c == '"' || c == '\'') {
            guard->state = IN_QUOTES;
            guard->quote = (uint8_t)c;
        }
        return MARKUP_GOOD;
    case IN_QUOTES:
        if (c == guard->quote)
            guard->state = IN_TAG;
        return MARKUP_GOOD;
    case AFTER_BANG:
        return step_after_bang(guard, c);
    case IN_COMMENT:
        step_inside(guard, c, '-');
        return MARKUP_GOOD;
    case IN_CDATA:
        step_inside(guard, c, ']');
        return MARKUP_GOOD;
    }
    NEVER("every state has a case");
}

static enum markup_result count(struct markup_guard *guard)
{
    if (guard->state == IN_TEXT || guard->state == IN_CDATA)
        return MARKUP_GOOD;
    guard->size_bytes += guard->unit_bytes;
    return guard->size_bytes > guard->size_bytes_max ? MARKUP_TOO_LONG
                                                     : MARKUP_GOOD;
}

static uint32_t before(const char *data, uint32_t size_bytes, char c)
{
    const char *found = memchr(data, c, size_bytes);

    return found == NULL ? size_bytes : (uint32_t)(found - data);
}

static uint32_t before_tag_end(const char *data, uint32_t size_bytes)
{
    uint32_t at = 0;

    while (at < size_bytes && data[at] != '>' && data[at] != '"' &&
           data[at] != '\'')
        at++;
    return at;
}

/* Most bytes change no state.  Jumps to the next that may, for speed only;
 * stops where the limit does. */
static uint32_t skip_dull(struct markup_guard *guard, const char *data,
                          uint32_t size_bytes)
{
    uint32_t skipped;

    if (guard->unit_bytes != 1 || !guard->has_begun)
        return 0;
    if (guard->state == IN_TEXT)
        return before(data, size_bytes, '<');

    uint32_t room = guard->size_bytes_max - guard->size_bytes;
    if (size_bytes > room)
        size_bytes = room;
    if (guard->state == IN_TAG)
        skipped = before_tag_end(data, size_bytes);
    else if (guard->state == IN_QUOTES)
        skipped = before(data, size_bytes, (char)guard->quote);
    else
        return 0;
    guard->size_bytes += skipped;
    return skipped;
}

/* Puts the bytes of a UTF-16 unit together.  False: half of one is here. */
static bool whole_unit(struct markup_guard *guard, uint8_t byte, uint32_t *c)
{
    if (guard->unit_bytes == 1) {
        *c = byte;
        return true;
    }
    if (!guard->has_half) {
        guard->half = byte;
        guard->has_half = true;
        return false;
    }
    guard->has_half = false;
    *c = guard->is_big_endian ? (uint32_t)guard->half << 8 | byte
                              : (uint32_t)byte << 8 | guard->half;
    return true;
}

static enum markup_result feed_byte(struct markup_guard *guard, uint8_t byte)
{
    uint32_t c;

    if (!whole_unit(guard, byte, &c))
        return MARKUP_GOOD;
    enum markup_result result = step(guard, c);
    return result == MARKUP_GOOD ? count(guard) : result;
}

enum markup_result markup_guard_feed(struct markup_guard *guard,
                                     const char *data, uint32_t size_bytes,
                                     uint32_t *good_bytes)
{
    enum markup_result result = MARKUP_GOOD;
    uint32_t at = 0;

    /* Where the first two bytes must tell, they wait for each other. */
    while (guard->unit_bytes == 0 && at < size_bytes) {
        guard->first[guard->first_count++] = (uint8_t)data[at++];
        if (guard->first_count < sizeof guard->first)
            continue;
        learn_encoding(guard);
        result = feed_byte(guard, guard->first[0]);
        if (result == MARKUP_GOOD)
            result = feed_byte(guard, guard->first[1]);
    }
    while (at < size_bytes && result == MARKUP_GOOD) {
        at += skip_dull(guard, data + at, size_bytes - at);
        if (at < size_bytes)
            result = feed_byte(guard, (uint8_t)data[at++]);
    }
    *good_bytes = result == MARKUP_GOOD || at == 0 ? at : at - 1;
    return result;
}
