"""The contract, section 3: every operation's answer, every fault and every
notification is written in the strict form and validates."""

import pytest
import requests
import zeep

from ferry import (NS, Observer, order, submit, wait_end,
                   wait_until)
from lxml import etree
from wire import (SOAP11, check_answer, check_envelope, check_schema, checked,
                  Answer, nodes)

SERVICES = ["JobNET-200601", "IScpTransferNET-200604",
            "FASPSessionNET-200601", "FASPSessionNET-200911",
            "Transfer-201210"]
NO_ID = "00000000-0000-4000-8000-000000000000"


class Checking(zeep.Transport):
    """A transport that lets no answer through that is not in the strict form."""

    seen = set()

    def post(self, address, message, headers):
        response = super().post(address, message, headers)
        content = check_answer(Answer(
            response.status_code, response.reason,
            list(response.headers.items()), response.content))
        self.seen.add(content.tag)
        if etree.QName(content).localname == "Fault" and len(content) == 3:
            self.seen.add(content[2][0].tag)
        return response


def client(node, service):
    return zeep.Client(f"{node.soap}/services/soap/{service}?wsdl",
                       transport=Checking()).service


def test_every_answer_and_notification_validates(nodes):
    here, there = nodes
    (here.docroot / "big").write_bytes(bytes(32 << 20))
    (here.docroot / "small & <odd>\u00e9").write_bytes(b"x")
    observer = Observer()
    ends = Observer()
    transfer, job_net, iscp, f06, f09 = (client(here, s) for s in (
        "Transfer-201210", *SERVICES[:4]))
    Checking.seen.clear()

    slow = order(there, sources=["/big"], rate=4000, extra=(
        "<ApplicationData><Cookie>a &amp; &lt;b></Cookie><Token>t</Token>"
        "</ApplicationData>"))
    jobs = iscp.Subscribe(
        JobID="0", JobObserver={"Address": observer.url, "Action": ""},
        SubscriptionObserver={"Address": ends.url, "Action": ""}, Topics={},
        Duration=None).ID
    sessions = f06.Subscribe(
        SessionID="0", SessionObserver={"Address": observer.url, "Action": ""},
        SubscriptionObserver={"Address": ends.url, "Action": ""},
        Topics={"Topic": ["*", "Statistics"]}, Duration=60).ID
    assert transfer.ListTypes() and job_net.ListTypes()
    job = job_net.Submit(Type="Aspera.IScpTransfer", Definition=slow).ID

    def running():
        info = transfer.GetSessionInfo(
            SessionFilter={"JobId": [job]}).SessionInfo[0]
        return info.UUID if info.BytesWritten else None

    session = wait_until("bytes", running)
    every_query(f09, job)
    rates = {"Policy": "Fixed", "TargetRate": 5000, "MinimumRate": 0,
             "BandwidthCap": 10000000}
    f06.SetRateParameters(SessionID=session, RateParameters=rates)
    f06.SetTargetRate(SessionID=session, TargetRate=6000)
    f06.SetMinimumRate(SessionID=session, MinimumRate=1)
    f06.SetBandwidthCap(SessionID=session, BandwidthCap=7000)
    f06.SetPolicy(SessionID=session, Policy="Fair")
    assert transfer.ListJobs() == [job]
    iscp.QueryJob(JobID=job)
    f06.ListSessions()
    f06.QuerySession(SessionID=session)
    for service, subscription in ((iscp, jobs), (f06, sessions)):
        service.UpdateSubscription(SubscriptionID=subscription,
                                   Topics={"Topic": ["Stop"]}, Duration=None)
        service.ListSubscriptions()
    observer.wait_for("Statistics", lambda got: [
        n for n in got if n.topic == "Statistics"])
    transfer.CancelSession(SessionID=session)
    wait_end(here, job)
    other = submit(here, order(there, sources=["/small & <odd>\u00e9"]))
    assert wait_end(here, other).Status == "completed"
    every_query(f09, other)
    failing = submit(here, order(there, sources=["/nothing"]))
    assert wait_end(here, failing).Status == "error"
    every_query(f09, failing)
    third = submit(here, slow)
    transfer.CancelJob(JobID=third)
    wait_end(here, third)
    observer.wait_for("the last Stop", lambda got: [
        n for n in got if n.kind == "job" and n.topic == "Stop"
        and n.job_id == third])
    iscp.Unsubscribe(SubscriptionID=jobs)
    f06.Unsubscribe(SubscriptionID=sessions)
    every_fault(transfer, iscp, f06)

    names = {etree.QName(tag).localname for tag in Checking.seen}
    missing = {
        "ListTypesResponse", "SubmitResponse", "ListJobsResponse",
        "QueryJobResponse", "CancelResponse", "SubscribeResponse",
        "UpdateSubscriptionResponse", "UnsubscribeResponse",
        "ListSubscriptionsResponse", "ListSessionsResponse",
        "QuerySessionResponse", "SetRateParametersResponse",
        "SetPolicyResponse", "SetTargetRateResponse", "SetMinimumRateResponse",
        "SetBandwidthCapResponse", "GetSessionsResponse",
        "GetSessionInfoResponse", "GetSessionStatisticsResponse",
        "GetFileTransfersResponse", "GetFileTransferInfoResponse",
        "GetFileTransferStatisticsResponse", "GetInfoResponse",
        "GetStatisticsResponse", "JobTypeNotFoundFaultType",
        "JobFormatInvalidFaultType", "JobSubmissionErrorFaultType",
        "JobNotFoundFaultType", "SessionNotFoundFaultType",
        "SubscriptionNotFoundFaultType", "FilterChangedErrorFaultElement",
    } - names
    assert not missing

    assert {(n.kind, n.topic) for n in observer.received} >= {
        ("job", "Connecting"), ("job", "Start"), ("job", "Stop"),
        ("job", "Error"), ("session", "Start"), ("session", "Stop"),
        ("session", "Error"), ("session", "Status"), ("session", "Statistics")}
    for notification in observer.received + ends.received:
        check_envelope(notification.body.decode())
    observer.close()
    ends.close()
    assert checked["answers"] > 100, "all of them were really checked"


