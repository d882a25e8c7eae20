#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static void set_up(void)
{
    harness_make_folder();
    harness_open(0);
}

static void tear_down(void)
{
    harness_close();
    harness_remove_folder();
}

TestSuite(service, .init = set_up, .fini = tear_down);

#define ENVELOPE(content)                                                  \
    "<e:Envelope "                                                         \
    "xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>" content \
    "</e:Body></e:Envelope>"
#define ENVELOPE_12(content)                                         \
    "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'>" \
    "<e:Body>" content "</e:Body></e:Envelope>"
#define LIST_TYPES \
    "<ListTypesRequest xmlns='urn:Aspera:XML:JobNET:2006/01:Types'/>"
#define TRANSFER "/services/soap/Transfer-201210"

struct case_of_request {
    const char *name;
    enum http_method method;
    const char *path;
    const char *content_type;
    const char *body;
    uint16_t status;
    const char *media_type;
    const char *contains;
};

static const struct case_of_request cases[] = {
    {"a page for people", HTTP_METHOD_GET, "/", NULL, NULL, 200, "text/plain",
     "/services/soap/Transfer-201210"},
    {"no such path", HTTP_METHOD_GET, "/etc/passwd", NULL, NULL, 404,
     "text/xml", "Fault"},
    {"no such service", HTTP_METHOD_POST, "/services/soap/JobNET-200602",
     "text/xml", ENVELOPE(LIST_TYPES), 404, "text/xml", "Fault"},
    {"GET without ?wsdl", HTTP_METHOD_GET, TRANSFER, NULL, NULL, 405,
     "text/xml", "Fault"},
    {"POST to the page", HTTP_METHOD_POST, "/", "text/xml", "x", 405,
     "text/xml", "Fault"},
    {"POST to a description", HTTP_METHOD_POST,
     "/console/services/soap/Job.wsdl", "text/xml", "x", 405, "text/xml",
     "Fault"},
    {"POST to an observer's path", HTTP_METHOD_POST,
     "/services/soap/JobObserver", "text/xml", "x", 405, "text/xml", "Fault"},
    {"wsdl", HTTP_METHOD_GET, TRANSFER "?wsdl", NULL, NULL, 200, "text/xml",
     "wsdl:definitions"},
    {"wsdl in another letter case", HTTP_METHOD_GET, TRANSFER "?WSDL", NULL,
     NULL, 200, "text/xml", "wsdl:definitions"},
    {"wsdl of an observer", HTTP_METHOD_GET,
     "/services/soap/SessionObserver?wsdl", NULL, NULL, 200, "text/xml",
     "observer.example.com"},
    {"wsdl at an old address", HTTP_METHOD_GET,
     "/console/services/soap/Transfer201210.wsdl", NULL, NULL, 200, "text/xml",
     "/services/soap/Transfer-201210\""},
    {"an operation", HTTP_METHOD_POST, TRANSFER, "text/xml",
     ENVELOPE(LIST_TYPES), 200, "text/xml", "Aspera.IScpTransfer"},
    {"any operation at any service", HTTP_METHOD_POST,
     "/services/soap/FASPSessionNET-200911", "text/xml; charset=UTF-8",
     ENVELOPE(LIST_TYPES), 200, "text/xml", "Aspera.IScpTransfer"},
    {"no media type", HTTP_METHOD_POST, TRANSFER, NULL, ENVELOPE(LIST_TYPES),
     200, "text/xml", "Aspera.IScpTransfer"},
    {"SOAP 1.2 is answered in 1.2", HTTP_METHOD_POST, TRANSFER,
     "application/soap+xml", ENVELOPE_12(LIST_TYPES), 200,
     "application/soap+xml", "2003/05/soap-envelope"},
    {"MTOM", HTTP_METHOD_POST, TRANSFER, "multipart/related",
     ENVELOPE(LIST_TYPES), 415, "text/xml", "Fault"},
    {"another charset", HTTP_METHOD_POST, TRANSFER,
     "text/xml; charset=iso-8859-1", ENVELOPE(LIST_TYPES), 415, "text/xml",
     "Fault"},
    {"not XML", HTTP_METHOD_POST, TRANSFER, "text/xml", "hello", 500,
     "text/xml", "Client"},
    {"a DTD", HTTP_METHOD_POST, TRANSFER, "text/xml",
     "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>" ENVELOPE(LIST_TYPES), 500,
     "text/xml", "Client"},
    {"an unknown operation", HTTP_METHOD_POST, TRANSFER, "text/xml",
     ENVELOPE("<Launch xmlns='urn:x'/>"), 500, "text/xml", "Client"},
    {"an unknown operation in 1.2", HTTP_METHOD_POST, TRANSFER,
     "application/soap+xml", ENVELOPE_12("<Launch xmlns='urn:x'/>"), 400,
     "application/soap+xml", "Sender"},
    {"no Envelope", HTTP_METHOD_POST, TRANSFER, "text/xml", "<Envelope/>", 500,
     "text/xml", "VersionMismatch"},
};

