"""SOAP beyond loopback: TLS for ordinary clients, HTTP Basic, and who owns a
subscription."""

import base64
import http.client
import os
import re
import socket
import ssl
import subprocess

import pytest
from answers import look
from ferry import PASSWORD, Node

F06 = "urn:Aspera:XML:FASPSessionNET:2006/01:Types"
F09 = "urn:Aspera:XML:FASPSessionNET:2009/11:Types"
PATH = "/services/soap/Transfer-201210"
QUERY = f"<q:GetSessionInfoRequest xmlns:q='{F09}'><SessionFilter/></q:GetSessionInfoRequest>"


def certificate(folder, name, algorithm):
    """A self-signed certificate for localhost, by openssl."""
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", *algorithm, "-keyout",
         key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


def open_node(binary, folder, *options, soap="0.0.0.0:0"):
    node = Node(binary, folder, "open", soap=soap)
    node.add_user("lab")
    node.add_user("eva", password="other")
    log = open(node.log_path, "ab")
    node.process = subprocess.Popen(
        [node.binary, "serve", "--state", node.state, "--docroot",
         node.docroot, "--soap", soap, "--transfer", "127.0.0.1:0",
         *map(str, options)], stdout=subprocess.PIPE, stderr=log)
    log.close()
    line = node.process.stdout.readline().decode()
    match = re.match(r"ready soap=(https?)://\S+:(\d+) ", line)
    assert match, f"{line!r}\n{node.log()}"
    node.scheme, node.soap_port = match[1], int(match[2])
    return node


@pytest.fixture
def node(binary, tmp_path):
    made = open_node(binary, tmp_path)
    yield made
    made.stop()


def any_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(node, context=None):
    return http.client.HTTPSConnection("127.0.0.1", node.soap_port, timeout=20,
                                       context=context or any_context())


def basic(user, password):
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": "Basic " + text}


