#include "transfer/file_writer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"

static struct file_writer *writer;
static struct file_writer_status status;
static struct file_writer_options options;
static uint8_t catalogue[65536];
static struct bytes_writer records;
static struct catalogue_totals totals;
/* What was told, as "s0 e0=2 " for a start and an end with its state. */
static char told[4096];
static uint64_t skipped_bytes;

static void set_up(void)
{
    folder_open();
    options = (struct file_writer_options){
        .docroot = text_of(folder),
        .source_count = 1,
        .overwrite = WRITER_OVERWRITE_DIFF,
    };
    records = bytes_write_to(catalogue, sizeof catalogue);
    totals = (struct catalogue_totals){0};
    told[0] = '\0';
    skipped_bytes = 0;
}

static void tear_down(void)
{
    file_writer_free(writer);
    folder_close();
}

TestSuite(file_writer, .init = set_up, .fini = tear_down);

static void open_writer(const char *destination)
{
    char text[256];

    options.destination = text_of(destination);
    writer = file_writer_new(&options);
    cr_assert_not_null(writer);
    cr_assert_eq(file_writer_prepare(writer, text, sizeof text), 0, "%s", text);
}

static void put(enum catalogue_kind kind, const char *path, uint64_t size_bytes,
                uint16_t mode)
{
    struct catalogue_record record = {
        .kind = kind,
        .path = text_of(path),
        .size_bytes = size_bytes,
        .mode = mode,
        .error = kind == CATALOGUE_FAILED ? FASP_ERROR_PERMISSION : 0,
        .mtime_ns = INT64_C(981173106123456789),
    };

    cr_assert(catalogue_count(&totals, &record));
    catalogue_put(&records, &record);
}

static void take(struct file_writer_result *result)
{
    for (uint32_t i = 0; i < result->event_count; i++) {
        struct file_writer_event *event = &result->events[i];
        size_t used = strlen(told);
        if (event->kind == WRITER_SKIP)
            skipped_bytes += event->to_place - event->from_place;
        else if (event->kind == WRITER_FILE_STARTED)
            snprintf(told + used, sizeof told - used, "s%d ",
                     (int)event->file->local_id);
        else
            snprintf(told + used, sizeof told - used, "e%d=%d ",
                     (int)event->file->local_id, (int)event->file->state);
    }
    file_writer_result_free(result);
    file_writer_status(writer, &status);
}

/* Gives the records so far, cut after each `piece_bytes`. */
static void give_records(uint32_t piece_bytes)
{
    struct file_writer_result result = {0};
    uint32_t size_bytes = (uint32_t)bytes_written(&records);

    for (uint32_t at = 0; at < size_bytes; at += piece_bytes) {
        uint32_t piece =
            size_bytes - at < piece_bytes ? size_bytes - at : piece_bytes;
        cr_assert_eq(
            file_writer_catalogue(writer, catalogue + at, piece, &result),
            piece);
    }
    take(&result);
    records = bytes_write_to(catalogue, sizeof catalogue);
}

static void give_data(uint64_t place, const char *data, uint32_t size_bytes)
{
    struct file_writer_result result = {0};

    file_writer_data(writer, place, (const uint8_t *)data, size_bytes, &result);
    take(&result);
}

static void end(void)
{
    struct catalogue_record record = {.kind = CATALOGUE_END, .totals = totals};

    catalogue_put(&records, &record);
    give_records(UINT32_MAX / 2);
}

static void settle(void)
{
    struct file_writer_result result = {0};

    file_writer_settle(writer, &result);
    file_writer_finish(writer);
    take(&result);
}

Test(file_writer, data_finds_its_files_in_any_order)
{
    open_writer("/");
    put(CATALOGUE_FOLDER, "d", 0, 0755);
    put(CATALOGUE_FILE, "d/a", 3, 0644);
    put(CATALOGUE_FILE, "d/empty", 0, 0644);
    put(CATALOGUE_FILE, "d/b", 4, 0600);
    put(CATALOGUE_FILE, "d/c", 2, 0444);
    give_records(1);
    end();
    cr_assert(status.catalogue_complete);
    give_data(5, "bbcc", 4); /* the end of b, and c */
    give_data(0, "aaabb", 5);
    cr_assert_str_eq(told, "s2 s3 s0 ");
    cr_assert_eq(status.settling_count, 4);
    folder_shell("test $(ls d | wc -l) = 0"); /* nothing under its name yet */
    settle();
    cr_assert_str_eq(told, "s2 s3 s0 e1=3 e3=3 e0=3 e2=3 ");
    folder_shell("cd d && test $(cat a) = aaa && test $(cat b) = bbbb && test "
                 "$(cat c) = cc && test -f empty && test $(ls -A | wc -l) = 4 "
                 "&& test $(stat -c %a b) = 600 && test $(stat -c %a c) = 444");
    cr_assert_eq(status.written_bytes, 9);
}

Test(file_writer, what_is_not_finished_leaves_nothing)
{
    open_writer("/");
    put(CATALOGUE_FILE, "a", 3, 0644);
    put(CATALOGUE_FILE, "b", 3, 0644);
    give_records(10000);
    give_data(0, "aaab", 4);
    file_writer_free(writer);
    writer = NULL;
    folder_shell("test $(ls -A | wc -l) = 0");
}

