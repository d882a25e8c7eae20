/* Sessions that are cut and taken up again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pair.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (40 * MIB + 12345)

static struct transfer_params params;
static struct text source;
static const char *sent;     /* below pair.root */
static const char *received; /* the same */
static char folder_of_parts[16];

static void set_up(void)
{
    pair_open(NULL);
}

TestSuite(partial, .init = set_up, .fini = pair_close, .timeout = 90);

static void prepare(enum transfer_operation operation,
                    enum transfer_resume resume)
{
    bool push = operation == TRANSFER_PUSH;

    sent = push ? "here/big" : "there/big";
    received = push ? "there/big" : "here/big";
    snprintf(folder_of_parts, sizeof folder_of_parts, "%s",
             push ? "there" : "here");
    source = text_of("big");
    params = pair_params(operation, &source, "/");
    params.resume = resume;
    pair_fill(sent, SIZE, 1);
}

static bool is_half_there(void)
{
    struct transfer_stats stats;

    if (pair.client_end.session == NULL)
        return true;
    transfer_stats(pair.client_end.session, &stats);
    return stats.bytes_written >= SIZE / 2;
}

/* Runs the session to about its half and cancels it. */
static void cut(void)
{
    params.rates.target_kbps = 400000;
    pair_start(&params);
    pair_run_until(is_half_there);
    cr_assert_not_null(pair.client_end.session, "it was too fast to be cut");
    transfer_cancel(pair.client_end.session);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_CANCELLED);
    cr_assert_not(pair_exists(received));
}

/* Runs it to its end; returns what went over the network. */
static uint64_t take_up(void)
{
    params.session_id = uuid_new();
    params.rates.target_kbps = 2000000;
    pair_start(&params);
    pair_run();
    cr_assert_eq(pair.client_end.stats.error, FASP_ERROR_NONE, "%s",
                 pair.client_end.error_text);
    cr_assert_eq(pair.client_end.stats.bytes_written,
                 pair.client_end.files_skipped > 0 ? 0 : SIZE);
    pair_same(sent, received);
    cr_assert_eq(pair_count(folder_of_parts), 1, "nothing else is left");
    return pair.client_end.stats.bytes_transferred;
}

static void shell(const char *format)
{
    char command[512];

    snprintf(command, sizeof command, "cd %s && %s", pair.root, format);
    cr_assert_eq(system(command), 0, "%s", command);
}


static void expect_resumed(enum transfer_operation operation,
                           enum transfer_resume resume)
{
    prepare(operation, resume);
    cut();
    cr_assert_eq(pair_count(folder_of_parts), 2, "a partial and a side file");
    uint64_t moved = take_up();
    cr_expect_lt(moved, SIZE * 6 / 10, "%llu of %llu bytes went again",
                 (unsigned long long)moved, (unsigned long long)SIZE);
}

Test(partial, a_push_goes_on_by_attributes)
{
    expect_resumed(TRANSFER_PUSH, TRANSFER_RESUME_ATTRIBUTES);
}

Test(partial, a_push_goes_on_by_samples)
{
    expect_resumed(TRANSFER_PUSH, TRANSFER_RESUME_SPARSE);
}

Test(partial, a_push_goes_on_by_all_blocks)
{
    expect_resumed(TRANSFER_PUSH, TRANSFER_RESUME_FULL);
}

Test(partial, a_pull_goes_on_by_samples)
{
    expect_resumed(TRANSFER_PULL, TRANSFER_RESUME_SPARSE);
}

Test(partial, a_pull_goes_on_by_all_blocks)
{
    expect_resumed(TRANSFER_PULL, TRANSFER_RESUME_FULL);
}

Test(partial, without_resume_nothing_is_kept)
{
    prepare(TRANSFER_PUSH, TRANSFER_RESUME_NONE);
    cut();
    cr_assert_eq(pair_count("there"), 0);
    cr_expect_geq(take_up(), SIZE);
}

/* Whatever is done to what is there between the two sessions, the file is
 * right in the end, and begins at 0. */
static void expect_from_0(enum transfer_resume resume, const char *command)
{
    prepare(TRANSFER_PUSH, resume);
    cut();
    shell(command);
    cr_expect_geq(take_up(), SIZE, "%s", command);
}

