/* Text as a pointer and a length, and a builder that puts text together.
 *
 * Knows: bytes, arenas.
 * Must not know: encodings, XML, who reads the text.
 *
 * `struct text` borrows: it is valid as long as what it points into.  A text
 * with data == NULL is absent, which is different from an empty one.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct text {
    const char *data; /* not terminated by NUL; NULL = absent */
    uint32_t size_bytes;
};

#define TEXT_ABSENT ((struct text){NULL, 0})

static inline bool text_is_absent(struct text text)
{
    return text.data == NULL;
}

/* The text of a string that ends with NUL; NULL gives an absent text. */
struct text text_of(const char *string);
struct text text_from(const char *data, size_t size_bytes);

bool text_equal(struct text a, struct text b);
bool text_is(struct text text, const char *string);
/* Without regard to the case of ASCII letters. */
bool text_is_nocase(struct text text, const char *string);
bool text_starts_with(struct text text, const char *prefix);

/* Without XML white space (space, tab, CR, LF) at both ends. */
struct text text_trim(struct text text);

/* Reads the whole of `text` as a decimal number: digits only, at most `max`.
 * Returns false, with `*value` untouched, for anything else. */
bool text_to_u64(struct text text, uint64_t max, uint64_t *value);

/* A copy in `arena`, with a NUL after it; absent stays absent.  NULL data when
 * the arena is used up. */
struct text text_copy(struct arena *arena, struct text text);

/* Copies into `buffer` with a NUL at the end.  Returns false, and an empty
 * string, when it does not fit or `text` holds a NUL. */
bool text_to_string(struct text text, char *buffer, size_t buffer_bytes);

/* Grows a text on the heap.  Zero-initialise it.  `failed` sticks once memory
 * or `size_bytes_max` (0 = TEXT_BUILDER_BYTES_MAX) is used up; later additions do
 * nothing, so that only the end has to look. */
#define TEXT_BUILDER_BYTES_MAX (64u << 20)

struct text_builder {
    char *data; /* owned; a NUL follows the text */
    uint32_t size_bytes;
    uint32_t room_bytes;
    uint32_t size_bytes_max;
    bool failed;
};

void text_add(struct text_builder *builder, struct text text);
void text_add_string(struct text_builder *builder, const char *string);
void text_add_char(struct text_builder *builder, char c);
/* Adds `size_bytes` bytes that the caller writes to the place returned, before
 * anything else is added.  NULL when there is no room. */
char *text_add_room(struct text_builder *builder, uint32_t size_bytes);
void text_add_u64(struct text_builder *builder, uint64_t value);
void text_add_format(struct text_builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What was added so far; borrowed. */
struct text text_built(const struct text_builder *builder);
/* Empties it and keeps its memory for the next text. */
void text_builder_reset(struct text_builder *builder);
void text_builder_free(struct text_builder *builder);

#endif