Test(file_writer, a_failure_that_the_sender_told_holds_before_and_after)
{
    struct file_writer_result result = {0};

    open_writer("/");
    file_writer_fail_file(writer, 1, FASP_ERROR_DISK_READ, &result);
    put(CATALOGUE_FILE, "a", 3, 0644);
    put(CATALOGUE_FILE, "b", 3, 0644);
    put(CATALOGUE_FILE, "c", 3, 0644);
    give_records(10000);
    cr_assert_str_eq(told, "e1=5 ");
    give_data(0, "aaaXXXc", 7);
    file_writer_fail_file(writer, 2, FASP_ERROR_DISK_READ, &result);
    file_writer_fail_file(writer, 0, FASP_ERROR_DISK_READ, &result);
    take(&result);
    cr_assert_eq(skipped_bytes, 6, "complete files are not failed any more");
    settle();
    folder_shell("test $(ls -A) = a");
    cr_assert_eq(status.written_bytes, 3);
}

Test(file_writer, failed_records_count_and_write_nothing)
{
    open_writer("new/");
    put(CATALOGUE_FAILED, "../x", 0, 0);
    give_records(10000);
    end();
    settle();
    cr_assert_str_eq(told, "e0=5 ");
    folder_shell("test $(ls -A | wc -l) = 0");
}

Test(file_writer, modes_and_times_are_kept_where_asked_and_set_at_the_end)
{
    options.preserve_times = true;
    open_writer("/");
    put(CATALOGUE_FOLDER, "d", 0, 0555); /* and still files go in */
    put(CATALOGUE_FILE, "d/a", 1, 0755);
    give_records(10000);
    end();
    give_data(0, "a", 1);
    settle();
    folder_shell(
        "test $(stat -c %a d) = 555 && test $(stat -c %a d/a) = 755 && "
        "test $(stat -c %Y d) = 981173106 && "
        "test $(stat -c %Y d/a) = 981173106");
}

Test(file_writer, a_hundred_files_settle_together)
{
    char name[16];
    char data[100];

    memset(data, 'x', sizeof data);
    open_writer("/");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put(CATALOGUE_FILE, name, 1, 0644);
    }
    give_records(10000);
    give_data(0, data, 100);
    cr_assert_eq(status.settling_count, 100 - WRITER_SETTLE_COUNT);
    settle();
    folder_shell("test $(ls -A | wc -l) = 100 && test $(cat f99) = x");
}

Test(file_writer, more_open_files_than_descriptors_are_kept_are_written)
{
    char name[16];

    open_writer("/");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put(CATALOGUE_FILE, name, 2, 0444);
    }
    give_records(10000);
    for (uint64_t i = 0; i < 200; i++)
        give_data(2 * i, "a", 1);
    for (uint64_t i = 0; i < 200; i++)
        give_data(2 * i + 1, "b", 1);
    settle();
    folder_shell("test $(ls -A | wc -l) = 200 && test $(cat f0) = ab && "
                 "test $(cat f199) = ab");
}

Test(file_writer, a_catalogue_that_breaks_its_rules_ends_the_session)
{
    static const uint8_t bad[] = {CATALOGUE_FILE, 0, 0, 2, '.', '.'};
    struct file_writer_result result = {0};
    uint8_t padded[40] = {0};

    memcpy(padded, bad, sizeof bad);
    open_writer("/");
    file_writer_catalogue(writer, padded, sizeof padded, &result);
    take(&result);
    cr_assert_eq(status.error, FASP_ERROR_ILLEGAL_CHARACTERS);
}

Test(file_writer, names_of_our_own_are_refused_from_a_peer)
{
    open_writer("/");
    put(CATALOGUE_FILE, "a.ferry-resume", 0, 0644);
    put(CATALOGUE_FOLDER, ".ferry-0123456789abcdef-1", 0, 0755);
    put(CATALOGUE_FILE, ".ferry-0123456789abcdef-1/x", 0, 0644);
    put(CATALOGUE_FILE, "good", 0, 0644);
    end();
    settle();
    cr_assert_eq(status.error, FASP_ERROR_NONE);
    cr_assert_str_eq(told, "e0=5 e1=5 e2=3 ");
    folder_shell("test $(ls -A | wc -l) = 1");
}

Test(file_writer, what_a_crash_left_in_a_folder_goes_with_the_next_session)
{
    folder_shell("touch -d '2 minutes ago' .ferry-0123456789abcdef-1");
    open_writer("/");
    put(CATALOGUE_FILE, "a", 0, 0644);
    end();
    settle();
    folder_shell("test $(ls -A | wc -l) = 1");
}

Test(file_writer, a_link_in_the_tree_cannot_lead_out)
{
    folder_shell("mkdir root out && ln -s ../out root/d");
    char path[FOLDER_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/root", folder);
    options.docroot = text_of(path);
    open_writer("/");
    put(CATALOGUE_FOLDER, "d", 0, 0755);
    put(CATALOGUE_FILE, "d/a", 1, 0644);
    put(CATALOGUE_FILE, "d/e", 0, 0644);
    give_records(10000);
    give_data(0, "a", 1);
    settle();
    cr_assert_str_eq(told, "e0=5 e1=5 ");
    folder_shell("test $(ls -A out | wc -l) = 0");
}

/* Seen as an abort of the server when a session ended early. */
Test(file_writer, may_go_with_a_file_open_before_others_that_ended)
{
    folder_shell("echo here >there");
    options.overwrite = WRITER_OVERWRITE_NEVER;
    open_writer("/");
    put(CATALOGUE_FILE, "open", 10, 0644);
    put(CATALOGUE_FILE, "there", 10, 0644);
    put(CATALOGUE_FILE, "open too", 10, 0644);
    give_records(65536);
    give_data(0, "12345", 5);
    give_data(20, "12345", 5);
    cr_expect_not_null(strstr(told, "e1="), "%s", told);
}
