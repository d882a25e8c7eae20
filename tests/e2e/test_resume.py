"""Files that are cut in the middle and taken up again: what was on disk is not
sent again, and no wrong byte is ever reported complete."""

import hashlib
import os
import random

import pytest

from ferry import order, session_of, submit, tree, wait_end, wait_until

MIB = 1 << 20
SIZE = 56 * MIB + 4321
NO_RETRY = "<RetryParameters><Count>0</Count></RetryParameters>"
LEVELS = ("Attributes", "Sparse Checksum", "Full Checksum")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fill(path, size=SIZE, seed=1):
    path.write_bytes(random.Random(seed).randbytes(size))


def make_order(node, operation="Push", level="Sparse Checksum", rate=1000000,
               extra="", destination="/out"):
    return order(node, operation, sources=["/in"], destination=destination,
                 rate=rate, extra=NO_RETRY, file_parameters=(
                     f"<ResumeCheck>{level}</ResumeCheck>{extra}"))


# At 4 MB/s, what is left takes 12 s: no stall of the machine comes near.
SLOW = 32000
AT = 8 * MIB


def cut_by(here, there, operation, level, kill, extra="", destination="/out"):
    """Starts a slow session and calls kill() when AT bytes are on disk."""
    job_id = submit(here, make_order(there, operation, level, SLOW, extra,
                                     destination))
    wait_until("some of it", lambda: session_of(here, job_id).BytesWritten >= AT)
    assert session_of(here, job_id).Status == "running", "it was too fast"
    written = session_of(here, job_id).BytesWritten
    kill()
    return job_id, written


def ends(here, there, operation):
    sender, receiver = (here, there) if operation == "Push" else (there, here)
    return sender.docroot / "in", receiver.docroot / "out"


def take_up(here, there, operation, level, extra=""):
    end = wait_end(here, submit(here, make_order(there, operation, level,
                                                 extra=extra)))
    assert end.Status == "completed", end
    source, target = ends(here, there, operation)
    assert digest(target) == digest(source)
    assert [n for n in os.listdir(target.parent)
            if "ferry" in n or n.endswith(".part")] == [], "nothing is left"
    return end


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("operation", ("Push", "Pull"))
@pytest.mark.parametrize("victim", ("here", "there"))
def test_a_kill_of_either_side_costs_only_what_was_not_on_disk(
        pair, operation, victim, level):
    here, there = pair
    source, _ = ends(here, there, operation)
    fill(source)
    dying = here if victim == "here" else there
    job_id, written = cut_by(here, there, operation, level, dying.kill)
    dying.start()
    wait_end(here, job_id)
    end = take_up(here, there, operation, level)
    assert end.BytesWritten == SIZE
    # Blocks of 1 MiB that were begun, and what was told since the last tick.
    assert end.BytesTransferred <= SIZE - written + 4 * MIB, (written, end)
    files = here.client().GetFileTransferInfo(
        FileTransferFilter={"JobId": [end.JobId]}).FileTransferInfo
    assert files[0].StartOffset >= written - 4 * MIB
    assert files[0].BytesWritten == files[0].Size == SIZE


def test_a_cancelled_transfer_can_be_taken_up(pair):
    here, there = pair
    source, _ = ends(here, there, "Push")
    fill(source)
    job_id, written = cut_by(here, there, "Push", "Sparse Checksum", lambda: 0)
    here.ferry("cancel", job_id)
    assert wait_end(here, job_id).Status == "cancelled"
    end = take_up(here, there, "Push", "Sparse Checksum")
    assert end.BytesTransferred <= SIZE - written + 4 * MIB


def test_a_partial_file_has_the_suffix_that_the_order_names(pair):
    here, there = pair
    source, target = ends(here, there, "Push")
    fill(source)
    extra = "<PartialFileSuffix>.part</PartialFileSuffix>"
    job_id, written = cut_by(here, there, "Push", "Sparse Checksum",
                             there.kill, extra=extra)
    names = set(os.listdir(there.docroot))
    assert names == {"out.part", "out.part.ferry-resume"}
    there.start()
    wait_end(here, job_id)
    end = take_up(here, there, "Push", "Sparse Checksum", extra)
    assert end.BytesTransferred <= SIZE - written + 4 * MIB


def side_and_partial(folder):
    side = [n for n in os.listdir(folder) if n.endswith(".ferry-resume")]
    return (folder / side[0],
            folder / side[0].removesuffix(".ferry-resume"))


def forge_for_another_file(folder, there):
    """The side file of another source, with its partial file's name."""
    side, partial = side_and_partial(folder)
    data = bytearray(side.read_bytes())
    data[16:48] = hashlib.sha256(b"another source").digest()
    data[96:128] = hashlib.sha256(data[:96]).digest()
    side.write_bytes(data)


def forge_with_wrong_blocks(folder, there):
    """All in order but for what is in the partial file."""
    _, partial = side_and_partial(folder)
    with open(partial, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.write(b"\0" * size)


def cut_short(folder, there):
    side, _ = side_and_partial(folder)
    os.truncate(side, 100)


def roll_back(folder, there):
    """The source was replaced, and both clocks set back: same size, same time
    in the side file as before, other contents."""
    source = there.docroot / "in"
    info = source.stat()
    fill(source, SIZE, seed=2)
    os.utime(source, ns=(info.st_atime_ns, info.st_mtime_ns))


@pytest.mark.parametrize("forge", (
    forge_for_another_file, forge_with_wrong_blocks, cut_short, roll_back))
def test_a_side_file_that_lies_makes_the_file_begin_at_0(pair, forge):
    here, there = pair
    source, target = ends(here, there, "Push")
    fill(source)
    job_id, _ = cut_by(here, there, "Push", "Sparse Checksum", there.kill)
    forge(there.docroot, here)
    there.start()
    wait_end(here, job_id)
    end = take_up(here, there, "Push", "Sparse Checksum")
    assert end.BytesTransferred >= SIZE


def test_a_tree_goes_on_where_it_was(pair):
    here, there = pair
    (here.docroot / "in").mkdir()
    for i in range(50):
        fill(here.docroot / "in" / f"file {i:02}", MIB + i, seed=i)
    job_id, written = cut_by(here, there, "Push", "Sparse Checksum",
                             there.kill, destination="/out/")
    there.start()
    wait_end(here, job_id)
    end = wait_end(here, submit(here, make_order(there, destination="/out/")))
    assert end.Status == "completed", end
    had, sent = tree(there.docroot / "out" / "in"), tree(here.docroot / "in")
    assert sorted(had) == sorted(sent)
    assert [name for name in sent if had[name] != sent[name]] == []
    assert end.BytesTransferred <= 50 * MIB - written + 4 * MIB
