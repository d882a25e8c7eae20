#include "central/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_START "f1."
#define FIELD_COUNT 7

static const char kinds[] = "sfb";
static const char stages[] = "sfc";

bool token_asks_for_now(struct text text)
{
    return text_is(text, "CURRENT_POSITION");
}

void token_format(const struct token *token, char text[TOKEN_TEXT_BYTES])
{
    snprintf(text, TOKEN_TEXT_BYTES,
             TOKEN_START "%c.%" PRIu64 ".%c.%" PRIu64 ".%" PRIu64 ".%" PRIu64
                         ".%" PRIu64,
             kinds[token->kind], token->filter_hash, stages[token->stage],
             token->session_id, token->local_id, token->session_changed,
             token->file_changed);
}

/* Cuts the text up to the next '.', or its rest. */
static struct text next_field(struct text *text)
{
    struct text field = *text;
    const char *dot = memchr(text->data, '.', text->size_bytes);

    if (dot != NULL)
        field.size_bytes = (uint32_t)(dot - text->data);
    uint32_t cut = field.size_bytes + (dot != NULL);
    text->data += cut;
    text->size_bytes -= cut;
    return field;
}

static bool read_letter(struct text field, const char *letters, uint32_t *place)
{
    const char *found = NULL;

    if (field.size_bytes == 1 && field.data[0] != '\0')
        found = strchr(letters, field.data[0]);
    if (found == NULL)
        return false;
    *place = (uint32_t)(found - letters);
    return true;
}

bool token_parse(struct text text, struct token *token)
{
    const struct text given = text;
    char written[TOKEN_TEXT_BYTES];
    struct text fields[FIELD_COUNT];
    struct token read = {0};
    uint32_t kind;
    uint32_t stage;

    if (!text_starts_with(text, TOKEN_START))
        return false;
    text.data += strlen(TOKEN_START);
    text.size_bytes -= (uint32_t)strlen(TOKEN_START);
    for (uint32_t i = 0; i < FIELD_COUNT; i++)
        fields[i] = next_field(&text);
    if (!read_letter(fields[0], kinds, &kind) ||
        !text_to_u64(fields[1], UINT64_MAX, &read.filter_hash) ||
        !read_letter(fields[2], stages, &stage) ||
        !text_to_u64(fields[3], INT64_MAX, &read.session_id) ||
        !text_to_u64(fields[4], INT64_MAX, &read.local_id) ||
        !text_to_u64(fields[5], INT64_MAX, &read.session_changed) ||
        !text_to_u64(fields[6], INT64_MAX, &read.file_changed))
        return false;
    read.kind = (enum token_kind)kind;
    read.stage = (enum token_stage)stage;
    /* No leading zeros, nothing behind the end. */
    token_format(&read, written);
    if (!text_is(given, written))
        return false;
    *token = read;
    return true;
}
