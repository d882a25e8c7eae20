#include <stdio.h>
#include <string.h>

#include "soap/reader_frames.h"
#include "soap/scalar.h"
#include "soap/writer.h"

/* SessionInfo extends SessionStatistics extends SessionKey. */
#define BASES_MAX 4

#define PATH_BYTES_MAX 256

/* A list's first room; it doubles from there. */
#define LIST_ROOM_MIN 4u

/* The types that `type` is made of, itself first; returns their count. */
static uint32_t bases_of(const struct soap_type *type,
                         const struct soap_type *chain[BASES_MAX])
{
    uint32_t count = 0;

    while (type != NULL) {
        CHECK(count < BASES_MAX);
        chain[count++] = type;
        bool extends =
            type->field_count > 0 && type->fields[0].kind == SOAP_KIND_BASE;
        type = extends ? type->fields[0].type : NULL;
    }
    return count;
}

/* The rows of `type` without those of its base. */
static const struct soap_field *own_rows(const struct soap_type *type,
                                         uint32_t *count)
{
    bool extends =
        type->field_count > 0 && type->fields[0].kind == SOAP_KIND_BASE;

    *count = type->field_count - extends;
    return extends ? &type->fields[1] : type->fields; /* may be NULL */
}

static bool is_name_of(const struct soap_field *field, struct text name)
{
    if (field->any_case)
        return text_is_nocase(name, field->name);
    return name.size_bytes == field->name_bytes &&
           memcmp(name.data, field->name, field->name_bytes) == 0;
}

/* The row called `name`, and its bit in a frame's `seen`; NULL if none. */
static const struct soap_field *find_row(const struct soap_type *type,
                                         struct text name, uint64_t *bit)
{
    const struct soap_type *chain[BASES_MAX];
    uint32_t place = 0;

    for (uint32_t i = bases_of(type, chain); i-- > 0;) {
        uint32_t count;
        const struct soap_field *rows = own_rows(chain[i], &count);
        for (uint32_t row = 0; row < count; row++, place++) {
            if (is_name_of(&rows[row], name)) {
                CHECK(place < 64);
                *bit = UINT64_C(1) << place;
                return &rows[row];
            }
        }
    }
    return NULL;
}

/* The first row that must be there and is not; NULL if none. */
static const struct soap_field *find_missing(const struct soap_type *type,
                                             uint64_t seen)
{
    const struct soap_type *chain[BASES_MAX];

    for (uint32_t i = bases_of(type, chain); i-- > 0;) {
        uint32_t count;
        const struct soap_field *rows = own_rows(chain[i], &count);
        for (uint32_t row = 0; row < count; row++, seen >>= 1) {
            if (rows[row].occurs == SOAP_ONE && (seen & 1) == 0)
                return &rows[row];
        }
    }
    return NULL;
}

/* "GetInfoRequest/FileTransferFilter" and so on, to the innermost element. */
static const char *path_of(const struct soap_reader *reader,
                           char path[PATH_BYTES_MAX])
{
    int used = 0;

    path[0] = '\0';
    for (uint32_t i = 0; i < reader->depth; i++) {
        const struct soap_reader_frame *frame = &reader->frames[i];
        if (frame->kind != FRAME_STRUCT && frame->kind != FRAME_LEAF)
            continue;
        const char *name =
            frame->field ? frame->field->name : frame->type->name;
        used += snprintf(path + used, (size_t)(PATH_BYTES_MAX - used), "%s%s",
                         used > 0 ? "/" : "", name);
        if (used >= PATH_BYTES_MAX) /* no schema of ours is that deep */
            break;
    }
    return path;
}

void message_start(struct soap_reader *reader, const struct soap_type *type)
{
    struct soap_reader_frame *frame = reader_push(reader, FRAME_STRUCT);

    if (frame == NULL)
        return;
    frame->type = type;
    if (type->size_bytes > 0) {
        frame->value = arena_take_zeroed(reader->arena, 1, type->size_bytes);
        if (frame->value == NULL)
            reader_refuse_size(reader);
    }
    reader->type = type;
    reader->message = frame->value;
}

/* A new last item of a list, zeroed.  The room of a list is not stored: it is
 * the power of two that its count has reached. */
static unsigned char *add_item(struct soap_reader *reader,
                               const struct soap_field *field,
                               unsigned char *value)
{
    unsigned char **items = (void *)(value + field->offset);
    uint32_t *count = (void *)(value + field->flag_offset);
    uint32_t item_bytes = field->kind == SOAP_KIND_STRUCT
                              ? field->type->size_bytes
                              : scalar_size_bytes((enum soap_kind)field->kind);
    bool is_full = *count == 0 ||
                   (*count >= LIST_ROOM_MIN && (*count & (*count - 1)) == 0);

    if (is_full) {
        uint32_t room = *count == 0 ? LIST_ROOM_MIN : *count * 2;
        unsigned char *more =
            arena_take_zeroed(reader->arena, room, item_bytes);
        if (more == NULL) {
            reader_refuse_size(reader);
            return NULL;
        }
        if (*count > 0)
            memcpy(more, *items, (size_t)*count * item_bytes);
        *items = more;
    }
    return *items + (size_t)(*count)++ * item_bytes;
}

