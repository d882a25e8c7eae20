"""EventNET-202611: events by polling, the state of deliveries, replay,
signatures."""

import base64
import hashlib
import hmac
import http.client
import sqlite3
import threading
import time

import pytest
import zeep
from lxml import etree

from ferry import order, submit, subscribe, wait_end, wait_until

EVENT = "EventNET-202611"
NAMESPACE = "urn:ferry:xml:EventNET:2026/11:Types"


def run_job(here, there, destination="/out"):
    (here.docroot / "in").write_bytes(b"x")
    job_id = submit(here, order(there, destination=destination))
    wait_end(here, job_id)
    # The job's own end is told after its session's.
    wait_until("the last event", lambda: [
        e for e in here.client(EVENT).GetEvents(
            AfterSequence=0, JobID=[job_id], Topic=["job.Stop"]).Event])
    return job_id


def words(answer):
    return [("job" if e.Job else "session", e.Topic) for e in answer.Event]


def test_events_are_read_page_by_page_as_they_were_told(pair, observe):
    here, there = pair
    client = here.client(EVENT)
    observer = observe()
    subscribe(here, observer)
    job_id = run_job(here, there)
    session_id = client.GetEvents(AfterSequence=0).Event[0].SessionID
    everything = client.GetEvents(AfterSequence=0)
    assert set(words(everything)) == {
        ("job", "Connecting"), ("job", "Start"), ("job", "Stop"),
        ("session", "Start"), ("session", "Stop")}
    assert everything.FirstSequence == 1
    assert everything.NextSequence == everything.Event[-1].Sequence
    observer.wait_for("all", lambda got: len(got) == len(everything.Event))
    told = {n.sequence: n for n in observer.received}
    for event in everything.Event:
        notification = told[event.Sequence]
        assert event.EventID == notification.event_id
        assert (event.JobID, event.SessionID) == (job_id, session_id)
        if event.Job:
            assert event.Job.ID == job_id and not event.Session
            assert event.Job.Order.RemoteLocation.System.Password == "********"
        else:
            assert event.Session.SessionID == session_id and not event.Job

    after, pages = 0, []
    while True:
        page = client.GetEvents(AfterSequence=after, MaxResults=2)
        if not page.Event:
            break
        assert len(page.Event) <= 2
        pages += page.Event
        after = page.NextSequence
    assert [e.EventID for e in pages] == [e.EventID for e in everything.Event]


def test_filters_combine(pair):
    here, there = pair
    client = here.client(EVENT)
    first = run_job(here, there, "/1")
    second = run_job(here, there, "/2")
    sessions = {e.JobID: e.SessionID
                for e in client.GetEvents(AfterSequence=0).Event}
    ask = lambda **filters: words(client.GetEvents(AfterSequence=0, **filters))
    assert ask(Topic=["Stop"]) == [("session", "Stop"), ("job", "Stop")] * 2
    assert ask(Topic=["job.Stop", "session.Start"], JobID=[second]) == [
        ("session", "Start"), ("job", "Stop")]
    assert len(ask(JobID=[first, second])) == len(ask()) == len(ask(
        Topic=["*"]))
    assert ask(JobID=[first], SessionID=[sessions[second]]) == []
    assert ask(JobID=["no id at all"]) == []
    assert ask(SessionID=[sessions[first].upper()], Topic=["Stop"]) == [
        ("session", "Stop"), ("job", "Stop")]
    for wrong in ({"Topic": ["Statistics"]}, {"Topic": ["start"]},
                  {"MaxResults": 0}):
        with pytest.raises(zeep.exceptions.Fault) as fault:
            ask(**wrong)
        assert list(wrong)[0] in fault.value.message


def test_a_long_poll_wakes_at_the_commit(pair):
    here, there = pair
    client = here.client(EVENT)
    run_job(here, there, "/1")
    at = client.GetEvents().NextSequence
    assert at > 0, "without AfterSequence it is from now on"
    begin = time.monotonic()
    assert not client.GetEvents(AfterSequence=at, WaitSeconds=1).Event
    assert time.monotonic() - begin >= 1
    got = []

    def poll():
        got.append(here.client(EVENT).GetEvents(
            AfterSequence=at, Topic=["job.Stop"], WaitSeconds=4294967295))

    waiting = threading.Thread(target=poll)
    waiting.start()
    job_id = run_job(here, there, "/2")
    waiting.join(20)
    assert [(e.JobID, e.Topic) for e in got[0].Event] == [(job_id, "Stop")]