def every_query(service, job):
    for name in ("GetSessions", "GetSessionInfo", "GetSessionStatistics"):
        assert service[name](SessionFilter={"JobId": [job]}).ResultCount == 1
    for name in ("GetFileTransfers", "GetFileTransferInfo",
                 "GetFileTransferStatistics", "GetInfo", "GetStatistics"):
        service[name](FileTransferFilter={"JobId": [job]})


def every_fault(transfer, iscp, f06):
    for call in (
            lambda: transfer.Submit(Type="x", Definition="y"),
            lambda: transfer.Submit(Type="Aspera.IScpTransfer",
                                    Definition="<a>&\"]]>"),
            lambda: transfer.Submit(
                Type="Aspera.IScpTransfer",
                Definition="<Order><Operation>Push</Operation><RemoteLocation>"
                "<System><Address>127.0.0.1</Address></System>"
                "<Authentication><Methods><Method>Public Key</Method></Methods>"
                "<KeyPath>/none</KeyPath></Authentication></RemoteLocation>"
                "<LocalLocation><Files><Path>a</Path></Files></LocalLocation>"
                "</Order>"),
            lambda: transfer.CancelJob(JobID=NO_ID),
            lambda: transfer.CancelSession(SessionID=NO_ID),
            lambda: iscp.Unsubscribe(SubscriptionID=NO_ID),
            lambda: f06.Unsubscribe(SubscriptionID=NO_ID),
            lambda: transfer.GetSessions(SessionFilter={"IterationToken": "x"})):
        with pytest.raises(zeep.exceptions.Fault):
            call()


def test_the_checks_see_what_is_wrong():
    """The form check refuses each thing that clients would fall over."""
    good = ('<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope '
            f'xmlns:soapenv="{SOAP11}" xmlns:ns1="{NS["job"]}"><soapenv:Body>'
            "<ns1:ListTypesResponse><Type>a</Type></ns1:ListTypesResponse>"
            "</soapenv:Body></soapenv:Envelope>")
    check_envelope(good)
    for old, new in (
            ('<?xml version="1.0" encoding="UTF-8"?>\n', ""),
            ("<soapenv:Body>", "<soapenv:Header/><soapenv:Body>"),
            ("<soapenv:Body>", '<soapenv:Body a="b">'),
            ("<soapenv:Body>", "<soapenv:Body>\n"),
            (' xmlns:ns1="', ' xmlns:x="urn:x" xmlns:ns1="'),
            ("<Type>", '<Type xmlns:y="urn:y">'),
            ("<Type>a</Type>", "<ns1:Type>a</ns1:Type>"),
            ("<Type>a</Type>", "<Other>a</Other>")):
        assert old in good
        with pytest.raises((AssertionError, etree.DocumentInvalid,
                            etree.XMLSyntaxError)):
            check_envelope(good.replace(old, new))
    with pytest.raises(etree.DocumentInvalid):
        check_schema(etree.fromstring(
            f'<a:GetSessionInfoResponse xmlns:a="{NS["f09"]}"/>'))


def test_observer_wsdls_have_a_placeholder_address(nodes):
    for name in ("JobObserver", "SessionObserver"):
        wsdl = requests.get(f"{nodes[0].soap}/services/soap/{name}?wsdl")
        assert wsdl.status_code == 200
        assert "observer.example.com" in wsdl.text
        assert nodes[0].soap not in wsdl.text
