"""Observers that attack, and attacks by way of observers.

Certificates are in tests/e2e/test_subscriptions_https.py, the lists of
addresses in tests/unit/central/test_delivery.c, deadlines and kept connections
in tests/unit/net/test_http_client.c, names, durations and owners in
tests/e2e/test_subscriptions.py and test_login.py.
"""

import functools
import os
import socket
import subprocess
import threading
import time

import pytest
import zeep
from ferry import Observer, order, submit, wait_end, wait_until

JOBS, EVENT = "IScpTransferNET-200604", "EventNET-202611"


@functools.cache
def service(soap, name):
    return zeep.Client(f"{soap}/services/soap/{name}?wsdl").service


def subscribe(node, url, topics=("Stop",)):
    return service(node.soap, JOBS).Subscribe(
        JobID="0", JobObserver={"Address": url, "Action": ""},
        Topics={"Topic": list(topics)}).ID


def fail_a_job(node, **how):
    wait_end(node, submit(node, order(node, port=9, **how)))


def delivery(node, subscription):
    return service(node.soap, EVENT).QueryDelivery(SubscriptionID=subscription)


def failure(node, subscription):
    return wait_until("a failure",
                      lambda: delivery(node, subscription).LastError)


@pytest.fixture
def configured(make_node, tmp_path):
    def make(settings="", start=True, **options):
        conf = tmp_path / "ferry.conf"
        conf.write_text(f"<CONF><ferry>{settings}</ferry></CONF>")
        conf.chmod(0o640)
        node = make_node(options=["--config", conf, *options.pop("more", ())],
                         **options)
        return node.start() if start else node

    return make


class Raw:
    """An observer by hand: `talk(connection, head)` once a request is there."""

    def __init__(self, talk):
        self.heads, self.talk, self.open, self.most = [], talk, 0, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def serve(self, connection):
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            data = b""
            while not data.rstrip().lower().endswith(b"envelope>"):
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            with self.lock:
                self.heads.append(data)
            self.talk(connection)
        except OSError:
            pass
        finally:
            connection.close()
            with self.lock:
                self.open -= 1

    def close(self):
        self.listener.close()


@pytest.fixture
def raw():
    made = []

    def make(talk):
        made.append(Raw(talk))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ---- C1, C5, C11: which addresses ----

BAD_URLS = [
    "ftp://a/", "file:///etc/passwd", "gopher://a/", "//a/", "a",
    "http://user@127.0.0.1/", "http://user:word@127.0.0.1/",
    "http://127.0.0.1/#fragment", "http://127.0.0.1\\@a/",
    "http://a/\u00e4", "http://a b/", "http://[::1/", "http://a:65536/",
    "http://a/" + "x" * 2040,
]
NEVER = ["0.0.0.0", "0.1.2.3", "[::]", "169.254.169.254", "[fe80::1]",
         "224.0.0.1", "255.255.255.255", "[ff02::1]", "[::ffff:169.254.169.254]",
         "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]"]
OTHER_PORTS = [22, 25, 6379]


@pytest.mark.parametrize("url", BAD_URLS, ids=[u[:24] for u in BAD_URLS])
def test_what_is_no_observers_address_is_a_client_fault(configured, url):
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(configured(), url)
    assert fault.value.code.endswith("Client")
    assert "JobObserver/Address" in fault.value.message


@pytest.mark.parametrize("host", NEVER)
def test_addresses_of_nobody_are_refused(configured, host):
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(configured(), f"http://{host}:8080/")
    assert "refused" in fault.value.message


@pytest.mark.parametrize("port", OTHER_PORTS)
def test_ports_of_other_protocols_are_refused_unless_allowed(configured, port):
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(configured(), f"http://127.0.0.1:{port}/")
    assert "another protocol's" in fault.value.message


# All spellings of one address; the last ones are names, which are resolved.
LOOPBACK = ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433",
            "0x7f.1", "0177.0.0.1", "0x7f000001", "localhost", "LOCALHOST"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_the_server_never_calls_itself(configured, host):
    """Nor its port of transfers; whatever the spelling."""
    node = configured("<callback_proof>true</callback_proof>")
    for port in (node.soap.rpartition(":")[2], node.port):
        with pytest.raises(zeep.exceptions.Fault) as fault:
            subscribe(node, f"http://{host}:{port}/")
        assert ("of the server itself" in fault.value.message
                or "not allowed" in fault.value.message), fault.value.message


