#include <string.h>

#include "soap/reader.h"

/* RFC 9110, section 8.3.1: type/subtype, then ;name=value, the value quoted
 * or not, white space around the semicolons. */

/* Cuts off what comes before the next semicolon that is not in quotes. */
static struct text next_part(struct text *rest)
{
    bool in_quotes = false;
    uint32_t size_bytes = 0;

    while (size_bytes < rest->size_bytes &&
           (in_quotes || rest->data[size_bytes] != ';')) {
        if (rest->data[size_bytes] == '"')
            in_quotes = !in_quotes;
        size_bytes++;
    }
    struct text part = text_from(rest->data, size_bytes);
    if (size_bytes < rest->size_bytes)
        size_bytes++; /* the semicolon */
    *rest = text_from(rest->data + size_bytes, rest->size_bytes - size_bytes);
    return text_trim(part);
}

static struct text unquoted(struct text value)
{
    value = text_trim(value);
    if (value.size_bytes >= 2 && value.data[0] == '"' &&
        value.data[value.size_bytes - 1] == '"')
        return text_trim(text_from(value.data + 1, value.size_bytes - 2));
    return value;
}

static enum soap_charset charset_of(struct text word)
{
    static const struct {
        const char *word;
        enum soap_charset charset;
    } charsets[] = {
        {"utf-8", SOAP_CHARSET_UTF_8},
        {"utf8", SOAP_CHARSET_UTF_8},
        {"utf-16", SOAP_CHARSET_UTF_16},
        {"utf-16le", SOAP_CHARSET_UTF_16LE},
        {"utf-16be", SOAP_CHARSET_UTF_16BE},
        {"", SOAP_CHARSET_ABSENT},
    };

    for (uint32_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
        if (text_is_nocase(word, charsets[i].word))
            return charsets[i].charset;
    }
    return SOAP_CHARSET_REFUSED;
}

bool soap_media_type_parse(struct text content_type, enum soap_charset *charset)
{
    static const char name[] = "charset";
    struct text rest = text_trim(content_type);

    *charset = SOAP_CHARSET_ABSENT;
    if (text_is_absent(content_type))
        return true;
    struct text media = next_part(&rest);
    if (!text_is_nocase(media, "text/xml") &&
        !text_is_nocase(media, "application/soap+xml"))
        return false;

    while (rest.size_bytes > 0) {
        struct text part = next_part(&rest);
        const char *equals = memchr(part.data, '=', part.size_bytes);
        if (equals == NULL)
            continue;
        uint32_t before = (uint32_t)(equals - part.data);
        if (text_is_nocase(text_trim(text_from(part.data, before)), name))
            *charset = charset_of(
                unquoted(text_from(equals + 1, part.size_bytes - before - 1)));
    }
    return *charset != SOAP_CHARSET_REFUSED;
}
