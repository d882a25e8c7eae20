"""The promise against the real binary: killed again and again under load, with
50 observers of mixed behaviour, nothing is lost, out of order or renamed.

20 kills unless FERRY_KILLS says more (./zigw build test:kill).
"""

import os
import random
import re
import socket
import sqlite3
import threading
import time

import requests

from ferry import order, wait_until

KILLS = int(os.environ.get("FERRY_KILLS", 20))
OBSERVERS = 50
FIELD = re.compile(rb"<(EventID|Sequence|Topic|SubscriptionID)>([^<]*)</")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAULT = (b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
         b"<e:Body><e:Fault><faultcode>e:Server</faultcode><faultstring>no"
         b"</faultstring></e:Fault></e:Body></e:Envelope>")
SUBSCRIBE = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">
<e:Body><x:SubscribeRequest xmlns:x="{namespace}"><{kind}ID>0</{kind}ID>
<{kind}Observer><Address>{url}</Address></{kind}Observer><Topics>{topics}
</Topics></x:SubscribeRequest></e:Body></e:Envelope>"""
SUBMIT = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">
<e:Body><x:SubmitRequest xmlns:x="urn:Aspera:XML:JobNET:2006/01:Types">
<Type>Aspera.IScpTransfer</Type><Definition><![CDATA[{}]]></Definition>
</x:SubmitRequest></e:Body></e:Envelope>"""
MOODS = ["good", "slow", "fails", "silent", "loses", "fault", "away"]


class Receiver:
    """An observer by hand: what it took, in the order in which it came."""

    def __init__(self, number, kind, topics):
        self.number, self.kind, self.topics = number, kind, topics
        self.random = random.Random(number)
        self.mood = MOODS[number % len(MOODS)]
        self.healed = False
        self.arrivals = []  # (sequence, EventID, topic, taken)
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
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
        with connection, connection.makefile("rb") as stream:
            try:
                while self.serve_one(connection, stream):
                    pass
            except OSError:
                pass

    def serve_one(self, connection, stream):
        size = None
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        if size is None:
            return False
        body = stream.read(size)
        if len(body) < size:
            return False
        mood = "good" if self.healed or self.random.random() < 0.6 else self.mood
        if mood == "away":
            return False
        taken = mood in ("good", "slow", "loses")
        fields = dict(FIELD.findall(body))
        with self.lock:
            self.arrivals.append((int(fields[b"Sequence"]),
                                  fields[b"EventID"].decode(),
                                  fields[b"Topic"].decode(), taken))
        if mood == "slow":
            time.sleep(self.random.random() * 0.3)
        if mood == "silent":
            time.sleep(1)
        if mood in ("silent", "loses"):
            return False
        if mood == "fails":
            connection.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        elif mood == "fault":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                               % (len(FAULT), FAULT))
        else:
            connection.sendall(OK)
        return True

    def missing(self, events):
        with self.lock:
            taken = {a[0] for a in self.arrivals if a[3]}
        return [e for e in events if self.wants(e) and e[0] not in taken]

    def wants(self, event):
        kind, _, topic = event[2].partition(".")
        return kind == self.kind and topic.capitalize() in self.topics

    def check(self, events):
        names = {sequence: uuid for sequence, uuid, _ in events}
        due = [e[0] for e in events if self.wants(e)]
        place, taken = 0, set()
        for sequence, event_id, topic, took in self.arrivals:
            assert names.get(sequence) == event_id, (
                f"o{self.number}: event {sequence} is {names.get(sequence)}, "
                f"told as {event_id}")
            while place < len(due) and due[place] in taken:
                place += 1
            assert place == len(due) or sequence <= due[place], (
                f"o{self.number}: {sequence} came before {due[place]}")
            if took:
                taken.add(sequence)
        assert not set(due) - taken, f"o{self.number}: lost {set(due) - taken}"


def post(node, body, seconds=30):
    try:
        return requests.post(f"{node.soap}/services/soap/Transfer-201210", body,
                             headers={"Content-Type": "text/xml"},
                             timeout=seconds)
    except requests.RequestException:
        return None  # it was killed meanwhile


def events_of(node):
    with sqlite3.connect(f"file:{node.state}/ferry.db?mode=ro",
                         uri=True) as database:
        return database.execute(
            "SELECT sequence, uuid, topic FROM events ORDER BY sequence"
        ).fetchall()


def test_nothing_is_lost_however_often_it_is_killed(pair):
    here, there = pair
    (here.docroot / "in").write_bytes(b"x" * 1000)
    chance = random.Random(7)
    kinds = {"job": ["Connecting", "Start", "Stop", "Error", "Status"],
             "session": ["Start", "Stop", "Error", "Status"]}
    receivers = []
    for number in range(OBSERVERS):
        kind = ("job", "session")[number % 2]
        topics = chance.sample(kinds[kind],
                               chance.randint(1, len(kinds[kind])))
        receivers.append(Receiver(number, kind, topics))
        answer = post(here, SUBSCRIBE.format(
            namespace="urn:Aspera:XML:" + (
                "IScpTransferNET:2006/04:Types" if kind == "job"
                else "FASPSessionNET:2006/01:Types"),
            kind=kind.capitalize(), url=receivers[-1].url,
            topics="".join(f"<Topic>{t}</Topic>" for t in topics)))
        assert answer.status_code == 200, answer.text
    accepted, stopping = [], threading.Event()

    def load(worker):
        count = 0
        while not stopping.is_set():
            count += 1
            # Most find nobody at the other end: many events, little work.
            answer = post(here, SUBMIT.format(order(
                there, destination=f"/{worker}/{count}/",
                port=there.port if count % 20 == 0 else 9,
                extra="<RetryParameters><Count>0</Count></RetryParameters>",
                file_parameters="<CreatePath>Yes</CreatePath>")))
            if answer is not None and answer.status_code == 200:
                accepted.append(re.search(r"ID>([0-9a-f-]{36})<",
                                          answer.text)[1])
            time.sleep(0.02)

    workers = [threading.Thread(target=load, args=(i,)) for i in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(KILLS):
        time.sleep(chance.random() * 0.4)
        here.kill()
        here.start()
    stopping.set()
    for worker in workers:
        worker.join()
    for receiver in receivers:
        receiver.healed = True
    wait_until("the last job's end", lambda: len(
        [e for e in events_of(here) if e[2] == "job.stop"]) >= len(accepted),
        120)
    wait_until("every event at every observer", lambda: not any(
        r.missing(events_of(here)) for r in receivers), 400)
    here.stop()
    events = events_of(here)
    for receiver in receivers:
        receiver.check(events)
        receiver.listener.close()
    arrivals = sum(len(r.arrivals) for r in receivers)
    print(f"\n{KILLS} kills, {len(accepted)} jobs, {len(events)} events, "
          f"{arrivals} arrivals at {OBSERVERS} observers: 0 lost, 0 out of "
          "order, 0 renamed")
