#include "soap/wsdl.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/schema_files.h"
#include "soap/writer.h"

/* "/services/soap/" and the service's name. */
#define PATH_PREFIX "/services/soap/"

static const char *const paths[SOAP_SERVICE_COUNT] = {
    [SOAP_SERVICE_JOB_NET] = PATH_PREFIX "JobNET-200601",
    [SOAP_SERVICE_ISCP_TRANSFER_NET] = PATH_PREFIX "IScpTransferNET-200604",
    [SOAP_SERVICE_FASP_SESSION_NET_2006] = PATH_PREFIX "FASPSessionNET-200601",
    [SOAP_SERVICE_FASP_SESSION_NET_2009] = PATH_PREFIX "FASPSessionNET-200911",
    [SOAP_SERVICE_TRANSFER] = PATH_PREFIX "Transfer-201210",
    [SOAP_SERVICE_EVENT_NET] = PATH_PREFIX "EventNET-202611",
    [SOAP_SERVICE_JOB_OBSERVER] = PATH_PREFIX "JobObserver",
    [SOAP_SERVICE_SESSION_OBSERVER] = PATH_PREFIX "SessionObserver",
};

/* Addresses that older clients were configured with. */
static const struct {
    const char *path;
    enum soap_service service;
} old_paths[] = {
    {"/console/services/soap/Transfer201210.wsdl", SOAP_SERVICE_TRANSFER},
    {"/console/services/soap/Job.wsdl", SOAP_SERVICE_JOB_NET},
    {"/console/services/soap/FASPSession.wsdl",
     SOAP_SERVICE_FASP_SESSION_NET_2009},
    {"/console/services/soap/IScpTransfer.wsdl",
     SOAP_SERVICE_ISCP_TRANSFER_NET},
};

bool soap_service_of_path(struct text path, enum soap_service *service,
                          bool *is_wsdl_address)
{
    for (uint32_t i = 0; i < SOAP_SERVICE_COUNT; i++) {
        if (text_is(path, paths[i])) {
            *service = (enum soap_service)i;
            *is_wsdl_address = false;
            return true;
        }
    }
    for (uint32_t i = 0; i < sizeof old_paths / sizeof old_paths[0]; i++) {
        if (text_is(path, old_paths[i].path)) {
            *service = old_paths[i].service;
            *is_wsdl_address = true;
            return true;
        }
    }
    return false;
}

const char *soap_service_path(enum soap_service service)
{
    return paths[service];
}

bool soap_is_wsdl_query(struct text query)
{
    return text_is_nocase(query, "wsdl");
}

/* What follows is for the files of schemas/ only, which are ours: a marker
 * that is not there is a bug in them, and a test loads them all. */

static struct text file_of(struct text name)
{
    for (uint32_t i = 0; schema_files[i].name != NULL; i++) {
        if (text_is(name, schema_files[i].name))
            return text_from(schema_files[i].data, schema_files[i].size_bytes);
    }
    NEVER("a schema names a file that is not in schemas/");
}

static bool find(struct text text, const char *marker, uint32_t *at)
{
    const char *found =
        memmem(text.data, text.size_bytes, marker, strlen(marker));

    if (found == NULL)
        return false;
    *at = (uint32_t)(found - text.data);
    return true;
}

/* Takes from the beginning of `*rest` to `marker`, with it. */
static struct text take_through(struct text *rest, const char *marker)
{
    uint32_t at = 0;

    CHECK(find(*rest, marker, &at));
    uint32_t size_bytes = at + (uint32_t)strlen(marker);
    struct text taken = text_from(rest->data, size_bytes);
    *rest = text_from(rest->data + size_bytes, rest->size_bytes - size_bytes);
    return taken;
}

/* The value of the next schemaLocation, and on to the end of its element. */
static struct text take_location(struct text *rest)
{
    take_through(rest, "schemaLocation=\"");
    struct text name = take_through(rest, "\"");
    take_through(rest, "/>");
    return text_from(name.data, name.size_bytes - 1);
}

/* What is between the start and end tags of the document's schema. */
static struct text inside_schema(struct text document)
{
    static const char end[] = "</xs:schema>";
    uint32_t at = 0;

    take_through(&document, "<xs:schema");
    take_through(&document, ">");
    CHECK(find(document, end, &at));
    return text_from(document.data, at);
}

/* Writes a schema with what it includes, which is in the same namespace. */
static void write_schema(struct text_builder *out, struct text name)
{
    static const char include[] = "<xs:include ";
    struct text rest = file_of(name);
    uint32_t at = 0;

    take_through(&rest, "?>\n");
    while (find(rest, include, &at)) {
        text_add(out, text_from(rest.data, at));
        text_add(out, inside_schema(file_of(take_location(&rest))));
    }
    text_add(out, rest);
}

/* Puts the schemas in place of a schema that only imports them. */
static void write_imports(struct text_builder *out, struct text imports)
{
    uint32_t at = 0;

    while (find(imports, "<xs:import ", &at))
        write_schema(out, take_location(&imports));
}

static bool is_observer(enum soap_service service)
{
    return service == SOAP_SERVICE_JOB_OBSERVER ||
           service == SOAP_SERVICE_SESSION_OBSERVER;
}

void soap_write_wsdl(struct text_builder *out, enum soap_service service,
                     struct text origin)
{
    static const char import_begin[] = "<xs:schema>";
    static const char import_end[] = "</xs:schema>\n";
    char name[64];

    snprintf(name, sizeof name, "%s.wsdl", soap_service_name(service));
    struct text rest = file_of(text_of(name));

    struct text before = take_through(&rest, import_begin);
    text_add(out, text_from(before.data,
                            before.size_bytes - (sizeof import_begin - 1)));
    write_imports(out, take_through(&rest, import_end));

    if (!is_observer(service)) {
        text_add(out, take_through(&rest, "<soap:address location=\""));
        soap_write_escaped(out, origin);
        text_add_string(out, paths[service]);
        take_through(&rest, "\"");
        text_add_char(out, '"');
    }
    text_add(out, rest);
}