@pytest.mark.parametrize("host", LOOPBACK + ["127.9.9.9"])
def test_loopback_is_not_called_from_outside(configured, host):
    """Where SOAP listens beyond loopback, and nothing gets there."""
    node = configured("<callback_proof>true</callback_proof>",
                      soap="0.0.0.0:0", more=["--insecure-soap"])
    node.soap = node.soap.replace("0.0.0.0", "127.0.0.1")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(node, f"http://{host}:{listener.getsockname()[1]}/")
    assert ("loopback is called only" in fault.value.message
            or "not allowed" in fault.value.message), fault.value.message
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


# ---- C3, C6: what observers answer ----

def say(data, hold=False):
    def talk(connection):
        connection.sendall(data)
        while hold and connection.recv(4096):
            pass
    return talk


def endless(start, piece):
    def talk(connection):
        connection.sendall(start)
        while True:
            connection.sendall(piece)
    return talk


def many_interim(connection):
    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
    connection.recv(4096)


ANSWERS = [
    ("a redirect", say(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{}/\r\n"
                       b"Content-Length: 0\r\n\r\n"), "answered 307"),
    ("a challenge", say(b"HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm="
                        b"\"a\"\r\nContent-Length: 0\r\n\r\n"), "answered 401"),
    ("fields without end", endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 100),
     "the answer is not HTTP"),
    ("a field without end", endless(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 4096),
     "the answer is not HTTP"),
    ("100 without end", many_interim, "the answer is not HTTP"),
    ("something else", say(b"220 mail.example.org ESMTP\r\n"),
     "the answer is not HTTP"),
    ("nothing", say(b""), "the connection was closed without an answer"),
    ("half a head", say(b"HTTP/1.1 200 OK\r\nConte"),
     "the connection was closed without an answer"),
    ("half a body", say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
     "the connection was closed without an answer"),
    ("two lengths", say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                        b"Content-Length: 5\r\n\r\n"), "the answer is not HTTP"),
    ("a body without end, of 500", endless(b"HTTP/1.1 500 No\r\n\r\n",
                                           b"x" * 65536), "answered 500"),
    ("a fault in 200", say(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<e:Envelope xmlns:e="
        b"\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><e:Fault/>"
        b"</e:Body></e:Envelope>"), "answered 200 with a Fault"),
]


@pytest.mark.parametrize("talk, error", [a[1:] for a in ANSWERS],
                         ids=[a[0] for a in ANSWERS])
def test_bad_answers_are_failures_that_hold_up_nobody(
        make_node, raw, observe, talk, error):
    node = make_node().start()
    bad, good = raw(talk), observe()
    subscription = subscribe(node, bad.url)
    subscribe(node, good.url)
    fail_a_job(node)
    assert failure(node, subscription) == error
    good.wait_for("the event", lambda got: got)
    # The next attempt is the same: nobody was obeyed, nothing was added.
    node.client(EVENT).Redeliver(SubscriptionID=subscription, AfterSequence=0)
    wait_until("another attempt", lambda: len(bad.heads) > 1)
    head, _, _ = bad.heads[-1].partition(b"\r\n\r\n")
    assert b"authorization" not in head.lower()
    assert delivery(node, subscription).Backlog == 1


BOMB = b"\x1f\x8b\x08\x00" + b"\x00" * 60
TAKEN = [
    ("a compressed body", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
     b"Content-Length: 64\r\n\r\n" + BOMB),
    ("a body that says less", b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 "
     b"No\r\nContent-Length: 0\r\n\r\n"),
    ("a document type", b"HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE a [<!ENTITY b SYSTEM"
     b" 'file:///etc/passwd'>]><a>&b;</a>"),
]


@pytest.mark.parametrize("answer", [t[1] for t in TAKEN],
                         ids=[t[0] for t in TAKEN])
def test_what_comes_with_a_2xx_is_not_looked_into(make_node, raw, answer):
    node = make_node().start()
    subscription = subscribe(node, raw(say(answer)).url)
    fail_a_job(node)
    wait_until("the success",
               lambda: delivery(node, subscription).LastSequence > 0)
    assert delivery(node, subscription).Backlog == 0


def test_an_endless_body_of_200_costs_64_kib(make_node, raw):
    node = make_node().start()
    subscription = subscribe(node, raw(endless(b"HTTP/1.1 200 OK\r\n\r\n",
                                               b"x" * 65536)).url)
    fail_a_job(node)
    wait_until("the success",
               lambda: delivery(node, subscription).LastSequence > 0)


# ---- C4: floods ----

