"""The main job, end to end: subscribe, submit, transfer, events, query."""

import hashlib

from ferry import (order, session_of, submit, subscribe, tree, wait_end)

FILES = {"a.txt": b"hello", "empty": b"", "big.bin": bytes(range(256)) * 20000}


def fill(folder):
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "sub").mkdir()
    (folder / "sub" / "b.txt").write_bytes(b"b" * 1000)
    (folder / "nothing").mkdir()


def test_a_push_is_told_to_subscribers_and_queries(pair, observe):
    here, there = pair
    fill(here.docroot / "in")
    observer = observe()
    job_subscription, session_subscription = subscribe(here, observer)

    job_id = submit(here, order(there, destination="/out/", extra=(
        "<ApplicationData><Cookie>tape 7</Cookie></ApplicationData>")))
    info = here.client().GetInfo(FileTransferFilter={"JobId": [job_id]})
    assert [s.JobId for s in info.SessionInfo] == [job_id], (
        "a query straight after Submit finds the session")
    session_id = info.SessionInfo[0].UUID

    observer.wait_for("both Stops", lambda got: {"job", "session"} <= {
        n.kind for n in got if n.topic == "Stop"})
    jobs = [n for n in observer.received if n.kind == "job"]
    sessions = [n for n in observer.received if n.kind == "session"]
    assert [n.topic for n in jobs] == ["Connecting", "Start", "Stop"]
    assert sessions[0].topic == "Start"
    assert sessions[-1].topic == "Stop"
    assert {n.job_id for n in jobs} == {job_id}
    assert {n.session_id for n in jobs + sessions} == {session_id}
    assert {n.subscription for n in jobs} == {job_subscription}
    assert {n.subscription for n in sessions} == {session_subscription}
    assert min(n.sequence for n in jobs + sessions) == jobs[0].sequence
    for each in (jobs, sessions):
        numbers = [n.sequence for n in each]
        assert numbers == sorted(set(numbers))
    assert all("urn:test#Notify" in n.action for n in jobs + sessions)

    end = session_of(here, job_id)
    total = sum(map(len, FILES.values())) + 1000
    assert end.Status == "completed" and end.ErrorCode == 0
    assert (end.FileCount, end.FilesComplete, end.FilesFailed) == (4, 4, 0)
    assert (end.ExpectedFileCount, end.ExpectedByteCount) == (4, total)
    assert end.BytesWritten == total
    assert end.BytesTransferred >= total
    assert end.Cookie == "tape 7" and end.Direction == "outgoing"
    assert end.EndDate >= end.StartDate
    assert tree(there.docroot / "out" / "in") == tree(here.docroot / "in")


def test_a_pull_brings_a_tree_here(pair):
    here, there = pair
    fill(there.docroot / "in")
    job_id = submit(here, order(there, "Pull", destination="/out/"))
    end = wait_end(here, job_id)
    assert end.Status == "completed", end
    assert end.Direction == "incoming"
    assert tree(here.docroot / "out" / "in") == tree(there.docroot / "in")


def test_the_remote_node_sees_the_session_too(pair):
    here, there = pair
    fill(here.docroot / "in")
    job_id = submit(here, order(there, destination="/out/"))
    ours = wait_end(here, job_id)
    theirs = there.client().GetSessionInfo(
        SessionFilter={"SessionUUID": [ours.UUID]}).SessionInfo
    assert len(theirs) == 1, "both nodes use the same id"
    assert theirs[0].Status == "completed"
    assert theirs[0].Direction == "incoming"
    assert (theirs[0].ServerEndpoint, theirs[0].ClientEndpoint) == (
        "Local", "Remote")
    assert (ours.ServerEndpoint, ours.ClientEndpoint) == ("Remote", "Local")
    assert theirs[0].BytesWritten == ours.BytesWritten
    assert theirs[0].FilesComplete == ours.FilesComplete == 4


def test_files_are_listed_with_their_figures(pair):
    here, there = pair
    fill(here.docroot / "in")
    job_id = submit(here, order(there, destination="/out/"))
    wait_end(here, job_id)
    client = here.client()
    by_job = {"JobId": [job_id]}
    files = client.GetFileTransferInfo(FileTransferFilter=by_job)
    assert files.ResultCount == 4
    sizes = {f.Path.rsplit("/", 1)[-1]: f.Size for f in files.FileTransferInfo}
    assert sizes == {"b.txt": 1000, **{n: len(c) for n, c in FILES.items()}}
    for file in files.FileTransferInfo:
        assert file.Status == "completed" and file.ErrorCode == 0
        assert file.BytesWritten == file.Size == file.BytesContiguous
    statistics = client.GetFileTransferStatistics(FileTransferFilter=by_job)
    assert statistics.ResultCount == 4
    both = client.GetInfo(FileTransferFilter=by_job)
    assert both.ResultCount == 5
    assert len(both.SessionInfo) == 1 and len(both.FileTransferInfo) == 4


def test_a_node_transfers_to_itself(make_node):
    node = make_node()
    node.add_user()
    node.start()
    fill(node.docroot / "in")
    job_id = submit(node, order(node, destination="/out/"))
    assert wait_end(node, job_id).Status == "completed"
    assert tree(node.docroot / "out" / "in") == tree(node.docroot / "in")
    all_sessions = node.client().GetSessionInfo(SessionFilter={})
    assert all_sessions.ResultCount == 1, "it lists only the job's session"


def test_a_key_opens_the_door(pair, tmp_path, binary):
    import subprocess
    here, there = pair
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key],
                   check=True)
    there.add_user("keys", key=f"{key}.pub", password=None)
    (here.docroot / "in").write_bytes(b"x" * 5000)
    definition = order(there, user="keys", password="").replace(
        "<Method>Password</Method></Methods>",
        f"<Method>Public Key</Method></Methods><KeyPath>{key}</KeyPath>")
    assert wait_end(here, submit(here, definition)).Status == "completed"
    assert (there.docroot / "out").read_bytes() == b"x" * 5000


def test_every_cipher_and_policy_carries_the_same_bytes(pair):
    here, there = pair
    content = hashlib.sha256(b"seed").digest() * 60000
    (here.docroot / "in").write_bytes(content)
    for cipher in ("None", "AES-128", "AES-192", "AES-256"):
        for policy in ("Fixed", "High", "Fair", "Low"):
            target = f"/{cipher}-{policy}"
            job_id = submit(here, order(
                there, destination=target, policy=policy, extra=(
                    "<SecurityParameters><EncryptionCipher>"
                    f"{cipher}</EncryptionCipher></SecurityParameters>")))
            end = wait_end(here, job_id)
            assert end.Status == "completed", (cipher, policy, end)
            assert end.RatePolicy == policy.lower()
            assert (there.docroot / target[1:]).read_bytes() == content
