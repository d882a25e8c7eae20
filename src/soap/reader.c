#include "soap/reader.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "soap/reader_frames.h"

/* Stands between namespace and name in what expat reports.  No URI holds it,
 * and expat refuses a document that smuggles it into one. */
#define SEPARATOR '\n'

/* The room for a value that a reader keeps between messages: enough for any
 * but an order with many paths. */
#define VALUE_BYTES_KEPT 65536u

void reader_refuse(struct soap_reader *reader, enum soap_fault_code code,
                   const char *format, ...)
{
    char text[512];
    va_list args;

    if (reader->result != SOAP_READER_MORE)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reader->fault = soap_fault_make(reader->arena, code, "%s", text);
    reader->result = SOAP_READER_REFUSED;
}

void reader_refuse_size(struct soap_reader *reader)
{
    reader_refuse(reader, SOAP_FAULT_CLIENT, "The message is too large");
}

struct soap_reader_frame *reader_top(struct soap_reader *reader)
{
    CHECK(reader->depth > 0);
    return &reader->frames[reader->depth - 1];
}

struct soap_reader_frame *reader_push(struct soap_reader *reader,
                                      enum frame_kind kind)
{
    if (reader->depth == LIMIT_XML_DEPTH) {
        reader_refuse(reader, SOAP_FAULT_CLIENT, "Elements nest deeper than %u",
                      LIMIT_XML_DEPTH);
        return NULL;
    }
    struct soap_reader_frame *frame = &reader->frames[reader->depth++];
    *frame = (struct soap_reader_frame){.kind = (uint8_t)kind};
    return frame;
}

struct text reader_take_text(struct soap_reader *reader, bool is_trimmed)
{
    struct text text = text_built(&reader->value);

    if (reader->value.failed) {
        reader_refuse_size(reader);
        return TEXT_ABSENT;
    }
    text = text_copy(reader->arena, is_trimmed ? text_trim(text) : text);
    if (text_is_absent(text))
        reader_refuse_size(reader);
    return text;
}

struct text reader_split_name(const char *full, struct text *uri)
{
    const char *separator = strrchr(full, SEPARATOR);

    if (separator == NULL) {
        *uri = text_from("", 0);
        return text_of(full);
    }
    *uri = text_from(full, (size_t)(separator - full));
    return text_of(separator + 1);
}

