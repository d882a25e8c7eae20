"""The command line, as a person uses it."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import time

import pytest

from ferry import (PASSWORD, order, session_of, submit, tree, wait_end,
                   wait_until)


def test_submit_waits_and_exits_with_the_outcome(pair, tmp_path):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 1000)
    done = here.ferry("submit", "--wait", stdin=order(there))
    assert len(done.stdout.strip()) == 36
    assert "completed" in done.stderr
    path = tmp_path / "order.xml"
    path.write_text(order(there, password="wrong"))
    failed = here.ferry("submit", "--wait", path, check=False)
    assert failed.returncode == 1 and "error 19" in failed.stderr
    refused = here.ferry("submit", stdin="<Order/>", check=False)
    assert refused.returncode == 1 and "Operation" in refused.stderr


def test_lists_and_json(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 1000)
    job_id = here.ferry("submit", "--wait", stdin=order(there)).stdout.strip()
    assert job_id in here.ferry("jobs").stdout
    assert here.ferry("jobs", "--active", "--json").stdout.strip() == "[]"
    jobs = json.loads(here.ferry("jobs", "--json").stdout)
    assert [j["JobId"] for j in jobs] == [job_id]
    assert jobs[0]["Status"] == "completed" and jobs[0]["BytesWritten"] == 1000
    sessions = json.loads(there.ferry("sessions", "--json").stdout)
    assert [s["UUID"] for s in sessions] == [jobs[0]["UUID"]]
    files = json.loads(here.ferry("files", "--json").stdout)
    assert len(files) == 1 and files[0]["Size"] == 1000


def test_watch_prints_each_event(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 1000)
    watch = subprocess.Popen(
        [here.binary, "watch", "--soap", here.soap, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "watching" in watch.stderr.readline()
    job_id = here.ferry("submit", "--wait", stdin=order(there)).stdout.strip()
    events = []
    while sum(e["Topic"] == "Stop" for e in events) < 2:
        events.append(json.loads(watch.stdout.readline()))
    assert [e["Topic"] for e in events if "Job" in e] == [
        "Connecting", "Start", "Stop"]
    assert events[0]["Job"]["ID"] == job_id
    watch.send_signal(signal.SIGINT)
    assert watch.wait(30) == 0
    watch.stdout.close(), watch.stderr.close()
    left = here.client("IScpTransferNET-200604").ListSubscriptions()
    assert not left, "it unsubscribed"


def test_cancel_by_id(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(8 << 20))
    job_id = submit(here, order(there, rate=4000))
    here.ferry("cancel", job_id)
    assert wait_end(here, job_id).Status == "cancelled"
    unknown = here.ferry("cancel", "00000000-0000-4000-8000-000000000000",
                         check=False)
    assert unknown.returncode == 1 and "no job" in unknown.stderr


def test_push_and_pull_without_a_server_here(pair, tmp_path):
    _, there = pair
    home = {"HOME": str(tmp_path), "FERRY_PASSWORD": PASSWORD}
    source = tmp_path / "tree"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_bytes(b"a" * 100000)
    (source / "sub" / "b").write_bytes(b"")
    remote = f"lab@127.0.0.1:{there.port}:"
    done = there.ferry("push", source, f"{remote}/", env=home)
    assert "2 files" in done.stdout
    assert tree(there.docroot / "tree") == tree(source)
    there.ferry("pull", f"{remote}/tree", tmp_path / "back/", "--mkdir",
                env=home)
    assert tree(tmp_path / "back" / "tree") == tree(source)
    assert there.fingerprint in (
        tmp_path / ".config/ferry/known_hosts").read_text()
    wrong = there.ferry("push", source, f"{remote}/x", check=False,
                        env={**home, "FERRY_PASSWORD": "wrong"})
    assert wrong.returncode == 1 and "error 19" in wrong.stderr


@pytest.mark.parametrize("home", (None, "/no/such/home", "/dev/null"))
def test_without_a_home_the_node_s_key_has_to_be_named(pair, tmp_path, home):
    _, there = pair
    source = tmp_path / "file"
    source.write_bytes(b"x")
    env = {k: v for k, v in os.environ.items() if k != "HOME"}
    env.update({"FERRY_PASSWORD": PASSWORD}, **({"HOME": home} if home else {}))
    push = lambda *more: subprocess.run(
        [there.binary, "push", source, f"lab@127.0.0.1:{there.port}:/out", *more],
        env=env, capture_output=True, text=True, timeout=60)
    refused = push()
    assert refused.returncode == 78 and "--fingerprint" in refused.stderr
    assert not (there.docroot / "out").exists()
    done = push("--fingerprint", there.fingerprint)
    assert done.returncode == 0, done.stderr
    assert (there.docroot / "out").read_bytes() == b"x"
    other = push("--fingerprint", "SHA256:" + "A" * 43)
    assert other.returncode == 1 and "error 51" in other.stderr


def test_users(make_node, tmp_path):
    node = make_node()
    node.add_user("one")
    again = node.ferry("user", "add", "one", "--docroot", tmp_path, "--state",
                       node.state, "--password-stdin", stdin="x\n", check=False)
    assert again.returncode == 1 and "already" in again.stderr
    assert "one\t" in node.ferry("user", "list", "--state", node.state).stdout
    node.start()
    node.add_user("two")
    (node.docroot / "in").write_bytes(b"x")
    assert wait_end(node, submit(node, order(node, user="two"))
                    ).Status == "completed", "it holds for the next login"
    node.ferry("user", "remove", "two", "--state", node.state)
    end = wait_end(node, submit(node, order(node, user="two")))
    assert end.ErrorCode == 19
    missing = node.ferry("user", "remove", "two", "--state", node.state,
                         check=False)
    assert missing.returncode == 1


def test_help_version_fingerprint_and_usage(make_node):
    node = make_node().start()
    assert node.ferry("--version").stdout.startswith("ferry ")
    helped = node.ferry("help").stdout
    for word in ("serve", "user", "submit", "push", "pull", "watch", "jobs",
                 "sessions", "cancel", "fingerprint"):
        assert f"  {word} " in helped
        usage = node.ferry("help", word).stdout
        assert "usage: ferry " + word in usage
        assert node.ferry(word, "--help").stdout == usage
    assert node.ferry("fingerprint", "--state", node.state
                      ).stdout.strip() == node.fingerprint
    for wrong in (["fly"], ["serve", "--wings"], ["submit", "a", "b"], []):
        assert node.ferry(*wrong, check=False).returncode == 2


def test_a_port_in_use_is_exit_1_and_a_stop_is_exit_0(make_node, tmp_path):
    node = make_node("a").start()
    other = make_node("b", soap=node.soap_listen)
    done = other.ferry("serve", "--state", other.state, "--docroot",
                       other.docroot, "--soap", node.soap_listen,
                       "--transfer", "127.0.0.1:0", check=False)
    assert done.returncode == 1 and "in use" in done.stderr.lower()
    same = node.ferry("serve", "--state", node.state, "--docroot",
                      node.docroot, "--soap", "127.0.0.1:0", "--transfer",
                      "127.0.0.1:0", check=False)
    assert same.returncode == 78, "one server a state folder"


def test_an_idle_server_uses_no_cpu(make_node):
    node = make_node().start()
    node.client().ListTypes()
    ticks = lambda: sum(map(int, open(
        f"/proc/{node.process.pid}/stat").read().split()[13:15]))

    def ticks_in_two_seconds():
        before = ticks()
        time.sleep(2)
        return ticks() - before

    # What it still had to do when the client left may fall into the first.
    wait_until("idleness", lambda: ticks_in_two_seconds() <= 1)


def test_wsdl_prints_what_the_server_serves(make_node):
    import urllib.request
    node = make_node("here").start()
    names = node.ferry("wsdl").stdout.split()
    assert "Transfer-201210" in names and "JobObserver" in names
    for name in names:
        served = urllib.request.urlopen(
            f"{node.soap}/services/soap/{name}?wsdl").read().decode()
        assert node.ferry("wsdl", name, "--soap", node.soap).stdout == served
    assert node.ferry("wsdl", "Nothing", check=False).returncode == 2
    assert node.ferry("wsdl", names[0], "--soap", "x<y", check=False).returncode == 2
    assert 'location="http://127.0.0.1:40001/' in node.ferry("wsdl", names[0]).stdout


# ---- control ----

@pytest.fixture
def running(pair):
    """A job that takes its time, and its session's id."""
    here, there = pair
    (here.docroot / "in").write_bytes(bytes(64 << 20))
    job_id = submit(here, order(there, rate=3000))
    info = wait_until("the start", lambda: (
        lambda i: i if i.BytesWritten else None)(session_of(here, job_id)))
    yield here, there, info.UUID
    here.ferry("cancel", job_id)


