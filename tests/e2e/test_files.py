"""The Order's file parameters: what was set, and what is on disk on both sides;
and what hostile names, links and files come to (security.md's part D)."""

import contextlib
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import threading
import time

import pytest
import zeep

from ferry import order, session_of, submit, tree, wait_end, wait_until

NO_RETRY = "<RetryParameters><Count>0</Count></RetryParameters>"
BOTH = pytest.mark.parametrize("operation", ("Push", "Pull"))


def send(here, there, parameters="", operation="Push", sources=("/in",),
         destination="/out/"):
    """Runs an order and returns its end, the sender's and the receiver's
    folders."""
    end = wait_end(here, submit(here, order(
        there, operation, sources, destination, extra=NO_RETRY,
        file_parameters=parameters)))
    return end


def folders(pair, operation):
    here, there = pair
    sender, receiver = (here, there) if operation == "Push" else (there, here)
    return sender.docroot, receiver.docroot


def fill(folder, names):
    for name, content in names.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names_in(folder):
    return sorted(os.fsdecode(n) for n in tree(folder))


# ---- overwriting ----

OLD, NEW = 1_000_000_000, 1_500_000_000
OVERWRITE = [
    # policy, target's content and time, source's time, is it overwritten?
    ("Always", b"old", NEW, OLD, True),
    ("Always", b"new", OLD, OLD, True),
    ("Never", b"old", OLD, NEW, False),
    ("Diff", b"old", NEW, OLD, True),
    ("Diff", b"old", OLD, OLD, False),
    ("Diff", b"older", OLD, OLD, True),
    ("Diff", b"new", NEW, OLD, False),
    ("Older", b"old", OLD, NEW, True),
    ("Older", b"old", NEW, OLD, False),
    ("Older", b"old", NEW, NEW, False),
    ("DiffAndOlder", b"old", OLD, NEW, True),
    ("DiffAndOlder", b"new", OLD, NEW, False),
    ("DiffAndOlder", b"old", NEW, OLD, False),
]


def test_overwrite_follows_its_five_policies(pair):
    here, there = pair
    for i, (policy, old, target_s, source_s, expected) in enumerate(OVERWRITE):
        name = f"f{i}"
        (here.docroot / name).write_bytes(b"new")
        os.utime(here.docroot / name, (source_s, source_s))
        (there.docroot / name).write_bytes(old)
        os.utime(there.docroot / name, (target_s, target_s))
        before = (there.docroot / name).stat().st_ino
        end = send(here, there, f"<Overwrite>{policy}</Overwrite>",
                   sources=[f"/{name}"], destination="/")
        case = (policy, old, target_s, source_s)
        assert end.Status == "completed", (case, end)
        written = (there.docroot / name).stat().st_ino != before
        assert written == expected, case
        assert (there.docroot / name).read_bytes() == (
            b"new" if expected else old), case
        assert end.FilesComplete == 1


# ---- links ----

