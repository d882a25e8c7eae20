#include "transfer/scan.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

static struct scan *scan;
static char listing[1 << 20]; /* "kind path" lines, in order */
static size_t listing_bytes;
static struct catalogue_totals totals;
static uint32_t batch_count;

static void set_up(void)
{
    folder_open();
}

static void tear_down(void)
{
    scan_close(scan);
    folder_close();
}

TestSuite(scan, .init = set_up, .fini = tear_down);

static struct scan_options options;

static void open_scan(const char *const *sources, uint32_t count)
{
    struct text texts[8];

    for (uint32_t i = 0; i < count; i++)
        texts[i] = text_of(sources[i]);
    scan = scan_open(text_of(folder), texts, count, &options);
    cr_assert_not_null(scan);
}

static void add_record(const struct catalogue_record *record)
{
    static const char *const kinds[] = {"", "folder ", "file ", "link ",
                                        "failed "};
    char *at = listing + listing_bytes;
    size_t room = sizeof listing - listing_bytes;

    if (record->kind == CATALOGUE_END || room < LIMIT_PATH_BYTES)
        return;
    if (record->kind == CATALOGUE_FAILED)
        listing_bytes +=
            (size_t)snprintf(at, room, "failed %u %.*s\n", record->error,
                             (int)record->path.size_bytes, record->path.data);
    else
        listing_bytes +=
            (size_t)snprintf(at, room, "%s%.*s\n", kinds[record->kind],
                             (int)record->path.size_bytes, record->path.data);
}

/* Runs the scan to its end through the parser that the receiver has, and
 * checks that tables and records agree. */
static void run_scan(void)
{
    struct catalogue_parser *parser = malloc(sizeof *parser);
    struct catalogue_record record;
    uint64_t catalogue_place = 0;
    uint64_t data_place = 0;
    bool last = false;

    catalogue_parser_init(parser);
    listing[0] = '\0';
    listing_bytes = 0;
    batch_count = 0;
    while (!last) {
        struct scan_batch *batch = scan_next(scan);
        cr_assert_not_null(batch);
        batch_count++;
        cr_assert_eq(batch->catalogue_place, catalogue_place);
        cr_assert_eq(batch->data_place, data_place);
        catalogue_place += batch->catalogue_bytes;
        struct bytes_reader input =
            bytes_read_from(batch->catalogue, batch->catalogue_bytes);
        enum catalogue_result result;
        while ((result = catalogue_next(parser, &input, &record)) ==
               CATALOGUE_RECORD) {
            add_record(&record);
            if (record.kind != CATALOGUE_FILE)
                continue;
            struct scan_file *file =
                &batch->files[record.file_id - batch->file_id];
            cr_assert_eq(file->place, record.place);
            cr_assert_eq(file->size_bytes, record.size_bytes);
            data_place += record.size_bytes;
        }
        last = batch->last;
        cr_assert_eq(result, last ? CATALOGUE_DONE : CATALOGUE_MORE);
        cr_assert_eq(batch->data_end, data_place);
        totals = batch->totals;
        scan_batch_free(batch);
    }
    free(parser);
}

static enum fasp_error check(void)
{
    char text[256];

    return scan_check(scan, text, sizeof text);
}

Test(scan, a_folder_arrives_as_itself_and_a_file_by_its_name)
{
    static const char *const sources[] = {"/x/tree/", "x/y/file"};

    folder_shell("mkdir -p x/tree/sub x/y && echo 1 > x/tree/sub/a && "
                 "echo 22 > x/y/file");
    open_scan(sources, 2);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_str_eq(listing, "folder tree\nfolder tree/sub\n"
                              "file tree/sub/a\nfile file\n");
    cr_expect_eq(totals.files, 2);
    cr_expect_eq(totals.bytes, 5);
}

Test(scan, the_docroot_itself_gives_its_contents)
{
    static const char *const sources[] = {"/"};

    folder_shell("echo 1 > only");
    open_scan(sources, 1);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_str_eq(listing, "file only\n");
}