def target_rate(node, session):
    return node.client("FASPSessionNET-200601").QuerySession(
        SessionID=session).RateParameters.TargetRate


def test_rate_pause_and_resume(running, tmp_path):
    here, there, session = running
    home = {"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": ""}
    here.ferry("rate", session, "2m", env=home)
    for node in (here, there):
        wait_until("the rate", lambda: target_rate(node, session) == 2000)
    paused = here.ferry("pause", session, env=home)
    assert f"ferry resume {session}" in paused.stdout
    wait_until("the pause", lambda: target_rate(there, session) == 0)
    assert here.ferry("pause", session, env=home).returncode == 0, "again"
    resumed = here.ferry("resume", session, "--json", env=home)
    assert json.loads(resumed.stdout) == {"SessionID": session, "TargetRate": 2000}
    wait_until("the rate", lambda: target_rate(there, session) == 2000)
    again = here.ferry("resume", session, env=home, check=False)
    assert again.returncode == 1 and "not paused" in again.stderr


def test_resume_of_what_another_paused(running, tmp_path):
    here, there, session = running
    one, other = ({"HOME": str(tmp_path / name), "XDG_STATE_HOME": ""}
                  for name in ("one", "other"))
    here.ferry("pause", session, env=one)
    asked = here.ferry("resume", session, env=other, check=False)
    assert asked.returncode == 1 and "name a rate" in asked.stderr
    here.ferry("resume", session, "4m", env=other)
    wait_until("the rate", lambda: target_rate(there, session) == 4000)


