#include "crypto/base64.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* As wide as openssl and ssh-keygen write them. */
#define PEM_LINE_BYTES 64u
#define PEM_MARK_BYTES 80u

uint32_t base64_encode(const void *data, uint32_t size_bytes, bool padded,
                       char *text)
{
    const uint8_t *at = data;
    char *out = text;

    while (size_bytes > 0) {
        uint32_t piece_bytes = size_bytes < 3 ? size_bytes : 3;
        uint32_t bits = (uint32_t)at[0] << 16;

        if (piece_bytes > 1)
            bits |= (uint32_t)at[1] << 8;
        if (piece_bytes > 2)
            bits |= at[2];
        for (uint32_t i = 0; i <= piece_bytes; i++)
            *out++ = alphabet[bits >> (18 - 6 * i) & 63];
        for (uint32_t i = piece_bytes; padded && i < 3; i++)
            *out++ = '=';
        at += piece_bytes;
        size_bytes -= piece_bytes;
    }
    *out = '\0';
    return (uint32_t)(out - text);
}

/* The 6 bits of a character, or -1.  Compares with all, so that the time does
 * not tell which it is: this decodes private keys, too. */
static int value_of(char c)
{
    int value = -1;

    for (int i = 0; i < 64; i++)
        value = c == alphabet[i] ? i : value;
    return value;
}

/* Takes in character after character and gives out byte after byte. */
struct decoder {
    uint8_t *data;
    uint32_t room_bytes;
    uint32_t size_bytes;
    uint32_t bits;
    uint32_t character_count;
    uint32_t padding_count;
    bool failed;
};

static void decode_character(struct decoder *decoder, char c)
{
    if (c == '=') {
        decoder->padding_count++;
        return;
    }
    int value = value_of(c);

    if (value < 0 || decoder->padding_count > 0) {
        decoder->failed = true;
        return;
    }
    decoder->bits = (decoder->bits << 6 | (uint32_t)value) & 0xffffff;
    decoder->character_count++;
    uint32_t spare_bits = 6 - 2 * ((decoder->character_count + 3) % 4);
    /* Characters 2, 3 and 4 of a group complete a byte, and leave 4, 2 and 0
     * bits for the next. */
    if (decoder->character_count % 4 == 1)
        return;
    if (decoder->size_bytes == decoder->room_bytes) {
        decoder->failed = true;
        return;
    }
    decoder->data[decoder->size_bytes++] =
        (uint8_t)(decoder->bits >> spare_bits);
}

/* Whether the text may end here: no bits left over, padding absent or whole. */
static bool decode_end(const struct decoder *decoder)
{
    static const uint32_t left_over[4] = {0, 0x3f, 0x0f, 0x03};
    uint32_t in_group = decoder->character_count % 4;

    if (decoder->failed || in_group == 1)
        return false;
    if ((decoder->bits & left_over[in_group]) != 0)
        return false;
    return decoder->padding_count == 0 ||
           (in_group != 0 && in_group + decoder->padding_count == 4);
}

bool base64_decode(struct text text, uint8_t *data, uint32_t room_bytes,
                   uint32_t *size_bytes)
{
    struct decoder decoder = {.data = data, .room_bytes = room_bytes};

    for (uint32_t i = 0; i < text.size_bytes && !decoder.failed; i++)
        decode_character(&decoder, text.data[i]);
    if (!decode_end(&decoder))
        return false;
    *size_bytes = decoder.size_bytes;
    return true;
}

void pem_add(struct text_builder *builder, const char *label, const void *data,
             uint32_t size_bytes)
{
    const uint8_t *at = data;
    char line[PEM_LINE_BYTES + 1];

    text_add_format(builder, "-----BEGIN %s-----\n", label);
    while (size_bytes > 0) {
        uint32_t piece_bytes = PEM_LINE_BYTES / 4 * 3;
        if (piece_bytes > size_bytes)
            piece_bytes = size_bytes;
        base64_encode(at, piece_bytes, true, line);
        text_add_string(builder, line);
        text_add_char(builder, '\n');
        at += piece_bytes;
        size_bytes -= piece_bytes;
    }
    text_add_format(builder, "-----END %s-----\n", label);
    explicit_bzero(line, sizeof line);
}

/* Finds "-----<word> <label>-----" in `text`.  Returns what follows it, with
 * its own place in `*mark_at`, or an absent text. */
static struct text after_mark(struct text text, const char *word,
                              const char *label, uint32_t *mark_at)
{
    char mark[PEM_MARK_BYTES];
    int mark_bytes =
        snprintf(mark, sizeof mark, "-----%s %s-----", word, label);

    CHECK(mark_bytes > 0 && (size_t)mark_bytes < sizeof mark);
    const char *found =
        text_is_absent(text)
            ? NULL
            : memmem(text.data, text.size_bytes, mark, (size_t)mark_bytes);
    if (found == NULL)
        return TEXT_ABSENT;
    *mark_at = (uint32_t)(found - text.data);
    return text_from(found + mark_bytes,
                     text.size_bytes - *mark_at - (uint32_t)mark_bytes);
}

bool pem_has(struct text text, const char *label)
{
    uint32_t at;
    return !text_is_absent(after_mark(text, "BEGIN", label, &at));
}

bool pem_find(struct text text, const char *label, uint8_t *data,
              uint32_t room_bytes, uint32_t *size_bytes)
{
    struct decoder decoder = {.data = data, .room_bytes = room_bytes};
    uint32_t at;

    struct text body = after_mark(text, "BEGIN", label, &at);
    if (text_is_absent(body) ||
        text_is_absent(after_mark(body, "END", label, &at)))
        return false;

    for (uint32_t i = 0; i < at && !decoder.failed; i++) {
        char c = body.data[i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            decode_character(&decoder, c);
    }
    if (!decode_end(&decoder))
        return false;
    *size_bytes = decoder.size_bytes;
    return true;
}
