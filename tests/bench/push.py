"""zig build bench:push: how notifications go out.

usage: push.py FERRY PUSH_SINK [PART...]   parts: restart rate latency dead
                                           memory burst commits; all unless
                                           given

Observers are one program on this machine (push_sink.c); it takes its share of
the same processors.  Lateness counts from an event's Time, before its commit,
to its receipt: more than from the commit, by its sync and that of what is
before it on the way to the disk.
"""

import concurrent.futures
import contextlib
import http.client
import os
import random
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid

import nodes

PARTS = ["restart", "rate", "latency", "dead", "memory", "burst", "commits"]
PORTS = 64  # of live observers; the last one is a slow observer's
SUBMIT = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">
<e:Body><x:SubmitRequest xmlns:x="urn:Aspera:XML:JobNET:2006/01:Types">
<Type>Aspera.IScpTransfer</Type><Definition><![CDATA[<Order><Operation>Push
</Operation><RemoteLocation><System><Address>127.0.0.1</Address><Port>9</Port>
<UserName>x</UserName><Password>x</Password></System><Files><Path>/</Path>
</Files></RemoteLocation><LocalLocation><Files><Path>/x</Path></Files>
</LocalLocation><RetryParameters><Count>0</Count></RetryParameters></Order>]]>
</Definition></x:SubmitRequest></e:Body></e:Envelope>"""

SUBSCRIBE = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">
<e:Body><x:SubscribeRequest
xmlns:x="urn:Aspera:XML:IScpTransferNET:2006/04:Types"><JobID>0</JobID>
<JobObserver><Address>{url}</Address></JobObserver></x:SubscribeRequest>
</e:Body></e:Envelope>"""
UNSUBSCRIBE = """<e:Envelope
xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
<x:UnsubscribeRequest xmlns:x="urn:Aspera:XML:IScpTransferNET:2006/04:Types">
<SubscriptionID>{id}</SubscriptionID></x:UnsubscribeRequest></e:Body>
</e:Envelope>"""


def http_to(soap):
    return contextlib.closing(http.client.HTTPConnection(
        soap.removeprefix("http://")))


