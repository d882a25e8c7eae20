#include "base/uuid.h"

#include <string.h>

#include "base/random.h"

struct uuid uuid_new(void)
{
    struct uuid uuid;

    random_system(uuid.bytes, sizeof uuid.bytes);
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool uuid_is_zero(struct uuid uuid)
{
    return uuid_equal(uuid, (struct uuid){{0}});
}

/* A dash stands before bytes 4, 6, 8 and 10. */
static bool dash_before(unsigned byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(struct uuid uuid, char text[UUID_TEXT_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < 16; i++) {
        if (dash_before(i))
            *text++ = '-';
        *text++ = digits[uuid.bytes[i] >> 4];
        *text++ = digits[uuid.bytes[i] & 15];
    }
    *text = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool uuid_parse(struct text text, struct uuid *uuid)
{
    struct uuid read;
    const char *at = text.data;

    if (text.data == NULL || text.size_bytes != UUID_TEXT_BYTES)
        return false;
    for (unsigned i = 0; i < 16; i++) {
        if (dash_before(i) && *at++ != '-')
            return false;
        int high = digit_value(at[0]);
        int low = digit_value(at[1]);
        if (high < 0 || low < 0)
            return false;
        read.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *uuid = read;
    return true;
}
