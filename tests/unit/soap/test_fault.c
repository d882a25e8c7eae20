#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "soap_test.h"

TestSuite(fault, .init = soap_test_set_up, .fini = soap_test_tear_down);

static const struct soap_type *const response = &soap_type_isc_cancel_response;

#define CANCELLED "<c:CancelResponse xmlns:c='" NS_ISC "'/>"

Test(fault, is_written_in_the_form_of_its_version)
{
    struct soap_fault plain =
        soap_fault_make(&test.arena, SOAP_FAULT_CLIENT, "a<%s>", "b");
    struct soap_fault typed =
        soap_fault_typed(SOAP_DETAIL_JOB_NOT_FOUND, text_of("<7>"));
    struct text_builder out = {0};

    soap_write_fault(&out, SOAP_1_1, &plain);
    cr_expect_str_eq(
        out.data,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<soapenv:Envelope xmlns:soapenv=\"" ENV11
        "\"><soapenv:Body><soapenv:Fault><faultcode>soapenv:Client"
        "</faultcode><faultstring>a&lt;b&gt;</faultstring></soapenv:Fault>"
        "</soapenv:Body></soapenv:Envelope>");
    text_builder_reset(&out);
    soap_write_fault(&out, SOAP_1_1, &typed);
    cr_expect_str_eq(
        out.data,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<soapenv:Envelope xmlns:soapenv=\"" ENV11 "\" xmlns:ns1=\"" NS_ISC
        "\"><soapenv:Body><soapenv:Fault><faultcode>soapenv:Client"
        "</faultcode><faultstring>There is no such job</faultstring><detail>"
        "<ns1:JobNotFoundFaultType><ns1:JobID>&lt;7&gt;</ns1:JobID>"
        "</ns1:JobNotFoundFaultType></detail></soapenv:Fault></soapenv:Body>"
        "</soapenv:Envelope>");
    text_builder_reset(&out);
    soap_write_fault(&out, SOAP_1_2, &typed);
    cr_expect_str_eq(
        out.data,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<soapenv:Envelope xmlns:soapenv=\"" ENV12 "\" xmlns:ns1=\"" NS_ISC
        "\"><soapenv:Body><soapenv:Fault><soapenv:Code><soapenv:Value>"
        "soapenv:Sender</soapenv:Value></soapenv:Code><soapenv:Reason>"
        "<soapenv:Text xml:lang=\"en\">There is no such job</soapenv:Text>"
        "</soapenv:Reason><soapenv:Detail><ns1:JobNotFoundFaultType>"
        "<ns1:JobID>&lt;7&gt;</ns1:JobID></ns1:JobNotFoundFaultType>"
        "</soapenv:Detail></soapenv:Fault></soapenv:Body>"
        "</soapenv:Envelope>");
    text_builder_free(&out);
}

Test(fault, each_is_read_by_a_client_as_it_was_written)
{
    for (uint32_t i = 0; i < SOAP_DETAIL_COUNT; i++) {
        for (uint32_t version = 0; version < 2; version++) {
            struct soap_fault fault =
                i == SOAP_DETAIL_NONE
                    ? (struct soap_fault){.code = SOAP_FAULT_SERVER,
                                          .text = text_of("oh")}
                    : soap_fault_typed((enum soap_detail)i, text_of("v"));
            struct text_builder out = {0};

            soap_write_fault(&out, (enum soap_version)version, &fault);
            cr_assert_eq(soap_test_read_as(text_built(&out), 0,
                                           SOAP_READ_RESPONSE, response),
                         SOAP_READER_DONE);
            cr_expect(test.reader.is_peer_fault);
            cr_expect_eq(test.reader.fault.code, fault.code);
            cr_expect_eq(test.reader.fault.detail, fault.detail);
            cr_expect(text_equal(test.reader.fault.text, fault.text));
            if (i != SOAP_DETAIL_NONE && i != SOAP_DETAIL_FILTER_CHANGED)
                cr_expect(text_is(test.reader.fault.value, "v"));
            soap_test_every_cut(text_built(&out), SOAP_READ_RESPONSE, response);
            text_builder_free(&out);
        }
    }
}

