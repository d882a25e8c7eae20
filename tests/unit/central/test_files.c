#include <criterion/criterion.h>
#include <stdio.h>

#include "central/changes.h"
#include "central/files.h"
#include "harness.h"

static struct files *files;
static struct uuid session;

static void set_up(void)
{
    harness_make_folder();
    harness_open(0);
    files = &harness.central->files;
    session = uuid_new();
}

static void tear_down(void)
{
    harness_close();
    harness_remove_folder();
}

TestSuite(files, .init = set_up, .fini = tear_down, .timeout = 30);

static void report(uint64_t local_id, uint64_t size_bytes,
                   enum transfer_file_state state)
{
    struct transfer_file file = {
        .local_id = local_id,
        .path = text_of("folder/name"),
        .state = state,
        .size_bytes = size_bytes,
        .start_us = 1000,
        .end_us = state == TRANSFER_FILE_RUNNING ? 0 : 2000,
    };

    files_report(files, session, &file);
}

/* Rows that wait for the store. */
static uint32_t gathered(void)
{
    return files->gathering != NULL ? change_row_count(files->gathering) : 0;
}

Test(files, a_small_one_that_is_soon_over_is_one_row)
{
    report(0, 4096, TRANSFER_FILE_RUNNING);
    cr_assert_eq(files->starts.count, 1);
    cr_assert_eq(gathered(), 0);
    report(0, 4096, TRANSFER_FILE_RUNNING); /* how far it is */
    cr_assert_eq(files->starts.count, 1);
    report(0, 4096, TRANSFER_FILE_COMPLETED);
    cr_assert_eq(files->starts.count, 0);
    cr_assert_eq(gathered(), 1);
}

Test(files, each_waits_for_its_own_end)
{
    struct uuid other = uuid_new();

    report(0, 1, TRANSFER_FILE_RUNNING);
    report(1, 1, TRANSFER_FILE_RUNNING);
    report(2, 1, TRANSFER_FILE_RUNNING);
    report(1, 1, TRANSFER_FILE_FAILED);
    cr_assert_eq(files->starts.count, 2);
    session = other;
    report(0, 1, TRANSFER_FILE_COMPLETED);
    cr_assert_eq(files->starts.count, 2, "of another session");
}

Test(files, a_large_one_is_seen_to_run_at_once)
{
    report(0, FILES_SMALL_BYTES - 1, TRANSFER_FILE_RUNNING);
    cr_assert_eq(gathered(), 0);
    report(1, FILES_SMALL_BYTES, TRANSFER_FILE_RUNNING);
    cr_assert_eq(gathered(), 1);
    cr_assert_eq(files->starts.count, 1);
}

Test(files, none_waits_when_a_session_ends)
{
    report(0, 1, TRANSFER_FILE_RUNNING);
    report(1, 1, TRANSFER_FILE_RUNNING);
    files_flush(files);
    cr_assert_eq(files->starts.count, 0);
    cr_assert_not(loop_timer_running(&files->start_timer));
    cr_assert_not_null(harness.central->changes.first);
}

static bool none_waits(void *user)
{
    (void)user;
    return files->starts.count == 0;
}

Test(files, one_that_runs_on_is_written_after_a_while)
{
    report(0, 1, TRANSFER_FILE_RUNNING);
    harness_run_until(none_waits, NULL);
    cr_assert_eq(gathered(), 1);
}

Test(files, beyond_the_limit_the_oldest_are_written)
{
    for (uint32_t i = 0; i < LIMIT_FILES_STARTING; i++)
        report(i, 1, TRANSFER_FILE_RUNNING);
    cr_assert_eq(files->starts.count, LIMIT_FILES_STARTING);
    report(LIMIT_FILES_STARTING, 1, TRANSFER_FILE_RUNNING);
    cr_assert_leq(files->starts.count, LIMIT_FILES_STARTING);
    cr_assert(files->gathering != NULL ||
              harness.central->changes.first != NULL);
}
