/* The layout of every control message, as tables that control.c walks to read,
 * to write and to check.  Only control.c and its parts include this.
 *
 * A row is a field: where it is in its struct, how wide it is there and on the
 * wire, and its range.  A layout is a list of rows, and the list of items, if
 * any, that follows them.
 */
#ifndef FASP_CONTROL_LAYOUT_H
#define FASP_CONTROL_LAYOUT_H

#include "fasp/control.h"

enum control_field_kind {
    CONTROL_FIELD_END,
    CONTROL_FIELD_UINT,  /* min to max */
    CONTROL_FIELD_UUID,  /* min 1 = not zero */
    CONTROL_FIELD_BYTES, /* a text of min to max bytes */
    CONTROL_FIELD_TEXT,  /* the same, without NUL */
    CONTROL_FIELD_NOTE,  /* the same, cut to max when it is written */
};

struct control_field {
    enum control_field_kind kind;
    uint16_t offset;
    uint16_t size_bytes; /* in its struct; UINT: on the wire too */
    uint64_t min;
    uint64_t max;
};

struct control_layout {
    const char *name;                 /* NULL = no such type */
    const struct control_field *rows; /* ends with END */

    /* The list; `item_rows` NULL = none. */
    const struct control_field *item_rows;
    uint32_t item_bytes; /* in memory */
    uint32_t item_wire_bytes_min;
    uint16_t items_offset; /* of the pointer */
    uint16_t count_offset; /* of the uint32_t */
    uint32_t count_min;
    uint32_t count_max;

    /* What no row can say; NULL = nothing. */
    bool (*is_good)(const void *body);
};

/* NULL for a type that is not known. */
const struct control_layout *control_layout_of(uint32_t type);

#endif
