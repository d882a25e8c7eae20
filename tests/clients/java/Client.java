// JAX-WS calls every operation of every service; see ../README.md.
//
// Usage: Client BASE_URL ORDER REFUSED_ORDER
//
// One program for Metro (wsimport) and Apache CXF (wsdl2java), which generate
// the same classes from the served WSDLs.

import aspera.central._2012._10.transfer201210.FASPSoap;
import aspera.central._2012._10.transfer201210.Transfer201210;
import aspera.xml.faspsessionnet._2006._01.types.*;
import aspera.xml.faspsessionnet._2009._11.types.*;
import aspera.xml.iscptransfernet._2006._04.types.JobNotFoundFaultType;
import aspera.xml.iscptransfernet._2006._04.types.ListJobsRequest;
import aspera.xml.iscptransfernet._2006._04.types.QueryJobRequest;
import aspera.xml.jobnet._2006._01.types.*;
import com.asperasoft.xml.faspsession_net._2006._01.faspsessionnet.FASPSessionNET200601;
import com.asperasoft.xml.faspsession_net._2009._11.faspsessionnet.FASPSessionNET200911;
import com.asperasoft.xml.iscptransfer_net._2006._04.iscptransfernet.IScpTransferNET200604;
import com.asperasoft.xml.iscptransfer_net._2006._04.iscptransfernet.IScpTransferNETSoap;
import com.asperasoft.xml.job_net._2006._01.jobnet.JobNET200601;
import com.asperasoft.xml.job_net._2006._01.jobnet.JobNETSoap;
import ferry.jobobserver.JobObserverSoap;
import ferry.sessionobserver.SessionObserverSoap;
import jakarta.jws.WebService;
import jakarta.xml.ws.Endpoint;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.math.BigInteger;
import java.net.ServerSocket;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;

public class Client {
    static final String NO_ID = "00000000-0000-4000-8000-000000000000";
    static final Set<String> received = ConcurrentHashMap.newKeySet();
    static int count = 0;

    interface Call {
        void run() throws Exception;
    }

    static <T> T ask(String name, Callable<T> call) {
        count++;
        try {
            T result = call.call();
            System.out.println("ok " + count + " - " + name);
            return result;
        } catch (Exception | AssertionError error) {
            error.printStackTrace();
            System.out.println("not ok " + count + " - " + name + ": "
                + String.valueOf(error).replaceAll("\\s+", " "));
            return null;
        }
    }

    static void check(String name, Call call) {
        ask(name, () -> {
            call.run();
            return null;
        });
    }

    static void expect(boolean condition, Object what) {
        if (!condition)
            throw new AssertionError("expected " + what);
    }

    static <T> T await(String what, Callable<T> condition) throws Exception {
        long end = System.nanoTime() + 30_000_000_000L;
        while (System.nanoTime() < end) {
            T value = condition.call();
            if (value != null)
                return value;
            Thread.sleep(50);
        }
        throw new AssertionError(what + " did not happen in 30 s");
    }

    static void receives(String kind, String id) throws Exception {
        for (String topic : List.of("Start", "Stop")) {
            String line = kind + " " + topic + " " + id;
            await(line, () -> received.contains(line) ? line : null);
        }
    }

    // ---- the observers ----

    @WebService(endpointInterface = "ferry.jobobserver.JobObserverSoap", targetNamespace = "urn:ferry:JobObserver")
    public static class Jobs implements JobObserverSoap {
        public aspera.xml.iscptransfernet._2006._04.types.NotifyResponse notify(
                aspera.xml.iscptransfernet._2006._04.types.NotifyRequest notice) {
            received.add("job " + notice.getTopic() + " " + notice.getJob().getID());
            return new aspera.xml.iscptransfernet._2006._04.types.NotifyResponse();
        }

        public aspera.xml.iscptransfernet._2006._04.types.SubscriptionNotifyResponse subscriptionNotify(
                aspera.xml.iscptransfernet._2006._04.types.SubscriptionNotifyRequest notice) {
            return new aspera.xml.iscptransfernet._2006._04.types.SubscriptionNotifyResponse();
        }
    }

