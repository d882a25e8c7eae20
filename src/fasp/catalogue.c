#include "fasp/catalogue.h"

#include <string.h>

#include "base/check.h"
#include "fasp/error.h"

/* Kind and flags. */
#define HEADER_BYTES 2u
/* The size in front of a path or a target. */
#define TEXT_SIZE_BYTES 2u

const char *catalogue_result_text(enum catalogue_result result)
{
    switch (result) {
    case CATALOGUE_MORE:
        return "the catalogue goes on";
    case CATALOGUE_RECORD:
        return "a record is complete";
    case CATALOGUE_DONE:
        return "the catalogue is complete";
    case CATALOGUE_BAD_KIND:
        return "a record of the catalogue is of an unknown kind";
    case CATALOGUE_BAD_PATH:
        return "a path of the catalogue leads elsewhere or has a NUL";
    case CATALOGUE_PATH_TOO_LONG:
        return "a path of the catalogue is too long";
    case CATALOGUE_BAD_FIELD:
        return "a field of the catalogue is out of its range";
    case CATALOGUE_BAD_TOTALS:
        return "the totals of the catalogue are not those of its records";
    case CATALOGUE_AFTER_END:
        return "bytes follow the end of the catalogue";
    }
    NEVER("a result is none of the enum");
}

uint32_t catalogue_error(enum catalogue_result result)
{
    switch (result) {
    case CATALOGUE_MORE:
    case CATALOGUE_RECORD:
    case CATALOGUE_DONE:
        NEVER("a good result is no error");
    case CATALOGUE_BAD_PATH:
        return FASP_ERROR_ILLEGAL_CHARACTERS;
    case CATALOGUE_PATH_TOO_LONG:
        return FASP_ERROR_PATH_TOO_LONG;
    case CATALOGUE_BAD_KIND:
    case CATALOGUE_BAD_FIELD:
    case CATALOGUE_BAD_TOTALS:
    case CATALOGUE_AFTER_END:
        return FASP_ERROR_PROTOCOL;
    }
    NEVER("a result is none of the enum");
}

/* ---- what may stand in a record ---- */

static enum catalogue_result judge_text(struct text text)
{
    if (text.size_bytes > LIMIT_PATH_BYTES)
        return CATALOGUE_PATH_TOO_LONG;
    if (text.size_bytes == 0 ||
        memchr(text.data, '\0', text.size_bytes) != NULL)
        return CATALOGUE_BAD_PATH;
    return CATALOGUE_RECORD;
}

static enum catalogue_result judge_component(const char *name,
                                             uint32_t size_bytes)
{
    if (size_bytes > LIMIT_NAME_BYTES)
        return CATALOGUE_PATH_TOO_LONG;
    if (size_bytes == 0 || (size_bytes == 1 && name[0] == '.') ||
        (size_bytes == 2 && name[0] == '.' && name[1] == '.'))
        return CATALOGUE_BAD_PATH;
    return CATALOGUE_RECORD;
}

/* An absolute path begins with an empty component, and one with a slash at its
 * end ends with one. */
static enum catalogue_result judge_path(struct text path)
{
    enum catalogue_result result = judge_text(path);
    uint32_t start = 0;

    for (uint32_t i = 0; i <= path.size_bytes && result == CATALOGUE_RECORD;
         i++) {
        if (i == path.size_bytes || path.data[i] == '/') {
            result = judge_component(path.data + start, i - start);
            start = i + 1;
        }
    }
    return result;
}

bool catalogue_path_is_good(struct text path)
{
    return judge_path(path) == CATALOGUE_RECORD;
}

bool catalogue_text_is_good(struct text text)
{
    return judge_text(text) == CATALOGUE_RECORD;
}