/* Stops expat once the message is refused; it may call a little further. */
static void stop_if_refused(struct soap_reader *reader)
{
    if (reader->result != SOAP_READER_MORE)
        XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_start(void *user, const XML_Char *full,
                             const XML_Char **attributes)
{
    struct soap_reader *reader = user;
    struct text uri;
    struct text name = reader_split_name(full, &uri);

    if (reader->result != SOAP_READER_MORE)
        return;
    envelope_start(reader, uri, name, attributes);
    stop_if_refused(reader);
}

static void XMLCALL on_end(void *user, const XML_Char *full)
{
    struct soap_reader *reader = user;
    struct text uri;
    struct text name = reader_split_name(full, &uri);

    if (reader->result != SOAP_READER_MORE)
        return;
    envelope_end(reader, name);
    stop_if_refused(reader);
}

static void XMLCALL on_text(void *user, const XML_Char *data, int size)
{
    struct soap_reader *reader = user;

    CHECK(size >= 0);
    if (reader->result != SOAP_READER_MORE)
        return;
    envelope_text(reader, text_from(data, (size_t)size));
    stop_if_refused(reader);
}

static void XMLCALL on_namespace(void *user, const XML_Char *prefix,
                                 const XML_Char *uri)
{
    struct soap_reader *reader = user;

    (void)prefix;
    (void)uri;
    reader->namespace_count++;
}

/* SOAP 1.1 section 3, SOAP 1.2 part 1 section 5. */
static void XMLCALL on_instruction(void *user, const XML_Char *target,
                                   const XML_Char *data)
{
    (void)target;
    (void)data;
    reader_refuse(user, SOAP_FAULT_CLIENT,
                  "A processing instruction is not allowed");
    stop_if_refused(user);
}

static void XMLCALL on_doctype(void *user, const XML_Char *name,
                               const XML_Char *system, const XML_Char *public,
                               int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    reader_refuse(user, SOAP_FAULT_CLIENT, "A DTD is not allowed");
    stop_if_refused(user);
}

/* expat also reads ISO-8859-1 and US-ASCII, which nobody asked for. */
static void XMLCALL on_declaration(void *user, const XML_Char *version,
                                   const XML_Char *encoding, int standalone)
{
    struct soap_reader *reader = user;
    struct text word = text_of(encoding);

    (void)version;
    (void)standalone;
    if (encoding == NULL || reader->is_charset_known ||
        text_is_nocase(word, "UTF-8") || text_is_nocase(word, "UTF-16") ||
        text_is_nocase(word, "UTF-16LE") || text_is_nocase(word, "UTF-16BE"))
        return;
    reader_refuse(reader, SOAP_FAULT_CLIENT,
                  "Expected the encoding UTF-8 or UTF-16, found %.*s",
                  SHOWN(word));
    stop_if_refused(reader);
}

int soap_reader_open(struct soap_reader *reader)
{
    *reader = (struct soap_reader){.result = SOAP_READER_REFUSED};
    random_system(&reader->hash_salt, sizeof reader->hash_salt);
    reader->parser = XML_ParserCreateNS(NULL, SEPARATOR);
    return reader->parser == NULL ? -ENOMEM : 0;
}

void soap_reader_close(struct soap_reader *reader)
{
    XML_ParserFree(reader->parser);
    text_builder_free(&reader->value);
    *reader = (struct soap_reader){.result = SOAP_READER_REFUSED};
}

/* A reset parser has forgotten its handlers. */
static void reset_parser(struct soap_reader *reader, enum soap_charset charset)
{
    static const char *const names[] = {
        [SOAP_CHARSET_ABSENT] = NULL,
        [SOAP_CHARSET_UTF_8] = "UTF-8",
        [SOAP_CHARSET_UTF_16] = "UTF-16",
        [SOAP_CHARSET_UTF_16LE] = "UTF-16LE",
        [SOAP_CHARSET_UTF_16BE] = "UTF-16BE",
    };
    XML_Parser parser = reader->parser;

    CHECK(charset != SOAP_CHARSET_REFUSED);
    CHECK(XML_ParserReset(parser, names[charset]) == XML_TRUE);
    XML_SetHashSalt(parser, reader->hash_salt | 1); /* 0 asks for a new one */
    XML_SetUserData(parser, reader);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartNamespaceDeclHandler(parser, on_namespace);
    XML_SetProcessingInstructionHandler(parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetXmlDeclHandler(parser, on_declaration);
}

static void start_guard(struct soap_reader *reader, enum soap_charset charset)
{
    static const uint8_t unit_bytes[] = {
        [SOAP_CHARSET_UTF_8] = 1,
        [SOAP_CHARSET_UTF_16LE] = 2,
        [SOAP_CHARSET_UTF_16BE] = 2,
    };

    markup_guard_init(&reader->guard, LIMIT_XML_TOKEN_BYTES,
                      unit_bytes[charset], charset == SOAP_CHARSET_UTF_16BE);
}

void soap_reader_start(struct soap_reader *reader, struct arena *arena,
                       enum soap_reader_mode mode, enum soap_charset charset,
                       const struct soap_type *expected)
{
    CHECK((mode == SOAP_READ_RESPONSE) == (expected != NULL));
    CHECK(charset < SOAP_CHARSET_REFUSED);

    reset_parser(reader, charset);
    start_guard(reader, charset);
    if (reader->value.room_bytes > VALUE_BYTES_KEPT)
        text_builder_free(&reader->value);
    text_builder_reset(&reader->value);
    reader->value.size_bytes_max = LIMIT_HTTP_BODY_BYTES;
    reader->result = SOAP_READER_MORE;
    reader->version = SOAP_1_1;
    reader->type = NULL;
    reader->message = NULL;
    reader->operation = SOAP_OP_COUNT;
    reader->is_peer_fault = false;
    reader->fault = (struct soap_fault){0};
    reader->arena = arena;
    reader->expected = expected;
    reader->mode = mode;
    reader->depth = 0;
    reader->namespace_count = 0;
    reader->is_charset_known = charset != SOAP_CHARSET_ABSENT;
    reader->has_header = false;
    reader->has_body = false;
    reader->has_element = false;
    reader->is_skipping = false;
}

/* Turns what the guard says into the answer. */
static void refuse_markup(struct soap_reader *reader, enum markup_result markup)
{
    switch (markup) {
    case MARKUP_GOOD:
        return;
    case MARKUP_TOO_LONG:
        reader_refuse(reader, SOAP_FAULT_CLIENT,
                      "A tag or comment is longer than %u bytes",
                      LIMIT_XML_TOKEN_BYTES);
        return;
    case MARKUP_DTD:
        on_doctype(reader, NULL, NULL, NULL, 0);
        return;
    case MARKUP_PI:
        on_instruction(reader, NULL, NULL);
        return;
    }
}

static void refuse_syntax(struct soap_reader *reader)
{
    enum XML_Error error = XML_GetErrorCode(reader->parser);

    reader_refuse(reader, SOAP_FAULT_CLIENT,
                  "The message is not well-formed XML: line %lu: %s",
                  (unsigned long)XML_GetCurrentLineNumber(reader->parser),
                  XML_ErrorString(error));
}

static void parse(struct soap_reader *reader, const char *data,
                  uint32_t size_bytes, bool last)
{
    uint32_t good_bytes;
    enum markup_result markup =
        markup_guard_feed(&reader->guard, data, size_bytes, &good_bytes);

    /* What comes before the forbidden place may be wrong too, or tell the
     * version, and that must not depend on how the bytes were cut: let expat
     * finish with them now instead of waiting for more. */
    if (markup != MARKUP_GOOD)
        XML_SetReparseDeferralEnabled(reader->parser, XML_FALSE);
    enum XML_Status status = XML_Parse(reader->parser, data, (int)good_bytes,
                                       last && markup == MARKUP_GOOD);
    if (status == XML_STATUS_ERROR)
        refuse_syntax(reader);
    refuse_markup(reader, markup);
}

enum soap_reader_result soap_reader_feed(struct soap_reader *reader,
                                         const char *data, uint32_t size_bytes,
                                         bool last)
{
    CHECK(size_bytes <= INT32_MAX);
    if (reader->result == SOAP_READER_MORE && !reader->is_skipping)
        parse(reader, data, size_bytes, last);
    if (reader->mode == SOAP_READ_ANY &&
        reader->result == SOAP_READER_REFUSED) {
        reader->is_skipping = true;
        reader->result = SOAP_READER_MORE;
    }
    if (last && reader->result == SOAP_READER_MORE)
        reader->result = SOAP_READER_DONE;
    return reader->result;
}
