"""The configuration file: what is said of each setting, and what it does."""

import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import urllib.request

import pytest

from ferry import (PASSWORD, READY, order, session_of, submit,
                   subscribe, wait_end, wait_job, wait_until)

HERE = pathlib.Path(__file__).parent
ALL = HERE / "all_settings.conf"
DEF = HERE.parents[1] / "src/cli/settings.def"
FLOW = "default/transfer/{}/bandwidth/flow/"
PATHS = "default/file_system/access/paths/path/"
USER = "aaa/realms/realm/users/user/"
NO_RETRY = "<RetryParameters><Count>0</Count></RetryParameters>"
PROTOCOL = "default/transfer/protocol_options/"


def element(path, value):
    """<a><b>value</b></a>; of a list, an element each; of a dict, its settings."""
    name, _, rest = path.partition("/")
    if not rest and isinstance(value, list):
        return "".join(element(path, item) for item in value)
    if not rest and isinstance(value, dict):
        inner = "".join(element(p, v) for p, v in value.items())
    else:
        inner = element(rest, value) if rest else str(value)
    return f"<{name}>{inner}</{name}>"


def conf(path, settings):
    text = "\n".join(element(p, v) for p, v in settings.items())
    path.write_text(f"<CONF>\n{text}\n</CONF>\n")
    path.chmod(0o640)
    return path


@pytest.fixture
def configured(make_node, tmp_path):
    """A node with a configuration file; its flags are docroot, state, ports."""

    def make(name, settings, start=True, **options):
        path = conf(tmp_path / f"{name}.conf", settings)
        node = make_node(name, options=("--config", path, *options.pop("options", ())),
                         **options)
        node.conf = path
        return node.start() if start else node

    return make


def check(binary, path, *options):
    """The exit code and {(line, column, setting): (verdict, why)}."""
    done = subprocess.run([binary, "check-config", "--json", *options, path],
                          capture_output=True, text=True)
    rows = json.loads(done.stdout)
    return done.returncode, {
        (row["Line"], row["Column"], row["Setting"]):
        (row["Verdict"], row["Reason"]) for row in rows}


def names_and_places():
    """Each setting of the original and where it is in ALL."""
    open_names = []
    for number, line in enumerate(ALL.read_text().splitlines(), 1):
        match = re.fullmatch(r"( *)<(/?)([\w]+)( version=\"2\")?>(.*?)(</\w+>)?", line)
        if not match:
            continue
        indent, closing, name, _, _, leaf = match.groups()
        if closing:
            open_names.pop()
        elif leaf:
            yield (number, len(indent) + 1, "/".join([*open_names, name])[5:])
        else:
            open_names.append(name)


def table():
    """{path: kind} of the table in the source."""
    text = DEF.read_text()
    return {path: kind for kind, path in
            re.findall(r'^([A-Z_]+)\("([\w/]+)"', text, re.M)
            if kind != "A_WORD"}


def test_every_setting_of_the_original_has_a_verdict(binary):
    places = list(names_and_places())
    assert len(places) == len({name for *_, name in places}) == 558
    kinds = {p: k for p, k in table().items() if not p.startswith("ferry/")}
    assert set(kinds) == {name for *_, name in places}
    code, found = check(binary, ALL)
    assert code == 0, [f for f in found.items() if f[1][0] == "refused"]
    for place in places:
        kind, name = kinds[place[2]], place[2]
        expected = ("ignored" if kind == "IGNORED" or name == "default/name"
                    else "honoured")
        assert found.pop(place)[0] == expected, place
    assert not found


def test_what_would_break_a_promise_is_refused(binary, tmp_path):
    refused = [p for p, k in table().items() if k == "REFUSED"]
    assert len(refused) > 30
    path = conf(tmp_path / "a.conf", {name: "other" for name in refused})
    code, found = check(binary, path)
    assert code == 78 and len(found) == len(refused)
    for (line, column, name), (verdict, why) in found.items():
        assert verdict == "refused" and why, name
        assert line == refused.index(name) + 2
        leaf = f"<{name.rsplit('/')[-1]}>"
        assert path.read_text().splitlines()[line - 1][column - 1:].startswith(leaf)


