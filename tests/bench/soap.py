"""zig build bench:soap: GetSessionInfo by JobId, 10,000 sessions stored, one
hit, keep-alive clients; every answer is read and checked.  Beside it, in the
same minute, a gSOAP server that knows no sessions; and what a request costs
that has begun and does not end.

usage: soap.py FERRY SOAP_LOAD [SECONDS]
"""

import os
import re
import resource
import select
import socket
import sqlite3
import subprocess
import sys
import time
import uuid

import nodes

SESSIONS = 10000
# Below the 4096 connections that a server takes, and 10 for us.
HELD, HELD_BYTES_GOAL = 4000, 4096
BEGUN = (b"POST /services/soap/Transfer-201210 HTTP/1.1\r\n"
         b"Host: node.example.org:40001\r\nUser-Agent: Apache-CXF/4.0.3\r\n"
         b"Content-Type: text/xml; charset=UTF-8\r\nAccept: */*\r\n"
         b'SOAPAction: "FASPSessionNET-200911#GetSessionInfo"\r\nContent-')


def fill(state):
    """Copies the one session that is stored until there are SESSIONS, each of
    a job of its own, as a long day would leave them."""
    base = sqlite3.connect(os.path.join(state, "ferry.db"))
    columns = lambda table: [row[1] for row in base.execute(
        f"PRAGMA table_info({table})")]
    rows = {}
    for table in ("jobs", "sessions"):
        names = columns(table)
        values = base.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        rows[table] = dict(zip(names, values))
    uuid_value = lambda like: (uuid.uuid4().bytes if isinstance(like, bytes)
                               else str(uuid.uuid4()))
    top = {table: base.execute(f"SELECT max(id), max(changed) FROM {table}"
                               if "changed" in rows[table] else
                               f"SELECT max(id), 0 FROM {table}").fetchone()
           for table in rows}
    ids = []
    for i in range(1, SESSIONS):
        job, session = dict(rows["jobs"]), dict(rows["sessions"])
        job["uuid"] = session["job_uuid"] = uuid_value(job["uuid"])
        session["uuid"] = uuid_value(session["uuid"])
        if "session_uuid" in job:
            job["session_uuid"] = session["uuid"]
        for table, row in (("jobs", job), ("sessions", session)):
            row["id"] = top[table][0] + i
            if "changed" in row:
                row["changed"] = top[table][1] + i
            marks = ",".join("?" * len(row))
            base.execute(f"INSERT INTO {table} ({','.join(row)}) "
                         f"VALUES ({marks})", list(row.values()))
        key = job["uuid"]
        ids.append(str(uuid.UUID(bytes=key)) if isinstance(key, bytes) else key)
    base.commit()
    base.close()
    return ids


def debian(*packages):
    """Installs Debian packages that are not there."""
    there = subprocess.run(["dpkg-query", "-W", *packages],
                           capture_output=True).returncode == 0
    root = [] if os.geteuid() == 0 else ["sudo"]
    for command in (["update"], ["-y", "install", "--no-install-recommends",
                                 *packages]):
        if not there:
            subprocess.run([*root, "env", "DEBIAN_FRONTEND=noninteractive",
                            "apt-get", "-q", *command], check=True,
                           stdout=subprocess.DEVNULL)


