#include "fasp/control.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/limits.h"
#include "fasp/control_layout.h"

/* Type and version: what the size counts besides the fields. */
#define INNER_HEADER_BYTES 3u
#define SIZE_BYTES 4u

const char *control_result_text(enum control_result result)
{
    switch (result) {
    case CONTROL_MORE:
        return "the message is not complete yet";
    case CONTROL_OK:
        return "the message is well";
    case CONTROL_SKIPPED:
        return "the message is of a later version and ignored";
    case CONTROL_BAD_SIZE:
        return "a control message has an impossible size";
    case CONTROL_BAD_TYPE:
        return "a control message is of an unknown type";
    case CONTROL_BAD_VERSION:
        return "a control message is of version 0";
    case CONTROL_BAD_FIELD:
        return "a field of a control message is out of its range";
    case CONTROL_MEMORY:
        return "there is no memory for a control message";
    }
    NEVER("a result is none of the enum");
}

const char *control_type_name(enum control_type type)
{
    const struct control_layout *layout = control_layout_of(type);
    return layout == NULL ? "unknown" : layout->name;
}

/* ---- values in structs, by their width ---- */

static uint64_t load_uint(const void *at, uint32_t size_bytes)
{
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    switch (size_bytes) {
    case 8:
        memcpy(&u64, at, sizeof u64);
        return u64;
    case 4:
        memcpy(&u32, at, sizeof u32);
        return u32;
    case 2:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case 1:
        return *(const uint8_t *)at;
    }
    NEVER("a number is as wide as no row says");
}

static void store_uint(void *at, uint32_t size_bytes, uint64_t value)
{
    uint32_t u32 = (uint32_t)value;
    uint16_t u16 = (uint16_t)value;

    switch (size_bytes) {
    case 8:
        memcpy(at, &value, sizeof value);
        return;
    case 4:
        memcpy(at, &u32, sizeof u32);
        return;
    case 2:
        memcpy(at, &u16, sizeof u16);
        return;
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        return;
    }
    NEVER("a number is as wide as no row says");
}

static struct text load_text(const void *at)
{
    struct text text;
    memcpy(&text, at, sizeof text);
    return text;
}

static bool has_nul(struct text text)
{
    return text.size_bytes > 0 &&
           memchr(text.data, '\0', text.size_bytes) != NULL;
}

/* ---- checking ---- */

static bool text_is_good(const struct control_field *row, struct text text)
{
    if (text.size_bytes < row->min || text.size_bytes > row->max)
        return false;
    return row->kind == CONTROL_FIELD_BYTES || !has_nul(text);
}

static bool fields_are_good(const struct control_field *row,
                            const uint8_t *body)
{
    struct uuid uuid;
    uint64_t value;

    for (; row->kind != CONTROL_FIELD_END; row++) {
        const uint8_t *at = body + row->offset;
        switch (row->kind) {
        case CONTROL_FIELD_END:
        case CONTROL_FIELD_NOTE: /* is cut to fit */
            break;
        case CONTROL_FIELD_UINT:
            value = load_uint(at, row->size_bytes);
            if (value < row->min || value > row->max)
                return false;
            break;
        case CONTROL_FIELD_UUID:
            memcpy(&uuid, at, sizeof uuid);
            if (row->min == 1 && uuid_is_zero(uuid))
                return false;
            break;
        case CONTROL_FIELD_BYTES:
        case CONTROL_FIELD_TEXT:
            if (!text_is_good(row, load_text(at)))
                return false;
            break;
        }
    }
    return true;
}

static const uint8_t *items_of(const struct control_layout *layout,
                               const uint8_t *body, uint32_t *count)
{
    const uint8_t *items;

    memcpy(&items, body + layout->items_offset, sizeof items);
    memcpy(count, body + layout->count_offset, sizeof *count);
    return items;
}

static bool body_is_good(const struct control_layout *layout,
                         const uint8_t *body)
{
    uint32_t count;

    if (!fields_are_good(layout->rows, body))
        return false;
    if (layout->item_rows != NULL) {
        const uint8_t *items = items_of(layout, body, &count);
        if (count < layout->count_min || count > layout->count_max)
            return false;
        for (uint32_t i = 0; i < count; i++) {
            if (!fields_are_good(layout->item_rows,
                                 items + (size_t)i * layout->item_bytes))
                return false;
        }
    }
    return layout->is_good == NULL || layout->is_good(body);
}

static const void *body_of(const struct control_message *message)
{
    return &message->hello; /* as every member of the union */
}

bool control_auth_fits(const struct control_auth *auth)
{
    return body_is_good(control_layout_of(CONTROL_AUTH), (const uint8_t *)auth);
}

