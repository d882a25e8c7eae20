"""Requests as bytes on a socket, answers as bytes, and what an answer must be.

`check_answer()` is the contract's form of every answer: HTTP framing, the
layout of the envelope to the byte, and the schemas.
"""

import re
import socket

import pytest
from answers import (NS, SCHEMAS, SOAP11, SOAP12, check_envelope,  # noqa: F401
                     check_schema, checked)
from ferry import Node
from lxml import etree

TRANSFER = "/services/soap/Transfer-201210"
SECONDS = 20

CALL = f'<j:ListTypesRequest xmlns:j="{NS["job"]}"/>'


def envelope(body=CALL, ns=SOAP11, head="", before=""):
    return (f'{before}<s:Envelope xmlns:s="{ns}">{head}<s:Body>{body}</s:Body>'
            "</s:Envelope>")


def request(body=None, path=TRANSFER, method="POST", version="HTTP/1.1",
            headers=(), host="Host: localhost", length=True,
            media="Content-Type: text/xml; charset=utf-8"):
    """A request with the lines given; `body` is text or bytes."""
    if body is None:
        body = envelope()
    if isinstance(body, str):
        body = body.encode()
    lines = [f"{method} {path} {version}", host, media, *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(line for line in lines if line)
    return head.encode("latin-1") + b"\r\n\r\n" + body


GOOD = request()


class Answer:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason = status, reason
        self.headers, self.body = headers, body
        self.text = body.decode()

    def header(self, name):
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) <= 1, f"{name} twice: {self.headers}"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r}>"


class Closed(Exception):
    """The server has closed the connection."""


class Wire:
    """A connection to a node, and what comes back on it."""

    def __init__(self, node, data=b""):
        host, port = node.soap.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""
        if data:
            self.send(data)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.socket.close()

    def send(self, data):
        """Sends; a server that has refused may have closed already."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(self.held)
        self.held += data

    def answer(self, head_only=False):
        """The next answer, an interim one too."""
        while b"\r\n\r\n" not in self.held:
            self.more()
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) ([ -~]*)", first)
        assert match, first
        headers = [tuple(line.split(": ", 1)) for line in lines]
        status = int(match[1])
        size = 0
        if status >= 200:
            sizes = [v for n, v in headers if n.lower() == "content-length"]
            assert len(sizes) == 1, head
            size = 0 if head_only else int(sizes[0])
        while len(self.held) < size:
            self.more()
        body, self.held = self.held[:size], self.held[size:]
        return Answer(status, match[2], headers, body)

    def closes(self):
        """The server closes, and says nothing more."""
        with pytest.raises(Closed):
            while True:
                self.more()
        assert self.held == b"", self.held


def ask(node, data):
    """One request on a connection of its own; the answer is checked."""
    with Wire(node, data) as wire:
        answer = wire.answer()
    check_answer(answer)
    return answer


def works(node):
    """A good request is answered."""
    answer = ask(node, GOOD)
    assert answer.status == 200 and "Aspera.IScpTransfer" in answer.text


# ---- the form of every answer ----

def check_answer(answer):
    """What holds for every answer of the SOAP listener."""
    if answer.status < 200:
        return None
    media = answer.header("Content-Type") or ""
    if answer.status == 200 and "wsdl" in answer.text[:300]:
        etree.fromstring(answer.body)
        return None
    if not media.startswith(("text/xml", "application/soap+xml")):
        assert answer.status == 200 and media.startswith("text/html"), answer
        return None
    content = check_envelope(answer.text)
    soap12 = SOAP12 in answer.text[:300]
    assert media.startswith("application/soap+xml" if soap12 else "text/xml")
    fault = etree.QName(content).localname == "Fault"
    assert fault == (answer.status != 200), answer
    return content


def fault_of(answer):
    """(code, text) of a Fault, in the words of SOAP 1.1."""
    fault = etree.fromstring(answer.body)[0][0]
    assert etree.QName(fault).localname == "Fault", answer
    if etree.QName(fault).namespace == SOAP12:
        code = fault[0][0].text.partition(":")[2]
        return {"Sender": "Client", "Receiver": "Server"}.get(code, code), (
            fault[1][0].text)
    return fault[0].text.partition(":")[2], fault[1].text


@pytest.fixture(scope="module")
def node(binary, tmp_path_factory):
    """One node for all tests of a file."""
    node = Node(binary, tmp_path_factory.mktemp("node"), "node").start()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def nodes(binary, tmp_path_factory):
    """Two nodes for all tests of a file; the second knows the user lab."""
    folder = tmp_path_factory.mktemp("nodes")
    here, there = Node(binary, folder, "here"), Node(binary, folder, "there")
    there.add_user()
    here.start()
    yield here, there.start()
    here.stop()
    there.stop()
