/* The table that order.def makes, for the files of the order.
 *
 * Not for users: they include order.h. */
#ifndef SOAP_ORDER_ROWS_H
#define SOAP_ORDER_ROWS_H

#include "soap/order.h"

enum order_kind {
    ORDER_KIND_TEXT,
    ORDER_KIND_WORD,
    ORDER_KIND_TEXTS,
    ORDER_KIND_YES_NO,
    ORDER_KIND_CHOICE,
    ORDER_KIND_CHOICES,
    ORDER_KIND_NUMBER,
};

enum order_support {
    ORDER_HONOURED,
    ORDER_ACCEPTED,
    ORDER_DEFAULT_ONLY,
};

/* Of order_row.flags. */
enum {
    NULL_IS_ABSENT = 1, /* the text "null" */
    SECRET = 2,         /* never shown */
    NO_IS_ABSENT = 4,   /* the text "No" asks for nothing */
};

struct order_value {
    const char *word; /* NULL ends the set */
    uint8_t value;
    bool is_alias; /* read, but not written */
};

struct order_row {
    const char *path;                 /* below Order */
    const struct order_value *values; /* CHOICE, CHOICES, YES_NO */
    int64_t min;                      /* NUMBER */
    int64_t max;                      /* NUMBER; else the most of a list */
    int64_t otherwise;                /* NUMBER, CHOICE, YES_NO: the default */
    uint32_t supported;               /* CHOICE, YES_NO: bit set of values */
    uint16_t path_bytes;
    uint16_t offset;
    uint16_t flag_offset; /* of has_..., or of a list's count; 0: a text */
    uint8_t kind;
    uint8_t support; /* of all but CHOICE and YES_NO */
    uint8_t flags;
};

extern const struct order_row order_rows[];
extern const uint32_t order_row_count;

/* The word for `value` of a set. */
const char *order_word(const struct order_value *values, uint8_t value);

#endif
