/* Where SOAP is listened for, and what a caller there has to show.
 *
 * Knows: the contract's section 7.
 * Must not know: requests.
 *
 *   loopback              clear (TLS if a certificate is given), anybody
 *   elsewhere             TLS, HTTP Basic
 *   elsewhere, insecure   as loopback, with a warning at each start
 */
#ifndef CENTRAL_SOAP_LISTENER_H
#define CENTRAL_SOAP_LISTENER_H

#include "base/check.h"

struct central;

/* Opens central->server.  Returns 0, CENTRAL_BAD_CONFIG or -errno, with the
 * reason in `error` (CENTRAL_ERROR_BYTES). */
MUST_USE int soap_listener_open(struct central *central, char *error);
/* When the server has stopped. */
void soap_listener_close(struct central *central);

#endif
