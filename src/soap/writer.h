/* Writes envelopes: requests, responses, notifications, faults.
 *
 * Knows: the tables of types.h, the two envelopes.
 * Must not know: HTTP, what the values mean.
 *
 * The layout is what clients that read by position rely on: an XML
 * declaration, an Envelope that declares soapenv and ns1 and nothing else, no
 * Header, a Body without attributes, one element ns1:...  A mandatory child
 * without a value is written empty, 0 or false; an optional one not at all.
 *
 * Characters that XML 1.0 cannot hold and bytes that are not UTF-8 are written
 * as %HH (contract, section 5), so that any file name can be shown.
 *
 * All functions append to `out`; memory shows in `out->failed`.
 *
 * Source: the contract, section 1 ("strictness when writing") and section 3.
 */
#ifndef SOAP_WRITER_H
#define SOAP_WRITER_H

#include "soap/fault.h"
#include "soap/types.h"

/* Writes the envelope with the element `type`, filled from `value`, which
 * points to the struct of that type (NULL where it has no children):
 *
 *     struct isc_cancel_request request = {.job_id = text_of("7f3a...")};
 *     soap_write(&body, SOAP_1_1, &soap_type_isc_cancel_request, &request);
 */
void soap_write(struct text_builder *out, enum soap_version version,
                const struct soap_type *type, const void *value);

void soap_write_fault(struct text_builder *out, enum soap_version version,
                      const struct soap_fault *fault);

/* Writes `text` so that it can stand between two tags or in an attribute. */
void soap_write_escaped(struct text_builder *out, struct text text);

#endif
