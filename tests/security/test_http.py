"""security.md part A, row by row: attacks on HTTP."""

import gzip
import os
import re
import resource
import socket
import time

import pytest

from attack import (RESIDENT_BYTES_MAX, cpu_seconds, node, refused,
                    resident_bytes, unharmed)
from ferry import Node, wait_until
from wire import (GOOD, TRANSFER, Closed, Wire, ask, envelope, fault_of, request,
                  works)

BODY = envelope()
SIZE = len(BODY)


def lengths(*lines):
    """A request with these lines instead of a right Content-Length."""
    return request(BODY, headers=lines, length=False)


CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY.encode())


def chunks(body, line="Transfer-Encoding: chunked", **options):
    return request(b"", headers=[line], length=False, **options) + body


A1 = [
    ("CL and TE", request(BODY, headers=["Transfer-Encoding: chunked"])),
    ("TE and CL", request(b"", length=False, headers=[
        "Transfer-Encoding: chunked", f"Content-Length: {SIZE}"]) + CHUNKS),
    ("two CL, one value", request(BODY, headers=[f"Content-Length: {SIZE}"])),
    ("two CL, two values", request(BODY, headers=["Content-Length: 3"])),
    *((f"CL {value!r}", lengths(f"Content-Length: {value}"))
      for value in ("+1", "-1", "0x10", "1_0", "", "1,1", "1 1", "1;",
                    "9223372036854775808", "18446744073709551616",
                    "99999999999999999999999999", "\u00b2")),
]


@pytest.mark.parametrize("data", [c[1] for c in A1], ids=[c[0] for c in A1])
def test_a1_lengths_that_disagree(node, data):
    refused(node, data, (400,))


@pytest.mark.parametrize("value", [f"0{SIZE}", f"  {SIZE}  ", f"\t{SIZE}"])
def test_a1_legal_lengths(node, value):
    assert ask(node, lengths(f"Content-Length: {value}")).status == 200


def test_a1_a_length_beyond_the_limit_is_413_before_it_comes(node):
    answer = refused(node, lengths("Content-Length: 9223372036854775807"),
                     (400, 413))
    assert answer.status in (400, 413)
    assert refused(node, lengths("Content-Length: 8388609"),
                   (413,)).status == 413


A2 = [
    ("empty first", ",chunked"), ("identity last", "chunked, identity"),
    ("another coding", "xchunked"), ("a control", "chunked\x0b"),
    ("gzip", "gzip, chunked"), ("identity", "identity"), ("empty", ""),
    ("quoted", '"chunked"'), ("chunked twice", "chunked, chunked"),
]


@pytest.mark.parametrize("value", [c[1] for c in A2], ids=[c[0] for c in A2])
def test_a2_transfer_encodings(node, value):
    refused(node, chunks(CHUNKS, f"Transfer-Encoding: {value}"), (400, 501))