@pytest.mark.parametrize("settings, line, words", [
    ({"central_server/port": 65536}, 2, "0 to 65535"),
    ({"central_server/port": "x"}, 2, "0 to 65535"),
    ({"central_server/address": "localhost"}, 2, "IP address"),
    ({"central_server/persistent_store_max_age": "Never"}, 2, "Unlimited"),
    ({"central_server/file_errors": "perhaps"}, 2, "true"),
    ({"central_server/db_synchronous": "most"}, 2, "off normal or full"),
    ({"central_server/persistent_store_path": "var"}, 2, "begins with /"),
    ({"central_server/port": 1, "default/session_timeout_sec": 0}, 3, "1 to"),
    ({"central_server": {"port": 1}, "central_server/port": 2}, 3, "twice"),
    ({FLOW.format("in") + "target_rate/cap": 0}, 2, "1 to"),
    ({"ferry/state": "/x", "ferry/wings": 2}, 3, "no setting"),
    ({"ferry/callback_deny": "10.1.2.3/8"}, 2, "10.0.0.0/8"),
    ({USER + "name": "../x"}, 2, "name"),
    ({USER + "file_system/access/paths/path/absolute": "/x"}, 2, "no name"),
    ({USER + "name": "x"}, 2, "no docroot"),
    ({USER + "transfer/in/bandwidth/flow/target_rate/cap": 5}, 2, "all users"),
    ({"aaa/realms/realm/groups/group/file_system/access/paths/path/absolute":
      "/x"}, 2, "groups"),
    ({PATHS + "absolute": "/x",
      "aaa/realms/realm/users": {"user": [{"name": "x"}, {"name": "x"}]}},
     3, "twice"),
])
def test_a_wrong_value_is_refused_where_it_is(binary, tmp_path, settings,
                                              line, words):
    code, found = check(binary, conf(tmp_path / "a.conf", settings))
    wrong = {place: why for place, (verdict, why) in found.items()
             if verdict == "refused"}
    assert code == 78 and wrong
    assert any(place[0] == line and words in why
               for place, why in wrong.items()), wrong


def test_unknown_and_other_settings_are_ignored(binary, tmp_path):
    code, found = check(binary, conf(tmp_path / "a.conf", {
        "central_server/prot": 1, "aaa/realms/realm/auth": 1,
        "default/name": "x"}))
    assert code == 0 and len(found) == 3
    assert {verdict for verdict, _ in found.values()} == {"ignored"}


def test_a_file_that_cannot_be_read(binary, tmp_path):
    path = tmp_path / "a.conf"
    cases = [("<CONF>\n<a></CONF>", 0o600, (2, "mismatched")),
             ("<!DOCTYPE x><CONF/>", 0o600, (1, "DTD")),
             ("<CONF/>", 0o602, (0, "chmod o-w")), ("", 0o600, (1, "no element"))]
    for text, mode, (line, words) in cases:
        path.write_text(text)
        path.chmod(mode)
        code, found = check(binary, path)
        (place, (verdict, why)), = found.items()
        assert (code, verdict) == (78, "refused")
        assert place[0] == line and words in why, why
    code, found = check(binary, tmp_path / "none")
    assert code == 78 and "No such file" in list(found.values())[0][1]


def test_a_secret_that_everybody_can_read_is_told(binary, tmp_path):
    path = conf(tmp_path / "a.conf", {"database/password": "x"})
    assert len(check(binary, path)[1]) == 1
    path.chmod(0o644)
    code, found = check(binary, path)
    assert code == 0
    assert any("chmod o-r" in why for _, why in found.values())


def test_plain_output(binary, tmp_path):
    path = conf(tmp_path / "a.conf", {"central_server/port": 0,
                                      "default/transfer/encryption/fips_mode": "true",
                                      "client/ssh_path": "x"})
    done = subprocess.run([binary, "check-config", path], capture_output=True,
                          text=True)
    assert done.returncode == 78
    lines = done.stdout.splitlines()
    assert lines[0] == f"{path}:2:17: honoured central_server/port"
    assert lines[1].startswith(f"{path}:3:32: refused  default/transfer/encryption/fips_mode: ")
    assert lines[2].startswith(f"{path}:4:9: ignored  client/ssh_path: ")
    assert lines[3] == "1 honoured, 1 ignored, 1 refused"


# ---- places and ports ----

