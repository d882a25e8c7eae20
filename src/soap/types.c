#include "soap/types.h"

#include <string.h>

/* An optional text has no flag to point to. */
#define FLAG_AT_TEXT(c, member) 0
#define FLAG_AT_WORD(c, member) 0
#define FLAG_AT_BOOL(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_I32(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_I64(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_U8(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_U16(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_U32(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_U64(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_COUNT(c, member) offsetof(struct c, has_##member)
#define FLAG_AT_DATE(c, member) offsetof(struct c, has_##member)

#define ROW(c, kind_, occurs_, member, name_, max, flag, type_, any_case_) \
    {                                                                      \
        .name = name_,                                                     \
        .type = type_,                                                     \
        .name_bytes = sizeof(name_) - 1,                                   \
        .occurs_max = max,                                                 \
        .offset = offsetof(struct c, member),                              \
        .flag_offset = flag,                                               \
        .kind = kind_,                                                     \
        .occurs = occurs_,                                                 \
        .any_case = any_case_,                                             \
    },

/* The children of each type. */
#define TYPE(ns, c, name, form) static const struct soap_field fields_##c[] = {
#define ELEMENT(ns, c, name, form) TYPE(ns, c, name, form)
#define EMPTY(ns, c, name)
#define END(c) \
    }          \
    ;
#define ONE(c, kind, member, name) \
    ROW(c, SOAP_KIND_##kind, SOAP_ONE, member, name, 1, 0, NULL, false)
#define ANY_CASE(c, kind, member, name) \
    ROW(c, SOAP_KIND_##kind, SOAP_ONE, member, name, 1, 0, NULL, true)
#define LAX(c, kind, member, name) \
    ROW(c, SOAP_KIND_##kind, SOAP_LAX, member, name, 1, 0, NULL, false)
#define OPTIONAL(c, kind, member, name)                      \
    ROW(c, SOAP_KIND_##kind, SOAP_OPTIONAL, member, name, 1, \
        FLAG_AT_##kind(c, member), NULL, false)
#define MANY(c, kind, member, name, max)                   \
    ROW(c, SOAP_KIND_##kind, SOAP_MANY, member, name, max, \
        offsetof(struct c, member##_count), NULL, false)
#define HAS_ONE(c, other, member, name)                                        \
    ROW(c, SOAP_KIND_STRUCT, SOAP_ONE, member, name, 1, 0, &soap_type_##other, \
        false)
#define HAS_LAX(c, other, member, name)                                        \
    ROW(c, SOAP_KIND_STRUCT, SOAP_LAX, member, name, 1, 0, &soap_type_##other, \
        false)
#define HAS_OPTIONAL(c, other, member, name)                    \
    ROW(c, SOAP_KIND_STRUCT, SOAP_OPTIONAL, member, name, 1, 0, \
        &soap_type_##other, false)
#define HAS_MANY(c, other, member, name)                             \
    ROW(c, SOAP_KIND_STRUCT, SOAP_MANY, member, name, SOAP_LIST_MAX, \
        offsetof(struct c, member##_count), &soap_type_##other, false)
#define EXTENDS(c, other, member)                                          \
    ROW(c, SOAP_KIND_BASE, SOAP_ONE, member, "", 1, 0, &soap_type_##other, \
        false)
#include "soap/schemas.def"

/* The types themselves.  Rows in between have been read above. */
#define NAMED(ns_, c, name_, form_, is_element_)                 \
    const struct soap_type soap_type_##c = {                     \
        .name = name_,                                           \
        .name_bytes = sizeof(name_) - 1,                         \
        .fields = fields_##c,                                    \
        .field_count = sizeof fields_##c / sizeof fields_##c[0], \
        .size_bytes = sizeof(struct c),                          \
        .ns = SOAP_NS_##ns_,                                     \
        .form = SOAP_##form_,                                    \
        .is_element = is_element_,                               \
    };
#define TYPE(ns, c, name, form) NAMED(ns, c, name, form, false)
#define ELEMENT(ns, c, name, form) NAMED(ns, c, name, form, true)
#define EMPTY(ns_, c, name_)                 \
    const struct soap_type soap_type_##c = { \
        .name = name_,                       \
        .name_bytes = sizeof(name_) - 1,     \
        .ns = SOAP_NS_##ns_,                 \
        .is_element = true,                  \
    };
#define END(c)
#define ONE(c, kind, member, name)
#define ANY_CASE(c, kind, member, name)
#define LAX(c, kind, member, name)
#define OPTIONAL(c, kind, member, name)
#define MANY(c, kind, member, name, max)
#define HAS_ONE(c, other, member, name)
#define HAS_LAX(c, other, member, name)
#define HAS_OPTIONAL(c, other, member, name)
#define HAS_MANY(c, other, member, name)
#define EXTENDS(c, other, member)
#include "soap/schemas.def"

/* All of them in one list. */
#define TYPE(ns, c, name, form) &soap_type_##c,
#define ELEMENT(ns, c, name, form) &soap_type_##c,
#define EMPTY(ns, c, name) &soap_type_##c,
#define END(c)
#define ONE(c, kind, member, name)
#define ANY_CASE(c, kind, member, name)
#define LAX(c, kind, member, name)
#define OPTIONAL(c, kind, member, name)
#define MANY(c, kind, member, name, max)
#define HAS_ONE(c, other, member, name)
#define HAS_LAX(c, other, member, name)
#define HAS_OPTIONAL(c, other, member, name)
#define HAS_MANY(c, other, member, name)
#define EXTENDS(c, other, member)
const struct soap_type *const soap_types[] = {
#include "soap/schemas.def"
    NULL,
};

static const char *const uris[SOAP_NS_COUNT] = {
    [SOAP_NS_JOB] = "urn:Aspera:XML:JobNET:2006/01:Types",
    [SOAP_NS_ISC] = "urn:Aspera:XML:IScpTransferNET:2006/04:Types",
    [SOAP_NS_F06] = "urn:Aspera:XML:FASPSessionNET:2006/01:Types",
    [SOAP_NS_F09] = "urn:Aspera:XML:FASPSessionNET:2009/11:Types",
    [SOAP_NS_EVT] = "urn:ferry:xml:EventNET:2026/11:Types",
};

const char *soap_namespace_uri(enum soap_namespace ns)
{
    return uris[ns];
}

const struct soap_type *soap_element_find(struct text uri, struct text name)
{
    for (uint32_t i = 0; soap_types[i] != NULL; i++) {
        const struct soap_type *type = soap_types[i];
        if (type->is_element && type->name_bytes == name.size_bytes &&
            memcmp(type->name, name.data, name.size_bytes) == 0 &&
            text_is(uri, uris[type->ns]))
            return type;
    }
    return NULL;
}
