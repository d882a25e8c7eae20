#include "central/documents.h"

#include <stdio.h>

#include "central/context.h"
#include "http/fields.h"
#include "soap/wsdl.h"

static const char page_text[] =
    "ferry: the SOAP services of this node\n"
    "\n"
    "/services/soap/Transfer-201210         (description: add ?wsdl)\n"
    "/services/soap/JobNET-200601\n"
    "/services/soap/IScpTransferNET-200604\n"
    "/services/soap/FASPSessionNET-200601\n"
    "/services/soap/FASPSessionNET-200911\n"
    "/services/soap/EventNET-202611         (events by polling)\n"
    "/services/soap/JobObserver             (what an observer serves)\n"
    "/services/soap/SessionObserver\n";

void documents_page(struct http_exchange *exchange)
{
    struct http_response response = {
        .status = 200,
        .content_type = "text/plain; charset=utf-8",
        .body = text_of(page_text),
    };

    http_exchange_respond(exchange, &response);
}

/* The address echoes the request, so that a client that reached us by one name
 * goes on by that name.  HTTP/1.0 may come without a Host. */
void documents_wsdl(const struct central *central,
                    struct http_exchange *exchange, enum soap_service service)
{
    char origin[sizeof "https://" + HTTP_HOST_BYTES_MAX + 8];
    char address[ADDRESS_TEXT_BYTES];
    struct text host = exchange->head->host;
    struct text_builder body = {0};
    struct http_response response = {
        .status = 200,
        .content_type = "text/xml; charset=utf-8",
    };

    if (host.size_bytes == 0 || host.size_bytes > HTTP_HOST_BYTES_MAX + 6) {
        address_format(&central->server.address, address);
        host = text_of(address);
    }
    snprintf(origin, sizeof origin, "%s://%.*s",
             central->soap_tls != NULL ? "https" : "http", (int)host.size_bytes,
             host.data);
    soap_write_wsdl(&body, service, text_of(origin));
    http_exchange_respond_with(exchange, &response, &body);
    text_builder_free(&body);
}
