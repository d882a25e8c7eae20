#include "crypto/base64.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 4648, section 10. */
static const struct {
    const char *plain;
    const char *padded;
    const char *bare;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/", "+/+/"},
};

Test(base64, writes_and_reads_both_forms)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint32_t plain_bytes = (uint32_t)strlen(vectors[i].plain);
        char text[16];
        uint8_t data[8];
        uint32_t size = 99;

        base64_encode(vectors[i].plain, plain_bytes, true, text);
        cr_expect_str_eq(text, vectors[i].padded);
        cr_expect_eq(base64_encode(vectors[i].plain, plain_bytes, false, text),
                     strlen(vectors[i].bare));
        cr_expect_str_eq(text, vectors[i].bare);

        cr_expect(base64_decode(text_of(vectors[i].padded), data, plain_bytes,
                                &size));
        cr_expect_eq(size, plain_bytes);
        cr_expect(
            base64_decode(text_of(vectors[i].bare), data, plain_bytes, &size));
        cr_expect_eq(size, plain_bytes);
        cr_expect_eq(memcmp(data, vectors[i].plain, plain_bytes), 0);
        if (plain_bytes > 0)
            cr_expect_not(base64_decode(text_of(vectors[i].bare), data,
                                        plain_bytes - 1, &size));
    }
}

Test(base64, takes_every_byte_there_and_back)
{
    uint8_t data[256], back[256];
    char text[BASE64_TEXT_BYTES(256) + 1];
    uint32_t size;

    for (uint32_t i = 0; i < 256; i++)
        data[i] = (uint8_t)i;
    for (uint32_t cut = 0; cut <= 256; cut++) {
        base64_encode(data, cut, cut % 2 == 0, text);
        cr_assert(base64_decode(text_of(text), back, sizeof back, &size));
        cr_assert_eq(size, cut);
        cr_assert_eq(memcmp(back, data, cut), 0);
    }
}

Test(base64, refuses_what_has_another_form)
{
    static const char *const cases[] = {
        "Z",        /* half a byte */
        "Zm9vY",    /* the same, later */
        "Zh==",     /* bits left over */
        "Zm9=",     /* and these */
        "Zg=",      /* half the padding */
        "Zg===",    /* too much */
        "Zm9v=",    /* where none belongs */
        "Zm9v====", /* the same */
        "=",        "====",   "Zg==Zg==", "Zg =",
        "Zm 9v",    "Zm\n9v", "Zm-_",     "Zm9\x80",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t data[16];
        uint32_t size = 77;
        cr_expect_not(
            base64_decode(text_of(cases[i]), data, sizeof data, &size), "%s",
            cases[i]);
        cr_expect_eq(size, 77);
    }
}

Test(base64, pem_blocks_are_found_among_others)
{
    struct text_builder builder = {0};
    uint8_t first[100], second[48], data[100];
    uint32_t size;

    memset(first, 1, sizeof first);
    memset(second, 2, sizeof second);
    text_add_string(&builder, "some words\n");
    pem_add(&builder, "FIRST", first, sizeof first);
    pem_add(&builder, "SECOND", second, sizeof second);
    struct text text = text_built(&builder);

    cr_assert(pem_has(text, "FIRST"));
    cr_assert_not(pem_has(text, "THIRD"));
    cr_assert(pem_find(text, "SECOND", data, sizeof data, &size));
    cr_assert_eq(size, sizeof second);
    cr_assert_eq(memcmp(data, second, size), 0);
    cr_assert(pem_find(text, "FIRST", data, sizeof data, &size));
    cr_assert_eq(size, sizeof first);
    cr_assert_eq(memcmp(data, first, size), 0);
    cr_assert_not(pem_find(text, "FIRST", data, sizeof first - 1, &size));

    /* Cut anywhere, the last block is not there any more. */
    for (uint32_t cut = 0; cut + 1 < text.size_bytes; cut++)
        cr_assert_not(pem_find(text_from(text.data, cut), "SECOND", data,
                               sizeof data, &size));
    text_builder_free(&builder);
}

Test(base64, pem_lines_may_end_as_they_like_but_hold_nothing_else)
{
    uint8_t data[16];
    uint32_t size;

    cr_assert(pem_find(text_of("-----BEGIN A-----\r\nZm9v\r\nYmFy\r\n"
                               "-----END A-----"),
                       "A", data, sizeof data, &size));
    cr_assert_eq(size, 6);
    cr_assert_not(pem_find(text_of("-----BEGIN A-----\nProc-Type: 4\n\nZm9v\n"
                                   "-----END A-----"),
                           "A", data, sizeof data, &size));
    cr_assert_not(pem_find(text_of("-----BEGIN A-----\nZm9v\n-----END B-----"),
                           "A", data, sizeof data, &size));
    cr_assert_not(pem_find(TEXT_ABSENT, "A", data, sizeof data, &size));
}
