#include "cli/json.h"

#include <string.h>

#include "base/check.h"
#include "base/datetime.h"

/* As deep as the contract's types nest, and more. */
#define DEPTH_MAX 16

struct frame {
    const struct soap_type *type;
    const unsigned char *value;
    uint32_t field_index;
    uint32_t item_index; /* of a list that is being written */
    bool is_base;        /* its fields belong to the object around it */
    bool has_member;     /* of this object: the next one needs a comma */
};

void json_write_string(struct text_builder *out, struct text text)
{
    text_add_char(out, '"');
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            text_add_char(out, '\\');
            text_add_char(out, (char)c);
        } else if (c < 0x20) {
            text_add_format(out, "\\u%04x", c);
        } else {
            text_add_char(out, (char)c);
        }
    }
    text_add_char(out, '"');
}

static uint64_t read_uint(const unsigned char *at, uint8_t kind)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    if (kind == SOAP_KIND_U8)
        return memcpy(&u8, at, sizeof u8), u8;
    if (kind == SOAP_KIND_U16)
        return memcpy(&u16, at, sizeof u16), u16;
    if (kind == SOAP_KIND_U32)
        return memcpy(&u32, at, sizeof u32), u32;
    return memcpy(&u64, at, sizeof u64), u64;
}

static void write_leaf(struct text_builder *out, uint8_t kind,
                       const unsigned char *at)
{
    char date[DATETIME_TEXT_BYTES + 1];
    struct text text;
    bool flag;
    int32_t i32;
    int64_t i64;
    double number;

    switch ((enum soap_kind)kind) {
    case SOAP_KIND_TEXT:
    case SOAP_KIND_WORD:
    case SOAP_KIND_XML:
        memcpy(&text, at, sizeof text);
        json_write_string(out, text);
        break;
    case SOAP_KIND_BOOL:
        memcpy(&flag, at, sizeof flag);
        text_add_string(out, flag ? "true" : "false");
        break;
    case SOAP_KIND_I32:
        memcpy(&i32, at, sizeof i32);
        text_add_format(out, "%d", i32);
        break;
    case SOAP_KIND_I64:
        memcpy(&i64, at, sizeof i64);
        text_add_format(out, "%lld", (long long)i64);
        break;
    case SOAP_KIND_DATE:
        memcpy(&i64, at, sizeof i64);
        datetime_format(i64, date);
        json_write_string(out, text_of(date));
        break;
    case SOAP_KIND_FLOAT:
        memcpy(&number, at, sizeof number);
        text_add_format(out, "%g", number);
        break;
    case SOAP_KIND_U8:
    case SOAP_KIND_U16:
    case SOAP_KIND_U32:
    case SOAP_KIND_U64:
    case SOAP_KIND_COUNT:
        text_add_u64(out, read_uint(at, kind));
        break;
    case SOAP_KIND_STRUCT:
    case SOAP_KIND_BASE:
        NEVER("a struct is no leaf");
    }
}

static size_t leaf_bytes(uint8_t kind)
{
    switch ((enum soap_kind)kind) {
    case SOAP_KIND_TEXT:
    case SOAP_KIND_WORD:
    case SOAP_KIND_XML:
        return sizeof(struct text);
    case SOAP_KIND_BOOL:
        return sizeof(bool);
    case SOAP_KIND_U8:
        return 1;
    case SOAP_KIND_U16:
        return 2;
    case SOAP_KIND_I32:
    case SOAP_KIND_U32:
        return 4;
    case SOAP_KIND_I64:
    case SOAP_KIND_U64:
    case SOAP_KIND_COUNT:
    case SOAP_KIND_DATE:
    case SOAP_KIND_FLOAT:
        return 8;
    case SOAP_KIND_STRUCT:
    case SOAP_KIND_BASE:
        break;
    }
    NEVER("a struct is no leaf");
}

static bool is_text(uint8_t kind)
{
    return kind == SOAP_KIND_TEXT || kind == SOAP_KIND_WORD ||
           kind == SOAP_KIND_XML;
}

/* How many values the field has, and where the first one is. */
static uint32_t locate(const struct soap_field *field,
                       const unsigned char *value, const unsigned char **first)
{
    const unsigned char *member = value + field->offset;
    uint32_t count = 1;
    struct text text;
    bool flag;

    *first = member;
    if (field->occurs == SOAP_MANY) {
        memcpy(first, member, sizeof *first);
        memcpy(&count, value + field->flag_offset, sizeof count);
    } else if (field->occurs == SOAP_OPTIONAL) {
        if (field->kind == SOAP_KIND_STRUCT) {
            memcpy(first, member, sizeof *first);
            count = *first != NULL;
        } else if (is_text(field->kind)) {
            memcpy(&text, member, sizeof text);
            count = !text_is_absent(text);
        } else {
            memcpy(&flag, value + field->flag_offset, sizeof flag);
            count = flag;
        }
    }
    return count;
}

/* Writes the name once, before the first value, and what stands between. */
static void write_between(struct text_builder *out, struct frame *object,
                          const struct soap_field *field, uint32_t item_index)
{
    if (item_index > 0) {
        text_add_char(out, ',');
        return;
    }
    if (object->has_member)
        text_add_char(out, ',');
    object->has_member = true;
    json_write_string(out, text_from(field->name, field->name_bytes));
    text_add_char(out, ':');
    if (field->occurs == SOAP_MANY)
        text_add_char(out, '[');
}

void json_write(struct text_builder *out, const struct soap_type *type,
                const void *value)
{
    struct frame stack[DEPTH_MAX] = {{.type = type, .value = value}};
    uint32_t depth = 1;

    text_add_char(out, '{');
    while (depth > 0) {
        struct frame *top = &stack[depth - 1];
        if (top->field_index == top->type->field_count) {
            depth--;
            if (top->is_base)
                stack[depth - 1].has_member = top->has_member;
            else
                text_add_char(out, '}');
            continue;
        }
        const struct soap_field *field = &top->type->fields[top->field_index];
        const unsigned char *first;
        uint32_t count = locate(field, top->value, &first);
        if (top->item_index == count) {
            if (field->occurs == SOAP_MANY && count > 0)
                text_add_char(out, ']');
            top->field_index++;
            top->item_index = 0;
            continue;
        }
        uint32_t item = top->item_index++;
        if (field->kind != SOAP_KIND_BASE)
            write_between(out, top, field, item);
        if (field->kind != SOAP_KIND_BASE && field->kind != SOAP_KIND_STRUCT) {
            write_leaf(out, field->kind, first + item * leaf_bytes(field->kind));
            continue;
        }
        CHECK(depth < DEPTH_MAX);
        stack[depth] = (struct frame){
            .type = field->type,
            .value = first + (size_t)item * field->type->size_bytes,
            .is_base = field->kind == SOAP_KIND_BASE,
        };
        if (!stack[depth].is_base)
            text_add_char(out, '{');
        depth++;
    }
}