@BOTH
def test_links_are_followed_copied_or_passed_over(pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/real": b"x"})
    os.symlink("real", sender / "in" / "link")
    os.symlink("nowhere", sender / "in" / "dangling")
    for policy, expected in (
            ("Skip", {"real": None}),
            ("Copy", {"real": None, "link": "real", "dangling": "nowhere"})):
        end = send(*pair, f"<SymbolicLinks>{policy}</SymbolicLinks>", operation,
                   destination=f"/{policy}/")
        assert end.Status == "completed", end
        arrived = receiver / policy / "in"
        found = {n: os.readlink(arrived / n) if (arrived / n).is_symlink()
                 else None for n in os.listdir(arrived)}
        assert found == expected, policy
    end = send(*pair, "<SymbolicLinks>Follow</SymbolicLinks>", operation,
               destination="/Follow/")
    assert (end.Status, end.ErrorCode) == ("error", 27), "one dangles"
    arrived = receiver / "Follow" / "in"
    assert sorted(os.listdir(arrived)) == ["link", "real"]
    assert not (arrived / "link").is_symlink()


def test_a_link_replaces_a_file_only_by_force(pair):
    here, there = pair
    fill(here.docroot, {"in/real": b"x"})
    os.symlink("real", here.docroot / "in" / "link")
    fill(there.docroot, {"out/in/link": b"a file of somebody"})
    end = send(here, there, "<SymbolicLinks>Copy</SymbolicLinks>")
    assert (end.Status, end.ErrorCode) == ("error", 42), end
    assert (there.docroot / "out/in/link").read_bytes() == b"a file of somebody"
    end = send(here, there, "<SymbolicLinks>Copy+Force</SymbolicLinks>")
    assert end.Status == "completed", end
    assert os.readlink(there.docroot / "out/in/link") == "real"
    end = send(here, there, "<SymbolicLinks>Copy</SymbolicLinks>")
    assert end.Status == "completed", "the same link is no reason to fail"


@pytest.mark.parametrize("target", (
    "/etc/passwd", "../../../etc/passwd", "x/../../../..", "/"))
def test_a_link_that_leads_out_is_not_made(pair, target):
    here, there = pair
    fill(here.docroot, {"in/real": b"x"})
    os.symlink(target, here.docroot / "in" / "evil")
    end = send(here, there, "<SymbolicLinks>Copy</SymbolicLinks>")
    assert (end.Status, end.ErrorCode) == ("error", 41), end
    assert not os.path.lexists(there.docroot / "out/in/evil")


# ---- special files ----

@BOTH
def test_special_files_fail_or_are_passed_over(pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/real": b"x"})
    os.mkfifo(sender / "in" / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(sender / "in" / "socket"))
    end = send(*pair, "", operation)
    assert (end.Status, end.ErrorCode, end.FilesFailed) == ("error", 27, 2)
    end = send(*pair, "<SkipSpecialFiles>Yes</SkipSpecialFiles>", operation,
               destination="/skip/")
    assert (end.Status, end.FilesFailed) == ("completed", 0), end
    assert names_in(receiver / "skip") == ["in", "in/real"]
    listener.close()


# ---- times and owners ----

@BOTH
def test_times_are_kept_where_asked(pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/a": b"x" * 100})
    cases = {
        "PreserveTimestamps": (True, True),
        "PreserveModificationTime": (True, False),
        "PreserveAccessTime": (False, True),
    }
    for name, (modified, accessed) in cases.items():
        os.utime(sender / "in" / "a", (OLD, NEW))
        end = send(*pair, f"<{name}>Yes</{name}>", operation,
                   destination=f"/{name}/")
        assert end.Status == "completed", end
        # Not read before: that would show in the access time.
        info = (receiver / name / "in" / "a").stat()
        assert (info.st_mtime == NEW) == modified, name
        assert (info.st_atime == OLD) == accessed, name


@BOTH
def test_a_source_s_access_time_is_left_alone_where_asked(pair, operation):
    sender, _ = folders(pair, operation)
    fill(sender, {"in/a": b"x" * 100})
    path = sender / "in" / "a"
    os.utime(path, (OLD, NEW))
    parameter = "<PreserveSourceAccessTime>Yes</PreserveSourceAccessTime>"
    assert send(*pair, parameter, operation).Status == "completed"
    assert path.stat().st_atime == OLD
    assert send(*pair, "", operation, destination="/b/").Status == "completed"
    if path.stat().st_atime == OLD:
        pytest.skip("this file system keeps no access times")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@BOTH
def test_owners_are_kept_where_asked(pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/a": b"x"})
    os.chown(sender / "in" / "a", 1234, 4321)
    os.chown(sender / "in", 1234, 4321)
    for name, expected in (("PreserveUID", (1234, os.getegid())),
                           ("PreserveGID", (os.geteuid(), 4321))):
        end = send(*pair, f"<{name}>Yes</{name}>", operation,
                   destination=f"/{name}/")
        assert end.Status == "completed", end
        for path in ("in", "in/a"):
            info = (receiver / name / path).stat()
            assert (info.st_uid, info.st_gid) == expected, (name, path)


def test_creation_times_cannot_be_set_and_say_so(pair):
    here, there = pair
    with pytest.raises(zeep.exceptions.Fault) as raised:
        send(here, there,
             "<PreserveCreationTime>Yes</PreserveCreationTime>")
    assert "PreserveCreationTime" in "".join(raised.value.detail.itertext())


# ---- names ----

@BOTH
def test_what_is_overwritten_is_saved(pair, operation):
    sender, receiver = folders(pair, operation)
    for value, suffix in ((".old", ".old"), ("Yes", ".saved")):
        fill(sender, {"in/a": b"new"})
        fill(receiver, {"out/in/a": b"before", f"out/in/a{suffix}": b"ancient"})
        end = send(*pair, f"<SaveBeforeOverwrite>{value}</SaveBeforeOverwrite>"
                   "<Overwrite>Always</Overwrite>", operation)
        assert end.Status == "completed", end
        assert (receiver / "out/in/a").read_bytes() == b"new"
        assert (receiver / f"out/in/a{suffix}").read_bytes() == b"before"
    fill(receiver, {"out/in/a": b"before"})
    end = send(*pair, "<SaveBeforeOverwrite>No</SaveBeforeOverwrite>"
               "<Overwrite>Always</Overwrite>", operation)
    assert names_in(receiver / "out/in") == ["a", "a.old", "a.saved"]


@BOTH
def test_a_source_base_is_stripped_and_the_rest_of_the_path_kept(
        pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"p/q/r/a": b"1", "p/s/b": b"2"})
    end = send(*pair, "<SourceBase>/p</SourceBase>", operation,
               ["/p/q/r/a", "/p/s"])
    assert end.Status == "completed", end
    assert names_in(receiver / "out") == ["q", "q/r", "q/r/a", "s", "s/b"]
    end = send(*pair, "<SourceBase>/other</SourceBase>", operation,
               ["/p/q/r/a"])
    assert (end.Status, end.ErrorCode) == ("error", 8), end


def test_two_sources_of_one_name_are_error_3(pair):
    here, there = pair
    fill(here.docroot, {"a/x": b"1", "b/x": b"2"})
    end = send(here, there, sources=["/a/x", "/b/x"])
    assert (end.Status, end.ErrorCode) == ("error", 3), end
    assert tree(there.docroot) == {}


@pytest.mark.parametrize("exists, slash, create, result", [
    (False, False, False, "file"), (False, True, False, "folder"),
    (False, False, True, "folder"), (True, False, False, "folder")])
def test_a_destination_is_a_name_or_a_folder(
        pair, exists, slash, create, result):
    here, there = pair
    fill(here.docroot, {"in": b"x"})
    if exists:
        (there.docroot / "out").mkdir()
    end = send(here, there, "<CreatePath>Yes</CreatePath>" if create else "",
               destination="/out/" if slash else "/out")
    assert end.Status == "completed", end
    expected = ["out"] if result == "file" else ["out", "out/in"]
    assert names_in(there.docroot) == expected


def test_missing_folders_are_made_only_with_create_path(pair):
    here, there = pair
    fill(here.docroot, {"in": b"x"})
    end = send(here, there, destination="/a/b/")
    assert end.Status == "error", end
    assert tree(there.docroot) == {}
    end = send(here, there, "<CreatePath>Yes</CreatePath>",
               destination="/a/b/")
    assert end.Status == "completed", end
    assert names_in(there.docroot) == ["a", "a/b", "a/b/in"]


# ---- what is left out ----

@BOTH
def test_patterns_exclude_files_and_whole_folders(pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/a.o": b"", "in/a.c": b"", "in/sub/b.o": b"",
                  "in/sub/b.c": b"", "in/tmp/x": b"", "in/keep/tmp": b"",
                  "in/[odd]": b""})
    end = send(*pair, "<Exclude><Pattern>*.o</Pattern>"
               "<Pattern>in/tmp</Pattern><Pattern>\\[odd]</Pattern></Exclude>",
               operation)
    assert end.Status == "completed", end
    assert names_in(receiver / "out/in") == [
        "a.c", "keep", "keep/tmp", "sub", "sub/b.c"]


@BOTH
def test_ages_exclude_files(pair, operation):
    sender, receiver = folders(pair, operation)
    now = int(time.time())
    for name, age in (("day", 86400), ("hour", 3600), ("new", 0)):
        fill(sender, {f"in/{name}": b""})
        os.utime(sender / "in" / name, (now - age, now - age))
    cases = {
        "ExcludeOlderThan": [(-7200, ["hour", "new"]),
                             (now - 7200, ["hour", "new"])],
        "ExcludeNewerThan": [(-1800, ["day", "hour"]),
                             (now - 7200, ["day"])],
    }
    for name, values in cases.items():
        for i, (value, expected) in enumerate(values):
            end = send(*pair, f"<{name}>{value}</{name}>", operation,
                       destination=f"/{name}{i}/")
            assert end.Status == "completed", end
            assert names_in(receiver / f"{name}{i}/in") == expected, (
                name, value)


# ---- what goes at the source ----

@BOTH
def test_sources_go_once_they_arrived_and_nothing_else(pair, operation):
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/a": b"1", "in/sub/b": b"2", "in/sub/deep/c": b"3",
                  "other": b"4"})
    os.mkfifo(sender / "in" / "stays")
    (sender / "in" / "empty").mkdir()
    parameter = ("<RemoveAfterTransfer>Yes</RemoveAfterTransfer>"
                 "<SkipSpecialFiles>Yes</SkipSpecialFiles>")
    end = send(*pair, parameter, operation)
    assert end.Status == "completed", end
    assert names_in(receiver / "out/in") == [
        "a", "empty", "sub", "sub/b", "sub/deep", "sub/deep/c"]
    left = ["in", "in/empty", "in/stays", "in/sub", "in/sub/deep", "other"]
    wait_until("the removal", lambda: sorted(
        os.fsdecode(n) for n in walk(sender)) == left)
    fill(sender, {"in/sub/d": b"5"})
    end = send(*pair, parameter + "<RemoveEmptyDirectories>Yes"
               "</RemoveEmptyDirectories>", operation)
    assert end.Status == "completed", end
    wait_until("the removal of folders", lambda: sorted(
        os.fsdecode(n) for n in walk(sender)) == ["in", "in/stays", "other"])


