#include <criterion/criterion.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/schema_files.h"
#include "soap_test.h"

/* Walks the XSD files and holds each type and each child against the tables. */
struct walk {
    const char *file;
    enum soap_namespace ns;
    const struct soap_type *type; /* the one that is open */
    uint32_t row;                 /* of it: the one expected next */
    uint32_t depth;               /* of elements in the schema */
    bool is_qualified;            /* elementFormDefault */
    uint32_t type_count;
    uint32_t row_count;
};

static const char *attribute(const char **attributes, const char *name,
                             const char *otherwise)
{
    for (; attributes[0] != NULL; attributes += 2) {
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    }
    return otherwise;
}

static const struct soap_type *find_type(enum soap_namespace ns,
                                         const char *name, bool is_element)
{
    for (uint32_t i = 0; soap_types[i] != NULL; i++) {
        if (soap_types[i]->ns == ns &&
            soap_types[i]->is_element == is_element &&
            strcmp(soap_types[i]->name, name) == 0)
            return soap_types[i];
    }
    return NULL;
}

/* Whether a type of a schema, "isc:IScpTransferType", is `type`: two schemas
 * have types of one name. */
static bool is_type(const struct soap_type *type, const char *xs_type)
{
    static const char *const prefixes[SOAP_NS_COUNT] = {
        [SOAP_NS_JOB] = "job:", [SOAP_NS_ISC] = "isc:", [SOAP_NS_F06] = "f06:",
        [SOAP_NS_F09] = "f09:", [SOAP_NS_EVT] = "evt:",
    };
    const char *prefix = prefixes[type->ns];

    return strncmp(xs_type, prefix, strlen(prefix)) == 0 &&
           strcmp(xs_type + strlen(prefix), type->name) == 0;
}

static bool is_kind(const struct soap_field *field, const char *xs_type)
{
    static const struct {
        const char *name;
        enum soap_kind kind;
    } kinds[] = {
        {"boolean", SOAP_KIND_BOOL},      {"int", SOAP_KIND_I32},
        {"long", SOAP_KIND_I64},          {"unsignedByte", SOAP_KIND_U8},
        {"unsignedShort", SOAP_KIND_U16}, {"unsignedInt", SOAP_KIND_U32},
        {"unsignedLong", SOAP_KIND_U64},  {"positiveInteger", SOAP_KIND_COUNT},
        {"dateTime", SOAP_KIND_DATE},     {"float", SOAP_KIND_FLOAT},
    };

    if (strncmp(xs_type, "xs:", 3) != 0)
        return field->kind == SOAP_KIND_STRUCT && is_type(field->type, xs_type);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(xs_type + 3, kinds[i].name) == 0)
            return field->kind == kinds[i].kind;
    }
    return strcmp(xs_type, "xs:string") == 0 &&
           (field->kind == SOAP_KIND_TEXT || field->kind == SOAP_KIND_WORD ||
            field->kind == SOAP_KIND_XML);
}

/* The tables know nothing else: no choice, no attribute, no nil, no default. */
static bool is_known(const char *name, const char **attributes)
{
    static const char *const names[] = {
        "xs:schema",   "xs:annotation",     "xs:documentation",
        "xs:include",  "xs:import",         "xs:complexType",
        "xs:sequence", "xs:complexContent", "xs:extension",
        "xs:element",
    };
    static const char *const of_elements[] = {"name", "type", "minOccurs",
                                              "maxOccurs", "form"};
    bool known = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        known |= strcmp(name, names[i]) == 0;
    if (strcmp(name, "xs:element") != 0)
        return known &&
               (strcmp(name, "xs:sequence") != 0 || attributes[0] == NULL);
    for (; attributes[0] != NULL; attributes += 2) {
        bool found = false;
        for (size_t i = 0; i < sizeof of_elements / sizeof of_elements[0]; i++)
            found |= strcmp(attributes[0], of_elements[i]) == 0;
        known &= found;
    }
    return known;
}

static void check_row(struct walk *walk, const char **attributes)
{
    const char *name = attribute(attributes, "name", "");
    const char *max = attribute(attributes, "maxOccurs", "1");
    bool is_optional =
        strcmp(attribute(attributes, "minOccurs", "1"), "0") == 0;
    bool is_qualified =
        strcmp(attribute(attributes, "form",
                         walk->is_qualified ? "qualified" : "unqualified"),
               "qualified") == 0;

    cr_assert_not_null(walk->type, "%s: %s", walk->file, name);
    cr_assert_lt(walk->row, walk->type->field_count, "%s/%s is not there",
                 walk->type->name, name);
    const struct soap_field *field = &walk->type->fields[walk->row++];
    walk->row_count++;

    cr_assert_str_eq(field->name, name, "%s", walk->type->name);
    cr_expect(is_kind(field, attribute(attributes, "type", "")), "%s/%s",
              walk->type->name, name);
    cr_expect_eq(walk->type->form == SOAP_QUALIFIED, is_qualified, "%s/%s",
                 walk->type->name, name);
    if (strcmp(max, "1") != 0) {
        cr_expect_eq(field->occurs, SOAP_MANY, "%s/%s", walk->type->name, name);
        cr_expect(is_optional,
                  "%s/%s: the tables have no list that must not "
                  "be empty",
                  walk->type->name, name);
        cr_expect_eq(field->occurs_max,
                     strcmp(max, "unbounded") == 0 ? SOAP_LIST_MAX
                                                   : (uint32_t)atoi(max),
                     "%s/%s", walk->type->name, name);
    } else if (is_optional) {
        cr_expect_eq(field->occurs, SOAP_OPTIONAL, "%s/%s", walk->type->name,
                     name);
    } else {
        cr_expect(field->occurs == SOAP_ONE || field->occurs == SOAP_LAX,
                  "%s/%s", walk->type->name, name);
    }
}

