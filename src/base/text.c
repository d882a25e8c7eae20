#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

struct text text_of(const char *string)
{
    if (string == NULL)
        return TEXT_ABSENT;
    return text_from(string, strlen(string));
}

struct text text_from(const char *data, size_t size_bytes)
{
    CHECK(size_bytes <= UINT32_MAX);
    return (struct text){data, (uint32_t)size_bytes};
}

bool text_equal(struct text a, struct text b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.size_bytes == b.size_bytes &&
           memcmp(a.data, b.data, a.size_bytes) == 0;
}

bool text_is(struct text text, const char *string)
{
    return text_equal(text, text_of(string));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_is_nocase(struct text text, const char *string)
{
    if (text.data == NULL || strlen(string) != text.size_bytes)
        return false;
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        if (lower(text.data[i]) != lower(string[i]))
            return false;
    }
    return true;
}

bool text_starts_with(struct text text, const char *prefix)
{
    size_t prefix_bytes = strlen(prefix);

    return text.data != NULL && text.size_bytes >= prefix_bytes &&
           memcmp(text.data, prefix, prefix_bytes) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text text_trim(struct text text)
{
    while (text.size_bytes > 0 && is_space(text.data[0])) {
        text.data++;
        text.size_bytes--;
    }
    while (text.size_bytes > 0 && is_space(text.data[text.size_bytes - 1]))
        text.size_bytes--;
    return text;
}

bool text_to_u64(struct text text, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;

    if (text.size_bytes == 0)
        return false;
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(c - '0'), &sum))
            return false;
    }
    if (sum > max)
        return false;
    *value = sum;
    return true;
}

struct text text_copy(struct arena *arena, struct text text)
{
    if (text.data == NULL)
        return TEXT_ABSENT;

    char *copy = arena_take(arena, (size_t)text.size_bytes + 1);
    if (copy == NULL)
        return TEXT_ABSENT;
    memcpy(copy, text.data, text.size_bytes);
    copy[text.size_bytes] = '\0';
    return (struct text){copy, text.size_bytes};
}

bool text_to_string(struct text text, char *buffer, size_t buffer_bytes)
{
    CHECK(buffer_bytes > 0);
    buffer[0] = '\0';
    if (text.data == NULL || text.size_bytes >= buffer_bytes ||
        memchr(text.data, '\0', text.size_bytes) != NULL)
        return false;
    memcpy(buffer, text.data, text.size_bytes);
    buffer[text.size_bytes] = '\0';
    return true;
}

/* Makes room for `more_bytes` and a NUL.  Returns false once it has failed. */
static bool grow(struct text_builder *builder, size_t more_bytes)
{
    size_t max =
        builder->size_bytes_max ? builder->size_bytes_max : TEXT_BUILDER_BYTES_MAX;

    if (builder->failed)
        return false;
    if (more_bytes > max - builder->size_bytes)
        goto fail;
    if (builder->size_bytes + more_bytes < builder->room_bytes)
        return true;

    /* With the allocator's own words 256. */
    size_t room = builder->room_bytes ? builder->room_bytes : 240;
    while (room <= builder->size_bytes + more_bytes)
        room *= 2;
    char *data = realloc(builder->data, room);
    if (data == NULL)
        goto fail;
    builder->data = data;
    builder->room_bytes = (uint32_t)room;
    return true;

fail:
    builder->failed = true;
    return false;
}

void text_add(struct text_builder *builder, struct text text)
{
    if (text.size_bytes == 0 || !grow(builder, text.size_bytes))
        return;
    memcpy(builder->data + builder->size_bytes, text.data, text.size_bytes);
    builder->size_bytes += text.size_bytes;
    builder->data[builder->size_bytes] = '\0';
}

char *text_add_room(struct text_builder *builder, uint32_t size_bytes)
{
    if (!grow(builder, size_bytes))
        return NULL;
    char *place = builder->data + builder->size_bytes;
    builder->size_bytes += size_bytes;
    builder->data[builder->size_bytes] = '\0';
    return place;
}

void text_add_string(struct text_builder *builder, const char *string)
{
    text_add(builder, text_of(string));
}

void text_add_char(struct text_builder *builder, char c)
{
    char *place = text_add_room(builder, 1);

    if (place != NULL)
        *place = c;
}

void text_add_u64(struct text_builder *builder, uint64_t value)
{
    char digits[20];
    char *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text_add(builder, text_from(at, (size_t)(digits + sizeof digits - at)));
}

void text_add_format(struct text_builder *builder, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(size >= 0);
    if (!grow(builder, (size_t)size))
        return;

    va_start(args, format);
    vsnprintf(builder->data + builder->size_bytes, (size_t)size + 1, format,
              args);
    va_end(args);
    builder->size_bytes += (uint32_t)size;
}

struct text text_built(const struct text_builder *builder)
{
    if (builder->data == NULL)
        return (struct text){"", 0};
    return (struct text){builder->data, builder->size_bytes};
}

void text_builder_reset(struct text_builder *builder)
{
    builder->size_bytes = 0;
    builder->failed = false;
}

void text_builder_free(struct text_builder *builder)
{
    free(builder->data);
    *builder = (struct text_builder){0};
}