Test(partial, a_source_of_another_time_begins_at_0)
{
    expect_from_0(TRANSFER_RESUME_ATTRIBUTES, "touch -d 2001-02-03 here/big");
}

Test(partial, a_source_that_changed_under_the_same_time_is_found_by_samples)
{
    expect_from_0(TRANSFER_RESUME_SPARSE,
                  "touch -r here/big t && head -c $(stat -c %s here/big) "
                  "/dev/urandom > n && cat n > here/big && "
                  "touch -r t here/big && rm n t");
}

Test(partial, one_changed_byte_of_the_source_is_found_by_all_blocks)
{
    expect_from_0(TRANSFER_RESUME_FULL,
                  "touch -r here/big t && printf x | dd of=here/big bs=1 "
                  "seek=3000000 conv=notrunc status=none && "
                  "touch -r t here/big && rm t");
}

Test(partial, one_changed_byte_of_the_partial_file_is_found_by_all_blocks)
{
    expect_from_0(TRANSFER_RESUME_FULL,
                  "printf x | dd of=$(ls there/.ferry-*.partial) bs=1 "
                  "seek=3000000 conv=notrunc status=none");
}

Test(partial, a_partial_file_with_other_contents_is_found_by_samples)
{
    expect_from_0(TRANSFER_RESUME_SPARSE,
                  "head -c 41000000 /dev/zero > z && "
                  "cat z > $(ls there/.ferry-*.partial) && rm z");
}

Test(partial, a_side_file_without_its_partial_file_is_of_no_use)
{
    expect_from_0(TRANSFER_RESUME_SPARSE, "rm there/.ferry-*.partial");
}

Test(partial, a_partial_file_without_its_side_file_is_of_no_use)
{
    expect_from_0(TRANSFER_RESUME_SPARSE, "rm there/.*.ferry-resume");
}

Test(partial, a_side_file_that_is_rubbish_is_of_no_use)
{
    expect_from_0(TRANSFER_RESUME_ATTRIBUTES,
                  "head -c 500 /dev/urandom > $(ls there/.*.ferry-resume)");
}

Test(partial, a_link_in_place_of_the_partial_file_is_not_written_through)
{
    expect_from_0(TRANSFER_RESUME_SPARSE,
                  "echo precious > victim && rm there/.ferry-*.partial && "
                  "ln -s ../victim there/$(ls -A there | "
                  "sed s/.ferry-resume//)");
    shell("grep -q precious victim");
}

Test(partial, a_second_name_of_another_file_is_not_written_through)
{
    expect_from_0(TRANSFER_RESUME_SPARSE,
                  "head -c 41000000 /dev/zero > victim && "
                  "ln -f victim there/$(cd there; ls -d .ferry-*.partial)");
    shell("cmp victim /dev/zero 2>&1 | grep -q 'EOF on victim'");
}

Test(partial, what_is_the_same_already_is_skipped_by_its_contents)
{
    prepare(TRANSFER_PUSH, TRANSFER_RESUME_SPARSE);
    cr_expect_geq(take_up(), SIZE);
    shell("touch -d 2001-02-03 there/big");
    cr_expect_eq(take_up(), 0);
    cr_expect_eq(pair.client_end.files_skipped, 1);
}

Test(partial, what_differs_in_a_byte_is_sent_again)
{
    prepare(TRANSFER_PUSH, TRANSFER_RESUME_SPARSE);
    cr_expect_geq(take_up(), SIZE);
    shell("printf x | dd of=there/big bs=1 seek=7777777 conv=notrunc "
          "status=none");
    cr_expect_geq(take_up(), SIZE);
    cr_expect_eq(pair.client_end.files_skipped, 0);
}

Test(partial, a_thousand_files_that_are_there_are_skipped)
{
    prepare(TRANSFER_PUSH, TRANSFER_RESUME_SPARSE);
    shell("rm here/big && mkdir here/big && cd here/big && "
          "for i in $(seq 1500); do echo $i > $i; done && "
          "cp -r ../../here/big ../../there/");
    params.session_id = uuid_new();
    pair_start(&params);
    pair_run();
    cr_expect_eq(pair.client_end.stats.error, FASP_ERROR_NONE);
    cr_expect_eq(pair.client_end.stats.bytes_transferred, 0);
    cr_expect_eq(pair.client_end.files_skipped, 1500);
}
