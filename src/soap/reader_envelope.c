#include "soap/reader_frames.h"
#include "soap/writer.h"

static bool is_envelope_uri(const struct soap_reader *reader, struct text uri)
{
    return text_is(uri, soap_version_uri(reader->version));
}

/* The value of the attribute `name` in the envelope's namespace, or absent. */
static struct text envelope_attribute(const struct soap_reader *reader,
                                      const char **attributes, const char *name)
{
    for (uint32_t i = 0; attributes[i] != NULL; i += 2) {
        struct text uri;
        struct text found = reader_split_name(attributes[i], &uri);
        if (text_is(found, name) && is_envelope_uri(reader, uri))
            return text_of(attributes[i + 1]);
    }
    return TEXT_ABSENT;
}

static void start_root(struct soap_reader *reader, struct text uri,
                       struct text name)
{
    if (!text_is(name, "Envelope")) {
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "Expected a SOAP Envelope, found %.*s", SHOWN(name));
        return;
    }
    if (text_is(uri, soap_version_uri(SOAP_1_1)))
        reader->version = SOAP_1_1;
    else if (text_is(uri, soap_version_uri(SOAP_1_2)))
        reader->version = SOAP_1_2;
    else
        reader_refuse(reader, SOAP_FAULT_VERSION_MISMATCH,
                      "The Envelope's namespace is that of neither SOAP 1.1 "
                      "nor SOAP 1.2");
    reader_push(reader, FRAME_ENVELOPE);
}

static void start_part(struct soap_reader *reader, struct text uri,
                       struct text name)
{
    bool is_ours = is_envelope_uri(reader, uri);

    if (is_ours && text_is(name, "Header") && !reader->has_header &&
        !reader->has_body) {
        reader->has_header = true;
        reader_push(reader, FRAME_HEADER);
    } else if (is_ours && text_is(name, "Body") && !reader->has_body) {
        reader->has_body = true;
        reader_push(reader, FRAME_BODY);
    } else {
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "Envelope: expected a Header before one Body, found "
                      "%.*s",
                      SHOWN(name));
    }
}

/* SOAP 1.1 section 4.2.2 (actor), SOAP 1.2 part 1 section 2.2 (role): is the
 * block for us, the last node on its way? */
static bool is_for_us(const struct soap_reader *reader, const char **attributes)
{
    static const char *const ours[] = {
        "",
        "http://schemas.xmlsoap.org/soap/actor/next",
        "http://www.w3.org/2003/05/soap-envelope/role/next",
        "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
    };
    struct text role = envelope_attribute(
        reader, attributes, reader->version == SOAP_1_1 ? "actor" : "role");

    if (text_is_absent(role))
        return true;
    for (uint32_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (text_is(text_trim(role), ours[i]))
            return true;
    }
    return false;
}

/* No header block is one that we understand. */
static void start_block(struct soap_reader *reader, struct text name,
                        const char **attributes)
{
    struct text must = envelope_attribute(reader, attributes, "mustUnderstand");
    struct text word = text_trim(must);

    reader_push(reader, FRAME_SKIP);
    if (text_is_absent(must) || text_is(word, "0") || text_is(word, "false"))
        return;
    if (!text_is(word, "1") && !text_is(word, "true"))
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "Header/%.*s: expected mustUnderstand 0 or 1",
                      SHOWN(name));
    else if (is_for_us(reader, attributes))
        reader_refuse(reader, SOAP_FAULT_MUST_UNDERSTAND,
                      "Header/%.*s is not understood", SHOWN(name));
}

static void start_request(struct soap_reader *reader, struct text uri,
                          struct text name)
{
    const struct soap_type *type = soap_element_find(uri, name);

    reader->operation = SOAP_OP_COUNT;
    if (type != NULL)
        reader->operation = soap_operation_of_request(type);
    if (reader->operation == SOAP_OP_COUNT)
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "Body/%.*s: there is no such operation", SHOWN(name));
    else
        message_start(reader, type);
}

static void start_response(struct soap_reader *reader, struct text uri,
                           struct text name)
{
    const struct soap_type *type = reader->expected;

    if (text_is(name, type->name) && text_is(uri, soap_namespace_uri(type->ns)))
        message_start(reader, type);
    else
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "Body: expected %s, found %.*s", type->name, SHOWN(name));
}

static void start_element(struct soap_reader *reader, struct text uri,
                          struct text name)
{
    if (reader->has_element) {
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "Body: expected one element, found %.*s as well",
                      SHOWN(name));
        return;
    }
    reader->has_element = true;
    if (reader->mode == SOAP_READ_REQUEST)
        start_request(reader, uri, name);
    else if (is_envelope_uri(reader, uri) && text_is(name, "Fault"))
        fault_start(reader);
    else if (reader->mode == SOAP_READ_RESPONSE)
        start_response(reader, uri, name);
    else
        reader_push(reader, FRAME_SKIP);
}

