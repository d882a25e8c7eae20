#include "cli/progress.h"

#include <criterion/criterion.h>
#include <string.h>

Test(progress, bytes_have_three_figures)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},           {999, "999 B"},      {1000, "1.0 kB"},
        {999949, "999.9 kB"}, {999950, "1.0 MB"},  {1234567890, "1.2 GB"},
        {UINT64_MAX, "18446.7 PB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[16];
        progress_bytes(cases[i].bytes, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(progress, a_line_says_what_a_person_wants_to_know)
{
    static const struct {
        struct progress progress;
        uint32_t columns;
        const char *line;
    } cases[] = {
        {{.done_bytes = 500000, .total_bytes = 1000000, .total_known = true,
          .done_files = 1, .total_files = 2, .rate_kbps = 400},
         80,
         "[=======>       ]  50 %  500.0 kB of 1.0 MB  400 kbit/s  "
         "0:10 left  1 of 2 files"},
        {{.done_bytes = 10, .total_bytes = 1000, .done_files = 0,
          .total_files = 7, .rate_kbps = 5000},
         60,
         "[>         ]   1 %  10 B of 1.0 kB+  5 Mbit/s  0 of 7+ files"},
        {{.total_known = true}, 20, "100 %  0 B of 0 B  0"},
        {{.total_bytes = 8000000000, .total_known = true, .rate_kbps = 8000,
          .total_files = 1, .retry_count = 2},
         70,
         "  0 %  0 B of 8.0 GB  8 Mbit/s  2:13:20 left  0 of 1 files  retry 2"},
        {{.total_bytes = 8000, .total_known = true, .rate_kbps = 8,
          .is_paused = true},
         50, "  0 %  0 B of 8.0 kB  paused  0 of 0 files"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[PROGRESS_BYTES];
        progress_line(&cases[i].progress, cases[i].columns, line);
        cr_expect_leq(strlen(line), cases[i].columns);
        cr_expect_str_eq(line, cases[i].line);
    }
}

Test(progress, no_line_is_longer_than_it_may_be)
{
    struct progress most = {UINT64_MAX, UINT64_MAX, true, UINT32_MAX,
                            UINT32_MAX, UINT64_MAX, UINT32_MAX, false};

    for (uint32_t columns = 0; columns < 400; columns++) {
        char line[PROGRESS_BYTES];
        progress_line(&most, columns, line);
        cr_expect_leq(strlen(line), columns);
    }
}
