/* Reads an XML document as a list of paths with values: what a configuration
 * file is.
 *
 *     <CONF><a><b>1</b></a></CONF>     ->  "a/b" = "1", line 1, column 10
 *
 * Knows: expat.
 * Must not know: which paths mean something, files.
 *
 * The root's name is not part of the paths.  A leaf is an element without
 * elements in it; its value comes without white space at both ends.  Elements
 * that hold others are told, too, when they begin.  Attributes say nothing.
 * DTDs are refused, and with them entities.
 */
#ifndef SOAP_LEAVES_H
#define SOAP_LEAVES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

/* The deepest setting of the original's files has 9 names. */
#define LEAVES_DEPTH_MAX 32u
#define LEAVES_PATH_BYTES 512u
/* A value that is longer is none that a setting could have. */
#define LEAVES_VALUE_BYTES 65536u

struct leaf {
    struct text path;  /* "central_server/port"; empty for the root */
    struct text value; /* of a leaf; absent where an element begins */
    uint32_t line;     /* of the element's "<", from 1 */
    uint32_t column;   /* in bytes, from 1 */
};

/* Borrowed for the duration of the call.  False ends the reading. */
typedef bool (*leaf_fn)(void *user, const struct leaf *leaf);

struct leaves_error {
    uint32_t line;
    uint32_t column;
    const char *message; /* a constant */
};

/* Calls `begin` for each element that begins, before it is known whether it
 * holds others, and `leaf` for each leaf at its end.  `begin` may be NULL.
 * Returns false, with `error` filled, for a document that is not well-formed
 * or over a limit; what was told before it holds. */
MUST_USE bool leaves_read(struct text document, void *user, leaf_fn begin,
                          leaf_fn leaf, struct leaves_error *error);

#endif
