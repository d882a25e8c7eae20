"""Every element of the Order, as docs/order.md lists them: what is honoured is
seen on the disks of both nodes by a test; what is accepted changes nothing;
what is not built is refused by name."""

import ast
import base64
import pathlib
import re
import subprocess

import pytest
import zeep
from ferry import order, sessions_of, submit, tree, wait_end, wait_job

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parents[1] / "docs/order.md"
FILES = "FileParameters/"

# element: the test that shows its effect, for each of its values.
SHOWN = {
    "NoMgmtPortFiles": "test_values_that_are_not_built_are_refused_by_name",
    "Operation": "test_root_paths_are_joined_with_the_paths",
    "ApplicationData/Cookie": "test_the_remote_node_sees_the_session_too",
    "ApplicationData/Token": "test_a_token_is_refused_in_the_transfer",
    "RemoteLocation/System/Address": "test_nobody_there_is_error_12",
    "RemoteLocation/System/Port": "test_nobody_there_is_error_12",
    "RemoteLocation/System/UserName":
        "test_wrong_credentials_are_error_19_and_nothing_is_written",
    "RemoteLocation/System/Password":
        "test_wrong_credentials_are_error_19_and_nothing_is_written",
    "RemoteLocation/Authentication/Methods/Method":
        "test_a_key_opens_the_door",
    "RemoteLocation/Authentication/KeyPath": "test_a_key_opens_the_door",
    "RemoteLocation/Authentication/KeyPassphrase":
        "test_a_key_with_a_passphrase_opens_the_door",
    "RemoteLocation/Files/Path": "test_root_paths_are_joined_with_the_paths",
    "RemoteLocation/Files/RootPath":
        "test_root_paths_are_joined_with_the_paths",
    "RemoteLocation/RootPath": "test_root_paths_are_joined_with_the_paths",
    "LocalLocation/Files/Path": "test_root_paths_are_joined_with_the_paths",
    "LocalLocation/Files/RootPath":
        "test_root_paths_are_joined_with_the_paths",
    "LocalLocation/RootPath": "test_root_paths_are_joined_with_the_paths",
    FILES + "CreatePath": "test_missing_folders_are_made_only_with_create_path",
    FILES + "ResumeCheck":
        "test_a_kill_of_either_side_costs_only_what_was_not_on_disk",
    FILES + "ManifestPolicy":
        "test_a_manifest_lists_what_became_of_each_file",
    FILES + "ManifestPath": "test_a_manifest_lists_what_became_of_each_file",
    FILES + "ManifestInprogressSuffix":
        "test_a_manifest_has_a_suffix_while_it_is_not_whole",
    FILES + "Protection": "test_values_that_are_not_built_are_refused_by_name",
    FILES + "PreCalculateJobSize":
        "test_the_size_of_the_job_is_known_before_data_moves",
    FILES + "RemoveAfterTransfer":
        "test_sources_go_once_they_arrived_and_nothing_else",
    FILES + "RemoveEmptyDirectories":
        "test_sources_go_once_they_arrived_and_nothing_else",
    FILES + "SymbolicLinks":
        "test_links_are_followed_copied_or_passed_over",
    FILES + "PreserveTimestamps": "test_times_are_kept_where_asked",
    FILES + "PreserveUID": "test_owners_are_kept_where_asked",
    FILES + "PreserveGID": "test_owners_are_kept_where_asked",
    FILES + "PreserveCreationTime":
        "test_creation_times_cannot_be_set_and_say_so",
    FILES + "PreserveModificationTime": "test_times_are_kept_where_asked",
    FILES + "PreserveAccessTime": "test_times_are_kept_where_asked",
    FILES + "PreserveSourceAccessTime":
        "test_a_source_s_access_time_is_left_alone_where_asked",
    FILES + "SkipSpecialFiles": "test_special_files_fail_or_are_passed_over",
    FILES + "FileChecksum":
        "test_a_checksum_of_each_file_is_made_at_both_ends",
    FILES + "ExcludeOlderThan": "test_ages_exclude_files",
    FILES + "ExcludeNewerThan": "test_ages_exclude_files",
    FILES + "PartialFileSuffix":
        "test_a_partial_file_has_the_suffix_that_the_order_names",
    FILES + "SaveBeforeOverwrite": "test_what_is_overwritten_is_saved",
    FILES + "Overwrite": "test_overwrite_follows_its_five_policies",
    FILES + "Exclude/Pattern":
        "test_patterns_exclude_files_and_whole_folders",
    FILES + "SourceBase":
        "test_a_source_base_is_stripped_and_the_rest_of_the_path_kept",
    "LinkParameters/AutoDetectCapacity":
        "test_values_that_are_not_built_are_refused_by_name",
    "ChannelParameters/DatagramSize":
        "test_datagram_size_of_the_order",
    "ChannelParameters/AutoDetectPathMTU":
        "test_datagram_size_of_the_order",
    "RateParameters/Policy":
        "test_every_cipher_and_policy_carries_the_same_bytes",
    "RateParameters/TargetRate": "test_defaults_of_orders",
    "RateParameters/TargetRateAsPercent":
        "test_values_that_are_not_built_are_refused_by_name",
    "RateParameters/MinimumRate": "test_rates_of_an_order_are_the_session_s",
    "RateParameters/MinimumRateAsPercent":
        "test_values_that_are_not_built_are_refused_by_name",
    "RateParameters/BandwidthCap": "test_rates_of_an_order_are_the_session_s",
    "SecurityParameters/EncryptionCipher":
        "test_every_cipher_and_policy_carries_the_same_bytes",
    "SecurityParameters/SSHFingerprint": "test_another_host_key_is_error_51",
    "RetryParameters/Count": "test_nobody_comes_back",
    "RetryParameters/BaseInterval": "test_nobody_comes_back",
    "RetryParameters/MaximumInterval": "test_waits_grow_to_the_maximum",
    "PrivateData/Key": "test_private_keys_are_shown",
    "PrivateDataType/Key": "test_private_keys_are_shown",
}


