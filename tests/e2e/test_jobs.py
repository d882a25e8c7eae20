"""Jobs that end well: faults in mid-transfer, retries, control while running."""

import contextlib
import os

import pytest
import zeep
from ferry import (PASSWORD, order, sessions_of, submit, subscribe, wait_job,
                   wait_until)

MIB = 1 << 20
SIZE = 48 * MIB
BEFORE = 6 * MIB  # on disk when the fault comes
# A job begins at 3 MB/s: what is left when the fault is due takes 14 s, which
# no stall of the machine lasts.  finish() then lets it go.
RATE = 24000
FAST = 2000000
RETRIES = 10  # some may come while the other node is not back

@pytest.fixture
def content():
    return os.urandom(SIZE)


def ends(here, there, operation="Push"):
    """The paths of what is sent and of what arrives."""
    sender, receiver = (here, there) if operation == "Push" else (there, here)
    return sender.docroot / "in", receiver.docroot / "out"


def start(here, there, content, **options):
    """A job that runs and has something on disk at the receiving node."""
    ends(here, there, options.get("operation", "Push"))[0].write_bytes(content)
    options = {"rate": RATE, "retries": RETRIES, "retry_s": 1, **options}
    job_id = submit(here, order(there, **options))
    wait_until("bytes", lambda: sessions_of(
        here, job_id)[0].BytesWritten >= min(BEFORE, len(content) // 3))
    return job_id


def finish(node, job_id, seconds=60):
    """Waits for a job's end, at full speed from now on; returns its sessions,
    newest first."""
    client, jobs = node.client(), node.client("IScpTransferNET-200604")

    def over():
        newest = sessions_of(node, job_id)[0]
        if newest.Status == "running" and newest.TargetRate != FAST:
            with contextlib.suppress(zeep.exceptions.Fault):  # it is over
                client.SetTargetRate(SessionID=newest.UUID, TargetRate=FAST)
        return job_id not in (jobs.ListJobs() or [])

    wait_until(f"the end of job {job_id}", over, seconds)
    return sessions_of(node, job_id)


def told(observer, kind, sessions=None):
    """The topics of all events, or those of these sessions only."""
    ids = None if sessions is None else {s.UUID for s in sessions}
    return [n.topic for n in observer.received if n.kind == kind
            and (ids is None or n.session_id in ids)]


def expect_retried(here, there, job_id, content, state, error,
                   operation="Push", observer=None):
    """It failed once in the way that is expected, and then came through
    without sending again what was on disk.  Retries in between, before the
    other node was back, change nothing."""
    last, *between, first = finish(here, job_id)
    assert (first.Status, first.JobRetryCount) == (state, 0), first
    assert first.ErrorCode in error, first
    for session in between:
        assert (session.Status, session.BytesWritten) == ("willretry", 0)
    assert (last.Status, last.JobRetryCount, last.JobMaxRetries) == (
        "completed", len(between) + 1, RETRIES)
    assert last.ErrorCode == 0 and last.UUID != first.UUID
    assert ends(here, there, operation)[1].read_bytes() == content
    assert first.FilesComplete == 0 and last.FilesComplete == 1
    # Blocks of 1 MiB that were begun are sent again, and what was written
    # since the figures were stored, as they are once a second.
    had = max(first.BytesWritten, BEFORE)
    assert last.BytesTransferred <= SIZE - had + 3 * MIB, (first, last)
    assert last.BytesWritten == SIZE
    if observer is not None:
        expect_told_of_a_retry(observer, [first, last])


def expect_told_of_a_retry(observer, sessions):
    observer.wait_for("the job's Stop", lambda got: [
        n for n in got if n.kind == "job" and n.topic == "Stop"])
    assert told(observer, "job", sessions) == [
        "Connecting", "Start", "Status", "Connecting", "Stop"]
    # A session's Status tells of its new rate, which finish() sets.
    assert [t for t in told(observer, "session", sessions) if t != "Status"
            ] == ["Start", "Error", "Stop", "Start", "Stop"]


BOTH = pytest.mark.parametrize("operation", ("Push", "Pull"))


@BOTH
def test_the_remote_is_killed_and_comes_back(
        pair, observe, content, operation):
    here, there = pair
    observer = observe()
    subscribe(here, observer)
    job_id = start(here, there, content, operation=operation)
    there.kill()
    wait_until("willretry", lambda:
               sessions_of(here, job_id)[0].Status == "willretry")
    assert here.client("IScpTransferNET-200604").ListJobs() == [job_id]
    there.start()
    expect_retried(here, there, job_id, content, "willretry",
                   {12, 16, 39}, operation, observer)
    ids = [n.session_id for n in observer.received if n.kind == "job"]
    sessions = [s.UUID for s in sessions_of(here, job_id)][::-1]
    assert sorted(ids, key=sessions.index) == ids
    assert (ids.count(sessions[0]), ids.count(sessions[-1])) == (3, 2)


@BOTH
def test_this_node_is_killed_and_its_jobs_go_on(
        pair, observe, content, operation):
    here, there = pair
    observer = observe()
    subscribe(here, observer)
    job_id = start(here, there, content, retry_s=600, operation=operation)
    here.kill()
    here.start()
    expect_retried(here, there, job_id, content, "orphaned", {16},
                   operation, observer)


@BOTH
def test_this_node_is_stopped_and_its_jobs_go_on(pair, content, operation):
    here, there = pair
    job_id = start(here, there, content, retry_s=600, operation=operation)
    here.stop()
    here.start()
    expect_retried(here, there, job_id, content, "willretry", {16},
                   operation)


@BOTH
def test_the_control_connection_is_cut(path, content, operation):
    here, there, proxy = path
    job_id = start(here, there, content, operation=operation)
    proxy.cut()
    expect_retried(here, there, job_id, content, "willretry",
                   {12, 16}, operation)


def test_udp_is_blocked_for_five_seconds_and_nobody_notices(path, content):
    here, there, proxy = path
    job_id = start(here, there, content)
    proxy.block_udp()
    assert proxy.bytes_during(5) == 0
    proxy.udp_blocked = False
    only, = finish(here, job_id)
    assert (only.Status, only.JobRetryCount) == ("completed", 0)
    assert (there.docroot / "out").read_bytes() == content


def wait_retry(node, job_id):
    wait_until("willretry", lambda:
               sessions_of(node, job_id)[0].Status == "willretry")


def test_a_wrong_password_at_the_retry_ends_the_job(pair, observe, content):
    here, there = pair
    observer = observe()
    subscribe(here, observer, "job")
    job_id = start(here, there, content)
    there.kill()
    there.ferry("user", "remove", "lab", "--state", there.state)
    there.add_user(password=PASSWORD + "!")
    there.start()
    last, *before = wait_job(here, job_id)
    assert {s.Status for s in before} == {"willretry"}
    assert (last.Status, last.ErrorCode) == ("error", 19)
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    assert told(observer, "job", [before[-1], last]) == [
        "Connecting", "Start", "Status", "Connecting", "Error", "Stop"]
    assert not (there.docroot / "out").exists()


def test_a_source_that_is_gone_at_the_retry_ends_the_job(pair, content):
    here, there = pair
    job_id = start(here, there, content)
    there.kill()
    wait_retry(here, job_id)
    (here.docroot / "in").unlink()
    there.start()
    last, *before = wait_job(here, job_id)
    assert {s.Status for s in before} == {"willretry"}
    assert (last.Status, last.ErrorCode) == ("error", 4)


def test_nobody_comes_back(make_node, observe):
    here = make_node("here").start()
    there = make_node("there").start()
    there.kill()
    (here.docroot / "in").write_bytes(b"x")
    observer = observe()
    subscribe(here, observer, "job")
    job_id = submit(here, order(there, retries=2, retry_s=1))
    sessions = wait_job(here, job_id)
    assert [s.Status for s in sessions] == ["error", "willretry", "willretry"]
    assert [s.JobRetryCount for s in sessions] == [2, 1, 0]
    assert {s.ErrorCode for s in sessions} == {12}
    starts = [s.StartDate for s in sessions]
    assert 0.9 < (starts[1] - starts[2]).total_seconds()
    assert 1.9 < (starts[0] - starts[1]).total_seconds(), "it doubles"
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    assert told(observer, "job") == (["Connecting", "Status"] * 2 +
                                     ["Connecting", "Error", "Stop"])


def test_a_job_is_cancelled_while_it_waits(pair, content):
    here, there = pair
    job_id = start(here, there, content, retry_s=600)
    there.kill()
    wait_retry(here, job_id)
    here.client("IScpTransferNET-200604").Cancel(JobID=job_id)
    only, = sessions_of(here, job_id)
    assert (only.Status, only.ErrorCode) == ("cancelled", 28)
    assert here.client("IScpTransferNET-200604").ListJobs() in (None, [])
    there.start()


# ---- control while running ----

# A new rate is in force within 200 ms and a round trip; then what arrives in
# a second is what the rate allows, with half of it more for a busy machine.
SETTLED = 0.25


def second_of(kbps):
    return 1.5 * kbps * 1000 / 8


def slows(proxy, kbps):
    """It stays at the rate from now on: a stall lets one look come too early,
    not all of them."""
    wait_until(f"{kbps} kbit/s on the wire",
               lambda: proxy.bytes_during(1) < second_of(kbps))


def start_long(path, observe, rate, **options):
    """A push of a minute at `rate`; sessions' events of both nodes."""
    here, there, proxy = path
    observers = observe(), observe()
    for node, observer in zip((here, there), observers):
        subscribe(node, observer, "session", topics=["Status"])
    content = bytes(rate * 125 * 60)
    job_id = start(here, there, content, rate=rate, **options)
    session_id = sessions_of(here, job_id)[0].UUID
    return job_id, session_id, observers


def expect_status(observers, count):
    for observer in observers:
        observer.wait_for(f"{count} Status", lambda got: len(got) >= count)


def both(path, session_id, field):
    """What both nodes show of the session."""
    return {getattr(node.client().GetSessionInfo(
        SessionFilter={"SessionUUID": [session_id]}).SessionInfo[0], field)
            for node in path[:2]}


def wait_both(path, session_id, **expected):
    for field, value in expected.items():
        wait_until(f"{field} {value}", lambda: both(
            path, session_id, field) == {value})


def test_a_new_rate_is_in_force_within_200_ms(path, observe):
    """On the wire.  Whoever stalls meanwhile only proves nothing: again."""
    here, there, proxy = path
    job_id, session_id, _ = start_long(path, observe, 8000)
    client = here.client()

    def in_time(kbps):
        client.SetTargetRate(SessionID=session_id, TargetRate=8000)
        wait_until("the higher rate",
                   lambda: proxy.bytes_during(0.5) > second_of(1000))
        client.SetTargetRate(SessionID=session_id, TargetRate=kbps)
        proxy.bytes_during(SETTLED)
        return proxy.bytes_during(1) < second_of(max(kbps, 100))

    for kbps in (1000, 0):
        assert any(in_time(kbps) for _ in range(8)), kbps
    here.client("IScpTransferNET-200604").Cancel(JobID=job_id)
    wait_both(path, session_id, Status="cancelled")


def test_rates_are_changed_while_it_runs(path, observe):
    here, there, proxy = path
    job_id, session_id, observers = start_long(path, observe, 8000)
    client = here.client()

    client.SetTargetRate(SessionID=session_id, TargetRate=1000)
    slows(proxy, 1000)
    expect_status(observers, 1)
    wait_both(path, session_id, TargetRate=1000)

    client.SetTargetRate(SessionID=session_id, TargetRate=16000)
    wait_until("the higher rate",
               lambda: proxy.bytes_during(0.5) > second_of(1000))
    expect_status(observers, 2)

    client.SetBandwidthCap(SessionID=session_id, BandwidthCap=2000)
    slows(proxy, 2000)
    expect_status(observers, 3)
    wait_both(path, session_id, BandwidthCap=2000, TargetRate=16000)

    client.SetMinimumRate(SessionID=session_id, MinimumRate=100)
    expect_status(observers, 4)
    wait_both(path, session_id, MinimumRate=100)

    client.SetPolicy(SessionID=session_id, Policy="Fair")
    expect_status(observers, 5)
    wait_both(path, session_id, RatePolicy="fair")

    # By the other node as well, and all at once.
    there.client().SetRateParameters(SessionID=session_id, RateParameters={
        "Policy": "Fixed", "TargetRate": 3000, "MinimumRate": 0,
        "BandwidthCap": 10000000})
    slows(proxy, 3000)
    expect_status(observers, 6)
    wait_both(path, session_id, RatePolicy="fixed", TargetRate=3000,
              MinimumRate=0, BandwidthCap=10000000)

    here.client("IScpTransferNET-200604").Cancel(JobID=job_id)
    wait_both(path, session_id, Status="cancelled")


def test_pause_stops_the_data_and_wins_over_a_minimum(path, observe):
    here, there, proxy = path
    job_id, session_id, observers = start_long(path, observe, 8000)
    client = here.client()
    client.SetMinimumRate(SessionID=session_id, MinimumRate=4000)
    client.SetTargetRate(SessionID=session_id, TargetRate=0)
    slows(proxy, 100)
    wait_both(path, session_id, Status="paused", TargetRate=0)
    expect_status(observers, 2)
    assert here.client("IScpTransferNET-200604").ListJobs() == [job_id]

    client.SetTargetRate(SessionID=session_id, TargetRate=8000)
    wait_until("data again", lambda: proxy.bytes_during(0.5) > MIB // 8)
    wait_both(path, session_id, Status="running", TargetRate=8000)
    expect_status(observers, 3)
    here.client().CancelSession(SessionID=session_id)
    wait_both(path, session_id, Status="cancelled")


def test_a_paused_session_that_is_lost_is_paused_again(path, observe):
    here, there, proxy = path
    job_id, session_id, observers = start_long(path, observe, 8000, retries=3)
    here.client().SetTargetRate(SessionID=session_id, TargetRate=0)
    wait_both(path, session_id, Status="paused")
    proxy.cut()
    again = wait_until("a second session that is paused", lambda: [
        s for s in sessions_of(here, job_id)
        if s.JobRetryCount == 1 and s.Status == "paused"])[0]
    slows(proxy, 100)
    assert again.TargetRate == 0
    here.client().SetTargetRate(SessionID=again.UUID, TargetRate=100000)
    assert wait_job(here, job_id)[0].Status == "completed"
