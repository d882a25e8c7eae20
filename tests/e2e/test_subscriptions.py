"""The life of a subscription: changes, ends, limits, restarts."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import zeep

from ferry import order, submit, subscribe, wait_end, wait_until

JOBS, SESSIONS = "IScpTransferNET-200604", "FASPSessionNET-200601"
SUBSCRIBE = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">
<e:Body><SubscribeRequest xmlns="urn:Aspera:XML:IScpTransferNET:2006/04:Types">
<JobID xmlns="">0</JobID><JobObserver xmlns=""><Address>{}</Address>
</JobObserver></SubscribeRequest></e:Body></e:Envelope>"""


def make(node, observer, ender=None, topics=(), duration=None, kind="job"):
    """A subscription to all jobs or sessions, with what is not usual."""
    endpoint = {"Address": observer.url, "Action": ""}
    arguments = {"Topics": {"Topic": list(topics)}, "Duration": duration}
    if ender:
        arguments["SubscriptionObserver"] = {"Address": ender.url,
                                             "Action": "urn:test#End"}
    if kind == "job":
        return node.client(JOBS).Subscribe(JobID="0", JobObserver=endpoint,
                                           **arguments)
    return node.client(SESSIONS).Subscribe(
        SessionID="0", SessionObserver=endpoint, **arguments)


def ends(observer, count=1):
    return observer.wait_for(
        "SubscriptionNotify", lambda got: [
            n for n in got if n.name == "SubscriptionNotifyRequest"][:count])


@pytest.mark.parametrize("kind", ["job", "session"])
def test_topics_and_expiry_change_and_show(make_node, observe, kind):
    node = make_node().start()
    client = node.client(JOBS if kind == "job" else SESSIONS)
    observer = observe()
    made = make(node, observer, topics=["Stop"], duration=100, kind=kind)
    assert made.Topics.Topic == ["Stop"]
    assert made.TimeRemaining == 100

    more = client.UpdateSubscription(
        SubscriptionID=made.ID, Topics={"Topic": ["Error", "Start"]})
    assert more.Topics.Topic == ["Start", "Stop", "Error"]
    assert 90 <= more.TimeRemaining <= 100, "no Duration leaves the expiry"
    for duration, granted in ((0, 86400), (500, 500), (2592000, 2592000),
                              (2592001, 2592000), (4294967295, 2592000)):
        assert client.UpdateSubscription(
            SubscriptionID=made.ID,
            Duration=duration).TimeRemaining == granted

    listed = client.ListSubscriptions()
    assert [(r.ID, r.Topics.Topic) for r in listed] == [
        (made.ID, ["Start", "Stop", "Error"])]
    other = node.client(SESSIONS if kind == "job" else JOBS)
    assert not other.ListSubscriptions()

    less = client.Unsubscribe(SubscriptionID=made.ID,
                              Topics={"Topic": ["Start"]})
    assert less.Topics.Topic == ["Stop", "Error"]
    with pytest.raises(zeep.exceptions.Fault) as fault:
        other.UpdateSubscription(SubscriptionID=made.ID, Duration=1)
    assert made.ID in zeep.helpers.etree.tostring(fault.value.detail).decode()
    node.kill()
    node.start()
    listed = client.ListSubscriptions()
    assert [(r.ID, r.Topics.Topic) for r in listed] == [
        (made.ID, ["Stop", "Error"])], "all of it was on disk"
    gone = client.Unsubscribe(SubscriptionID=made.ID,
                              Topics={"Topic": ["Stop", "Error"]})
    assert (gone.Topics and gone.Topics.Topic or []) == []
    assert gone.TimeRemaining == 0
    assert not client.ListSubscriptions()
    with pytest.raises(zeep.exceptions.Fault):
        client.Unsubscribe(SubscriptionID=made.ID)