bool control_hello_fits(const struct control_hello *hello)
{
    const struct control_layout *layout = control_layout_of(CONTROL_HELLO);
    uint64_t size_bytes = 0;

    if (!body_is_good(layout, (const uint8_t *)hello))
        return false;
    for (uint32_t i = 0; i < hello->source_count; i++)
        size_bytes += 2 + hello->sources[i].size_bytes;
    /* All other fields together are 64 KiB at most. */
    return size_bytes <= LIMIT_CONTROL_MESSAGE_BYTES - (64u << 10);
}

/* ---- writing ---- */

static void put_uint(struct text_builder *builder, uint64_t value,
                     uint32_t size_bytes)
{
    char bytes[8];
    struct bytes_writer writer = bytes_write_to(bytes, sizeof bytes);

    bytes_put_uint(&writer, value, size_bytes);
    text_add(builder, text_from(bytes, size_bytes));
}

static void put_text(struct text_builder *builder, struct text text)
{
    put_uint(builder, text.size_bytes, 2);
    text_add(builder, text);
}

/* What people read, cut to `max` bytes between two characters of UTF-8, and at
 * a NUL. */
static struct text cut_note(struct text text, uint64_t max)
{
    const char *nul =
        text.size_bytes == 0 ? NULL : memchr(text.data, '\0', text.size_bytes);

    if (nul != NULL)
        text.size_bytes = (uint32_t)(nul - text.data);
    if (text.size_bytes > max) {
        text.size_bytes = (uint32_t)max;
        while (text.size_bytes > 0 &&
               ((uint8_t)text.data[text.size_bytes] & 0xc0) == 0x80)
            text.size_bytes--;
    }
    return text;
}

static void put_fields(struct text_builder *builder,
                       const struct control_field *row, const uint8_t *body)
{
    for (; row->kind != CONTROL_FIELD_END; row++) {
        const uint8_t *at = body + row->offset;
        switch (row->kind) {
        case CONTROL_FIELD_END:
            break;
        case CONTROL_FIELD_UINT:
            put_uint(builder, load_uint(at, row->size_bytes), row->size_bytes);
            break;
        case CONTROL_FIELD_UUID:
            text_add(builder, text_from((const char *)at, 16));
            break;
        case CONTROL_FIELD_BYTES:
        case CONTROL_FIELD_TEXT:
            put_text(builder, load_text(at));
            break;
        case CONTROL_FIELD_NOTE:
            put_text(builder, cut_note(load_text(at), row->max));
            break;
        }
    }
}

void control_encode(const struct control_message *message,
                    struct text_builder *builder)
{
    const struct control_layout *layout = control_layout_of(message->type);
    const uint8_t *body = body_of(message);
    uint32_t start = builder->size_bytes;
    uint32_t count;

    CHECK(layout != NULL);
    CHECK(body_is_good(layout, body));

    put_uint(builder, 0, SIZE_BYTES); /* known at the end */
    put_uint(builder, message->type, 2);
    put_uint(builder, CONTROL_VERSION, 1);
    put_fields(builder, layout->rows, body);
    if (layout->item_rows != NULL) {
        const uint8_t *items = items_of(layout, body, &count);
        put_uint(builder, count, 4);
        for (uint32_t i = 0; i < count; i++)
            put_fields(builder, layout->item_rows,
                       items + (size_t)i * layout->item_bytes);
    }
    if (builder->failed)
        return;

    uint32_t size_bytes = builder->size_bytes - start;
    if (size_bytes > LIMIT_CONTROL_MESSAGE_BYTES) {
        builder->failed = true;
        return;
    }
    struct bytes_writer writer =
        bytes_write_to(builder->data + start, SIZE_BYTES);
    bytes_put_u32(&writer, size_bytes - SIZE_BYTES);
}

/* ---- reading ---- */

/* A number out of its range is not stored: a bool must not become 2. */
static bool get_uint(struct bytes_reader *reader,
                     const struct control_field *row, uint8_t *at)
{
    uint64_t value = bytes_get_uint(reader, row->size_bytes);

    if (reader->failed || value < row->min || value > row->max)
        return false;
    store_uint(at, row->size_bytes, value);
    return true;
}

static bool get_text(struct bytes_reader *reader,
                     const struct control_field *row, uint8_t *at)
{
    struct text text = bytes_get_text(reader);

    if (reader->failed || !text_is_good(row, text))
        return false;
    memcpy(at, &text, sizeof text);
    return true;
}

static bool get_uuid(struct bytes_reader *reader,
                     const struct control_field *row, uint8_t *at)
{
    const uint8_t *bytes = bytes_get(reader, sizeof(struct uuid));
    struct uuid uuid;

    if (bytes == NULL)
        return false;
    memcpy(&uuid, bytes, sizeof uuid);
    if (row->min == 1 && uuid_is_zero(uuid))
        return false;
    memcpy(at, &uuid, sizeof uuid);
    return true;
}

