"""zig build bench:query: pages of 1,000 out of a million stored files, by each
field of a filter, while a transfer runs; and what a regular expression over all
of them, and the forgetting of what is old, cost those who ask and write
meanwhile.

usage: query.py FERRY [FILES_PER_SESSION]
"""

import http.client
import os
import random
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import uuid

import nodes

FILES = 1000000
F09 = "urn:Aspera:XML:FASPSessionNET:2009/11:Types"
F06 = "urn:Aspera:XML:FASPSessionNET:2006/01:Types"
# A session each EVERY seconds: the last one ended half an hour ago.
EVERY = 8
LIMIT_MS, LIMIT_PATTERN_MS = 50, 2000
ENVELOPE = ("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>"
            "<s:Body>{}</s:Body></s:Envelope>")


def date(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def insert(base, table, rows):
    like = dict(zip([row[1] for row in base.execute(
        f"PRAGMA table_info({table})")], base.execute(
            f"SELECT * FROM {table} LIMIT 1").fetchone()))
    like = {name: value for name, value in like.items()
            if not (table == "sessions" and name.startswith("files_"))}
    base.executemany(
        f"INSERT INTO {table} ({','.join(like)}) "
        f"VALUES ({','.join('?' * len(like))})",
        ([row.get(name, value) for name, value in like.items()]
         for row in rows))


def fill(state, each):
    """Rows as weeks of transfers leave them: a session each EVERY seconds, with
    `each` files; one file in 500 has failed."""
    base = sqlite3.connect(os.path.join(state, "ferry.db"))
    base.execute("PRAGMA synchronous = OFF")
    change = base.execute("SELECT value FROM meta WHERE name = 'last_change'"
                          ).fetchone()[0]
    top = base.execute("SELECT max(id) FROM sessions").fetchone()[0]
    draw = random.Random(1)
    fresh = lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4))
    sessions = []
    first = int(time.time()) - 1800 - FILES // each * EVERY
    for i in range(FILES // each):
        start = (first + i * EVERY) * 1000000
        sessions.append({
            "id": top + 1 + i, "changed": change + 1 + i, "uuid": fresh(),
            "job_uuid": fresh(), "cookie": f"cookie-{i % 1000}",
            "user_name": f"user{i % 20}", "private_key": f"key-{i % 100}",
            "server_address": f"10.0.0.{i % 200}",
            "client_address": f"10.1.0.{i % 7}", "start_us": start,
            "end_us": start + 50000000,
            "state": ("completed", "completed", "error")[i % 3]})
    change += len(sessions)

    def files():
        for i, session in enumerate(sessions):
            for j in range(each):
                k = i * each + j
                start = session["start_us"] + j * 50000000 // each
                yield {"session_uuid": session["uuid"], "local_id": j,
                       "changed": change + 1 + k, "uuid": fresh(),
                       "path": f"/archive/day-{i % 31:02}/camera {j % 8}/"
                               f"clip-{k:07}." + ("mxf" if k % 3 else "mov"),
                       "state": "error" if k % 500 == 7 else "completed",
                       "start_us": start, "end_us": start + 300000}

    insert(base, "sessions", sessions)
    insert(base, "files", files())
    base.execute("UPDATE meta SET value = ? WHERE name = 'last_change'",
                 (change + FILES,))
    base.commit()
    base.close()
    return sessions


class Client:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def call(self, body):
        """Returns (milliseconds, answer)."""
        start = time.monotonic()
        self.connection.request("POST", "/services/soap/Transfer-201210",
                                ENVELOPE.format(body).encode(),
                                {"Content-Type": "text/xml"})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(text)
        return (time.monotonic() - start) * 1000, text

    def query(self, operation, filter):
        kind = "File" in operation or operation in ("GetInfo", "GetStatistics")
        name = "FileTransferFilter" if kind else "SessionFilter"
        return self.call(f"<q:{operation}Request xmlns:q='{F09}'><{name}>"
                         f"{filter}</{name}></q:{operation}Request>")


def number(text, name):
    return int(re.search(rf"<{name}>(\d+)</{name}>", text)[1])


def measure(client, operation, filter, what, limit=LIMIT_MS):
    times, text = [], ""
    for _ in range(9):
        ms, text = client.query(operation, filter)
        times.append(ms)
    found = number(text, "ResultCount")
    median = statistics.median(times)
    print(f"{what:44} {found:6} {number(text, 'RemainingResultCount'):9} "
          f"{median:9.1f} {max(times):9.1f} {limit:6}" +
          ("  OVER" if median > limit else ""), flush=True)


def field(*pairs):
    return "".join(f"<{name}>{value}</{name}>" for name, value in pairs)


def session_filters(sessions):
    """One of each field of SessionFilter, and some together."""
    some = sessions[len(sessions) // 2]
    middle = date(some["start_us"] // 1000000)
    later = date(some["start_us"] // 1000000 + 80)
    ids = sessions[::max(len(sessions) // 100, 1)][:100]
    for what, *pairs in (
            ("nothing",),
            ("SessionUUID", ("SessionUUID", some["uuid"])),
            ("SessionUUID: 100", *[("SessionUUID", s["uuid"]) for s in ids]),
            ("JobId", ("JobId", some["job_uuid"])),
            ("JobId: 100", *[("JobId", s["job_uuid"]) for s in ids]),
            ("SessionStatus error", ("SessionStatus", "error")),
            ("SessionStatus running", ("SessionStatus", "running")),
            ("SessionStatus completed or error",
             ("SessionStatus", "completed"), ("SessionStatus", "error")),
            ("MinSessionStartDate", ("MinSessionStartDate", middle)),
            ("MaxSessionStartDate", ("MaxSessionStartDate", middle)),
            ("MinSessionEndDate", ("MinSessionEndDate", middle)),
            ("MaxSessionEndDate", ("MaxSessionEndDate", middle)),
            ("both SessionEndDates, 80 s", ("MinSessionEndDate", middle),
             ("MaxSessionEndDate", later)),
            ("ServerAddress", ("ServerAddress", "10.0.0.7")),
            ("ClientAddress", ("ClientAddress", "10.1.0.3")),
            ("User", ("User", "user7")),
            ("User nobody", ("User", "nobody")),
            ("Cookie", ("Cookie", "cookie-7")),
            ("Cookie: 100", *[("Cookie", f"cookie-{i}") for i in range(100)]),
            ("PrivateKey", ("PrivateKey", "key-7")),
            ("Direction", ("Direction", "outgoing")),
            ("LastSessionOnly", ("LastSessionOnly", "true")),
            ("User, SessionStatus, MinSessionStartDate", ("User", "user7"),
             ("SessionStatus", "error"), ("MinSessionStartDate", middle)),
            ("all but ids", ("SessionStatus", "completed"),
             ("ServerAddress", "10.0.0.7"), ("ClientAddress", "10.1.0.3"),
             ("Cookie", "cookie-7"), ("Direction", "outgoing"),
             ("MinSessionStartDate", middle), ("MaxSessionEndDate", later),
             ("PrivateKey", "key-7"), ("User", "user7"),
             ("LastSessionOnly", "true"))):
        yield what, field(*pairs)


def file_filters(sessions):
    """One of each field that FileTransferFilter adds, and some together."""
    middle = date(sessions[len(sessions) // 2]["start_us"] // 1000000)
    later = date(sessions[len(sessions) // 2]["start_us"] // 1000000 + 80)
    for what, *pairs in (
            ("TransferId", ("TransferId", 7)),
            ("TransferId: 100", *[("TransferId", i) for i in range(100)]),
            ("TransferId that no session has", ("TransferId", 123456)),
            ("TransferStatus completed", ("TransferStatus", "completed")),
            ("TransferStatus error", ("TransferStatus", "error")),
            ("TransferStatus running", ("TransferStatus", "running")),
            ("MinTransferStartDate", ("MinTransferStartDate", middle)),
            ("MaxTransferStartDate", ("MaxTransferStartDate", middle)),
            ("MinTransferEndDate", ("MinTransferEndDate", middle)),
            ("MaxTransferEndDate", ("MaxTransferEndDate", middle)),
            ("both TransferEndDates, 80 s, and error",
             ("TransferStatus", "error"), ("MinTransferEndDate", middle),
             ("MaxTransferEndDate", later)),
            ("TransferId, TransferStatus completed", ("TransferId", 7),
             ("TransferStatus", "completed")),
            ("TransferId, User, MinTransferStartDate", ("TransferId", 7),
             ("User", "user7"), ("MinTransferStartDate", middle)),
            ("SessionStatus error, TransferStatus error",
             ("SessionStatus", "error"), ("TransferStatus", "error"))):
        yield what, field(*pairs)


PATTERNS = (
    ("FilenameFilter finds a third", field(("FilenameFilter", r"\.mov$"))),
    ("FilenameFilter finds ten",
     field(("FilenameFilter", "clip-012345[0-9]"))),
    ("FilenameFilter finds none",
     field(("FilenameFilter", "^/no/such/.*[0-9]+$"))),
    ("FilenameFilter (a|b)* and more",
     field(("FilenameFilter", "(camera|day)(.*[0-9]){5}.*x$"))),
    ("FilenameFilter and TransferId",
     field(("FilenameFilter", r"\.mov$"), ("TransferId", 7))),
    ("Filepath", field(("Filepath", "/archive/day-00/camera 7/clip-0000007.mxf")
                       )),
    ("CookieFilter", field(("CookieFilter", "cookie-[0-9]7$"))),
    ("CookieFilter and FilenameFilter",
     field(("CookieFilter", "7$"), ("FilenameFilter", r"\.mov$"))))


def tables(client, sessions):
    def head(text):
        print(f"\n{text:44} {'found':>6} {'left':>9} {'median ms':>9} "
              f"{'worst ms':>9} {'limit':>6}")

    head("GetFileTransferInfo by")
    for filters in session_filters(sessions), file_filters(sessions):
        for what, filter in filters:
            measure(client, "GetFileTransferInfo", filter, what)
    head("GetSessionInfo by")
    for what, filter in session_filters(sessions):
        measure(client, "GetSessionInfo", filter, what)
    head("GetInfo by")
    for what, filter in session_filters(sessions):
        if what in ("nothing", "JobId", "User", "Cookie"):
            measure(client, "GetInfo", filter, what)
    head("GetFileTransferInfo, all rows, by")
    for what, filter in PATTERNS:
        measure(client, "GetFileTransferInfo", filter, what, LIMIT_PATTERN_MS)
    head("GetSessionInfo, all rows, by")
    measure(client, "GetSessionInfo",
            field(("CookieFilter", "cookie-[0-9]7$")), "CookieFilter",
            LIMIT_PATTERN_MS)


class Bystander(threading.Thread):
    """Calls again and again, and keeps how long each took."""

    def __init__(self, port, body):
        super().__init__()
        self.client, self.body = Client(port), body
        self.times, self.done = [], False
        self.start()

    def run(self):
        while not self.done:
            self.times.append(self.client.call(self.body)[0])
            time.sleep(0.002)

    def end(self):
        self.done = True
        self.join()
        times = sorted(self.times)
        return times[len(times) // 2], times[int(len(times) * .99)], times[-1]


def bystanders(port, sessions):
    """Who does not look at all rows: a poll, a page by a filter, a commit."""
    query = (f"<q:GetSessionInfoRequest xmlns:q='{F09}'><SessionFilter>{{}}"
             "</SessionFilter></q:GetSessionInfoRequest>")
    subscribe = (f"<f:SubscribeRequest xmlns:f='{F06}'><SessionID>0"
                 "</SessionID><SessionObserver><f:Address>http://127.0.0.1:9/"
                 "</f:Address></SessionObserver><Topics/><Duration>1"
                 "</Duration></f:SubscribeRequest>")
    return {
        "GetSessionInfo by JobId": Bystander(port, query.format(
            f"<JobId>{sessions[-1]['job_uuid']}</JobId>")),
        "GetSessionInfo by Cookie": Bystander(port, query.format(
            "<Cookie>cookie-7</Cookie>")),
        "Subscribe (one commit)": Bystander(port, subscribe),
    }


def watch(port, sessions, work):
    others = bystanders(port, sessions)
    work()
    return {name: other.end() for name, other in others.items()}


CONF = """<CONF version="2"><central_server><persistent_store_max_age>{}
</persistent_store_max_age></central_server></CONF>"""


def configure(node, max_age):
    path = node.state + ".conf"
    with open(path, "w") as file:
        file.write(CONF.format(max_age))
    return path


def forget(here):
    """The older half becomes too old; returns when it is gone."""
    half = 1800 + FILES // 100 * EVERY // 2
    configure(here, half)
    here.process.send_signal(signal.SIGHUP)
    base = sqlite3.connect(os.path.join(here.state, "ferry.db"))
    start = time.monotonic()
    before = now = base.execute("SELECT count(*) FROM files").fetchone()[0]
    while time.monotonic() - start < 90:
        time.sleep(1)
        old, now = now, base.execute("SELECT count(*) FROM files").fetchone()[0]
        if now == old and now < before:
            break
    print(f"\n{before - now} files were forgotten within "
          f"{time.monotonic() - start:.0f} s of the request, which the server "
          "looks at each minute")
    base.close()


def main(ferry, each="100"):
    folder = nodes.tmpfs_folder()
    here = nodes.Node(ferry, folder, "here")
    there = nodes.Node(ferry, folder, "there")
    transfer = None
    try:
        nodes.make_file(here.docroot + "/file", 1000)
        nodes.push(here, here, "/file", "/copy")
        here.stop()
        sessions = fill(here.state, int(each))
        here.process = subprocess.Popen(
            [ferry, "serve", "--state", here.state, "--docroot", here.docroot,
             "--config", configure(here, "Unlimited"),
             "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=here.log)
        line = here.process.stdout.readline().decode()
        here.soap = re.search(r"soap=(\S+)", line)[1]
        port = int(here.soap.rsplit(":", 1)[1].strip("/"))
        os.truncate(here.docroot + "/file", 0)
        os.truncate(here.docroot + "/file", 16 << 30)  # sparse: runs throughout
        transfer = subprocess.Popen(
            [ferry, "submit", "--soap", here.soap, "--wait"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True)
        transfer.stdin.write(nodes.order(there, "/file", "/copy", 50000,
                                         "Fixed", "AES-128"))
        transfer.stdin.close()
        print(f"{FILES} files of {len(sessions)} sessions stored, a transfer "
              f"of 50 Mbit/s runs, {os.cpu_count()} cores for all; pages of "
              "1,000")
        tables(Client(port), sessions)

        slow = Client(port)
        figures = {
            "nothing else": watch(port, sessions, lambda: time.sleep(3)),
            "a regular expression": watch(port, sessions, lambda: [
                slow.query("GetFileTransferInfo",
                           field(("FilenameFilter", "^/no/such/")))
                for _ in range(6)]),
            "history is forgotten": watch(port, sessions,
                                          lambda: forget(here)),
        }
        print(f"\n{'others, ms, while there runs':32}" + "".join(
            f"{name:>27}" for name in figures))
        print(" " * 32 + f"{'p50':>9}{'p99':>9}{'max':>9}" * len(figures))
        for name in figures["nothing else"]:
            print(f"{name:32}" + "".join(
                f"{x:9.2f}" for figure in figures.values()
                for x in figure[name]), flush=True)
        if transfer.poll() is not None:
            print("\nthe transfer had ended before")
    finally:
        if transfer is not None:
            transfer.terminate()
        here.stop()
        there.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