def post(connection, body, service="Transfer-201210"):
    connection.request("POST", f"/services/soap/{service}", body,
                       {"Content-Type": "text/xml"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return text.decode()


class Sink:
    def __init__(self, program):
        self.process = subprocess.Popen([program, str(PORTS + 1)], text=True,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.ports = [int(self.process.stdout.readline().split()[1])
                      for _ in range(PORTS + 1)]

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def reset(self):
        self.ask("reset")

    def report(self, word="report"):
        return [int(n) for n in self.ask(word).split()]

    def wait(self, count, seconds=300):
        end = time.monotonic() + seconds
        while int(self.ask("count")) < count and time.monotonic() < end:
            time.sleep(0.02)


class Server(nodes.Node):
    """A node that can be filled while it is down."""

    def __init__(self, ferry, folder, name):
        super().__init__(ferry, folder, name)
        self.database = os.path.join(self.state, "ferry.db")
        self.command = [ferry, "serve", "--state", self.state, "--docroot",
                        self.docroot, "--soap", "127.0.0.1:0", "--transfer",
                        "127.0.0.1:0"]

    def start(self):
        begin = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=self.log)
        match = nodes.READY.match(self.process.stdout.readline().decode())
        self.soap = match[1]
        return time.monotonic() - begin

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file
                        if line.startswith("VmRSS"))

    def submit(self, count=1, connections=1):
        def some(share):
            with http_to(self.soap) as connection:
                for _ in range(share):
                    post(connection, SUBMIT)

        with concurrent.futures.ThreadPoolExecutor(connections) as pool:
            list(pool.map(some, [count // connections] * connections))

    def change(self, work):
        """Runs work(database) while the server is down."""
        self.stop()
        with sqlite3.connect(self.database) as database:
            work(database)
        database.close()

    def subscribe(self, database, urls, cursor=None):
        if cursor is None:
            cursor, = database.execute(
                "SELECT ifnull(max(sequence), 0) FROM events").fetchone()
        later = int(time.time() + 86400) * 1000000
        database.execute("DELETE FROM subscriptions")
        database.executemany(
            "INSERT INTO subscriptions (uuid, kind, topics, observer_url,"
            " created_us, expires_us, cursor) VALUES (?, 'job', 31, ?, 1, ?,"
            " ?)", [(str(uuid.uuid4()), url, later, cursor) for url in urls])

    def fill_events(self, database, count, jobs=()):
        """Copies of a job's event that was really told, of `jobs` in turn."""
        body, = database.execute(
            "SELECT body FROM events WHERE topic = 'job.stop'").fetchone()
        jobs = jobs or [str(uuid.uuid4())]
        first, = database.execute("SELECT max(sequence) FROM events").fetchone()
        now = int(time.time() * 1e6)
        head, rest = body.split(b"<Sequence>", 1)
        rest = rest.split(b"</Sequence>", 1)[1]
        database.executemany(
            "INSERT INTO events (sequence, uuid, time_us, topic, job_uuid,"
            " body) VALUES (?, ?, ?, 'job.stop', ?, ?)",
            ((n, str(uuid.uuid4()), now, jobs[n % len(jobs)],
              head + b"<Sequence>%d</Sequence>" % n + rest)
             for n in range(first + 1, first + 1 + count)))
        return first


def urls(sink, count, path="/live"):
    return [f"http://127.0.0.1:{sink.ports[i % PORTS]}{path}"
            for i in range(count)]


def restart(server, sink):
    server.submit()
    time.sleep(0.5)

    def fill(database):
        server.fill_events(database, 1000000)
        server.subscribe(database, urls(sink, 10000))

    server.change(fill)
    seconds = sorted(server_restart(server) for _ in range(5))
    print(f"restart, 1,000,000 events, 10,000 subscriptions: ready after "
          f"{seconds[2]:.2f} s (median of 5, {seconds[0]:.2f} to "
          f"{seconds[-1]:.2f}), {server.memory():.0f} MiB", flush=True)


def server_restart(server):
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()
    return server.start()


def rate(server, sink):
    server.submit()
    time.sleep(0.5)
    for count, events in ((1, 20000), (100, 1000), (10000, 20)):
        def fill(database):
            first = server.fill_events(database, events)
            server.subscribe(database, urls(sink, count), first)

        server.change(fill)
        sink.reset()
        begin = time.monotonic()
        server.start()
        sink.wait(count * events)
        got = int(sink.ask("count"))
        seconds = time.monotonic() - begin
        print(f"rate, {count} subscriptions behind {events} stored events: "
              f"{got / seconds:,.0f} notifications/s taken, "
              f"{server.memory():.0f} MiB", flush=True)
    for count, jobs in ((1, 1000), (100, 200), (10000, 8)):
        server.change(lambda database: server.subscribe(
            database, urls(sink, count)))
        server.start()
        sink.reset()
        begin = time.monotonic()
        server.submit(jobs, min(8, jobs))
        # Of each job Connecting, Error and Stop.
        sink.wait(count * jobs * 3, 120)
        got = int(sink.ask("count"))
        seconds = time.monotonic() - begin
        print(f"rate, {count} subscriptions, {jobs} jobs submitted: "
              f"{got / seconds:,.0f} notifications/s from commit to 2xx",
              flush=True)


def syncs(folder):
    """What the disk itself takes for a page: median and p99, in ms."""
    path = os.path.join(folder, "syncs")
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(200):
            begin = time.monotonic()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - begin) * 1000)
            time.sleep(0.005)
    os.unlink(path)
    times.sort()
    return times[100], times[198]


def latency(server, sink):
    for count, jobs, pause_s in ((1, 50, 0.1), (100, 50, 0.1), (10000, 5, 4)):
        server.change(lambda database: server.subscribe(
            database, urls(sink, count)))
        server.start()
        server.submit()
        time.sleep(min(0.005 * count, 5))
        sink.reset()
        for _ in range(jobs):
            server.submit()
            time.sleep(pause_s)
        time.sleep(0.5)
        got, middle, high, most = sink.report()
        disk = "of %.1f and %.1f ms" % syncs(server.state)
        place = "tmpfs" if server.state.startswith("/dev/shm") else "disk"
        print(f"latency, {place}, {count} subscriptions, a job in {pause_s} s: p50 "
              f"{middle / 1000:.1f} ms, p99 {high / 1000:.1f} ms, most "
              f"{most / 1000:.1f} ms ({got} notifications; a sync {disk})",
              flush=True)


def dead(server, sink):
    """Both halves of a pair are of one process, in turns of a few jobs each:
    whatever else this machine does meets both.  A job's three events go to
    all at once; its p99 is that of its 3,000 notifications, and the half's is
    the median of its jobs': one moment at which something else had the
    processors is one job of many."""
    live, jobs, turns = 1000, 12, "0110100110010110"
    extra = [f"http://127.0.0.1:{sink.ports[PORTS]}/slow",
             "http://127.0.0.1:9/dead"]
    server.change(lambda database: server.subscribe(database,
                                                    urls(sink, live)))
    server.start()
    ratios, ratios_all = [], []
    with http_to(server.soap) as soap:
        def turn(beside):
            laps = []
            ids = [re.search("[0-9a-f-]{36}", post(
                soap, SUBSCRIBE.format(url=url), "IScpTransferNET-200604"))[0]
                   for url in extra if beside]
            for _ in range(jobs):
                due = int(sink.ask("count")) + 3 * live
                sink.ask("lap")
                post(soap, SUBMIT)
                sink.wait(due, 30)
                laps.append(sink.report("lap")[2])
                time.sleep(random.uniform(0.03, 0.08))
            for one in ids:
                post(soap, UNSUBSCRIBE.format(id=one),
                     "IScpTransferNET-200604")
            return laps

        turn(False)
        turn(True)  # connections are there, memory is taken
        for number in range(5):
            sink.reset()
            laps = [[], []]
            for letter in turns:
                beside = int(letter) ^ number & 1
                sink.ask(f"bin {beside}")
                laps[beside] += turn(beside)
            alone, beside = (nodes.median(some) / 1000 for some in laps)
            ratios.append(beside / alone)
            reports = []
            for some in "01":
                sink.ask("bin " + some)
                reports.append(sink.report())
            ratios_all.append(reports[1][2] / reports[0][2])
            print(f"dead, {live:,} live, {len(laps[0])} jobs alone and "
                  f"{len(laps[1])} beside a dead and a slow one: p99 of a job "
                  f"{alone:.1f} and {beside:.1f} ms ({ratios[-1]:.3f}); of all "
                  f"{reports[0][0]:,} {reports[0][2] / 1000:.1f} and "
                  f"{reports[1][2] / 1000:.1f} ms ({ratios_all[-1]:.2f})",
                  flush=True)
    print(f"dead, median of 5 pairs: {nodes.median(ratios):.3f} times the p99 "
          f"alone ({min(ratios):.3f} to {max(ratios):.3f}); of all together "
          f"{nodes.median(ratios_all):.2f} ({min(ratios_all):.2f} to "
          f"{max(ratios_all):.2f})", flush=True)


def memory(server, sink):
    server.submit()
    time.sleep(0.5)
    server.change(lambda database: server.subscribe(
        database, urls(sink, 100, "/fail")))
    server.start()
    time.sleep(1)
    idle = server.memory()

    def fill(database):
        first = server.fill_events(database, 100000)
        server.subscribe(database, urls(sink, 50, "/fail") +
                         urls(sink, 50, "/silent"), first)

    server.change(fill)
    server.start()
    most = 0
    for _ in range(40):
        time.sleep(0.25)
        most = max(most, server.memory())
    print(f"memory, 100,000 undelivered events, 100 subscriptions: "
          f"{most - idle:.1f} MiB beyond idle ({idle:.0f} MiB)", flush=True)


def burst(server, sink):
    """100,000 events behind 900,000 older ones, to 10,000 subscriptions: each
    but twelve of a job of its own, ten of all jobs, beside a dead and a silent
    one.  And jobs go on meanwhile."""
    watchers, others, live = 10, 9988, 1000
    server.submit()
    time.sleep(0.5)

    def fill(database):
        jobs = [str(uuid.uuid4()) for _ in range(others)]
        server.fill_events(database, 900000)
        first = server.fill_events(database, 100000, jobs)
        server.subscribe(database, urls(sink, watchers) + urls(
            sink, 1, "/silent") + ["http://127.0.0.1:9/dead"], first)
        database.executemany(
            "INSERT INTO subscriptions (uuid, kind, subject_uuid, topics,"
            " observer_url, created_us, expires_us, cursor) SELECT ?, 'job',"
            " ?, 31, ?, 1, expires_us, cursor FROM subscriptions LIMIT 1",
            [(str(uuid.uuid4()), job, url)
             for job, url in zip(jobs, urls(sink, others))])

    server.change(fill)
    sink.reset()
    begin = time.monotonic()
    server.start()
    server.submit(live, 8)
    due = 100000 * (watchers + 1) + 3 * live * watchers
    got = most = 0
    while got < due and time.monotonic() < begin + 600:
        time.sleep(0.1)
        most = max(most, server.memory())
        got = int(sink.ask("count"))
    seconds = time.monotonic() - begin
    time.sleep(1)  # whatever comes twice
    got = sink.report()[0]
    print(f"burst, 100,000 events behind 900,000 and {live} jobs meanwhile, "
          f"10,000 subscriptions: {got:,} of {due:,} notifications after "
          f"{seconds:.0f} s, {most:.0f} MiB at most", flush=True)


def commits(ferry, name, folder):
    server = Server(ferry, folder, "commits")
    server.submit(8, 8)
    begin = time.monotonic()
    server.submit(2000, 32)
    seconds = time.monotonic() - begin
    server.stop()
    with sqlite3.connect(server.database) as database:
        events, = database.execute("SELECT max(sequence) FROM events").fetchone()
    print(f"commits, {name}: {2000 / seconds:,.0f} Submits/s answered after "
          f"their commit, {events / seconds:,.0f} events/s, 32 clients",
          flush=True)


def main():
    ferry, program = sys.argv[1:3]
    parts = sys.argv[3:] or PARTS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    sink = Sink(program)
    places = {"latency": (tempfile.mkdtemp, nodes.tmpfs_folder),
              "dead": (nodes.tmpfs_folder,)}
    for part in parts:
        if part != "commits":
            for place in places.get(part, (tempfile.mkdtemp,)):
                run(part, ferry, place(), sink)
    if "commits" in parts:
        for name, folder in (("tmpfs", nodes.tmpfs_folder()),
                             ("disk", tempfile.mkdtemp(prefix="ferry-bench-",
                                                       dir="/var/tmp"))):
            commits(ferry, name, folder)
            nodes.remove(folder)
    sink.process.kill()


def run(part, ferry, folder, sink):
    server = Server(ferry, folder, "node")
    try:
        globals()[part](server, sink)
    finally:
        server.process.kill()
        server.process.wait()
        nodes.remove(folder)


main()
