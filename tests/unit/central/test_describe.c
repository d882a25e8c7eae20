#include <criterion/criterion.h>

#include "central/describe.h"

static struct arena arena;

static void set_up(void)
{
    arena_init(&arena, 1u << 20);
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(describe, .init = set_up, .fini = tear_down);

Test(describe, efficiency_is_the_part_of_the_bytes_that_had_to_go)
{
    static const struct {
        uint64_t transferred, lost;
        double efficiency;
    } cases[] = {
        {0, 0, 0},          {0, 10, 0},
        {100, 0, 1},        {100, 25, 0.8},
        {100, 100, 0.5},    {100, 300, 0.25},
        {UINT64_MAX, 0, 1}, {UINT64_MAX, UINT64_MAX, 0.5},
    };
    struct transfer_file none = {.path = TEXT_ABSENT};
    struct f06_session session;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_session row = {
            .transferred_bytes = cases[i].transferred,
            .lost_bytes = cases[i].lost,
        };
        describe_session(&row, &none, &arena, &session);
        cr_expect_float_eq(session.statistics.network.efficiency,
                           cases[i].efficiency, 1e-9, "%zu", i);
    }
}

Test(describe, a_session_shows_all_of_the_file_that_moved_last)
{
    struct transfer_file file = {
        .path = text_of("a/b"),
        .error = FASP_ERROR_DISK_WRITE,
        .error_text = text_of("no room"),
        .size_bytes = 1000,
        .start_offset = 100,
        .bytes_written = 700,
        .bytes_contiguous = 600,
        .bytes_lost = 50,
        .elapsed_us = 12345,
    };
    struct store_session row = {.state = STORE_SESSION_RUNNING};
    struct f06_session session;
    const struct f06_file_statistics *shown = &session.statistics.file;

    describe_session(&row, &file, &arena, &session);
    cr_expect(text_is(shown->name, "a/b"));
    cr_expect_eq(shown->size, 1000);
    cr_expect_eq(shown->bytes_written, 700);
    cr_expect_eq(shown->bytes_contiguous, 600);
    cr_expect_eq(shown->bytes_lost, 50);
    cr_expect_eq(shown->start_byte, 100);
    cr_expect_eq(shown->useconds_elapsed, 12345);
    cr_expect_eq(shown->error_code, FASP_ERROR_DISK_WRITE);
    cr_expect(text_is(shown->error_description, "no room"));
}