    @WebService(endpointInterface = "ferry.sessionobserver.SessionObserverSoap", targetNamespace = "urn:ferry:SessionObserver")
    public static class Sessions implements SessionObserverSoap {
        public NotifyResponse notify(NotifyRequest notice) {
            received.add("session " + notice.getTopic() + " " + notice.getSession().getSessionID());
            return new NotifyResponse();
        }

        public SubscriptionNotifyResponse subscriptionNotify(SubscriptionNotifyRequest notice) {
            return new SubscriptionNotifyResponse();
        }
    }

    static int freePort() throws Exception {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    // ---- requests ----

    static SubmitRequest order(String type, String definition) {
        SubmitRequest request = new SubmitRequest();
        request.setType(type);
        request.setDefinition(definition);
        return request;
    }

    static CancelRequest session(String id) {
        CancelRequest request = new CancelRequest();
        request.setSessionID(id);
        return request;
    }

    static aspera.xml.iscptransfernet._2006._04.types.CancelRequest job(String id) {
        var request = new aspera.xml.iscptransfernet._2006._04.types.CancelRequest();
        request.setJobID(id);
        return request;
    }

    static SessionFilter sessions(String jobId) {
        SessionFilter filter = new SessionFilter();
        filter.getJobId().add(jobId);
        return filter;
    }

    static FileTransferFilter files(String jobId) {
        FileTransferFilter filter = new FileTransferFilter();
        filter.getJobId().add(jobId);
        return filter;
    }

    static <T extends QueryResult> T whole(T result) {
        expect(result.getResultCount() >= 1 && !result.getIterationToken().isEmpty(), result);
        return result;
    }

    static <T> T only(List<T> list) {
        expect(list.size() == 1, "one and not " + list.size());
        return list.get(0);
    }

    interface Fault {
        void run() throws Exception;
    }

    /* Both throw the class of the WSDL's fault, with the detail element as its bean. */
    static void fault(String detail, String value, Fault call) {
        check("fault " + detail, () -> {
            try {
                call.run();
            } catch (SOAPFaultException untyped) {
                throw new AssertionError("an untyped fault: " + untyped.getMessage());
            } catch (Exception typed) {
                Object info = typed.getClass().getMethod("getFaultInfo").invoke(typed);
                expect(info.getClass().getSimpleName().equals(detail.split(" ")[0]), info.getClass());
                String text = "";
                for (var method : info.getClass().getMethods())
                    if (method.getName().startsWith("get") && method.getReturnType() == String.class)
                        text += method.invoke(info);
                expect(text.contains(value), text);
                return;
            }
            throw new AssertionError("no fault");
        });
    }

    public static void main(String[] arguments) throws Exception {
        String base = arguments[0] + "/services/soap/";
        String order = Files.readString(Path.of(arguments[1]));
        String refused = Files.readString(Path.of(arguments[2]));
        String type = "Aspera.IScpTransfer";

        FASPSoap transfer = ask("load Transfer-201210", () ->
            new Transfer201210(new URL(base + "Transfer-201210?wsdl")).getTransfer201210Port());
        JobNETSoap jobNet = ask("load JobNET-200601", () ->
            new JobNET200601(new URL(base + "JobNET-200601?wsdl")).getJobNETPort());
        IScpTransferNETSoap iscp = ask("load IScpTransferNET-200604", () ->
            new IScpTransferNET200604(new URL(base + "IScpTransferNET-200604?wsdl")).getIScpTransferNETPort());
        com.asperasoft.xml.faspsession_net._2006._01.faspsessionnet.FASPSessionNETSoap f06 =
            ask("load FASPSessionNET-200601", () -> new FASPSessionNET200601(
                new URL(base + "FASPSessionNET-200601?wsdl")).getFASPSessionNETPort());
        com.asperasoft.xml.faspsession_net._2009._11.faspsessionnet.FASPSessionNETSoap f09 =
            ask("load FASPSessionNET-200911", () -> new FASPSessionNET200911(
                new URL(base + "FASPSessionNET-200911?wsdl")).getFASPSessionNETPort());

        String observers = "http://127.0.0.1:" + freePort() + "/";
        Endpoint jobs = Endpoint.publish(observers + "job", new Jobs());
        Endpoint sessions = Endpoint.publish(observers + "session", new Sessions());
        String jobSubscription = ask("IScpTransferNET-200604 Subscribe", () -> {
            var request = new aspera.xml.iscptransfernet._2006._04.types.SubscribeRequest();
            var observer = new aspera.xml.iscptransfernet._2006._04.types.EndpointReferenceType();
            var topics = new aspera.xml.iscptransfernet._2006._04.types.TopicExpressionType();
            observer.setAddress(observers + "job");
            observer.setAction("");
            topics.getTopic().add("Start");
            request.setJobID("0");
            request.setJobObserver(observer);
            request.setTopics(topics);
            request.setDuration(600L);
            return iscp.subscribe(request).getSubscriptionResource().getID();
        });
        String sessionSubscription = ask("FASPSessionNET-200601 Subscribe", () -> {
            SubscribeRequest request = new SubscribeRequest();
            EndpointReferenceType observer = new EndpointReferenceType();
            TopicExpressionType topics = new TopicExpressionType();
            observer.setAddress(observers + "session");
            observer.setAction("");
            topics.getTopic().add("Start");
            request.setSessionID("0");
            request.setSessionObserver(observer);
            request.setTopics(topics);
            request.setDuration(600L);
            return f06.subscribe(request).getSubscriptionResource().getID();
        });
        check("IScpTransferNET-200604 UpdateSubscription", () -> {
            var request = new aspera.xml.iscptransfernet._2006._04.types.UpdateSubscriptionRequest();
            var topics = new aspera.xml.iscptransfernet._2006._04.types.TopicExpressionType();
            topics.getTopic().add("Stop");
            request.setSubscriptionID(jobSubscription);
            request.setTopics(topics);
            request.setDuration(900L);
            var resource = iscp.updateSubscription(request).getSubscriptionResource();
            expect(resource.getTopics().getTopic().equals(List.of("Start", "Stop")), "two topics");
            expect(resource.getTimeRemaining() > 600, "a longer time");
        });
        check("FASPSessionNET-200601 UpdateSubscription", () -> {
            UpdateSubscriptionRequest request = new UpdateSubscriptionRequest();
            TopicExpressionType topics = new TopicExpressionType();
            topics.getTopic().add("Stop");
            request.setSubscriptionID(sessionSubscription);
            request.setTopics(topics);
            request.setDuration(900L);
            SubscriptionResourceType resource = f06.updateSubscription(request).getSubscriptionResource();
            expect(resource.getTopics().getTopic().equals(List.of("Start", "Stop")), "two topics");
            expect(resource.getTimeRemaining() > 600, "a longer time");
        });
        check("IScpTransferNET-200604 ListSubscriptions", () -> expect(
            iscp.listSubscriptions(new aspera.xml.iscptransfernet._2006._04.types.ListSubscriptionsRequest())
                .getSubscriptionResource().stream().anyMatch(s -> s.getID().equals(jobSubscription)), "ours"));
        check("FASPSessionNET-200601 ListSubscriptions", () -> expect(
            f06.listSubscriptions(new ListSubscriptionsRequest())
                .getSubscriptionResource().stream().anyMatch(s -> s.getID().equals(sessionSubscription)), "ours"));

        check("Transfer-201210 ListTypes", () -> expect(
            transfer.listTypes(new ListTypesRequest()).getType().equals(List.of(type)), type));
        check("JobNET-200601 ListTypes", () -> expect(
            jobNet.listTypes(new ListTypesRequest()).getType().equals(List.of(type)), type));
        String job = ask("Transfer-201210 Submit", () ->
            transfer.submit(order(type, order)).getJobResult().getID());
        Callable<SessionInfo> info = () -> {
            GetSessionInfoRequest request = new GetSessionInfoRequest();
            request.setSessionFilter(sessions(job));
            return whole(transfer.getSessionInfo(request).getSessionInfoResult()).getSessionInfo().get(0);
        };
        String session = ask("the job runs", () -> await("running", () -> {
            SessionInfo now = info.call();
            return now.getStatus().equals("running") && now.getBytesWritten().signum() > 0 ? now.getUUID() : null;
        }));

        GetSessionsRequest getSessions = new GetSessionsRequest();
        getSessions.setSessionFilter(sessions(job));
        GetSessionInfoRequest getSessionInfo = new GetSessionInfoRequest();
        getSessionInfo.setSessionFilter(sessions(job));
        GetSessionStatisticsRequest getSessionStatistics = new GetSessionStatisticsRequest();
        getSessionStatistics.setSessionFilter(sessions(job));
        GetFileTransfersRequest getFileTransfers = new GetFileTransfersRequest();
        getFileTransfers.setFileTransferFilter(files(job));
        GetFileTransferInfoRequest getFileTransferInfo = new GetFileTransferInfoRequest();
        getFileTransferInfo.setFileTransferFilter(files(job));
        GetFileTransferStatisticsRequest getFileTransferStatistics = new GetFileTransferStatisticsRequest();
        getFileTransferStatistics.setFileTransferFilter(files(job));
        GetInfoRequest getInfo = new GetInfoRequest();
        getInfo.setFileTransferFilter(files(job));
        GetStatisticsRequest getStatistics = new GetStatisticsRequest();
        getStatistics.setFileTransferFilter(files(job));
        check("Transfer-201210 GetSessions", () -> expect(session.equals(only(whole(
            transfer.getSessions(getSessions).getSessionKeysResult()).getSessionKey()).getUUID()), session));
        check("Transfer-201210 GetSessionInfo", () -> expect(session.equals(only(whole(
            transfer.getSessionInfo(getSessionInfo).getSessionInfoResult()).getSessionInfo()).getUUID()), session));
        check("Transfer-201210 GetSessionStatistics", () -> expect(session.equals(only(whole(
            transfer.getSessionStatistics(getSessionStatistics).getSessionStatisticsResult())
            .getSessionStatistics()).getUUID()), session));
        check("Transfer-201210 GetFileTransfers", () -> expect(session.equals(only(whole(
            transfer.getFileTransfers(getFileTransfers).getFileTransferKeysResult())
            .getFileTransferKey()).getSessionUUID()), session));
        check("Transfer-201210 GetFileTransferInfo", () -> expect(session.equals(only(whole(
            transfer.getFileTransferInfo(getFileTransferInfo).getFileTransferInfoResult())
            .getFileTransferInfo()).getSessionUUID()), session));
        check("Transfer-201210 GetFileTransferStatistics", () -> expect(session.equals(only(whole(
            transfer.getFileTransferStatistics(getFileTransferStatistics).getFileTransferStatisticsResult())
            .getFileTransferStatistics()).getSessionUUID()), session));
        check("Transfer-201210 GetInfo", () -> expect(session.equals(only(whole(
            transfer.getInfo(getInfo).getInfoResult()).getSessionInfo()).getUUID()), session));
        check("Transfer-201210 GetStatistics", () -> expect(session.equals(only(whole(
            transfer.getStatistics(getStatistics).getStatisticsResult()).getSessionStatistics()).getUUID()), session));
        check("FASPSessionNET-200911 GetSessions", () -> expect(session.equals(only(whole(
            f09.getSessions(getSessions).getSessionKeysResult()).getSessionKey()).getUUID()), session));
        check("FASPSessionNET-200911 GetSessionInfo", () -> expect(session.equals(only(whole(
            f09.getSessionInfo(getSessionInfo).getSessionInfoResult()).getSessionInfo()).getUUID()), session));
        check("FASPSessionNET-200911 GetSessionStatistics", () -> expect(session.equals(only(whole(
            f09.getSessionStatistics(getSessionStatistics).getSessionStatisticsResult())
            .getSessionStatistics()).getUUID()), session));
        check("FASPSessionNET-200911 GetFileTransfers", () -> expect(session.equals(only(whole(
            f09.getFileTransfers(getFileTransfers).getFileTransferKeysResult())
            .getFileTransferKey()).getSessionUUID()), session));
        check("FASPSessionNET-200911 GetFileTransferInfo", () -> expect(session.equals(only(whole(
            f09.getFileTransferInfo(getFileTransferInfo).getFileTransferInfoResult())
            .getFileTransferInfo()).getSessionUUID()), session));
        check("FASPSessionNET-200911 GetFileTransferStatistics", () -> expect(session.equals(only(whole(
            f09.getFileTransferStatistics(getFileTransferStatistics).getFileTransferStatisticsResult())
            .getFileTransferStatistics()).getSessionUUID()), session));
        check("FASPSessionNET-200911 GetInfo", () -> expect(session.equals(only(whole(
            f09.getInfo(getInfo).getInfoResult()).getSessionInfo()).getUUID()), session));
        check("FASPSessionNET-200911 GetStatistics", () -> expect(session.equals(only(whole(
            f09.getStatistics(getStatistics).getStatisticsResult()).getSessionStatistics()).getUUID()), session));

        SetRateParametersRequest setRates = new SetRateParametersRequest();
        RateParametersType rates = new RateParametersType();
        rates.setPolicy("Fixed");
        rates.setTargetRate(5000);
        rates.setMinimumRate(0);
        rates.setBandwidthCap(10000000);
        setRates.setSessionID(session);
        setRates.setRateParameters(rates);
        SetTargetRateRequest setTarget = new SetTargetRateRequest();
        setTarget.setSessionID(session);
        setTarget.setTargetRate(7000);
        SetMinimumRateRequest setMinimum = new SetMinimumRateRequest();
        setMinimum.setSessionID(session);
        setMinimum.setMinimumRate(100);
        SetBandwidthCapRequest setCap = new SetBandwidthCapRequest();
        setCap.setSessionID(session);
        setCap.setBandwidthCap(9000);
        SetPolicyRequest setPolicy = new SetPolicyRequest();
        setPolicy.setSessionID(session);
        setPolicy.setPolicy("Fair");
        check("Transfer-201210 SetRateParameters", () -> {
            transfer.setRateParameters(setRates);
            expect(info.call().getTargetRate() == 5000, 5000);
        });
        check("Transfer-201210 SetTargetRate", () -> {
            transfer.setTargetRate(setTarget);
            expect(info.call().getTargetRate() == 7000, 7000);
        });
        check("Transfer-201210 SetMinimumRate", () -> {
            transfer.setMinimumRate(setMinimum);
            expect(info.call().getMinimumRate() == 100, 100);
        });
        check("Transfer-201210 SetBandwidthCap", () -> {
            transfer.setBandwidthCap(setCap);
            expect(info.call().getBandwidthCap() == 9000, 9000);
        });
        check("Transfer-201210 SetPolicy", () -> {
            transfer.setPolicy(setPolicy);
            expect(info.call().getRatePolicy().equals("fair"), "fair");
        });
        check("FASPSessionNET-200601 SetRateParameters", () -> {
            f06.setRateParameters(setRates);
            expect(info.call().getTargetRate() == 5000, 5000);
        });
        check("FASPSessionNET-200601 SetTargetRate", () -> {
            f06.setTargetRate(setTarget);
            expect(info.call().getTargetRate() == 7000, 7000);
        });
        check("FASPSessionNET-200601 SetMinimumRate", () -> {
            f06.setMinimumRate(setMinimum);
            expect(info.call().getMinimumRate() == 100, 100);
        });
        check("FASPSessionNET-200601 SetBandwidthCap", () -> {
            f06.setBandwidthCap(setCap);
            expect(info.call().getBandwidthCap() == 9000, 9000);
        });
        check("FASPSessionNET-200601 SetPolicy", () -> {
            f06.setPolicy(setPolicy);
            expect(info.call().getRatePolicy().equals("fair"), "fair");
        });

        check("Transfer-201210 ListJobs", () -> expect(
            transfer.listJobs(new ListJobsRequest()).getJobID().contains(job), job));
        check("IScpTransferNET-200604 ListJobs", () -> expect(
            iscp.listJobs(new ListJobsRequest()).getJobID().contains(job), job));
        check("IScpTransferNET-200604 QueryJob", () -> {
            QueryJobRequest request = new QueryJobRequest();
            request.setJobID(job);
            var answer = iscp.queryJob(request).getJob();
            expect(answer.getID().equals(job) && answer.getStatus().getSessionID().equals(session), job);
            expect(answer.getOrder().getRemoteLocation().getSystem().getPassword().equals("********"), "a mask");
        });
        check("FASPSessionNET-200601 ListSessions", () -> expect(
            f06.listSessions(new ListSessionsRequest()).getSessionID().contains(session), session));
        check("FASPSessionNET-200601 QuerySession", () -> {
            QuerySessionRequest request = new QuerySessionRequest();
            request.setSessionID(session);
            expect(f06.querySession(request).getSession().getSessionID().equals(session), session);
        });

        String other = ask("JobNET-200601 Submit", () ->
            jobNet.submit(order(type, order)).getJobResult().getID());
        check("Transfer-201210 CancelSession", () -> transfer.cancelSession(session(session)));
        check("Transfer-201210 CancelJob", () -> transfer.cancelJob(job(other)));
        check("FASPSessionNET-200601 Cancel", () -> {
            GetSessionsRequest request = new GetSessionsRequest();
            request.setSessionFilter(sessions(transfer.submit(order(type, order)).getJobResult().getID()));
            f06.cancel(session(f09.getSessions(request).getSessionKeysResult().getSessionKey().get(0).getUUID()));
        });
        check("IScpTransferNET-200604 Cancel", () ->
            iscp.cancel(job(transfer.submit(order(type, order)).getJobResult().getID())));

        check("observer of jobs", () -> receives("job", job));
        check("observer of sessions", () -> receives("session", session));
        var endJobs = new aspera.xml.iscptransfernet._2006._04.types.UnsubscribeRequest();
        endJobs.setSubscriptionID(jobSubscription);
        check("IScpTransferNET-200604 Unsubscribe", () -> expect(
            iscp.unsubscribe(endJobs).getSubscriptionResource().getID().equals(jobSubscription), "ours"));
        UnsubscribeRequest endSessions = new UnsubscribeRequest();
        endSessions.setSubscriptionID(sessionSubscription);
        check("FASPSessionNET-200601 Unsubscribe", () -> expect(
            f06.unsubscribe(endSessions).getSubscriptionResource().getID().equals(sessionSubscription), "ours"));
        jobs.stop();
        sessions.stop();

        fault("JobTypeNotFoundFaultType", "Carrier.Pigeon", () -> transfer.submit(order("Carrier.Pigeon", order)));
        fault("JobFormatInvalidFaultType", "Operation", () -> transfer.submit(order(type, "<Order/>")));
        fault("JobSubmissionErrorFaultType", "key", () -> transfer.submit(order(type, refused)));
        fault("JobNotFoundFaultType", NO_ID, () -> transfer.cancelJob(job(NO_ID)));
        fault("SessionNotFoundFaultType", NO_ID, () -> transfer.cancelSession(session(NO_ID)));
        endJobs.setSubscriptionID(NO_ID);
        fault("SubscriptionNotFoundFaultType of jobs", NO_ID, () -> iscp.unsubscribe(endJobs));
        endSessions.setSubscriptionID(NO_ID);
        fault("SubscriptionNotFoundFaultType of sessions", NO_ID, () -> f06.unsubscribe(endSessions));
        getSessions.getSessionFilter().setIterationToken("none");
        fault("FilterChangedErrorFaultElement", "", () -> transfer.getSessions(getSessions));
        check("fault Client", () -> {
            getSessionInfo.getSessionFilter().setMaxResults(BigInteger.ZERO);
            try {
                transfer.getSessionInfo(getSessionInfo);
            } catch (SOAPFaultException fault) {
                expect(fault.getFault().getFaultCode().endsWith("Client"), fault);
                expect(fault.getFault().getFaultString().contains("MaxResults"), fault);
                return;
            }
            throw new AssertionError("no fault");
        });
        System.out.println("1.." + count);
        System.exit(0);
    }
}
