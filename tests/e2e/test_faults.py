"""Faults in mid-transfer: how the session and the job end, which events tell
it, and what the next session does not send again.  test_jobs.py has those
where a node or its control connection goes away."""

import contextlib
import os
import signal
import subprocess

import pytest
from ferry import (order, sessions_of, submit, subscribe, tree, wait_end,
                   wait_job, wait_until)
from test_jobs import (BEFORE, BOTH, MIB, SIZE, ends, expect_retried,
                       expect_told_of_a_retry, finish, start, told)


@pytest.fixture
def content():
    return os.urandom(SIZE)


@pytest.fixture
def configured(make_node, tmp_path):
    """Makes nodes with settings of the section ferry."""
    def make(name, **settings):
        path = tmp_path / f"{name}.conf"
        path.write_text("<CONF version='2'><ferry>" + "".join(
            f"<{key}>{value}</{key}>" for key, value in settings.items()
        ) + "</ferry></CONF>")
        path.chmod(0o600)
        return make_node(name, options=["--config", path])
    return make


def wait_status(node, job_id, status):
    wait_until(status, lambda: sessions_of(node, job_id)[0].Status == status)


# ---- silence ----

@BOTH
def test_a_node_that_hangs_is_noticed_and_named(
        configured, make_node, content, operation):
    here = configured("here", stall_timeout_sec=2).start()
    there = make_node("there")
    there.add_user()
    there.start()
    job_id = start(here, there, content, retries=0, operation=operation)
    there.process.send_signal(signal.SIGSTOP)
    try:
        # 2 s, and 5 for the other node to take the last words.
        end = wait_end(here, job_id, 30)
    finally:
        there.process.send_signal(signal.SIGCONT)
    assert (end.Status, end.ErrorCode) == ("error", 40)
    side = "receiving" if operation == "Push" else "sending"
    assert f"no datagram of the {side} node arrives" in end.ErrorDescription


@BOTH
def test_udp_is_blocked_in_the_middle_until_the_job_retries(
        path, content, observe, operation):
    here, there, proxy = path
    # Only the restart reads the file: the proxy is between nodes that run.
    for node in (here, there):
        node.stop()
        config = node.state.parent / f"{node.name}.conf"
        config.write_text("<CONF version='2'><ferry><stall_timeout_sec>2"
                          "</stall_timeout_sec></ferry></CONF>")
        config.chmod(0o600)
        node.options += ["--config", config]
        node.start()
    observer = observe()
    subscribe(here, observer)
    job_id = start(here, there, content, operation=operation)
    proxy.udp_blocked = True
    wait_status(here, job_id, "willretry")
    proxy.udp_blocked = False
    expect_retried(here, there, job_id, content, "willretry", {40}, operation,
                   observer)


def test_what_a_lost_session_holds_is_taken_up_by_the_next(path, content):
    """The other node has heard nothing of the end: it would wait a minute."""
    here, there, proxy = path
    job_id = start(here, there, content)
    proxy.freeze()
    here.kill()
    here.start()
    expect_retried(here, there, job_id, content, "orphaned", {16})
    states = [(s.Status, s.ErrorCode) for s in there.client().GetSessionInfo(
        SessionFilter={}).SessionInfo]
    assert states == [("completed", 0), ("error", 16)]


def test_udp_never_works_and_the_port_is_named(configured, path, observe):
    _, there, proxy = path
    here = configured("timid", datagram_timeout_sec=1).start()
    (here.docroot / "in").write_bytes(b"x")
    observer = observe()
    subscribe(here, observer, "job")
    proxy.udp_blocked = True
    job_id = submit(here, order(there, retries=1, retry_s=1))
    sessions = wait_job(here, job_id)
    assert [(s.Status, s.ErrorCode) for s in sessions] == [
        ("error", 15), ("willretry", 15)]
    assert f"UDP port {proxy.port} " in sessions[0].ErrorDescription
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    assert told(observer, "job") == [
        "Connecting", "Start", "Status", "Connecting", "Error", "Stop"]


# ---- disks ----