Test(service, each_request_gets_its_answer)
{
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct case_of_request *c = &cases[i];
        struct reply reply =
            harness_request(c->method, c->path, c->content_type, c->body);
        cr_expect_eq(reply.status, c->status, "%s: %u", c->name, reply.status);
        cr_expect_str_eq(reply.media_type, c->media_type, "%s: %s", c->name,
                         reply.media_type);
        cr_expect_not_null(strstr(reply.body, c->contains), "%s: %s", c->name,
                           reply.body);
    }
}

Test(service, a_wsdl_names_the_address_that_it_was_asked_at)
{
    char address[ADDRESS_TEXT_BYTES];
    char location[256];
    struct address soap = central_soap_address(harness.central);

    address_format(&soap, address);
    snprintf(location, sizeof location,
             "location=\"http://%s/services/soap/JobNET-200601\"", address);
    struct reply reply = harness_request(
        HTTP_METHOD_GET, "/services/soap/JobNET-200601?wsdl", NULL, NULL);
    cr_assert_not_null(strstr(reply.body, location));
    cr_assert_null(strstr(reply.body, "schemaLocation"), "self-contained");
}

/* ---- typed faults ---- */

#define SUBMIT(type, order)                                               \
    "<job:SubmitRequest><Type>" type "</Type><Definition><![CDATA[" order \
    "]]></Definition></job:SubmitRequest>"
#define ORDER(more)                                                        \
    "<Order><Operation>Push</Operation><RemoteLocation><System><Address>h" \
    "</Address><UserName>u</UserName><Password>p</Password></System>"      \
    "</RemoteLocation><LocalLocation><Files><Path>a</Path></Files>"        \
    "</LocalLocation>" more "</Order>"
#define NOBODY "11111111-2222-4333-8444-555555555555"
#define QUERY(operation, filter, content)                            \
    "<f09:" operation "Request><" filter ">" content "</" filter ">" \
    "</f09:" operation "Request>"

struct case_of_fault {
    const char *content;
    const char *detail; /* element of the detail; NULL = a Client fault */
    const char *contains;
};