def test_a_stop_answers_those_who_wait(make_node):
    node = make_node().start()
    poll = http.client.HTTPConnection(node.soap.partition("//")[2], timeout=30)
    poll.request("POST", f"/services/soap/{EVENT}", (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<x:GetEventsRequest xmlns:x="{NAMESPACE}"><WaitSeconds>60</WaitSeconds>'
        "</x:GetEventsRequest></e:Body></e:Envelope>"),
        {"Content-Type": "text/xml"})
    for _ in range(3):
        node.client().ListTypes()  # so that what was sent before has been read
    node.stop()
    answer = poll.getresponse()
    body = answer.read()
    assert answer.status == 200 and b"NextSequence" in body
    assert b"Sequence>" in body and b"<Event>" not in body
    poll.close()


def test_what_is_gone_shows(pair):
    here, there = pair
    client = here.client(EVENT)
    run_job(here, there)
    here.stop()
    with sqlite3.connect(here.state / "ferry.db") as database:
        database.execute("DELETE FROM events WHERE sequence <= 3")
    here.start()
    answer = client.GetEvents(AfterSequence=1)
    assert answer.FirstSequence == 4 > 1 + 1, "2 and 3 are missing"
    assert answer.Event[0].Sequence == 4
    here.stop()
    with sqlite3.connect(here.state / "ferry.db") as database:
        last, = database.execute("SELECT max(sequence) FROM events").fetchone()
        database.execute("DELETE FROM events")
    here.start()
    answer = client.GetEvents(AfterSequence=1)
    assert (answer.FirstSequence, answer.NextSequence) == (last + 1, last)


def test_the_state_of_a_delivery_shows(pair, observe):
    here, there = pair
    client = here.client(EVENT)
    taking = []
    observer = observe(lambda notification: 200 if taking else 503)
    subscription, = subscribe(here, observer, "job")
    idle = client.QueryDelivery(SubscriptionID=subscription)
    assert (idle.State, idle.LastSequence, idle.Backlog, idle.FailedAttempts,
            idle.LastError, idle.NextAttempt, idle.Signed) == (
                "idle", 0, 0, 0, None, None, False)
    run_job(here, there)
    waiting = wait_until("a failure", lambda: (
        lambda d: d if d.State == "waiting" else None)(
            client.QueryDelivery(SubscriptionID=subscription)))
    assert waiting.Backlog == 3 and waiting.FailedAttempts >= 1
    assert "503" in waiting.LastError
    assert waiting.NextAttempt and waiting.LastErrorTime
    taking.append(True)
    done = wait_until("the rest", lambda: (
        lambda d: d if d.State == "idle" else None)(
            client.QueryDelivery(SubscriptionID=subscription)))
    assert (done.Backlog, done.FailedAttempts) == (0, 0)
    assert done.LastSequence >= 3
    for operation in ("QueryDelivery", "SetSecret"):
        with pytest.raises(zeep.exceptions.Fault) as fault:
            getattr(client, operation)(SubscriptionID="nobody")
        detail = fault.value.detail[0]
        assert detail.tag == f"{{{NAMESPACE}}}SubscriptionNotFoundFaultType"
        assert detail[0].tag == f"{{{NAMESPACE}}}SubscriptionID"
        assert detail[0].text == "nobody"


def test_a_replay_brings_all_again_in_order(pair, observe):
    here, there = pair
    client = here.client(EVENT)
    observer = observe()
    subscription, = subscribe(here, observer)[:1]
    run_job(here, there)
    first = observer.wait_for("all", lambda got: [
        n for n in got if n.kind == "job"] if len(
            [n for n in got if n.kind == "job"]) == 3 else None)
    assert client.Redeliver(SubscriptionID=subscription,
                            AfterSequence=0) == 1
    again = observer.wait_for("all again", lambda got: [
        n for n in got if n.kind == "job"][3:] if len(
            [n for n in got if n.kind == "job"]) == 6 else None)
    assert [(n.sequence, n.event_id, n.body) for n in again] == [
        (n.sequence, n.event_id, n.body) for n in first]
    with pytest.raises(zeep.exceptions.Fault) as fault:
        client.Redeliver(SubscriptionID=subscription, AfterSequence=10**9)
    assert "AfterSequence" in fault.value.message


