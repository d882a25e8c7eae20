#include "base/log_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/tmp/ferry-log-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void tear_down(void)
{
    char command[128];

    log_file_close();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(log_file, .init = set_up, .fini = tear_down);

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* -1 = there is none. */
static int line_count(const char *name)
{
    FILE *file = fopen(path_of(name), "r");
    int count = 0;
    int c;

    if (file == NULL)
        return -1;
    while ((c = getc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    return count;
}

static void log_lines(int count)
{
    for (int i = 0; i < count; i++)
        LOG(server_failed, "0123456789");
}

static uint64_t line_bytes(void)
{
    struct stat stat_of;

    cr_assert_eq(log_file_open(folder, "size", 1 << 20, 0), 0);
    log_lines(1);
    cr_assert_eq(stat(path_of("size.log"), &stat_of), 0);
    return (uint64_t)stat_of.st_size;
}

Test(log_file, a_full_file_turns_and_the_oldest_goes)
{
    uint64_t size = line_bytes();

    cr_assert_eq(log_file_open(folder, "a", 3 * size, 2), 0);
    log_lines(3); /* exactly full */
    cr_expect_eq(line_count("a.log"), 3);
    cr_expect_eq(line_count("a.1.log"), -1);
    log_lines(1);
    cr_expect_eq(line_count("a.log"), 1);
    cr_expect_eq(line_count("a.1.log"), 3);
    log_lines(3 + 3); /* 10 lines: 1 3 3, and 3 are gone */
    cr_expect_eq(line_count("a.log"), 1);
    cr_expect_eq(line_count("a.1.log"), 3);
    cr_expect_eq(line_count("a.2.log"), 3);
    cr_expect_eq(line_count("a.3.log"), -1);
}

Test(log_file, none_may_be_kept)
{
    uint64_t size = line_bytes();

    cr_assert_eq(log_file_open(folder, "a", 2 * size, 0), 0);
    log_lines(5);
    cr_expect_eq(line_count("a.log"), 1);
    cr_expect_eq(line_count("a.0.log"), -1);
    cr_expect_eq(line_count("a.1.log"), -1);
}

Test(log_file, a_line_longer_than_the_file_still_comes)
{
    cr_assert_eq(log_file_open(folder, "a", 1, 1), 0);
    log_lines(3);
    cr_expect_eq(line_count("a.log"), 1);
    cr_expect_eq(line_count("a.1.log"), 1);
}

Test(log_file, what_was_there_is_added_to)
{
    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 1), 0);
    log_lines(2);
    log_file_close();
    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 1), 0);
    log_lines(2);
    cr_expect_eq(line_count("a.log"), 4);
}

Test(log_file, other_limits_hold_from_the_next_line)
{
    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 0), 0);
    log_lines(4);
    log_file_set_limits(1, 1);
    log_lines(1);
    cr_expect_eq(line_count("a.1.log"), 4);
}

Test(log_file, opened_again_it_is_a_new_file)
{
    char moved[128];

    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 1), 0);
    log_lines(1);
    snprintf(moved, sizeof moved, "%s", path_of("moved"));
    cr_assert_eq(rename(path_of("a.log"), moved), 0);
    log_lines(1);
    cr_expect_eq(line_count("moved"), 2, "until then the old one is written");
    cr_assert_eq(log_file_reopen(), 0);
    log_lines(1);
    cr_expect_eq(line_count("a.log"), 1);
    cr_expect_eq(line_count("moved"), 2);
}

Test(log_file, a_folder_that_is_not_there_leaves_the_log_where_it_was)
{
    cr_assert_eq(log_file_open("/none", "a", 1, 1), -ENOENT);
    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 1), 0);
    cr_assert_eq(log_file_open("/none", "a", 1, 1), -ENOENT);
    log_lines(2);
    cr_expect_eq(line_count("a.log"), 2, "neither its place nor its limits");
}

Test(log_file, a_link_is_not_followed)
{
    cr_assert_eq(symlink("/dev/null", path_of("a.log")), 0);
    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 1), -ELOOP);
}

Test(log_file, a_file_that_cannot_be_opened_again_is_written_on)
{
    cr_assert_eq(log_file_open(folder, "a", 1 << 20, 1), 0);
    cr_assert_eq(rename(path_of("a.log"), "/tmp/ferry-log-moved"), 0);
    cr_assert_eq(symlink("/dev/null", path_of("a.log")), 0);
    cr_expect_eq(log_file_reopen(), -ELOOP);
    log_lines(1);
    cr_expect_eq(unlink("/tmp/ferry-log-moved"), 0);
}