def rows():
    """{element: (its values, its state)} of the page."""
    return {m[1]: (m[2].strip(), m[3]) for m in re.finditer(
        r"^\| ([A-Za-z0-9/]+) \| ([^|]*)\|[^|]*\| (honoured[^|]*|accepted|"
        r"not built) \|$", PAGE.read_text(), re.M) if m[1] != "element"}


ROWS = rows()
NOT_BUILT = [(element, value) for element, (values, state) in ROWS.items()
             for value in (
                 state.partition("not built: ")[2].split(", ")
                 if ":" in state else ["1" if " to " in values else "x"]
                 if state == "not built" else [])]
# With a value that is not the default.
ACCEPTED = {
    "Version": "9", "Agent": "somebody", "Program": "ascp4",
    "LocalLocation/System/Address": "192.0.2.1",
    "LocalLocation/System/Port": "1", "LocalLocation/System/UserName": "x",
    "LocalLocation/System/Password": "x",
    "RemoteLocation/Proxy/User": "x", "RemoteLocation/Proxy/Password": "x",
    FILES + "ReadBlockSize": "1", FILES + "WriteBlockSize": "1",
    "ChannelParameters/Port": "1", "ChannelParameters/IPV6": "Yes",
}


def known_tests():
    return {node.name for path in HERE.glob("test_*.py")
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef)}


def test_every_element_has_its_row_here():
    honoured = {e for e, (_, s) in ROWS.items() if s.startswith("honoured")}
    assert len(ROWS) > 70
    assert honoured == set(SHOWN)
    assert {e for e, (_, s) in ROWS.items() if s == "accepted"} == set(ACCEPTED)
    assert set(SHOWN.values()) - known_tests() == set()


def with_element(text, element, value):
    """The order with the element set; one that is there is replaced."""
    *folders, name = element.split("/")
    wrapped = f"<{name}>{value}</{name}>"
    if f"<{name}>" in text and not folders:
        return re.sub(f"<{name}>.*?</{name}>", wrapped, text)
    for folder in reversed(folders):
        if f"<{folder}>" in text:
            inside = text.index(f"<{folder}>") + len(folder) + 2
            if folders[0] == "LocalLocation" and folder != "LocalLocation":
                inside = text.index(f"<{folder}>",
                                    text.index("<LocalLocation>"))
                inside += len(folder) + 2
            return text[:inside] + wrapped + text[inside:]
        wrapped = f"<{folder}>{wrapped}</{folder}>"
    return text.replace("</Order>", wrapped + "</Order>")


@pytest.mark.parametrize("element, value", NOT_BUILT,
                         ids=[f"{e}={v}" for e, v in NOT_BUILT])
def test_values_that_are_not_built_are_refused_by_name(make_node, element,
                                                       value):
    node = make_node().start()
    with pytest.raises(zeep.exceptions.Fault) as raised:
        submit(node, with_element(order(node), element, value))
    detail = raised.value.detail
    assert "JobSubmissionError" in detail[0].tag, element
    assert element in "".join(detail.itertext())


def test_what_is_accepted_changes_nothing(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"content")
    text = order(there)
    for element, value in ACCEPTED.items():
        if element.startswith("LocalLocation/System"):
            continue
        text = with_element(text, element, value)
    text = text.replace("<LocalLocation>", "<LocalLocation><System>" + "".join(
        f"<{e.rpartition('/')[2]}>{v}</{e.rpartition('/')[2]}>"
        for e, v in ACCEPTED.items() if e.startswith("LocalLocation/System")
    ) + "</System>")
    assert wait_end(here, submit(here, text)).Status == "completed"
    assert tree(there.docroot) == {b"out": b"content"}


