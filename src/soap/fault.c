#include "soap/fault.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/check.h"
#include "soap/types.h"

struct detail_row {
    const struct soap_type *type;
    const char *text;
    enum soap_fault_code code;
};

static const struct detail_row details[SOAP_DETAIL_COUNT] = {
    [SOAP_DETAIL_JOB_TYPE_NOT_FOUND] = {&soap_type_job_type_not_found,
                                        "There is no such type of job",
                                        SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_JOB_FORMAT_INVALID] = {&soap_type_job_format_invalid,
                                        "The definition is not a valid order",
                                        SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_JOB_SUBMISSION_ERROR] = {&soap_type_job_submission_error,
                                          "The job cannot be started",
                                          SOAP_FAULT_SERVER},
    [SOAP_DETAIL_JOB_NOT_FOUND] = {&soap_type_isc_job_not_found,
                                   "There is no such job", SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_JOB_SUBSCRIPTION_NOT_FOUND] =
        {&soap_type_isc_subscription_not_found, "There is no such subscription",
         SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_SESSION_NOT_FOUND] = {&soap_type_f06_session_not_found,
                                       "There is no such session",
                                       SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_SESSION_SUBSCRIPTION_NOT_FOUND] =
        {&soap_type_f06_subscription_not_found, "There is no such subscription",
         SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_FILTER_CHANGED] =
        {&soap_type_f09_filter_changed_error,
         "The iteration token belongs to another filter", SOAP_FAULT_CLIENT},
    [SOAP_DETAIL_EVENT_SUBSCRIPTION_NOT_FOUND] =
        {&soap_type_evt_subscription_not_found, "There is no such subscription",
         SOAP_FAULT_CLIENT},
};

struct soap_fault soap_fault_make(struct arena *arena,
                                  enum soap_fault_code code, const char *format,
                                  ...)
{
    struct soap_fault fault = {.code = code};
    char text[512]; /* a path of names and a shortened value */
    va_list args;

    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0);

    size_t used = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    fault.text = text_copy(arena, text_from(text, used));
    if (text_is_absent(fault.text)) /* a fault must fit in any case */
        fault.text = text_of("The request is too large");
    return fault;
}

struct soap_fault soap_fault_typed(enum soap_detail detail, struct text value)
{
    CHECK(detail > SOAP_DETAIL_NONE && detail < SOAP_DETAIL_COUNT);
    return (struct soap_fault){
        .code = details[detail].code,
        .detail = detail,
        .text = text_of(details[detail].text),
        .value = value,
    };
}

const struct soap_type *soap_detail_type(enum soap_detail detail)
{
    CHECK(detail < SOAP_DETAIL_COUNT);
    return details[detail].type;
}

int soap_fault_http_status(enum soap_version version, enum soap_fault_code code)
{
    return version == SOAP_1_2 && code == SOAP_FAULT_CLIENT ? 400 : 500;
}

const char *soap_version_uri(enum soap_version version)
{
    return version == SOAP_1_1 ? "http://schemas.xmlsoap.org/soap/envelope/"
                               : "http://www.w3.org/2003/05/soap-envelope";
}

const char *soap_version_media_type(enum soap_version version)
{
    return version == SOAP_1_1 ? "text/xml; charset=utf-8"
                               : "application/soap+xml; charset=utf-8";
}
