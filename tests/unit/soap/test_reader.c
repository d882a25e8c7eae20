#include <criterion/criterion.h>
#include <string.h>

#include "soap_test.h"

TestSuite(reader, .init = soap_test_set_up, .fini = soap_test_tear_down);

#define QUERY(inside)                                 \
    ENVELOPE("<GetSessionInfoRequest xmlns=\"" NS_F09 \
             "\"><SessionFilter>" inside              \
             "</SessionFilter></GetSessionInfoRequest>")
#define CANCEL                                                   \
    "<x:CancelRequest xmlns:x=\"" NS_ISC "\"><JobID>7</JobID></" \
    "x:CancelRequest>"
#define HEADER(block)                                    \
    "<s:Envelope xmlns:s=\"" ENV11 "\"><s:Header>" block \
    "</s:Header><s:Body>" CANCEL "</s:Body></s:Envelope>"
#define HEADER12(block)                                  \
    "<s:Envelope xmlns:s=\"" ENV12 "\"><s:Header>" block \
    "</s:Header><s:Body>" CANCEL "</s:Body></s:Envelope>"

struct refused {
    const char *message;
    enum soap_fault_code code;
    const char *says; /* part of the fault's text */
};

/* Each is refused for the same reason whole, byte by byte, and cut anywhere. */
static void expect_refused(const struct refused *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct text message = text_of(cases[i].message);
        cr_assert_eq(soap_test_read(message, 0), SOAP_READER_REFUSED, "%s",
                     cases[i].message);
        cr_expect_eq(test.reader.fault.code, cases[i].code, "%s: %s",
                     cases[i].message, test.reader.fault.text.data);
        cr_expect_not_null(strstr(test.reader.fault.text.data, cases[i].says),
                           "%s: %s", cases[i].message,
                           test.reader.fault.text.data);
        soap_test_every_cut(message, SOAP_READ_REQUEST, NULL);
    }
}

#define EXPECT_REFUSED(cases) \
    expect_refused(cases, sizeof cases / sizeof cases[0])

Test(reader, refuses_what_is_no_envelope)
{
    static const struct refused cases[] = {
        {"", SOAP_FAULT_CLIENT, "not well-formed"},
        {"hello", SOAP_FAULT_CLIENT, "not well-formed"},
        {"{\"a\":1}", SOAP_FAULT_CLIENT, "not well-formed"},
        {"<a/>", SOAP_FAULT_CLIENT, "Expected a SOAP Envelope, found a"},
        {"<Envelope/>", SOAP_FAULT_VERSION_MISMATCH, "neither SOAP 1.1"},
        {"<e:Envelope xmlns:e='urn:x'><e:Body/></e:Envelope>",
         SOAP_FAULT_VERSION_MISMATCH, "neither SOAP 1.1"},
        {"<e:Body xmlns:e='" ENV11 "'/>", SOAP_FAULT_CLIENT, "found Body"},
        {"<e:Envelope xmlns:e='" ENV11 "'/>", SOAP_FAULT_CLIENT, "no Body"},
        {"<e:Envelope xmlns:e='" ENV11 "'><e:Header/></e:Envelope>",
         SOAP_FAULT_CLIENT, "no Body"},
        {ENVELOPE(""), SOAP_FAULT_CLIENT, "Body is empty"},
        {ENVELOPE("text"), SOAP_FAULT_CLIENT, "found text"},
        {"<s:Envelope xmlns:s='" ENV11 "'><s:Body>" CANCEL
         "</s:Body><s:Body>" CANCEL "</s:Body></s:Envelope>",
         SOAP_FAULT_CLIENT, "one Body"},
        {"<s:Envelope xmlns:s='" ENV11 "'><s:Body>" CANCEL
         "</s:Body><s:Header/></s:Envelope>",
         SOAP_FAULT_CLIENT, "Header"},
        {"<s:Envelope xmlns:s='" ENV11 "' xmlns:t='" ENV12 "'><t:Body>" CANCEL
         "</t:Body></s:Envelope>",
         SOAP_FAULT_CLIENT, "found Body"},
        {ENVELOPE(CANCEL CANCEL), SOAP_FAULT_CLIENT, "as well"},
        {ENVELOPE("<Nothing/>"), SOAP_FAULT_CLIENT,
         "Body/Nothing: there is no such operation"},
        {ENVELOPE("<CancelRequest/>"), SOAP_FAULT_CLIENT, "no such operation"},
        {ENVELOPE("<x:CancelResponse xmlns:x='" NS_ISC "'/>"),
         SOAP_FAULT_CLIENT, "no such operation"},
        {ENVELOPE(CANCEL) "<more/>", SOAP_FAULT_CLIENT, "not well-formed"},
        {"<s:Envelope xmlns:s=\"" ENV11 "\"><s:Body>", SOAP_FAULT_CLIENT,
         "not well-formed"},
    };
    EXPECT_REFUSED(cases);
}

