#include "soap/order_rows.h"

/* Every value of a set. */
#define EVERY UINT32_MAX
#define ONLY(name) (UINT32_C(1) << ORDER_##name)
#define NO (UINT32_C(1) << false)

/* First pass: the sets of words. */
#define VALUES(set) static const struct order_value values_##set[] = {
#define VALUE(set, name, word) {word, ORDER_##set##_##name, false},
#define ALIAS(set, name, word) {word, ORDER_##set##_##name, true},
#define END_VALUES(set) \
    {                   \
        NULL, 0, false  \
    }                   \
    }                   \
    ;
#define TEXT(path, member, support, flags)
#define WORD(path, member, support, flags)
#define TEXTS(path, member, max, support)
#define YES_NO(path, member, otherwise, supported)
#define CHOICE(path, member, set, otherwise, supported)
#define CHOICES(path, member, set, max)
#define NUMBER(path, member, min, max, otherwise, support)
#undef ALSO
#define ALSO(path, member, kind, support, flags)
#include "soap/order.def"
#undef VALUES
#undef VALUE
#undef ALIAS
#undef END_VALUES
#undef TEXT
#undef WORD
#undef TEXTS
#undef YES_NO
#undef CHOICE
#undef CHOICES
#undef NUMBER
#undef ALSO

static const struct order_value values_YES_NO[] = {
    {"Yes", true, false},
    {"No", false, false},
    {NULL, 0, false},
};

/* Second pass: the elements. */
#define ROW(path_, kind_, member, ...)         \
    {.path = path_,                            \
     .path_bytes = sizeof(path_) - 1,          \
     .kind = ORDER_KIND_##kind_,               \
     .offset = offsetof(struct order, member), \
     __VA_ARGS__},
#define FLAG_OF(member) .flag_offset = offsetof(struct order, member)

#define VALUES(set)
#define VALUE(set, name, word)
#define ALIAS(set, name, word)
#define END_VALUES(set)
#define TEXT(path, member, support_, flags_) \
    ROW(path, TEXT, member, .support = ORDER_##support_, .flags = flags_)
#define WORD(path, member, support_, flags_) \
    ROW(path, WORD, member, .support = ORDER_##support_, .flags = flags_)
#define TEXTS(path, member, max_, support_)                        \
    ROW(path, TEXTS, member, FLAG_OF(member##_count), .max = max_, \
        .support = ORDER_##support_)
#define YES_NO(path, member, otherwise_, supported_)                          \
    ROW(path, YES_NO, member, FLAG_OF(has_##member), .values = values_YES_NO, \
        .otherwise = otherwise_, .supported = supported_)
#define CHOICE(path, member, set, otherwise_, supported_)                    \
    ROW(path, CHOICE, member, FLAG_OF(has_##member), .values = values_##set, \
        .otherwise = otherwise_, .supported = supported_)
#define CHOICES(path, member, set, max_)                \
    ROW(path, CHOICES, member, FLAG_OF(member##_count), \
        .values = values_##set, .max = max_)
#define NUMBER(path, member, min_, max_, otherwise_, support_)                 \
    ROW(path, NUMBER, member, FLAG_OF(has_##member), .min = min_, .max = max_, \
        .otherwise = otherwise_, .support = ORDER_##support_)
#define ALSO(path, member, kind_, support_, flags_) \
    ROW(path, kind_, member, .support = ORDER_##support_, .flags = flags_)

const struct order_row order_rows[] = {
#include "soap/order.def"
};

const uint32_t order_row_count = sizeof order_rows / sizeof order_rows[0];

const char *order_word(const struct order_value *values, uint8_t value)
{
    for (uint32_t i = 0; values[i].word != NULL; i++) {
        if (values[i].value == value && !values[i].is_alias)
            return values[i].word;
    }
    NEVER("a value of the set has a word");
}

const char *order_word_operation(uint8_t value)
{
    return order_word(values_OPERATION, value);
}

const char *order_word_policy(uint8_t value)
{
    return order_word(values_POLICY, value);
}

const char *order_word_cipher(uint8_t value)
{
    return order_word(values_CIPHER, value);
}

const char *order_word_resume(uint8_t value)
{
    return order_word(values_RESUME, value);
}

const char *order_word_method(uint8_t value)
{
    return order_word(values_METHOD, value);
}

const char *order_word_overwrite(uint8_t value)
{
    return order_word(values_OVERWRITE, value);
}
