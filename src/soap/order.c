#include "soap/order.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "soap/markup_guard.h"
#include "soap/order_rows.h"
#include "soap/reader_frames.h"
#include "soap/scalar.h"

/* The longest path of order.def is half of this; a longer one is unknown. */
#define PATH_BYTES_MAX 128

/* A list's first room; it doubles from there. */
#define LIST_ROOM_MIN 4u

/* How the words of the longest set are listed in a message. */
#define WORDS_BYTES_MAX 128

/* Between namespace and local name; see reader.c. */
#define SEPARATOR '\n'

static const uint32_t row_none = UINT32_MAX;

/* One open element. */
struct order_frame {
    uint32_t row;        /* of order_rows, or row_none */
    uint32_t line;       /* where it begins */
    uint16_t path_bytes; /* of the parser's path, with this element */
    bool is_unknown;     /* it and all that is in it */
};

struct order_parser {
    XML_Parser expat;
    struct arena *arena;
    struct order *order;
    struct order_error *error;
    struct text_builder value; /* of the innermost element; owned */
    uint32_t line_offset;      /* lines cut off before the document */
    uint32_t depth;
    uint32_t last_row; /* lists repeat: try it first */
    bool has_failed;
    char path[PATH_BYTES_MAX];
    bool is_seen[256]; /* by row; a test checks that they fit */
    struct order_frame frames[LIMIT_XML_DEPTH];
};

/* Sets the error.  The first one wins. */
static void fail(struct order_parser *parser, uint32_t line, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));