bool catalogue_count(struct catalogue_totals *totals,
                     const struct catalogue_record *record)
{
    switch (record->kind) {
    case CATALOGUE_FOLDER:
        totals->folders++;
        return true;
    case CATALOGUE_FILE:
        if (record->size_bytes > CATALOGUE_DATA_BYTES_MAX - totals->bytes)
            return false;
        totals->files++;
        totals->bytes += record->size_bytes;
        return true;
    case CATALOGUE_SYMLINK:
        totals->symlinks++;
        return true;
    case CATALOGUE_FAILED:
        totals->failed++;
        return true;
    case CATALOGUE_END:
        break;
    }
    NEVER("a record that is none is counted");
}

/* ---- writing ---- */

static void check_record(const struct catalogue_record *record)
{
    switch (record->kind) {
    case CATALOGUE_FOLDER:
    case CATALOGUE_FILE:
        CHECK(catalogue_path_is_good(record->path));
        CHECK(record->mode <= CATALOGUE_MODE_MAX);
        CHECK(record->size_bytes <= CATALOGUE_DATA_BYTES_MAX);
        return;
    case CATALOGUE_SYMLINK:
        CHECK(catalogue_path_is_good(record->path));
        CHECK(catalogue_text_is_good(record->target));
        return;
    case CATALOGUE_FAILED:
        CHECK(catalogue_text_is_good(record->path));
        CHECK(record->error != 0);
        return;
    case CATALOGUE_END:
        return;
    }
    NEVER("a record is of no kind");
}

static void put_totals(struct bytes_writer *writer,
                       const struct catalogue_totals *totals)
{
    bytes_put_u64(writer, totals->files);
    bytes_put_u64(writer, totals->folders);
    bytes_put_u64(writer, totals->symlinks);
    bytes_put_u64(writer, totals->failed);
    bytes_put_u64(writer, totals->bytes);
}

static bool has_flags(enum catalogue_kind kind)
{
    return kind == CATALOGUE_FOLDER || kind == CATALOGUE_FILE;
}

static void put_extras(struct bytes_writer *writer,
                       const struct catalogue_record *record)
{
    if (record->flags & CATALOGUE_HAS_OWNER) {
        bytes_put_u32(writer, record->uid);
        bytes_put_u32(writer, record->gid);
    }
    if (record->flags & CATALOGUE_HAS_ACCESS_TIME)
        bytes_put_u64(writer, (uint64_t)record->atime_ns);
}

void catalogue_put(struct bytes_writer *writer,
                   const struct catalogue_record *record)
{
    uint8_t *start = writer->at;

    check_record(record);
    bytes_put_u8(writer, (uint8_t)record->kind);
    bytes_put_u8(writer, has_flags(record->kind) ? record->flags : 0);
    if (record->kind != CATALOGUE_END)
        bytes_put_text(writer, record->path);
    switch (record->kind) {
    case CATALOGUE_FILE:
        bytes_put_u64(writer, record->size_bytes);
        bytes_put_u64(writer, (uint64_t)record->mtime_ns);
        bytes_put_u16(writer, record->mode);
        put_extras(writer, record);
        break;
    case CATALOGUE_FOLDER:
        bytes_put_u64(writer, (uint64_t)record->mtime_ns);
        bytes_put_u16(writer, record->mode);
        put_extras(writer, record);
        break;
    case CATALOGUE_SYMLINK:
        bytes_put_text(writer, record->target);
        bytes_put_u64(writer, (uint64_t)record->mtime_ns);
        break;
    case CATALOGUE_FAILED:
        bytes_put_u32(writer, record->error);
        break;
    case CATALOGUE_END:
        put_totals(writer, &record->totals);
        break;
    }
    if (writer->failed)
        writer->at = start; /* no half record */
}

/* ---- reading ---- */

void catalogue_parser_init(struct catalogue_parser *parser)
{
    parser->totals = (struct catalogue_totals){0};
    parser->result = CATALOGUE_MORE;
    parser->held_bytes = 0;
}

