/* What a GET is answered with: a page for people, and the descriptions.
 *
 * Knows: the services' names, the address by which the client came.
 * Must not know: calls.
 */
#ifndef CENTRAL_DOCUMENTS_H
#define CENTRAL_DOCUMENTS_H

#include "net/http_server.h"
#include "soap/operations.h"

struct central;

/* Both respond and end the exchange. */
void documents_page(struct http_exchange *exchange);
void documents_wsdl(const struct central *central,
                    struct http_exchange *exchange, enum soap_service service);

#endif
