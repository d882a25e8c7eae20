"""zeep calls every operation of every service; see ../README.md.

Usage: client.py BASE_URL ORDER REFUSED_ORDER [spyne]

zeep cannot serve, so the observer is Python's own http.server, or spyne when
that is asked for.
"""

import pathlib
import sys
import threading
import time
import traceback

import zeep
from lxml import etree

base, order_file, refused_file, *options = sys.argv[1:]
order = pathlib.Path(order_file).read_text()
refused = pathlib.Path(refused_file).read_text()
count = 0


def check(name, call):
    """Prints a line for `name`, and returns what call() returned."""
    global count
    count += 1
    try:
        result = call()
    except Exception as error:
        traceback.print_exc()
        print(f"not ok {count} - {name}: {error!r}".replace("\n", " "))
        return None
    print(f"ok {count} - {name}", flush=True)
    return result


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def service(name):
    return zeep.Client(f"{base}/services/soap/{name}?wsdl").service


def wait(what, condition):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in 30 s")


# ---- the observer ----

received = []  # (kind, topic, id)


def serve_plain():
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            root = etree.fromstring(self.rfile.read(size))
            first = lambda name: next(
                (e.text for e in root.iter() if etree.QName(e).localname == name),
                None)
            body = root.find("{*}Body")[0]
            if etree.QName(body).localname == "NotifyRequest":
                if "IScpTransferNET" in body.tag:
                    received.append(("job", first("Topic"), first("ID")))
                else:
                    received.append(
                        ("session", first("Topic"), first("SessionID")))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def serve_spyne():
    """A spyne service has one namespace; the two observers are two paths."""
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from spyne import (AnyXml, Application, ServiceBase, Unicode, UnsignedLong,
                       rpc)
    from spyne.protocol.soap import Soap11
    from spyne.server.wsgi import WsgiApplication

    def application(kind, namespace, content):
        class Observer(ServiceBase):
            @rpc(Unicode, Unicode, UnsignedLong, Unicode, AnyXml,
                 _in_arg_names={"subscription": "SubscriptionID",
                                "event": "EventID", "sequence": "Sequence",
                                "topic": "Topic", "content": content},
                 _in_message_name="NotifyRequest",
                 _out_message_name="NotifyResponse")
            def Notify(ctx, subscription, event, sequence, topic, content):
                text = "ID" if kind == "job" else "SessionID"
                # The children of the request are in no namespace, which
                # spyne does not match: the document has them.
                root = ctx.in_document
                first = lambda name: next(
                    e.text for e in root.iter()
                    if etree.QName(e).localname == name)
                received.append((kind, first("Topic"), first(text)))

        return WsgiApplication(Application(
            [Observer], tns=namespace, in_protocol=Soap11(),
            out_protocol=Soap11()))

    job = application("job", "urn:Aspera:XML:IScpTransferNET:2006/04:Types",
                      "Job")
    session = application(
        "session", "urn:Aspera:XML:FASPSessionNET:2006/01:Types", "Session")

    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments):
            pass

    server = make_server(
        "127.0.0.1", 0,
        lambda environ, start: (job if "job" in environ["PATH_INFO"]
                                else session)(environ, start),
        handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def was_received(kind, topic, some_id):
    wait(f"{topic} of {kind} {some_id}",
         lambda: (kind, topic, some_id) in received)


# ---- the calls ----

transfer = check("load Transfer-201210", lambda: service("Transfer-201210"))
job_net = check("load JobNET-200601", lambda: service("JobNET-200601"))
iscp = check("load IScpTransferNET-200604",
             lambda: service("IScpTransferNET-200604"))
f06 = check("load FASPSessionNET-200601",
            lambda: service("FASPSessionNET-200601"))
f09 = check("load FASPSessionNET-200911",
            lambda: service("FASPSessionNET-200911"))

port = serve_spyne() if options == ["spyne"] else serve_plain()
endpoint = lambda kind: {"Address": f"http://127.0.0.1:{port}/{kind}",
                         "Action": f"urn:clients#{kind}"}
job_subscription = check(
    "IScpTransferNET-200604 Subscribe",
    lambda: iscp.Subscribe(JobID="0", JobObserver=endpoint("job"),
                           Topics={"Topic": ["Start"]}, Duration=600).ID)
session_subscription = check(
    "FASPSessionNET-200601 Subscribe",
    lambda: f06.Subscribe(SessionID="0", SessionObserver=endpoint("session"),
                          Topics={"Topic": ["Start"]}, Duration=600).ID)


def update(service, subscription):
    resource = service.UpdateSubscription(
        SubscriptionID=subscription, Topics={"Topic": ["Stop"]}, Duration=900)
    expect(resource.Topics.Topic == ["Start", "Stop"], resource)
    expect(600 < resource.TimeRemaining <= 900, resource)


def listed(service, subscription):
    ids = [s.ID for s in service.ListSubscriptions()]
    expect(subscription in ids, ids)


check("IScpTransferNET-200604 UpdateSubscription",
      lambda: update(iscp, job_subscription))
check("FASPSessionNET-200601 UpdateSubscription",
      lambda: update(f06, session_subscription))
check("IScpTransferNET-200604 ListSubscriptions",
      lambda: listed(iscp, job_subscription))
check("FASPSessionNET-200601 ListSubscriptions",
      lambda: listed(f06, session_subscription))


def list_types(service):
    expect(service.ListTypes() == ["Aspera.IScpTransfer"], "the type")


def submit(service):
    return service.Submit(Type="Aspera.IScpTransfer", Definition=order).ID


check("Transfer-201210 ListTypes", lambda: list_types(transfer))
check("JobNET-200601 ListTypes", lambda: list_types(job_net))
job = check("Transfer-201210 Submit", lambda: submit(transfer))
by_job = {"JobId": [job]}


def running():
    info = transfer.GetSessionInfo(SessionFilter=by_job).SessionInfo[0]
    return info if info.Status == "running" and info.BytesWritten else None


session = check("the job runs",
                lambda: wait("running", running).UUID)
QUERIES = [
    ("GetSessions", "SessionFilter", "SessionKey"),
    ("GetSessionInfo", "SessionFilter", "SessionInfo"),
    ("GetSessionStatistics", "SessionFilter", "SessionStatistics"),
    ("GetFileTransfers", "FileTransferFilter", "FileTransferKey"),
    ("GetFileTransferInfo", "FileTransferFilter", "FileTransferInfo"),
    ("GetFileTransferStatistics", "FileTransferFilter",
     "FileTransferStatistics"),
    ("GetInfo", "FileTransferFilter", "SessionInfo"),
    ("GetStatistics", "FileTransferFilter", "SessionStatistics"),
]


def query(service, name, argument, member):
    answer = service[name](**{argument: by_job})
    rows = answer[member]
    expect(len(rows) == 1 and answer.IterationToken, answer)
    row_id = rows[0].SessionUUID if "File" in name else rows[0].UUID
    expect(row_id == session, answer)


for where, proxy in (("Transfer-201210", transfer),
                     ("FASPSessionNET-200911", f09)):
    for row in QUERIES:
        check(f"{where} {row[0]}", lambda: query(proxy, *row))

rates = {"Policy": "Fixed", "TargetRate": 5000, "MinimumRate": 0,
         "BandwidthCap": 10000000}


def is_set(member, value):
    info = transfer.GetSessionInfo(SessionFilter=by_job).SessionInfo[0]
    expect(info[member] == value, info)


def set_rates(service):
    service.SetRateParameters(SessionID=session, RateParameters=rates)
    is_set("TargetRate", 5000)


def set_target(service, value):
    service.SetTargetRate(SessionID=session, TargetRate=value)
    is_set("TargetRate", value)


def set_minimum(service):
    service.SetMinimumRate(SessionID=session, MinimumRate=100)
    is_set("MinimumRate", 100)


def set_cap(service, value):
    service.SetBandwidthCap(SessionID=session, BandwidthCap=value)
    is_set("BandwidthCap", value)


def set_policy(service, value):
    service.SetPolicy(SessionID=session, Policy=value)
    is_set("RatePolicy", value.lower())


check("Transfer-201210 SetRateParameters", lambda: set_rates(transfer))
check("Transfer-201210 SetTargetRate", lambda: set_target(transfer, 6000))
check("Transfer-201210 SetMinimumRate", lambda: set_minimum(transfer))
check("Transfer-201210 SetBandwidthCap", lambda: set_cap(transfer, 7000))
check("Transfer-201210 SetPolicy", lambda: set_policy(transfer, "Fair"))
check("FASPSessionNET-200601 SetRateParameters", lambda: set_rates(f06))
check("FASPSessionNET-200601 SetTargetRate", lambda: set_target(f06, 8000))
check("FASPSessionNET-200601 SetMinimumRate", lambda: set_minimum(f06))
check("FASPSessionNET-200601 SetBandwidthCap", lambda: set_cap(f06, 9000))
check("FASPSessionNET-200601 SetPolicy", lambda: set_policy(f06, "Fair"))

check("Transfer-201210 ListJobs",
      lambda: expect(job in transfer.ListJobs(), "our job"))
check("IScpTransferNET-200604 ListJobs",
      lambda: expect(job in iscp.ListJobs(), "our job"))


def query_job():
    answer = iscp.QueryJob(JobID=job)
    expect(answer.ID == job and answer.Status.SessionID == session, answer)
    expect(answer.Order.RemoteLocation.System.Password == "********", answer)


check("IScpTransferNET-200604 QueryJob", query_job)
check("FASPSessionNET-200601 ListSessions",
      lambda: expect(session in f06.ListSessions(), "our session"))
check("FASPSessionNET-200601 QuerySession", lambda: expect(
    f06.QuerySession(SessionID=session).SessionID == session, "our session"))

other = check("JobNET-200601 Submit", lambda: submit(job_net))
check("Transfer-201210 CancelSession",
      lambda: transfer.CancelSession(SessionID=session))
check("Transfer-201210 CancelJob", lambda: transfer.CancelJob(JobID=other))
third = check("a third job", lambda: submit(transfer))
check("FASPSessionNET-200601 Cancel", lambda: f06.Cancel(
    SessionID=f09.GetSessions(
        SessionFilter={"JobId": [third]}).SessionKey[0].UUID))
fourth = check("a fourth job", lambda: submit(transfer))
check("IScpTransferNET-200604 Cancel", lambda: iscp.Cancel(JobID=fourth))

check("observer of jobs", lambda: [was_received("job", topic, job)
                                   for topic in ("Start", "Stop")])
check("observer of sessions", lambda: [
    was_received("session", topic, session) for topic in ("Start", "Stop")])
check("IScpTransferNET-200604 Unsubscribe", lambda: expect(
    iscp.Unsubscribe(SubscriptionID=job_subscription).ID == job_subscription,
    "the subscription that was ended"))
check("FASPSessionNET-200601 Unsubscribe", lambda: expect(
    f06.Unsubscribe(SubscriptionID=session_subscription).ID
    == session_subscription, "the subscription that was ended"))


# ---- the faults ----

NO_ID = "00000000-0000-4000-8000-000000000000"


def fault(detail, value, call):
    """call() must raise a fault with this detail element and value."""
    try:
        call()
    except zeep.exceptions.Fault as raised:
        expect(raised.detail is not None, raised)
        expect(raised.detail[0].tag.endswith("}" + detail),
               raised.detail[0].tag)
        expect(value in "".join(raised.detail[0].itertext()), raised.message)
        return
    raise AssertionError("no fault")


def plain_fault(word, call):
    try:
        call()
    except zeep.exceptions.Fault as raised:
        expect(raised.code.endswith("Client") and word in raised.message,
               raised.message)
        return
    raise AssertionError("no fault")


check("fault JobTypeNotFoundFaultType", lambda: fault(
    "JobTypeNotFoundFaultType", "Carrier.Pigeon",
    lambda: transfer.Submit(Type="Carrier.Pigeon", Definition=order)))
check("fault JobFormatInvalidFaultType", lambda: fault(
    "JobFormatInvalidFaultType", "Operation",
    lambda: transfer.Submit(Type="Aspera.IScpTransfer",
                            Definition="<Order/>")))
check("fault JobSubmissionErrorFaultType", lambda: fault(
    "JobSubmissionErrorFaultType", "key",
    lambda: transfer.Submit(Type="Aspera.IScpTransfer", Definition=refused)))
check("fault JobNotFoundFaultType", lambda: fault(
    "JobNotFoundFaultType", NO_ID, lambda: transfer.CancelJob(JobID=NO_ID)))
check("fault SessionNotFoundFaultType", lambda: fault(
    "SessionNotFoundFaultType", NO_ID,
    lambda: transfer.CancelSession(SessionID=NO_ID)))
check("fault SubscriptionNotFoundFaultType of jobs", lambda: fault(
    "SubscriptionNotFoundFaultType", NO_ID,
    lambda: iscp.Unsubscribe(SubscriptionID=NO_ID)))
check("fault SubscriptionNotFoundFaultType of sessions", lambda: fault(
    "SubscriptionNotFoundFaultType", NO_ID,
    lambda: f06.Unsubscribe(SubscriptionID=NO_ID)))
check("fault FilterChangedErrorFaultElement", lambda: fault(
    "FilterChangedErrorFaultElement", "",
    lambda: transfer.GetSessions(SessionFilter={"IterationToken": "none"})))
check("fault Client", lambda: plain_fault(
    "MaxResults", lambda: transfer.GetSessionInfo(
        SessionFilter={"MaxResults": 0})))
print(f"1..{count}")