Test(reader, refuses_a_dtd_an_instruction_and_broken_characters)
{
    static const struct refused cases[] = {
        {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", SOAP_FAULT_CLIENT, "DTD"},
        {"<?xml version='1.0'?><!DOCTYPE a SYSTEM 'http://x/'>",
         SOAP_FAULT_CLIENT, "DTD"},
        {"<!doctype a", SOAP_FAULT_CLIENT, "DTD"},
        {"<!D", SOAP_FAULT_CLIENT, "DTD"},
        {"<!ENTITY a 'b'>", SOAP_FAULT_CLIENT, "DTD"},
        {"<?php x?><a/>", SOAP_FAULT_CLIENT, "instruction"},
        {QUERY("<?x y?>"), SOAP_FAULT_CLIENT, "instruction"},
        /* What comes before the forbidden place tells the version. */
        {"<s:Envelope xmlns:s='" ENV12 "'><s:Body><?x?>", SOAP_FAULT_CLIENT,
         "instruction"},
        {"<s:Envelope xmlns:s='" ENV12 "'><!DOCTYPE a>", SOAP_FAULT_CLIENT,
         "DTD"},
        {"<s:Envelope xmlns:s='" ENV12 "'><s:Bo<!D>", SOAP_FAULT_CLIENT,
         "not well-formed"},
        {QUERY("<JobId>&a;</JobId>"), SOAP_FAULT_CLIENT, "not well-formed"},
        {QUERY("<JobId>&#0;</JobId>"), SOAP_FAULT_CLIENT, "not well-formed"},
        {QUERY("<JobId>&#xD800;</JobId>"), SOAP_FAULT_CLIENT,
         "not well-formed"},
        {QUERY("<JobId>&#1114112;</JobId>"), SOAP_FAULT_CLIENT,
         "not well-formed"},
        {QUERY("<JobId>\xc0\xaf</JobId>"), SOAP_FAULT_CLIENT,
         "not well-formed"},
        {QUERY("<JobId>\xed\xa0\x80</JobId>"), SOAP_FAULT_CLIENT,
         "not well-formed"},
        {QUERY("<JobId>\x01</JobId>"), SOAP_FAULT_CLIENT, "not well-formed"},
        {"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", SOAP_FAULT_CLIENT,
         "found ISO-8859-1"},
        {"<?xml version='1.0' encoding='US-ASCII'?><a/>", SOAP_FAULT_CLIENT,
         "found US-ASCII"},
        {"<?xml version='1.0' encoding='UTF-7'?><a/>", SOAP_FAULT_CLIENT,
         "found UTF-7"},
        {"<?xml version='1.0' encoding='UTF-16'?><a/>", SOAP_FAULT_CLIENT,
         "not well-formed"},
        {"<s:Envelope xmlns:s='" ENV11 "' s:encodingStyle='urn:x'/>",
         SOAP_FAULT_CLIENT, "encodingStyle"},
        {ENVELOPE("<x:CancelRequest xmlns:x='" NS_ISC
                  "'><JobID s:encodingStyle='urn:x'>7</JobID>"
                  "</x:CancelRequest>"),
         SOAP_FAULT_CLIENT, "encodingStyle"},
    };
    EXPECT_REFUSED(cases);
}

Test(reader, names_the_element_that_is_wrong_and_what_was_expected)
{
    static const struct refused cases[] = {
        {QUERY("<Foo/>"), SOAP_FAULT_CLIENT,
         "GetSessionInfoRequest/SessionFilter: unknown element Foo"},
        {QUERY("<JobId xmlns='urn:x'>1</JobId>"), SOAP_FAULT_CLIENT,
         "unknown element JobId"},
        {QUERY("<jobid>1</jobid>"), SOAP_FAULT_CLIENT, "unknown element"},
        {QUERY("<MaxResults>1</MaxResults><MaxResults>2</MaxResults>"),
         SOAP_FAULT_CLIENT, "at most 1 of MaxResults"},
        {QUERY("<MaxResults>0</MaxResults>"), SOAP_FAULT_CLIENT,
         "GetSessionInfoRequest/SessionFilter/MaxResults: expected a whole "
         "number of 1 or more, found \"0\""},
        {QUERY("<MaxResults>-1</MaxResults>"), SOAP_FAULT_CLIENT, "\"-1\""},
        {QUERY("<MaxResults>1e3</MaxResults>"), SOAP_FAULT_CLIENT, "\"1e3\""},
        {QUERY("<MaxResults/>"), SOAP_FAULT_CLIENT, "found \"\""},
        {QUERY("<MaxResults><a/></MaxResults>"), SOAP_FAULT_CLIENT,
         "found element a"},
        {QUERY("<MinSessionStartDate>2026-13-01T00:00:00Z"
               "</MinSessionStartDate>"),
         SOAP_FAULT_CLIENT, "expected a date"},
        {QUERY("<MinSessionStartDate>10000-01-01T00:00:00Z"
               "</MinSessionStartDate>"),
         SOAP_FAULT_CLIENT, "expected a date"},
        {QUERY("<MinSessionStartDate>99999-01-01T00:00:00Z"
               "</MinSessionStartDate>"),
         SOAP_FAULT_CLIENT, "expected a date"},
        {QUERY("<LastSessionOnly>TRUE</LastSessionOnly>"), SOAP_FAULT_CLIENT,
         "expected true or false"},
        {QUERY("text"), SOAP_FAULT_CLIENT, "found text"},
        {ENVELOPE("<GetSessionInfoRequest xmlns='" NS_F09 "'/>"),
         SOAP_FAULT_CLIENT, "GetSessionInfoRequest: SessionFilter is missing"},
        {ENVELOPE("<SubmitRequest xmlns='" NS_JOB "'><Type>x</Type>"
                  "</SubmitRequest>"),
         SOAP_FAULT_CLIENT, "Definition is missing"},
        {ENVELOPE("<SubscribeRequest xmlns='" NS_ISC "'><JobID>0</JobID>"
                  "<JobObserver/></SubscribeRequest>"),
         SOAP_FAULT_CLIENT, "SubscribeRequest/JobObserver: Address is missing"},
        {ENVELOPE("<SubscribeRequest xmlns='" NS_ISC "'><JobID>0</JobID>"
                  "<JobObserver><Address>a</Address></JobObserver>"
                  "<Duration>4294967296</Duration></SubscribeRequest>"),
         SOAP_FAULT_CLIENT, "from 0 to 4294967295, found \"4294967296\""},
        {ENVELOPE("<ListJobsRequest xmlns='" NS_ISC "'><a/>"
                  "</ListJobsRequest>"),
         SOAP_FAULT_CLIENT, "ListJobsRequest: unknown element a"},
        {ENVELOPE("<SubmitRequest xmlns='" NS_JOB "'><Type>x</Type>"
                  "<Definition>a<b/></Definition></SubmitRequest>"),
         SOAP_FAULT_CLIENT, "found element b"},
        {ENVELOPE("<SubmitRequest xmlns='" NS_JOB "'><Type>x</Type>"
                  "<Definition><b/><c/></Definition></SubmitRequest>"),
         SOAP_FAULT_CLIENT, "found element c"},
        {ENVELOPE("<SubmitRequest xmlns='" NS_JOB "'><Type>x</Type>"
                  "<Definition><b/>c</Definition></SubmitRequest>"),
         SOAP_FAULT_CLIENT, "found text after it"},
    };
    EXPECT_REFUSED(cases);
}

Test(reader, obeys_must_understand_by_the_rules_of_roles)
{
    static const struct refused cases[] = {
        {HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand='1'/>"),
         SOAP_FAULT_MUST_UNDERSTAND, "Header/A"},
        {HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand=' true '/>"),
         SOAP_FAULT_MUST_UNDERSTAND, "Header/A"},
        {HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand='1' s:actor='http://"
                "schemas.xmlsoap.org/soap/actor/next'/>"),
         SOAP_FAULT_MUST_UNDERSTAND, "Header/A"},
        {HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand='2'/>"),
         SOAP_FAULT_CLIENT, "mustUnderstand 0 or 1"},
        {HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand=''/>"),
         SOAP_FAULT_CLIENT, "mustUnderstand 0 or 1"},
        {HEADER12("<w:A xmlns:w='urn:w' s:mustUnderstand='1'/>"),
         SOAP_FAULT_MUST_UNDERSTAND, "Header/A"},
        {HEADER12("<w:A xmlns:w='urn:w' s:mustUnderstand='1' s:role='" ENV12
                  "/role/ultimateReceiver'/>"),
         SOAP_FAULT_MUST_UNDERSTAND, "Header/A"},
    };
    static const char *const good[] = {
        HEADER(""),
        HEADER("<w:A xmlns:w='urn:w'><w:B>any<w:C/></w:B></w:A><D/>"),
        HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand='0'/>"),
        HEADER("<w:A xmlns:w='urn:w' mustUnderstand='1'/>"),
        HEADER("<w:A xmlns:w='urn:w' s:mustUnderstand='1' s:actor='urn:o'/>"),
        HEADER12("<w:A xmlns:w='urn:w' s:mustUnderstand='false'/>"),
        HEADER12("<w:A xmlns:w='urn:w' s:mustUnderstand='1' s:role='" ENV12
                 "/role/none'/>"),
        /* WS-Addressing asks for nothing that we would do. */
        HEADER("<a:ReplyTo xmlns:a='http://www.w3.org/2005/08/addressing'>"
               "<a:Address>http://other/</a:Address></a:ReplyTo>"),
    };

    EXPECT_REFUSED(cases);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect_eq(soap_test_read(text_of(good[i]), 0), SOAP_READER_DONE,
                     "%s", good[i]);
}