static void fail(struct order_parser *parser, uint32_t line, const char *format,
                 ...)
{
    char text[512]; /* a path, the words of a set, a shortened value */
    va_list args;

    if (parser->has_failed)
        return;
    parser->has_failed = true;
    int used = snprintf(text, sizeof text, "line %u: ", line);
    va_start(args, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    va_end(args);
    parser->error->line = line;
    parser->error->message = text_copy(parser->arena, text_of(text));
    if (text_is_absent(parser->error->message))
        parser->error->message = text_of("The order is too large");
}

static uint32_t line_now(const struct order_parser *parser)
{
    return (uint32_t)XML_GetCurrentLineNumber(parser->expat) +
           parser->line_offset;
}

static uint32_t find_row(struct order_parser *parser, uint16_t path_bytes)
{
    uint32_t row = parser->last_row;

    for (uint32_t i = 0; i < order_row_count; i++) {
        if (order_rows[row].path_bytes == path_bytes &&
            memcmp(order_rows[row].path, parser->path, path_bytes) == 0) {
            parser->last_row = row;
            return row;
        }
        row = row + 1 < order_row_count ? row + 1 : 0;
    }
    return row_none;
}

/* Finds out what the element `name` inside `parent` is. */
static void open_child(struct order_parser *parser,
                       const struct order_frame *parent,
                       struct order_frame *frame, struct text name)
{
    uint32_t at = parent->path_bytes;

    frame->path_bytes = parent->path_bytes;
    frame->is_unknown = parent->is_unknown || parent->row != row_none ||
                        at + 1 + name.size_bytes > PATH_BYTES_MAX;
    if (frame->is_unknown)
        return;
    if (at > 0)
        parser->path[at++] = '/';
    memcpy(parser->path + at, name.data, name.size_bytes);
    frame->path_bytes = (uint16_t)(at + name.size_bytes);
    frame->row = find_row(parser, frame->path_bytes);
}

static void XMLCALL on_start(void *user, const XML_Char *full,
                             const XML_Char **attributes)
{
    struct order_parser *parser = user;
    struct text uri;
    struct text name = reader_split_name(full, &uri);

    (void)attributes; /* an order has none */
    if (parser->has_failed)
        return;
    if (parser->depth == LIMIT_XML_DEPTH) {
        fail(parser, line_now(parser), "elements nest deeper than %u",
             LIMIT_XML_DEPTH);
        return;
    }
    struct order_frame *frame = &parser->frames[parser->depth++];
    *frame = (struct order_frame){.row = row_none, .line = line_now(parser)};
    if (parser->depth > 1)
        open_child(parser, frame - 1, frame, name);
    else if (!text_is(name, "Order"))
        fail(parser, frame->line, "expected Order, found %.*s", SHOWN(name));
    if (frame->row != row_none)
        text_builder_reset(&parser->value);
}

/* "Fixed, High, Fair or Low" */
static const char *list_words(const struct order_value *values,
                              char words[WORDS_BYTES_MAX])
{
    uint32_t count = 0;
    uint32_t at = 0;
    size_t used = 0;

    for (uint32_t i = 0; values[i].word != NULL; i++)
        count += !values[i].is_alias;
    for (uint32_t i = 0; values[i].word != NULL; i++) {
        if (values[i].is_alias)
            continue;
        const char *before = at == 0 ? "" : at + 1 == count ? " or " : ", ";
        used += (size_t)snprintf(words + used, WORDS_BYTES_MAX - used, "%s%s",
                                 before, values[i].word);
        CHECK(used < WORDS_BYTES_MAX);
        at++;
    }
    return words;
}

static bool parse_choice(struct order_parser *parser,
                         const struct order_row *row, struct text text,
                         uint32_t line, uint8_t *value)
{
    char words[WORDS_BYTES_MAX];

    text = text_trim(text);
    for (uint32_t i = 0; row->values[i].word != NULL; i++) {
        if (text_is_nocase(text, row->values[i].word)) {
            *value = row->values[i].value;
            return true;
        }
    }
    fail(parser, line, "%s: expected %s, found \"%.*s\"", row->path,
         list_words(row->values, words), SHOWN(text));
    return false;
}

static void store_number(struct order_parser *parser,
                         const struct order_row *row, struct text text,
                         uint32_t line, int64_t *value)
{
    if (!scalar_parse_i64(text, row->min, row->max, value))
        fail(parser, line,
             "%s: expected a whole number from %lld to %lld, found \"%.*s\"",
             row->path, (long long)row->min, (long long)row->max, SHOWN(text));
}

static void store_text(struct order_parser *parser, const struct order_row *row,
                       struct text text, uint32_t line, struct text *value)
{
    if (row->kind == ORDER_KIND_WORD)
        text = text_trim(text);
    /* Where it is another place of the same thing, both must agree. */
    if (!text_is_absent(*value) && !text_equal(*value, text)) {
        fail(parser, line, "%s: expected the same value as in its other place",
             row->path);
        return;
    }
    *value = text_copy(parser->arena, text);
    if (text_is_absent(*value))
        fail(parser, line, "the order is too large");
}

static void add_text(struct order_parser *parser, const struct order_row *row,
                     struct text text, uint32_t line, struct text **items,
                     uint32_t *count)
{
    bool is_full = *count == 0 ||
                   (*count >= LIST_ROOM_MIN && (*count & (*count - 1)) == 0);

    if ((int64_t)*count == row->max) {
        fail(parser, line, "%s: expected at most %u", row->path, *count);
        return;
    }
    if (is_full) {
        uint32_t room = *count == 0 ? LIST_ROOM_MIN : *count * 2;
        struct text *more =
            arena_take_zeroed(parser->arena, room, sizeof *more);
        if (more == NULL) {
            fail(parser, line, "the order is too large");
            return;
        }
        if (*count > 0)
            memcpy(more, *items, *count * sizeof *more);
        *items = more;
    }
    (*items)[*count] = TEXT_ABSENT;
    store_text(parser, row, text, line, &(*items)[(*count)++]);
}

/* The value of an element is complete. */
static void store(struct order_parser *parser, const struct order_row *row,
                  uint32_t line, struct text text)
{
    unsigned char *base = (unsigned char *)parser->order;
    void *place = base + row->offset;
    void *flag = base + row->flag_offset;
    uint32_t *count = flag;
    uint8_t value = 0;

    switch ((enum order_kind)row->kind) {
    case ORDER_KIND_TEXT:
    case ORDER_KIND_WORD:
        if (!((row->flags & NULL_IS_ABSENT) &&
              text_is(text_trim(text), "null")))
            store_text(parser, row, text, line, place);
        return;
    case ORDER_KIND_TEXTS:
        add_text(parser, row, text, line, place, count);
        return;
    case ORDER_KIND_YES_NO:
        if (parse_choice(parser, row, text, line, &value))
            *(bool *)place = value != 0;
        *(bool *)flag = true;
        return;
    case ORDER_KIND_CHOICE:
        parse_choice(parser, row, text, line, place);
        *(bool *)flag = true;
        return;
    case ORDER_KIND_CHOICES:
        if ((int64_t)*count == row->max)
            fail(parser, line, "%s: expected at most %u", row->path, *count);
        else if (parse_choice(parser, row, text, line, &value))
            ((uint8_t *)place)[(*count)++] = value;
        return;
    case ORDER_KIND_NUMBER:
        store_number(parser, row, text, line, place);
        *(bool *)flag = true;
        return;
    }
}

static void XMLCALL on_end(void *user, const XML_Char *full)
{
    struct order_parser *parser = user;

    (void)full;
    if (parser->has_failed)
        return;
    const struct order_frame *frame = &parser->frames[--parser->depth];
    if (frame->is_unknown || frame->row == row_none)
        return;

    const struct order_row *row = &order_rows[frame->row];
    bool is_list =
        row->kind == ORDER_KIND_TEXTS || row->kind == ORDER_KIND_CHOICES;
    if (parser->value.failed)
        fail(parser, frame->line, "the order is too large");
    else if (parser->is_seen[frame->row] && !is_list)
        fail(parser, frame->line, "%s is given twice", row->path);
    else
        store(parser, row, frame->line, text_built(&parser->value));
    parser->is_seen[frame->row] = true;
}

static void XMLCALL on_text(void *user, const XML_Char *data, int size)
{
    struct order_parser *parser = user;
    const struct order_frame *frame = &parser->frames[parser->depth - 1];

    CHECK(size >= 0);
    if (!parser->has_failed && !frame->is_unknown && frame->row != row_none)
        text_add(&parser->value, text_from(data, (size_t)size));
}

static void XMLCALL on_doctype(void *user, const XML_Char *name,
                               const XML_Char *system, const XML_Char *public,
                               int has_internal_subset)
{
    struct order_parser *parser = user;

    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    fail(parser, line_now(parser), "a DTD is not allowed");
    XML_StopParser(parser->expat, XML_FALSE);
}

/* Every default; a text is absent, a list empty. */
static void set_defaults(struct order *order)
{
    *order = (struct order){0};
    for (uint32_t i = 0; i < order_row_count; i++) {
        const struct order_row *row = &order_rows[i];
        void *place = (unsigned char *)order + row->offset;
        if (row->kind == ORDER_KIND_NUMBER)
            *(int64_t *)place = row->otherwise;
        else if (row->kind == ORDER_KIND_CHOICE)
            *(uint8_t *)place = (uint8_t)row->otherwise;
        else if (row->kind == ORDER_KIND_YES_NO)
            *(bool *)place = row->otherwise != 0;
    }
}

/* Cuts off white space, which may not stand before an XML declaration, and a
 * byte order mark, but remembers its lines. */
static struct text trim_counted(struct text text, uint32_t *line_count)
{
    struct text trimmed = text_trim(text);

    for (const char *at = text.data; at < trimmed.data; at++)
        *line_count += *at == '\n';
    if (text_starts_with(trimmed, "\xef\xbb\xbf"))
        trimmed = text_from(trimmed.data + 3, trimmed.size_bytes - 3);
    return trimmed;
}

static void check_mandatory(struct order_parser *parser)
{
    const struct order *order = parser->order;
    uint32_t line = line_now(parser);
    bool is_push = order_is_push(order);
    uint32_t source_count =
        is_push ? order->local_path_count : order->remote_path_count;
    uint32_t destination_count =
        is_push ? order->remote_path_count : order->local_path_count;

    if (!order->has_operation)
        fail(parser, line, "Operation is missing");
    else if (order->remote_address.size_bytes == 0)
        fail(parser, line, "RemoteLocation/System/Address is missing");
    else if (source_count == 0)
        fail(parser, line, "%s/Files/Path is missing",
             is_push ? "LocalLocation" : "RemoteLocation");
    else if (destination_count > 1)
        fail(parser, line,
             "%s/Files/Path: expected at most one destination, found %u",
             is_push ? "RemoteLocation" : "LocalLocation", destination_count);
}

static void parse(struct order_parser *parser, struct text text)
{
    struct markup_guard guard;
    uint32_t good_bytes;

    markup_guard_init(&guard, LIMIT_XML_TOKEN_BYTES, 1, false);
    enum markup_result markup =
        markup_guard_feed(&guard, text.data, text.size_bytes, &good_bytes);
    enum XML_Status status = XML_Parse(parser->expat, text.data,
                                       (int)good_bytes, markup == MARKUP_GOOD);
    if (status == XML_STATUS_ERROR)
        fail(parser, line_now(parser), "not well-formed XML: %s",
             XML_ErrorString(XML_GetErrorCode(parser->expat)));
    else if (markup == MARKUP_DTD)
        on_doctype(parser, NULL, NULL, NULL, 0);
    else if (markup == MARKUP_TOO_LONG)
        fail(parser, line_now(parser),
             "a tag or comment is longer than %u "
             "bytes",
             LIMIT_XML_TOKEN_BYTES);
    else if (markup == MARKUP_PI)
        fail(parser, line_now(parser),
             "a processing instruction is not allowed");
    if (parser->has_failed)
        return;
    check_mandatory(parser);
    /* A size says that it is not to be looked for (contract, section 4). */
    if (parser->order->has_datagram_size &&
        !parser->order->has_auto_detect_path_mtu)
        parser->order->auto_detect_path_mtu = false;
}

bool order_parse(struct text text, struct arena *arena, struct order *order,
                 struct order_error *error)
{
    struct order_parser parser = {
        .arena = arena,
        .order = order,
        .error = error,
        .value.size_bytes_max = LIMIT_HTTP_BODY_BYTES,
    };

    CHECK(order_row_count <= sizeof parser.is_seen);
    set_defaults(order);
    *error = (struct order_error){0};
    /* What a declaration says of the encoding was true of the file that this
     * text comes from; now it is UTF-8. */
    parser.expat = XML_ParserCreateNS("UTF-8", SEPARATOR);
    if (parser.expat == NULL) {
        fail(&parser, 0, "the order is too large");
        return false;
    }
    XML_SetUserData(parser.expat, &parser);
    XML_SetElementHandler(parser.expat, on_start, on_end);
    XML_SetCharacterDataHandler(parser.expat, on_text);
    XML_SetStartDoctypeDeclHandler(parser.expat, on_doctype);

    parse(&parser, trim_counted(text, &parser.line_offset));

    XML_ParserFree(parser.expat);
    text_builder_free(&parser.value);
    return !parser.has_failed;
}