def serve(binary, *arguments):
    return subprocess.Popen([binary, "serve", *map(str, arguments)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process):
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    return errors


@pytest.mark.parametrize("state", ["ferry/state", "central_server/persistent_store_path"])
def test_the_file_alone_is_enough(binary, tmp_path, state):
    (tmp_path / "files").mkdir()
    # Held at another address, so that nobody else is given them meanwhile.
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [holder.getsockname()[1] for holder in held]
    path = conf(tmp_path / "a.conf", {
        "central_server/address": "127.0.0.2", "central_server/port": ports[0],
        PROTOCOL + "bind_ip_address": "127.0.0.3",
        PROTOCOL + "bind_udp_port": ports[1],
        PATHS + "absolute": tmp_path / "files", state: tmp_path / "state",
        "ferry/pid_file": tmp_path / "a.pid"})
    process = serve(binary, "--config", path)
    match = READY.fullmatch(process.stdout.readline())
    assert match[1] == f"http://127.0.0.2:{ports[0]}"
    assert (match[2], int(match[3])) == ("127.0.0.3", ports[1])
    assert (tmp_path / "state" / "ferry.db").exists()
    assert int((tmp_path / "a.pid").read_text()) == process.pid
    finish(process)
    assert not (tmp_path / "a.pid").exists()
    for holder in held:
        holder.close()


def test_flags_win_over_the_file(binary, tmp_path):
    for name in ("files", "other"):
        (tmp_path / name).mkdir()
    path = conf(tmp_path / "a.conf", {
        "central_server/port": 1, PROTOCOL + "bind_udp_port": 1,
        PATHS + "absolute": "/none", "ferry/state": "/none/state"})
    process = serve(binary, "--config", path, "--state", tmp_path / "state",
                    "--docroot", tmp_path / "files", "--soap", "127.0.0.1:0",
                    "--transfer", "127.0.0.1:0")
    assert READY.fullmatch(process.stdout.readline())
    finish(process)


def test_no_docroot_anywhere_says_what_to_write(binary, tmp_path):
    path = conf(tmp_path / "a.conf", {"ferry/state": tmp_path / "state"})
    done = subprocess.run([binary, "serve", "--config", path], text=True,
                          capture_output=True)
    assert done.returncode == 78
    assert "<absolute>" in done.stderr and str(path) in done.stderr


def test_no_server_starts_with_what_is_refused(binary, tmp_path):
    path = conf(tmp_path / "a.conf", {
        "default/transfer/encryption/content_protection_required": "true"})
    done = subprocess.run([binary, "serve", "--config", path, "--docroot",
                           tmp_path, "--state", tmp_path / "state"], text=True,
                          capture_output=True)
    assert done.returncode == 78 and not (tmp_path / "state").exists()
    assert f"{path}:2:" in done.stderr and "encryption at rest" in done.stderr


def test_insecure_soap(configured, binary, tmp_path):
    node = configured("a", {"ferry/insecure_soap": "true"}, soap="0.0.0.0:0")
    assert "soap.insecure" in node.log()


def test_soap_certificate(binary, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-subj", "/CN=ferry-test", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    key.chmod(0o600)
    path = conf(tmp_path / "a.conf", {"ferry/soap_cert": cert,
                                      "ferry/soap_key": key})
    process = serve(binary, "--config", path, "--state", tmp_path / "state",
                    "--docroot", tmp_path, "--soap", "0.0.0.0:0",
                    "--transfer", "127.0.0.1:0")
    port = re.match(r"ready soap=https://0.0.0.0:(\d+)",
                    process.stdout.readline())[1]
    shown = ssl.get_server_certificate(("127.0.0.1", int(port)))
    finish(process)
    assert ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(
        cert.read_text())


def test_backlog(configured):
    def taken(node):
        """Of 12 connections to a server that does not turn."""
        os.kill(node.process.pid, signal.SIGSTOP)
        connections = []
        address = ("127.0.0.1", int(node.soap.rsplit(":")[-1]))
        try:
            while len(connections) < 12:
                connections.append(socket.create_connection(address, 1))
        except TimeoutError:
            pass
        finally:
            os.kill(node.process.pid, signal.SIGCONT)
            for connection in connections:
                connection.close()
        return len(connections)

    assert taken(configured("a", {"central_server/backlog": 2})) < 12
    assert taken(configured("b", {"central_server/backlog": 50})) == 12


# ---- logs ----

@pytest.mark.parametrize("section", ["logging/log_setting", "default/logging"])
def test_logging(binary, tmp_path, section):
    for name in ("files", "logs"):
        (tmp_path / name).mkdir()
    old = tmp_path / "logs" / "ferry.log"
    old.write_bytes(b"x" * (1 << 20))
    (tmp_path / "logs" / "ferry.1.log").write_text("older\n")
    (tmp_path / "logs" / "ferry.2.log").write_text("oldest\n")
    path = conf(tmp_path / "a.conf", {
        section: {"level": "dbg1", "directory": tmp_path / "logs",
                  "log_size": 1, "log_count": 2},
        "central_server/port": 0})
    process = serve(binary, "--config", path, "--state", tmp_path / "state",
                    "--docroot", tmp_path / "files", "--transfer",
                    "127.0.0.1:0")
    soap = READY.fullmatch(process.stdout.readline())[1]
    call = (b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
            b'<e:Body><j:ListTypesRequest xmlns:j="urn:Aspera:XML:JobNET:2006/'
            b'01:Types"/></e:Body></e:Envelope>')
    urllib.request.urlopen(urllib.request.Request(
        f"{soap}/services/soap/JobNET-200601", call,
        {"Content-Type": "text/xml", "SOAPAction": "other"})).close()
    assert finish(process) == "", "nothing goes to standard error"
    assert "server.ready" in old.read_text()
    assert " debug " in old.read_text()
    assert (tmp_path / "logs" / "ferry.1.log").stat().st_size == 1 << 20
    assert (tmp_path / "logs" / "ferry.2.log").read_text() == "older\n"
    assert not (tmp_path / "logs" / "ferry.3.log").exists()


def test_the_log_can_be_quiet(binary, tmp_path):
    path = conf(tmp_path / "a.conf", {"logging/log_setting/level": "disable"})
    process = serve(binary, "--config", path, "--state", tmp_path / "state",
                    "--docroot", tmp_path, "--soap", "127.0.0.1:0",
                    "--transfer", "127.0.0.1:0")
    process.stdout.readline()
    assert finish(process) == ""


# ---- rates ----


def bare_order(there, operation="Push", **options):
    """An order that says nothing of rates."""
    text = order(there, operation=operation, **options)
    return re.sub("<RateParameters>.*</RateParameters>", "", text)


def run(node, definition):
    job_id = submit(node, definition)
    info = wait_end(node, job_id)
    assert info.Status == "completed", info
    return info


@pytest.mark.parametrize("operation, io", [("Push", "out"), ("Pull", "in")])
def test_defaults_of_orders(configured, make_node, operation, io):
    flow = FLOW.format(io)
    here = configured("here", {
        flow + "target_rate/default": 54321, flow + "min_rate/default": 123,
        flow + "policy/default": "fair"})
    there = make_node("there")
    there.add_user()
    there.start()
    for node in (here, there):
        (node.docroot / "in").write_bytes(b"x" * 1000)
    info = run(here, bare_order(there, operation))
    assert (info.TargetRate, info.MinimumRate, info.RatePolicy) == (
        54321, 123, "fair")
    info = run(here, order(there, operation, rate=100, policy="Fixed"))
    assert (info.TargetRate, info.MinimumRate, info.RatePolicy) == (
        100, 100, "fixed"), "what an order says stands"


RULES = {
    "target_rate/cap": 5000, "min_rate/cap": 10, "policy/allowed": "fair"}
LOCKS = {
    "target_rate/default": 4000, "target_rate/lock": "true",
    "min_rate/default": 7, "min_rate/lock": "true",
    "policy/default": "fair", "policy/lock": "true"}


@pytest.mark.parametrize("rules, expected", [
    (RULES, (5000, 10, "fair")), (LOCKS, (4000, 7, "fair"))])
@pytest.mark.parametrize("operation, where, io", [
    ("Push", "here", "out"), ("Pull", "here", "in"),
    ("Push", "there", "in"), ("Pull", "there", "out")])
def test_rules_hold_at_both_ends(configured, rules, expected, operation,
                                 where, io):
    settings = {FLOW.format(io) + name: value for name, value in rules.items()}
    here = configured("here", settings if where == "here" else {})
    there = configured("there", settings if where == "there" else {}, start=False)
    there.add_user()
    there.start()
    for node in (here, there):
        (node.docroot / "in").write_bytes(b"x" * 1000)
    minimum = "<MinimumRate>900</MinimumRate></RateParameters>"
    info = run(here, order(there, operation, rate=1000000, policy="Fixed"
                           ).replace("</RateParameters>", minimum))
    assert (info.TargetRate, info.MinimumRate, info.RatePolicy) == expected


def test_a_cap_holds_for_changes_while_it_runs(configured, make_node):
    there = configured("there", {FLOW.format("in") + "target_rate/cap": 6000},
                       start=False)
    there.add_user()
    there.start()
    here = make_node("here").start()
    (here.docroot / "in").write_bytes(bytes(30 << 20))
    job_id = submit(here, order(there, rate=3000))
    info = wait_until("the start", lambda: (
        lambda i: i if i.Status == "running" else None)(session_of(here, job_id)))
    here.client("FASPSessionNET-200601").SetTargetRate(
        SessionID=info.UUID, TargetRate=500000)
    for node in (here, there):
        wait_until("the cap", lambda: 6000 in [
            row.TargetRate for row in node.client().GetSessionInfo(
                SessionFilter={"SessionUUID": [info.UUID]}).SessionInfo])
    here.ferry("cancel", job_id)


def test_a_policy_that_is_not_built_is_refused(binary, tmp_path):
    path = conf(tmp_path / "a.conf", {FLOW.format("in") + "policy/default": "low"})
    code, found = check(binary, path)
    (verdict, why), = found.values()
    assert (code, verdict) == (0, "honoured") or "not built" in why


# ---- who may do what ----

@pytest.mark.parametrize("settings, operation, refused", [
    ({"default/authorization/transfer/in/value": "deny"}, "Push", True),
    ({"default/authorization/transfer/in/value": "deny"}, "Pull", False),
    ({"default/authorization/transfer/out/value": "deny"}, "Pull", True),
    ({"default/authorization/transfer/out/value": "deny"}, "Push", False),
    ({PATHS + "write_allowed": "false"}, "Push", True),
    ({PATHS + "read_allowed": "false"}, "Pull", True),
    ({PATHS + "read_allowed": "false"}, "Push", False),
])
def test_directions_can_be_closed(configured, make_node, settings, operation,
                                  refused):
    there = configured("there", settings, start=False)
    there.add_user()
    there.start()
    here = make_node("here").start()
    for node in (here, there):
        (node.docroot / "in").write_bytes(b"x")
    info = wait_end(here, submit(here, order(there, operation)))
    if refused:
        assert info.Status == "error" and "may not" in info.ErrorDescription
    else:
        assert info.Status == "completed", info


def test_users_of_the_file(configured, make_node, tmp_path):
    for name in ("keys", "homes/one", "homes/two", "special"):
        (tmp_path / name).mkdir(parents=True)
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key],
                   check=True)
    for name in ("one", "two"):
        (tmp_path / "keys" / f"{name}.pub").write_text(
            key.with_suffix(".pub").read_text())
    path = "file_system/access/paths/path/"
    there = configured("there", {
        "ferry/user_keys": tmp_path / "keys",
        PATHS + "absolute": f"{tmp_path}/homes/$(name)",
        "aaa/realms/realm/users": {"user": [
            {"name": "one"},
            {"name": "two", path + "write_allowed": "false"},
            {"name": "three", path + "absolute": tmp_path / "special"}]}},
        start=False)
    there.add_user("three")  # the password is the store's, the docroot the file's
    there.start()
    here = make_node("here").start()
    (here.docroot / "in").write_bytes(b"x")

    def push(user):
        text = order(there, user=user, password=PASSWORD)
        if user != "three":
            text = re.sub("<Authentication>.*</Authentication>",
                          "<Authentication><Methods><Method>Public Key</Method>"
                          f"</Methods><KeyPath>{key}</KeyPath></Authentication>",
                          text)
        return wait_end(here, submit(here, text))

    assert push("one").Status == "completed"
    assert (tmp_path / "homes/one/out").read_bytes() == b"x"
    assert "may not send" in push("two").ErrorDescription
    assert push("three").Status == "completed"
    assert (tmp_path / "special/out").exists()
    assert push("four").ErrorCode == 19