def test_control_of_what_is_not_there(pair):
    here, _ = pair
    none = "00000000-0000-4000-8000-000000000000"
    for arguments in (["rate", none, "1m"], ["pause", none],
                      ["resume", none, "1m"], ["resume", "../x"]):
        assert here.ferry(*arguments, check=False).returncode == 1
    for arguments in (["rate", none], ["rate", none, "0"], ["rate", none, "1x"],
                      ["pause"], ["resume", none, "1m", "2m"]):
        assert here.ferry(*arguments, check=False).returncode == 2


def test_healthcheck(make_node):
    node = make_node().start()
    assert node.ferry("healthcheck").stdout == "healthy\n"
    assert json.loads(node.ferry("healthcheck", "--json").stdout) == {
        "Healthy": True}
    node.stop()
    done = node.ferry("healthcheck", check=False)
    assert done.returncode == 1 and not done.stdout and "refused" in done.stderr


# ---- for programs ----

def test_json_everywhere(pair, tmp_path):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 1000)
    load = lambda *arguments, **options: json.loads(
        here.ferry(*arguments, "--json", **options).stdout)
    assert set(load("submit", stdin=order(there))) == {"JobID"}
    outcome = load("submit", "--wait", stdin=order(there, destination="/b"))
    assert outcome["Status"] == "completed" and outcome["BytesWritten"] == 1000
    assert load("cancel", outcome["Key"]["JobId"] if "Key" in outcome
                else outcome["JobId"])["Cancelled"] in (True, False)
    assert [u["Name"] for u in load("user", "list", "--state", there.state)
            ] == ["lab"]
    assert load("user", "list", "--state", here.state) == []
    assert load("fingerprint", "--state", here.state) == {
        "Fingerprint": here.fingerprint}
    assert set(load("version")) == {"Version"}
    source = tmp_path / "file"
    source.write_bytes(b"x" * 10)
    done = here.ferry("push", source, f"lab@127.0.0.1:{there.port}:/", "--json",
                      env={"HOME": str(tmp_path), "FERRY_PASSWORD": PASSWORD})
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["Status"], last["BytesWritten"], last["ErrorCode"]) == (
        "completed", 10, 0)


# ---- push, as a person sees it ----

@pytest.fixture
def pushing(pair, tmp_path):
    here, there = pair
    source = tmp_path / "film"
    source.write_bytes(bytes(8 << 20))
    env = {**os.environ, "HOME": str(tmp_path), "FERRY_PASSWORD": PASSWORD}

    def start(*options, **streams):
        return subprocess.Popen(
            [here.binary, "push", source, f"lab@127.0.0.1:{there.port}:/",
             *options], env=env, text=True, **streams)

    return there, start