Test(reader, takes_values_as_xml_schema_has_them)
{
    static const struct {
        const char *inside;
        uint64_t max_results;
    } numbers[] = {
        {"<MaxResults>5</MaxResults>", 5},
        {"<MaxResults> \n5\t</MaxResults>", 5},
        {"<MaxResults>+5</MaxResults>", 5},
        {"<MaxResults>0005</MaxResults>", 5},
        {"<MaxResults>12<!--x-->3</MaxResults>", 123},
        {"<MaxResults><![CDATA[12]]>3</MaxResults>", 123},
        {"<MaxResults>&#49;&#x32;</MaxResults>", 12},
        {"<MaxResults>99999999999999999999999</MaxResults>", UINT64_MAX},
        {"<x:MaxResults xmlns:x='" NS_F09 "'>6</x:MaxResults>", 6},
        {"<MaxResults xmlns=''>7</MaxResults>", 7},
        {"<MaxResults xmlns:i='http://www.w3.org/2001/XMLSchema-instance' "
         "i:type='x' i:nil='false' i:schemaLocation='http://a b'>8"
         "</MaxResults>",
         8},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct text_builder message = {0};
        text_add_format(&message, QUERY("%s"), numbers[i].inside);
        cr_assert_eq(soap_test_read(text_built(&message), 1), SOAP_READER_DONE,
                     "%s: %s", message.data, test.reader.fault.text.data);
        const struct f09_get_session_info_request *request =
            test.reader.message;
        cr_expect(request->session_filter.has_max_results);
        cr_expect_eq(request->session_filter.max_results,
                     numbers[i].max_results, "%s", numbers[i].inside);
        text_builder_free(&message);
    }
}