def test_plain_sessions(configured):
    def cipher(name, settings):
        node = configured(name, settings, start=False)
        node.add_user()
        node.start()
        (node.docroot / "in").write_bytes(b"x")
        text = order(node, extra="<SecurityParameters><EncryptionCipher>None"
                     "</EncryptionCipher></SecurityParameters>")
        run(node, text)
        with sqlite3.connect(node.state / "ferry.db") as database:
            return {row[0] for row in database.execute(
                "SELECT cipher FROM sessions")}

    assert cipher("a", {"ferry/plain_sessions": "true"}) == {"None"}
    assert cipher("b", {}) == {"AES-128"}


# ---- time-outs ----

def test_connection_timeout(configured):
    here = configured("here", {"default/connection_timeout_sec": 1})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = order(here, port=silent.getsockname()[1], extra=NO_RETRY)
        info = wait_end(here, submit(here, text), seconds=12)  # else 20
    assert info.ErrorCode in (4, 13), info


def test_session_timeout(configured, make_node):
    here = configured("here", {"default/session_timeout_sec": 2})
    there = make_node("there")
    there.add_user()
    there.start()
    (here.docroot / "in").write_bytes(bytes(20 << 20))
    job_id = submit(here, order(there, rate=8000, extra=NO_RETRY))
    wait_until("the start", lambda: session_of(here, job_id).BytesWritten > 0)
    os.kill(there.process.pid, signal.SIGSTOP)
    try:
        info = wait_end(here, job_id, seconds=30)  # else 60
    finally:
        os.kill(there.process.pid, signal.SIGCONT)
    assert info.Status == "error", info