@contextlib.contextmanager
def mounted(folder, options):
    """A small file system in the folder, where the test may mount one."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "ferry-test",
                           folder], capture_output=True)
    if done.returncode != 0:
        pytest.skip("this test needs to mount file systems (root)")
    try:
        yield lambda options: subprocess.run(
            ["mount", "-o", f"remount,{options}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def expect_one_failure(node, observer, job_id, error):
    """Time does not mend it: there is no retry, whatever the order allows."""
    only, = wait_job(node, job_id)
    assert (only.Status, only.ErrorCode) == ("error", error), only
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    topics = told(observer, "job")
    assert topics[-2:] == ["Error", "Stop"]
    return only


@BOTH
def test_a_full_disk_ends_the_job_and_loses_nothing(
        pair, observe, content, operation):
    here, there = pair
    source, target = ends(here, there, operation)
    source.write_bytes(content)
    observer = observe()
    subscribe(here, observer, "job")
    with mounted(target.parent, "size=12m") as remount:
        job_id = submit(here, order(there, operation, retries=3))
        first = expect_one_failure(here, observer, job_id, 25)
        assert not target.exists()
        remount("size=128m")
        last, = wait_job(here, submit(here, order(there, operation)))
        assert (last.Status, last.FilesComplete) == ("completed", 1)
        assert target.read_bytes() == content
        assert last.BytesTransferred <= SIZE - first.BytesWritten + 3 * MIB
        assert first.BytesWritten >= BEFORE


@BOTH
def test_a_target_that_is_read_only_ends_the_job(
        pair, observe, content, operation):
    here, there = pair
    source, target = ends(here, there, operation)
    source.write_bytes(content)
    observer = observe()
    subscribe(here, observer, "job")
    with mounted(target.parent, "ro"):
        job_id = submit(here, order(there, operation, retries=3))
        expect_one_failure(here, observer, job_id, 26)
        assert list(target.parent.iterdir()) == []


# ---- sources ----

@BOTH
def test_a_source_that_goes_before_it_is_read_fails_alone(pair, operation):
    here, there = pair
    source, target = ends(here, there, operation)
    source.mkdir()
    # The sender reads 64 MiB ahead of what it sends, at most.  At 1 Mbit/s it
    # is minutes until it needs the last file: this cannot come too late.
    for i in range(12):
        (source / f"{i:02}").write_bytes(os.urandom(8 * MIB))
    job_id = submit(here, order(there, operation, destination="/out/",
                               rate=1000, retries=3))
    wait_until("bytes", lambda: sessions_of(
        here, job_id)[0].BytesTransferred > 0)
    (source / "11").unlink()
    here.client().SetTargetRate(SessionID=sessions_of(here, job_id)[0].UUID,
                                TargetRate=1000000)
    only, = wait_job(here, job_id)
    assert (only.Status, only.ErrorCode) == ("error", 27)
    assert (only.FilesComplete, only.FilesFailed) == (11, 1)
    failed, = [f for f in here.client().GetFileTransferInfo(
        FileTransferFilter={"JobId": [job_id]}).FileTransferInfo
        if f.Status != "completed"]
    assert (failed.Status, failed.ErrorCode) == ("error", 4)
    assert tree(target / "in") == tree(source)


def test_a_source_that_goes_while_it_is_read_arrives_whole(pair, content):
    here, there = pair
    job_id = start(here, there, content)
    (here.docroot / "in").unlink()
    only, = finish(here, job_id)
    assert only.Status == "completed"
    assert (there.docroot / "out").read_bytes() == content


def overwrite(path):
    """In place: same size, other bytes, another time."""
    with open(path, "r+b") as file:
        file.write(b"changed" * 1000)


def grow(path):
    with open(path, "ab") as file:
        file.write(b"more" * MIB)


def shrink(path):
    os.truncate(path, 20 * MIB)


@pytest.mark.parametrize("change", (overwrite, grow, shrink))
@BOTH
def test_a_source_that_changes_is_never_a_mixture(
        pair, observe, content, operation, change):
    here, there = pair
    observer = observe()
    subscribe(here, observer)
    job_id = start(here, there, content, operation=operation)
    source, target = ends(here, there, operation)
    change(source)
    last, first = finish(here, job_id)
    assert (first.Status, first.ErrorCode) == ("willretry", 35)
    assert (last.Status, last.JobRetryCount) == ("completed", 1)
    assert target.read_bytes() == source.read_bytes()
    expect_told_of_a_retry(observer, [first, last])
    # What was on disk is of another file, and all of it comes anew.
    assert last.BytesTransferred >= source.stat().st_size


# ---- clocks ----

@pytest.fixture
def clocks(request, make_node, tmp_path):
    """Two nodes whose wall clocks the test sets: set_clocks(seconds)."""
    binary = request.config.getoption("--clock")
    if binary is None:
        pytest.skip("this test needs the binary with a clock of its own")
    path = tmp_path / "clock"
    path.write_bytes(bytes(8))

    def set_clocks(seconds):
        with open(path, "r+b") as file:
            file.write(int(seconds * 1000000).to_bytes(8, "little", signed=True))

    env = {"FERRY_TEST_CLOCK": str(path)}
    here, there = (make_node(n, binary=binary, env=env)
                   for n in ("here", "there"))
    there.add_user()
    return here.start(), there.start(), set_clocks


@pytest.mark.parametrize("seconds", (-3600, 3600), ids=("back", "forward"))
@BOTH
def test_a_clock_that_is_set_disturbs_nothing(
        clocks, observe, content, operation, seconds):
    here, there, set_clocks = clocks
    observer = observe()
    subscribe(here, observer)
    job_id = start(here, there, content, operation=operation)
    set_clocks(seconds)
    only, = finish(here, job_id)
    assert (only.Status, only.JobRetryCount) == ("completed", 0)
    assert ends(here, there, operation)[1].read_bytes() == content
    for node in (here, there):
        info = node.client().GetSessionInfo(
            SessionFilter={"SessionUUID": [only.UUID]}).SessionInfo[0]
        took = (info.EndDate - info.StartDate).total_seconds()
        assert 0 < took < 600, (node.name, info)
        assert 0 < info.Elapsed < 600 * 1000000, (node.name, info)
    observer.wait_for("Stop", lambda got: [
        n for n in got if n.kind == "job" and n.topic == "Stop"])
    for kind in ("job", "session"):
        numbers = [n.sequence for n in observer.received if n.kind == kind]
        assert numbers == sorted(numbers)
    topics = told(observer, "session")
    assert [t for t in topics if t != "Status"] == ["Start", "Stop"]


def test_a_clock_that_is_set_back_delays_no_retry(clocks, content):
    here, there, set_clocks = clocks
    job_id = start(here, there, content)
    there.kill()
    wait_status(here, job_id, "willretry")
    set_clocks(-86400)
    there.start()
    expect_retried(here, there, job_id, content, "willretry", {12, 16, 39})


def test_a_restart_behind_a_clock_that_was_set_back_retries_in_time(
        clocks, content):
    here, there, set_clocks = clocks
    job_id = start(here, there, content, retry_s=1)
    there.kill()
    wait_status(here, job_id, "willretry")
    here.stop()
    set_clocks(-86400)
    there.start()
    here.start()
    expect_retried(here, there, job_id, content, "willretry", {12, 16, 39})