Test(reader, trims_words_and_keeps_texts)
{
    cr_assert_eq(
        soap_test_read(text_of(QUERY("<SessionStatus> running\n</SessionStatus>"
                                     "<Cookie> a b </Cookie><Cookie/>"
                                     "<User>u</User>"
                                     "<CookieFilter> ^x </CookieFilter>"
                                     "<JobId>\tj</JobId>")),
                       0),
        SOAP_READER_DONE);
    const struct f09_get_session_info_request *request = test.reader.message;
    const struct f09_session_filter *filter = &request->session_filter;

    cr_expect(text_is(filter->session_status[0], "running"));
    cr_expect_eq(filter->cookie_count, 2);
    cr_expect(text_is(filter->cookie[0], " a b "));
    cr_expect(text_is(filter->cookie[1], ""));
    cr_expect(text_is(filter->cookie_filter, " ^x "));
    cr_expect(text_is(filter->job_id[0], "j"));
}

Test(reader, takes_the_definition_as_text_cdata_or_elements)
{
    static const struct {
        const char *definition;
        const char *text;
    } cases[] = {
        {"&lt;Order>1&lt;/Order&gt;", "<Order>1</Order>"},
        {"\n <![CDATA[<Order>&lt;1</Order>]]>\n", "\n <Order>&lt;1</Order>\n"},
        {"<Order>1</Order>", "<Order>1</Order>"},
        {"\n<o:Order xmlns:o='urn:o' a='b'>&lt;1<!-- -->\n<P/></o:Order> ",
         "\n<Order>&lt;1\n<P></P></Order> "},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text_builder message = {0};
        text_add_format(&message,
                        ENVELOPE("<SubmitRequest xmlns='" NS_JOB
                                 "'><definition>%s</definition><type>"
                                 " Aspera.IScpTransfer\n</type>"
                                 "</SubmitRequest>"),
                        cases[i].definition);
        cr_assert_eq(soap_test_read(text_built(&message), 0), SOAP_READER_DONE,
                     "%s", test.reader.fault.text.data);
        const struct job_submit_request *request = test.reader.message;
        cr_expect(text_is(request->type, "Aspera.IScpTransfer"));
        cr_expect(text_is(request->definition, cases[i].text), "%s",
                  request->definition.data);
        soap_test_every_cut(text_built(&message), SOAP_READ_REQUEST, NULL);
        text_builder_free(&message);
    }
}