def test_an_added_topic_starts_with_what_comes_then(pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    observer = observe()
    made = make(here, observer, topics=["Stop"])
    wait_end(here, submit(here, order(there)))
    observer.wait_for("Stop", lambda got: len(got) == 1)
    here.client(JOBS).UpdateSubscription(SubscriptionID=made.ID,
                                         Topics={"Topic": ["Start"]})
    job_id = submit(here, order(there, destination="/again"))
    observer.wait_for("Start and Stop", lambda got: len(got) == 3)
    assert [n.topic for n in observer.received] == ["Stop", "Start", "Stop"]
    assert {n.job_id for n in observer.received[1:]} == {job_id}


def test_unknown_topics_and_durations_are_client_faults(make_node, observe):
    node = make_node().start()
    observer = observe()
    with pytest.raises(zeep.exceptions.Fault) as fault:
        make(node, observer, topics=["Statistics"])
    assert "Statistics" in fault.value.message, "no topic of jobs"
    for bad in ("-1", "PT1H", "4294967296", "1.5"):
        body = SUBSCRIBE.format(observer.url).replace(
            "</SubscribeRequest>",
            f'<Duration xmlns="">{bad}</Duration></SubscribeRequest>')
        answer = requests.post(f"{node.soap}/services/soap/{JOBS}", body,
                               headers={"Content-Type": "text/xml"})
        assert answer.status_code == 500 and "Duration" in answer.text


@pytest.mark.parametrize("kind", ["job", "session"])
def test_each_end_is_told_with_its_reason(pair, observe, kind):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    gone, ender = observe(lambda notification: 410), observe()
    client = here.client(JOBS if kind == "job" else SESSIONS)
    made = {"Expired": make(here, observe(), ender, duration=1, kind=kind),
            "Unsubscribed": make(here, observe(), ender, kind=kind),
            "DeliveryFailed": make(here, gone, ender, kind=kind)}
    client.Unsubscribe(SubscriptionID=made["Unsubscribed"].ID)
    wait_end(here, submit(here, order(there)))
    ends(ender, 3) and ender.wait_for("all ends", lambda got: len(got) == 3)
    told = {n.element.findtext("Reason"): n for n in ender.received}
    assert set(told) == set(made)
    for reason, notification in told.items():
        resource = notification.element.find("SubscriptionResource")
        assert resource[0].text == made[reason].ID
        assert notification.action == '"urn:test#End"'
        topics = [topic.text for topic in resource.iter()
                  if topic.tag.endswith("}Topic")]
        assert topics == made[reason].Topics.Topic
    assert len(gone.received) == 1, "410 is not tried again"
    assert not client.ListSubscriptions()


@pytest.mark.parametrize("stop", ["kill", "stop"])
def test_an_end_is_told_after_a_restart(make_node, observe, stop):
    node = make_node().start()
    ready = []
    ender = observe(lambda notification: 200 if ready else 500)
    made = make(node, observe(), ender)
    node.client(JOBS).Unsubscribe(SubscriptionID=made.ID)
    ends(ender)
    getattr(node, stop)()
    ready.append(True)
    count = len(ender.received)
    node.start()
    ender.wait_for("another attempt", lambda got: len(got) > count)
    assert len({n.body for n in ender.received}) == 1, "word for word"
    assert not node.client(JOBS).ListSubscriptions()
    # Told once, it is over: nothing comes after the next restart.
    wait_until("the row gone", lambda: rows(node) == 0)


def rows(node):
    import sqlite3
    with sqlite3.connect(f"file:{node.state}/ferry.db?mode=ro",
                         uri=True) as database:
        return database.execute(
            "SELECT count(*) FROM subscriptions").fetchone()[0]


def test_one_that_expired_while_the_server_was_down_is_told(
        make_node, observe):
    node = make_node().start()
    ender = observe()
    make(node, observe(), ender, duration=1)
    node.kill()
    wait_until("its time", lambda: True)
    node.start()
    ends(ender)
    assert ender.received[0].element.findtext("Reason") == "Expired"


def test_a_caller_has_a_thousand_and_no_more(make_node, observe):
    node = make_node().start()
    url = f"{node.soap}/services/soap/{JOBS}"
    body = SUBSCRIBE.format(observe().url)

    def post(_):
        return session.post(url, body, headers={"Content-Type": "text/xml"})

    session = requests.Session()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(1000)))
    assert {a.status_code for a in answers} == {200}
    refused = post(0)
    assert refused.status_code == 500
    assert "1000" in refused.text and "Client" in refused.text
    listed = node.client(JOBS).ListSubscriptions()
    assert len(listed) == 1000
    node.kill()
    node.start()
    assert post(0).status_code == 500, "they count after a restart, too"
    node.client(JOBS).Unsubscribe(SubscriptionID=listed[0].ID)
    assert post(0).status_code == 200