def test_one_destination_gets_eight_connections(make_node, raw):
    node = make_node().start()
    release = threading.Event()

    def talk(connection):
        release.wait(20)
        connection.sendall(b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n")

    victim = raw(talk)
    subscriptions = [subscribe(node, victim.url) for _ in range(40)]
    fail_a_job(node)
    wait_until("eight", lambda: victim.open == 8)
    time.sleep(0.5)
    assert victim.most == 8
    release.set()
    wait_until("all", lambda: len(victim.heads) == 40)
    assert victim.most == 8
    wait_until("all taken", lambda: not [
        s for s in subscriptions if delivery(node, s).LastSequence == 0])


@pytest.mark.slow
def test_ten_thousand_subscriptions_and_no_more(configured):
    node = configured("<subscriptions_per_caller_max>10000"
                      "</subscriptions_per_caller_max>")
    import http.client
    from concurrent.futures import ThreadPoolExecutor
    body = ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
            '<e:Body><SubscribeRequest xmlns="urn:Aspera:XML:IScpTransferNET:'
            '2006/04:Types"><JobID xmlns="">0</JobID><JobObserver xmlns="">'
            "<Address>http://127.0.0.1:9/</Address></JobObserver>"
            "</SubscribeRequest></e:Body></e:Envelope>")

    def some(count):
        connection = http.client.HTTPConnection(node.soap.partition("//")[2])
        statuses = []
        for _ in range(count):
            connection.request("POST", f"/services/soap/{JOBS}", body,
                               {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    with ThreadPoolExecutor(8) as pool:
        statuses = sum(pool.map(some, [1250] * 8), [])
    assert set(statuses) == {200}
    assert some(3) == [500] * 3
    assert len(node.client(JOBS).ListSubscriptions()) == 10000


# ---- C10: response splitting by what events say ----

@pytest.mark.parametrize("name", [
    "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "]]><x/>", "a&b<c>\"'", "\t\n\r",
    "\u2028\uffee\U0001f600", "%0d%0a", "<!--", "&#13;"])
def test_names_stay_inside_their_element(make_node, raw, name):
    node = make_node().start()
    observer = Observer()
    subscribe(node, observer.url, ["Connecting", "Stop"])
    # Literal CR is read as LF (XML 1.0, 2.11): what is meant is written out.
    path = "/" + name
    text = order(node, port=9, sources=["/place"]).replace(
        "/place", path.replace("&", "&amp;").replace("<", "&lt;").replace(
            ">", "&gt;").replace("\r", "&#13;").replace("\n", "&#10;").replace(
                "\t", "&#9;"))
    try:
        wait_end(node, submit(node, text))
    except zeep.exceptions.Fault as fault:
        assert "Path" in fault.message or "character" in fault.message
        return
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])
    for notification in observer.received:
        texts = [e.text for e in notification.root.iter() if e.text]
        assert any(path in t for t in texts), texts
    observer.close()


# ---- C2: names that change their mind ----

@pytest.fixture
def named(configured, binary, tmp_path):
    """A node with a /etc/hosts of its own, and how to write it; 127.0.0.66 is
    denied."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("needs root, for a file system view of its own")
    hosts = tmp_path / "hosts"
    hosts.write_text("")
    program = tmp_path / "ferry"
    program.write_text(f"#!/bin/sh\nexec unshare -m sh -c 'mount --bind {hosts} "
                       f"/etc/hosts && exec {binary} \"$@\"' sh \"$@\"\n")
    program.chmod(0o700)

    def point(*addresses):
        hosts.write_text("".join(f"{a} observer.test\n" for a in addresses))

    node = configured("<callback_deny>127.0.0.66</callback_deny>", start=False)
    node.binary = str(program)
    return node.start(), point


def test_an_address_is_checked_at_each_attempt_and_is_the_one_called(named):
    node, point = named
    closing = b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n"
    good = Raw(say(closing))
    victim = socket.create_server(("127.0.0.66", good.port))
    victim.settimeout(0.1)
    client = service(node.soap, EVENT)
    point("127.0.0.1")
    subscription = subscribe(node, f"http://observer.test:{good.port}/")
    fail_a_job(node)
    wait_until("the first", lambda: len(good.heads) == 1)

    point("127.0.0.66")  # public first, then what is inside
    fail_a_job(node)
    assert failure(node, subscription) == "the address is not allowed"
    for addresses in (["127.0.0.66", "127.0.0.1"], ["127.0.0.1", "127.0.0.66"],
                      ["127.0.0.66"] * 10 + ["127.0.0.1"] * 100):
        point(*addresses)
        count = len(good.heads)
        client.Redeliver(SubscriptionID=subscription, AfterSequence=0)
        wait_until("one that is allowed", lambda: len(good.heads) >= count + 2)
    with pytest.raises(TimeoutError):
        victim.accept()
    good.close()
    victim.close()
