#include "soap_test.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "soap/scalar.h"

struct soap_test test;

void soap_test_set_up(void)
{
    arena_init(&test.arena, 64u << 20);
    cr_assert_eq(soap_reader_open(&test.reader), 0);
}

void soap_test_tear_down(void)
{
    soap_reader_close(&test.reader);
    arena_free(&test.arena);
}

enum soap_reader_result soap_test_read_as(struct text text,
                                          uint32_t piece_bytes,
                                          enum soap_reader_mode mode,
                                          const struct soap_type *expected)
{
    enum soap_reader_result result = SOAP_READER_MORE;
    uint32_t at = 0;

    arena_reset(&test.arena);
    soap_reader_start(&test.reader, &test.arena, mode, SOAP_CHARSET_ABSENT,
                      expected);
    do {
        uint32_t left = text.size_bytes - at;
        uint32_t size =
            piece_bytes > 0 && piece_bytes < left ? piece_bytes : left;
        result = soap_reader_feed(&test.reader, text.data + at, size,
                                  at + size == text.size_bytes);
        at += size;
    } while (at < text.size_bytes);
    return result;
}

enum soap_reader_result soap_test_read(struct text text, uint32_t piece_bytes)
{
    return soap_test_read_as(text, piece_bytes, SOAP_READ_REQUEST, NULL);
}

void soap_test_outcome(struct text_builder *out)
{
    struct soap_reader *reader = &test.reader;

    text_builder_reset(out);
    cr_assert_neq(reader->result, SOAP_READER_MORE);
    if (reader->result == SOAP_READER_REFUSED || reader->is_peer_fault)
        soap_write_fault(out, reader->version, &reader->fault);
    else if (reader->type != NULL)
        soap_write(out, reader->version, reader->type, reader->message);
}

void soap_test_every_cut(struct text text, enum soap_reader_mode mode,
                         const struct soap_type *expected)
{
    struct text_builder whole = {0};
    struct text_builder cut = {0};

    soap_test_read_as(text, 0, mode, expected);
    soap_test_outcome(&whole);
    soap_test_read_as(text, 1, mode, expected);
    soap_test_outcome(&cut);
    cr_assert(text_equal(text_built(&whole), text_built(&cut)),
              "byte by byte: %s\nwhole: %s", cut.data, whole.data);
    for (uint32_t at = 1; at < text.size_bytes; at++) {
        arena_reset(&test.arena);
        soap_reader_start(&test.reader, &test.arena, mode, SOAP_CHARSET_ABSENT,
                          expected);
        soap_reader_feed(&test.reader, text.data, at, false);
        soap_reader_feed(&test.reader, text.data + at, text.size_bytes - at,
                         true);
        soap_test_outcome(&cut);
        cr_assert(text_equal(text_built(&whole), text_built(&cut)),
                  "cut at %u: %s\nwhole: %s", at, cut.data, whole.data);
    }
    text_builder_free(&whole);
    text_builder_free(&cut);
}

/* Numbers that no other value has, so that a swap of two children shows. */
static void fill_value(struct arena *arena, enum soap_kind kind, void *place,
                       uint32_t *serial)
{
    char text[64];

    ++*serial;
    switch (kind) {
    case SOAP_KIND_TEXT:
    case SOAP_KIND_XML:
        snprintf(text, sizeof text, " <value> & %u\r\n\xc3\xa9 ", *serial);
        *(struct text *)place = text_copy(arena, text_of(text));
        return;
    case SOAP_KIND_WORD:
        snprintf(text, sizeof text, "word-%u", *serial);
        *(struct text *)place = text_copy(arena, text_of(text));
        return;
    case SOAP_KIND_BOOL:
        *(bool *)place = *serial % 2 == 0;
        return;
    case SOAP_KIND_I32:
        *(int32_t *)place = INT32_MIN + (int32_t)*serial;
        return;
    case SOAP_KIND_I64:
        *(int64_t *)place = INT64_MIN + (int64_t)*serial;
        return;
    case SOAP_KIND_U8:
        *(uint8_t *)place = (uint8_t)(*serial % 256);
        return;
    case SOAP_KIND_U16:
        *(uint16_t *)place = (uint16_t)(60000 + *serial);
        return;
    case SOAP_KIND_U32:
        *(uint32_t *)place = UINT32_MAX - *serial;
        return;
    case SOAP_KIND_U64:
    case SOAP_KIND_COUNT:
        *(uint64_t *)place = UINT64_MAX - *serial;
        return;
    case SOAP_KIND_DATE:
        *(int64_t *)place = 1763955552123456 + *serial;
        return;
    case SOAP_KIND_FLOAT:
        *(double *)place = 0.5 * *serial;
        return;
    case SOAP_KIND_STRUCT:
    case SOAP_KIND_BASE:
        break;
    }
    NEVER("structs are filled by their rows");
}

/* The test's own way through the tables, recursive and without the reader's
 * or the writer's code. */
static void fill_struct(struct arena *arena, const struct soap_type *type,
                        unsigned char *value, uint32_t list_count,
                        uint32_t *serial)
{
    for (uint32_t row = 0; row < type->field_count; row++) {
        const struct soap_field *field = &type->fields[row];
        bool is_struct =
            field->kind == SOAP_KIND_STRUCT || field->kind == SOAP_KIND_BASE;
        uint32_t size = is_struct
                            ? field->type->size_bytes
                            : scalar_size_bytes((enum soap_kind)field->kind);
        unsigned char *place = value + field->offset;
        uint32_t count = 1;

        if (field->occurs == SOAP_MANY) {
            count =
                list_count < field->occurs_max ? list_count : field->occurs_max;
            *(uint32_t *)(void *)(value + field->flag_offset) = count;
            *(void **)(void *)place = arena_take_zeroed(arena, count, size);
            place = *(void **)(void *)place;
        } else if (field->occurs == SOAP_OPTIONAL && is_struct) {
            *(void **)(void *)place = arena_take_zeroed(arena, 1, size);
            place = *(void **)(void *)place;
        } else if (field->occurs == SOAP_OPTIONAL && field->flag_offset > 0) {
            *(bool *)(value + field->flag_offset) = true;
        }
        for (uint32_t i = 0; i < count; i++, place += size) {
            if (is_struct)
                fill_struct(arena, field->type, place, list_count, serial);
            else
                fill_value(arena, (enum soap_kind)field->kind, place, serial);
        }
    }
}

void *soap_test_fill(struct arena *arena, const struct soap_type *type,
                     uint32_t list_count)
{
    uint32_t serial = 0;

    if (type->size_bytes == 0)
        return NULL;
    unsigned char *value = arena_take_zeroed(arena, 1, type->size_bytes);
    cr_assert_not_null(value);
    fill_struct(arena, type, value, list_count, &serial);
    return value;
}