def walk(folder):
    """All names in the folder, special ones too, without opening any."""
    found = []
    for base, subfolders, files in os.walk(os.fsencode(folder)):
        for name in subfolders + files:
            found.append(os.path.relpath(os.path.join(base, name),
                                         os.fsencode(folder)))
    return found


def test_a_source_that_did_not_arrive_stays(pair):
    here, there = pair
    fill(here.docroot, {"in/a": b"1", "in/b": b"2"})
    (there.docroot / "out/in/b").mkdir(parents=True)
    end = send(here, there, "<RemoveAfterTransfer>Yes</RemoveAfterTransfer>")
    assert (end.Status, end.ErrorCode) == ("error", 27), end
    wait_until("the removal", lambda: names_in(here.docroot / "in") == ["b"])


# ---- checksums, sizes ----

@pytest.mark.parametrize("name", ("sha-256", "sha1", "md5"))
@BOTH
def test_a_checksum_of_each_file_is_made_at_both_ends(pair, operation, name):
    here, there = pair
    sender, receiver = folders(pair, operation)
    content = os.urandom((5 << 20) + 7)
    fill(sender, {"in/big": content, "in/small": b"x"})
    end = send(here, there, f"<FileChecksum>{name}</FileChecksum>", operation)
    assert end.Status == "completed", end
    expected = {n: hashlib.new(name.replace("-", ""), c).hexdigest()
                for n, c in (("big", content), ("small", b"x"))}
    for node in pair:
        files = node.client().GetFileTransferInfo(FileTransferFilter={
            "SessionUUID": [end.UUID]}).FileTransferInfo
        assert {f.Path.rsplit("/", 1)[1]: f.Checksum for f in files} == expected
        assert {f.ChecksumType for f in files} == {name}


