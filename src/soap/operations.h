/* Every operation of the services, with the messages it is made of.
 *
 * Knows: operations.def.
 * Must not know: what an operation does, or which ones are served.
 *
 * Source: the contract, section 2; schemas/ *.wsdl.
 */
#ifndef SOAP_OPERATIONS_H
#define SOAP_OPERATIONS_H

#include "soap/fault.h"
#include "soap/types.h"

enum soap_service {
    SOAP_SERVICE_JOB_NET,               /* JobNET-200601 */
    SOAP_SERVICE_ISCP_TRANSFER_NET,     /* IScpTransferNET-200604 */
    SOAP_SERVICE_FASP_SESSION_NET_2006, /* FASPSessionNET-200601 */
    SOAP_SERVICE_FASP_SESSION_NET_2009, /* FASPSessionNET-200911 */
    SOAP_SERVICE_TRANSFER,              /* Transfer-201210: the aggregate */
    SOAP_SERVICE_EVENT_NET,             /* EventNET-202611 */
    SOAP_SERVICE_JOB_OBSERVER,
    SOAP_SERVICE_SESSION_OBSERVER,
    SOAP_SERVICE_COUNT,
};

/* SOAP_OP_SUBMIT and so on. */
enum soap_operation {
#define OPERATION(id, name, service, request, response, details) SOAP_OP_##id,
#include "soap/operations.def"
#undef OPERATION
    SOAP_OP_COUNT,
};

struct soap_operation_row {
    const char *name;   /* "Submit" */
    const char *action; /* SOAPAction "JobNET-200601#Submit"; "" at observers */
    const struct soap_type *request;
    const struct soap_type *response;
    enum soap_service service;
    uint32_t details; /* bit set of 1 << enum soap_detail */
};

extern const struct soap_operation_row soap_operations[SOAP_OP_COUNT];

/* "JobNET-200601": the last part of the service's path. */
const char *soap_service_name(enum soap_service service);

/* The operation whose request element is `type`; SOAP_OP_COUNT if none. */
enum soap_operation soap_operation_of_request(const struct soap_type *type);

#endif