/* Bytes of the fields behind path and target; 0 = there is no such kind. */
static uint32_t fixed_bytes(uint8_t kind)
{
    switch (kind) {
    case CATALOGUE_FOLDER:
        return 8 + 2;
    case CATALOGUE_FILE:
        return 8 + 8 + 2;
    case CATALOGUE_SYMLINK:
        return 8;
    case CATALOGUE_FAILED:
        return 4;
    case CATALOGUE_END:
        return 5 * 8;
    }
    return 0;
}

/* Bytes of what the flags say is there behind those. */
static uint32_t extra_bytes(uint8_t kind, uint8_t flags)
{
    uint32_t size_bytes = 0;

    if (kind != CATALOGUE_FOLDER && kind != CATALOGUE_FILE)
        return 0;
    if (flags & CATALOGUE_HAS_OWNER)
        size_bytes += 8;
    if (flags & CATALOGUE_HAS_ACCESS_TIME)
        size_bytes += 8;
    return size_bytes;
}

/* Texts in front of them. */
static uint32_t text_count(uint8_t kind)
{
    if (kind == CATALOGUE_END)
        return 0;
    return kind == CATALOGUE_SYMLINK ? 2 : 1;
}

/* Says how large the record is as far as the bytes that are held tell; what is
 * out of range shows before it is gathered, so that `held` has room. */
static enum catalogue_result measure(const struct catalogue_parser *parser,
                                     uint32_t *needed_bytes)
{
    uint32_t needed = HEADER_BYTES;

    *needed_bytes = needed;
    if (parser->held_bytes < needed)
        return CATALOGUE_MORE;
    uint8_t kind = parser->held[0];
    if (fixed_bytes(kind) == 0)
        return CATALOGUE_BAD_KIND;

    for (uint32_t i = 0; i < text_count(kind); i++) {
        *needed_bytes = needed + TEXT_SIZE_BYTES;
        if (parser->held_bytes < *needed_bytes)
            return CATALOGUE_MORE;
        uint32_t size_bytes =
            (uint32_t)parser->held[needed] << 8 | parser->held[needed + 1];
        if (size_bytes > LIMIT_PATH_BYTES)
            return CATALOGUE_PATH_TOO_LONG;
        needed += TEXT_SIZE_BYTES + size_bytes;
    }
    *needed_bytes =
        needed + fixed_bytes(kind) + extra_bytes(kind, parser->held[1]);
    return parser->held_bytes < *needed_bytes ? CATALOGUE_MORE
                                              : CATALOGUE_RECORD;
}

/* Takes from `input` what the record in `held` still needs. */
static enum catalogue_result gather(struct catalogue_parser *parser,
                                    struct bytes_reader *input)
{
    enum catalogue_result result;
    uint32_t needed_bytes;

    while ((result = measure(parser, &needed_bytes)) == CATALOGUE_MORE) {
        size_t piece_bytes = needed_bytes - parser->held_bytes;
        if (piece_bytes > bytes_left(input))
            piece_bytes = bytes_left(input);
        if (piece_bytes == 0)
            return CATALOGUE_MORE;
        CHECK(piece_bytes <= sizeof parser->held - parser->held_bytes);
        memcpy(parser->held + parser->held_bytes, bytes_get(input, piece_bytes),
               piece_bytes);
        parser->held_bytes += (uint32_t)piece_bytes;
    }
    return result;
}

static void read_extras(struct bytes_reader *reader,
                        struct catalogue_record *record)
{
    if (record->flags & CATALOGUE_HAS_OWNER) {
        record->uid = bytes_get_u32(reader);
        record->gid = bytes_get_u32(reader);
    }
    if (record->flags & CATALOGUE_HAS_ACCESS_TIME)
        record->atime_ns = (int64_t)bytes_get_u64(reader);
}