def test_a_replay_that_was_answered_survives_a_kill(pair, observe):
    here, there = pair
    client = here.client(EVENT)
    open_gate = threading.Event()
    open_gate.set()
    observer = observe(lambda n: 200 if open_gate.is_set() else 500)
    subscription, = subscribe(here, observer, "job")
    run_job(here, there)
    observer.wait_for("all", lambda got: len(got) == 3)
    open_gate.clear()
    client.Redeliver(SubscriptionID=subscription, AfterSequence=0)
    here.kill()
    open_gate.set()
    before = len(observer.received)
    here.start()
    observer.wait_for("all again", lambda got: "Stop" in [
        n.topic for n in got[before:]])
    # The attempt that the kill cut off may be counted late.
    assert list(dict.fromkeys(n.topic for n in observer.received[before:])) == [
        "Connecting", "Start", "Stop"]


def verify(secret, notification, expected_id=None):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    headers = notification.headers
    content = (f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
               .encode() + notification.body)
    expected = "v1," + base64.b64encode(
        hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    assert headers["webhook-id"] == (expected_id or notification.event_id)
    return expected in headers["webhook-signature"].split(" ")


def test_notifications_are_signed_and_secrets_take_over(pair, observe):
    here, there = pair
    client = here.client(EVENT)
    observer = observe()
    subscription, = subscribe(here, observer, "job", ["Stop"])
    run_job(here, there, "/1")
    observer.wait_for("one", lambda got: len(got) == 1)
    assert "webhook-signature" not in observer.received[0].headers
    made = client.SetSecret(SubscriptionID=subscription)
    assert made.startswith("whsec_")
    assert client.QueryDelivery(SubscriptionID=subscription).Signed
    here.kill()
    here.start()
    run_job(here, there, "/2")
    observer.wait_for("two", lambda got: len(got) == 2)
    assert verify(made, observer.received[1])
    own = "whsec_" + base64.b64encode(b"a" * 24).decode()
    assert client.SetSecret(SubscriptionID=subscription, Secret=own) == own
    run_job(here, there, "/3")
    observer.wait_for("three", lambda got: len(got) == 3)
    assert verify(own, observer.received[2]), "the new one"
    assert verify(made, observer.received[2]), "and the one before"
    assert not client.SetSecret(SubscriptionID=subscription, Secret="")
    run_job(here, there, "/4")
    observer.wait_for("four", lambda got: len(got) == 4)
    assert "webhook-signature" not in observer.received[3].headers
    with pytest.raises(zeep.exceptions.Fault) as fault:
        client.SetSecret(SubscriptionID=subscription, Secret="whsec_c2hvcnQ=")
    assert "Secret" in fault.value.message


def test_the_end_is_signed_too_also_after_a_restart(make_node, observe):
    node = make_node().start()
    client = node.client(EVENT)
    ready = []
    ender = observe(lambda notification: 200 if ready else 500)
    made = node.client("IScpTransferNET-200604").Subscribe(
        JobID="0", JobObserver={"Address": observe().url, "Action": ""},
        SubscriptionObserver={"Address": ender.url, "Action": ""},
        Topics={"Topic": []})
    first = client.SetSecret(SubscriptionID=made.ID)
    second = client.SetSecret(SubscriptionID=made.ID)
    node.client("IScpTransferNET-200604").Unsubscribe(SubscriptionID=made.ID)
    ender.wait_for("an attempt", lambda got: got)
    node.kill()
    ready.append(True)
    count = len(ender.received)
    node.start()
    ender.wait_for("another one", lambda got: len(got) > count)
    for notification in ender.received:
        assert notification.name == "SubscriptionNotifyRequest"
        assert verify(first, notification, made.ID)
        assert verify(second, notification, made.ID)
