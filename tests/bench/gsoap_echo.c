/* What a SOAP server costs that does nothing: gSOAP reads the same requests as
 * ferry, gives the JobId back in a small answer, and knows no session.  A
 * thread each connection, as gSOAP's manual shows it.
 *
 *   gsoap_echo          prints the port that it took
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "echo.nsmap"
#include "soapH.h"

#define BACKLOG 1000
#define STACK_BYTES (256 << 10)

int f09__GetSessionInfoRequest(struct soap *soap, struct SessionFilter *filter,
                               struct f09__GetSessionInfoResponse *response)
{
    struct SessionInfoResult *result = soap_malloc(soap, sizeof *result);
    struct SessionInfo *info = soap_malloc(soap, sizeof *info);

    if (result == NULL || info == NULL || filter == NULL)
        return soap_sender_fault(soap, "no filter", NULL);
    soap_default_SessionInfoResult(soap, result);
    soap_default_SessionInfo(soap, info);
    info->UUID = filter->JobId;
    info->JobId = filter->JobId;
    info->Status = "completed";
    result->IterationToken = "none";
    result->ResultCount = 1;
    result->SessionInfo = info;
    response->SessionInfoResult = result;
    return SOAP_OK;
}

static void *serve(void *user)
{
    struct soap *soap = user;

    soap_serve(soap);
    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return NULL;
}

int main(void)
{
    struct soap *soap = soap_new1(SOAP_IO_KEEPALIVE);
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    pthread_attr_t attributes;
    pthread_t thread;

    soap->max_keep_alive = 0; /* no limit */
    soap->bind_flags = SO_REUSEADDR;
    if (!soap_valid_socket(soap_bind(soap, "127.0.0.1", 0, BACKLOG))) {
        soap_print_fault(soap, stderr);
        return 1;
    }
    getsockname(soap->master, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (soap_valid_socket(soap_accept(soap))) {
        struct soap *copy = soap_copy(soap);
        if (copy == NULL || pthread_create(&thread, &attributes, serve, copy)) {
            fprintf(stderr, "no more threads\n");
            return 1;
        }
    }
    return 0;
}
