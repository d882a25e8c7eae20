#include "soap/markup_guard.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"

/* What the guard says of `text` fed in pieces of `piece_bytes`, with a limit
 * of 12; `*good_bytes` is where it stopped. */
static enum markup_result look(struct text text, uint32_t piece_bytes,
                               uint32_t *good_bytes)
{
    struct markup_guard guard;
    enum markup_result result = MARKUP_GOOD;

    markup_guard_init(&guard, 12, 0, false);
    *good_bytes = 0;
    for (uint32_t at = 0; at < text.size_bytes && result == MARKUP_GOOD;
         at += piece_bytes) {
        uint32_t left = text.size_bytes - at;
        uint32_t good;
        result =
            markup_guard_feed(&guard, text.data + at,
                              left < piece_bytes ? left : piece_bytes, &good);
        *good_bytes += good;
    }
    return result;
}

static const struct {
    const char *text;
    enum markup_result result;
    uint32_t good_bytes;
} cases[] = {
    {"<a>", MARKUP_GOOD, 3},
    {"<a12345678901", MARKUP_TOO_LONG, 12},
    {"<a1234567890>text that is longer<b/>", MARKUP_GOOD, 36},
    {"<a12345678901>", MARKUP_TOO_LONG, 12},
    {"<a b='>>>>>>>>", MARKUP_TOO_LONG, 12},
    {"<a b='>' c>><x>", MARKUP_GOOD, 15},
    {"<a b=\"'>\">1234567890123<c>", MARKUP_GOOD, 26},
    {"<!-- > < >..", MARKUP_GOOD, 12},
    {"<!-- > < > -->", MARKUP_TOO_LONG, 12},
    {"<!--<a>--><b>", MARKUP_GOOD, 13},
    {"<!--a--->b><c", MARKUP_GOOD, 13},
    {"<![CDATA[1234567890 <!DOCTYPE ]] > ]]]]><c>", MARKUP_GOOD, 43},
    {"<a><!DOCTYPE", MARKUP_DTD, 5},
    {"<!d", MARKUP_DTD, 2},
    {"<!-a", MARKUP_DTD, 3},
    {"<![CDATO[", MARKUP_DTD, 7},
    {"<![[", MARKUP_DTD, 3},
    {"<?xml a?><b>", MARKUP_GOOD, 12},
    {"<a><?x", MARKUP_PI, 4},
    {" <?x", MARKUP_PI, 2},
    {"\xef\xbb\xbf<?xml?>", MARKUP_GOOD, 10},
};

Test(markup_guard, finds_the_same_place_however_the_bytes_are_cut)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t piece = 1; piece < 50; piece++) {
            uint32_t good_bytes;
            cr_expect_eq(look(text_of(cases[i].text), piece, &good_bytes),
                         cases[i].result, "%s by %u", cases[i].text, piece);
            cr_expect_eq(good_bytes, cases[i].good_bytes, "%s by %u: %u",
                         cases[i].text, piece, good_bytes);
        }
    }
}

Test(markup_guard, is_not_misled_by_halves_of_utf_16)
{
    /* U+3C41 and U+413C are letters whose bytes look like tags. */
    static const char little[] = "\xff\xfe"
                                 "\x41\x3c"
                                 "\x3c\x41"
                                 "<\0"
                                 "a\0"
                                 "1\0"
                                 "2\0"
                                 "3\0"
                                 ">\0"
                                 "<\0"
                                 "!\0"
                                 "D\0";
    static const char big[] = "\xfe\xff"
                              "\x3c\x41"
                              "\x41\x3c"
                              "\0<"
                              "\0a"
                              "\0"
                              "1"
                              "\0"
                              "2"
                              "\0"
                              "3"
                              "\0>"
                              "\0<"
                              "\0!"
                              "\0D";

    for (uint32_t piece = 1; piece < 30; piece++) {
        uint32_t good_bytes;
        cr_expect_eq(
            look(text_from(little, sizeof little - 1), piece, &good_bytes),
            MARKUP_DTD);
        cr_expect_eq(good_bytes, sizeof little - 2);
        cr_expect_eq(look(text_from(big, sizeof big - 1), piece, &good_bytes),
                     MARKUP_DTD);
        cr_expect_eq(good_bytes, sizeof big - 2);
    }
}
