#include "soap/writer.h"

#include <string.h>

#include "base/check.h"
#include "soap/scalar.h"

/* The tables nest 7 deep, with the bases of a type counted; a test walks
 * them all. */
#define WRITER_DEPTH_MAX 16

/* One struct that is being written. */
struct writer_frame {
    const struct soap_type *type;
    const unsigned char *value;
    const struct soap_field *field; /* that this is, with tags; NULL: a base */
    const struct soap_type *parent; /* whose form the tags take */
    uint32_t prefix;                /* ns1, ns2, ...: of the children's names */
    uint32_t parent_prefix;
    uint32_t row;  /* of `type`: the next to write */
    uint32_t item; /* of that row, where it is a list */
};

/* Up to the name, without the closing bracket. */
static void begin_tag(struct text_builder *out, const struct soap_type *parent,
                      uint32_t prefix, const struct soap_field *field)
{
    if (parent->form == SOAP_QUALIFIED) {
        text_add_string(out, "ns");
        text_add_char(out, (char)('0' + prefix));
        text_add_char(out, ':');
    }
    text_add(out, text_from(field->name, field->name_bytes));
}

/* A whole tag at once: half of an answer is tags. */
static void write_tag(struct text_builder *out, const struct soap_type *parent,
                      uint32_t prefix, const struct soap_field *field,
                      bool is_end)
{
    uint32_t prefix_bytes = parent->form == SOAP_QUALIFIED ? 4 : 0;
    char *at =
        text_add_room(out, 2u + is_end + prefix_bytes + field->name_bytes);

    if (at == NULL)
        return;
    *at++ = '<';
    if (is_end)
        *at++ = '/';
    if (prefix_bytes > 0) {
        const char name[4] = {'n', 's', (char)('0' + prefix), ':'};
        memcpy(at, name, sizeof name);
        at += sizeof name;
    }
    memcpy(at, field->name, field->name_bytes);
    at[field->name_bytes] = '>';
}

static void open_tag(struct text_builder *out, const struct soap_type *parent,
                     uint32_t prefix, const struct soap_field *field)
{
    write_tag(out, parent, prefix, field, false);
}

static void close_tag(struct text_builder *out, const struct soap_type *parent,
                      uint32_t prefix, const struct soap_field *field)
{
    write_tag(out, parent, prefix, field, true);
}

/* The tag of a struct.  One of another schema brings its namespace, for its
 * children, with it.  Returns their prefix. */
static uint32_t open_struct(struct text_builder *out,
                            const struct soap_type *parent, uint32_t prefix,
                            const struct soap_field *field)
{
    uint32_t own = prefix;

    text_add_char(out, '<');
    begin_tag(out, parent, prefix, field);
    if (field->type->ns != parent->ns) {
        own++;
        text_add_format(out, " xmlns:ns%u=\"%s\"", own,
                        soap_namespace_uri(field->type->ns));
    }
    text_add_char(out, '>');
    return own;
}

/* How many times the row is written, and where its first value is. */
static uint32_t row_values(const struct soap_field *field,
                           const unsigned char *value,
                           const unsigned char **first)
{
    const unsigned char *place = value + field->offset;

    *first = place;
    switch ((enum soap_occurs)field->occurs) {
    case SOAP_ONE:
    case SOAP_LAX:
        return 1;
    case SOAP_MANY:
        *first = *(unsigned char *const *)(const void *)place;
        return *(const uint32_t *)(const void *)(value + field->flag_offset);
    case SOAP_OPTIONAL:
        break;
    }
    if (field->kind == SOAP_KIND_STRUCT) {
        *first = *(unsigned char *const *)(const void *)place;
        return *first != NULL;
    }
    if (field->flag_offset == 0) /* a text says it itself */
        return ((const struct text *)(const void *)place)->data != NULL;
    return *(const bool *)(value + field->flag_offset);
}

static uint32_t item_size_bytes(const struct soap_field *field)
{
    return field->kind == SOAP_KIND_STRUCT
               ? field->type->size_bytes
               : scalar_size_bytes((enum soap_kind)field->kind);
}

/* Writes on from the top frame until another struct opens or this one ends.
 * Returns the row's field with its value when one opens, else NULL. */
static const struct soap_field *write_rows(struct text_builder *out,
                                           struct writer_frame *frame,
                                           const unsigned char **opened)
{
    while (frame->row < frame->type->field_count) {
        const struct soap_field *field = &frame->type->fields[frame->row];
        const unsigned char *first;
        uint32_t count = row_values(field, frame->value, &first);

        if (frame->item == count) {
            frame->row++;
            frame->item = 0;
            continue;
        }
        const unsigned char *place =
            first +
            (size_t)frame->item *
                (field->kind == SOAP_KIND_BASE ? 0 : item_size_bytes(field));
        frame->item++;
        if (field->kind == SOAP_KIND_STRUCT || field->kind == SOAP_KIND_BASE) {
            *opened = place;
            return field;
        }
        open_tag(out, frame->type, frame->prefix, field);
        scalar_write(out, (enum soap_kind)field->kind, place);
        close_tag(out, frame->type, frame->prefix, field);
    }
    return NULL;
}

