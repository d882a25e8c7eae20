"""zeep loads each served WSDL and makes every call of this slice."""

import zeep

from ferry import order, submit, subscribe, wait_end, wait_until, session_of

SERVICES = ["JobNET-200601", "IScpTransferNET-200604",
            "FASPSessionNET-200601", "FASPSessionNET-200911",
            "Transfer-201210", "EventNET-202611"]


def test_every_wsdl_loads_and_names_the_address_it_was_asked_at(make_node):
    node = make_node().start()
    for service in SERVICES:
        client = zeep.Client(f"{node.soap}/services/soap/{service}?WSDL")
        address = client.service._binding_options["address"]
        assert address == f"{node.soap}/services/soap/{service}"
    for observer in ("JobObserver", "SessionObserver"):
        zeep.Client(f"{node.soap}/services/soap/{observer}?wsdl")


def test_the_calls_of_this_slice(pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(8 << 20))
    job_net = here.client("JobNET-200601")
    iscp = here.client("IScpTransferNET-200604")
    sessions = here.client("FASPSessionNET-200601")
    query = here.client("FASPSessionNET-200911")
    observer = observe()

    assert job_net.ListTypes() == ["Aspera.IScpTransfer"]
    result = job_net.Submit(Type="Aspera.IScpTransfer",
                            Definition=order(there, rate=2000))
    assert result.Type == "Aspera.IScpTransfer"
    job_id = result.ID
    assert iscp.ListJobs() == [job_id]
    job = iscp.QueryJob(JobID=job_id)
    assert job.ID == job_id
    assert job.Order.RemoteLocation.System.Password == "********"
    assert job.Order.Operation == "Push"
    session_id = job.Status.SessionID
    assert session_id == session_of(here, job_id).UUID

    resource = iscp.Subscribe(
        JobID=job_id, JobObserver={"Address": observer.url, "Action": ""},
        Topics={"Topic": ["Error", "Stop"]}, Duration=60)
    assert resource.Topics.Topic == ["Stop", "Error"]
    assert 0 < resource.TimeRemaining <= 60
    one = sessions.Subscribe(
        SessionID=session_id,
        SessionObserver={"Address": observer.url, "Action": "x"},
        Topics={"Topic": ["Statistics"]}, Duration=None)
    assert one.TimeRemaining == 86400
    observer.wait_for("Statistics", lambda got: [
        n for n in got if n.topic == "Statistics"])
    assert sessions.Unsubscribe(SubscriptionID=one.ID).ID == one.ID

    by_job = {"JobId": [job_id]}
    wait_until("bytes", lambda: session_of(here, job_id).BytesWritten > 0)
    assert query.GetSessionInfo(SessionFilter=by_job).SessionInfo[0].Status == (
        "running")
    statistics = query.GetSessionStatistics(SessionFilter=by_job)
    assert statistics.SessionStatistics[0].UUID == session_id
    assert query.GetFileTransferInfo(
        FileTransferFilter=by_job).FileTransferInfo[0].Status == "running"
    assert query.GetFileTransferStatistics(
        FileTransferFilter=by_job).ResultCount == 1
    assert query.GetInfo(FileTransferFilter=by_job).ResultCount == 2

    iscp.Cancel(JobID=job_id)
    end = wait_end(here, job_id)
    assert (end.Status, end.ErrorCode) == ("cancelled", 28)
    observer.wait_for("the job's Stop", lambda got: [
        n for n in got if n.kind == "job" and n.topic == "Stop"])
    assert iscp.ListJobs() in (None, [])
    assert iscp.Unsubscribe(SubscriptionID=resource.ID).ID == resource.ID


def test_cancel_of_a_session_ends_its_job(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(8 << 20))
    job_id = submit(here, order(there, rate=4000))
    session_id = wait_until("bytes", lambda: (
        lambda info: info.UUID if info.BytesWritten else None)(
            session_of(here, job_id)))
    here.client().CancelSession(SessionID=session_id)
    assert wait_end(here, job_id).Status == "cancelled"
    assert wait_until("the end there", lambda: [
        s for s in there.client().GetSessionInfo(SessionFilter={}).SessionInfo
        if s.Status == "cancelled"])


def test_filters_and_pages(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    ids = [submit(here, order(there, destination=f"/{i}")) for i in range(5)]
    for job_id in ids:
        wait_end(here, job_id)
    client = here.client()
    ask = lambda **filters: client.GetSessionInfo(SessionFilter=filters)
    assert ask().ResultCount == 5
    assert [s.JobId for s in ask().SessionInfo] == ids[::-1], "newest first"
    assert ask(JobId=ids[:2]).ResultCount == 2
    assert ask(SessionStatus=["completed"]).ResultCount == 5
    assert ask(SessionStatus=["running"]).ResultCount == 0
    assert ask(Direction="incoming").ResultCount == 0
    assert ask(User=["lab"]).ResultCount == 5
    page = ask(MaxResults=2)
    assert (page.ResultCount, page.RemainingResultCount) == (2, 3)
    assert page.IterationToken
