/* The files of schemas/, carried in the binary; the build makes the table. */
#ifndef BASE_SCHEMA_FILES_H
#define BASE_SCHEMA_FILES_H

#include <stdint.h>

struct schema_file {
    const char *name; /* "JobNET-2006-01.xsd"; NULL ends the table */
    const char *data; /* a NUL follows */
    uint32_t size_bytes;
};

extern const struct schema_file schema_files[];

#endif
