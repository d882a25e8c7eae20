#include <criterion/criterion.h>
#include <string.h>

#include "central/token.h"

static const struct token tokens[] = {
    {TOKEN_OF_SESSIONS, TOKEN_SESSIONS, 0, 0, 0, 0, 0},
    {TOKEN_OF_FILES, TOKEN_FILES, 7, 8, 9, 10, 11},
    {TOKEN_OF_BOTH, TOKEN_CHANGES, UINT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
     INT64_MAX},
};

Test(token, what_is_written_is_read)
{
    char text[TOKEN_TEXT_BYTES];

    for (uint32_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        struct token read = {0};
        token_format(&tokens[i], text);
        cr_assert(token_parse(text_of(text), &read), "%s", text);
        cr_assert_eq(memcmp(&read, &tokens[i], sizeof read), 0, "%s", text);
    }
}

Test(token, nothing_cut_short_or_longer_is_read)
{
    char text[TOKEN_TEXT_BYTES];
    struct token read = {.local_id = 5};

    token_format(&tokens[1], text);
    for (size_t size = 0; size < strlen(text) - 1; size++)
        cr_assert_not(token_parse(text_from(text, size), &read), "%zu", size);
    strcat(text, ".");
    cr_assert_not(token_parse(text_of(text), &read));
    cr_assert_eq(read.local_id, 5, "untouched");
}

Test(token, what_is_not_ours_is_not_read)
{
    static const char *const texts[] = {
        "",
        "CURRENT_POSITION",
        "f1.",
        "f2.s.0.s.0.0.0.0",
        "f1.x.0.s.0.0.0.0",
        "f1.s.0.x.0.0.0.0",
        "f1.s.00.s.0.0.0.0",
        "f1.s.-1.s.0.0.0.0",
        "f1.s.18446744073709551616.s.0.0.0.0",
        "f1.s.0.s.9223372036854775808.0.0.0",
        "f1.s.0.s.0.0.0.0 ",
    };
    struct token read;

    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_not(token_parse(text_of(texts[i]), &read), "%s", texts[i]);
}