@pytest.mark.parametrize("operation", ("Push", "Pull"))
@pytest.mark.parametrize("form", ("Files", None))
def test_root_paths_are_joined_with_the_paths(pair, operation, form):
    here, there = pair
    sender, receiver = (here, there) if operation == "Push" else (there, here)
    (sender.docroot / "root" / "a").mkdir(parents=True)
    (sender.docroot / "root" / "a" / "x").write_bytes(b"1")
    (sender.docroot / "root" / "y").write_bytes(b"2")
    (receiver.docroot / "base").mkdir()
    text = order(there, operation, ["a", "y"], "to/")
    for place in ("RemoteLocation", "LocalLocation"):
        receives = (place == "RemoteLocation") == (operation == "Push")
        root = f"<RootPath>/{'base' if receives else 'root'}</RootPath>"
        start = text.index(f"<{place}>")
        at = text.index("<Files>", start) + (len("<Files>") if form else 0)
        text = text[:at] + root + text[at:]
    assert wait_end(here, submit(here, text)).Status == "completed"
    assert tree(receiver.docroot) == {
        b"base": None, b"base/to": None, b"base/to/a": None,
        b"base/to/a/x": b"1", b"base/to/y": b"2"}


def test_a_key_with_a_passphrase_opens_the_door(pair, tmp_path):
    here, there = pair
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519",
                    "-aes-256-cbc", "-pass", "pass:secret words",
                    "-out", key], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-passin",
                             "pass:secret words", "-pubout", "-outform", "DER"],
                            check=True, capture_output=True).stdout[-32:]
    words = (b"ssh-ed25519", public)
    blob = b"".join(len(w).to_bytes(4, "big") + w for w in words)
    (tmp_path / "key.pub").write_text(
        f"ssh-ed25519 {base64.b64encode(blob).decode()}\n")
    there.add_user("keyed", key=tmp_path / "key.pub", password=None)
    (here.docroot / "in").write_bytes(b"x")
    for phrase, expected in (("secret words", ("completed", 0)),
                             ("other words", ("error", 19))):
        text = re.sub(
            "<Authentication>.*</Authentication>",
            "<Authentication><Methods><Method>Public Key</Method></Methods>"
            f"<KeyPath>{key}</KeyPath><KeyPassphrase>{phrase}</KeyPassphrase>"
            "</Authentication>", order(there, user="keyed"))
        end = wait_end(here, submit(here, text))
        assert (end.Status, end.ErrorCode) == expected, end


def test_a_token_is_refused_in_the_transfer(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    text = order(there, extra="<ApplicationData><Token>T</Token>"
                 "</ApplicationData>").replace(
                     "<Method>Password</Method>", "<Method>Token</Method>")
    end = wait_end(here, submit(here, text))
    assert (end.Status, end.ErrorCode) == ("error", 34), end
    assert tree(there.docroot) == {}


def test_rates_of_an_order_are_the_session_s(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 3000000)
    text = order(there, rate=50000).replace(
        "</TargetRate>", "</TargetRate><MinimumRate>1000</MinimumRate>"
        "<BandwidthCap>20000</BandwidthCap>")
    end = wait_end(here, submit(here, text))
    assert end.Status == "completed"
    for node in pair:
        seen = node.client().GetSessionInfo(
            SessionFilter={"SessionUUID": [end.UUID]}).SessionInfo[0]
        assert (seen.TargetRate, seen.MinimumRate, seen.BandwidthCap) == (
            50000, 1000, 20000), node.name


def test_waits_grow_to_the_maximum(make_node):
    here, there = make_node("here").start(), make_node("there").start()
    there.kill()
    (here.docroot / "in").write_bytes(b"x")
    job_id = submit(here, order(
        there, extra="<RetryParameters><Count>3</Count><BaseInterval>1"
        "</BaseInterval><MaximumInterval>1</MaximumInterval>"
        "</RetryParameters>"))
    sessions = wait_job(here, job_id)[::-1]
    starts = [s.StartDate for s in sessions]
    waits = [(b - a).total_seconds() for a, b in zip(starts, starts[1:])]
    assert len(waits) == 3 and all(w > 0.9 for w in waits), waits
    told = re.findall(rf"job\.waiting job={job_id} .*wait_s=(\d+)", here.log())
    assert told == ["1"] * 3, "they do not double"


def test_private_keys_are_shown(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    job_id = submit(here, order(there, extra="<PrivateData><Key>K1</Key>"
                                "</PrivateData>"))
    wait_end(here, job_id)
    assert sessions_of(here, job_id)[0].PrivateKey == "K1"