Test(reader, subscribes_without_action_topics_or_duration)
{
    cr_assert_eq(
        soap_test_read(
            text_of(ENVELOPE("<f:SubscribeRequest xmlns:f='" NS_F06
                             "'><SessionID>0</SessionID><SessionObserver>"
                             "<f:Address> http://h/ </f:Address>"
                             "</SessionObserver></f:SubscribeRequest>")),
            0),
        SOAP_READER_DONE);
    const struct f06_subscribe_request *request = test.reader.message;

    cr_expect_eq(test.reader.operation, SOAP_OP_SUBSCRIBE_SESSIONS);
    cr_expect(text_is(request->session_observer.address, "http://h/"));
    cr_expect(text_is_absent(request->session_observer.action));
    cr_expect_null(request->subscription_observer);
    cr_expect_eq(request->topics.topic_count, 0);
    cr_expect_not(request->has_duration);
}

static void add_nested(struct text_builder *message, uint32_t count)
{
    text_builder_reset(message);
    text_add_string(message, "<s:Envelope xmlns:s=\"" ENV11 "\"><s:Header>");
    for (uint32_t i = 0; i < count; i++)
        text_add_string(message, "<a>");
    for (uint32_t i = 0; i < count; i++)
        text_add_string(message, "</a>");
    text_add_string(message,
                    "</s:Header><s:Body>" CANCEL "</s:Body></s:Envelope>");
}

