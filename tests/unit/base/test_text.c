#include "base/text.h"

#include <criterion/criterion.h>

#include "base/arena.h"

Test(text, trims_xml_white_space_only)
{
    cr_assert(text_is(text_trim(text_of(" \t\r\n a b \n")), "a b"));
    cr_assert(text_is(text_trim(text_of("\va")), "\va"));
    cr_assert(text_is(text_trim(text_of("  ")), ""));
}

Test(text, reads_numbers_up_to_the_maximum_and_no_further)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t value;
    } cases[] = {
        {"0", 0, true, 0},
        {"255", 255, true, 255},
        {"256", 255, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"+1", 9, false, 0},
        {"-1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"0x1", 9, false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 7;
        bool good = text_to_u64(text_of(cases[i].text), cases[i].max, &value);
        cr_expect_eq(good, cases[i].good, "%s", cases[i].text);
        cr_expect_eq(value, cases[i].good ? cases[i].value : 7, "%s",
                     cases[i].text);
    }
}

Test(text, a_builder_stops_at_its_limit)
{
    struct text_builder builder = {.size_bytes_max = 4};

    text_add_string(&builder, "abc");
    text_add_char(&builder, 'd');
    cr_assert_not(builder.failed);
    cr_assert(text_is(text_built(&builder), "abcd"));
    text_add_char(&builder, 'e');
    cr_assert(builder.failed);
    cr_assert(text_is(text_built(&builder), "abcd"));
    text_builder_free(&builder);
}

Test(text, a_string_with_a_nul_inside_is_no_string)
{
    char buffer[8];

    cr_assert_not(text_to_string(text_from("a\0b", 3), buffer, sizeof buffer));
    cr_assert(text_to_string(text_from("1234567", 7), buffer, sizeof buffer));
    cr_assert_not(text_to_string(text_from("12345678", 8), buffer, sizeof buffer));
}

Test(arena, gives_out_its_limit_and_no_more)
{
    struct arena arena;

    arena_init(&arena, 1024);
    cr_assert_not_null(arena_take(&arena, 1024));
    cr_assert_null(arena_take(&arena, 1));
    arena_reset(&arena);
    cr_assert_not_null(arena_take(&arena, 1));
    arena_free(&arena);
}

Test(arena, resets_to_a_mark_over_several_chunks)
{
    struct arena arena;

    arena_init(&arena, 1u << 20);
    char *kept = arena_take(&arena, 16);
    struct arena_mark mark = arena_mark(&arena);
    size_t taken = arena.taken_bytes;
    for (int i = 0; i < 100; i++)
        cr_assert_not_null(arena_take(&arena, 5000));
    arena_reset_to(&arena, mark);
    cr_assert_eq(arena.taken_bytes, taken);
    cr_assert_eq((char *)arena_take(&arena, 16), kept + 16);
    arena_free(&arena);
}
