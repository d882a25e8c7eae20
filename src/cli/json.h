/* Writes SOAP structs as JSON, by the same tables that read and write their
 * XML: names are the contract's, numbers stay numbers, dates are as in XML,
 * what is absent is left out, and what may come several times is an array.
 *
 * Source: RFC 8259.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "base/text.h"
#include "soap/types.h"

/* Adds `value`, the struct of `type`, as one object. */
void json_write(struct text_builder *out, const struct soap_type *type,
                const void *value);

/* Adds a string in quotes; bytes that are not UTF-8 must not be in it. */
void json_write_string(struct text_builder *out, struct text text);

#endif