static bool get_fields(struct bytes_reader *reader,
                       const struct control_field *row, uint8_t *body)
{
    bool good = true;

    for (; good && row->kind != CONTROL_FIELD_END; row++) {
        uint8_t *at = body + row->offset;
        switch (row->kind) {
        case CONTROL_FIELD_END:
            break;
        case CONTROL_FIELD_UINT:
            good = get_uint(reader, row, at);
            break;
        case CONTROL_FIELD_UUID:
            good = get_uuid(reader, row, at);
            break;
        case CONTROL_FIELD_BYTES:
        case CONTROL_FIELD_TEXT:
        case CONTROL_FIELD_NOTE:
            good = get_text(reader, row, at);
            break;
        }
    }
    return good;
}

static enum control_result get_items(struct bytes_reader *reader,
                                     const struct control_layout *layout,
                                     struct arena *arena, uint8_t *body)
{
    uint32_t count = bytes_get_u32(reader);
    uint8_t *items = NULL;

    /* No memory for more than the bytes that are there can hold. */
    if (reader->failed || count < layout->count_min ||
        count > layout->count_max ||
        count > bytes_left(reader) / layout->item_wire_bytes_min)
        return CONTROL_BAD_FIELD;
    if (count > 0) {
        items = arena_take_zeroed(arena, count, layout->item_bytes);
        if (items == NULL)
            return CONTROL_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!get_fields(reader, layout->item_rows,
                        items + (size_t)i * layout->item_bytes))
            return CONTROL_BAD_FIELD;
    }
    memcpy(body + layout->items_offset, &items, sizeof items);
    memcpy(body + layout->count_offset, &count, sizeof count);
    return CONTROL_OK;
}

static enum control_result get_body(struct bytes_reader *reader,
                                    const struct control_layout *layout,
                                    uint8_t version, struct arena *arena,
                                    uint8_t *body)
{
    enum control_result result = CONTROL_OK;

    if (!get_fields(reader, layout->rows, body))
        return CONTROL_BAD_FIELD;
    if (layout->item_rows != NULL)
        result = get_items(reader, layout, arena, body);
    if (result != CONTROL_OK)
        return result;
    if (version == CONTROL_VERSION && bytes_left(reader) > 0)
        return CONTROL_BAD_FIELD;
    if (layout->is_good != NULL && !layout->is_good(body))
        return CONTROL_BAD_FIELD;
    return CONTROL_OK;
}

/* What is wrong shows as soon as it is there, so that nobody makes us hold a
 * megabyte of a message that we would not take. */
static enum control_result check_header(const uint8_t *data,
                                        uint32_t size_bytes,
                                        uint32_t *whole_bytes, uint16_t *type,
                                        uint8_t *version)
{
    struct bytes_reader reader = bytes_read_from(data, size_bytes);
    uint32_t inner_bytes = bytes_get_u32(&reader);

    *whole_bytes = CONTROL_HEADER_BYTES;
    if (reader.failed)
        return CONTROL_MORE;
    if (inner_bytes < INNER_HEADER_BYTES ||
        inner_bytes > LIMIT_CONTROL_MESSAGE_BYTES - SIZE_BYTES)
        return CONTROL_BAD_SIZE;

    *type = bytes_get_u16(&reader);
    *version = bytes_get_u8(&reader);
    if (reader.failed)
        return CONTROL_MORE;
    if (control_layout_of(*type) == NULL && *type < CONTROL_TYPE_OPTIONAL)
        return CONTROL_BAD_TYPE;
    if (*version == 0)
        return CONTROL_BAD_VERSION;
    *whole_bytes = SIZE_BYTES + inner_bytes;
    return size_bytes < *whole_bytes ? CONTROL_MORE : CONTROL_OK;
}

enum control_result control_decode(const uint8_t *data, uint32_t size_bytes,
                                   struct arena *arena,
                                   struct control_message *message,
                                   uint32_t *used_bytes, uint32_t *needed_bytes)
{
    struct control_message result;
    uint32_t whole_bytes;
    uint16_t type = 0;
    uint8_t version = 0;

    *used_bytes = 0;
    enum control_result verdict =
        check_header(data, size_bytes, &whole_bytes, &type, &version);
    if (verdict == CONTROL_MORE && needed_bytes != NULL)
        *needed_bytes = whole_bytes;
    if (verdict != CONTROL_OK)
        return verdict;

    const struct control_layout *layout = control_layout_of(type);
    if (layout == NULL) {
        *used_bytes = whole_bytes;
        return CONTROL_SKIPPED;
    }
    struct bytes_reader reader = bytes_read_from(
        data + CONTROL_HEADER_BYTES, whole_bytes - CONTROL_HEADER_BYTES);
    memset(&result, 0, sizeof result);
    result.type = (enum control_type)type;
    verdict =
        get_body(&reader, layout, version, arena, (uint8_t *)&result.hello);
    if (verdict != CONTROL_OK)
        return verdict;
    *message = result;
    *used_bytes = whole_bytes;
    return CONTROL_OK;
}
