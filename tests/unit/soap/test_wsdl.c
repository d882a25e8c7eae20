#include <criterion/criterion.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "soap/wsdl.h"
#include "soap_test.h"

Test(wsdl, each_is_one_well_formed_document_with_the_address_asked_for)
{
    for (uint32_t i = 0; i < SOAP_SERVICE_COUNT; i++) {
        struct text_builder out = {0};
        char address[128];

        soap_write_wsdl(&out, (enum soap_service)i,
                        text_of("http://h\"&<x>:1"));
        XML_Parser parser = XML_ParserCreateNS(NULL, '\n');
        cr_expect_eq(XML_Parse(parser, out.data, (int)out.size_bytes, 1),
                     XML_STATUS_OK, "%s",
                     soap_service_name((enum soap_service)i));
        XML_ParserFree(parser);

        cr_expect_null(strstr(out.data, "schemaLocation"));
        cr_expect_null(strstr(out.data, "<xs:include"));
        snprintf(address, sizeof address,
                 "location=\"http://h&quot;&amp;&lt;x&gt;:1%s\"/>",
                 soap_service_path((enum soap_service)i));
        cr_expect_eq(strstr(out.data, address) != NULL,
                     i < SOAP_SERVICE_JOB_OBSERVER);
        text_builder_free(&out);
    }
}

/* What the table of operations says is what the documents say. */
Test(wsdl, each_operation_is_in_the_document_of_its_service)
{
    for (uint32_t i = 0; i < SOAP_OP_COUNT; i++) {
        const struct soap_operation_row *row = &soap_operations[i];
        struct text_builder out = {0};
        char piece[128];

        soap_write_wsdl(&out, row->service, text_of("http://h"));
        snprintf(piece, sizeof piece, "<wsdl:operation name=\"%s\">",
                 row->name);
        cr_expect_not_null(strstr(out.data, piece), "%s", piece);
        snprintf(piece, sizeof piece, "soapAction=\"%s\"", row->action);
        cr_expect_not_null(strstr(out.data, piece), "%s", piece);
        snprintf(piece, sizeof piece, "<xs:element name=\"%s\"",
                 row->request->name);
        cr_expect_not_null(strstr(out.data, piece), "%s", piece);
        snprintf(piece, sizeof piece, "<xs:element name=\"%s\"",
                 row->response->name);
        cr_expect_not_null(strstr(out.data, piece), "%s", piece);
        text_builder_free(&out);
    }
}

Test(wsdl, is_found_by_new_and_old_paths)
{
    static const struct {
        const char *path;
        bool good;
        enum soap_service service;
        bool is_wsdl_address;
    } cases[] = {
        {"/services/soap/Transfer-201210", true, SOAP_SERVICE_TRANSFER, false},
        {"/services/soap/JobNET-200601", true, SOAP_SERVICE_JOB_NET, false},
        {"/services/soap/JobObserver", true, SOAP_SERVICE_JOB_OBSERVER, false},
        {"/console/services/soap/Transfer201210.wsdl", true,
         SOAP_SERVICE_TRANSFER, true},
        {"/console/services/soap/Job.wsdl", true, SOAP_SERVICE_JOB_NET, true},
        {"/console/services/soap/FASPSession.wsdl", true,
         SOAP_SERVICE_FASP_SESSION_NET_2009, true},
        {"/console/services/soap/IScpTransfer.wsdl", true,
         SOAP_SERVICE_ISCP_TRANSFER_NET, true},
        {"/services/soap/", false, 0, false},
        {"/services/soap/Transfer-201210/", false, 0, false},
        {"/services/soap/../soap/Transfer-201210", false, 0, false},
        {"", false, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum soap_service service = 0;
        bool is_wsdl_address = false;
        cr_expect_eq(soap_service_of_path(text_of(cases[i].path), &service,
                                          &is_wsdl_address),
                     cases[i].good, "%s", cases[i].path);
        cr_expect_eq(service, cases[i].service, "%s", cases[i].path);
        cr_expect_eq(is_wsdl_address, cases[i].is_wsdl_address);
    }
    cr_expect(soap_is_wsdl_query(text_of("WsDl")));
    cr_expect_not(soap_is_wsdl_query(text_of("wsdl=1")));
}
