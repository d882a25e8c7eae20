"""Events that nobody takes: jobs wait, or the oldest events go and it shows."""

import signal
import sqlite3
import time

import pytest
import zeep

from test_faults import mounted

from ferry import order, submit, subscribe, wait_end, wait_until

CONF = """<?xml version="1.0"?>
<CONF version="2">
  <central_server>
    <event_buffer_overrun>{}</event_buffer_overrun>
  </central_server>
  <ferry><events_max>{}</events_max></ferry>
</CONF>
"""


def nodes(make_node, tmp_path, overrun, events_max=20):
    conf = tmp_path / "ferry.conf"
    conf.write_text(CONF.format(overrun, events_max))
    here = make_node("here", options=["--config", conf]).start()
    there = make_node("there")
    there.add_user()
    (here.docroot / "in").write_bytes(b"x")
    return here, there.start()


def run_jobs(here, there, count):
    for i in range(count):
        wait_end(here, submit(here, order(there, destination=f"/{i}")))


def refused(here, there):
    try:
        run_jobs(here, there, 1)
        return None
    except zeep.exceptions.Fault as fault:
        return fault


def test_block_refuses_jobs_and_keeps_every_event(make_node, tmp_path,
                                                   observe):
    here, there = nodes(make_node, tmp_path, "block")
    subscribe(here, observe(lambda notification: 500))
    fault = None
    for _ in range(20):
        fault = refused(here, there)
        if fault:
            break
    assert fault, "20 events are kept, and no job is refused"
    detail = fault.detail[0]
    assert detail.tag.endswith("}JobSubmissionErrorFaultType")
    assert "events" in detail[0].text
    events = here.client("EventNET-202611").GetEvents(AfterSequence=0)
    assert events.FirstSequence == 1 and len(events.Event) >= 20


def test_drop_counts_what_goes_and_shows_it(make_node, tmp_path, observe):
    here, there = nodes(make_node, tmp_path, "drop")
    ready = []
    observer = observe(lambda notification: 200 if ready else 500)
    subscription, = subscribe(here, observer, "job")
    run_jobs(here, there, 10)
    client = here.client("EventNET-202611")
    events = wait_until("a drop", lambda: (
        lambda e: e if e.FirstSequence > 1 else None)(
            client.GetEvents(AfterSequence=0)))
    assert "events.dropped count=" in here.log()
    wait_until("20 at most", lambda: len(
        client.GetEvents(AfterSequence=0).Event) <= 20)
    delivery = lambda: client.QueryDelivery(SubscriptionID=subscription)
    assert "dropped" in delivery().LastError
    client.Redeliver(SubscriptionID=subscription,
                     AfterSequence=delivery().LastSequence)
    wait_until("another failure", lambda: delivery().LastError.endswith(
        "were dropped; answered 500"))
    ready.append(True)
    newest = client.GetEvents(AfterSequence=0).NextSequence
    observer.wait_for("what is left", lambda got: [
        n for n in got if n.sequence == newest], 60)


def test_the_limit_and_what_it_does_change_with_a_reload(make_node, tmp_path,
                                                         observe):
    here, there = nodes(make_node, tmp_path, "block", 0)
    conf = tmp_path / "ferry.conf"
    reloads = []

    def reload(overrun, events_max):
        conf.write_text(CONF.format(overrun, events_max))
        reloads.append(overrun)
        here.process.send_signal(signal.SIGHUP)
        wait_until("the reload", lambda: here.log().count(
            "config.reloaded") == len(reloads))

    subscribe(here, observe(lambda notification: 500))
    run_jobs(here, there, 6)
    client = here.client("EventNET-202611")
    assert len(client.GetEvents(AfterSequence=0).Event) >= 24
    reload("block", 5)
    assert refused(here, there)
    reload("block", 1000)
    run_jobs(here, there, 1)
    reload("drop", 5)
    wait_until("5 at most", lambda: len(
        client.GetEvents(AfterSequence=0).Event) <= 5)
    run_jobs(here, there, 1)


@pytest.mark.parametrize("subscribed", [False, True])
def test_old_events_go_and_what_is_gone_shows(pair, observe, subscribed):
    """A week after they were told, but not while somebody waits for them."""
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    ready = []
    observer = observe(lambda notification: 200 if ready else 500)
    if subscribed:
        subscription, = subscribe(here, observer, "job", duration=2592000)
    run_jobs(here, there, 2)
    here.stop()
    with sqlite3.connect(here.state / "ferry.db") as database:
        gone, = database.execute("SELECT max(sequence) FROM events").fetchone()
        week = int((time.time() - 7 * 86400 - 60) * 1e6)
        database.execute("UPDATE events SET time_us = ?", (week,))
    here.start()
    run_jobs(here, there, 1)
    client = here.client("EventNET-202611")

    def first():
        return client.GetEvents(AfterSequence=0).FirstSequence

    if subscribed:
        # A purge has run when the next one, after a change, shows its effect.
        wait_until("the look of the first second",
                   lambda: "push.failed" in here.log())
        time.sleep(2)
        assert first() == 1
        ready.append(True)
        client.Redeliver(SubscriptionID=subscription, AfterSequence=0)
        observer.wait_for("all of them", lambda got: [
            n for n in got if n.sequence > gone])
        here.stop()  # the next start looks at once, the next time in a minute
        here.start()
    wait_until("the old ones gone", lambda: first() == gone + 1)
    answer = client.GetEvents(AfterSequence=1)
    assert answer.FirstSequence == gone + 1, "which is the mark"
    assert answer.Event[0].Sequence == gone + 1


def fill_up(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def test_a_full_disk_refuses_what_is_new_and_drops_nothing(make_node, observe):
    """What runs ends, its events are told, and all goes on with room."""
    there = make_node("there")
    there.add_user()
    there.start()
    here = make_node("here")
    here.state.mkdir(mode=0o700)
    with mounted(here.state, "size=96m,mode=700"):
        here.start()
        (here.docroot / "in").write_bytes(bytes(3 << 20))
        ready = []
        observer = observe(lambda notification: 200 if ready else 503)
        subscription, = subscribe(here, observer, "job")
        job_id = submit(here, order(there, rate=8000))  # 3 s
        fill_up(here.state / "filler")
        client = here.client("EventNET-202611")
        wait_until("the end of what runs", lambda: client.GetEvents(
            AfterSequence=0, Topic=["job.Stop"]).Event)
        assert wait_end(here, job_id).Status == "completed"

        with pytest.raises(zeep.exceptions.Fault) as fault:
            submit(here, order(there, destination="/2"))
        assert fault.value.detail[0].tag.endswith(
            "}JobSubmissionErrorFaultType")
        assert "no room left" in fault.value.detail[0][0].text
        with pytest.raises(zeep.exceptions.Fault) as fault:
            subscribe(here, observer, "job")
        assert fault.value.code.endswith("Server")
        assert "no room left" in fault.value.message

        ready.append(True)
        client.Redeliver(SubscriptionID=subscription, AfterSequence=0)
        observer.wait_for("all events", lambda got: [
            n for n in got if n.topic == "Stop"])
        here.kill()
        here.start()
        events = [e for e in client.GetEvents(AfterSequence=0).Event if e.Job]
        taken = {n.sequence: n.event_id for n in observer.received}
        assert {e.Sequence: e.EventID for e in events} == taken

        (here.state / "filler").unlink()
        here.stop()
        here.start()
        assert wait_end(here, submit(here, order(there, destination="/3"))
                        ).Status == "completed"
        here.stop()