# ---- the store ----

def test_history_is_forgotten(configured):
    node = configured("a", {}, start=False)
    node.add_user()
    node.start()
    (node.docroot / "in").write_bytes(b"x")
    job_id = submit(node, order(node))
    wait_end(node, job_id)
    count = lambda: node.client().GetSessionInfo(
        SessionFilter={"JobId": [job_id]}).ResultCount
    node.stop()
    conf(node.conf, {"central_server/persistent_store_max_age": 1})
    node.start()
    wait_until("its end", lambda: count() == 0)
    with sqlite3.connect(node.state / "ferry.db") as database:
        for table in ("sessions", "files", "jobs"):
            wait_until(f"the end of its {table}", lambda: database.execute(
                f"SELECT count(*) FROM {table}").fetchone() == (0,))
    conf(node.conf, {"central_server/persistent_store_max_age": "Unlimited"})
    node.stop()
    node.start()
    job_id = submit(node, order(node))
    wait_end(node, job_id)
    # As if it had been ten years ago.
    node.stop()
    with sqlite3.connect(node.state / "ferry.db") as database:
        for table in ("sessions", "jobs", "files"):
            columns = [c[1] for c in database.execute(f"PRAGMA table_info({table})")]
            if "end_us" in columns:
                database.execute(f"UPDATE {table} SET end_us = 1")
    node.start()
    time.sleep(2)  # there is nothing to wait for that would not happen
    assert count() == 1


@pytest.mark.parametrize("settings, kept", [
    ({}, {"full", "empty", "same", "bad"}),
    ({"files_per_session": 0}, {"full", "empty", "same", "bad"}),
    ({"file_errors": "false"}, {"full", "empty", "same"}),
    ({"ignore_empty_files": "true"}, {"full", "same", "bad"}),
    ({"ignore_skipped_files": "true"}, {"full", "empty", "bad"}),
    ({"ignore_no_transfer_files": "true"}, {"full", "empty", "bad"}),
])
def test_which_files_are_kept(configured, make_node, settings, kept):
    here = configured("here", {"central_server/" + k: v
                               for k, v in settings.items()})
    there = make_node("there")
    there.add_user()
    there.start()
    there.docroot.joinpath("out").mkdir()
    for folder in (here.docroot, there.docroot / "out"):
        (folder / "same").write_bytes(b"same")
        os.utime(folder / "same", (1, 1))
    (here.docroot / "full").write_bytes(b"x" * 10)
    (here.docroot / "empty").write_bytes(b"")
    (here.docroot / "bad").write_bytes(b"x")
    (there.docroot / "out" / "bad").mkdir()  # where a file is to be
    job_id = submit(here, order(
        there, sources=("/same", "/full", "/empty", "/bad"), destination="/out/",
        extra=NO_RETRY))
    wait_end(here, job_id)
    answer = here.client().GetFileTransferInfo(FileTransferFilter={
        "JobId": [job_id]})
    found = {os.path.basename(row.Path) for row in answer.FileTransferInfo}
    assert found == kept


