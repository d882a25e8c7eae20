// gSOAP calls every operation of every service; see ../README.md.
//
// Usage: client BASE_URL ORDER REFUSED_ORDER
//
// The addresses are those of the WSDLs that the code was generated from.

#include <atomic>
#include <fstream>
#include <iostream>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "Transfer201210PortBinding.nsmap"
#include "soapH.h"
#include "soapJobObserverPortBindingService.h"
#include "soapSessionObserverPortBindingService.h"

using std::string;

static const string NO_ID = "00000000-0000-4000-8000-000000000000";
static const string TYPE = "Aspera.IScpTransfer";
static int count;
static std::mutex received_lock;
static std::set<string> received;
static std::atomic<bool> stopping;

static void expect(bool condition, const string &what)
{
    if (!condition)
        throw std::runtime_error("expected " + what);
}

template <typename Call> static void check(const string &name, Call call)
{
    count++;
    try {
        call();
    } catch (const std::exception &error) {
        std::cout << "not ok " << count << " - " << name << ": " << error.what() << std::endl;
        return;
    }
    std::cout << "ok " << count << " - " << name << std::endl;
}

template <typename Condition> static void wait(const string &what, Condition condition)
{
    for (int i = 0; i < 600; i++) {
        if (condition())
            return;
        usleep(50000);
    }
    throw std::runtime_error(what + " did not happen in 30 s");
}

