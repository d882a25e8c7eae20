/* Every type and every message of the services, each described once.
 *
 * Knows: the rows of the .def files, one file a schema.
 * Must not know: XML syntax, HTTP, what an operation does.
 *
 * The rows make both the C struct and the table that the reader and the
 * writer walk, so that the two cannot differ; a test compares the tables with
 * the XSD files.  A struct is named after the prefix that the WSDLs give its
 * schema and its name there: SessionInfo of 2009/11 is struct f09_session_info.
 *
 *   TYPE(ns, c_name, "XsdName", form)     a complexType
 *   ELEMENT(ns, c_name, "Name", form)     a top-level element with its type
 *   EMPTY(ns, c_name, "Name")             the same without children: no struct
 *   END(c_name)
 *
 * and in between the children in the order of the schema; `form` says how
 * their names are written.  KIND is one of SOAP_KIND_...
 *
 *   ONE(c_name, KIND, member, "Name")       must be there
 *   LAX(...)                                the same, but may be absent when
 *                                           reading: empty, 0 or false then
 *   OPTIONAL(...)                           absent: text with data NULL, or
 *                                           has_member false
 *   MANY(..., max)                          member[0 to member_count - 1]
 *   HAS_ONE, HAS_LAX, HAS_OPTIONAL, HAS_MANY(c_name, other_c_name, member,
 *           "Name")                         a child with children; by value,
 *                                           by value, pointer or NULL, array
 *   EXTENDS(c_name, base_c_name, member)    the base's children come first
 *   ANY_CASE(c_name, KIND, member, "Name")  ONE, its name in any letter case
 *
 * Source: the contract, sections 2 and 3; schemas/.
 */
#ifndef SOAP_TYPES_H
#define SOAP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum soap_namespace {
    SOAP_NS_JOB, /* urn:Aspera:XML:JobNET:2006/01:Types */
    SOAP_NS_ISC, /* urn:Aspera:XML:IScpTransferNET:2006/04:Types */
    SOAP_NS_F06, /* urn:Aspera:XML:FASPSessionNET:2006/01:Types */
    SOAP_NS_F09, /* urn:Aspera:XML:FASPSessionNET:2009/11:Types */
    SOAP_NS_EVT, /* urn:ferry:xml:EventNET:2026/11:Types */
    SOAP_NS_COUNT,
};

/* The namespace's name. */
const char *soap_namespace_uri(enum soap_namespace ns);

enum soap_kind {
    SOAP_KIND_TEXT,  /* struct text: white space is kept */
    SOAP_KIND_WORD,  /* struct text: white space around it is trimmed */
    SOAP_KIND_XML,   /* struct text: as TEXT, or child elements as text */
    SOAP_KIND_BOOL,  /* bool */
    SOAP_KIND_I32,   /* int32_t */
    SOAP_KIND_I64,   /* int64_t */
    SOAP_KIND_U8,    /* uint8_t */
    SOAP_KIND_U16,   /* uint16_t */
    SOAP_KIND_U32,   /* uint32_t */
    SOAP_KIND_U64,   /* uint64_t */
    SOAP_KIND_COUNT, /* uint64_t, 1 and up; what is larger counts as the most */
    SOAP_KIND_DATE,  /* int64_t, microseconds since 1970 UTC */
    SOAP_KIND_FLOAT, /* double */
    SOAP_KIND_STRUCT,
    SOAP_KIND_BASE, /* the type that this one extends; always the first row */
};

enum soap_occurs {
    SOAP_ONE,
    SOAP_LAX,
    SOAP_OPTIONAL,
    SOAP_MANY,
};

/* The most children of one name: as many as an order may have paths. */
#define SOAP_LIST_MAX 65536u

enum soap_form {
    SOAP_UNQUALIFIED, /* children are in no namespace */
    SOAP_QUALIFIED,   /* children are in the schema's namespace */
};

struct soap_type;