@BOTH
def test_the_size_of_the_job_is_known_before_data_moves(pair, operation):
    sender, _ = folders(pair, operation)
    fill(sender, {f"in/{i}": b"x" * 1000 for i in range(3000)})
    end = send(*pair, "<PreCalculateJobSize>Yes</PreCalculateJobSize>",
               operation)
    assert end.Status == "completed", end
    assert (end.ExpectedFileCount, end.ExpectedByteCount) == (3000, 3000000)


# ---- manifests ----

@BOTH
def test_a_manifest_lists_what_became_of_each_file(pair, operation):
    here, there = pair
    sender, receiver = folders(pair, operation)
    fill(sender, {"in/a": b"12345", "in/tab\there\\": b"", "in/late": b"x"})
    os.mkfifo(sender / "in" / "fifo")
    fill(receiver, {"out/in/late": b"x"})
    os.utime(sender / "in/late", (OLD, OLD))
    os.utime(receiver / "out/in/late", (OLD, OLD))
    end = send(here, there, "<FileChecksum>md5</FileChecksum>"
               "<ManifestPolicy>Text</ManifestPolicy>"
               "<ManifestPath>/lists/all</ManifestPath>", operation)
    assert end.ErrorCode == 27, end
    lists = here.docroot / "lists" / "all"
    assert os.listdir(lists) == [f"{end.UUID}.manifest.txt"]
    lines = (lists / f"{end.UUID}.manifest.txt").read_text().splitlines()
    base = "in/" if operation == "Push" else "out/in/"
    md5 = "md5:" + hashlib.md5(b"12345").hexdigest()
    assert sorted(line for line in lines if line[0] != "#") == sorted([
        f"completed\t0\t5\t{md5}\t{base}a",
        f"completed\t0\t0\t-\t{base}tab\\x09here\\x5c",
        f"skipped\t0\t1\t-\t{base}late",
        "error\t21\t0\t-\tin/fifo"])
    heads = [line for line in lines if line[0] == "#"]
    assert heads[0] == "# ferry manifest 1"
    assert heads[1:3] == [f"# session {end.UUID}", f"# job {end.JobId}"]
    assert heads[3].startswith("# begin ") and (
        heads[3].endswith(operation.lower()))
    assert heads[-1] == lines[-1] and heads[-1].endswith(" error 27")
    assert not (there.docroot / "lists").exists(), "it is this node's"