/* Writes the children of `type`. */
static void write_children(struct text_builder *out,
                           const struct soap_type *type, const void *value)
{
    struct writer_frame frames[WRITER_DEPTH_MAX];
    uint32_t depth = 1;

    frames[0] =
        (struct writer_frame){.type = type, .value = value, .prefix = 1};
    while (depth > 0) {
        struct writer_frame *frame = &frames[depth - 1];
        const unsigned char *opened;
        const struct soap_field *field = write_rows(out, frame, &opened);

        if (field == NULL) {
            if (frame->field != NULL)
                close_tag(out, frame->parent, frame->parent_prefix,
                          frame->field);
            depth--;
            continue;
        }
        CHECK(depth < WRITER_DEPTH_MAX);
        bool is_base = field->kind == SOAP_KIND_BASE;
        uint32_t prefix = frame->prefix;
        if (!is_base)
            prefix = open_struct(out, frame->type, prefix, field);
        frames[depth++] = (struct writer_frame){
            .type = field->type,
            .value = opened,
            .field = is_base ? NULL : field,
            .parent = frame->type,
            .prefix = prefix,
            .parent_prefix = frame->prefix,
        };
    }
}

static void write_element(struct text_builder *out,
                          const struct soap_type *type, const void *value)
{
    CHECK(type->is_element);
    CHECK(type->field_count == 0 || value != NULL);

    text_add_string(out, "<ns1:");
    text_add_string(out, type->name);
    if (type->field_count == 0) {
        text_add_string(out, "/>");
        return;
    }
    text_add_char(out, '>');
    write_children(out, type, value);
    text_add_string(out, "</ns1:");
    text_add_string(out, type->name);
    text_add_char(out, '>');
}

/* Up to the inside of the Body; `type` gives ns1, NULL leaves it out. */
static void open_envelope(struct text_builder *out, enum soap_version version,
                          const struct soap_type *type)
{
    text_add_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<soapenv:Envelope xmlns:soapenv=\"");
    text_add_string(out, soap_version_uri(version));
    if (type != NULL) {
        text_add_string(out, "\" xmlns:ns1=\"");
        text_add_string(out, soap_namespace_uri(type->ns));
    }
    text_add_string(out, "\"><soapenv:Body>");
}

static void close_envelope(struct text_builder *out)
{
    text_add_string(out, "</soapenv:Body></soapenv:Envelope>");
}

void soap_write(struct text_builder *out, enum soap_version version,
                const struct soap_type *type, const void *value)
{
    open_envelope(out, version, type);
    write_element(out, type, value);
    close_envelope(out);
}

static const char *code_word(enum soap_version version,
                             enum soap_fault_code code)
{
    switch (code) {
    case SOAP_FAULT_CLIENT:
        return version == SOAP_1_1 ? "Client" : "Sender";
    case SOAP_FAULT_SERVER:
        return version == SOAP_1_1 ? "Server" : "Receiver";
    case SOAP_FAULT_VERSION_MISMATCH:
        return "VersionMismatch";
    case SOAP_FAULT_MUST_UNDERSTAND:
        return "MustUnderstand";
    }
    NEVER("every code has a word");
}

/* The element names around the parts of a fault, which are all that differs
 * between the two versions. */
struct fault_words {
    const char *before_code;
    const char *before_text;
    const char *after_text;
    const char *before_detail;
    const char *after_detail;
};

static const struct fault_words fault_words[] = {
    [SOAP_1_1] = {"<soapenv:Fault><faultcode>soapenv:",
                  "</faultcode><faultstring>", "</faultstring>", "<detail>",
                  "</detail>"},
    [SOAP_1_2] = {"<soapenv:Fault><soapenv:Code><soapenv:Value>soapenv:",
                  "</soapenv:Value></soapenv:Code><soapenv:Reason>"
                  "<soapenv:Text xml:lang=\"en\">",
                  "</soapenv:Text></soapenv:Reason>", "<soapenv:Detail>",
                  "</soapenv:Detail>"},
};

void soap_write_fault(struct text_builder *out, enum soap_version version,
                      const struct soap_fault *fault)
{
    const struct fault_words *words = &fault_words[version];
    const struct soap_type *type = soap_detail_type(fault->detail);

    open_envelope(out, version, type);
    text_add_string(out, words->before_code);
    text_add_string(out, code_word(version, fault->code));
    text_add_string(out, words->before_text);
    soap_write_escaped(out, fault->text);
    text_add_string(out, words->after_text);
    if (type != NULL) {
        /* Each detail has one text or nothing: its struct is that text. */
        CHECK(type->size_bytes == 0 || type->size_bytes == sizeof fault->value);
        text_add_string(out, words->before_detail);
        write_element(out, type, &fault->value);
        text_add_string(out, words->after_detail);
    }
    text_add_string(out, "</soapenv:Fault>");
    close_envelope(out);
}