Test(fault, of_a_stranger_is_read_too)
{
    static const char message[] = ENVELOPE(
        "<s:Fault><faultcode xmlns='' xmlns:q='" ENV11 "'>q:Client.Auth"
        "</faultcode><faultstring xml:lang='en'> no <!-- --> way "
        "</faultstring><faultactor>urn:a</faultactor><detail><x:E xmlns:x="
        "'urn:x'><x:Y>1</x:Y></x:E>text</detail></s:Fault>");

    cr_assert_eq(
        soap_test_read_as(text_of(message), 1, SOAP_READ_RESPONSE, response),
        SOAP_READER_DONE);
    cr_expect(test.reader.is_peer_fault);
    cr_expect_eq(test.reader.fault.code, SOAP_FAULT_CLIENT);
    cr_expect_eq(test.reader.fault.detail, SOAP_DETAIL_NONE);
    cr_expect(text_is(test.reader.fault.text, "no  way"));
}

Test(fault, is_no_request)
{
    cr_expect_eq(soap_test_read(text_of(ENVELOPE("<s:Fault/>")), 0),
                 SOAP_READER_REFUSED);
    cr_expect_not(test.reader.is_peer_fault);
}

Test(fault, a_client_refuses_another_response_and_skips_what_is_new)
{
    cr_expect_eq(soap_test_read_as(text_of(ENVELOPE(CANCELLED)), 0,
                                   SOAP_READ_RESPONSE,
                                   &soap_type_f06_cancel_response),
                 SOAP_READER_REFUSED);
    cr_expect_eq(soap_test_read_as(
                     text_of(ENVELOPE("<c:CancelResponse xmlns:c='" NS_ISC
                                      "'><New>a<b/></New></c:CancelResponse>")),
                     0, SOAP_READ_RESPONSE, response),
                 SOAP_READER_DONE);
}

Test(fault, delivery_asks_of_any_body_whether_it_is_one)
{
    static const struct {
        const char *body;
        bool is_fault;
    } cases[] = {
        {"", false},
        {"thanks", false},
        {"<html><!DOCTYPE x></html>", false},
        {"<!DOCTYPE html><html>Fault</html>", false},
        {"<s:Envelope xmlns:s='" ENV11 "'><s:Body/></s:Envelope>", false},
        {ENVELOPE("<Anything><s:Fault/></Anything>"), false},
        {ENVELOPE("<s:Fault><faultcode>s:Server</faultcode></s:Fault>"), true},
        {ENVELOPE("<s:Fault/>") "garbage", true},
        {"<e:Envelope xmlns:e='" ENV12 "'><e:Body><e:Fault/></e:Body>"
         "</e:Envelope>",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t piece = 0; piece < 3; piece++) {
            cr_assert_eq(soap_test_read_as(text_of(cases[i].body), piece,
                                           SOAP_READ_ANY, NULL),
                         SOAP_READER_DONE, "%s", cases[i].body);
            cr_expect_eq(test.reader.is_peer_fault, cases[i].is_fault, "%s",
                         cases[i].body);
        }
    }
}

Test(fault, has_a_status_and_a_media_type)
{
    cr_expect_eq(soap_fault_http_status(SOAP_1_1, SOAP_FAULT_CLIENT), 500);
    cr_expect_eq(soap_fault_http_status(SOAP_1_1, SOAP_FAULT_SERVER), 500);
    cr_expect_eq(soap_fault_http_status(SOAP_1_2, SOAP_FAULT_CLIENT), 400);
    cr_expect_eq(soap_fault_http_status(SOAP_1_2, SOAP_FAULT_SERVER), 500);
    cr_expect_eq(soap_fault_http_status(SOAP_1_2, SOAP_FAULT_MUST_UNDERSTAND),
                 500);
    cr_expect_str_eq(soap_version_media_type(SOAP_1_1),
                     "text/xml; charset=utf-8");
}

Test(fault, without_detail_has_no_typed_form, .signal = SIGABRT)
{
    soap_fault_typed(SOAP_DETAIL_NONE, TEXT_ABSENT);
}
