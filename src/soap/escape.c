#include <string.h>

#include "base/check.h"
#include "soap/writer.h"

/* The bytes that stand for themselves: what is printable in ASCII but for the
 * five with a meaning in XML; tab and line feed. */
static bool is_plain(unsigned char byte)
{
    static const uint32_t special[8] = {
        /* 0x00 to 0x1f, but for tab and line feed; "&'<>; DEL; and all from
         * 0x80 on. */
        ~((UINT32_C(1) << '\t') | (UINT32_C(1) << '\n')),
        (UINT32_C(1) << ('"' - 32)) | (UINT32_C(1) << ('&' - 32)) |
            (UINT32_C(1) << ('\'' - 32)) | (UINT32_C(1) << ('<' - 32)) |
            (UINT32_C(1) << ('>' - 32)),
        0,
        UINT32_C(1) << 31,
        UINT32_MAX,
        UINT32_MAX,
        UINT32_MAX,
        UINT32_MAX,
    };

    return (special[byte / 32] >> (byte % 32) & 1) == 0;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the character that `data` begins with, or 0 if it is no UTF-8
 * or none that XML 1.0 can hold (section 2.2): overlong forms, surrogates,
 * U+FFFE, U+FFFF, beyond U+10FFFF. */
static uint32_t character_bytes(const unsigned char *data, uint32_t left_bytes)
{
    uint32_t size_bytes = data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;

    if (data[0] == 0x7f)
        return 1;
    if (data[0] < 0xc2 || data[0] > 0xf4 || size_bytes > left_bytes)
        return 0;
    for (uint32_t i = 1; i < size_bytes; i++) {
        if (!is_continuation(data[i]))
            return 0;
    }
    if ((data[0] == 0xe0 && data[1] < 0xa0) ||
        (data[0] == 0xed && data[1] > 0x9f) ||
        (data[0] == 0xf0 && data[1] < 0x90) ||
        (data[0] == 0xf4 && data[1] > 0x8f))
        return 0;
    if (data[0] == 0xef && data[1] == 0xbf && data[2] >= 0xbe)
        return 0;
    return size_bytes;
}

/* Writes one character that is not plain; returns the bytes it took. */
static uint32_t write_special(struct text_builder *out,
                              const unsigned char *data, uint32_t left_bytes)
{
    switch (data[0]) {
    case '&':
        text_add_string(out, "&amp;");
        return 1;
    case '<':
        text_add_string(out, "&lt;");
        return 1;
    case '>': /* "]]>" must not stand in text */
        text_add_string(out, "&gt;");
        return 1;
    case '"':
        text_add_string(out, "&quot;");
        return 1;
    case '\'':
        text_add_string(out, "&apos;");
        return 1;
    case '\r': /* or a parser reads a line feed, XML 1.0 section 2.11 */
        text_add_string(out, "&#13;");
        return 1;
    default:
        break;
    }

    uint32_t size_bytes = character_bytes(data, left_bytes);
    if (size_bytes > 0) {
        text_add(out, text_from((const char *)data, size_bytes));
        return size_bytes;
    }
    text_add_format(out, "%%%02X", data[0]);
    return 1;
}

void soap_write_escaped(struct text_builder *out, struct text text)
{
    const unsigned char *data = (const unsigned char *)text.data;
    uint32_t at = 0;

    while (at < text.size_bytes) {
        uint32_t start = at;
        while (at < text.size_bytes && is_plain(data[at]))
            at++;
        text_add(out, text_from(text.data + start, at - start));
        if (at < text.size_bytes)
            at += write_special(out, data + at, text.size_bytes - at);
    }
}