struct soap_field {
    const char *name;
    const struct soap_type *type; /* STRUCT, BASE; else NULL */
    uint32_t name_bytes;
    uint32_t occurs_max;  /* MANY; else 1 */
    uint16_t offset;      /* of the member */
    uint16_t flag_offset; /* MANY: of its count; OPTIONAL number: of has_... */
    uint8_t kind;         /* enum soap_kind */
    uint8_t occurs;       /* enum soap_occurs */
    bool any_case;        /* the name is read in any letter case */
};

struct soap_type {
    const char *name; /* of the complexType, or of the element */
    const struct soap_field *fields;
    uint32_t name_bytes;
    uint32_t field_count;
    uint32_t size_bytes; /* of the struct; 0 without children */
    enum soap_namespace ns;
    enum soap_form form;
    bool is_element;
};

/* The C type of each kind. */
#define SOAP_C_TEXT struct text
#define SOAP_C_WORD struct text
#define SOAP_C_XML struct text
#define SOAP_C_BOOL bool
#define SOAP_C_I32 int32_t
#define SOAP_C_I64 int64_t
#define SOAP_C_U8 uint8_t
#define SOAP_C_U16 uint16_t
#define SOAP_C_U32 uint32_t
#define SOAP_C_U64 uint64_t
#define SOAP_C_COUNT uint64_t
#define SOAP_C_DATE int64_t
#define SOAP_C_FLOAT double

/* An optional text needs no flag: its data is NULL. */
#define SOAP_FLAG_TEXT(member)
#define SOAP_FLAG_WORD(member)
#define SOAP_FLAG_BOOL(member) bool has_##member;
#define SOAP_FLAG_I32(member) bool has_##member;
#define SOAP_FLAG_I64(member) bool has_##member;
#define SOAP_FLAG_U8(member) bool has_##member;
#define SOAP_FLAG_U16(member) bool has_##member;
#define SOAP_FLAG_U32(member) bool has_##member;
#define SOAP_FLAG_U64(member) bool has_##member;
#define SOAP_FLAG_COUNT(member) bool has_##member;
#define SOAP_FLAG_DATE(member) bool has_##member;

/* The structs. */
#define TYPE(ns, c, name, form) struct c {
#define ELEMENT(ns, c, name, form) struct c {
#define EMPTY(ns, c, name)
#define END(c) \
    }          \
    ;
#define ONE(c, kind, member, name) SOAP_C_##kind member;
#define LAX(c, kind, member, name) SOAP_C_##kind member;
#define OPTIONAL(c, kind, member, name) \
    SOAP_C_##kind member;               \
    SOAP_FLAG_##kind(member)
#define MANY(c, kind, member, name, max) \
    SOAP_C_##kind *member;               \
    uint32_t member##_count;
#define HAS_ONE(c, other, member, name) struct other member;
#define HAS_LAX(c, other, member, name) struct other member;
#define HAS_OPTIONAL(c, other, member, name) struct other *member;
#define HAS_MANY(c, other, member, name) \
    struct other *member;                \
    uint32_t member##_count;
#define EXTENDS(c, other, member) struct other member;
#define ANY_CASE(c, kind, member, name) SOAP_C_##kind member;
#include "soap/schemas.def"

/* The tables: soap_type_f09_session_info and so on. */
#define TYPE(ns, c, name, form) extern const struct soap_type soap_type_##c;
#define ELEMENT(ns, c, name, form) extern const struct soap_type soap_type_##c;
#define EMPTY(ns, c, name) extern const struct soap_type soap_type_##c;
#define END(c)
#define ONE(c, kind, member, name)
#define LAX(c, kind, member, name)
#define OPTIONAL(c, kind, member, name)
#define MANY(c, kind, member, name, max)
#define HAS_ONE(c, other, member, name)
#define HAS_LAX(c, other, member, name)
#define HAS_OPTIONAL(c, other, member, name)
#define HAS_MANY(c, other, member, name)
#define EXTENDS(c, other, member)
#define ANY_CASE(c, kind, member, name)
#include "soap/schemas.def"

/* All types and elements; NULL ends the table. */
extern const struct soap_type *const soap_types[];

/* The top-level element `name` of the namespace `uri` (neither need end with
 * NUL), or NULL. */
const struct soap_type *soap_element_find(struct text uri, struct text name);

#endif
