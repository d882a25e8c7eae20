/* The service descriptions, one self-contained document each.
 *
 * Knows: the files of schemas/, the paths of the services.
 * Must not know: HTTP.
 *
 * The files of schemas/ name each other; here the schemas are put inside, so
 * that a client has nothing to follow.
 *
 * Source: the contract, section 1 ("paths", "WSDL", "soap:address").
 */
#ifndef SOAP_WSDL_H
#define SOAP_WSDL_H

#include <stdbool.h>

#include "base/text.h"
#include "soap/operations.h"

/* The service at the path of a request, without its query:
 * /services/soap/<Service>-<version>, or one of the old WSDL addresses below
 * /console/, for which `*is_wsdl_address` is set: they need no ?wsdl. */
bool soap_service_of_path(struct text path, enum soap_service *service,
                          bool *is_wsdl_address);

/* "/services/soap/JobNET-200601" */
const char *soap_service_path(enum soap_service service);

/* True for "wsdl", in any letter case: what follows the question mark. */
bool soap_is_wsdl_query(struct text query);

/* Appends the WSDL of `service`.  `origin` is "http://host:port", checked by
 * the caller; the service's path is added to it.  An observer's WSDL keeps its
 * placeholder address.  Memory shows in `out->failed`. */
void soap_write_wsdl(struct text_builder *out, enum soap_service service,
                     struct text origin);

#endif
