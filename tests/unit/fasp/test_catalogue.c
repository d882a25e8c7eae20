#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "fasp/catalogue.h"
#include "fasp/error.h"

static uint8_t wire[64 << 10];
static struct bytes_writer writer;
static struct catalogue_parser parser;
static char filler[LIMIT_PATH_BYTES + 1];

static void set_up(void)
{
    writer = bytes_write_to(wire, sizeof wire);
    catalogue_parser_init(&parser);
    for (size_t i = 0; i < sizeof filler; i++)
        filler[i] = i % 200 == 199 ? '/' : 'x';
}

TestSuite(catalogue, .init = set_up, .timeout = 60);

static struct text long_path(uint32_t size_bytes)
{
    if (filler[size_bytes - 1] == '/')
        filler[size_bytes - 1] = 'y';
    return text_from(filler, size_bytes);
}

static const struct catalogue_record records[] = {
    {.kind = CATALOGUE_FOLDER,
     .path = {"tree", 4},
     .mtime_ns = 5,
     .mode = 0755,
     .flags = CATALOGUE_HAS_OWNER | CATALOGUE_HAS_ACCESS_TIME,
     .uid = 1000,
     .gid = UINT32_MAX,
     .atime_ns = -7},
    {.kind = CATALOGUE_FILE,
     .path = {"tree/a", 6},
     .size_bytes = 1000,
     .mtime_ns = -1,
     .mode = 0644,
     .flags = CATALOGUE_HAS_ACCESS_TIME,
     .atime_ns = 9},
    {.kind = CATALOGUE_FILE, .path = {"tree/empty", 10}, .mode = 0},
    {.kind = CATALOGUE_SYMLINK,
     .path = {"tree/link", 9},
     .target = {"../../etc", 9},
     .mtime_ns = INT64_MIN},
    {.kind = CATALOGUE_FAILED, .path = {"/no/such", 8}, .error = 4},
    {.kind = CATALOGUE_FILE,
     .path = {"odd \n\xff\xc3", 7},
     .size_bytes = CATALOGUE_DATA_BYTES_MAX - 1000,
     .mtime_ns = INT64_MAX,
     .mode = 0777},
    {.kind = CATALOGUE_END, .totals = {3, 1, 1, 1, CATALOGUE_DATA_BYTES_MAX}},
};
enum { RECORDS = sizeof records / sizeof records[0] };

static void put_all(void)
{
    for (int i = 0; i < RECORDS; i++)
        catalogue_put(&writer, &records[i]);
    cr_assert_not(writer.failed);
}

static void expect_record(const struct catalogue_record *got, int index)
{
    const struct catalogue_record *sent = &records[index];

    cr_assert_eq(got->kind, sent->kind);
    cr_assert(text_equal(got->path, sent->path));
    cr_assert(text_equal(got->target, sent->target));
    cr_assert_eq(got->mtime_ns, sent->mtime_ns);
    cr_assert_eq(got->mode, sent->mode);
    cr_assert_eq(got->flags, sent->flags);
    cr_assert_eq(got->uid, sent->uid);
    cr_assert_eq(got->gid, sent->gid);
    cr_assert_eq(got->atime_ns, sent->atime_ns);
    cr_assert_eq(got->size_bytes, sent->size_bytes);
    cr_assert_eq(got->error, sent->error);
    cr_assert_eq(memcmp(&got->totals, &sent->totals, sizeof got->totals), 0);
    if (index == 5) {
        cr_assert_eq(got->file_id, 2);
        cr_assert_eq(got->place, 1000);
    }
}

/* Feeds `size_bytes` of `wire` in pieces that end at `cut` and then every
 * `step` bytes; each piece has memory of its own. */