def test_files_per_session(configured):
    node = configured("a", {"central_server/files_per_session": 3}, start=False)
    node.add_user()
    node.start()
    (node.docroot / "in").mkdir()
    for i in range(5):
        (node.docroot / "in" / str(i)).write_bytes(b"x")
    info = run(node, order(node, destination="/"))
    assert info.FilesComplete == 5, "all are counted"
    rows = json.loads(node.ferry("files", "--json").stdout)
    assert len(rows) == 3


@pytest.mark.parametrize("setting, ends", [("exit", True), ("ignore", False)])
def test_a_store_that_fails(configured, setting, ends):
    node = configured("a", {"central_server/persistent_store_on_error": setting},
                      start=False)
    node.add_user()
    node.start()
    (node.docroot / "in").write_bytes(bytes(4 << 20))
    job_id = submit(node, order(node, rate=1000))
    wait_until("the start", lambda: session_of(node, job_id).Status == "running")
    database = sqlite3.connect(node.state / "ferry.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")  # for longer than the store waits
    try:
        wait_until("the failure", lambda: "changes.failing" in node.log(), 30)
        if ends:
            assert node.process.wait(20) == 1
            assert "changes.fatal" in node.log()
            node.process.stdout.close()
            node.process = None
    finally:
        database.execute("ROLLBACK")
        database.close()
    if not ends:
        node.client().SetTargetRate(SessionID=session_of(node, job_id).UUID,
                                    TargetRate=100000)
    if ends:
        node.start()
        assert wait_end(node, job_id).Status in ("orphaned", "completed")
    else:
        assert wait_end(node, job_id).Status == "completed"


# ---- observers ----

def refused_observer(node, observer):
    try:
        subscribe(node, observer, kind="job")
    except Exception as fault:
        return str(fault)
    return None


def test_callback_lists(configured, observe):
    node = configured("a", {"ferry/callback_deny": ["10.0.0.0/8", "127.0.0.0/8"]})
    assert refused_observer(node, observe())
    conf(node.conf, {"ferry/callback_allow": "127.0.0.0/8"})
    node.process.send_signal(signal.SIGHUP)
    wait_until("the change", lambda: "config.reloaded" in node.log())
    assert not refused_observer(node, observe())


def test_subscriptions_per_caller(configured, observe):
    node = configured("a", {"ferry/subscriptions_per_caller_max": 1})
    assert not refused_observer(node, observe())
    assert refused_observer(node, observe())


# ---- numbers, keys ----

def test_jobs_running_max(configured):
    node = configured("a", {"ferry/jobs_running_max": 1}, start=False)
    node.add_user()
    node.start()
    (node.docroot / "in").write_bytes(bytes(4 << 20))
    jobs = [submit(node, order(node, destination=f"/out{i}", rate=2000))
            for i in range(2)]
    wait_until("the first", lambda: session_of(node, jobs[0]).Status == "running")
    assert session_of(node, jobs[1]).Status != "running"
    for job in jobs:
        node.ferry("cancel", job)


def test_sessions_max(configured, make_node):
    there = configured("there", {"ferry/sessions_max": 1}, start=False)
    there.add_user()
    there.start()
    here = make_node("here").start()
    (here.docroot / "in").write_bytes(bytes(4 << 20))
    first = submit(here, order(there, rate=2000))
    wait_until("the first", lambda: session_of(here, first).Status == "running")
    submit(here, order(there, destination="/other", rate=2000))
    wait_until("the refusal", lambda: "too many sessions" in there.log())
    here.ferry("cancel", first)


def test_known_hosts_and_keys(configured, make_node, tmp_path):
    (tmp_path / "keys").mkdir()
    here = configured("here", {"ferry/known_hosts": tmp_path / "hosts",
                               "ferry/keys": tmp_path / "keys"},
                      soap="0.0.0.0:0", options=("--insecure-soap",))
    here.soap = here.soap.replace("0.0.0.0", "127.0.0.1")
    key = tmp_path / "keys" / "lab"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key],
                   check=True)
    there = make_node("there")
    there.add_user(key=key.with_suffix(".pub"))
    there.start()
    (here.docroot / "in").write_bytes(b"x")
    text = re.sub("<Authentication>.*</Authentication>",
                  "<Authentication><Methods><Method>Public Key</Method>"
                  "</Methods><KeyPath>lab</KeyPath></Authentication>",
                  order(there))
    run(here, text)
    assert there.fingerprint in (tmp_path / "hosts").read_text()


