"""The commands that call a server, where that speaks TLS and asks who calls."""

import os
import socket
import subprocess

import pytest

from ferry import PASSWORD, Node, order
from test_login import certificate

REFUSED = "Expected a user's name and password"


@pytest.fixture(scope="module")
def guarded(binary, tmp_path_factory):
    """A node beyond loopback, and the certificate it shows."""
    folder = tmp_path_factory.mktemp("guarded")
    cert, key = certificate(folder, "soap", ("rsa:2048",))
    node = Node(binary, folder, "guarded", soap="0.0.0.0:0", options=[
        "--soap-cert", cert, "--soap-key", key])
    node.add_user()
    node.start()
    node.cert = cert
    node.url = f"https://localhost:{node.soap.rpartition(':')[2]}"
    yield node
    node.stop()


def call(node, *arguments, password=PASSWORD, stdin=None, **env):
    """The environment of the test alone decides who calls."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith("FERRY_")}
    if password is not None:
        clean["FERRY_PASSWORD"] = password
    return subprocess.run(
        [node.binary, *map(str, arguments)], input=stdin, text=True,
        capture_output=True, timeout=60, env={**clean, **env},
        start_new_session=True)  # no terminal to ask on


def test_each_command_gets_in(guarded):
    how = ["--soap", guarded.url, "--user", "lab", "--ca", guarded.cert]
    (guarded.docroot / "in").write_bytes(b"x" * 10)
    done = call(guarded, "submit", *how, "--wait", stdin=order(guarded))
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.split()[0]
    for command in (["healthcheck"], ["jobs"], ["sessions"], ["files"],
                    ["subscriptions"], ["cancel", job_id]):
        done = call(guarded, command[0], *how, *command[1:])
        assert done.returncode == 0, (command, done.stderr)
    assert job_id in call(guarded, "jobs", *how, "--json").stdout
    for command in ("rate", "pause", "resume"):
        done = call(guarded, command, *how, job_id,
                    *(["1m"] if command == "rate" else []))
        assert done.returncode == 1, "it gets in, and there is nothing to set"
        assert "session" in done.stderr, done.stderr


def test_the_environment_says_it_too(guarded):
    done = call(guarded, "healthcheck", FERRY_SOAP=guarded.url,
                FERRY_USER="lab", FERRY_CA=str(guarded.cert))
    assert (done.returncode, done.stdout) == (0, "healthy\n"), done.stderr


def test_watch_is_told(guarded):
    how = ["--soap", guarded.url, "--user", "lab", "--insecure"]
    done = subprocess.Popen(
        [guarded.binary, "watch", "--pull", *how], text=True,
        stdout=subprocess.PIPE, env={**os.environ, "FERRY_PASSWORD": PASSWORD})
    try:
        call(guarded, "submit", *how, "--wait", stdin=order(guarded))
        assert done.stdout.readline()
    finally:
        done.terminate()
        done.wait()
        done.stdout.close()


@pytest.mark.parametrize("options, password, code, words", [
    (["--user", "lab", "--insecure"], PASSWORD, 0, ""),
    (["--user", "lab"], PASSWORD, 1, "no authority that is known here"),
    (["--user", "lab"], PASSWORD, 1, "--insecure"),
    (["--user", "lab", "--ca", "{cert}"], "wrong", 1, REFUSED),
    (["--ca", "{cert}"], PASSWORD, 1, REFUSED),
    (["--user", "nobody", "--ca", "{cert}"], PASSWORD, 1, REFUSED),
    (["--user", "lab", "--ca", "{cert}"], None, 1, "no password"),
    (["--user", "lab", "--ca", "/no/such/file"], PASSWORD, 1,
     "/no/such/file"),
    (["--user", "lab", "--ca", "/dev/null"], PASSWORD, 1, "/dev/null"),
    (["--user", "a:b", "--ca", "{cert}"], PASSWORD, 2, "a:b"),
    (["--user", "x" * 256, "--ca", "{cert}"], PASSWORD, 2, "xxx"),
    (["--user", "lab", "--ca", "{cert}"], "x" * 1025, 1, "1024"),
    (["--user", "lab", "--ca", "{cert}"], "x" * 1024, 1, REFUSED),
])
def test_who_does_not_get_in_hears_why(guarded, options, password, code,
                                       words):
    options = [o.format(cert=guarded.cert) for o in options]
    done = call(guarded, "healthcheck", "--soap", guarded.url, *options,
                password=password)
    assert done.returncode == code, done
    assert words in done.stderr, done.stderr


def test_a_certificate_for_another_name(guarded):
    url = guarded.url.replace("localhost", "127.0.0.2")
    done = call(guarded, "healthcheck", "--soap", url, "--user", "lab", "--ca",
                guarded.cert)
    assert done.returncode == 1
    assert "another name" in done.stderr, done.stderr


def test_no_password_goes_over_http(guarded, tmp_path):
    """Who is told to log in does so with TLS or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = call(guarded, "healthcheck", "--soap", url, "--user", "lab")
        assert done.returncode == 2 and "https" in done.stderr
        client = subprocess.Popen(
            [guarded.binary, "healthcheck", "--soap", url],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "FERRY_USER": "lab",
                 "FERRY_PASSWORD": PASSWORD})
        with listener.accept()[0] as peer:
            head = peer.recv(65536)
        client.wait()
    assert b"SOAPAction" in head and b"Authorization" not in head
