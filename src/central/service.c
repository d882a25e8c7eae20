#include "central/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "central/api.h"
#include "central/context.h"
#include "central/documents.h"
#include "http/fields.h"
#include "soap/reader.h"
#include "soap/writer.h"
#include "soap/wsdl.h"

/* A request of this size is worth waiting for its end when it is refused, so
 * that the connection lives on. */
#define SMALL_REQUEST_BYTES 65536u
/* Answers up to this are copied, so that their memory serves the next one. */
#define SMALL_ANSWER_BYTES 65536u

enum call_state {
    CALL_READING,
    CALL_HANDLING,
};

struct service_call {
    struct api_call api;
    struct service *service;
    struct service_call *next;      /* kept */
    struct http_exchange *exchange; /* NULL: the client has left */
    enum call_state state;
    enum login_result login; /* LOGIN_LATER: it must wait, client or not */
    bool request_ended;      /* while it waited */
    struct arena arena;
    struct soap_reader reader;
    struct text_builder body; /* of the answer */
};

/* ---- calls and their memory ---- */

static struct service_call *take_call(struct service *service)
{
    struct service_call *call = service->kept;

    if (call != NULL) {
        service->kept = call->next;
        service->kept_count--;
    } else {
        call = calloc(1, sizeof *call);
        if (call == NULL)
            return NULL;
        if (soap_reader_open(&call->reader) != 0) {
            free(call);
            return NULL;
        }
        call->service = service;
        arena_init(&call->arena, LIMIT_CALL_ARENA_BYTES);
    }
    service->call_count++;
    return call;
}

static void free_call(struct service_call *call)
{
    soap_reader_close(&call->reader);
    arena_free(&call->arena);
    text_builder_free(&call->body);
    free(call);
}

static void give_call(struct service_call *call)
{
    struct service *service = call->service;

    service->call_count--;
    call->exchange = NULL;
    if (service->kept_count == LIMIT_CALLS_KEPT) {
        free_call(call);
    } else {
        arena_reset(&call->arena);
        call->next = service->kept;
        service->kept = call;
        service->kept_count++;
    }
    central_go_on_stopping(service->central);
}

void service_init(struct service *service, struct central *central)
{
    *service = (struct service){.central = central};
}

void service_free(struct service *service)
{
    CHECK(service->call_count == 0);
    while (service->kept != NULL) {
        struct service_call *call = service->kept;
        service->kept = call->next;
        free_call(call);
    }
}

/* ---- answers ---- */

static void respond(struct service_call *call, uint16_t status)
{
    struct http_response response = {
        .status = status,
        .content_type = soap_version_media_type(call->reader.version),
    };

    if (call->exchange == NULL) {
        text_builder_reset(&call->body);
    } else if (call->body.failed ||
               call->body.size_bytes > SMALL_ANSWER_BYTES) {
        http_exchange_respond_with(call->exchange, &response, &call->body);
    } else {
        response.body = text_built(&call->body);
        http_exchange_respond(call->exchange, &response);
        text_builder_reset(&call->body);
    }
    give_call(call);
}

void api_answer(struct api_call *api, const void *response)
{
    struct service_call *call = OWNER_OF(api, struct service_call, api);
    const struct soap_operation_row *row = &soap_operations[api->operation];

    CHECK(call->state == CALL_HANDLING);
    if (call->exchange != NULL)
        soap_write(&call->body, call->reader.version, row->response, response);
    respond(call, 200);
}

void api_fault(struct api_call *api, const struct soap_fault *fault)
{
    struct service_call *call = OWNER_OF(api, struct service_call, api);
    enum soap_version version = call->reader.version;

    soap_write_fault(&call->body, version, fault);
    respond(call, (uint16_t)soap_fault_http_status(version, fault->code));
}

/* ---- routes ---- */

enum route {
    ROUTE_PAGE,
    ROUTE_WSDL,
    ROUTE_SOAP,
    ROUTE_NONE,     /* 404 */
    ROUTE_NOT_GET,  /* 405: only POST here */
    ROUTE_NOT_POST, /* 405: only GET and HEAD here */
};

static enum route route_of(const struct http_head *head,
                           enum soap_service *service)
{
    bool is_post = head->method == HTTP_METHOD_POST;
    bool is_wsdl_address = false;

