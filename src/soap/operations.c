#include "soap/operations.h"

static const char *const service_names[SOAP_SERVICE_COUNT] = {
    [SOAP_SERVICE_JOB_NET] = "JobNET-200601",
    [SOAP_SERVICE_ISCP_TRANSFER_NET] = "IScpTransferNET-200604",
    [SOAP_SERVICE_FASP_SESSION_NET_2006] = "FASPSessionNET-200601",
    [SOAP_SERVICE_FASP_SESSION_NET_2009] = "FASPSessionNET-200911",
    [SOAP_SERVICE_TRANSFER] = "Transfer-201210",
    [SOAP_SERVICE_EVENT_NET] = "EventNET-202611",
    [SOAP_SERVICE_JOB_OBSERVER] = "JobObserver",
    [SOAP_SERVICE_SESSION_OBSERVER] = "SessionObserver",
};

/* What stands before the operation's name; an observer names its own action
 * when it subscribes. */
#define ACTION_JOB_NET(name) "JobNET-200601#" name
#define ACTION_ISCP_TRANSFER_NET(name) "IScpTransferNET-200604#" name
#define ACTION_FASP_SESSION_NET_2006(name) "FASPSessionNET-200601#" name
#define ACTION_FASP_SESSION_NET_2009(name) "FASPSessionNET-200911#" name
#define ACTION_EVENT_NET(name) "EventNET-202611#" name
#define ACTION_JOB_OBSERVER(name) ""
#define ACTION_SESSION_OBSERVER(name) ""

#define DETAIL(name) (UINT32_C(1) << SOAP_DETAIL_##name)

const struct soap_operation_row soap_operations[SOAP_OP_COUNT] = {
#define OPERATION(id, name_, service_, request_, response_, details_) \
    [SOAP_OP_##id] = {                                                \
        .name = name_,                                                \
        .action = ACTION_##service_(name_),                           \
        .request = &soap_type_##request_,                             \
        .response = &soap_type_##response_,                           \
        .service = SOAP_SERVICE_##service_,                           \
        .details = details_,                                          \
    },
#include "soap/operations.def"
#undef OPERATION
};

const char *soap_service_name(enum soap_service service)
{
    return service_names[service];
}

enum soap_operation soap_operation_of_request(const struct soap_type *type)
{
    for (uint32_t i = 0; i < SOAP_OP_COUNT; i++) {
        if (soap_operations[i].request == type)
            return (enum soap_operation)i;
    }
    return SOAP_OP_COUNT;
}
