"""zig build bench:soap: GetSessionInfo by JobId, 10,000 sessions stored, one
hit, keep-alive clients; every answer is read and checked.

usage: soap.py FERRY SOAP_LOAD [SECONDS]
"""

import os
import re
import sqlite3
import subprocess
import sys
import uuid

import nodes

SESSIONS = 10000


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


def main(ferry, load, seconds="5"):
    folder = nodes.tmpfs_folder()
    here = nodes.Node(ferry, folder, "here")
    try:
        nodes.make_file(here.docroot + "/file", 1000)
        nodes.push(here, here, "/file", "/copy")
        here.stop()
        ids = fill(here.state)
        ids_path = os.path.join(folder, "jobs")
        with open(ids_path, "w") as file:
            file.write("\n".join(ids) + "\n")
        here.process = subprocess.Popen(
            [ferry, "serve", "--state", here.state, "--docroot", here.docroot,
             "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=here.log)
        line = here.process.stdout.readline().decode()
        port = re.search(r"soap=http://127.0.0.1:(\d+)", line)[1]
        print(f"GetSessionInfo by JobId, {SESSIONS} sessions stored, "
              f"{os.cpu_count()} cores for both sides\n")
        print("connections   offered/s   answered/s    p50 us    p99 us    max us")
        for connections, rate in ((1, 0), (16, 0), (64, 0), (64, 20000)):
            for _ in range(3):
                out = subprocess.run(
                    [load, port, str(connections), seconds, str(rate),
                     ids_path], capture_output=True, text=True)
                if out.returncode != 0:
                    raise SystemExit(out.stderr)
                answered, p50, p99, most = out.stdout.split()
                print(f"{connections:11} {rate or 'all':>11} {answered:>12} "
                      f"{p50:>9} {p99:>9} {most:>9}", flush=True)
    finally:
        here.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