static void expect_all(uint32_t cut, uint32_t step)
{
    uint32_t size_bytes = (uint32_t)bytes_written(&writer);
    uint32_t at = 0, piece_bytes = cut;
    int index = 0;

    catalogue_parser_init(&parser);
    while (at < size_bytes) {
        if (piece_bytes > size_bytes - at)
            piece_bytes = size_bytes - at;
        uint8_t *piece = malloc(piece_bytes > 0 ? piece_bytes : 1);
        memcpy(piece, wire + at, piece_bytes);
        struct bytes_reader input = bytes_read_from(piece, piece_bytes);
        struct catalogue_record record;
        enum catalogue_result result;
        while ((result = catalogue_next(&parser, &input, &record)) !=
               CATALOGUE_MORE) {
            cr_assert_eq(result, index == RECORDS - 1 ? CATALOGUE_DONE
                                                      : CATALOGUE_RECORD);
            expect_record(&record, index++);
        }
        cr_assert_eq(bytes_left(&input), 0);
        free(piece);
        at += piece_bytes;
        piece_bytes = step;
    }
    cr_assert_eq(index, RECORDS);
    cr_assert_eq(parser.result, CATALOGUE_DONE);
}

Test(catalogue, records_come_back_whole_byte_by_byte_and_cut_anywhere)
{
    put_all();
    expect_all(UINT32_MAX, 1);
    expect_all(1, 1);
    for (uint32_t cut = 0; cut <= bytes_written(&writer); cut++)
        expect_all(cut, UINT32_MAX);
}

Test(catalogue, the_caller_may_stop_between_records)
{
    put_all();
    struct bytes_reader input = bytes_read_from(wire, bytes_written(&writer));
    struct catalogue_record record;

    cr_assert_eq(catalogue_next(&parser, &input, &record), CATALOGUE_RECORD);
    expect_record(&record, 0);
    size_t left = bytes_left(&input);
    cr_assert_gt(left, 0);

    /* The rest may lie elsewhere when it goes on. */
    static uint8_t moved[sizeof wire];
    memcpy(moved, input.at, left);
    input = bytes_read_from(moved, left);
    cr_assert_eq(catalogue_next(&parser, &input, &record), CATALOGUE_RECORD);
    expect_record(&record, 1);
}

/* What parsing one record, as its bytes are on the wire, leads to. */
static enum catalogue_result parse_wire(void)
{
    struct bytes_reader input = bytes_read_from(wire, bytes_written(&writer));
    struct catalogue_record record;
    enum catalogue_result result;

    catalogue_parser_init(&parser);
    result = catalogue_next(&parser, &input, &record);
    if (result != CATALOGUE_RECORD && result != CATALOGUE_MORE &&
        result != CATALOGUE_DONE) {
        /* The first error sticks, whatever comes. */
        struct bytes_reader more = bytes_read_from("\1\0\0\1a", 5);
        cr_assert_eq(catalogue_next(&parser, &more, &record), result);
        cr_assert_neq(catalogue_error(result), FASP_ERROR_NONE);
        cr_assert_str_neq(catalogue_result_text(result), "");
    }
    return result;
}

static enum catalogue_result parse_path(enum catalogue_kind kind,
                                        struct text path)
{
    set_up();
    bytes_put_u8(&writer, (uint8_t)kind);
    bytes_put_u8(&writer, 0);
    bytes_put_text(&writer, path);
    if (kind == CATALOGUE_SYMLINK)
        bytes_put_text(&writer, text_of("t"));
    for (int i = 0; i < 17; i++)
        bytes_put_u8(&writer, 0);
    bytes_put_u8(&writer, 1); /* FAILED's error is 0 0 0 0 else */
    return parse_wire();
}