def test_a2_two_lines_and_http_10(node):
    refused(node, request(b"", length=False, headers=[
        "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]) + CHUNKS,
        (400, 501))
    refused(node, request(b"", length=False, headers=[
        "Transfer-Encoding: chunked", "Transfer-Encoding: identity"]) + CHUNKS,
        (400, 501))
    refused(node, chunks(CHUNKS, version="HTTP/1.0"), (400, 501))


A3 = [
    ("0x", b"0x1\r\na\r\n0\r\n\r\n"), ("+", b"+1\r\na\r\n0\r\n\r\n"),
    ("-", b"-1\r\na\r\n0\r\n\r\n"), ("_", b"1_0\r\na\r\n0\r\n\r\n"),
    ("empty", b"\r\na\r\n0\r\n\r\n"), ("blank before", b" 1\r\na\r\n0\r\n\r\n"),
    ("blank after", b"1 \r\na\r\n0\r\n\r\n"),
    ("tab after", b"1\t\r\na\r\n0\r\n\r\n"),
    ("17 digits", b"00000000000000001\r\na\r\n0\r\n\r\n"),
    ("17 digits of a later chunk",
     b"1\r\na\r\n00000000000000001\r\na\r\n0\r\n\r\n"),
    ("17 digits of the last", b"1\r\na\r\n00000000000000000\r\n\r\n"),
    ("beyond 64 bits", b"10000000000000000\r\na\r\n0\r\n\r\n"),
    ("an extension with CR", b"1;a\rb\r\na\r\n0\r\n\r\n"),
    ("bare LF after the size", b"1\na\r\n0\r\n\r\n"),
    ("bare LF after the data", b"1\r\na\n0\r\n\r\n"),
    ("no CRLF after the data", b"1\r\na0\r\n\r\n"),
    ("more data than the size", b"1\r\nabc\r\n0\r\n\r\n"),
    ("bare LF at the end", b"1\r\na\r\n0\r\n\n"),
    ("no number", b"x\r\na\r\n0\r\n\r\n"),
    ("a bad trailer", b"1\r\na\r\n0\r\nX\r\n\r\n"),
]


@pytest.mark.parametrize("name, body", A3)
def test_a3_chunks(node, name, body):
    refused(node, chunks(body), (400,))


def test_a3_a_trailer_without_end_waits_and_then_is_given_up(node):
    with Wire(node, chunks(b"0\r\nX:")) as wire:
        wire.socket.shutdown(socket.SHUT_WR)
        try:
            assert wire.answer().status == 400
        except Closed:
            pass # the client has left in the middle


A4 = [
    ("bare CR", "A: b\rc"), ("bare LF", "A: b\nC: d"), ("NUL", "A: b\0c"),
    ("folded", "A: b\r\n c"), ("blank before the colon", "A : b"),
    ("empty name", ": b"), ("no token", "A(): b"), ("a blank first", " A: b"),
    ("0x80 in the name", "A\x80: b"), ("0xff in the name", "A\xff: b"),
    ("no colon", "A"), ("a control in the value", "A: \x01"),
    ("DEL in the value", "A: \x7f"),
]


@pytest.mark.parametrize("line", [c[1] for c in A4], ids=[c[0] for c in A4])
def test_a4_header_lines(node, line):
    refused(node, request(headers=[line]), (400,))


def start(line, host="Host: a"):
    return f"{line}\r\n{host}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")


A5 = [
    ("a bad method", start(f"G@T {TRANSFER} HTTP/1.1"), (400, 405)),
    ("no version", start(f"GET {TRANSFER}"), (400, 505)),
    ("HTTP/1.32", start(f"GET {TRANSFER} HTTP/1.32"), (400, 505)),
    ("HTTP/2.0", start(f"GET {TRANSFER} HTTP/2.0"), (400, 505)),
    ("a huge version", start(f"GET {TRANSFER} HTTP/4294967295.255"), (400, 505)),
    ("lower case", start(f"GET {TRANSFER} http/1.1"), (400, 505)),
    ("LF as separator", start(f"GET {TRANSFER} HTTP/1.1\nA: b"), (400, 505)),
    ("LF for a blank", start(f"GET\n{TRANSFER} HTTP/1.1"), (400,)),
    ("two blanks", start(f"GET  {TRANSFER} HTTP/1.1"), (400, 405)),
    ("authority form", start("GET a:80 HTTP/1.1"), (400, 404, 405)),
    ("CONNECT", start("CONNECT a:80 HTTP/1.1"), (400, 404, 405)),
    ("asterisk", start("GET * HTTP/1.1"), (400, 404, 405)),
    ("64 KiB target", start(f"GET /{'a' * 65536} HTTP/1.1"), (400, 414)),
    ("%00", start("GET /services/soap/%00 HTTP/1.1"), (400, 404)),
    ("dots", start("GET /..%2f..%2fetc/passwd HTTP/1.1"), (400, 404)),
    ("plain dots", start("GET /../../../etc/passwd HTTP/1.1"), (400, 404)),
    ("a control", start("GET /\x01 HTTP/1.1"), (400,)),
    ("TLS on the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
     bytes(600), (400,)),
    ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 405, 505)),
]


