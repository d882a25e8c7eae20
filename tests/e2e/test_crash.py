"""What survives kill -9."""

import threading

from ferry import (order, session_of, submit, subscribe, wait_end, wait_until)


def test_an_event_that_was_not_taken_comes_again_with_the_same_id(
        pair, observe):
    """The server is killed between an event's commit and its delivery: the
    observer withholds its answer until the kill."""
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 100000)
    killed = threading.Event()
    withheld = threading.Event()

    def answer(notification):
        if notification.topic == "Start" and not killed.is_set():
            withheld.set()
            killed.wait(30)
            return None
        return 200

    observer = observe(answer)
    subscription, = subscribe(here, observer, "job")
    job_id = submit(here, order(there))
    assert withheld.wait(20)
    wait_end(here, job_id)
    here.kill()
    killed.set()
    before = list(observer.received)
    here.start()

    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    start = [n for n in observer.received if n.topic == "Start"]
    assert len(start) >= 2, "it was sent again"
    assert len({n.event_id for n in start}) == 1
    assert len({n.body for n in start}) == 1, "word for word"
    after = observer.received[len(before):]
    assert [n.topic for n in after][:2] == ["Start", "Stop"]
    numbers = [n.sequence for n in after]
    assert numbers == sorted(numbers)
    assert {n.subscription for n in after} == {subscription}

    resource = here.client("IScpTransferNET-200604").Unsubscribe(
        SubscriptionID=subscription)
    assert resource.ID == subscription, "the subscription survived"


def test_acknowledged_jobs_are_there_after_a_kill(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    ids = [submit(here, order(there)) for _ in range(20)]
    here.kill()
    here.start()
    for job_id in ids:
        assert wait_end(here, job_id).Status in (
            "completed", "orphaned", "error")


def test_a_transfer_without_retries_is_orphaned_and_subscribers_learn_it(
        pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(20 << 20))
    observer = observe()
    subscribe(here, observer, "job")
    job_id = submit(here, order(there, rate=8000))
    wait_until("running", lambda: session_of(here, job_id).BytesWritten > 0)
    here.kill()
    here.start()
    assert session_of(here, job_id).Status == "orphaned"
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    topics = [n.topic for n in observer.received]
    assert topics == ["Connecting", "Start", "Error", "Stop"]
    assert wait_until("the end there", lambda: [
        s for s in there.client().GetSessionInfo(SessionFilter={}).SessionInfo
        if s.Status == "error"], 90)
