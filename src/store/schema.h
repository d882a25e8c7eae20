/* The SQL that follows from the tables' columns, and the steps from one
 * version of the schema to the next.
 *
 * Knows: struct table, SQL.
 * Must not know: connections.
 *
 * A new column is a row in its .def file and an ALTER TABLE in schema_steps,
 * with the next SCHEMA_VERSION.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "base/text.h"
#include "store/table.h"

#define SCHEMA_VERSION 4u

/* Tells our file from another program's: "frry". */
#define SCHEMA_APPLICATION_ID 0x66727279

/* Everything that a new file holds. */
void schema_add_create(struct text_builder *sql);

/* What brings a file of version `i + 1` to `i + 2`. */
extern const char *const schema_steps[];

/* INSERT of a row, with the parameters of table_bind(). */
void schema_add_insert(const struct table *table, struct text_builder *sql);
/* The same, or the update of the row with the same key. */
void schema_add_put(const struct table *table, struct text_builder *sql);

#endif
