"""The observers of contrib/observers, each against a node."""

import pathlib
import re
import shutil
import subprocess
import threading

import pytest

from ferry import order, submit, wait_end, wait_until

FOLDER = pathlib.Path(__file__).parents[2] / "contrib" / "observers"
COMMANDS = {"python3": ["observer.py"], "node": ["observer.mjs"],
            "java": ["Observer.java"], "php": ["observer.php"]}


class Program:
    def __init__(self, runtime, node, port=0, **env):
        import os
        self.process = subprocess.Popen(
            [runtime, *(FOLDER / name for name in COMMANDS[runtime]),
             node.soap, str(port)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **env},
            start_new_session=True)
        self.lines, self.notes = [], []
        for stream, to in ((self.process.stdout, self.lines),
                           (self.process.stderr, self.notes)):
            threading.Thread(target=self.gather, args=(stream, to),
                             daemon=True).start()
        wait_until(f"{runtime} to subscribe", lambda: any(
            "subscribed" in note for note in self.notes), 60)
        self.subscription = re.search(r"[0-9a-f-]{36}",
                                      "".join(self.notes))[0]

    @staticmethod
    def gather(stream, to):
        for line in stream:
            to.append(line.strip())

    def stop(self):
        import os
        import signal
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.mark.parametrize("runtime", COMMANDS)
def test_each_prints_every_event_once_and_takes_what_is_signed(pair, runtime):
    if shutil.which(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    here, there = pair
    (here.docroot / "in").write_bytes(b"x")
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    program = Program(runtime, here, FERRY_SECRET=secret)
    try:
        job_id = submit(here, order(there))
        wait_end(here, job_id)
        delivery = lambda: here.client("EventNET-202611").QueryDelivery(
            SubscriptionID=program.subscription)
        wait_until("a refusal of what is not signed", lambda: (
            delivery().LastError or "").endswith("401"))
        assert program.lines == []
        here.ferry("subscriptions", "secret", program.subscription,
                   "--secret-stdin", stdin=secret + "\n")
        here.ferry("subscriptions", "replay", program.subscription, "0")
        wait_until("three lines", lambda: len(program.lines) == 3, 30)
        here.ferry("subscriptions", "replay", program.subscription, "0")
        second = submit(here, order(there, destination="/2"))
        wait_until("three more", lambda: len(program.lines) == 6, 30)
        lines = [line.split(" ") for line in program.lines]
        assert [line[1:] for line in lines] == [
            [topic, job] for job in (job_id, second)
            for topic in ("Connecting", "Start", "Stop")]
        assert len({line[0] for line in lines}) == 6
    finally:
        program.stop()