def test_a_manifest_has_a_suffix_while_it_is_not_whole(pair):
    here, there = pair
    fill(here.docroot, {"in": bytes(4 << 20)})
    for value, suffix in (("", ".aspera-inprogress"), (".now", ".now")):
        job_id = submit(here, order(
            there, sources=["/in"], rate=1000, extra=NO_RETRY, file_parameters=(
                "<ManifestPolicy>Text</ManifestPolicy>"
                "<ManifestPath>/lists</ManifestPath><ManifestInprogressSuffix>"
                f"{value}</ManifestInprogressSuffix>")))
        names = wait_until("the manifest", lambda: [
            n for n in names_in(here.docroot) if n.endswith(suffix)])
        here.client().CancelJob(JobID=job_id)
        end = wait_end(here, job_id)
        assert names == [f"lists/{end.UUID}.manifest.txt{suffix}"]
        whole = here.docroot / "lists" / f"{end.UUID}.manifest.txt"
        assert whole.read_text().splitlines()[-1].endswith(" cancelled 28")


@pytest.mark.parametrize("parameters, name", (
    ("<ManifestPolicy>Text</ManifestPolicy>", "ManifestPath"),
    ("<ManifestPolicy>Text</ManifestPolicy><ManifestPath>/</ManifestPath>"
     "<ManifestInprogressSuffix>/../x</ManifestInprogressSuffix>",
     "ManifestInprogressSuffix")))
def test_half_a_wish_for_a_manifest_is_refused_by_name(pair, parameters, name):
    with pytest.raises(zeep.exceptions.Fault) as raised:
        send(*pair, parameters)
    assert name in "".join(raised.value.detail.itertext())


def test_a_manifest_stays_in_the_docroot(pair):
    here, there = pair
    fill(here.docroot, {"in": b"x"})
    os.symlink("/tmp", here.docroot / "out")
    for folder in ("/../..", "/out"):
        end = send(here, there, "<ManifestPolicy>Text</ManifestPolicy>"
                   f"<ManifestPath>{folder}</ManifestPath>")
        assert (end.Status, end.ErrorCode) == ("error", 41), (folder, end)
    assert tree(there.docroot) == {}


# ---- hostile files and names: part D ----

def test_no_suffix_leads_anywhere(pair):
    here, there = pair
    fill(here.docroot, {"in": b"x"})
    for name in ("PartialFileSuffix", "SaveBeforeOverwrite"):
        end = send(here, there, f"<{name}>/../../x</{name}>")
        assert (end.Status, end.ErrorCode) == ("error", 8), end
    assert tree(there.docroot) == {}


def test_odd_paths_stay_in_the_docroot(pair):
    """D1: what is not '..' by name is a name like any other."""
    here, there = pair
    for name in ("%2e%2e", "..\\..\\x", "file:", "dots...", "\xc0\xae\xc0\xae"):
        fill(here.docroot, {f"in/{name}": b"x"})
    end = send(here, there)
    assert end.Status == "completed", end
    assert tree(there.docroot / "out/in") == tree(here.docroot / "in")
    for source in ("//in", "/./in/", "in//", "/x/../in"):
        end = send(here, there, sources=[source],
                   destination=f"/{hashlib.md5(source.encode()).hexdigest()}/")
        assert end.Status == "completed", (source, end)


