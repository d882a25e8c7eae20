"""ferry/callback_proof: an observer shows that it wants to be one."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import zeep

JOBS = "IScpTransferNET-200604"


class Prover:
    """Answers the challenge as `answer(nonce)` says: status, headers, body."""

    def __init__(self, answer):
        self.asked = []
        prover = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                prover.asked.append(self.path)
                nonce = parse_qs(urlsplit(self.path).query)["challenge"][-1]
                found = answer(nonce)
                if found is None:
                    prover.release.wait(30)
                    return
                status, headers, body = found
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments):
                pass

        self.release = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def node(make_node, tmp_path):
    conf = tmp_path / "ferry.conf"
    conf.write_text("<CONF><ferry><callback_proof>true</callback_proof>"
                    "</ferry></CONF>")
    return make_node(options=["--config", conf]).start()


def subscribe(node, url):
    return node.client(JOBS).Subscribe(
        JobID="0", JobObserver={"Address": url, "Action": ""},
        Topics={"Topic": []})


@pytest.mark.parametrize("path", ["", "/", "/a?b=c", "/a?challenge=x"])
def test_who_repeats_the_challenge_is_subscribed(node, path):
    prover = Prover(lambda nonce: (200, {}, f" {nonce}\r\n"))
    try:
        made = subscribe(node, prover.url + path)
        assert [s.ID for s in node.client(JOBS).ListSubscriptions()] == [made.ID]
        subscribe(node, prover.url + path)
        first, second = prover.asked
        assert first != second, "each challenge is new"
        expected = path or "/"
        assert first.startswith(expected + ("&" if "?" in path else "?"))
    finally:
        prover.close()


@pytest.mark.parametrize("answer, why", [
    (lambda nonce: (200, {}, "yes"), "not the challenge"),
    (lambda nonce: (200, {}, ""), "not the challenge"),
    (lambda nonce: (200, {}, nonce * 2), "not the challenge"),
    (lambda nonce: (200, {}, nonce.upper()), "not the challenge"),
    (lambda nonce: (200, {}, nonce + "x" * 2000), "too large"),
    (lambda nonce: (404, {}, nonce), "not 200"),
    (lambda nonce: (204, {}, ""), "not 200"),
    (lambda nonce: (302, {"Location": "/elsewhere"}, nonce), "not 200"),
    (lambda nonce: (401, {"WWW-Authenticate": "Basic"}, nonce), "not 200"),
    (lambda nonce: None, "no answer in time"),
])
def test_who_does_not_is_refused_and_nothing_is_kept(node, answer, why):
    prover = Prover(answer)
    try:
        with pytest.raises(zeep.exceptions.Fault) as fault:
            subscribe(node, prover.url)
        assert "did not show that it wants" in fault.value.message
        assert why in fault.value.message
        assert len(prover.asked) == 1, "no redirect was followed"
        assert not node.client(JOBS).ListSubscriptions()
    finally:
        prover.close()


def test_nobody_there_and_addresses_that_are_not_called(node):
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(node, "http://127.0.0.1:9/")
    assert "cannot connect" in fault.value.message
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(node, node.soap.replace("127.0.0.1", "localhost"))
    assert "not allowed" in fault.value.message