# ---- names of what is not whole ----

def test_suffixes_of_partial_and_side_files(configured, pair):
    here, _ = pair
    there = configured("third", {
        "default/file_system/resume_suffix": ".side",
        "default/file_system/partial_file_suffix": ".part"}, start=False)
    there.add_user()
    there.start()
    (here.docroot / "in").write_bytes(os.urandom(8 << 20))
    for said, part in (("", "out.part"),
                       ("<PartialFileSuffix>.mine</PartialFileSuffix>",
                        "out.mine")):
        job_id = submit(here, order(there, rate=4000, extra=NO_RETRY,
                                    file_parameters=said))
        wait_until("both", lambda: {part, part + ".side"} <= set(
            os.listdir(there.docroot)))
        here.client().CancelJob(JobID=job_id)
        wait_end(here, job_id)
    # Names that end so are nobody's but the node's.
    (here.docroot / "x.side").write_bytes(b"forged")
    end = wait_end(here, submit(here, order(
        there, sources=["/x.side"], destination="/", extra=NO_RETRY)))
    assert (end.Status, end.ErrorCode) == ("error", 56), end


@pytest.mark.parametrize("name", ("resume_suffix", "partial_file_suffix"))
@pytest.mark.parametrize("value", ("/../x", "x" * 65))
def test_a_suffix_is_an_end_of_names(binary, tmp_path, name, value):
    path = conf(tmp_path / "x.conf", {f"default/file_system/{name}": value})
    code, rows = check(binary, path)
    assert code == 78
    assert [v for v, _ in rows.values()] == ["refused"]


def test_free_pages_go_back_at_the_start(configured):
    node = configured("a", {"central_server/compact_on_startup": "false"})
    database = node.state / "ferry.db"
    node.stop()
    with sqlite3.connect(database) as opened:
        opened.execute("CREATE TABLE junk (x BLOB)")
        opened.execute("INSERT INTO junk VALUES (zeroblob(8000000))")
        opened.execute("DROP TABLE junk")
    opened.close()
    node.start().stop()
    assert database.stat().st_size > 8000000
    conf(node.conf, {"central_server/compact_on_startup": "true"})
    node.start().stop()
    assert database.stat().st_size < 1000000


# ---- SIGHUP ----

def test_what_can_change_does_and_the_rest_is_told(configured, tmp_path):
    flow = FLOW.format("out")
    node = configured("a", {flow + "target_rate/default": 1111}, start=False)
    node.add_user()
    node.start()
    (node.docroot / "in").write_bytes(b"x")
    assert run(node, bare_order(node)).TargetRate == 1111
    conf(node.conf, {flow + "target_rate/default": 2222,
                     "central_server/backlog": 7})
    node.process.send_signal(signal.SIGHUP)
    wait_until("the change", lambda: "config.reloaded" in node.log())
    assert run(node, bare_order(node)).TargetRate == 2222
    assert 'config.restart_needed setting="backlog"' in node.log()
    node.conf.write_text("<CONF>")
    node.process.send_signal(signal.SIGHUP)
    wait_until("the refusal", lambda: "config.kept" in node.log())
    assert run(node, bare_order(node)).TargetRate == 2222


def test_retries_of_orders_that_do_not_say_it(configured):
    node = configured("a", {"ferry/retry_count": 2, "ferry/retry_base_sec": 1,
                            "ferry/retry_max_sec": 1})
    (node.docroot / "in").write_bytes(b"x")
    plain = re.sub("<RetryParameters>.*</RetryParameters>", "",
                   order(node, port=1))
    job = submit(node, plain)
    shown = node.client("IScpTransferNET-200604").QueryJob(
        JobID=job).Order.RetryParameters
    assert (shown.Count, shown.BaseInterval, shown.MaximumInterval) == (2, 1, 1)
    sessions = wait_job(node, job)
    assert [s.Status for s in sessions] == ["error", "willretry", "willretry"]
    node.stop()
    conf(node.conf, {"ferry/retry_count": 0})
    node.start()
    only, = wait_job(node, submit(node, plain))
    assert (only.Status, only.JobMaxRetries) == ("error", 0)


# ---- files, links and digests ----

FILES = "default/file_system/"


@pytest.fixture
def receiving(configured, make_node):
    """A node here, and one there with settings and the user lab."""
    def make(settings):
        there = configured("there", settings, start=False)
        there.add_user()
        there.start()
        return make_node("here").start(), there
    return make


@pytest.mark.parametrize("settings, file_mode, folder_mode", [
    ({}, 0o600, 0o700),
    ({"file_create_mode": "664", "directory_create_mode": "0775"},
     0o664, 0o775),
    ({"file_create_mode": "Undefined", "file_create_grant_mask": "44",
      "directory_create_grant_mask": "055"}, 0o644, 0o755),
    ({"file_create_mode": "440", "file_create_grant_mask": "777"},
     0o440, 0o700)])