Test(reader, elements_nest_64_deep_and_no_deeper)
{
    struct text_builder message = {0};

    add_nested(&message, LIMIT_XML_DEPTH - 2);
    cr_expect_eq(soap_test_read(text_built(&message), 0), SOAP_READER_DONE);
    add_nested(&message, LIMIT_XML_DEPTH - 1);
    cr_expect_eq(soap_test_read(text_built(&message), 0), SOAP_READER_REFUSED);
    cr_expect(text_is(test.reader.fault.text, "Elements nest deeper than 64"));
    add_nested(&message, 200000);
    cr_expect_eq(soap_test_read(text_built(&message), 0), SOAP_READER_REFUSED);
    text_builder_free(&message);
}

static void add_attributes(struct text_builder *message, uint32_t count,
                           const char *format)
{
    text_builder_reset(message);
    text_add_string(message, "<s:Envelope xmlns:s=\"" ENV11 "\"><s:Header><a");
    for (uint32_t i = 0; i < count; i++)
        text_add_format(message, format, i);
    text_add_string(message,
                    "/></s:Header><s:Body>" CANCEL "</s:Body></s:Envelope>");
}

Test(reader, an_element_has_256_attributes_and_no_more)
{
    struct text_builder message = {0};
    static const char *const formats[] = {" a%u='b'", " xmlns:a%u='b'"};

    for (size_t i = 0; i < 2; i++) {
        add_attributes(&message, LIMIT_XML_ATTRIBUTES, formats[i]);
        cr_expect_eq(soap_test_read(text_built(&message), 0), SOAP_READER_DONE);
        add_attributes(&message, LIMIT_XML_ATTRIBUTES + 1, formats[i]);
        cr_expect_eq(soap_test_read(text_built(&message), 0),
                     SOAP_READER_REFUSED);
        cr_expect_not_null(strstr(test.reader.fault.text.data, "attributes"));
        add_attributes(&message, 40000, formats[i]);
        cr_expect_eq(soap_test_read(text_built(&message), 0),
                     SOAP_READER_REFUSED);
        cr_expect_not_null(strstr(test.reader.fault.text.data, "longer than"));
    }
    text_builder_free(&message);
}

/* ASCII as UTF-16, with or without a byte order mark. */
static struct text_builder utf16(const char *text, bool is_big, bool has_mark)
{
    struct text_builder out = {0};

    if (has_mark)
        text_add_string(&out, is_big ? "\xfe\xff" : "\xff\xfe");
    for (; *text != '\0'; text++) {
        const char unit[] = {is_big ? '\0' : *text, is_big ? *text : '\0'};
        text_add(&out, text_from(unit, 2));
    }
    return out;
}