def test_links_and_special_places_do_not_lead_out(pair):
    """D2: links below the docroot to what is outside."""
    here, there = pair
    fill(here.docroot, {"in/a": b"x"})
    secret = here.docroot.parent / "secret"
    secret.write_text("secret")
    for name, target in (("abs", "/etc/passwd"), ("up", "../../secret"),
                         ("proc", "/proc/self/root/etc/passwd"),
                         ("magic", "/proc/self/fd/0"), ("folder", "/etc")):
        os.symlink(target, here.docroot / "in" / name)
    end = send(here, there)
    assert (end.Status, end.ErrorCode, end.FilesFailed) == ("error", 27, 5)
    assert names_in(there.docroot / "out/in") == ["a"]


def test_set_uid_bits_do_not_travel(pair):
    """D5."""
    here, there = pair
    fill(here.docroot, {"in/a": b"x"})
    os.chmod(here.docroot / "in/a", 0o7755)
    os.chmod(here.docroot / "in", 0o7777)
    end = send(here, there)
    assert end.Status == "completed", end
    for path in ("out/in/a", "out/in"):
        mode = stat.S_IMODE((there.docroot / path).stat().st_mode)
        assert mode & 0o7000 == 0, path


def test_a_target_that_is_a_link_is_replaced_and_not_followed(pair):
    """D6."""
    here, there = pair
    victim = there.docroot.parent / "victim"
    victim.write_bytes(b"precious")
    fill(here.docroot, {"in": b"new"})
    os.symlink(victim, there.docroot / "out")
    end = send(here, there, "<Overwrite>Always</Overwrite>",
               destination="/")
    assert end.Status == "completed", end
    os.symlink(victim, there.docroot / "here")
    fill(here.docroot, {"here": b"new"})
    end = send(here, there, "<Overwrite>Always</Overwrite>", sources=["/here"],
               destination="/")
    assert end.Status == "completed", end
    assert victim.read_bytes() == b"precious"
    assert not (there.docroot / "here").is_symlink()


def test_names_that_nodes_keep_for_themselves_do_not_travel(pair):
    """D4."""
    here, there = pair
    fill(here.docroot, {"in/a": b"x", "in/a.ferry-resume": b"forged",
                        "in/.ferry-0123456789abcdef.partial": b"forged",
                        "in/.ferry-0123456789abcdef-3": b"forged"})
    end = send(here, there)
    assert end.Status == "completed", end
    assert names_in(there.docroot / "out/in") == ["a"]


def test_a_sparse_file_of_exabytes_fails(pair):
    """D3, D11.  test_faults.py has sources that grow."""
    here, there = pair
    fill(here.docroot, {"in/a": b"x"})
    sizes = (1 << 60, 1 << 43)
    for size in sizes:
        try:
            with open(here.docroot / "in" / "huge", "wb") as file:
                file.truncate(size)
            break
        except OSError:
            continue
    else:
        pytest.skip("this file system has no such files")
    if size < 1 << 48:
        pytest.skip("nor any that a session cannot hold")
    end = send(here, there)
    assert (end.Status, end.ErrorCode, end.FilesFailed) == ("error", 27, 1)
    assert names_in(there.docroot / "out/in") == ["a"]


def test_no_option_reaches_a_shell(pair):
    """D9: paths are data, whatever is in them."""
    here, there = pair
    name = "$(touch owned); `touch owned` | & -rf --"
    fill(here.docroot, {name: b"x"})
    end = send(here, there, sources=["/" + name], destination="/;touch owned/")
    assert end.Status == "completed", end
    assert names_in(there.docroot) == [";touch owned", f";touch owned/{name}"]


