"""What bad input gets: a defined answer, and nothing is lost."""

import os
import socket

import pytest
import requests
import zeep

from ferry import (NS, PASSWORD, order, session_of, submit, subscribe, tree,
                   wait_end)


def post(node, body, **headers):
    return requests.post(
        f"{node.soap}/services/soap/Transfer-201210", data=body,
        headers={"Content-Type": "text/xml", **headers}, timeout=10)


def envelope(body):
    return (f'<s:Envelope xmlns:s="{NS["soap"]}"><s:Body>{body}</s:Body>'
            "</s:Envelope>")


CASES = [
    ("not XML", "hello", "Client"),
    ("cut off", envelope("<a/>")[:-5], "Client"),
    ("a DTD", '<!DOCTYPE a [<!ENTITY b "c">]>' + envelope("<a/>"), "Client"),
    ("an instruction", envelope("<?php x?><a/>"), "Client"),
    ("no envelope", "<a/>", "Client"),
    ("no namespace", "<Envelope><Body/></Envelope>", "VersionMismatch"),
    ("empty", "", "Client"),
    ("an unknown operation", envelope('<x:No xmlns:x="urn:x"/>'), "Client"),
    ("a missing child", envelope(f'<j:SubmitRequest xmlns:j="{NS["job"]}">'
                                 "<Type>x</Type></j:SubmitRequest>"), "Client"),
    ("nested without end", envelope("<a>" * 5000), "Client"),
    ("wide", envelope("<a " + " ".join(f'b{i}="1"' for i in range(5000)) +
                      "/>"), "Client"),
]


@pytest.mark.parametrize("name, body, code", CASES, ids=[c[0] for c in CASES])
def test_a_bad_envelope_is_a_fault(make_node, name, body, code):
    node = make_node().start()
    answer = post(node, body)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert f"<faultcode>soapenv:{code}</faultcode>" in answer.text
    assert node.client().ListTypes() == ["Aspera.IScpTransfer"], (
        "a good request is answered after it")


def test_addresses_and_methods(make_node):
    node = make_node().start()
    path = f"{node.soap}/services/soap/Transfer-201210"
    assert requests.get(path).status_code == 405
    assert "POST" in requests.get(path).headers["Allow"]
    assert requests.get(f"{node.soap}/nothing").status_code == 404
    assert requests.post(path, data="x", headers={
        "Content-Type": "application/json"}).status_code == 415
    assert requests.get(f"{node.soap}/").status_code == 200
    for old in ("Transfer201210", "Job", "FASPSession", "IScpTransfer"):
        wsdl = requests.get(f"{node.soap}/console/services/soap/{old}.wsdl")
        assert wsdl.status_code == 200, old
        assert node.soap in wsdl.text


ORDERS = [
    ("no XML", "hello", "JobFormatInvalid", "line 1"),
    ("no operation", "<Order><RemoteLocation/></Order>", "JobFormatInvalid",
     "Operation"),
    ("a bad word", ("<Operation>Push", "<Operation>Throw"),
     "JobFormatInvalid", "Operation"),
    ("a bad number", ("<TargetRate>1000000", "<TargetRate>fast"),
     "JobFormatInvalid", "TargetRate"),
    ("a manifest", ("<FileParameters>",
                    "<FileParameters><ManifestPolicy>Text</ManifestPolicy>"),
     "JobSubmissionError", "ManifestPolicy"),
    ("encryption at rest", ("<FileParameters>",
                            "<FileParameters><Protection>Encrypt</Protection>"),
     "JobSubmissionError", "Protection"),
    ("a creation time", ("<FileParameters>", "<FileParameters>"
                         "<PreserveCreationTime>Yes</PreserveCreationTime>"),
     "JobSubmissionError", "PreserveCreationTime"),
    ("a proxy", ("</RemoteLocation>", "<Proxy><Url>dnat://x</Url></Proxy>"
                 "</RemoteLocation>"), "JobSubmissionError", "Proxy"),
    ("a missing key file", ("<Method>Password</Method></Methods>",
                            "<Method>Public Key</Method></Methods>"
                            "<KeyPath>/no/such/key</KeyPath>"),
     "JobSubmissionError", "key"),
]


@pytest.mark.parametrize("name, change, fault, word", ORDERS,
                         ids=[o[0] for o in ORDERS])
def test_an_order_that_cannot_be_run_is_a_typed_fault(
        make_node, name, change, fault, word):
    node = make_node().start()
    definition = change
    if isinstance(change, tuple):
        definition = order(node).replace(*change)
        assert definition != order(node)
    with pytest.raises(zeep.exceptions.Fault) as raised:
        submit(node, definition)
    detail = raised.value.detail
    assert detail is not None, raised.value
    assert detail[0].tag == f"{{{NS['job']}}}{fault}FaultType"
    assert word in "".join(detail[0].itertext())
    assert node.client().ListJobs() in (None, [])


