/* What went wrong, as SOAP says it: a code, a text, and for some a typed
 * detail.
 *
 * Knows: the fault elements of the schemas.
 * Must not know: XML syntax.
 *
 * A text may hold what a peer sent: the writer escapes it.  It never holds a
 * path of this machine, an address in memory, or a version.
 *
 * Source: SOAP 1.1, section 4.4; SOAP 1.2 part 1, section 5.4; the contract,
 * sections 1 and 2.
 */
#ifndef SOAP_FAULT_H
#define SOAP_FAULT_H

#include "base/text.h"

struct arena;
struct soap_type;

/* The envelope's namespace decides (contract, section 1). */
enum soap_version {
    SOAP_1_1,
    SOAP_1_2,
};

enum soap_fault_code {
    SOAP_FAULT_CLIENT, /* Sender in 1.2 */
    SOAP_FAULT_SERVER, /* Receiver in 1.2 */
    SOAP_FAULT_VERSION_MISMATCH,
    SOAP_FAULT_MUST_UNDERSTAND,
};

enum soap_detail {
    SOAP_DETAIL_NONE,
    SOAP_DETAIL_JOB_TYPE_NOT_FOUND,         /* value: the type */
    SOAP_DETAIL_JOB_FORMAT_INVALID,         /* value: what is wrong, where */
    SOAP_DETAIL_JOB_SUBMISSION_ERROR,       /* value: why */
    SOAP_DETAIL_JOB_NOT_FOUND,              /* value: the job's id */
    SOAP_DETAIL_JOB_SUBSCRIPTION_NOT_FOUND, /* value: the subscription's id */
    SOAP_DETAIL_SESSION_NOT_FOUND,          /* value: the session's id */
    SOAP_DETAIL_SESSION_SUBSCRIPTION_NOT_FOUND, /* value: the subscription's */
    SOAP_DETAIL_FILTER_CHANGED,                 /* no value */
    SOAP_DETAIL_EVENT_SUBSCRIPTION_NOT_FOUND, /* value: the subscription's */
    SOAP_DETAIL_COUNT,
};

struct soap_fault {
    enum soap_fault_code code;
    enum soap_detail detail;
    struct text text;  /* borrowed */
    struct text value; /* of the detail's one child; borrowed */
};

/* A fault without detail; `format` as printf's, into `arena`. */
struct soap_fault soap_fault_make(struct arena *arena,
                                  enum soap_fault_code code, const char *format,
                                  ...) __attribute__((format(printf, 3, 4)));

/* The typed fault `detail` with its usual code and text.  `value` is
 * borrowed. */
struct soap_fault soap_fault_typed(enum soap_detail detail, struct text value);

/* The detail's element; NULL for SOAP_DETAIL_NONE. */
const struct soap_type *soap_detail_type(enum soap_detail detail);

/* 500, but 400 for a Sender fault in SOAP 1.2. */
int soap_fault_http_status(enum soap_version version,
                           enum soap_fault_code code);

/* "http://schemas.xmlsoap.org/soap/envelope/" or that of 1.2. */
const char *soap_version_uri(enum soap_version version);

/* "text/xml; charset=utf-8" or "application/soap+xml; charset=utf-8". */
const char *soap_version_media_type(enum soap_version version);

#endif