Test(reader, reads_utf_16_by_mark_by_declaration_and_by_charset)
{
    static const struct {
        const char *text;
        enum soap_charset charset;
        bool is_big;
        bool has_mark;
    } cases[] = {
        {ENVELOPE(CANCEL), SOAP_CHARSET_ABSENT, false, true},
        {ENVELOPE(CANCEL), SOAP_CHARSET_ABSENT, true, true},
        {"<?xml version='1.0' encoding='UTF-16'?>" ENVELOPE(CANCEL),
         SOAP_CHARSET_ABSENT, true, true},
        {"<?xml version='1.0' encoding='UTF-8'?>" ENVELOPE(CANCEL),
         SOAP_CHARSET_UTF_16, true, true},
        {ENVELOPE(CANCEL), SOAP_CHARSET_UTF_16LE, false, false},
        {ENVELOPE(CANCEL), SOAP_CHARSET_UTF_16BE, true, false},
        {ENVELOPE(CANCEL), SOAP_CHARSET_UTF_16, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text_builder message =
            utf16(cases[i].text, cases[i].is_big, cases[i].has_mark);
        for (uint32_t cut = 0; cut <= message.size_bytes; cut++) {
            soap_reader_start(&test.reader, &test.arena, SOAP_READ_REQUEST,
                              cases[i].charset, NULL);
            soap_reader_feed(&test.reader, message.data, cut, false);
            cr_assert_eq(soap_reader_feed(&test.reader, message.data + cut,
                                          message.size_bytes - cut, true),
                         SOAP_READER_DONE, "case %zu: %s", i,
                         test.reader.fault.text.data);
        }
        const struct isc_cancel_request *request = test.reader.message;
        cr_expect(text_is(request->job_id, "7"));
        text_builder_free(&message);
    }
}

Test(reader, refuses_a_dtd_that_hides_in_utf_16)
{
    struct text_builder message = utf16("<!DOCTYPE a []>", false, true);

    cr_expect_eq(soap_test_read(text_built(&message), 0), SOAP_READER_REFUSED);
    cr_expect(text_is(test.reader.fault.text, "A DTD is not allowed"));
    text_builder_free(&message);
}

Test(reader, takes_a_mark_before_the_declaration)
{
    cr_expect_eq(
        soap_test_read(text_of("\xef\xbb\xbf<?xml version='1.0' "
                               "encoding='utf-8'?>\n" ENVELOPE(CANCEL)),
                       1),
        SOAP_READER_DONE);
}

Test(reader, serves_one_message_after_another_whatever_became_of_them)
{
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert_eq(soap_test_read(text_of(ENVELOPE(CANCEL)), i % 7),
                     SOAP_READER_DONE);
        cr_assert_eq(soap_test_read(text_of("<a><b>"), i % 3),
                     SOAP_READER_REFUSED);
        soap_reader_start(&test.reader, &test.arena, SOAP_READ_REQUEST,
                          SOAP_CHARSET_ABSENT, NULL);
        cr_assert_eq(soap_reader_feed(&test.reader, "<a", 2, false),
                     SOAP_READER_MORE);
    }
}

Test(reader, a_result_is_final)
{
    soap_test_read(text_of("<a/>"), 0);
    cr_expect_eq(soap_reader_feed(&test.reader, "x", 1, false),
                 SOAP_READER_REFUSED);
    soap_test_read(text_of(ENVELOPE(CANCEL)), 0);
    cr_expect_eq(soap_reader_feed(&test.reader, "x", 1, true),
                 SOAP_READER_DONE);
}

Test(reader, says_whether_a_media_type_is_one_of_soap)
{
    static const struct {
        const char *value;
        bool good;
        enum soap_charset charset;
    } cases[] = {
        {NULL, true, SOAP_CHARSET_ABSENT},
        {"text/xml", true, SOAP_CHARSET_ABSENT},
        {"Text/XML;charset=UTF-8", true, SOAP_CHARSET_UTF_8},
        {"text/xml; charset=\"utf-8\"", true, SOAP_CHARSET_UTF_8},
        {" text/xml ; Charset = utf-16 ", true, SOAP_CHARSET_UTF_16},
        {"application/soap+xml;charset=utf-16be;action=\"a;charset=x\"", true,
         SOAP_CHARSET_UTF_16BE},
        {"application/soap+xml; action=urn:a", true, SOAP_CHARSET_ABSENT},
        {"text/xml;", true, SOAP_CHARSET_ABSENT},
        {"text/xml; charset=iso-8859-1", false, SOAP_CHARSET_REFUSED},
        {"text/xml; charset=utf-32", false, SOAP_CHARSET_REFUSED},
        {"multipart/related; type=text/xml", false, SOAP_CHARSET_ABSENT},
        {"application/json", false, SOAP_CHARSET_ABSENT},
        {"text/xmlx", false, SOAP_CHARSET_ABSENT},
        {"", false, SOAP_CHARSET_ABSENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum soap_charset charset;
        cr_expect_eq(soap_media_type_parse(text_of(cases[i].value), &charset),
                     cases[i].good, "%s", cases[i].value);
        cr_expect_eq(charset, cases[i].charset, "%s", cases[i].value);
    }
}
