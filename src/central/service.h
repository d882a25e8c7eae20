/* The SOAP services over HTTP: which path gives what, and from the bytes of a
 * request to those of its answer.
 *
 * Knows: http_server's exchanges, soap/'s reader and writer.
 * Must not know: what an operation does (api.h).
 *
 *     /                                   GET: a page for people
 *     /services/soap/<Service>            POST: any operation of any service;
 *                                         GET with ?wsdl: the description
 *     /console/services/soap/<old name>   GET: the description
 *
 * The life of a call, which outlives its exchange if the client leaves:
 *
 *     READING --> HANDLING --> given back
 *        |
 *        '--> given back (refused, or the client has left)
 *
 * What HTTP status it becomes:
 *     answer 200; Fault 500 (a Sender's in SOAP 1.2: 400); unknown path 404;
 *     method 405 with Allow; media type 415; no login where one is needed 401;
 *     all with a Fault as their body
 */
#ifndef CENTRAL_SERVICE_H
#define CENTRAL_SERVICE_H

#include <stdint.h>

#include "net/http_server.h"

struct central;
struct service_call;

struct service {
    struct central *central;
    struct service_call *kept; /* for the next requests */
    uint32_t kept_count;
    uint32_t call_count; /* not given back yet */
};

extern const struct http_server_handler service_handler;

void service_init(struct service *service, struct central *central);
/* No call is left. */
void service_free(struct service *service);

#endif