static const struct case_of_fault faults[] = {
    {SUBMIT("Aspera.Other", ORDER("")), "JobTypeNotFoundFaultType",
     "Aspera.Other"},
    {SUBMIT("Aspera.IScpTransfer", "<Order"), "JobFormatInvalidFaultType",
     "line 1"},
    {SUBMIT("Aspera.IScpTransfer", "<Order/>"), "JobFormatInvalidFaultType",
     "Operation"},
    {SUBMIT("Aspera.IScpTransfer",
            ORDER("<RateParameters><TargetRateAsPercent>Yes"
                  "</TargetRateAsPercent></RateParameters>")),
     "JobSubmissionErrorFaultType", "TargetRateAsPercent"},
    {SUBMIT("Aspera.IScpTransfer",
            ORDER("<LinkParameters><LocalCapacity>5</LocalCapacity>"
                  "</LinkParameters>")),
     "JobSubmissionErrorFaultType", "LocalCapacity"},
    {SUBMIT("Aspera.IScpTransfer",
            ORDER("<RemoteLocation><Authentication><KeyPath>/no/such/key"
                  "</KeyPath></Authentication></RemoteLocation>")),
     "JobSubmissionErrorFaultType", "KeyPath"},
    {SUBMIT("Aspera.IScpTransfer",
            ORDER("<SecurityParameters><SSHFingerprint>11:22</SSHFingerprint>"
                  "</SecurityParameters>")),
     "JobSubmissionErrorFaultType", "SSHFingerprint"},
    {"<isc:QueryJobRequest><JobID>" NOBODY "</JobID></isc:QueryJobRequest>",
     "JobNotFoundFaultType", NOBODY},
    {"<isc:QueryJobRequest><JobID>x</JobID></isc:QueryJobRequest>",
     "JobNotFoundFaultType", ">x<"},
    {"<isc:CancelRequest><JobID>" NOBODY "</JobID></isc:CancelRequest>",
     "JobNotFoundFaultType", NOBODY},
    {"<f06:CancelRequest><SessionID>" NOBODY "</SessionID></f06:CancelRequest>",
     "SessionNotFoundFaultType", NOBODY},
    {"<f06:QuerySessionRequest><SessionID>" NOBODY
     "</SessionID></f06:QuerySessionRequest>",
     "SessionNotFoundFaultType", NOBODY},
    {"<f06:SetTargetRateRequest><SessionID>" NOBODY
     "</SessionID><TargetRate>1</TargetRate></f06:SetTargetRateRequest>",
     "SessionNotFoundFaultType", NOBODY},
    {QUERY("GetSessionInfo", "SessionFilter",
           "<IterationToken>made up</IterationToken>"),
     "FilterChangedErrorFaultElement", ""},
    {QUERY("GetSessionInfo", "SessionFilter",
           "<CookieFilter>a(b</CookieFilter>"),
     NULL, "CookieFilter: expected a regular expression"},
    {QUERY("GetFileTransferInfo", "FileTransferFilter",
           "<FilenameFilter>(a)\\1</FilenameFilter>"),
     NULL, "at its byte 4 back-references"},
    {QUERY("GetSessionInfo", "SessionFilter", "<MaxResults>0</MaxResults>"),
     NULL, "MaxResults"},
};

Test(service, each_mistake_gets_its_fault)
{
    for (uint32_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct case_of_fault *c = &faults[i];
        struct reply reply = harness_call(c->content);
        cr_expect_eq(reply.status, 500, "%s: %u", c->content, reply.status);
        cr_expect_not_null(
            strstr(reply.body, c->detail == NULL ? ":Client<" : c->detail),
            "%s: %s", c->content, reply.body);
        cr_expect_not_null(strstr(reply.body, c->contains), "%s: %s",
                           c->content, reply.body);
    }
}

Test(service, a_refused_order_leaves_no_job_behind)
{
    harness_call(SUBMIT("Aspera.IScpTransfer", "<Order/>"));
    harness_call(
        SUBMIT("Aspera.IScpTransfer",
               ORDER("<RateParameters><TargetRateAsPercent>Yes"
                     "</TargetRateAsPercent></RateParameters>")));

    cr_assert_eq(harness.central->jobs.active_count, 0);
    cr_assert_null(harness.central->sessions.newest);
}

Test(service, what_is_escaped_once_is_read_as_the_order)
{
    struct reply reply = harness_call(
        "<job:SubmitRequest><type>Aspera.IScpTransfer</type><definition>"
        "&lt;Order/&gt;</definition></job:SubmitRequest>");

    cr_assert_not_null(strstr(reply.body, "JobFormatInvalidFaultType"));
}

/* ---- orders at the limit ---- */