def test_a_dead_and_a_silent_observer_hold_up_nobody(pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    release = threading.Event()
    silent = observe(lambda notification: release.wait(25) and None)
    live = observe()
    subscribe(here, silent, "job")
    here.client(JOBS).Subscribe(
        JobID="0", JobObserver={"Address": "http://127.0.0.1:9/", "Action": ""},
        Topics={"Topic": []})
    subscribe(here, live, "job")
    for i in range(5):
        wait_end(here, submit(here, order(there, destination=f"/{i}")))
    live.wait_for("all", lambda got: len(
        [n for n in got if n.topic == "Stop"]) == 5)
    numbers = [n.sequence for n in live.received]
    assert numbers == sorted(set(numbers))
    assert len(silent.received) == 1, "one in flight"
    release.set()


def test_statistics_are_the_newest_and_never_ahead(pair, observe):
    """One observer holds the answer to its first event while another one gets
    the figures of some seconds: then it gets the events that waited, and of
    the figures no more than the newest."""
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(50_000_000))
    release = threading.Event()
    held = observe(lambda notification: 200 if release.wait(60) else 500)
    free = observe()
    topics = ["*", "Statistics"]
    for observer in (held, free):
        make(here, observer, topics=topics, kind="session")
    job = submit(here, order(there, rate=2000))

    def statistics(got):
        return [n for n in got if n.topic == "Statistics"]

    def figures(notification):
        return b"".join(
            child.tag.encode() + (child.text or "").encode()
            for child in notification.element.find("Session").iter())

    free.wait_for("figures", statistics)
    other = submit(here, order(there, port=9))  # has events, and fails
    wait_end(here, other)
    stop = free.wait_for("its end", lambda got: [
        n for n in got if n.topic == "Stop"])[0]
    free.wait_for("more figures", lambda got: len(
        [n for n in statistics(got) if n.sequence >= stop.sequence]) >= 3)
    # The last one, or a newer one, waits for the other observer now.
    before = statistics(list(free.received))[:-1]
    assert len(held.received) == 1, "one in flight"
    here.client(JOBS).Cancel(JobID=job)
    wait_end(here, job)
    release.set()
    for observer in (held, free):
        observer.wait_for("both ends", lambda got: len(
            [n for n in got if n.topic == "Stop"]) == 2)
    held.wait_for("figures", statistics)

    events = here.client("EventNET-202611").GetEvents(
        AfterSequence=0, MaxResults=1000).Event
    sequences = [e.Sequence for e in events if e.Session is not None]
    for observer in (held, free):
        got = list(observer.received)
        stored = [n.sequence for n in got if n.topic != "Statistics"]
        assert stored == sequences, "each once, in order"
        assert len({n.event_id for n in got}) == len(got)
        for i, one in enumerate(got):
            if one.topic == "Statistics":
                assert one.event_id not in {e.EventID for e in events}
                assert all(n.sequence > one.sequence for n in got[i + 1:]
                           if n.topic != "Statistics"), "not ahead"
    old = {figures(n) for n in before}
    assert not [n for n in statistics(held.received) if figures(n) in old]
    assert len(statistics(held.received)) <= 2
    assert all("tatistics" not in e.Topic for e in events)