def test_two_jobs_with_one_target_do_not_mix(pair):
    """D10: each file is of one job; the later one wins."""
    here, there = pair
    size = 12 << 20
    fill(here.docroot, {"a/x": b"a" * size, "b/x": b"b" * size})
    jobs = [submit(here, order(there, sources=[f"/{n}/x"], destination="/out",
                               rate=200000, extra=NO_RETRY, file_parameters=(
                                   "<Overwrite>Always</Overwrite>")))
            for n in "ab"]
    ends = [wait_end(here, job) for job in jobs]
    assert [e.Status for e in ends] == ["completed"] * 2, ends
    content = (there.docroot / "out").read_bytes()
    assert content in (b"a" * size, b"b" * size)
    assert names_in(there.docroot) == ["out"], "no partial file is left"


@BOTH
def test_names_that_are_swapped_for_links_lead_nowhere(pair, operation):
    """D2: somebody who may write below both docroots swaps folders for links
    to what is outside, as fast as the machine can, while sessions run."""
    here, there = pair
    sender, receiver = folders(pair, operation)
    outside = here.docroot.parent / "outside"
    outside.mkdir()
    fill(outside, {f"{i}": b"secret" for i in range(40)})
    before = tree(outside)
    fill(sender, {f"in/sub/{i}": b"public" for i in range(40)})
    (receiver / "out/in/sub").mkdir(parents=True)
    swaps = [0]
    stop = threading.Event()

    def mend(folder):
        """A session made a folder of the name while it was away."""
        if (folder / "kept").exists():
            if (folder / "sub").is_symlink():
                os.unlink(folder / "sub")
            shutil.rmtree(folder / "sub", ignore_errors=True)
            with contextlib.suppress(OSError):
                os.rename(folder / "kept", folder / "sub")

    def swap():
        while not stop.is_set():
            for folder in (sender / "in", receiver / "out" / "in"):
                try:
                    os.rename(folder / "sub", folder / "kept")
                    os.symlink(outside, folder / "sub")
                    os.unlink(folder / "sub")
                    os.rename(folder / "kept", folder / "sub")
                    swaps[0] += 1
                except OSError:
                    mend(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for sessions in range(200):
            end = send(here, there, "<Overwrite>Always</Overwrite>", operation)
            assert end.Status in ("completed", "error"), end
            if sessions >= 12 and swaps[0] > 1000:
                break
    finally:
        stop.set()
        thread.join()
    assert swaps[0] > 1000
    assert tree(outside) == before, "nothing was written there"
    arrived = [c for c in tree(receiver).values() if c is not None]
    assert b"secret" not in arrived, "nothing was read there"


def test_a_tree_deeper_than_paths_can_name(pair):
    """D4: what has a name arrives, what has none fails by itself."""
    here, there = pair
    (here.docroot / "in").mkdir()
    (here.docroot / "in" / "top").write_bytes(b"x")
    fd = os.open(here.docroot / "in", os.O_RDONLY)
    try:
        for _ in range(4096):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
    finally:
        os.close(fd)
    end = send(here, there)
    assert (end.Status, end.ErrorCode) == ("error", 27), end
    assert (there.docroot / "out/in/top").read_bytes() == b"x"
    failed, = [f for f in here.client().GetFileTransferInfo(FileTransferFilter={
        "SessionUUID": [end.UUID]}).FileTransferInfo if f.Status == "error"]
    assert failed.ErrorCode == 55
    assert send(here, there, sources=["/in/top"]).Status == "completed"
    # Python cannot remove what it cannot name.
    for node in pair:
        subprocess.run(["rm", "-rf", node.docroot / "in", node.docroot / "out"],
                       check=True)


@BOTH
def test_what_is_removed_while_it_is_written_is_not_complete(pair, operation):
    """D7: the partial file goes in mid-transfer."""
    here, there = pair
    sender, receiver = folders(pair, operation)
    fill(sender, {"in": os.urandom(8 << 20)})
    job_id = submit(here, order(there, operation, rate=2000, extra=NO_RETRY))
    partial = wait_until("the partial file", lambda: [
        n for n in os.listdir(receiver) if n.endswith(".partial")])[0]
    os.unlink(receiver / partial)
    here.client().SetTargetRate(SessionID=session_of(here, job_id).UUID,
                                TargetRate=1000000)
    end = wait_end(here, job_id)
    assert (end.Status, end.FilesComplete) == ("error", 0), end
    assert end.ErrorCode == 4, end
    assert "out" not in os.listdir(receiver)
    assert send(here, there, operation=operation,
                destination="/out").Status == "completed"
    assert tree(receiver)[b"out"] == tree(sender)[b"in"]