@pytest.mark.parametrize("data, statuses", [c[1:] for c in A5],
                         ids=[c[0] for c in A5])
def test_a5_request_lines(node, data, statuses):
    answer = refused(node, data, statuses, closes=False)
    assert "root:" not in answer.text


A6 = [
    ("none", ""), ("two", "Host: a\r\nHost: a"), ("blank inside", "Host: a b"),
    ("@", "Host: user@a"), ("/", "Host: a/b"), ("userinfo", "Host: a:b@c"),
    ("300 bytes", "Host: " + "a" * 300), ("open bracket", "Host: [::1"),
    ("port of letters", "Host: a:http"), ("port too large", "Host: a:65536"),
    ("a quote", 'Host: a"b'), ("markup", "Host: <b>"), ("query", "Host: a?b"),
    ("0x80", "Host: \x80"), ("backslash", "Host: a\\b"), ("comma", "Host: a,b c"),
]


@pytest.mark.parametrize("host", [c[1] for c in A6], ids=[c[0] for c in A6])
def test_a6_hosts(node, host):
    refused(node, request("", f"{TRANSFER}?wsdl", "GET", host=host, media="",
                          length=False), (400,), closes=False)


@pytest.mark.parametrize("host", ["a.example", "127.0.0.1:80", "[::1]:40001",
                                  "[2001:db8::1]", "x-1.y", "LOCALHOST"])
def test_a6_good_hosts_are_echoed(node, host):
    answer = ask(node, request("", f"{TRANSFER}?wsdl", "GET", media="",
                               host=f"Host: {host}", length=False))
    assert f'location="http://{host}{TRANSFER}"' in answer.text


