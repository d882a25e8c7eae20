#include <criterion/criterion.h>
#include <string.h>

#include "soap_test.h"

static struct arena filled;

static void set_up(void)
{
    soap_test_set_up();
    arena_init(&filled, 64u << 20);
}

static void tear_down(void)
{
    arena_free(&filled);
    soap_test_tear_down();
}

TestSuite(messages, .init = set_up, .fini = tear_down);

/* Writes `type` filled, reads it, and writes what was read. */
static void expect_round_trip(const struct soap_type *type,
                              enum soap_version version, uint32_t list_count)
{
    struct text_builder sent = {0};
    struct text_builder again = {0};
    bool is_request = soap_operation_of_request(type) != SOAP_OP_COUNT;

    arena_reset(&filled);
    soap_write(&sent, version, type, soap_test_fill(&filled, type, list_count));
    enum soap_reader_result result =
        soap_test_read_as(text_built(&sent), 0,
                          is_request ? SOAP_READ_REQUEST : SOAP_READ_RESPONSE,
                          is_request ? NULL : type);
    cr_assert_eq(result, SOAP_READER_DONE, "%s: %.*s\n%s", type->name,
                 (int)test.reader.fault.text.size_bytes,
                 test.reader.fault.text.data, sent.data);
    cr_assert_eq(test.reader.type, type);
    cr_assert_eq(test.reader.version, version);
    soap_test_outcome(&again);
    cr_assert(text_equal(text_built(&sent), text_built(&again)), "%s\n%s",
              sent.data, again.data);
    text_builder_free(&sent);
    text_builder_free(&again);
}

Test(messages, every_message_of_every_operation_is_read_as_it_was_written)
{
    for (uint32_t i = 0; i < SOAP_OP_COUNT; i++) {
        for (uint32_t list_count = 0; list_count < 3; list_count++) {
            expect_round_trip(soap_operations[i].request, SOAP_1_1, list_count);
            expect_round_trip(soap_operations[i].response, SOAP_1_1,
                              list_count);
        }
        expect_round_trip(soap_operations[i].request, SOAP_1_2, 9);
        expect_round_trip(soap_operations[i].response, SOAP_1_2, 9);
    }
}

Test(messages, each_request_is_known_as_its_operation)
{
    for (uint32_t i = 0; i < SOAP_OP_COUNT; i++) {
        expect_round_trip(soap_operations[i].request, SOAP_1_1, 1);
        cr_expect_eq(test.reader.operation, i, "%s", soap_operations[i].name);
    }
}

Test(messages, every_message_reads_the_same_however_it_is_cut)
{
    struct text_builder sent = {0};

    for (uint32_t i = 0; i < SOAP_OP_COUNT; i++) {
        const struct soap_type *request = soap_operations[i].request;
        const struct soap_type *response = soap_operations[i].response;

        arena_reset(&filled);
        text_builder_reset(&sent);
        soap_write(&sent, SOAP_1_1, request,
                   soap_test_fill(&filled, request, 1));
        soap_test_every_cut(text_built(&sent), SOAP_READ_REQUEST, NULL);
        text_builder_reset(&sent);
        soap_write(&sent, SOAP_1_1, response,
                   soap_test_fill(&filled, response, 1));
        soap_test_every_cut(text_built(&sent), SOAP_READ_RESPONSE, response);
    }
    text_builder_free(&sent);
}

Test(messages, what_is_absent_stays_absent)
{
    cr_assert_eq(
        soap_test_read(
            text_of(ENVELOPE(
                "<GetSessionInfoRequest xmlns=\"" NS_F09 "\">"
                "<SessionFilter xmlns=\"\"/></GetSessionInfoRequest>")),
            0),
        SOAP_READER_DONE);
    const struct f09_get_session_info_request *request = test.reader.message;

    cr_assert_eq(test.reader.operation, SOAP_OP_GET_SESSION_INFO);
    cr_assert(text_is_absent(request->session_filter.iteration_token));
    cr_assert_not(request->session_filter.has_max_results);
    cr_assert_eq(request->session_filter.session_uuid_count, 0);
    cr_assert_not(request->session_filter.has_last_session_only);
}

Test(messages, mandatory_children_without_a_value_are_written_empty)
{
    struct isc_query_job_response response = {0};
    struct text_builder out = {0};

    soap_write(&out, SOAP_1_1, &soap_type_isc_query_job_response, &response);
    cr_assert_not_null(strstr(out.data, "<Job><ns1:ID></ns1:ID><ns1:Order>"
                                        "<ns1:Agent></ns1:Agent>"));
    cr_assert_not_null(strstr(out.data, "<ns1:Port>0</ns1:Port>"));
    cr_assert_not_null(
        strstr(out.data, "<ns1:LockPolicy>false</ns1:LockPolicy>"));
    cr_assert_not_null(strstr(out.data, "<ns1:Methods></ns1:Methods>"));
    text_builder_free(&out);
}