static string read_file(const char *path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// ---- the observers ----

static void hear(const string &line)
{
    std::lock_guard<std::mutex> guard(received_lock);
    received.insert(line);
}

static bool heard(const string &kind, const string &id)
{
    std::lock_guard<std::mutex> guard(received_lock);
    return received.count(kind + " Start " + id) && received.count(kind + " Stop " + id);
}

class Jobs : public JobObserverPortBindingService {
  public:
    int Notify(_isc__NotifyRequest *notice, _isc__NotifyResponse &) override
    {
        hear("job " + notice->Topic + " " + notice->Job->ID);
        return SOAP_OK;
    }
    int SubscriptionNotify(_isc__SubscriptionNotifyRequest *, _isc__SubscriptionNotifyResponse &) override
    {
        return SOAP_OK;
    }
    JobObserverPortBindingService *copy() override { return new Jobs(*this); }
};

class Sessions : public SessionObserverPortBindingService {
  public:
    int Notify(_f06__NotifyRequest *notice, _f06__NotifyResponse &) override
    {
        hear("session " + notice->Topic + " " + notice->Session->SessionID);
        return SOAP_OK;
    }
    int SubscriptionNotify(_f06__SubscriptionNotifyRequest *, _f06__SubscriptionNotifyResponse &) override
    {
        return SOAP_OK;
    }
    SessionObserverPortBindingService *copy() override { return new Sessions(*this); }
};

/* Serves until `stopping`; returns the address. */
template <typename Service> static string serve(Service &service, std::thread &thread)
{
    // No keep-alive: one thread serves one connection after another.
    service.soap->accept_timeout = -100000; /* microseconds */
    service.soap->recv_timeout = 10;
    service.soap->send_timeout = 10;
    if (!soap_valid_socket(service.bind("127.0.0.1", 0, 16)))
        throw std::runtime_error("cannot bind");
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(service.soap->master, reinterpret_cast<struct sockaddr *>(&address), &size);
    thread = std::thread([&service] {
        while (!stopping) {
            if (soap_valid_socket(service.accept()))
                service.serve();
            service.destroy();
        }
    });
    return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
}

// ---- the calls ----

static struct soap *ctx;

static string fault_text()
{
    const char **text = soap_faultstring(ctx);
    return text && *text ? *text : "error " + std::to_string(ctx->error);
}

/* Calls and throws what the fault says. */
#define CALL(function, request, response)                                        \
    do {                                                                         \
        if (soap_call___##function(ctx, nullptr, nullptr, &(request), response)) \
            throw std::runtime_error(fault_text());                              \
    } while (0)

/* Calls, and expects this element in the detail, holding this text. */
#define FAULT(name, function, request, response, member, value)                       \
    check("fault " name, [&] {                                                        \
        int error = soap_call___##function(ctx, nullptr, nullptr, &(request), response); \
        expect(error == SOAP_FAULT, "a fault");                                       \
        expect(ctx->fault->detail != nullptr, "a detail");                            \
        auto *found = ctx->fault->detail->member;                                     \
        expect(found != nullptr, "the detail " #member);                              \
        expect(value, "another value: " + fault_text());                              \
    })

static bool has(const std::vector<string> &list, const string &value)
{
    for (const string &one : list)
        if (one == value)
            return true;
    return false;
}

static string submit(const string &order)
{
    _job__SubmitRequest request;
    _job__SubmitResponse response;
    request.Type = TYPE;
    request.Definition = order;
    CALL(transfer__Submit, request, response);
    return response.JobResult->job__ID;
}

static f09__SessionInfo info(const string &job)
{
    f09__SessionFilter filter;
    filter.JobId.push_back(job);
    _f09__GetSessionInfoRequest request;
    _f09__GetSessionInfoResponse response;
    request.SessionFilter = &filter;
    CALL(transfer__GetSessionInfo, request, response);
    expect(response.SessionInfoResult->SessionInfo.size() == 1, "one session");
    return *response.SessionInfoResult->SessionInfo[0];
}

#define QUERY(service_name, prefix, operation, filter_member, filter, result, rows, id) \
    check(service_name " " #operation, [&] {                                           \
        _f09__##operation##Request request;                                            \
        _f09__##operation##Response response;                                          \
        request.filter_member = &(filter);                                             \
        CALL(prefix##__##operation, request, response);                                \
        expect(response.result->rows.size() == 1, "one row");                          \
        expect(response.result->rows[0]->id == session, "our session");                \
        expect(!response.result->IterationToken.empty(), "a token");                   \
    })

#define QUERIES(service_name, prefix)                                                                       \
    QUERY(service_name, prefix, GetSessions, SessionFilter, sessions, SessionKeysResult, SessionKey, UUID);  \
    QUERY(service_name, prefix, GetSessionInfo, SessionFilter, sessions, SessionInfoResult, SessionInfo,    \
          UUID);                                                                                            \
    QUERY(service_name, prefix, GetSessionStatistics, SessionFilter, sessions, SessionStatisticsResult,     \
          SessionStatistics, UUID);                                                                         \
    QUERY(service_name, prefix, GetFileTransfers, FileTransferFilter, files, FileTransferKeysResult,        \
          FileTransferKey, SessionUUID);                                                                    \
    QUERY(service_name, prefix, GetFileTransferInfo, FileTransferFilter, files, FileTransferInfoResult,     \
          FileTransferInfo, SessionUUID);                                                                   \
    QUERY(service_name, prefix, GetFileTransferStatistics, FileTransferFilter, files,                       \
          FileTransferStatisticsResult, FileTransferStatistics, SessionUUID);                               \
    QUERY(service_name, prefix, GetInfo, FileTransferFilter, files, InfoResult, SessionInfo, UUID);         \
    QUERY(service_name, prefix, GetStatistics, FileTransferFilter, files, StatisticsResult,                 \
          SessionStatistics, UUID)

#define SET(service_name, prefix, operation, member, value, shown, expected) \
    check(service_name " " #operation, [&] {                                \
        _f06__##operation##Request request;                                 \
        _f06__##operation##Response response;                               \
        request.SessionID = session;                                        \
        request.member = value;                                             \
        CALL(prefix##__##operation, request, response);                     \
        expect(info(job).shown == expected, #shown);                        \
    })

#define SETS(service_name, prefix)                                                               \
    SET(service_name, prefix, SetRateParameters, RateParameters, &rates, TargetRate, 5000);      \
    SET(service_name, prefix, SetTargetRate, TargetRate, 7000, TargetRate, 7000);                \
    SET(service_name, prefix, SetMinimumRate, MinimumRate, 100, MinimumRate, 100);               \
    SET(service_name, prefix, SetBandwidthCap, BandwidthCap, 9000, BandwidthCap, 9000);          \
    SET(service_name, prefix, SetPolicy, Policy, "Fair", RatePolicy, "fair")

#define LIST(name, function, request_type, response_type, member, value) \
    check(name, [&] {                                                    \
        request_type request;                                            \
        response_type response;                                          \
        CALL(function, request, response);                               \
        expect(has(response.member, value), value);                      \
    })

#define CANCEL(name, function, prefix, member, value) \
    check(name, [&] {                                 \
        prefix##CancelRequest request;                \
        prefix##CancelResponse response;              \
        request.member = value;                       \
        CALL(function, request, response);            \
    })

/* The two kinds of subscriptions are alike but for namespace and names. */
#define SUBSCRIBE(name, function, ns, id_member, observer_member, url, subscription) \
    check(name " Subscribe", [&] {                                                   \
        _##ns##__SubscribeRequest request;                                           \
        _##ns##__SubscribeResponse response;                                         \
        ns##__EndpointReferenceType observer;                                        \
        ns##__TopicExpressionType topics;                                            \
        observer.Address = url;                                                      \
        topics.Topic.push_back("Start");                                             \
        request.id_member = "0";                                                     \
        request.observer_member = &observer;                                         \
        request.Topics = &topics;                                                    \
        CALL(function##__Subscribe, request, response);                              \
        subscription = response.SubscriptionResource->ID;                            \
    });                                                                              \
    check(name " UpdateSubscription", [&] {                                          \
        _##ns##__UpdateSubscriptionRequest request;                                  \
        _##ns##__UpdateSubscriptionResponse response;                                \
        ns##__TopicExpressionType topics;                                            \
        unsigned int duration = 900;                                                 \
        topics.Topic.push_back("Stop");                                              \
        request.SubscriptionID = subscription;                                       \
        request.Topics = &topics;                                                    \
        request.Duration = &duration;                                                \
        CALL(function##__UpdateSubscription, request, response);                     \
        expect(response.SubscriptionResource->Topics->Topic.size() == 2, "topics");  \
        expect(response.SubscriptionResource->TimeRemaining <= 900, "less time");    \
    });                                                                              \
    check(name " ListSubscriptions", [&] {                                           \
        _##ns##__ListSubscriptionsRequest request;                                   \
        _##ns##__ListSubscriptionsResponse response;                                 \
        bool found = false;                                                          \
        CALL(function##__ListSubscriptions, request, response);                      \
        for (auto *one : response.SubscriptionResource)                              \
            found = found || one->ID == subscription;                                \
        expect(found, "our subscription");                                           \
    })

#define UNSUBSCRIBE(name, function, ns, subscription)                        \
    check(name " Unsubscribe", [&] {                                         \
        _##ns##__UnsubscribeRequest request;                                 \
        _##ns##__UnsubscribeResponse response;                               \
        request.SubscriptionID = subscription;                               \
        CALL(function##__Unsubscribe, request, response);                    \
        expect(response.SubscriptionResource->ID == subscription, "our id"); \
    })

static void calls(const string &order, const string &refused, const string &jobs_url,
                  const string &sessions_url)
{
    string job_subscription, session_subscription, job, session, other, third, fourth;

    SUBSCRIBE("IScpTransferNET-200604", iscp, isc, JobID, JobObserver, jobs_url, job_subscription);
    SUBSCRIBE("FASPSessionNET-200601", sessions, f06, SessionID, SessionObserver, sessions_url,
              session_subscription);

    LIST("Transfer-201210 ListTypes", transfer__ListTypes, _job__ListTypesRequest, _job__ListTypesResponse,
         Type, TYPE);
    LIST("JobNET-200601 ListTypes", jobnet__ListTypes, _job__ListTypesRequest, _job__ListTypesResponse, Type,
         TYPE);
    check("Transfer-201210 Submit", [&] { job = submit(order); });
    check("the job runs", [&] {
        wait("running", [&] {
            f09__SessionInfo now = info(job);
            session = now.UUID;
            return now.Status == "running" && now.BytesWritten > 0;
        });
    });

    f09__SessionFilter sessions;
    f09__FileTransferFilter files;
    sessions.JobId.push_back(job);
    files.JobId.push_back(job);
    QUERIES("Transfer-201210", transfer);
    QUERIES("FASPSessionNET-200911", query);

    f06__RateParametersType rates;
    rates.Policy = "Fixed";
    rates.TargetRate = 5000;
    rates.BandwidthCap = 10000000;
    SETS("Transfer-201210", transfer);
    SETS("FASPSessionNET-200601", sessions);

    LIST("Transfer-201210 ListJobs", transfer__ListJobs, _isc__ListJobsRequest, _isc__ListJobsResponse, JobID,
         job);
    LIST("IScpTransferNET-200604 ListJobs", iscp__ListJobs, _isc__ListJobsRequest, _isc__ListJobsResponse,
         JobID, job);
    check("IScpTransferNET-200604 QueryJob", [&] {
        _isc__QueryJobRequest request;
        _isc__QueryJobResponse response;
        request.JobID = job;
        CALL(iscp__QueryJob, request, response);
        expect(response.Job->ID == job && response.Job->Status->SessionID == session, "our job");
        expect(response.Job->Order->RemoteLocation->System->Password == "********", "a masked password");
    });
    LIST("FASPSessionNET-200601 ListSessions", sessions__ListSessions, _f06__ListSessionsRequest,
         _f06__ListSessionsResponse, SessionID, session);
    check("FASPSessionNET-200601 QuerySession", [&] {
        _f06__QuerySessionRequest request;
        _f06__QuerySessionResponse response;
        request.SessionID = session;
        CALL(sessions__QuerySession, request, response);
        expect(response.Session->SessionID == session, "our session");
    });

    check("JobNET-200601 Submit", [&] {
        _job__SubmitRequest request;
        _job__SubmitResponse response;
        request.Type = TYPE;
        request.Definition = order;
        CALL(jobnet__Submit, request, response);
        other = response.JobResult->job__ID;
    });
    CANCEL("Transfer-201210 CancelSession", transfer__CancelSession, _f06__, SessionID, session);
    CANCEL("Transfer-201210 CancelJob", transfer__CancelJob, _isc__, JobID, other);
    check("a third job", [&] { third = info(submit(order)).UUID; });
    CANCEL("FASPSessionNET-200601 Cancel", sessions__Cancel, _f06__, SessionID, third);
    check("a fourth job", [&] { fourth = submit(order); });
    CANCEL("IScpTransferNET-200604 Cancel", iscp__Cancel, _isc__, JobID, fourth);

    check("observer of jobs", [&] { wait("Start and Stop", [&] { return heard("job", job); }); });
    check("observer of sessions", [&] { wait("Start and Stop", [&] { return heard("session", session); }); });
    UNSUBSCRIBE("IScpTransferNET-200604", iscp, isc, job_subscription);
    UNSUBSCRIBE("FASPSessionNET-200601", sessions, f06, session_subscription);

    _job__SubmitRequest bad;
    _job__SubmitResponse none;
    bad.Type = "Carrier.Pigeon";
    bad.Definition = order;
    FAULT("JobTypeNotFoundFaultType", transfer__Submit, bad, none, job__JobTypeNotFoundFaultType,
          found->job__Type == "Carrier.Pigeon");
    bad.Type = TYPE;
    bad.Definition = "<Order/>";
    FAULT("JobFormatInvalidFaultType", transfer__Submit, bad, none, job__JobFormatInvalidFaultType,
          found->job__Detail.find("Operation") != string::npos);
    bad.Definition = refused;
    FAULT("JobSubmissionErrorFaultType", transfer__Submit, bad, none, job__JobSubmissionErrorFaultType,
          found->job__Detail.find("key") != string::npos);
    _isc__CancelRequest no_job;
    _isc__CancelResponse no_job_answer;
    no_job.JobID = NO_ID;
    FAULT("JobNotFoundFaultType", transfer__CancelJob, no_job, no_job_answer, isc__JobNotFoundFaultType,
          found->JobID == NO_ID);
    _f06__CancelRequest no_session;
    _f06__CancelResponse no_session_answer;
    no_session.SessionID = NO_ID;
    FAULT("SessionNotFoundFaultType", transfer__CancelSession, no_session, no_session_answer,
          f06__SessionNotFoundFaultType, found->SessionID == NO_ID);
    _isc__UnsubscribeRequest no_jobs;
    _isc__UnsubscribeResponse no_jobs_answer;
    no_jobs.SubscriptionID = NO_ID;
    FAULT("SubscriptionNotFoundFaultType of jobs", iscp__Unsubscribe, no_jobs, no_jobs_answer,
          isc__SubscriptionNotFoundFaultType, found->SubscriptionID == NO_ID);
    _f06__UnsubscribeRequest no_sessions;
    _f06__UnsubscribeResponse no_sessions_answer;
    no_sessions.SubscriptionID = NO_ID;
    FAULT("SubscriptionNotFoundFaultType of sessions", sessions__Unsubscribe, no_sessions, no_sessions_answer,
          f06__SubscriptionNotFoundFaultType, found->SubscriptionID == NO_ID);
    _f09__GetSessionsRequest changed;
    _f09__GetSessionsResponse changed_answer;
    string token = "none";
    sessions.IterationToken = &token;
    changed.SessionFilter = &sessions;
    FAULT("FilterChangedErrorFaultElement", transfer__GetSessions, changed, changed_answer,
          f09__FilterChangedErrorFaultElement, found != nullptr);
    check("fault Client", [&] {
        _f09__GetSessionInfoRequest request;
        _f09__GetSessionInfoResponse response;
        string zero = "0";
        sessions.MaxResults = &zero;
        request.SessionFilter = &sessions;
        expect(soap_call___transfer__GetSessionInfo(ctx, nullptr, nullptr, &request, response) == SOAP_FAULT,
               "a fault");
        expect(fault_text().find("MaxResults") != string::npos, fault_text());
    });
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    Jobs jobs;
    Sessions sessions;
    std::thread job_thread, session_thread;
    string jobs_url = serve(jobs, job_thread);
    string sessions_url = serve(sessions, session_thread);

    ctx = soap_new1(SOAP_IO_KEEPALIVE);
    calls(read_file(argv[2]), read_file(argv[3]), jobs_url, sessions_url);
    stopping = true;
    job_thread.join();
    session_thread.join();
    std::cout << "1.." << count << std::endl;
    return 0;
}