def test_a7_pipelined_requests(node):
    """Many at once, all answered, in order; memory is bounded meanwhile."""
    count = 2000
    wsdl = request("", "/", "GET", media="", length=False)
    with Wire(node) as wire:
        for round in range(5):
            sent = (GOOD + wsdl) * (count // 10)
            wire.socket.sendall(sent)
            for number in range(count // 5):
                answer = wire.answer()
                assert answer.status == 200
                assert ("Aspera" in answer.text) == (number % 2 == 0)
    assert resident_bytes(node) < RESIDENT_BYTES_MAX


@pytest.mark.slow
def test_a7_ten_thousand_pipelined_before_one_is_read(node):
    with Wire(node) as wire:
        wire.socket.setblocking(False)
        data, done, answers = GOOD * 10000, 0, 0
        while answers < 10000:
            try:
                done += wire.socket.send(data[done:done + 65536]) if (
                    done < len(data)) else 0
            except BlockingIOError:
                wire.socket.settimeout(20)
                wire.answer()
                answers += 1
                wire.socket.setblocking(False)
                continue
            if done == len(data):
                wire.socket.settimeout(20)
                assert wire.answer().status == 200
                answers += 1


@pytest.mark.parametrize("extra", [b"x", b"\0", b"garbage\r\n\r\n",
                                   b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_a7_garbage_behind_a_request(node, extra):
    """The good one is answered, then 400 and the end (or just the end where
    what came is no whole request)."""
    for data in (GOOD, chunks(CHUNKS)):
        with Wire(node, data + extra) as wire:
            assert wire.answer().status == 200
            wire.socket.shutdown(socket.SHUT_WR)
            try:
                assert wire.answer().status == 400
            except Closed:
                assert extra == b"x", "what is surely wrong is told"


@pytest.mark.slow
def test_a8_a_body_that_never_comes_is_408(node):
    head = request(headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")[0]
    with Wire(node, head + b"\r\n\r\n") as wire:
        wire.socket.settimeout(60)
        assert wire.answer().status == 100
        assert wire.answer().status == 408
        wire.closes()


@pytest.mark.parametrize("value", ["200-ok", "100-continue, x", "", "100"])
def test_a8_other_expectations(node, value):
    answer = refused(node, request(headers=[f"Expect: {value}"]), (417,),
                     closes=False)
    assert answer.status == 417


A9 = [
    ("101 headers", [f"A{i}: b" for i in range(101)]),
    ("a header of 64 KiB", ["A: " + "b" * 65536]),
    ("a name of 64 KiB", ["A" * 65536 + ": b"]),
    ("16 KiB in all", [f"A{i}: " + "b" * 400 for i in range(50)]),
]


@pytest.mark.parametrize("lines", [c[1] for c in A9], ids=[c[0] for c in A9])
def test_a9_too_many_headers(node, lines):
    refused(node, request(headers=lines), (431,))


def test_a9_as_many_headers_as_allowed(node):
    # Host, Content-Type and Content-Length are three of the hundred.
    assert ask(node, request(headers=[f"A{i}: b" for i in range(97)])
               ).status == 200


def test_a9_headers_byte_by_byte(node):
    data = request(headers=["A: " + "b" * 20000])
    with Wire(node) as wire:
        for i in range(0, 17000):
            wire.send(data[i:i + 1])
        answer = wire.answer()
        assert answer.status == 431


def test_a10_a_compressed_body_is_not_opened(node):
    bomb = gzip.compress(bytes(20 << 20))
    for coding in ("gzip", "deflate", "br", "x-gzip", "gzip, gzip"):
        refused(node, request(bomb, headers=[f"Content-Encoding: {coding}"]),
                (415,), closes=False)
    assert ask(node, request(headers=["Content-Encoding: identity"])
               ).status in (200, 415)


def test_a11_half_open_requests_do_not_disturb_others(node):
    """Slow headers, slow bodies and slow readers, all at once."""
    held = []
    try:
        for i in range(200):
            held.append(Wire(node, (b"POST ", GOOD[:60], GOOD[:-20],
                                    chunks(b"5\r\nab"))[i % 4]))
        for _ in range(100):
            wire = Wire(node)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            wire.send(request("", f"{TRANSFER}?wsdl", "GET", media="",
                              length=False) * 20)
            held.append(wire) # and never reads
        for _ in range(50):
            works(node)
        assert resident_bytes(node) < RESIDENT_BYTES_MAX
    finally:
        for wire in held:
            wire.socket.close()


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"POST ", GOOD[:60], GOOD[:-20],
                                  chunks(b"5\r\nab")])
def test_a11_who_is_slow_is_told_408(node, data):
    with Wire(node, data) as wire:
        wire.socket.settimeout(60)
        assert wire.answer().status == 408
        wire.closes()


@pytest.mark.slow
def test_a11_an_idle_connection_is_closed(node):
    with Wire(node, GOOD) as wire:
        assert wire.answer().status == 200
        wire.socket.settimeout(90)
        wire.closes()


@pytest.mark.slow
def test_a11_a_drip_does_not_extend_the_time(node):
    """A byte a second does not keep a request alive beyond its time."""
    with Wire(node) as wire:
        wire.socket.settimeout(1)
        begin = time.monotonic()
        for i in range(len(GOOD)):
            wire.send(GOOD[i:i + 1])
            try:
                wire.more()
                break
            except (TimeoutError, socket.timeout):
                continue
            except Closed:
                break
        assert 20 < time.monotonic() - begin < 60
        wire.socket.settimeout(20)
        assert wire.answer().status == 408


def test_a12_more_connections_than_are_served(node):
    """Beyond the limit a connection is closed or told 503; those before go on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    held = []
    try:
        first = Wire(node, GOOD)
        assert first.answer().status == 200
        for _ in range(4200):
            try:
                held.append(Wire(node))
            except OSError:
                break
        turned_away = 0
        for wire in held[-50:]:
            wire.send(GOOD)
            try:
                turned_away += wire.answer().status == 503
            except Closed:
                turned_away += 1
        assert turned_away, "there is a limit"
        first.send(GOOD)
        assert first.answer().status == 200
    finally:
        for wire in held:
            wire.socket.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a12_no_descriptors_left(binary, tmp_path):
    """Who comes when the process may open no more is turned away; nothing
    spins, and those before go on."""
    poor = tmp_path / "poor"
    poor.write_text(f'#!/bin/sh\nulimit -n 80\nexec {binary} "$@"\n')
    poor.chmod(0o755)
    node = Node(poor, tmp_path, "poor-node").start()
    first = Wire(node, GOOD)
    assert first.answer().status == 200
    held = []
    try:
        served = turned_away = 0
        for _ in range(200):
            held.append(Wire(node))
        for wire in held:
            try:
                wire.send(GOOD)
                served += wire.answer().status == 200
            except (Closed, ConnectionError):
                turned_away += 1
        assert served >= 10 and turned_away >= 100, (served, turned_away)
        before = cpu_seconds(node)
        time.sleep(1)
        assert cpu_seconds(node) - before < 0.5, "it spins"
        first.send(GOOD)
        assert first.answer().status == 200
        assert "io.no_descriptors" in node.log()
    finally:
        for wire in held:
            wire.socket.close()
    wait_until("room again", lambda: is_served(node))
    node.stop()


def is_served(node):
    try:
        works(node)
        return True
    except (Closed, ConnectionError, AssertionError):
        return False


def test_a11_a_held_request_is_small(binary, tmp_path):
    """Begun and not ended: 4 KiB of the process's own memory at most."""
    begun = GOOD[:GOOD.index(b"Content-Length")]
    node = Node(binary, tmp_path, "fresh").start() # nothing is pooled yet
    works(node)
    before = resident_bytes(node, "RssAnon:")
    held = [Wire(node, begun) for _ in range(800)]
    works(node) # what was sent before it is read before it
    each = (resident_bytes(node, "RssAnon:") - before) / len(held)
    for wire in held:
        wire.socket.close()
    node.stop()
    assert 1000 < each <= 4096


A14 = ["CONNECT", "TRACE", "OPTIONS", "PUT", "DELETE", "M-POST", "PATCH",
       "HEAD", "GET", "PROPFIND"]


@pytest.mark.parametrize("method", A14)
def test_a14_methods(node, method):
    data = request("", method=method, headers=["X-Secret: do not echo"],
                   media="", length=False)
    with Wire(node, data) as wire:
        answer = wire.answer(head_only=method == "HEAD")
    allowed = (400, 405) if method == "CONNECT" else (405, 501, 400) if (
        method in ("M-POST",)) else (405,)
    assert answer.status in allowed, answer
    if answer.status == 405:
        assert "POST" in answer.header("Allow")
    assert "do not echo" not in answer.text


LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) [a-z_.]+"
                      r"( [a-z_0-9]+=(\"[ -~]*\"|[!-~]*))*")


@pytest.mark.parametrize("data", [
    request(headers=["User-Agent: " + "u" * 10000]),
    request(headers=["User-Agent: \x1b[31m\x9b"]),
    request(headers=["SOAPAction: \"x\x1b]0;y\""]),
    start("GET /\x1b[2Jforged HTTP/1.1"),
    start("GET /%0d%0a2026-01-01T00:00:00Z%20error%20forged HTTP/1.1"),
    request(envelope("<a>\u0085\u2028forged\n2026-01-01T00:00:00Z error</a>")),
    request(envelope('<j:SubmitRequest xmlns:j="urn:Aspera:XML:JobNET:2006/01:'
                     'Types"><Type>a&#10;2026-01-01T00:00:00Z error forged&#27;'
                     "</Type><Definition/></j:SubmitRequest>")),
])
def test_a15_no_line_of_the_log_is_the_peers(node, data):
    with Wire(node, data) as wire:
        wire.answer()
    works(node)
    for line in node.log().splitlines():
        assert LOG_LINE.fullmatch(line), line
        assert len(line) < 2048
        assert "\x1b" not in line


def test_a16_row_of_part_b_hosts_in_a_fault(node):
    answer = refused(node, request("", "/<script>", "GET", media="",
                                   length=False), (400, 404), closes=False)
    assert "<script>" not in answer.text
    assert fault_of(answer)[0] == "Client"