Test(catalogue, a_path_that_leads_elsewhere_is_refused)
{
    static const struct {
        const char *path;
        uint32_t size_bytes;
        bool good;
    } cases[] = {
        {"a", 1, true},       {"a/b/c", 5, true},  {"...", 3, true},
        {"..a", 3, true},     {".a/a.", 5, true},  {" ", 1, true},
        {"\\..\\a", 5, true}, {"\xff\n", 2, true}, {"", 0, false},
        {"/", 1, false},      {"/a", 2, false},    {"a/", 2, false},
        {"a//b", 4, false},   {".", 1, false},     {"..", 2, false},
        {"./a", 3, false},    {"../a", 4, false},  {"a/.", 3, false},
        {"a/..", 4, false},   {"a/./b", 5, false}, {"a/../b", 6, false},
        {"a\0b", 3, false},   {"\0", 1, false},    {"a/b\0", 4, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text path = text_from(cases[i].path, cases[i].size_bytes);
        enum catalogue_result expected =
            cases[i].good ? CATALOGUE_RECORD : CATALOGUE_BAD_PATH;

        cr_assert_eq(catalogue_path_is_good(path), cases[i].good, "%s",
                     cases[i].path);
        cr_assert_eq(parse_path(CATALOGUE_FOLDER, path), expected, "%s",
                     cases[i].path);
        cr_assert_eq(parse_path(CATALOGUE_FILE, path), expected);
        cr_assert_eq(parse_path(CATALOGUE_SYMLINK, path), expected);
    }
    cr_assert_not(catalogue_path_is_good(TEXT_ABSENT));
    cr_assert_eq(catalogue_error(CATALOGUE_BAD_PATH),
                 FASP_ERROR_ILLEGAL_CHARACTERS);
}

Test(catalogue, names_and_paths_have_limits)
{
    cr_assert(catalogue_path_is_good(long_path(LIMIT_PATH_BYTES)));
    cr_assert_eq(parse_path(CATALOGUE_FILE, long_path(LIMIT_PATH_BYTES)),
                 CATALOGUE_RECORD);
    cr_assert_not(catalogue_path_is_good(long_path(LIMIT_PATH_BYTES + 1)));
    cr_assert_eq(parse_path(CATALOGUE_FILE, long_path(LIMIT_PATH_BYTES + 1)),
                 CATALOGUE_PATH_TOO_LONG);
    cr_assert_eq(parse_path(CATALOGUE_FAILED, long_path(LIMIT_PATH_BYTES + 1)),
                 CATALOGUE_PATH_TOO_LONG);

    char name[LIMIT_NAME_BYTES + 3];
    memset(name, 'n', sizeof name);
    name[1] = '/';
    struct text fits = text_from(name, 2 + LIMIT_NAME_BYTES);
    struct text exceeds = text_from(name, 3 + LIMIT_NAME_BYTES);
    cr_assert(catalogue_path_is_good(fits));
    cr_assert_not(catalogue_path_is_good(exceeds));
    cr_assert_eq(parse_path(CATALOGUE_FILE, fits), CATALOGUE_RECORD);
    cr_assert_eq(parse_path(CATALOGUE_FILE, exceeds), CATALOGUE_PATH_TOO_LONG);
    cr_assert_eq(catalogue_error(CATALOGUE_PATH_TOO_LONG),
                 FASP_ERROR_PATH_TOO_LONG);
}

Test(catalogue, the_largest_record_is_as_large_as_it_says)
{
    struct catalogue_record record = {.kind = CATALOGUE_SYMLINK,
                                      .path = long_path(LIMIT_PATH_BYTES),
                                      .target = long_path(LIMIT_PATH_BYTES)};

    catalogue_put(&writer, &record);
    cr_assert_eq(bytes_written(&writer), CATALOGUE_RECORD_BYTES_MAX);
    cr_assert_eq(parse_wire(), CATALOGUE_RECORD);
}

Test(catalogue, a_record_that_does_not_fit_is_not_begun)
{
    catalogue_put(&writer, &records[0]);
    size_t first_bytes = bytes_written(&writer);

    for (size_t room = first_bytes; room < 2 * first_bytes; room++) {
        writer = bytes_write_to(wire, room);
        catalogue_put(&writer, &records[0]);
        cr_assert_not(writer.failed);
        catalogue_put(&writer, &records[0]);
        cr_assert(writer.failed);
        cr_assert_eq(bytes_written(&writer), first_bytes);
    }
}

Test(catalogue, unknown_kinds_are_refused)
{
    for (uint32_t kind = 0; kind < 256; kind++) {
        bool known = kind >= CATALOGUE_FOLDER && kind <= CATALOGUE_END;
        writer = bytes_write_to(wire, sizeof wire);
        bytes_put_u8(&writer, (uint8_t)kind);
        bytes_put_u8(&writer, 0);
        cr_assert_eq(parse_wire(), known ? CATALOGUE_MORE : CATALOGUE_BAD_KIND);
    }
}

Test(catalogue, flags_of_later_versions_are_ignored)
{
    catalogue_put(&writer, &records[0]);
    wire[1] = 0xff;
    cr_assert_eq(parse_wire(), CATALOGUE_RECORD);
}

Test(catalogue, no_bit_but_permissions_travels)
{
    for (uint32_t bit = 0; bit < 16; bit++) {
        writer = bytes_write_to(wire, sizeof wire);
        catalogue_put(&writer, &records[1]);
        wire[bytes_written(&writer) - 10] = (uint8_t)(1u << bit >> 8);
        wire[bytes_written(&writer) - 9] = (uint8_t)(1u << bit);
        cr_assert_eq(parse_wire(), (1u << bit) <= 0777 ? CATALOGUE_RECORD
                                                       : CATALOGUE_BAD_FIELD);
    }
}

Test(catalogue, a_failure_needs_an_error)
{
    catalogue_put(&writer, &records[4]);
    wire[bytes_written(&writer) - 1] = 0;
    cr_assert_eq(parse_wire(), CATALOGUE_BAD_FIELD);
}

Test(catalogue, a_target_is_any_text_without_a_nul)
{
    set_up();
    catalogue_put(&writer, &records[3]);
    wire[bytes_written(&writer) - 9] = '\0'; /* the last of "../../etc" */
    cr_assert_eq(parse_wire(), CATALOGUE_BAD_PATH);
}

static enum catalogue_result parse_sizes(uint64_t first, uint64_t second)
{
    struct catalogue_record record = records[1], read;

    writer = bytes_write_to(wire, sizeof wire);
    record.size_bytes = 0;
    for (int i = 0; i < 2; i++) {
        uint8_t *start = writer.at;
        catalogue_put(&writer, &record);
        struct bytes_writer size =
            bytes_write_to(start + 4 + record.path.size_bytes, 8);
        bytes_put_u64(&size, i == 0 ? first : second);
    }
    struct bytes_reader input = bytes_read_from(wire, bytes_written(&writer));
    catalogue_parser_init(&parser);
    enum catalogue_result result = catalogue_next(&parser, &input, &read);
    if (result == CATALOGUE_RECORD)
        result = catalogue_next(&parser, &input, &read);
    return result;
}

Test(catalogue, the_sizes_together_fit_the_data_space)
{
    cr_assert_eq(parse_sizes(CATALOGUE_DATA_BYTES_MAX, 0), CATALOGUE_RECORD);
    cr_assert_eq(parse_sizes(CATALOGUE_DATA_BYTES_MAX - 1, 1),
                 CATALOGUE_RECORD);
    cr_assert_eq(parse_sizes(CATALOGUE_DATA_BYTES_MAX, 1), CATALOGUE_BAD_FIELD);
    cr_assert_eq(parse_sizes(CATALOGUE_DATA_BYTES_MAX + 1, 0),
                 CATALOGUE_BAD_FIELD);
    cr_assert_eq(parse_sizes(1, UINT64_MAX), CATALOGUE_BAD_FIELD);
    cr_assert_eq(parse_sizes(UINT64_MAX, UINT64_MAX), CATALOGUE_BAD_FIELD);
}

Test(catalogue, wrong_totals_are_refused)
{
    for (int field = 0; field < 5; field++) {
        struct catalogue_record record;
        enum catalogue_result result = CATALOGUE_MORE;

        set_up();
        put_all();
        wire[bytes_written(&writer) - 1 - 8 * (size_t)field] ^= 1;
        struct bytes_reader input =
            bytes_read_from(wire, bytes_written(&writer));
        for (int i = 0; i < RECORDS; i++)
            result = catalogue_next(&parser, &input, &record);
        cr_assert_eq(result, CATALOGUE_BAD_TOTALS);
    }
}

Test(catalogue, nothing_follows_the_end)
{
    struct catalogue_record record = {.kind = CATALOGUE_END};

    catalogue_put(&writer, &record);
    bytes_put_u8(&writer, CATALOGUE_FOLDER);
    struct bytes_reader input = bytes_read_from(wire, bytes_written(&writer));
    cr_assert_eq(catalogue_next(&parser, &input, &record), CATALOGUE_DONE);
    cr_assert_eq(catalogue_next(&parser, &input, &record), CATALOGUE_AFTER_END);
    cr_assert_eq(parser.result, CATALOGUE_AFTER_END);
}

Test(catalogue, counting_is_the_same_at_both_ends)
{
    struct catalogue_totals totals = {0};

    for (int i = 0; i < RECORDS - 1; i++)
        cr_assert(catalogue_count(&totals, &records[i]));
    cr_assert_eq(memcmp(&totals, &records[RECORDS - 1].totals, sizeof totals),
                 0);
    struct catalogue_totals before = totals;
    cr_assert_not(catalogue_count(&totals, &records[1]));
    cr_assert_eq(memcmp(&totals, &before, sizeof totals), 0);
}

Test(catalogue, a_bad_path_is_not_written, .signal = SIGABRT)
{
    struct catalogue_record record = {.kind = CATALOGUE_FOLDER,
                                      .path = text_of("../a")};
    catalogue_put(&writer, &record);
}

Test(catalogue, a_set_uid_bit_is_not_written, .signal = SIGABRT)
{
    struct catalogue_record record = {
        .kind = CATALOGUE_FILE, .path = text_of("a"), .mode = 04755};
    catalogue_put(&writer, &record);
}

Test(catalogue, random_bytes_never_harm)
{
    struct random random;
    uint32_t done_count = 0, refused_count = 0;

    put_all();
    uint32_t size_bytes = (uint32_t)bytes_written(&writer);
    random_seed(&random, 20261124);
    for (uint32_t run = 0; run < 100000; run++) {
        uint8_t *copy = malloc(size_bytes);
        memcpy(copy, wire, size_bytes);
        uint64_t changes = random_below(&random, 4);
        for (uint64_t i = 0; i < changes; i++)
            copy[random_below(&random, size_bytes)] =
                (uint8_t)random_u64(&random);

        struct catalogue_record record;
        enum catalogue_result result = CATALOGUE_MORE;
        catalogue_parser_init(&parser);
        for (uint32_t at = 0; at < size_bytes;) {
            uint32_t piece =
                1 + (uint32_t)random_below(&random, size_bytes - at);
            struct bytes_reader input = bytes_read_from(copy + at, piece);
            do {
                result = catalogue_next(&parser, &input, &record);
                if (result == CATALOGUE_RECORD &&
                    record.kind != CATALOGUE_FAILED)
                    cr_assert(catalogue_path_is_good(record.path));
            } while (result == CATALOGUE_RECORD || result == CATALOGUE_DONE);
            at += piece;
        }
        done_count += parser.result == CATALOGUE_DONE;
        refused_count += parser.result > CATALOGUE_DONE;
        free(copy);
    }
    cr_assert_gt(done_count, 25000);
    cr_assert_gt(refused_count, 10000);
}