static struct catalogue_record
read_record(const struct catalogue_parser *parser)
{
    struct bytes_reader reader =
        bytes_read_from(parser->held, parser->held_bytes);
    struct catalogue_record record = {.kind = bytes_get_u8(&reader)};

    record.flags = bytes_get_u8(&reader);
    record.flags &= CATALOGUE_HAS_OWNER | CATALOGUE_HAS_ACCESS_TIME;
    if (record.kind != CATALOGUE_END)
        record.path = bytes_get_text(&reader);
    switch (record.kind) {
    case CATALOGUE_FILE:
        record.size_bytes = bytes_get_u64(&reader);
        record.mtime_ns = (int64_t)bytes_get_u64(&reader);
        record.mode = bytes_get_u16(&reader);
        read_extras(&reader, &record);
        record.file_id = parser->totals.files;
        record.place = parser->totals.bytes;
        break;
    case CATALOGUE_FOLDER:
        record.mtime_ns = (int64_t)bytes_get_u64(&reader);
        record.mode = bytes_get_u16(&reader);
        read_extras(&reader, &record);
        break;
    case CATALOGUE_SYMLINK:
        record.target = bytes_get_text(&reader);
        record.mtime_ns = (int64_t)bytes_get_u64(&reader);
        break;
    case CATALOGUE_FAILED:
        record.error = bytes_get_u32(&reader);
        break;
    case CATALOGUE_END:
        record.totals.files = bytes_get_u64(&reader);
        record.totals.folders = bytes_get_u64(&reader);
        record.totals.symlinks = bytes_get_u64(&reader);
        record.totals.failed = bytes_get_u64(&reader);
        record.totals.bytes = bytes_get_u64(&reader);
        break;
    }
    CHECK(!reader.failed); /* measure() has said how much there is */
    return record;
}

static bool totals_equal(const struct catalogue_totals *a,
                         const struct catalogue_totals *b)
{
    return a->files == b->files && a->folders == b->folders &&
           a->symlinks == b->symlinks && a->failed == b->failed &&
           a->bytes == b->bytes;
}

static enum catalogue_result judge_record(struct catalogue_parser *parser,
                                          const struct catalogue_record *record)
{
    enum catalogue_result result = CATALOGUE_RECORD;

    switch (record->kind) {
    case CATALOGUE_FOLDER:
    case CATALOGUE_FILE:
        result = judge_path(record->path);
        if (result == CATALOGUE_RECORD && record->mode > CATALOGUE_MODE_MAX)
            result = CATALOGUE_BAD_FIELD;
        break;
    case CATALOGUE_SYMLINK:
        result = judge_path(record->path);
        if (result == CATALOGUE_RECORD)
            result = judge_text(record->target);
        break;
    case CATALOGUE_FAILED:
        result = judge_text(record->path);
        if (result == CATALOGUE_RECORD && record->error == 0)
            result = CATALOGUE_BAD_FIELD;
        break;
    case CATALOGUE_END:
        return totals_equal(&record->totals, &parser->totals)
                   ? CATALOGUE_DONE
                   : CATALOGUE_BAD_TOTALS;
    }
    if (result == CATALOGUE_RECORD && !catalogue_count(&parser->totals, record))
        result = CATALOGUE_BAD_FIELD;
    return result;
}

enum catalogue_result catalogue_next(struct catalogue_parser *parser,
                                     struct bytes_reader *input,
                                     struct catalogue_record *record)
{
    enum catalogue_result result;
    struct catalogue_record read;

    if (parser->result == CATALOGUE_DONE) {
        /* DONE again and again, unless something follows. */
        if (bytes_left(input) > 0)
            parser->result = CATALOGUE_AFTER_END;
        return parser->result == CATALOGUE_DONE ? CATALOGUE_MORE
                                                : parser->result;
    }
    if (parser->result != CATALOGUE_MORE)
        return parser->result;

    result = gather(parser, input);
    if (result == CATALOGUE_RECORD) {
        read = read_record(parser);
        result = judge_record(parser, &read);
        parser->held_bytes = 0; /* its bytes stay until the next call */
    }
    if (result == CATALOGUE_RECORD || result == CATALOGUE_DONE)
        *record = read;
    if (result != CATALOGUE_RECORD)
        parser->result = result;
    return result;
}
