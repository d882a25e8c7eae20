/* The catalogue: the records are the same however the bytes were cut, and each
 * is written again as it was read. */
#include <stdlib.h>
#include <string.h>

#include "fasp/catalogue.h"
#include "fuzz.h"

/* The choices: BYTE_BY_BYTE, and where to cut in two bytes. */
#define BYTE_BY_BYTE 1u

struct outcome {
    struct catalogue_parser parser;
    struct text_builder records; /* as they are written again */
    struct text_builder places;
    struct catalogue_totals totals;
    enum catalogue_result result;
};

static void take_record(struct outcome *outcome,
                        const struct catalogue_record *record)
{
    uint8_t room[CATALOGUE_RECORD_BYTES_MAX + 64];
    struct bytes_writer writer = bytes_write_to(room, sizeof room);

    if (record->kind == CATALOGUE_FILE) {
        CHECK(record->file_id == outcome->totals.files);
        CHECK(record->place == outcome->totals.bytes);
    }
    if (record->kind != CATALOGUE_END) {
        CHECK(record->kind == CATALOGUE_FAILED
                  ? catalogue_text_is_good(record->path)
                  : catalogue_path_is_good(record->path));
        CHECK(catalogue_count(&outcome->totals, record));
    }
    catalogue_put(&writer, record);
    CHECK(!writer.failed);
    text_add(&outcome->records,
             text_from((const char *)room, bytes_written(&writer)));
    fuzz_trace(&outcome->places, record->place);
}

static void feed(struct outcome *outcome, struct text piece)
{
    uint8_t *copy = fuzz_copy(piece.data, piece.size_bytes);
    struct bytes_reader input = bytes_read_from(copy, piece.size_bytes);
    struct catalogue_record record;

    for (;;) {
        enum catalogue_result result =
            catalogue_next(&outcome->parser, &input, &record);
        CHECK(catalogue_result_text(result) != NULL);
        if (result == CATALOGUE_MORE) {
            CHECK(bytes_left(&input) == 0);
            break;
        }
        outcome->result = result;
        if (result != CATALOGUE_RECORD && result != CATALOGUE_DONE) {
            CHECK(catalogue_error(result) != 0);
            break;
        }
        take_record(outcome, &record);
    }
    free(copy);
}

static bool is_error(enum catalogue_result result)
{
    return result > CATALOGUE_DONE;
}

static void run(struct outcome *outcome, struct text bytes,
                uint32_t piece_bytes, bool byte_by_byte)
{
    *outcome = (struct outcome){0};
    catalogue_parser_init(&outcome->parser);
    for (uint32_t at = 0;
         at < bytes.size_bytes && !is_error(outcome->result);) {
        uint32_t left = bytes.size_bytes - at;
        uint32_t size = piece_bytes < left ? piece_bytes : left;
        if (at > 0 && !byte_by_byte)
            size = left;
        feed(outcome, text_from(bytes.data + at, size));
        at += size;
    }
}

static void end(struct outcome *outcome)
{
    text_builder_free(&outcome->records);
    text_builder_free(&outcome->places);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct outcome whole;
    static struct outcome cut;
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    bool byte_by_byte = (bytes_get_u8(&input) & BYTE_BY_BYTE) != 0;
    uint16_t position = bytes_get_u16(&input);
    struct text bytes = fuzz_rest(&input);

    run(&whole, bytes, bytes.size_bytes, false);
    run(&cut, bytes, byte_by_byte ? 1 : 1 + position % (bytes.size_bytes + 1),
        byte_by_byte);
    CHECK(whole.result == cut.result);
    CHECK(text_equal(text_built(&whole.records), text_built(&cut.records)));
    CHECK(text_equal(text_built(&whole.places), text_built(&cut.places)));
    CHECK(memcmp(&whole.totals, &cut.totals, sizeof whole.totals) == 0);
    end(&whole);
    end(&cut);
    return 0;
}

void fuzz_seeds(void)
{
    static const struct catalogue_record records[] = {
        {.kind = CATALOGUE_FOLDER,
         .path = {"a", 1},
         .mtime_ns = -1,
         .mode = 0755},
        {.kind = CATALOGUE_FILE,
         .path = {"a/b", 3},
         .mtime_ns = 5,
         .mode = 0644,
         .size_bytes = 1000000},
        {.kind = CATALOGUE_SYMLINK, .path = {"a/l", 3}, .target = {"../x", 4}},
        {.kind = CATALOGUE_FAILED, .path = {"/etc/x", 6}, .error = 5},
        {.kind = CATALOGUE_FILE,
         .path = {"c", 1},
         .size_bytes = CATALOGUE_DATA_BYTES_MAX - 1000000},
    };
    struct catalogue_record last = {.kind = CATALOGUE_END};
    uint8_t room[4096] = {0};
    struct bytes_writer writer = bytes_write_to(room, sizeof room);

    bytes_put(&writer, "\0\0\7", 3);
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        catalogue_put(&writer, &records[i]);
        CHECK(catalogue_count(&last.totals, &records[i]));
        fuzz_seed(room, bytes_written(&writer));
    }
    catalogue_put(&writer, &last);
    CHECK(!writer.failed);
    fuzz_seed(room, bytes_written(&writer));
    room[0] = BYTE_BY_BYTE;
    fuzz_seed(room, bytes_written(&writer));
    fuzz_seed("\0\0\0\2\0\0\5/../x", 12);
}
