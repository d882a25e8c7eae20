"""The receiver of second.py, written from docs/protocol.md, against the real
sender, over a path that loses, doubles and reorders datagrams both ways."""

import os
import random
import re

import pytest

from ferry import PASSWORD, tree, wait_until
from second import Failed, Receiver

FILES = {"a": 3_000_000, "empty": 0, "folder/one byte": 1,
         "folder/deeper/b": 1_234_567, "last": 4096}
FIXED, HIGH, FAIR, LOW = range(4)
MTIME_NS = 1_600_000_000_123_456_789


def bad_path(seed, loss):
    """Loses `loss` of the datagrams, doubles 2 %, has 2 % overtaken."""
    chance = random.Random(seed)

    def fate(data, there):
        if chance.random() < loss:
            return ()
        later = 0.008 if chance.random() < 0.02 else 0.005
        return (later,) if chance.random() < 0.98 else (later, later)

    return fate


def make_files(docroot):
    for name, size in FILES.items():
        path = docroot / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
        os.utime(path, ns=(0, MTIME_NS))
        path.chmod(0o640)
    (docroot / "data/link").symlink_to("folder/deeper/b")


@pytest.fixture
def fetch(path, tmp_path):
    """Fetches all files through the proxy and compares them."""
    _, there, proxy = path
    make_files(there.docroot)
    expected = tree(there.docroot / "data")

    def run(password=PASSWORD, sources=("/data",), failures=0, **options):
        folder = tmp_path / "arrived"
        folder.mkdir()
        receiver = Receiver(("127.0.0.1", proxy.port), there.fingerprint, "lab",
                            password, sources, folder, target=60000, **options)
        receiver.run()
        assert tree(folder / "data") == expected
        assert receiver.failures == failures
        for name in FILES:
            status = (folder / "data" / name).stat()
            assert status.st_mtime_ns == MTIME_NS, name
            assert status.st_mode & 0o777 == 0o640, name
        assert receiver.statistics["forged"] == 0
        assert receiver.statistics["malformed"] == 0
        return receiver

    run.proxy, run.there = proxy, there
    return run


@pytest.mark.parametrize("loss,policy,cipher", [
    (0.0, FAIR, 1), (0.01, FIXED, 1), (0.1, FAIR, 1), (0.1, HIGH, 2),
    (0.1, LOW, 1), (0.3, FIXED, 2)])
def test_files_arrive_over_a_bad_path(fetch, loss, policy, cipher):
    fetch.proxy.fate = bad_path(int(loss * 100) + cipher, loss)
    fetch(policy=policy, cipher=cipher)


def test_the_sender_keeps_within_the_window(fetch):
    fetch.proxy.fate = bad_path(5, 0.05)
    receiver = fetch(policy=FIXED, free=200_000)
    assert receiver.statistics["no_room"] == 0


def test_a_wrong_password_is_refused(fetch):
    with pytest.raises(Failed) as failure:
        fetch(password="wrong")
    assert failure.value.error == 19


def test_sources_that_are_not_there_are_an_error(fetch):
    with pytest.raises(Failed) as failure:
        fetch(sources=("/nothing",))
    assert failure.value.error == 4


def test_what_the_sender_could_not_read_counts_as_failed(fetch):
    os.mkfifo(fetch.there.docroot / "data/pipe")
    fetch(failures=1)
    wait_until("the sender's end", lambda: re.search(
        "transfer.ended .* error=27 .* files=5 failed=1", fetch.there.log()))