/* The place in the parent's struct that the next `field` goes to. */
static unsigned char *place_of(struct soap_reader *reader,
                               const struct soap_field *field,
                               unsigned char *value)
{
    if (field->occurs == SOAP_MANY)
        return add_item(reader, field, value);
    if (field->occurs == SOAP_OPTIONAL && field->kind == SOAP_KIND_STRUCT) {
        unsigned char *child =
            arena_take_zeroed(reader->arena, 1, field->type->size_bytes);
        if (child == NULL)
            reader_refuse_size(reader);
        *(unsigned char **)(void *)(value + field->offset) = child;
        return child;
    }
    if (field->occurs == SOAP_OPTIONAL && field->flag_offset > 0)
        *(bool *)(value + field->flag_offset) = true;
    return value + field->offset;
}

static bool is_one_too_many(const struct soap_reader_frame *parent,
                            const struct soap_field *field, uint64_t bit)
{
    if (field->occurs == SOAP_MANY)
        return *(const uint32_t *)(const void *)(parent->value +
                                                 field->flag_offset) ==
               field->occurs_max;
    return (parent->seen & bit) != 0;
}

void message_child(struct soap_reader *reader, struct text uri,
                   struct text name)
{
    struct soap_reader_frame *parent = reader_top(reader);
    char path[PATH_BYTES_MAX];
    const struct soap_field *field = NULL;
    uint64_t bit = 0;

    /* Children are matched by local name in either namespace form. */
    if (uri.size_bytes == 0 ||
        text_is(uri, soap_namespace_uri(parent->type->ns)))
        field = find_row(parent->type, name, &bit);
    if (field == NULL && reader->mode == SOAP_READ_RESPONSE) {
        reader_push(reader, FRAME_SKIP); /* a newer server's */
        return;
    }
    if (field == NULL) {
        reader_refuse(reader, SOAP_FAULT_CLIENT, "%s: unknown element %.*s",
                      path_of(reader, path), SHOWN(name));
        return;
    }
    if (is_one_too_many(parent, field, bit)) {
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "%s: expected at most %u of %s", path_of(reader, path),
                      field->occurs_max, field->name);
        return;
    }
    parent->seen |= bit;

    bool is_struct = field->kind == SOAP_KIND_STRUCT;
    struct soap_reader_frame *frame =
        reader_push(reader, is_struct ? FRAME_STRUCT : FRAME_LEAF);
    if (frame == NULL)
        return;
    frame->type = field->type;
    frame->field = field;
    frame->value = place_of(reader, field, parent->value);
    if (!is_struct)
        text_builder_reset(&reader->value);
}

static void open_xml(struct soap_reader *reader, struct text name)
{
    if (reader_push(reader, FRAME_XML) == NULL)
        return;
    text_add_char(&reader->value, '<');
    text_add(&reader->value, name);
    text_add_char(&reader->value, '>');
}

static bool is_blank(struct text text)
{
    return text_trim(text).size_bytes == 0;
}

/* An order may stand in the Definition as it is instead of as text.  It is
 * put back into text, names only: an order has no attributes, and matches its
 * names without namespace. */
void message_inside_leaf(struct soap_reader *reader, struct text name)
{
    struct soap_reader_frame *frame = reader_top(reader);
    char path[PATH_BYTES_MAX];

    if (frame->field->kind != SOAP_KIND_XML || frame->has_child ||
        !is_blank(text_built(&reader->value))) {
        reader_refuse(
            reader, SOAP_FAULT_CLIENT, "%s: expected %s, found element %.*s",
            path_of(reader, path),
            scalar_expected((enum soap_kind)frame->field->kind), SHOWN(name));
        return;
    }
    frame->has_child = true;
    open_xml(reader, name);
}

void message_inside_xml(struct soap_reader *reader, struct text name)
{
    open_xml(reader, name);
}

void message_end_xml(struct soap_reader *reader, struct text name)
{
    text_add_string(&reader->value, "</");
    text_add(&reader->value, name);
    text_add_char(&reader->value, '>');
}

/* The text itself is not shown: it may come in any number of pieces. */
void message_struct_text(struct soap_reader *reader, struct text text)
{
    char path[PATH_BYTES_MAX];

    if (!is_blank(text))
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "%s: expected an element, found text",
                      path_of(reader, path));
}

void message_leaf_text(struct soap_reader *reader, struct text text)
{
    char path[PATH_BYTES_MAX];

    if (reader_top(reader)->has_child && !is_blank(text))
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "%s: expected one element, found text after it",
                      path_of(reader, path));
    text_add(&reader->value, text);
}

void message_end_leaf(struct soap_reader *reader)
{
    struct soap_reader_frame *frame = reader_top(reader);
    enum soap_kind kind = (enum soap_kind)frame->field->kind;
    char path[PATH_BYTES_MAX];

    if (kind == SOAP_KIND_TEXT || kind == SOAP_KIND_WORD ||
        kind == SOAP_KIND_XML) {
        *(struct text *)(void *)frame->value =
            reader_take_text(reader, kind == SOAP_KIND_WORD);
        return;
    }
    struct text text = text_built(&reader->value);
    if (reader->value.failed)
        reader_refuse_size(reader);
    else if (!scalar_parse(kind, text, frame->value))
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "%s: expected %s, found \"%.*s\"", path_of(reader, path),
                      scalar_expected(kind), SHOWN(text));
}

void message_end_struct(struct soap_reader *reader)
{
    struct soap_reader_frame *frame = reader_top(reader);
    const struct soap_field *missing = find_missing(frame->type, frame->seen);
    char path[PATH_BYTES_MAX];

    if (missing != NULL)
        reader_refuse(reader, SOAP_FAULT_CLIENT, "%s: %s is missing",
                      path_of(reader, path), missing->name);
}
