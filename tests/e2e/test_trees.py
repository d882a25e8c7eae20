"""Many small files and odd names, both ways."""

import os

from ferry import order, submit, tree, wait_end

ODD_NAMES = [b"a b", b" leading", b"trailing ", b"new\nline", b"tab\there",
             "\u00fcml\u00e4ut \u65e5\u672c \U0001f600".encode(), b"\xff\xfe raw",
             b"-rf", b"*", b"quote'\"", b"back\\slash", b"x" * 255,
             ("\u00e4" * 127).encode(), b"...", b"%41", b"&amp;<>"]


def fill(folder, count):
    root = os.fsencode(folder)
    os.mkdir(root)
    for i in range(count):
        parent = os.path.join(root, b"folder %d" % (i % 40))
        if i < 40:
            os.mkdir(parent)
        with open(os.path.join(parent, b"file %d" % i), "wb") as file:
            file.write(b"%d " % i * (i % 700))
    for name in ODD_NAMES:
        with open(os.path.join(root, name), "wb") as file:
            file.write(name)
        os.makedirs(os.path.join(root, b"odd folders", name, b"empty"))
    for name in (b"empty file 1", b"empty file 2"):
        open(os.path.join(root, name), "wb").close()


def test_ten_thousand_small_files_arrive_both_ways(pair):
    here, there = pair
    fill(here.docroot / "in", 10000)
    count = 10000 + len(ODD_NAMES) + 2
    pushed = wait_end(here, submit(here, order(there, destination="/")), 120)
    assert pushed.Status == "completed", pushed
    assert pushed.FilesComplete == count
    assert tree(there.docroot / "in") == tree(here.docroot / "in")
    pulled = wait_end(here, submit(here, order(
        there, "Pull", ["/in"], "/back/")), 120)
    assert pulled.Status == "completed", pulled
    assert pulled.FilesComplete == count
    assert tree(here.docroot / "back" / "in") == tree(here.docroot / "in")
    first = here.client().GetFileTransferInfo(
        FileTransferFilter={"JobId": [pulled.JobId]})
    assert first.ResultCount == 1000
    assert first.RemainingResultCount == count - 1000
