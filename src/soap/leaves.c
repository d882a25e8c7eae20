#include "soap/leaves.h"

#include <expat.h>
#include <string.h>

#include "base/limits.h"
#include "soap/markup_guard.h"

struct leaves_frame {
    uint32_t path_bytes; /* of the path with this element */
    uint32_t line;
    uint32_t column;
    bool has_children;
};

struct leaves {
    XML_Parser expat;
    void *user;
    leaf_fn begin;
    leaf_fn leaf;
    struct leaves_error *error;
    struct text_builder value; /* of the innermost element */
    uint32_t depth;
    bool failed;
    bool ended; /* by the user */
    char path[LEAVES_PATH_BYTES];
    struct leaves_frame frames[LEAVES_DEPTH_MAX];
};

/* The first reason wins. */
static void fail(struct leaves *leaves, const char *message)
{
    if (leaves->failed || leaves->ended)
        return;
    leaves->failed = true;
    *leaves->error = (struct leaves_error){
        .line = (uint32_t)XML_GetCurrentLineNumber(leaves->expat),
        .column = (uint32_t)XML_GetCurrentColumnNumber(leaves->expat) + 1,
        .message = message,
    };
    XML_StopParser(leaves->expat, XML_FALSE);
}

static void tell(struct leaves *leaves, leaf_fn callback,
                 const struct leaves_frame *frame, struct text value)
{
    struct leaf leaf = {
        .path = text_from(leaves->path, frame->path_bytes),
        .value = value,
        .line = frame->line,
        .column = frame->column,
    };

    if (callback == NULL || callback(leaves->user, &leaf))
        return;
    leaves->ended = true;
    XML_StopParser(leaves->expat, XML_FALSE);
}

static void XMLCALL on_start(void *user, const XML_Char *name,
                             const XML_Char **attributes)
{
    struct leaves *leaves = user;
    size_t name_bytes = strlen(name);
    uint32_t at = 0;

    (void)attributes;
    if (leaves->failed || leaves->ended)
        return;
    if (leaves->depth == LEAVES_DEPTH_MAX) {
        fail(leaves, "elements nest too deep");
        return;
    }
    if (leaves->depth > 0) {
        leaves->frames[leaves->depth - 1].has_children = true;
        at = leaves->frames[leaves->depth - 1].path_bytes;
    }
    struct leaves_frame *frame = &leaves->frames[leaves->depth];
    *frame = (struct leaves_frame){
        .line = (uint32_t)XML_GetCurrentLineNumber(leaves->expat),
        .column = (uint32_t)XML_GetCurrentColumnNumber(leaves->expat) + 1,
    };
    if (leaves->depth > 0) {
        if (at + 1 + name_bytes > sizeof leaves->path) {
            fail(leaves, "element names are too long");
            return;
        }
        if (at > 0)
            leaves->path[at++] = '/';
        memcpy(leaves->path + at, name, name_bytes);
        frame->path_bytes = at + (uint32_t)name_bytes;
    }
    leaves->depth++;
    text_builder_reset(&leaves->value);
    tell(leaves, leaves->begin, frame, TEXT_ABSENT);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct leaves *leaves = user;

    (void)name;
    if (leaves->failed || leaves->ended)
        return;
    const struct leaves_frame *frame = &leaves->frames[--leaves->depth];
    if (frame->has_children || leaves->depth == 0)
        return;
    if (leaves->value.failed) {
        fail(leaves, "a value is too long");
        return;
    }
    struct text value = text_trim(text_built(&leaves->value));
    tell(leaves, leaves->leaf, frame,
         text_is_absent(value) ? text_of("") : value);
}

static void XMLCALL on_text(void *user, const XML_Char *data, int size)
{
    struct leaves *leaves = user;

    CHECK(size >= 0);
    if (!leaves->failed && !leaves->ended)
        text_add(&leaves->value, text_from(data, (size_t)size));
}

static void XMLCALL on_doctype(void *user, const XML_Char *name,
                               const XML_Char *system, const XML_Char *public,
                               int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    fail(user, "a DTD is not allowed");
}

static void parse(struct leaves *leaves, struct text document)
{
    struct markup_guard guard;
    uint32_t good_bytes;

    markup_guard_init(&guard, LIMIT_XML_TOKEN_BYTES, 0, false);
    enum markup_result markup = markup_guard_feed(
        &guard, document.data, document.size_bytes, &good_bytes);
    enum XML_Status status =
        XML_Parse(leaves->expat, document.data, (int)good_bytes,
                  markup == MARKUP_GOOD);
    if (status == XML_STATUS_ERROR)
        fail(leaves, XML_ErrorString(XML_GetErrorCode(leaves->expat)));
    else if (markup == MARKUP_DTD)
        fail(leaves, "a DTD is not allowed");
    else if (markup == MARKUP_PI)
        fail(leaves, "a processing instruction is not allowed");
    else if (markup == MARKUP_TOO_LONG)
        fail(leaves, "a tag or comment is too long");
}

bool leaves_read(struct text document, void *user, leaf_fn begin, leaf_fn leaf,
                 struct leaves_error *error)
{
    struct leaves leaves = {
        .user = user,
        .begin = begin,
        .leaf = leaf,
        .error = error,
        .value = {.size_bytes_max = LEAVES_VALUE_BYTES},
    };

    *error = (struct leaves_error){0};
    leaves.expat = XML_ParserCreate(NULL);
    if (leaves.expat == NULL) {
        error->message = "memory is used up";
        return false;
    }
    XML_SetUserData(leaves.expat, &leaves);
    XML_SetElementHandler(leaves.expat, on_start, on_end);
    XML_SetCharacterDataHandler(leaves.expat, on_text);
    XML_SetStartDoctypeDeclHandler(leaves.expat, on_doctype);
    parse(&leaves, document);
    XML_ParserFree(leaves.expat);
    text_builder_free(&leaves.value);
    return !leaves.failed;
}
