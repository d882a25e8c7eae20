"""The command line, as a person uses it."""

import json
import signal
import subprocess
import time

from ferry import PASSWORD, order, submit, tree, wait_end, wait_until


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
    assert watch.wait(10) == 0
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
        assert "usage: ferry " + word in node.ferry("help", word).stdout
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
    time.sleep(0.3)
    before = ticks()
    time.sleep(2)
    assert ticks() - before <= 1


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