Test(messages, each_is_laid_out_as_clients_read_by_position)
{
    struct text path[] = {text_of("1")};
    struct job_list_types_response types = {.type = path, .type_count = 1};
    struct isc_cancel_request cancel = {.job_id = text_of("a<b")};
    struct job_submit_response submitted = {
        .job_result = {.type = text_of("T"), .id = text_of("I")}};
    struct f06_query_session_response session = {0};
    struct text_builder out = {0};

    soap_write(&out, SOAP_1_1, &soap_type_job_list_types_response, &types);
    cr_expect_str_eq(
        out.data,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<soapenv:Envelope xmlns:soapenv=\"" ENV11 "\" xmlns:ns1=\"" NS_JOB
        "\"><soapenv:Body><ns1:ListTypesResponse><Type>1</Type>"
        "</ns1:ListTypesResponse></soapenv:Body></soapenv:Envelope>");

    text_builder_reset(&out);
    soap_write(&out, SOAP_1_2, &soap_type_isc_cancel_request, &cancel);
    cr_expect_str_eq(out.data,
                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<soapenv:Envelope xmlns:soapenv=\"" ENV12
                     "\" xmlns:ns1=\"" NS_ISC
                     "\"><soapenv:Body><ns1:CancelRequest><JobID>a&lt;b</JobID>"
                     "</ns1:CancelRequest></soapenv:Body></soapenv:Envelope>");

    text_builder_reset(&out);
    soap_write(&out, SOAP_1_1, &soap_type_isc_cancel_response, NULL);
    cr_expect_not_null(
        strstr(out.data, "<soapenv:Body><ns1:CancelResponse/></soapenv:Body>"));

    text_builder_reset(&out);
    soap_write(&out, SOAP_1_1, &soap_type_job_submit_response, &submitted);
    cr_expect_not_null(strstr(
        out.data, "<ns1:SubmitResponse><JobResult><ns1:Type>T</ns1:Type>"
                  "<ns1:ID>I</ns1:ID></JobResult></ns1:SubmitResponse>"));

    text_builder_reset(&out);
    soap_write(&out, SOAP_1_1, &soap_type_f06_query_session_response, &session);
    cr_expect_not_null(
        strstr(out.data, "<ns1:QuerySessionResponse><Session><ns1:SessionID>"
                         "</ns1:SessionID><ns1:ApplicationData><ns1:Token>"));
    text_builder_free(&out);
}

Test(messages, a_list_may_have_as_many_items_as_its_limit_and_no_more)
{
    static const struct {
        uint32_t count;
        enum soap_reader_result result;
    } cases[] = {
        {SOAP_LIST_MAX, SOAP_READER_DONE},
        {SOAP_LIST_MAX + 1, SOAP_READER_REFUSED},
    };

    for (uint32_t i = 0; i < 2; i++) {
        struct text_builder sent = {0};
        text_add_string(&sent, "<s:Envelope xmlns:s=\"" ENV11 "\"><s:Body>"
                               "<GetSessionInfoRequest xmlns=\"" NS_F09
                               "\"><SessionFilter>");
        for (uint32_t item = 0; item < cases[i].count; item++)
            text_add_format(&sent, "<JobId>%u</JobId>", item);
        text_add_string(&sent, "</SessionFilter></GetSessionInfoRequest>"
                               "</s:Body></s:Envelope>");
        cr_assert_eq(soap_test_read(text_built(&sent), 0), cases[i].result);
        if (cases[i].result == SOAP_READER_DONE) {
            const struct f09_get_session_info_request *request =
                test.reader.message;
            cr_assert(text_is(request->session_filter.job_id[65535], "65535"));
        }
        text_builder_free(&sent);
    }
}

Test(messages, an_arena_that_is_used_up_refuses_the_message)
{
    struct text_builder sent = {0};
    const struct soap_type *type = &soap_type_f09_get_info_request;

    soap_write(&sent, SOAP_1_1, type, soap_test_fill(&filled, type, 40));
    for (size_t room = 0; room < 60000; room += 500) {
        struct arena small;
        arena_init(&small, room);
        soap_reader_start(&test.reader, &small, SOAP_READ_REQUEST,
                          SOAP_CHARSET_ABSENT, NULL);
        enum soap_reader_result result =
            soap_reader_feed(&test.reader, sent.data, sent.size_bytes, true);
        cr_assert_eq(result, room < 30000 ? SOAP_READER_REFUSED : result);
        if (result == SOAP_READER_REFUSED)
            cr_assert(
                text_is(test.reader.fault.text, "The message is too large") ||
                text_is(test.reader.fault.text, "The request is too large"));
        arena_free(&small);
    }
    text_builder_free(&sent);
}
