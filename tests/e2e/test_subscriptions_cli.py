"""`ferry watch --pull` and `ferry subscriptions`."""

import json
import signal
import subprocess
import threading

from ferry import order, submit, subscribe, wait_end, wait_until


class Watch:
    """A `ferry watch` whose lines are gathered."""

    def __init__(self, node, *arguments):
        self.process = subprocess.Popen(
            [node.binary, "watch", "--soap", node.soap, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.notes = [], []
        for stream, to in ((self.process.stdout, self.lines),
                           (self.process.stderr, self.notes)):
            threading.Thread(target=lambda s=stream, t=to: t.extend(
                iter_lines(s, t)), daemon=True).start()
        wait_until("the watch", lambda: self.notes)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.notes


def iter_lines(stream, to):
    for line in stream:
        to.append(line.rstrip("\n"))
    return []


def run_job(here, there, destination):
    (here.docroot / "in").write_bytes(b"x")
    job_id = submit(here, order(there, destination=destination))
    wait_end(here, job_id)
    return job_id


def test_watch_by_polling_prints_lines_and_json_and_survives_a_restart(pair):
    here, there = pair
    old = run_job(here, there, "/0")
    lines, objects = Watch(here, "--pull"), Watch(here, "--pull", "--json",
                                                  "--topic", "job.Stop")
    everything = Watch(here, "--pull", "--after", "0")
    first = run_job(here, there, "/1")
    wait_until("five lines", lambda: len(lines.lines) == 5)
    assert not any(old in line for line in lines.lines), "from now on"
    assert any(old in line for line in everything.lines), "from the oldest"
    here.kill()
    here.start()
    second = run_job(here, there, "/2")
    wait_until("five more", lambda: len(lines.lines) == 10)
    wait_until("two objects", lambda: len(objects.lines) == 2)
    assert [json.loads(line)["JobID"] for line in objects.lines] == [
        first, second]
    assert json.loads(objects.lines[0])["Job"]["Order"]["Operation"] == "Push"
    for watch in (lines, objects, everything):
        watch.end()
    wrong = here.ferry("watch", "--pull", "--topic", "Statistics", check=False)
    assert wrong.returncode == 1 and "Statistics" in wrong.stderr
    assert here.ferry("watch", "--after", "1", check=False).returncode == 2


def test_subscriptions_are_listed_with_their_deliveries(pair, observe):
    here, there = pair
    assert json.loads(here.ferry("subscriptions", "--json").stdout) == []
    assert here.ferry("subscriptions").stdout == ""
    live, failing = observe(), observe(lambda notification: 500)
    idle, = subscribe(here, live, "session", ["Stop"], 500)
    stuck, = subscribe(here, failing, "job", ["Stop"])
    run_job(here, there, "/1")
    failing.wait_for("an attempt", lambda got: got)
    rows = wait_until("a failure", lambda: (
        lambda all: all if any("LastError" in r["Delivery"] for r in all)
        else None)(json.loads(here.ferry("subscriptions", "--json").stdout)))
    by_id = {r["Subscription"]["ID"]: r for r in rows}
    assert by_id[idle]["Kind"] == "session"
    assert by_id[idle]["Delivery"]["Backlog"] == 0
    assert by_id[idle]["Subscription"]["Observer"]["Address"] == live.url
    assert by_id[stuck]["Delivery"]["Backlog"] == 1
    assert "500" in by_id[stuck]["Delivery"]["LastError"]
    table = here.ferry("subscriptions").stdout
    line, = [l for l in table.splitlines() if stuck in l]
    assert "job" in line and failing.url in line and "500" in line


def test_secrets_and_replays_by_command(pair, observe):
    here, there = pair
    observer = observe()
    subscription, = subscribe(here, observer, "job", ["Stop"])
    secret = here.ferry("subscriptions", "secret", subscription).stdout.strip()
    assert secret.startswith("whsec_")
    run_job(here, there, "/1")
    observer.wait_for("one", lambda got: len(got) == 1)
    assert observer.received[0].headers["webhook-signature"].startswith("v1,")
    here.ferry("subscriptions", "secret", subscription, "--none")
    here.ferry("subscriptions", "replay", subscription, "0")
    observer.wait_for("two", lambda got: len(got) == 2)
    assert "webhook-signature" not in observer.received[1].headers
    given = here.ferry("subscriptions", "secret", subscription,
                       "--secret-stdin", stdin=secret + "\n")
    assert given.stdout == "", "it is not shown to who knows it"
    unknown = here.ferry("subscriptions", "replay", "nobody", "0", check=False)
    assert unknown.returncode == 1 and "nobody" in unknown.stderr
    for wrong in (["what"], ["replay", subscription, "x"]):
        assert here.ferry("subscriptions", *wrong,
                          check=False).returncode == 2
