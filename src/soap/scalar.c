#include "soap/scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/datetime.h"
#include "soap/writer.h"

struct kind_row {
    uint32_t size_bytes;
    int64_t min; /* whole numbers but U64 */
    int64_t max;
    const char *expected;
};

static const struct kind_row kinds[] = {
    [SOAP_KIND_TEXT] = {sizeof(struct text), 0, 0, "text"},
    [SOAP_KIND_WORD] = {sizeof(struct text), 0, 0, "text"},
    [SOAP_KIND_XML] = {sizeof(struct text), 0, 0, "text or one element"},
    [SOAP_KIND_BOOL] = {sizeof(bool), 0, 0, "true or false"},
    [SOAP_KIND_I32] = {sizeof(int32_t), INT32_MIN, INT32_MAX,
                       "a whole number from -2147483648 to 2147483647"},
    [SOAP_KIND_I64] = {sizeof(int64_t), INT64_MIN, INT64_MAX,
                       "a whole number from -9223372036854775808 to "
                       "9223372036854775807"},
    [SOAP_KIND_U8] = {sizeof(uint8_t), 0, UINT8_MAX,
                      "a whole number from 0 to 255"},
    [SOAP_KIND_U16] = {sizeof(uint16_t), 0, UINT16_MAX,
                       "a whole number from 0 to 65535"},
    [SOAP_KIND_U32] = {sizeof(uint32_t), 0, UINT32_MAX,
                       "a whole number from 0 to 4294967295"},
    [SOAP_KIND_U64] = {sizeof(uint64_t), 0, 0,
                       "a whole number from 0 to 18446744073709551615"},
    [SOAP_KIND_COUNT] = {sizeof(uint64_t), 0, 0, "a whole number of 1 or more"},
    [SOAP_KIND_DATE] = {sizeof(int64_t), 0, 0,
                        "a date such as 2026-11-24T03:39:12Z"},
    [SOAP_KIND_FLOAT] = {sizeof(double), 0, 0, "a number"},
    [SOAP_KIND_STRUCT] = {0, 0, 0, "elements"},
    [SOAP_KIND_BASE] = {0, 0, 0, "elements"},
};

uint32_t scalar_size_bytes(enum soap_kind kind)
{
    CHECK(kinds[kind].size_bytes > 0);
    return kinds[kind].size_bytes;
}

const char *scalar_expected(enum soap_kind kind)
{
    return kinds[kind].expected;
}

/* Splits off a sign.  False when no digit follows, or something else. */
static bool split_sign(struct text *text, bool *is_negative)
{
    *text = text_trim(*text);
    *is_negative = text->size_bytes > 0 && text->data[0] == '-';
    if (*is_negative || (text->size_bytes > 0 && text->data[0] == '+')) {
        text->data++;
        text->size_bytes--;
    }
    for (uint32_t i = 0; i < text->size_bytes; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
    }
    return text->size_bytes > 0;
}

static bool parse_u64(struct text text, uint64_t *value)
{
    bool is_negative;
    uint64_t read;

    if (!split_sign(&text, &is_negative) ||
        !text_to_u64(text, UINT64_MAX, &read) || (is_negative && read != 0))
        return false;
    *value = read;
    return true;
}

/* A positiveInteger has no upper end: what does not fit counts as the most,
 * since every user of one clamps it. */
static bool parse_count(struct text text, uint64_t *value)
{
    bool is_negative;
    uint64_t read = UINT64_MAX;

    if (!split_sign(&text, &is_negative) || is_negative)
        return false;
    if (!text_to_u64(text, UINT64_MAX, &read))
        read = UINT64_MAX;
    if (read == 0)
        return false;
    *value = read;
    return true;
}

bool scalar_parse_i64(struct text text, int64_t min, int64_t max,
                      int64_t *value)
{
    bool is_negative;
    uint64_t read;
    uint64_t read_max = (uint64_t)INT64_MAX;

    if (!split_sign(&text, &is_negative))
        return false;
    if (is_negative)
        read_max++; /* the magnitude of INT64_MIN */
    if (!text_to_u64(text, read_max, &read))
        return false;

    /* 0 - read wraps to the two's complement, also for INT64_MIN. */
    int64_t number = (int64_t)(is_negative ? UINT64_C(0) - read : read);
    if (number < min || number > max)
        return false;
    *value = number;
    return true;
}

static bool parse_bool(struct text text, bool *value)
{
    text = text_trim(text);
    if (text_is(text, "true") || text_is(text, "1"))
        *value = true;
    else if (text_is(text, "false") || text_is(text, "0"))
        *value = false;
    else
        return false;
    return true;
}

