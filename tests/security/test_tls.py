"""security.md row A13: TLS of a SOAP listener beyond loopback, and its Basic.

The listener is at all addresses of this machine; the tests use loopback.
"""

import base64
import os
import socket
import ssl
import subprocess
import warnings

import pytest

from attack import cpu_seconds, resident_bytes, RESIDENT_BYTES_MAX
from ferry import Node, PASSWORD
from wire import SECONDS, Wire, check_answer, request

LOGIN = "Authorization: Basic " + base64.b64encode(
    f"lab:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def node(binary, tmp_path_factory):
    node = Node(binary, tmp_path_factory.mktemp("tls"), "node",
                soap="0.0.0.0:0")
    node.add_user()
    try:
        node.start()
    except AssertionError as refusal:
        pytest.skip(f"A13: no SOAP listener with TLS: {refusal}"[:200])
    assert node.soap.startswith("https://")
    yield node
    node.stop()


def context(least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = least, most
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


def connect(node):
    port = int(node.soap.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), SECONDS)


class Secure(Wire):
    """The same wire inside TLS."""

    def __init__(self, node, data=b"", made=None, name=None):
        self.socket = (made or context()).wrap_socket(
            connect(node), server_hostname=name)
        self.held = b""
        if data:
            self.send(data)


@pytest.fixture(autouse=True)
def unharmed(node):
    yield
    with Secure(node, request(headers=[LOGIN])) as wire:
        answer = wire.answer()
    assert answer.status == 200, answer
    assert resident_bytes(node) < RESIDENT_BYTES_MAX


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1,
                                     ssl.TLSVersion.TLSv1_1])
def test_a13_old_versions_are_an_alert(node, version):
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as raised:
        Secure(node, made=context(version, version))
    assert "ALERT" in str(raised.value).upper(), raised.value


def test_a13_tls_13_is_spoken_and_without_a_name(node):
    with Secure(node, request(headers=[LOGIN])) as wire:
        assert wire.socket.version() == "TLSv1.3"
        assert wire.answer().status == 200
    with Secure(node, request(headers=[LOGIN]), name="other.example") as wire:
        assert wire.answer().status == 200


def test_a13_tls_12_is_whole_or_refused(node):
    made = context(most=ssl.TLSVersion.TLSv1_2)
    try:
        wire = Secure(node, request(headers=[LOGIN]), made)
    except ssl.SSLError as error:
        assert "ALERT" in str(error).upper()
        return
    with wire:
        assert wire.answer().status == 200
        assert wire.socket.compression() is None


@pytest.mark.parametrize("cipher", [
    "AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-SHA",
    "NULL-SHA256", "ECDHE-ECDSA-NULL-SHA", "ADH-AES128-SHA256",
    "AECDH-AES128-SHA"])