    if (text_is(head->path, "/"))
        return is_post ? ROUTE_NOT_POST : ROUTE_PAGE;
    if (!soap_service_of_path(head->path, service, &is_wsdl_address))
        return ROUTE_NONE;
    if (is_post && (is_wsdl_address || *service >= SOAP_SERVICE_JOB_OBSERVER))
        return ROUTE_NOT_POST;
    if (is_post)
        return ROUTE_SOAP;
    if (is_wsdl_address || soap_is_wsdl_query(head->query))
        return ROUTE_WSDL;
    return *service >= SOAP_SERVICE_JOB_OBSERVER ? ROUTE_NONE : ROUTE_NOT_GET;
}

/* The head has media type and charset apart; soap/ decides about both. */
static bool media_type_is_soap(const struct http_head *head,
                               struct arena *arena, enum soap_charset *charset)
{
    if (!head->has_media_type)
        return soap_media_type_parse(TEXT_ABSENT, charset);
    if (text_is_absent(head->charset))
        return soap_media_type_parse(head->media_type, charset);

    uint32_t room = head->media_type.size_bytes + head->charset.size_bytes +
                    (uint32_t)sizeof "; charset=";
    char *value = arena_take(arena, room);
    if (value == NULL)
        return false;
    snprintf(value, room, "%.*s; charset=%.*s",
             (int)head->media_type.size_bytes, head->media_type.data,
             (int)head->charset.size_bytes, head->charset.data);
    return soap_media_type_parse(text_of(value), charset);
}

/* ---- who calls ---- */

/* RFC 7617 section 2.1. */
#define CHALLENGE "Basic realm=\"ferry\", charset=\"UTF-8\""

static void end_call(struct service_call *call);

static void log_refused(const struct address *peer)
{
    char text[ADDRESS_TEXT_BYTES];

    address_format_ip(peer, text);
    LOG(soap_login_refused, text);
}

static void login_done(void *user, enum login_result result, const char *name)
{
    struct service_call *call = user;

    call->login = result;
    if (call->exchange == NULL) {
        give_call(call);
        return;
    }
    if (result == LOGIN_RIGHT)
        call->api.user = text_copy(&call->arena, text_of(name));
    if (call->request_ended)
        end_call(call);
}

/* 0, or the status to refuse the request with.  Descriptions are for all, or
 * no tool could read them. */
static uint16_t log_in(struct service_call *call, const struct http_head *head)
{
    struct central *central = call->api.central;
    const char *name = NULL;

    call->login = LOGIN_RIGHT;
    call->request_ended = false;
    if (!central->soap_needs_login)
        return 0;
    call->login = login_check(&central->logins, head->authorization, &name,
                              call, login_done);
    switch (call->login) {
    case LOGIN_RIGHT:
        call->api.user = text_copy(&call->arena, text_of(name));
        return 0;
    case LOGIN_LATER:
        return 0;
    case LOGIN_WRONG:
        log_refused(&call->exchange->peer);
        return 401;
    case LOGIN_BUSY:
        return 503;
    }
    NEVER("a login has no result");
}

static const char *refusal_text(uint16_t status);

/* The password was looked at while the request came. */
static void refuse_login(struct service_call *call)
{
    bool is_wrong = call->login == LOGIN_WRONG;
    struct http_response response = {
        .status = is_wrong ? 401 : 503,
        .content_type = soap_version_media_type(call->reader.version),
        .authenticate = is_wrong ? CHALLENGE : NULL,
    };
    struct soap_fault fault = {
        .code = is_wrong ? SOAP_FAULT_CLIENT : SOAP_FAULT_SERVER,
        .text = text_of(refusal_text(response.status)),
    };

    if (is_wrong)
        log_refused(&call->exchange->peer);
    text_builder_reset(&call->body);
    soap_write_fault(&call->body, call->reader.version, &fault);
    response.body = text_built(&call->body);
    http_exchange_respond(call->exchange, &response);
    text_builder_reset(&call->body);
    give_call(call);
}

static uint16_t begin_call(struct central *central,
                           struct http_exchange *exchange,
                           const struct http_head *head)
{
    enum soap_charset charset;

    if (!media_type_is_soap(head, &exchange->arena, &charset))
        return 415;
    struct service_call *call = take_call(&central->service);
    if (call == NULL)
        return 503;

    call->exchange = exchange;
    call->state = CALL_READING;
    call->api = (struct api_call){
        .central = central,
        .arena = &call->arena,
        .peer = exchange->peer,
    };
    soap_reader_start(&call->reader, &call->arena, SOAP_READ_REQUEST, charset,
                      NULL);
    uint16_t refused = log_in(call, head);
    if (refused != 0)
        give_call(call);
    else
        exchange->user = call;
    return refused;
}