def call(connection, body, headers):
    connection.request(
        "POST", PATH, "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/"
        f"envelope/'><s:Body>{body}</s:Body></s:Envelope>",
        {"Content-Type": "text/xml", **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    look(text, "an answer over TLS")
    return answer.status, answer.getheader("WWW-Authenticate"), text


def test_only_users_with_their_password_may_call(node):
    assert node.scheme == "https"
    cases = (
        ({}, 401),
        (basic("lab", PASSWORD), 200),
        (basic("lab", PASSWORD), 200),  # known by now
        (basic("lab", PASSWORD + "x"), 401),
        (basic("lab", ""), 401),
        (basic("nobody", PASSWORD), 401),
        (basic("", PASSWORD), 401),
        ({"Authorization": "Basic " + "!" * 20}, 401),
        ({"Authorization": "Basic"}, 401),
        ({"Authorization": "Bearer abc"}, 401),
        (basic("n" * 3000, "x"), 401),
        (basic("lab", "x" * 3000), 401),
        ({"Authorization": "bAsIc  " + basic("eva", "other")["Authorization"][6:]}, 200),
    )
    for headers, expected in cases:
        connection = connect(node)
        status, challenge, body = call(connection, QUERY, headers)
        assert status == expected, (headers, body)
        assert (challenge or "").startswith("Basic realm=") == (status == 401)
        assert "Envelope" in body
        if status == 401:
            assert "ResultCount" not in body and "Client" in body
        connection.close()
    assert PASSWORD not in node.log() and "login_refused" in node.log()


def test_a_refused_login_leaves_the_connection_as_it_is(node):
    connection = connect(node)
    for user, password, expected in (("lab", "wrong", 401),
                                     ("lab", PASSWORD, 200),
                                     ("lab", "wrong", 401)):
        assert call(connection, QUERY, basic(user, password))[0] == expected
    connection.close()


def test_what_is_no_soap_is_not_read_for_strangers(node):
    for body in ("<not closed", "x" * 100000):
        connection = connect(node)
        status, _, text = call(connection, body, basic("lab", "wrong"))
        assert status == 401 and "password" in text
        connection.close()


def test_descriptions_need_no_login_and_name_https(node):
    connection = connect(node)
    connection.request("GET", PATH + "?wsdl")
    text = connection.getresponse().read().decode()
    assert f'location="https://127.0.0.1:{node.soap_port}{PATH}"' in text
    connection.close()


def test_a_client_that_leaves_while_its_password_is_looked_at(node):
    for _ in range(5):
        raw = any_context().wrap_socket(
            socket.create_connection(("127.0.0.1", node.soap_port)))
        raw.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                    f"Authorization: {basic('lab', 'no')['Authorization']}"
                    "\r\n\r\n".encode())
        raw.close()
    connection = connect(node)
    assert call(connection, QUERY, basic("lab", PASSWORD))[0] == 200
    connection.close()


def subscribe(connection, headers):
    status, _, body = call(
        connection, f"<f:SubscribeRequest xmlns:f='{F06}'><SessionID>0"
        "</SessionID><SessionObserver><f:Address>http://192.0.2.1/</f:Address>"
        "</SessionObserver><Topics/><Duration>60</Duration>"
        "</f:SubscribeRequest>", headers)
    assert status == 200, body
    return re.search(r">([0-9a-f-]{36})<", body)[1]


def test_a_subscription_belongs_to_its_maker(node):
    lab, eva = basic("lab", PASSWORD), basic("eva", "other")
    connection = connect(node)
    id = subscribe(connection, lab)
    listing = f"<f:ListSubscriptionsRequest xmlns:f='{F06}'/>"
    change = lambda name: (f"<f:{name}Request xmlns:f='{F06}'><SubscriptionID>"
                           f"{id}</SubscriptionID></f:{name}Request>")
    assert id in call(connection, listing, lab)[2]
    assert id not in call(connection, listing, eva)[2]
    unknown = call(connection, change("Unsubscribe").replace(
        id, "00000000-0000-4000-8000-000000000000"), eva)
    for name in ("UpdateSubscription", "Unsubscribe"):
        status, _, body = call(connection, change(name), eva)
        assert status == 500
        assert body.replace(id, "") == unknown[2].replace(
            "00000000-0000-4000-8000-000000000000", "")
    assert call(connection, change("Unsubscribe"), lab)[0] == 200
    connection.close()


@pytest.mark.parametrize("algorithm", (
    ("rsa:2048",), ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")))
@pytest.mark.parametrize("version", ("TLSv1_2", "TLSv1_3"))
def test_a_configured_certificate_is_verified_by_clients(
        binary, tmp_path, algorithm, version):
    cert, key = certificate(tmp_path, "soap", algorithm)
    node = open_node(binary, tmp_path, "--soap-cert", cert, "--soap-key", key)
    try:
        context = ssl.create_default_context(cafile=str(cert))
        context.set_alpn_protocols(["http/1.1"])
        context.minimum_version = context.maximum_version = getattr(
            ssl.TLSVersion, version)
        connection = connect(node, context)
        big = "<Cookie>" + "x" * 60000 + "</Cookie>"
        for filter in ("", big, ""):
            status, _, body = call(
                connection, QUERY.replace("<SessionFilter/>",
                                          f"<SessionFilter>{filter}"
                                          "</SessionFilter>"),
                basic("lab", PASSWORD))
            assert status == 200 and "ResultCount>0<" in body
        assert connection.sock.version() == version.replace("_", ".")
        assert connection.sock.selected_alpn_protocol() == "http/1.1"
        connection.close()
    finally:
        node.stop()


def test_tls_below_1_2_other_protocols_and_clear_text_are_refused(node):
    old = any_context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    h2 = any_context()
    h2.set_alpn_protocols(["h2"])
    for context in (old, h2):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(
                socket.create_connection(("127.0.0.1", node.soap_port)))
    clear = socket.create_connection(("127.0.0.1", node.soap_port), timeout=20)
    clear.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with clear:
        try:
            assert b"HTTP" not in clear.recv(1000)
        except ConnectionError:
            pass
    assert "tls_failed" in node.log()
    connection = connect(node)
    assert call(connection, QUERY, basic("lab", PASSWORD))[0] == 200
    connection.close()


def test_a_hello_byte_by_byte_and_a_large_answer(node):
    """The WSDL is larger than several records; the client reads slowly."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = any_context().wrap_bio(incoming, outgoing)
    raw = socket.create_connection(("127.0.0.1", node.soap_port), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(what):
        while True:
            try:
                return what()
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    raw.sendall(bytes([byte]))
                incoming.write(raw.recv(777))

    run(tls.do_handshake)
    tls.write(f"GET {PATH}?wsdl HTTP/1.1\r\nHost: x\r\n"
              "Connection: close\r\n\r\n".encode())
    raw.sendall(outgoing.read())
    text = b""
    while not text.endswith(b"definitions>\n") and (
            piece := run(lambda: tls.read(1000))):
        text += piece
    head, body = text.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    assert len(body) == length > 30000
    raw.close()


def test_bad_certificates_are_named_at_the_start(binary, tmp_path):
    cert, key = certificate(tmp_path, "a", ("rsa:2048",))
    other, other_key = certificate(tmp_path, "b", ("rsa:2048",))
    open_key = tmp_path / "open.key"
    open_key.write_bytes(key.read_bytes())
    os.chmod(open_key, 0o644)
    node = Node(binary, tmp_path, "bad")
    for options, words in (
            (("--soap-cert", cert, "--soap-key", other_key), "belongs to it"),
            (("--soap-cert", cert), "every user"),
            (("--soap-cert", tmp_path / "none", "--soap-key", key), "cannot be read"),
            (("--soap-cert", node.docroot, "--soap-key", key), "cannot be read"),
            (("--soap-cert", cert, "--soap-key", open_key), "every user")):
        done = node.ferry("serve", "--state", node.state, "--docroot",
                          node.docroot, "--soap", "0.0.0.0:0", "--transfer",
                          "127.0.0.1:0", *options, check=False)
        assert done.returncode == 78 and words in done.stderr, done.stderr


def test_without_tls_only_when_asked_for_each_start_warns(binary, tmp_path):
    node = open_node(binary, tmp_path, "--insecure-soap")
    try:
        assert node.scheme == "http"
        plain = http.client.HTTPConnection("127.0.0.1", node.soap_port)
        assert call(plain, QUERY, {})[0] == 200
        assert "soap.insecure" in node.log()
    finally:
        node.stop()


@pytest.mark.parametrize("address, is_open", [
    ("127.0.0.1", False), ("127.9.9.9", False), ("[::1]", False),
    ("[::ffff:127.0.0.1]", False),
    ("0.0.0.0", True), ("[::]", True),
])
def test_only_loopback_goes_without_tls_and_a_name(binary, tmp_path, address,
                                                   is_open):
    """Contract, section 7: everybody of this machine, nobody else."""
    node = open_node(binary, tmp_path, soap=address + ":0")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(address,
                                                      address.strip("[]"))
    try:
        assert node.scheme == ("https" if is_open else "http")
        plain = http.client.HTTPConnection(host, node.soap_port, timeout=20)
        if not is_open:
            assert call(plain, QUERY, {})[0] == 200
            return
        with pytest.raises((http.client.HTTPException, OSError)):
            call(plain, QUERY, basic("lab", PASSWORD))
        for headers, expected in (({}, 401), (basic("lab", PASSWORD), 200)):
            secure = http.client.HTTPSConnection(
                host, node.soap_port, timeout=20, context=any_context())
            assert call(secure, QUERY, headers)[0] == expected
            secure.close()
    finally:
        node.stop()


@pytest.mark.parametrize("options", [
    ["--soap-cert", "/no/such/file"], ["--soap-cert", "/dev/null"],
    ["--soap-key", "/no/such/key"]])
def test_beyond_loopback_what_tls_lacks_is_no_start(binary, tmp_path, options):
    """Never in the clear instead."""
    node = Node(binary, tmp_path, "open", soap="0.0.0.0:0", options=options)
    node.add_user()
    done = node.ferry("serve", "--state", node.state, "--docroot",
                      node.docroot, "--soap", "0.0.0.0:0", "--transfer",
                      "127.0.0.1:0", *options, check=False)
    assert done.returncode == 78 and "ready" not in done.stdout
    assert options[1] in done.stderr, done.stderr


def test_on_loopback_a_login_is_ignored(binary, tmp_path):
    node = open_node(binary, tmp_path, soap="127.0.0.1:0")
    try:
        plain = http.client.HTTPConnection("127.0.0.1", node.soap_port)
        assert call(plain, QUERY, basic("nobody", "x"))[0] == 200
    finally:
        node.stop()
