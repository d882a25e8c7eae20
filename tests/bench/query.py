"""zig build bench:query: pages of 1,000 out of a million stored files, by each
kind of filter, while a transfer runs; and what a regular expression over all of
them costs those who ask and write meanwhile.

usage: query.py FERRY [FILES_PER_SESSION]
"""

import http.client
import os
import random
import re
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
START = 1700000000
MINUTE = 60
ENVELOPE = ("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>"
            "<s:Body>{}</s:Body></s:Envelope>")


def date(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + seconds))


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
    """Rows as weeks of transfers leave them: a session a minute, with `each`
    files; one file in 500 has failed."""
    base = sqlite3.connect(os.path.join(state, "ferry.db"))
    base.execute("PRAGMA synchronous = OFF")
    change = base.execute("SELECT value FROM meta WHERE name = 'last_change'"
                          ).fetchone()[0]
    top = base.execute("SELECT max(id) FROM sessions").fetchone()[0]
    draw = random.Random(1)
    fresh = lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4))
    sessions = []
    for i in range(FILES // each):
        start = (START + i * MINUTE) * 1000000
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
                yield {"session_uuid": session["uuid"], "local_id": j + 1,
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


def measure(client, operation, filter, what):
    times, text = [], ""
    for _ in range(5):
        ms, text = client.query(operation, filter)
        times.append(ms)
    found = number(text, "ResultCount")
    print(f"{what:44} {found:6} {number(text, 'RemainingResultCount'):9} "
          f"{statistics.median(times):9.1f} {max(times):9.1f}", flush=True)


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
             "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=here.log)
        line = here.process.stdout.readline().decode()
        here.soap = re.search(r"soap=(\S+)", line)[1]
        port = int(here.soap.rsplit(":", 1)[1].strip("/"))
        os.truncate(here.docroot + "/file", 0)
        os.truncate(here.docroot + "/file", 8 << 30)  # sparse: runs throughout
        transfer = subprocess.Popen(
            [ferry, "submit", "--soap", here.soap, "--wait"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True)
        transfer.stdin.write(nodes.order(there, "/file", "/copy", 50000,
                                         "Fixed", "AES-128"))
        transfer.stdin.close()
        client = Client(port)
        some = sessions[len(sessions) // 2]
        at = len(sessions) // 2 * MINUTE
        print(f"{FILES} files of {len(sessions)} sessions stored, a transfer "
              f"of 50 Mbit/s runs, {os.cpu_count()} cores for all\n")
        print(f"{'page of 1,000 by':44} {'found':>6} {'left':>9} "
              f"{'median ms':>9} {'worst ms':>9}")
        info = "GetFileTransferInfo"
        for what, filter in (
                ("files: nothing", ""),
                ("SessionUUID", f"<SessionUUID>{some['uuid']}</SessionUUID>"),
                ("JobId", f"<JobId>{some['job_uuid']}</JobId>"),
                ("TransferId", "<TransferId>7</TransferId>"),
                ("TransferStatus completed",
                 "<TransferStatus>completed</TransferStatus>"),
                ("TransferStatus error",
                 "<TransferStatus>error</TransferStatus>"),
                ("TransferStatus running",
                 "<TransferStatus>running</TransferStatus>"),
                ("SessionStatus error", "<SessionStatus>error</SessionStatus>"),
                ("SessionStatus completed or error",
                 "<SessionStatus>completed</SessionStatus>"
                 "<SessionStatus>error</SessionStatus>"),
                ("SessionStartDate: the newer half",
                 f"<MinSessionStartDate>{date(at)}</MinSessionStartDate>"),
                ("TransferStartDate: the newer half",
                 f"<MinTransferStartDate>{date(at)}</MinTransferStartDate>"),
                ("TransferEndDate: the older half",
                 f"<MaxTransferEndDate>{date(at)}</MaxTransferEndDate>"),
                ("TransferEndDate: ten minutes, and error",
                 f"<TransferStatus>error</TransferStatus>"
                 f"<MinTransferEndDate>{date(at)}</MinTransferEndDate>"
                 f"<MaxTransferEndDate>{date(at + 600)}</MaxTransferEndDate>"),
                ("ServerAddress", "<ServerAddress>10.0.0.7</ServerAddress>"),
                ("ClientAddress", "<ClientAddress>10.1.0.3</ClientAddress>"),
                ("User", "<User>user7</User>"),
                ("Cookie", "<Cookie>cookie-7</Cookie>"),
                ("PrivateKey", "<PrivateKey>key-7</PrivateKey>"),
                ("Direction", "<Direction>outgoing</Direction>"),
                ("LastSessionOnly", "<LastSessionOnly>true</LastSessionOnly>"),
        ):
            measure(client, info, filter, what)
        for what, filter in (
                ("sessions: nothing", ""),
                ("SessionStatus error", "<SessionStatus>error</SessionStatus>"),
                ("SessionEndDate: the newer half",
                 f"<MinSessionEndDate>{date(at)}</MinSessionEndDate>"),
                ("User", "<User>user7</User>"),
                ("Direction", "<Direction>outgoing</Direction>")):
            measure(client, "GetSessionInfo", filter, what)
        print("\nregular expression over all")
        for what, filter in (
                ("FilenameFilter finds a third", r"\.mov$"),
                ("FilenameFilter finds ten", r"clip-012345[0-9]"),
                ("FilenameFilter finds none", "^/no/such/.*[0-9]+$"),
                ("FilenameFilter (a|b)* and more",
                 "(camera|day)(.*[0-9]){5}.*x$")):
            measure(client, info, f"<FilenameFilter>{filter}</FilenameFilter>",
                    what)
        measure(client, info, "<CookieFilter>cookie-[0-9]7$</CookieFilter>",
                "CookieFilter, files")

        idle = watch(port, sessions, lambda: time.sleep(3))
        slow = Client(port)
        busy = watch(port, sessions, lambda: [slow.query(
            info, "<FilenameFilter>^/no/such/</FilenameFilter>")
            for _ in range(4)])
        print(f"\n{'others, ms':32} {'p50':>8} {'p99':>8} {'max':>8}   "
              "while a regular expression runs")
        for name in idle:
            print(f"{name:32} " + " ".join(f"{x:8.2f}" for x in idle[name]) +
                  "   " + " ".join(f"{x:8.2f}" for x in busy[name]),
                  flush=True)
        if transfer.poll() is not None:
            print("\nthe transfer had ended before")
    finally:
        if transfer is not None:
            transfer.terminate()
        here.stop()
        there.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
