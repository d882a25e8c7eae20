#include "transfer/glob.h"

#include <stdint.h>
#include <string.h>

/* Where a match may be tried again, one byte later. */
struct star {
    uint32_t pattern_at; /* behind the star; UINT32_MAX = there was none */
    uint32_t path_at;
    bool crosses; /* `**` */
};

/* Whether the byte is in the set that begins at `*at`, behind the '['.  Moves
 * `*at` behind it.  A set without an end is no set: `*is_set` is false. */
static bool in_set(struct text pattern, uint32_t *at, char byte, bool *is_set)
{
    uint32_t i = *at;
    bool found = false;
    bool negated = false;

    if (i < pattern.size_bytes &&
        (pattern.data[i] == '!' || pattern.data[i] == '^')) {
        negated = true;
        i++;
    }
    for (uint32_t start = i; i < pattern.size_bytes; i++) {
        uint8_t low = (uint8_t)pattern.data[i];
        if (low == ']' && i > start) {
            *is_set = true;
            *at = i + 1;
            return byte != '/' && found != negated;
        }
        uint8_t high = low;
        if (i + 2 < pattern.size_bytes && pattern.data[i + 1] == '-' &&
            pattern.data[i + 2] != ']') {
            high = (uint8_t)pattern.data[i + 2];
            i += 2;
        }
        found |= (uint8_t)byte >= low && (uint8_t)byte <= high;
    }
    *is_set = false;
    return byte == '[';
}

/* Matches one byte with what is at `*at`, not a star; moves `*at` behind it. */
static bool match_one(struct text pattern, uint32_t *at, char byte)
{
    char sign = pattern.data[(*at)++];
    bool is_set;

    if (sign == '?')
        return byte != '/';
    if (sign == '[')
        return in_set(pattern, at, byte, &is_set);
    if (sign == '\\' && *at < pattern.size_bytes)
        sign = pattern.data[(*at)++];
    return byte == sign;
}

/* Only the last star of each kind has to be tried again: what an earlier one
 * could take, the later one can take, too.  One that stops at '/' gives up
 * there, and then the last `**` goes on. */
static bool match(struct text pattern, struct text path)
{
    struct star star = {.pattern_at = UINT32_MAX};
    struct star wide = {.pattern_at = UINT32_MAX};
    uint32_t at = 0;
    uint32_t i = 0;

    while (i < path.size_bytes || at < pattern.size_bytes) {
        if (at < pattern.size_bytes && pattern.data[at] == '*') {
            uint32_t start = at;
            while (at < pattern.size_bytes && pattern.data[at] == '*')
                at++;
            star = (struct star){at, i, at - start > 1};
            if (star.crosses)
                wide = star;
            continue;
        }
        if (at < pattern.size_bytes && i < path.size_bytes &&
            match_one(pattern, &at, path.data[i])) {
            i++;
            continue;
        }
        if (star.pattern_at != UINT32_MAX && !star.crosses &&
            (star.path_at >= path.size_bytes ||
             path.data[star.path_at] == '/'))
            star = wide;
        if (star.pattern_at == UINT32_MAX || star.path_at >= path.size_bytes)
            return false;
        at = star.pattern_at;
        i = ++star.path_at;
        if (star.crosses)
            wide = star;
    }
    return true;
}

bool glob_matches(struct text pattern, struct text path)
{
    bool is_path = pattern.size_bytes > 0 &&
                   memchr(pattern.data, '/', pattern.size_bytes) != NULL;

    if (is_path && pattern.data[0] == '/') {
        pattern.data++;
        pattern.size_bytes--;
    }
    for (uint32_t i = path.size_bytes; i-- > 0 && !is_path;) {
        if (path.data[i] == '/') {
            path.data += i + 1;
            path.size_bytes -= i + 1;
            break;
        }
    }
    return match(pattern, path);
}