def test_plain_lines_when_it_is_no_terminal(pushing):
    there, start = pushing
    process = start("--rate", "30m", stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and output.startswith("1 files, 8388608 bytes")
    assert "\r" not in errors and "\x1b" not in errors
    line = re.compile(r"(\[=*>? *\] )? *\d+ %  [\d.]+ k?M?B of 8\.4 MB  "
                      r"\d+ [kM]bit/s(  \d+:\d\d left)?  [01] of 1 files")
    assert errors.splitlines()
    for text in errors.splitlines():
        assert line.fullmatch(text), text


def test_a_bar_on_a_terminal(pushing):
    there, start = pushing
    ours, theirs = pty.openpty()
    process = start("--rate", "16m", stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(60) == 0
    process.stdout.close()
    assert seen.count(b"\r[") > 3 and b"left" in seen
    assert seen.endswith(b"\r\x1b[K"), "the line is gone when it is over"
    assert b"\n" not in seen


def test_ctrl_c_cancels_at_both_ends(pushing):
    there, start = pushing
    process = start("--rate", "2m", stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
    look = lambda: there.client().GetSessionInfo(SessionFilter={}).SessionInfo
    wait_until("the start", lambda: look() and look()[0].BytesWritten > 0)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 1 and "error 28" in errors
    assert "trying again" not in errors
    wait_until("the end", lambda: look()[0].Status == "cancelled")


def test_it_tries_again(pushing, tmp_path):
    there, start = pushing
    there.stop()
    path = tmp_path / "errors"
    with open(path, "w") as errors:
        process = start("--retries", "8", stdout=subprocess.PIPE, stderr=errors)
    wait_until("the first failure", lambda: "trying again in 1 s (1 of 8)"
               in path.read_text())
    there.start()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "1 files, 8388608" in output


def test_it_gives_up(pushing):
    there, start = pushing
    there.stop()
    process = start("--retries", "1", stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.count("error ") == 2 and errors.count("trying again") == 1


# ---- from one source ----

SHELLS = {"bash": ["-n"], "zsh": ["-n"], "fish": ["-n"]}


def commands_and_options(binary):
    """{command: its options}, as help has them."""
    helped = subprocess.run([binary, "help"], capture_output=True, text=True)
    found = {}
    for name in re.findall(r"^  ([\w-]+) ", helped.stdout, re.M):
        text = subprocess.run([binary, "help", name], capture_output=True,
                              text=True).stdout
        found[name] = re.findall(r"^  (--?[\w-]+)", text, re.M)
    assert len(found) > 15 and sum(map(len, found.values())) > 50
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(binary, tmp_path, shell):
    done = subprocess.run([binary, "completion", shell], capture_output=True,
                          text=True, check=True)
    script = tmp_path / "completion"
    script.write_text(done.stdout)
    for name, options in commands_and_options(binary).items():
        assert re.search(rf"\b{name}\b", done.stdout)
        for option in options:
            bare = option.lstrip("-") if shell == "fish" else option
            assert bare in done.stdout, option
    if shutil.which(shell):
        checked = subprocess.run([shell, *SHELLS[shell], script],
                                 capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("words, expected", [
    (["che"], {"check-config"}), (["pu"], {"push", "pull"}),
    (["submit", "--"], {"--soap", "--user", "--ca", "--insecure", "--wait",
                        "--json"}),
    (["completion", ""], {"bash", "zsh", "fish"}),
])
def test_bash_completes(binary, words, expected):
    typed = " ".join(f"'{w}'" for w in ["ferry", *words])
    done = subprocess.run(
        ["bash", "-c", f"eval \"$('{binary}' completion bash)\"; "
         f"COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _ferry; "
         "printf '%s\\n' \"${COMPREPLY[@]}\""], capture_output=True, text=True)
    assert set(done.stdout.split()) == expected, done


PAGES = ["ferry.1", "ferry.8", "asperacentral.8", "ferry.conf.5"]


@pytest.mark.parametrize("page", PAGES)
def test_manual(binary, tmp_path, page):
    done = subprocess.run([binary, "man", page], capture_output=True, text=True,
                          check=True)
    plain = done.stdout.replace("\\-", "-")
    if page == "ferry.1":
        for name, options in commands_and_options(binary).items():
            assert f".SS {name}\n" in plain
            assert all(f".B {o}" in plain for o in options)
    if page == "ferry.conf.5":
        source = (pathlib.Path(__file__).parents[2] /
                  "src/cli/settings.def").read_text()
        paths = [p for kind, p in re.findall(
            r'^([A-Z_]+)\("([\w/]+)"', source, re.M) if kind != "A_WORD"]
        assert len(paths) > 558
        assert all(f".B {path}\n" in plain for path in paths)
    if shutil.which("groff"):
        (tmp_path / page).write_text(done.stdout)
        shown = subprocess.run(["groff", "-man", "-Tutf8", "-ww", tmp_path / page],
                               capture_output=True, text=True)
        assert shown.returncode == 0 and not shown.stderr, shown.stderr


def test_no_such_page_or_shell(binary):
    for wrong in (["man"], ["man", "ls.1"], ["completion"], ["completion", "sh"]):
        assert subprocess.run([binary, *wrong], capture_output=True
                              ).returncode == 2
