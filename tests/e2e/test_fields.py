"""What the fields of the answers are filled from: what this end knows, at each
time of a session's life."""

import pytest
import zeep.helpers
from ferry import (order, sessions_of, submit, subscribe, wait_end, wait_job,
                   wait_until)

MIB = 1 << 20
plain = zeep.helpers.serialize_object


def session_of_2006(node, session_id):
    return node.client("FASPSessionNET-200601").QuerySession(
        SessionID=session_id)


def files_of(node, session_id):
    return node.client().GetFileTransferInfo(FileTransferFilter={
        "SessionUUID": [session_id]}).FileTransferInfo


def same_file(shown, row):
    """FileStatistics of 2006 is the row of 2009."""
    assert (shown.Name, shown.Size, shown.BytesWritten, shown.BytesContiguous,
            shown.BytesLost, shown.StartByte, shown.uSecondsElapsed,
            shown.ErrorCode, shown.ErrorDescription or None) == (
        row.Path, row.Size, row.BytesWritten, row.BytesContiguous,
        row.BytesLost, row.StartOffset, row.Elapsed, row.ErrorCode,
        row.ErrorDescription)


def long_transfer(pair, operation, retries=0):
    here, there = pair
    source = here if operation == "Push" else there
    (source.docroot / "in").write_bytes(bytes(range(256)) * (16 * MIB // 256))
    job = submit(here, order(there, operation, rate=8000, retries=retries))
    return job, sessions_of(here, job)[0].UUID


def moving(node, session_id):
    """The row of the one file, once some of it is written."""
    rows = files_of(node, session_id) if sessions_known(node, session_id) else []
    return rows[0] if rows and rows[0].BytesWritten else None


def has_ended(node, session_id):
    return node.client().GetSessionInfo(SessionFilter={
        "SessionUUID": [session_id]}).SessionInfo[0].EndDate is not None


def sessions_known(node, session_id):
    return node.client().GetSessions(SessionFilter={
        "SessionUUID": [session_id]}).ResultCount


@pytest.mark.parametrize("operation", ["Push", "Pull"])
def test_a_file_on_its_way_is_shown_as_far_as_it_is(pair, operation):
    here, there = pair
    job, session = long_transfer(pair, operation)
    for node in pair:
        row = wait_until("bytes", lambda: moving(node, session))
        assert row.Status == "running" and row.EndDate is None
        assert 0 < row.BytesContiguous <= row.BytesWritten <= row.Size
        assert row.Elapsed > 0
        later = wait_until("more bytes", lambda: next(
            (r for r in files_of(node, session)
             if r.BytesWritten > row.BytesWritten), None))
        assert later.Elapsed > row.Elapsed and later.BytesWritten <= later.Size
        shown = session_of_2006(node, session).Statistics
        assert shown.File.Name == later.Path
        assert later.BytesWritten <= shown.File.BytesWritten <= later.Size
        assert later.Elapsed < shown.File.uSecondsElapsed
        assert 0 < shown.File.BytesContiguous <= shown.File.BytesWritten
        statistics = node.client().GetFileTransferStatistics(
            FileTransferFilter={"SessionUUID": [session]})
        assert statistics.FileTransferStatistics[0].BytesWritten >= (
            shown.File.BytesWritten)
    here.client().CancelSession(SessionID=session)
    wait_end(here, job)


def test_a_file_that_came_is_the_same_in_both_services(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(3 * MIB))
    job = submit(here, order(there))
    end = wait_end(here, job)
    assert end.Status == "completed"
    wait_until("the end there", lambda: has_ended(there, end.UUID))
    for node in pair:
        (row,) = files_of(node, end.UUID)
        assert row.Elapsed > 0 and row.BytesContiguous == row.Size == 3 * MIB
        same_file(session_of_2006(node, end.UUID).Statistics.File, row)


def test_a_file_that_failed_says_why(pair):
    here, there = pair
    (here.docroot / "in").mkdir()
    (here.docroot / "in" / "good").write_bytes(b"x")
    (here.docroot / "in" / "last").symlink_to("/nowhere")
    end = wait_end(here, submit(here, order(there, destination="/out/")))
    assert (end.FilesComplete, end.FilesFailed) == (1, 1)
    failed = next(r for r in files_of(here, end.UUID) if r.Status == "error")
    assert failed.ErrorCode != 0 and failed.ErrorDescription
    assert failed.Path.endswith("last")


def test_a_resumed_file_says_where_it_began(pair):
    here, there = pair
    job, session = long_transfer(pair, "Push")
    wait_until("some MiB", lambda: (
        (row := moving(there, session)) and row.BytesWritten > 3 * MIB))
    here.client().CancelSession(SessionID=session)
    wait_end(here, job)
    end = wait_end(here, submit(here, order(there)))
    assert end.Status == "completed" and end.BytesTransferred < 16 * MIB
    wait_until("the end there", lambda: has_ended(there, end.UUID))
    for node in pair:
        (row,) = files_of(node, end.UUID)
        assert row.StartOffset == 16 * MIB - end.BytesTransferred > 0
        shown = session_of_2006(node, end.UUID).Statistics.File
        same_file(shown, row)
        assert shown.StartByte == row.StartOffset


def test_a_session_is_the_same_after_a_restart(pair):
    here, there = pair
    (here.docroot / "in").mkdir()
    for name, size in (("a", 70000), ("b", 5), ("c", 300000)):
        (here.docroot / "in" / name).write_bytes(bytes(size))
    job = submit(here, order(there, destination="/out/", extra=(
        "<ApplicationData><Cookie>tape 7</Cookie><Token>t</Token>"
        "</ApplicationData><PrivateData><Key>k</Key></PrivateData>")))
    end = wait_end(here, job)
    assert end.Status == "completed"
    wait_until("the end there", lambda: has_ended(there, end.UUID))
    jobs = lambda: here.client("IScpTransferNET-200604").QueryJob(JobID=job)
    before = [(session_of_2006(node, end.UUID), files_of(node, end.UUID),
               node.client().GetSessionInfo(SessionFilter={
                   "SessionUUID": [end.UUID]}).SessionInfo) for node in pair]
    described = jobs()
    assert described.Order.RemoteLocation.System.Password == "********"
    assert described.Order.ApplicationData.Token == "********"
    assert described.Order.ApplicationData.Cookie == "tape 7"
    assert described.Order.PrivateDataType.Key == "k"
    for node in pair:
        node.stop()
        node.start()
    for node, (session, files, info) in zip(pair, before):
        after = session_of_2006(node, end.UUID)
        # Which file moved last is not kept: the last one of the catalogue is.
        last = max(files, key=lambda row: row.LocalId)
        same_file(after.Statistics.File, last)
        after.Statistics.File = session.Statistics.File
        assert plain(after) == plain(session)
        assert plain(files_of(node, end.UUID)) == plain(files)
        assert plain(node.client().GetSessionInfo(SessionFilter={
            "SessionUUID": [end.UUID]}).SessionInfo) == plain(info)
    assert plain(jobs()) == plain(described)


def test_failed_attempts_are_counted(pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    job = submit(here, order(there, port=1, retries=2, retry_s=1))
    sessions = wait_job(here, job)
    described = here.client("IScpTransferNET-200604").QueryJob(JobID=job)
    assert described.Status.Statistics.Retry.FailedAttempts == 3
    assert [s.JobRetryCount for s in sessions] == [2, 1, 0]
    assert {s.JobMaxRetries for s in sessions} == {2}
    assert described.Status.SessionID == sessions[0].UUID


def test_the_other_end_knows_the_rates_the_names_and_the_addresses(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 1000)
    end = wait_end(here, submit(here, order(
        there, policy="High", rate=60000, extra=(
            "<ApplicationData><Cookie>c</Cookie></ApplicationData>"
            "<SecurityParameters><EncryptionCipher>AES-256</EncryptionCipher>"
            "</SecurityParameters>"))))
    theirs = there.client().GetSessionInfo(SessionFilter={
        "SessionUUID": [end.UUID]}).SessionInfo[0]
    for name in ("Status", "ErrorCode", "Cookie", "User", "RatePolicy",
                 "TargetRate", "MinimumRate", "BandwidthCap",
                 "EncryptionCipher", "FileCount", "FilesComplete",
                 "ExpectedFileCount", "ExpectedByteCount", "BytesWritten",
                 "BytesTransferred", "ServerAddress", "ClientAddress",
                 "ServerSSHPort", "ServerFASPPort", "ClientFASPPort"):
        assert theirs[name] == end[name], name
        assert end[name] not in (None, ""), name
    assert (end.ServerEndpoint, end.ClientEndpoint) == ("Remote", "Local")
    assert (theirs.ServerEndpoint, theirs.ClientEndpoint) == ("Local", "Remote")
    assert end.RatePolicy == "high" and end.TargetRate == 60000
    assert end.ServerSSHPort == end.ServerFASPPort == there.port
    assert theirs.JobId is None and theirs.SourcePath and theirs.DestinationPath


@pytest.mark.parametrize("how", ["cancelled", "error", "orphaned"])
def test_what_was_on_its_way_ends_with_its_session(pair, how):
    here, there = pair
    job, session = long_transfer(pair, "Push")
    for node in pair:
        wait_until("bytes", lambda: moving(node, session))
    client = here.client()
    token = client.GetFileTransfers(FileTransferFilter={
        "SessionUUID": [session]}).IterationToken
    if how == "cancelled":
        client.CancelSession(SessionID=session)
    elif how == "error": # the server says so at its orderly end
        there.stop()
        there.start()
    else:
        for node in pair:
            node.kill()
        for node in pair:
            node.start()
        client = here.client()
    for node in pair:
        wait_until("the end", lambda: has_ended(node, session))
        info = node.client().GetSessionInfo(SessionFilter={
            "SessionUUID": [session]}).SessionInfo[0]
        assert info.Status == how or node is there
        assert info.ErrorCode != 0
        assert info.FilesTransferring == 0
        # Orphaned: the counters of the second before, if there was one.
        assert (info.FileCount, info.FilesFailed) == (1, 1) or (
            how == "orphaned")
        (row,) = files_of(node, session)
        assert (row.Status, row.ErrorCode, row.ErrorDescription) == (
            "error", info.ErrorCode, info.ErrorDescription)
        assert row.EndDate == info.EndDate and row.Elapsed > 0
        same_file(session_of_2006(node, session).Statistics.File, row)
        assert row.BytesWritten > 0 or how == "orphaned"
        assert node.client().GetFileTransfers(FileTransferFilter={
            "SessionUUID": [session], "TransferStatus": ["running"],
        }).ResultCount == 0
    # Who iterates is told.
    again = client.GetFileTransferInfo(FileTransferFilter={
        "SessionUUID": [session], "IterationToken": token}).FileTransferInfo
    assert [r.Status for r in again] == ["error"]