def test_a13_weak_ciphers_are_an_alert(node, cipher):
    """Without forward secrecy, without AEAD, or without a key."""
    made = context(most=ssl.TLSVersion.TLSv1_2)
    made.set_ciphers(cipher + ":@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as raised:
        Secure(node, made=made)
    assert "ALERT" in str(raised.value).upper(), raised.value


def test_a13_h2_alone_is_never_agreed_on(node):
    made = context()
    made.set_alpn_protocols(["h2"])
    try:
        with Secure(node, request(headers=[LOGIN]), made) as wire:
            assert wire.socket.selected_alpn_protocol() is None
            assert wire.answer().status == 200
    except ssl.SSLError as error:
        assert "ALERT" in str(error).upper()


def hello():
    """A large ClientHello as bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = context()
    made.set_alpn_protocols([f"protocol-number-{i:04d}" * 8 for i in range(100)])
    machine = made.wrap_bio(incoming, outgoing, server_hostname="a" * 60)
    with pytest.raises(ssl.SSLWantReadError):
        machine.do_handshake()
    return outgoing.read()


def test_a13_a_large_client_hello_byte_by_byte(node):
    data = hello()
    assert len(data) > 12000
    before = cpu_seconds(node)
    with connect(node) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for i in range(len(data)):
                raw.sendall(data[i:i + 1])
        except (BrokenPipeError, ConnectionResetError):
            pass # it may be more than a hello needs
        else:
            assert raw.recv(5)[0] in (0x15, 0x16), "an alert or a ServerHello"
    assert cpu_seconds(node) - before < 5


@pytest.mark.parametrize("data", [
    b"POST / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(100),
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x03\x00" + bytes(50),
    b"\x17\x03\x03\x00\x10" + bytes(16), b"\x15\x03\x03\x00\x02\x02\x28",
    os.urandom(3000)], ids=range(7))
def test_a13_what_is_no_tls(node, data):
    with connect(node) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := raw.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
    assert b"Fault" not in answer and len(answer) < 100


def test_a13_no_early_data(node):
    done = subprocess.run(
        ["openssl", "s_client", "-connect",
         f"127.0.0.1:{node.soap.rpartition(':')[2]}", "-ign_eof"],
        input=request(headers=[LOGIN, "Connection: close"]).decode(), text=True,
        capture_output=True, timeout=30)
    assert "HTTP/1.1 200" in done.stdout, done.stdout + done.stderr
    assert set(line.split(":")[1].strip() for line in done.stdout.splitlines()
               if "Max Early Data" in line) <= {"0"}


def test_a13_a_client_cannot_renegotiate(node):
    """TLS 1.2 would have it: each time costs the server a handshake."""
    client = subprocess.Popen(
        ["openssl", "s_client", "-tls1_2", "-connect",
         f"127.0.0.1:{node.soap.rpartition(':')[2]}"], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    seen = ""
    while "Extended master secret" not in seen and client.poll() is None:
        seen += client.stdout.readline()
    client.stdin.write("R\n") # s_client's command
    client.stdin.flush()
    rest = client.stdout.read()
    client.stdin.close()
    assert client.wait(timeout=20) != 0, rest
    assert "RENEGOTIATING" in rest and "alert" in rest, rest


def test_a13_a_client_certificate_is_not_asked_for(node, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "key",
         "-out", tmp_path / "cert", "-subj", "/CN=nobody", "-days", "1"],
        check=True, capture_output=True)
    made = context()
    made.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with Secure(node, request(), made) as wire:
        assert wire.answer().status == 401, "a certificate is no login"
    with Secure(node, request(headers=[LOGIN]), made) as wire:
        assert wire.answer().status == 200


def test_a13_many_handshakes_that_stop_half_way(node):
    data = hello()
    held = [connect(node) for _ in range(300)]
    try:
        for raw in held:
            try:
                raw.sendall(data[:200])
            except (BrokenPipeError, ConnectionResetError):
                pass
        with Secure(node, request(headers=[LOGIN])) as wire:
            assert wire.answer().status == 200
    finally:
        for raw in held:
            raw.close()


BASIC = [
    ("none", []), ("another scheme", ["Authorization: Bearer x"]),
    ("no base64", ["Authorization: Basic !"]),
    ("no colon", ["Authorization: Basic bGFi"]),
    ("empty", ["Authorization:"]), ("two", [LOGIN, LOGIN]),
    *((who, ["Authorization: Basic " + base64.b64encode(
        who.encode()).decode()]) for who in (
            "lab:wrong", "nobody:x", ":", "lab:", "lab:" + "x" * 5000,
            "lab\0:x", "l\u00e4b:\u20ac")),
]


@pytest.mark.parametrize("lines", [c[1] for c in BASIC],
                         ids=[c[0][:12] for c in BASIC])
def test_who_may_call(node, lines):
    """Nobody without a name and password; one answer for all of them."""
    with Secure(node, request(headers=lines)) as wire:
        answer = wire.answer()
    assert answer.status in ((401,) if lines != [LOGIN, LOGIN] else (400, 401))
    if answer.status == 401:
        assert answer.header("WWW-Authenticate").startswith("Basic realm=")
    check_answer(answer)
    assert "password" not in answer.text or "name" in answer.text, "no hint"