static uint16_t on_head(void *owner, struct http_exchange *exchange,
                        const struct http_head *head)
{
    enum soap_service service;

    switch (route_of(head, &service)) {
    case ROUTE_PAGE:
    case ROUTE_WSDL:
        return 0;
    case ROUTE_SOAP:
        return begin_call(owner, exchange, head);
    case ROUTE_NONE:
        return 404;
    case ROUTE_NOT_GET:
    case ROUTE_NOT_POST:
        return 405;
    }
    NEVER("a request has no route");
}

/* ---- the body ---- */

static void on_body(void *owner, struct http_exchange *exchange,
                    const uint8_t *data, uint32_t size_bytes)
{
    struct service_call *call = exchange->user;
    const struct http_head *head = exchange->head;

    (void)owner;
    if (call == NULL)
        return; /* a GET with a body: it means nothing */
    soap_reader_feed(&call->reader, (const char *)data, size_bytes, false);
    if (call->reader.result != SOAP_READER_REFUSED ||
        call->login != LOGIN_RIGHT)
        return;
    if (head->content_length_known &&
        head->content_length <= SMALL_REQUEST_BYTES)
        return;
    api_fault(&call->api, &call->reader.fault);
}

/* The body decides what is done; that the header said something else is worth
 * a line to who looks for the reason (clients send it wrong, or not at all). */
static void look_at_action(const struct http_head *head,
                           enum soap_operation operation)
{
    const struct soap_operation_row *row = &soap_operations[operation];

    if (head->soap_action.size_bytes > 0 &&
        !text_is(head->soap_action, row->action))
        LOG(soap_other_action, row->name);
}

static void end_call(struct service_call *call)
{
    struct soap_reader *reader = &call->reader;

    call->request_ended = true;
    if (call->login == LOGIN_LATER)
        return;
    if (call->login != LOGIN_RIGHT) {
        refuse_login(call);
        return;
    }
    soap_reader_feed(reader, "", 0, true);
    if (reader->result == SOAP_READER_REFUSED) {
        api_fault(&call->api, &reader->fault);
        return;
    }
    CHECK(reader->result == SOAP_READER_DONE);
    look_at_action(call->exchange->head, reader->operation);
    call->state = CALL_HANDLING;
    call->api.operation = reader->operation;
    call->api.request = reader->message;
    api_handler(reader->operation)(&call->api);
}

static void on_end(void *owner, struct http_exchange *exchange)
{
    enum soap_service service = SOAP_SERVICE_TRANSFER;

    if (exchange->user != NULL)
        end_call(exchange->user);
    else if (route_of(exchange->head, &service) == ROUTE_PAGE)
        documents_page(exchange);
    else
        documents_wsdl(owner, exchange, service);
}

static void on_gone(void *owner, struct http_exchange *exchange)
{
    struct service_call *call = exchange->user;

    (void)owner;
    if (call == NULL)
        return;
    call->exchange = NULL;
    if (call->state == CALL_READING && call->login != LOGIN_LATER)
        give_call(call);
}

/* ---- refusals: a Fault, so that a SOAP client can show what is wrong ---- */

static const char *refusal_text(uint16_t status)
{
    switch (status) {
    case 401:
        return "Expected a user's name and password, by HTTP Basic.";
    case 503:
        return "The server has too much to do; try again.";
    case 404:
        return "There is no service at this path; / lists them.";
    case 405:
        return "This path does not take this method; see Allow.";
    case 415:
        return "Expected text/xml or application/soap+xml in UTF-8 or UTF-16.";
    default:
        return NULL;
    }
}

static void on_refused(void *owner, struct http_exchange *exchange,
                       const struct http_head *head,
                       struct http_response *response)
{
    enum soap_service service;
    struct text_builder body = {0};
    struct soap_fault fault = {
        .code = response->status < 500 ? SOAP_FAULT_CLIENT : SOAP_FAULT_SERVER,
        .text = text_trim(response->body),
    };
    const char *text = refusal_text(response->status);

    (void)owner;
    if (text != NULL)
        fault.text = text_of(text);
    if (response->status == 401)
        response->authenticate = CHALLENGE;
    if (head != NULL && response->status == 405)
        response->allow =
            route_of(head, &service) == ROUTE_NOT_GET ? "POST" : "GET, HEAD";

    soap_write_fault(&body, SOAP_1_1, &fault);
    struct text copy = text_copy(&exchange->arena, text_built(&body));
    if (!body.failed && !text_is_absent(copy)) {
        response->content_type = soap_version_media_type(SOAP_1_1);
        response->body = copy;
    }
    text_builder_free(&body);
}

const struct http_server_handler service_handler = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .gone = on_gone,
    .refused = on_refused,
};