static bool parse_float(struct text text, double *value)
{
    char digits[64]; /* more of them change nothing in a float */
    char *end;

    text = text_trim(text);
    if (text_is(text, "INF") || text_is(text, "-INF")) {
        *value = text.data[0] == '-' ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    if (text_is(text, "NaN")) {
        *value = (double)NAN;
        return true;
    }
    if (!text_to_string(text, digits, sizeof digits) || digits[0] == '\0' ||
        strspn(digits, "+-.0123456789eE") != text.size_bytes)
        return false; /* strtod() would also take hexadecimal and "inf" */
    double read = strtod(digits, &end);
    if (*end != '\0')
        return false;
    *value = read;
    return true;
}

/* Stores a number that is known to be in range. */
static void store(enum soap_kind kind, int64_t number, void *place)
{
    switch (kind) {
    case SOAP_KIND_I32:
        *(int32_t *)place = (int32_t)number;
        return;
    case SOAP_KIND_I64:
        *(int64_t *)place = number;
        return;
    case SOAP_KIND_U8:
        *(uint8_t *)place = (uint8_t)number;
        return;
    case SOAP_KIND_U16:
        *(uint16_t *)place = (uint16_t)number;
        return;
    case SOAP_KIND_U32:
        *(uint32_t *)place = (uint32_t)number;
        return;
    case SOAP_KIND_TEXT:
    case SOAP_KIND_WORD:
    case SOAP_KIND_XML:
    case SOAP_KIND_BOOL:
    case SOAP_KIND_U64:
    case SOAP_KIND_COUNT:
    case SOAP_KIND_DATE:
    case SOAP_KIND_FLOAT:
    case SOAP_KIND_STRUCT:
    case SOAP_KIND_BASE:
        NEVER("only whole numbers of up to 64 bits, signed, are stored here");
    }
}

bool scalar_parse(enum soap_kind kind, struct text text, void *place)
{
    int64_t number;

    switch (kind) {
    case SOAP_KIND_TEXT:
    case SOAP_KIND_XML:
        *(struct text *)place = text;
        return true;
    case SOAP_KIND_WORD:
        *(struct text *)place = text_trim(text);
        return true;
    case SOAP_KIND_BOOL:
        return parse_bool(text, place);
    case SOAP_KIND_U64:
        return parse_u64(text, place);
    case SOAP_KIND_COUNT:
        return parse_count(text, place);
    case SOAP_KIND_DATE:
        return datetime_parse(text, place);
    case SOAP_KIND_FLOAT:
        return parse_float(text, place);
    case SOAP_KIND_I32:
    case SOAP_KIND_I64:
    case SOAP_KIND_U8:
    case SOAP_KIND_U16:
    case SOAP_KIND_U32:
        if (!scalar_parse_i64(text, kinds[kind].min, kinds[kind].max, &number))
            return false;
        store(kind, number, place);
        return true;
    case SOAP_KIND_STRUCT:
    case SOAP_KIND_BASE:
        break;
    }
    NEVER("an element with children has no text");
}

static void write_i64(struct text_builder *out, int64_t number)
{
    if (number < 0) {
        text_add_char(out, '-');
        text_add_u64(out, UINT64_C(0) - (uint64_t)number);
        return;
    }
    text_add_u64(out, (uint64_t)number);
}

static void write_float(struct text_builder *out, double number)
{
    if (isnan(number))
        text_add_string(out, "NaN");
    else if (isinf(number))
        text_add_string(out, number < 0 ? "-INF" : "INF");
    else
        text_add_format(out, "%.7g", number); /* as many as a float holds */
}

static void write_date(struct text_builder *out, int64_t time_us)
{
    char date[DATETIME_TEXT_BYTES + 1];

    datetime_format(time_us, date);
    text_add(out, text_from(date, DATETIME_TEXT_BYTES));
}

void scalar_write(struct text_builder *out, enum soap_kind kind,
                  const void *place)
{
    switch (kind) {
    case SOAP_KIND_TEXT:
    case SOAP_KIND_WORD:
    case SOAP_KIND_XML:
        soap_write_escaped(out, *(const struct text *)place);
        return;
    case SOAP_KIND_BOOL:
        text_add_string(out, *(const bool *)place ? "true" : "false");
        return;
    case SOAP_KIND_I32:
        write_i64(out, *(const int32_t *)place);
        return;
    case SOAP_KIND_I64:
        write_i64(out, *(const int64_t *)place);
        return;
    case SOAP_KIND_U8:
        text_add_u64(out, *(const uint8_t *)place);
        return;
    case SOAP_KIND_U16:
        text_add_u64(out, *(const uint16_t *)place);
        return;
    case SOAP_KIND_U32:
        text_add_u64(out, *(const uint32_t *)place);
        return;
    case SOAP_KIND_U64:
    case SOAP_KIND_COUNT:
        text_add_u64(out, *(const uint64_t *)place);
        return;
    case SOAP_KIND_DATE:
        write_date(out, *(const int64_t *)place);
        return;
    case SOAP_KIND_FLOAT:
        write_float(out, *(const double *)place);
        return;
    case SOAP_KIND_STRUCT:
    case SOAP_KIND_BASE:
        break;
    }
    NEVER("an element with children has no text");
}
