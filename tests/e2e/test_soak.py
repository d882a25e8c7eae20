"""The server over many jobs: descriptors and memory stay as they were.

`./zigw build test:soak` runs a thousand, also with a binary that looks for
leaks when it ends; the usual run has a few."""

import gc
import os

from ferry import order, submit, subscribe, wait_until

JOBS = int(os.environ.get("FERRY_SOAK_JOBS", "60"))
TOGETHER = 20
# What may be in memory beyond that of an idle server, however many jobs there
# were: SQLite's page caches (three of 16 MiB), the newest events (4 MiB), 2 KiB
# for each session, and what the allocator keeps.
GROWTH_KIB = (48 + 4 + 8) * 1024


def descriptors(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def resident_kib(node):
    with open(f"/proc/{node.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith("VmRSS:"))


def orders(here, there, i):
    """Jobs that end in all ways: twelve of twenty completed."""
    kind = i % 20
    if kind < 8:
        return order(there, sources=["/tree"], destination=f"/{i % 5}/")
    if kind < 12:
        return order(there, "Pull", ["/in"], f"/{i % 5}")
    if kind == 12:
        return order(there, sources=["/none"])
    if kind == 13:
        return order(there, password="wrong")
    if kind == 14:
        return order(there, port=1, retries=1, retry_s=0)
    if kind == 15:
        return order(there, destination="/../x")
    return order(there, sources=["/big"], destination=f"/big{i % 5}",
                 file_parameters="<Overwrite>Always</Overwrite>")


def run(here, there, first, count):
    """Runs jobs, some at a time, and cancels a few of them."""
    jobs = here.client("IScpTransferNET-200604")
    for at in range(first, first + count, TOGETHER):
        ids = [submit(here, orders(here, there, i))
               for i in range(at, min(at + TOGETHER, first + count))]
        for job_id in ids[19:]:
            jobs.Cancel(JobID=job_id)
        wait_until("their end", lambda: not jobs.ListJobs(), 120)


def test_many_jobs_leave_nothing_behind(pair, observe):
    here, there = pair
    observer = observe()
    subscribe(here, observer, topics=["Stop"])
    (here.docroot / "tree").mkdir()
    for i in range(20):
        (here.docroot / "tree" / f"{i}").write_bytes(os.urandom(i * 1000))
    (here.docroot / "big").write_bytes(os.urandom(3 << 20))
    (there.docroot / "in").write_bytes(b"x" * 100000)
    idle = [descriptors(node) for node in pair]

    idle_kib = [resident_kib(node) for node in pair]

    run(here, there, 0, JOBS)
    observer.wait_for("all Stops", lambda got: len(
        {n.event_id for n in got if n.kind == "job"}) >= JOBS, 60)
    gc.collect()  # the connections of clients that nobody holds any more
    for node, before, before_kib in zip(pair, idle, idle_kib):
        # Those to the observer, kept for the next call, go after 30 s.
        wait_until(f"{node.name}: {before} descriptors, as when it was idle",
                   lambda: descriptors(node) <= before, 90)
        if os.environ.get("FERRY_SOAK_MEMORY") == "no":
            continue  # a leak shows in the exit code of a sanitizer's binary
        bound_kib = before_kib + GROWTH_KIB + 2 * JOBS
        wait_until(f"{node.name}: less than {bound_kib} KiB in memory",
                   lambda: resident_kib(node) < bound_kib)
        print(f"{node.name}: {before_kib} KiB idle, {resident_kib(node)} "
              f"after {JOBS} jobs; {descriptors(node)} descriptors")