static void check_base(struct walk *walk, const char **attributes)
{
    const struct soap_field *field = &walk->type->fields[walk->row++];

    cr_assert_eq(field->kind, SOAP_KIND_BASE, "%s", walk->type->name);
    cr_expect(is_type(field->type, attribute(attributes, "base", "")), "%s",
              walk->type->name);
}

static void on_start(void *user, const char *name, const char **attributes)
{
    struct walk *walk = user;
    bool is_element = strcmp(name, "xs:element") == 0;
    const char *own = attribute(attributes, "name", NULL);

    walk->depth++;
    cr_assert(is_known(name, attributes), "%s: %s of %s", walk->file, name,
              walk->type == NULL ? "nothing" : walk->type->name);
    if (strcmp(name, "xs:schema") == 0) {
        const char *uri = attribute(attributes, "targetNamespace", "");
        while (strcmp(soap_namespace_uri(walk->ns), uri) != 0)
            walk->ns++;
        walk->is_qualified =
            strcmp(attribute(attributes, "elementFormDefault", ""),
                   "qualified") == 0;
    } else if (walk->depth == 2 &&
               (is_element || strcmp(name, "xs:complexType") == 0)) {
        walk->type = find_type(walk->ns, own, is_element);
        cr_assert_not_null(walk->type, "%s: %s", walk->file, own);
        walk->row = 0;
        walk->type_count++;
    } else if (is_element) {
        check_row(walk, attributes);
    } else if (strcmp(name, "xs:extension") == 0) {
        check_base(walk, attributes);
    }
}

static void on_end(void *user, const char *name)
{
    struct walk *walk = user;

    if (walk->depth == 2 && walk->type != NULL)
        cr_expect_eq(walk->row, walk->type->field_count,
                     "%s has more rows than the schema", walk->type->name);
    (void)name;
    walk->depth--;
}

Test(types, the_tables_are_what_the_schemas_say)
{
    uint32_t type_count = 0;
    uint32_t row_count = 0;
    uint32_t table_count = 0;

    for (uint32_t i = 0; schema_files[i].name != NULL; i++) {
        const struct schema_file *file = &schema_files[i];
        if (strstr(file->name, "NET") == NULL ||
            strstr(file->name, ".xsd") == NULL)
            continue;
        struct walk walk = {.file = file->name};
        XML_Parser parser = XML_ParserCreate(NULL);
        XML_SetUserData(parser, &walk);
        XML_SetElementHandler(parser, on_start, on_end);
        cr_assert_eq(XML_Parse(parser, file->data, (int)file->size_bytes, 1),
                     XML_STATUS_OK);
        XML_ParserFree(parser);
        type_count += walk.type_count;
        row_count += walk.row_count;
    }
    while (soap_types[table_count] != NULL)
        table_count++;
    cr_expect_eq(type_count, table_count);
    cr_expect_gt(row_count, 300);
}

/* The reader keeps a bit for each child of a type, its bases' included. */
Test(types, no_type_has_more_than_64_children)
{
    for (uint32_t i = 0; soap_types[i] != NULL; i++) {
        uint32_t count = 0;
        const struct soap_type *type = soap_types[i];
        while (type != NULL) {
            bool extends =
                type->field_count > 0 && type->fields[0].kind == SOAP_KIND_BASE;
            count += type->field_count;
            type = extends ? type->fields[0].type : NULL;
        }
        cr_expect_leq(count, 64, "%s", soap_types[i]->name);
    }
}

/* The writer of faults relies on it. */
Test(types, each_fault_detail_has_one_text_or_nothing)
{
    for (uint32_t i = SOAP_DETAIL_NONE + 1; i < SOAP_DETAIL_COUNT; i++) {
        const struct soap_type *type = soap_detail_type((enum soap_detail)i);
        cr_expect(type->is_element);
        cr_expect(type->field_count == 0 ||
                  (type->field_count == 1 &&
                   type->size_bytes == sizeof(struct text)));
    }
}

Test(types, each_operation_answers_only_faults_of_its_own_schema)
{
    for (uint32_t op = 0; op < SOAP_OP_COUNT; op++) {
        for (uint32_t i = SOAP_DETAIL_NONE + 1; i < SOAP_DETAIL_COUNT; i++) {
            if (soap_operations[op].details & UINT32_C(1) << i)
                cr_expect_eq(soap_detail_type((enum soap_detail)i)->ns,
                             soap_operations[op].request->ns);
        }
        cr_expect_eq(soap_operations[op].request->ns,
                     soap_operations[op].response->ns);
    }
}