def test_an_unknown_type_is_a_typed_fault(make_node):
    node = make_node().start()
    with pytest.raises(zeep.exceptions.Fault) as raised:
        node.client().Submit(Type="Carrier.Pigeon", Definition="<Order/>")
    assert raised.value.detail[0].tag.endswith("JobTypeNotFoundFaultType")
    assert raised.value.detail[0][0].text == "Carrier.Pigeon"


def fails_with(here, there, code, definition, observe):
    observer = observe()
    subscribe(here, observer)
    job_id = submit(here, definition)
    end = wait_end(here, job_id)
    assert (end.Status, end.ErrorCode) == ("error", code), end
    assert end.ErrorDescription
    observer.wait_for("the job's Stop", lambda got: [
        n for n in got if n.kind == "job" and n.topic == "Stop"])
    topics = [n.topic for n in observer.received if n.kind == "job"]
    assert topics[0] == "Connecting" and topics[-2:] == ["Error", "Stop"]
    return end


def test_wrong_credentials_are_error_19_and_nothing_is_written(pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    for user, password in (("lab", "wrong"), ("nobody", PASSWORD)):
        fails_with(here, there, 19, order(there, user=user, password=password),
                   observe)
    assert tree(there.docroot) == {}


@pytest.mark.parametrize("operation, source, destination", [
    ("Push", "/../../etc/passwd", "/out"),
    ("Push", "/link", "/out"),
    ("Push", "/in", "/../../tmp/x"),
    ("Push", "/in", "/link/x"),
    ("Pull", "/../../etc/passwd", "/out"),
    ("Pull", "/link", "/out"),
])
def test_a_path_outside_the_docroot_is_error_41(
        pair, observe, operation, source, destination):
    here, there = pair
    for node in pair:
        os.symlink("/etc", node.docroot / "link")
    (here.docroot / "in").write_bytes(b"x")
    fails_with(here, there, 41,
               order(there, operation, [source], destination), observe)
    assert set(tree(there.docroot)) <= {b"link"}


def test_a_missing_source_is_error_4(pair, observe):
    here, there = pair
    fails_with(here, there, 4, order(there, sources=["/nothing"]), observe)
    fails_with(here, there, 4, order(there, "Pull", ["/nothing"]), observe)


def test_nobody_there_is_error_12(make_node, observe):
    node = make_node().start()
    (node.docroot / "in").write_bytes(b"x")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0)) # bound, not listening: refused
        fails_with(node, node, 12,
                   order(node, port=held.getsockname()[1]), observe)


def test_another_host_key_is_error_51(pair, observe):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    wrong = ("<SecurityParameters><SSHFingerprint>SHA256:" + "A" * 43 +
             "</SSHFingerprint></SecurityParameters>")
    fails_with(here, there, 51, order(there, extra=wrong), observe)
    assert tree(there.docroot) == {}


def test_garbage_on_the_transfer_port_changes_nothing(pair):
    here, there = pair
    with socket.create_connection(("127.0.0.1", there.port)) as connection:
        connection.sendall(os.urandom(3000))
        connection.settimeout(10)
        while connection.recv(4096):
            pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for size in (0, 1, 25, 26, 42, 43, 1400, 9000):
            datagrams.sendto(os.urandom(size), ("127.0.0.1", there.port))
    (here.docroot / "in").write_bytes(b"x" * 3000)
    assert wait_end(here, submit(here, order(there))).Status == "completed"


def test_unknown_ids_are_typed_faults(make_node):
    node = make_node().start()
    unknown = "00000000-0000-4000-8000-000000000000"
    calls = [
        ("IScpTransferNET-200604", "Cancel", {"JobID": unknown},
         "JobNotFoundFaultType"),
        ("IScpTransferNET-200604", "QueryJob", {"JobID": "x"},
         "JobNotFoundFaultType"),
        ("IScpTransferNET-200604", "Unsubscribe", {"SubscriptionID": unknown},
         "SubscriptionNotFoundFaultType"),
        ("FASPSessionNET-200601", "Cancel", {"SessionID": unknown},
         "SessionNotFoundFaultType"),
        ("FASPSessionNET-200601", "Unsubscribe", {"SubscriptionID": unknown},
         "SubscriptionNotFoundFaultType"),
    ]
    for service, operation, arguments, fault in calls:
        with pytest.raises(zeep.exceptions.Fault) as raised:
            node.client(service)[operation](**arguments)
        assert raised.value.detail[0].tag.endswith(fault), operation


@pytest.mark.parametrize("arguments, words", [
    (["--docroot", "/no/such/folder"], "docroot"),
    (["--soap", "somewhere"], "--soap"),
    (["--config", "/no/such.conf"], "/no/such.conf"),
])
def test_a_bad_configuration_ends_with_78(binary, tmp_path, arguments, words):
    import subprocess
    done = subprocess.run(
        [binary, "serve", "--state", tmp_path / "state", "--docroot", tmp_path,
         "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0", *arguments],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 78, done
    assert words in done.stderr and done.stdout == ""