def test_modes_of_what_arrives(receiving, settings, file_mode, folder_mode):
    here, there = receiving({FILES + k: v for k, v in settings.items()})
    source = here.docroot / "in"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_bytes(b"x")
    (source / "sub" / "file").chmod(0o600)
    (source / "sub").chmod(0o700)
    source.chmod(0o700)
    run(here, order(there, destination="/made/out/",
                    file_parameters="<CreatePath>Yes</CreatePath>"))
    mode = lambda path: (there.docroot / path).stat().st_mode & 0o7777
    assert mode("made/out/in/sub/file") == file_mode
    for path in ("made/out/in", "made/out/in/sub"):
        assert mode(path) == folder_mode, path
    if folder_mode != 0o700:
        # One that nobody sent has no mode but what is configured.
        assert mode("made") == (folder_mode if "directory_create_mode"
                                in settings else 0o777)


@pytest.mark.parametrize("name, value", [
    ("file_create_mode", "4755"), ("file_create_mode", "8"),
    ("file_create_mode", "rw"), ("directory_create_mode", "555"),
    ("directory_create_grant_mask", "1777"), ("symbolic_links", "follow_wide"),
    ("file_checksum", "sha512")])
def test_modes_links_and_digests_that_are_not_kept(binary, tmp_path, name,
                                                   value):
    code, rows = check(binary, conf(tmp_path / "x.conf", {FILES + name: value}))
    assert code == 78 and [v for v, _ in rows.values()] == ["refused"]


LINKS = [
    # What the sending node allows, the order's wish, and what arrives.
    ("none", "Follow", ["real"]), ("none", "Copy", ["real"]),
    ("follow", "Follow", ["link", "real"]), ("follow", "Copy", ["real"]),
    ("create", "Follow", ["real"]), ("create", "Copy", ["link", "real"]),
    ("follow,create", "Follow", ["link", "real"]),
    ("create,follow", "Copy", ["link", "real"])]


@pytest.mark.parametrize("allowed, wish, names", LINKS)
def test_links_that_a_node_sends(receiving, allowed, wish, names):
    here, there = receiving({FILES + "symbolic_links": allowed})
    (there.docroot / "in").mkdir()
    (there.docroot / "in" / "real").write_bytes(b"x")
    (there.docroot / "in" / "link").symlink_to("real")
    run(here, order(there, "Pull", destination="/out/", file_parameters=(
        f"<SymbolicLinks>{wish}</SymbolicLinks>")))
    assert sorted(os.listdir(here.docroot / "out" / "in")) == names
    link = here.docroot / "out" / "in" / "link"
    assert link.is_symlink() == (wish == "Copy" and "link" in names)


@pytest.mark.parametrize("allowed, made", [
    ("none", False), ("follow", False), ("create", True)])
def test_links_that_a_node_makes(receiving, allowed, made):
    here, there = receiving({FILES + "symbolic_links": allowed})
    (here.docroot / "in").mkdir()
    (here.docroot / "in" / "link").symlink_to("real")
    end = wait_end(here, submit(here, order(
        there, extra=NO_RETRY, destination="/out/",
        file_parameters="<SymbolicLinks>Copy</SymbolicLinks>")))
    assert (end.Status == "completed") == made
    if not made:
        assert "symbolic link" in end.ErrorDescription
    assert (there.docroot / "out" / "in" / "link").is_symlink() == made


@pytest.mark.parametrize("configured_at, operation, wish, seen", [
    ("here", "Push", None, {"here": "sha1", "there": "sha1"}),
    ("here", "Pull", None, {"here": "sha1", "there": "sha1"}),
    ("there", "Push", None, {"here": None, "there": "sha1"}),
    ("there", "Pull", None, {"here": None, "there": None}),
    ("there", "Push", "md5", {"here": "md5", "there": "md5"})])
def test_digests_where_no_order_says_it(configured, configured_at, operation,
                                        wish, seen):
    nodes = {name: configured(name, {FILES + "file_checksum": "sha1"}
                              if name == configured_at else {}, start=False)
             for name in ("here", "there")}
    nodes["there"].add_user()
    for node in nodes.values():
        node.start()
        (node.docroot / "in").write_bytes(b"content")
    info = run(nodes["here"], order(
        nodes["there"], operation, file_parameters=(
            f"<FileChecksum>{wish}</FileChecksum>" if wish else "")))
    for name, kind in seen.items():
        file, = nodes[name].client().GetFileTransferInfo(FileTransferFilter={
            "SessionUUID": [info.UUID]}).FileTransferInfo
        assert file.ChecksumType == kind, name
        assert file.Checksum == (kind and hashlib.new(
            kind, b"content").hexdigest()), name


def test_what_is_made_of_files_changes_with_the_next_start(configured):
    node = configured("a", {})
    for setting in ("file_create_mode", "symbolic_links"):
        conf(node.conf, {FILES + setting: {"file_create_mode": "600",
                                           "symbolic_links": "none"}[setting]})
        before = node.log().count("config.reloaded")
        node.process.send_signal(signal.SIGHUP)
        wait_until("the change", lambda: node.log().count(
            "config.reloaded") > before)
        assert ('config.restart_needed setting="default/file_system"'
                in node.log().split("config.reloaded")[-2])