class Gsoap:
    """The echo server of gsoap_echo.c, generated and compiled anew."""

    def __init__(self, folder):
        debian("gsoap", "libgsoap-dev", "gcc", "libc6-dev")
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run(["soapcpp2", "-c", "-S", "-x", "-L", "-w",
                        os.path.join(here, "gsoap_echo.h")], cwd=folder,
                       check=True, capture_output=True)
        program = os.path.join(folder, "gsoap_echo")
        subprocess.run(["gcc", "-O2", "-I", folder, "-o", program,
                        os.path.join(here, "gsoap_echo.c"),
                        os.path.join(folder, "soapC.c"),
                        os.path.join(folder, "soapServer.c"),
                        "-lgsoap", "-lpthread"], check=True)
        self.process = subprocess.Popen([program], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        self.process.wait()


def serve(node):
    """Starts the node anew, and returns the port of its SOAP."""
    node.process = subprocess.Popen(
        [node.ferry, "serve", "--state", node.state, "--docroot", node.docroot,
         "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=node.log)
    line = node.process.stdout.readline().decode()
    return int(re.search(r"soap=http://127.0.0.1:(\d+)", line)[1])


def preempted(pid):
    """How often its first thread was taken from its core for another."""
    with open(f"/proc/{pid}/task/{pid}/status") as file:
        return int(re.search(r"nonvoluntary_ctxt_switches:\s+(\d+)",
                             file.read())[1])


def speed(load, servers, ids_path, seconds):
    print("connections   offered/s  server   answered/s    p50 us    p99 us"
          "    max us  preempted/s")
    for connections, rate in ((1, 0), (16, 0), (64, 0), (64, 20000)):
        for _ in range(3):
            for name, (process, port) in servers.items():
                before = preempted(process.pid)
                out = subprocess.run(
                    [load, str(port), str(connections), seconds, str(rate),
                     ids_path], capture_output=True, text=True)
                if out.returncode != 0:
                    raise SystemExit(out.stderr)
                answered, p50, p99, most = out.stdout.split()
                times = (preempted(process.pid) - before) / float(seconds)
                # gSOAP has a thread a connection: one says nothing.
                times = f"{times:.0f}" if name == "ferry" else "-"
                print(f"{connections:11} {rate or 'all':>11}  {name:6} "
                      f"{answered:>12} {p50:>9} {p99:>9} {most:>9} "
                      f"{times:>12}", flush=True)


def resident_bytes(pid):
    """What the process holds itself: pages of files are not its own."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1]) * 1024


def is_answered(connection):
    connection.sendall(b"GET /no/such/path HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection.recv(4096)


def held(servers):
    """Memory for requests whose headers have begun and do not end."""
    print(f"\n{HELD} held requests, headers incomplete: resident bytes of each"
          f" (goal: {HELD_BYTES_GOAL})")
    for name, (process, port) in servers.items():
        with socket.create_connection(("127.0.0.1", port)) as first:
            is_answered(first)
            before = resident_bytes(process.pid)
            waiting = []
            for _ in range(HELD):
                one = socket.create_connection(("127.0.0.1", port))
                one.sendall(BEGUN)
                waiting.append(one)
        # What was sent before is read before: there is one loop.  A thread
        # each has had its turn when the machine has calmed down.
        with socket.create_connection(("127.0.0.1", port)) as last:
            is_answered(last)
            time.sleep(1)
            each = (resident_bytes(process.pid) - before) // HELD
        closed = sum(1 for one in waiting if readable(one))
        for one in waiting:
            one.close()
        print(f"{name:10} {each:8}" +
              (f"   {closed} were closed" if closed else "") +
              ("   OVER" if name == "ferry" and each > HELD_BYTES_GOAL else ""),
              flush=True)


def readable(connection):
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def main(ferry, load, seconds="5"):
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * HELD + 100,) * 2)
    folder = nodes.tmpfs_folder()
    here = nodes.Node(ferry, folder, "here")
    gsoap = None
    try:
        gsoap = Gsoap(folder)
        nodes.make_file(here.docroot + "/file", 1000)
        nodes.push(here, here, "/file", "/copy")
        here.stop()
        ids = fill(here.state)
        ids_path = os.path.join(folder, "jobs")
        with open(ids_path, "w") as file:
            file.write("\n".join(ids) + "\n")
        port = serve(here)
        print(f"GetSessionInfo by JobId, {SESSIONS} sessions stored; gSOAP "
              "reads the same and answers with the JobId alone; "
              f"{os.cpu_count()} cores for both sides; load before "
              f"{os.getloadavg()[0]:.1f}\n")
        speed(load, {"ferry": (here.process, port),
                     "gSOAP": (gsoap.process, gsoap.port)}, ids_path, seconds)
        here.stop()
        port = serve(here)
        held({"ferry": (here.process, port),
              "gSOAP": (gsoap.process, gsoap.port)})
    finally:
        here.stop()
        if gsoap is not None:
            gsoap.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