/* Submits an order whose only odd part is `more`, `count` times. */
static struct reply submit_large(const char *more, uint32_t count)
{
    struct text_builder content = {0};
    struct text_builder order = {0};

    text_add_string(&order, "<Order><Operation>Push</Operation>"
                            "<RemoteLocation><System><Address>127.0.0.1"
                            "</Address><Port>1</Port></System>"
                            "</RemoteLocation><LocalLocation><Files>"
                            "<Path>a</Path>");
    for (uint32_t i = 0; i < count; i++)
        text_add_string(&order, more);
    text_add_string(&order, "</Files></LocalLocation></Order>");
    text_add_string(&content, "<job:SubmitRequest><Type>Aspera.IScpTransfer"
                              "</Type><Definition><![CDATA[");
    text_add(&content, text_built(&order));
    text_add_string(&content, "]]></Definition></job:SubmitRequest>");
    struct reply reply = harness_call(content.data);
    text_builder_free(&content);
    text_builder_free(&order);
    return reply;
}

static bool all_durable(void *user)
{
    (void)user;
    return harness.central->changes.first == NULL &&
           harness.central->jobs.active_count == 0;
}

Test(service, an_order_of_many_paths_is_taken_and_told)
{
    struct reply reply = submit_large(
        "<Path>a path of a usual length, some hundred and twenty bytes, with "
        "folders/and/names/as/people/have/them/in/their/projects</Path>",
        45000);
    cr_assert_eq(reply.status, 200, "%.300s", reply.body);
    harness_run_until(all_durable, NULL);
    cr_assert_eq(harness.central->changes.stored_sequence, 6);
}

Test(service, an_order_that_grows_beyond_an_event_when_shown_is_refused)
{
    /* Each > is one byte here and four in a notification. */
    struct reply reply =
        submit_large("<Path>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>"
                     ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>></Path>",
                     60000);
    cr_assert_eq(reply.status, 500);
    cr_assert_not_null(strstr(reply.body, "too large"), "%.300s", reply.body);
    cr_assert_eq(harness.central->jobs.active_count, 0);
    cr_assert_eq(harness.central->jobs.work_bytes, 0);
    cr_assert_null(harness.central->sessions.newest);
}

/* ---- clients that leave ---- */

static bool one_call(void *user)
{
    (void)user;
    return harness.central->service.call_count == 1;
}

static bool no_call(void *user)
{
    (void)user;
    return harness.central->service.call_count == 0;
}

static void left(struct http_call *call, const struct http_call_result *result)
{
    cr_assert_eq(result->error, HTTP_CALL_CANCELLED);
    *(bool *)call->user = true;
}

static bool is_true(void *user)
{
    return *(bool *)user;
}

Test(service, a_submit_whose_client_left_is_still_a_job)
{
    char url[128];
    char address[ADDRESS_TEXT_BYTES];
    bool gone = false;
    struct http_call call = {.user = &gone};
    struct http_call_request request = {
        .method = HTTP_METHOD_POST,
        .content_type = text_of("text/xml"),
        .body = text_of(ENVELOPE(
            "<j:SubmitRequest xmlns:j='urn:Aspera:XML:JobNET:2006/01:Types'>"
            "<Type>Aspera.IScpTransfer</Type><Definition><![CDATA[" ORDER(
                "") "]]></Definition></j:SubmitRequest>")),
    };
    struct address soap = central_soap_address(harness.central);

    address_format(&soap, address);
    snprintf(url, sizeof url, "http://%s" TRANSFER, address);
    cr_assert_eq(http_url_parse(text_of(url), &request.url), HTTP_URL_GOOD);
    http_call_start(&harness.client, &call, &request, left);
    harness_run_until(one_call, NULL);
    http_call_cancel(&call);
    harness_run_until(is_true, &gone);
    harness_run_until(no_call, NULL);

    cr_assert_eq(harness.central->jobs.by_uuid.count, 1);
}
