"""Events that nobody takes: jobs wait, or the oldest events go and it shows."""

import zeep

from ferry import order, submit, subscribe, wait_end, wait_until

CONF = """<?xml version="1.0"?>
<CONF version="2">
  <central_server>
    <event_buffer_overrun>{}</event_buffer_overrun>
  </central_server>
  <ferry><events_max>20</events_max></ferry>
</CONF>
"""


def nodes(make_node, tmp_path, overrun):
    conf = tmp_path / "ferry.conf"
    conf.write_text(CONF.format(overrun))
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
    assert "dropped" in client.QueryDelivery(
        SubscriptionID=subscription).LastError
    ready.append(True)
    newest = client.GetEvents(AfterSequence=0).NextSequence
    observer.wait_for("what is left", lambda got: [
        n for n in got if n.sequence == newest], 60)