Test(scan, sources_are_judged_before_anything_is_sent)
{
    static const struct {
        const char *source;
        enum fasp_error error;
    } cases[] = {
        {"good", FASP_ERROR_NONE},
        {"no", FASP_ERROR_NO_SUCH_FILE},
        {"no/no", FASP_ERROR_NO_SUCH_FILE},
        {"../x", FASP_ERROR_OUTSIDE_DOCROOT},
        {"out", FASP_ERROR_OUTSIDE_DOCROOT},
        {"out/hostname", FASP_ERROR_OUTSIDE_DOCROOT},
        {"self", FASP_ERROR_LINK_LOOP},
        {"good/x", FASP_ERROR_TARGET_NO_FOLDER},
    };

    folder_shell("echo 1 > good && ln -s /etc out && ln -s self self");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scan_close(scan);
        open_scan(&cases[i].source, 1);
        cr_expect_eq(check(), cases[i].error, "%s", cases[i].source);
    }
}

Test(scan, one_missing_source_of_several_is_a_failed_entry)
{
    static const char *const sources[] = {"no", "good"};

    folder_shell("echo 1 > good");
    open_scan(sources, 2);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_str_eq(listing, "failed 4 no\nfile good\n");
    cr_expect_eq(scan_first_error(scan), FASP_ERROR_NO_SUCH_FILE);
}

Test(scan, two_sources_of_one_name_are_error_3)
{
    static const char *const sources[] = {"a/x", "y", "b/x"};
    static const char *const roots[] = {"/", "."};

    folder_shell("mkdir a b && touch a/x b/x y");
    open_scan(sources, 3);
    cr_expect_eq(check(), FASP_ERROR_AMBIGUOUS_TARGET);
    scan_close(scan);
    open_scan(sources, 2);
    cr_expect_eq(check(), FASP_ERROR_NONE);
    scan_close(scan);
    open_scan(roots, 2); /* has no name of its own */
    cr_expect_eq(check(), FASP_ERROR_NONE);
}

Test(scan, names_that_receivers_keep_for_themselves_are_not_sent)
{
    static const char *const sources[] = {"a",
                                          ".ferry-0123456789abcdef.partial"};

    folder_shell("mkdir a && touch a/b a/.ferry-0123456789abcdef-7 "
                 "a/b.ferry-resume .ferry-0123456789abcdef.partial");
    open_scan(sources, 2);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_str_eq(listing,
                     "folder a\nfile a/b\n"
                     "failed 56 .ferry-0123456789abcdef.partial\n");
}

Test(scan, what_cannot_be_sent_is_listed_with_its_error)
{
    static const char *const sources[] = {"d"};

    folder_shell("mkdir d && mkfifo d/fifo");
    open_scan(sources, 1);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_str_eq(listing, "folder d\nfailed 21 d/fifo\n");
    scan_close(scan);
    folder_shell("rm d/fifo && mkdir d/e && ln -s .. d/e/up");
    open_scan(sources, 1);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_str_eq(listing, "folder d\nfolder d/e\nfailed 63 d/e/up\n");
}

Test(scan, a_hundred_thousand_entries_come_in_batches)
{
    static const char *const sources[] = {"many"};

    folder_shell("mkdir many && cd many && seq 0 99999 | xargs touch");
    open_scan(sources, 1);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_eq(totals.files, 100000);
    cr_expect_gt(batch_count, 90);
}

Test(scan, a_deep_tree_is_walked_down_and_up_again)
{
    static const char *const sources[] = {"deep"};
    uint32_t files = 0;

    /* Deeper than the folders that are kept open, with entries on both sides
     * of each way down. */
    folder_shell("p=deep; for i in $(seq 100); do mkdir $p; touch $p/a $p/z; "
                 "p=$p/m; done");
    open_scan(sources, 1);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_eq(totals.files, 200);
    cr_expect_eq(totals.folders, 100);
    for (char *at = listing; (at = strstr(at, "/z\n")) != NULL; at++)
        files++;
    cr_expect_eq(files, 100);
}

Test(scan, a_tree_deeper_than_paths_may_be_fails_there)
{
    static const char *const sources[] = {"deep"};

    char name[251];
    int fd = open(folder, O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%0250d", i);
        const char *next = i == 0 ? "deep" : name;
        cr_assert_eq(mkdirat(fd, next, 0755), 0);
        int below_fd = openat(fd, next, O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = below_fd;
    }
    close(fd);
    open_scan(sources, 1);
    cr_assert_eq(check(), FASP_ERROR_NONE);
    run_scan();
    cr_expect_eq(totals.files, 0);
    cr_expect_eq(totals.failed, 1);
    cr_expect_eq(scan_first_error(scan), FASP_ERROR_PATH_TOO_LONG);
}