/* Counts what a start tag has, and refuses encodings: we are literal only.
 * xsi:type, xsi:nil and xsi:schemaLocation are as harmless as any other. */
static bool attributes_are_good(struct soap_reader *reader,
                                const char **attributes)
{
    uint32_t count = reader->namespace_count;
    reader->namespace_count = 0;

    for (uint32_t i = 0; attributes[i] != NULL; i += 2)
        count++;
    if (count > LIMIT_XML_ATTRIBUTES) {
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "An element has more than %u attributes",
                      LIMIT_XML_ATTRIBUTES);
        return false;
    }
    if (text_trim(envelope_attribute(reader, attributes, "encodingStyle"))
            .size_bytes > 0) {
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "encodingStyle is not supported: messages are literal");
        return false;
    }
    return true;
}

static void start_in(struct soap_reader *reader, enum frame_kind parent,
                     struct text uri, struct text name, const char **attributes)
{
    switch (parent) {
    case FRAME_ENVELOPE:
        start_part(reader, uri, name);
        return;
    case FRAME_HEADER:
        start_block(reader, name, attributes);
        return;
    case FRAME_BODY:
        start_element(reader, uri, name);
        return;
    case FRAME_STRUCT:
        message_child(reader, uri, name);
        return;
    case FRAME_LEAF:
        message_inside_leaf(reader, name);
        return;
    case FRAME_XML:
        message_inside_xml(reader, name);
        return;
    case FRAME_FAULT:
        fault_child(reader, name);
        return;
    case FRAME_DETAIL:
    case FRAME_TYPED_DETAIL:
        fault_detail_child(reader, uri, name);
        return;
    case FRAME_SKIP:
    case FRAME_FAULT_CODE:
    case FRAME_FAULT_TEXT:
    case FRAME_DETAIL_VALUE:
        reader_push(reader, FRAME_SKIP);
        return;
    }
    NEVER("every kind of frame has a case");
}

void envelope_start(struct soap_reader *reader, struct text uri,
                    struct text name, const char **attributes)
{
    bool is_root = reader->depth == 0;

    if (is_root)
        start_root(reader, uri, name); /* first: it tells the version */
    if (attributes_are_good(reader, attributes) && !is_root)
        start_in(reader, (enum frame_kind)reader_top(reader)->kind, uri, name,
                 attributes);
}

void envelope_end(struct soap_reader *reader, struct text name)
{
    enum frame_kind kind = (enum frame_kind)reader_top(reader)->kind;

    switch (kind) {
    case FRAME_STRUCT:
        message_end_struct(reader);
        break;
    case FRAME_LEAF:
        message_end_leaf(reader);
        break;
    case FRAME_XML:
        message_end_xml(reader, name);
        break;
    case FRAME_FAULT_CODE:
    case FRAME_FAULT_TEXT:
    case FRAME_DETAIL_VALUE:
        fault_end_text(reader, kind);
        break;
    case FRAME_BODY:
        if (!reader->has_element)
            reader_refuse(reader, SOAP_FAULT_CLIENT, "The Body is empty");
        break;
    case FRAME_ENVELOPE:
        if (!reader->has_body)
            reader_refuse(reader, SOAP_FAULT_CLIENT,
                          "The Envelope has no Body");
        break;
    case FRAME_HEADER:
    case FRAME_SKIP:
    case FRAME_FAULT:
    case FRAME_DETAIL:
    case FRAME_TYPED_DETAIL:
        break;
    }
    reader->depth--;
}

void envelope_text(struct soap_reader *reader, struct text text)
{
    switch ((enum frame_kind)reader_top(reader)->kind) {
    case FRAME_LEAF:
        message_leaf_text(reader, text);
        return;
    case FRAME_XML:
        soap_write_escaped(&reader->value, text);
        return;
    case FRAME_FAULT_CODE:
    case FRAME_FAULT_TEXT:
    case FRAME_DETAIL_VALUE:
        text_add(&reader->value, text);
        return;
    case FRAME_STRUCT:
        message_struct_text(reader, text);
        return;
    case FRAME_ENVELOPE:
    case FRAME_HEADER:
    case FRAME_BODY:
        if (text_trim(text).size_bytes > 0)
            reader_refuse(reader, SOAP_FAULT_CLIENT,
                          "Expected an element, found text");
        return;
    case FRAME_SKIP:
    case FRAME_FAULT:
    case FRAME_DETAIL:
    case FRAME_TYPED_DETAIL:
        return;
    }
}
