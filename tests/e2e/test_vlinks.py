"""Vlinks: all sessions of a direction keep to one capacity together."""

import subprocess
import time

import pytest

from ferry import order, session_of, submit, wait_job, wait_until
from test_config import conf, configured  # noqa: F401

TRUNK = "default/transfer/{}/bandwidth/aggregate/trunk_id"


def trunk(**settings):
    return {"id": 7, "on": "true", "capacity/schedule": 40000, **settings}


def bytes_of(here, jobs):
    return sum(session_of(here, job).BytesTransferred or 0 for job in jobs)


SIZE = 160 << 20  # half a minute at the cap


def expect_mbps(here, jobs, least, most):
    """The sessions of these jobs carry that together, once they all run; a
    look while the machine stalls shows anything, and is not the last."""
    wait_until("data of each", lambda: all(
        (session_of(here, job).BytesTransferred or 0) > 1_000_000
        for job in jobs))
    seen = []

    def look():
        seen.append(measured_mbps(here, jobs, 3))
        return least < seen[-1] < most

    wait_until(f"{least} to {most} Mbit/s of {seen}", look)


def measured_mbps(here, jobs, seconds):
    begin, before = time.monotonic(), bytes_of(here, jobs)
    time.sleep(seconds)
    after = bytes_of(here, jobs)
    return (after - before) * 8e-6 / (time.monotonic() - begin)


@pytest.mark.parametrize("operation,io,capped,policies", [
    ("Push", "in", "there", ("Fixed", "Fixed")),
    ("Push", "in", "there", ("Fair", "Fair")),
    ("Pull", "out", "there", ("Fixed", "High")),
    ("Push", "out", "here", ("Fair", "Fair")),
    ("Pull", "in", "here", ("Fixed", "Fair"))])
def test_two_sessions_keep_to_the_cap_together(configured, make_node, operation,
                                               io, capped, policies):
    settings = {"trunks/trunk": trunk(), TRUNK.format(io): 7}
    nodes = {name: configured(name, settings, start=False) if name == capped
             else make_node(name) for name in ("here", "there")}
    here, there = nodes["here"], nodes["there"]
    there.add_user()
    here.start()
    there.start()
    source = here if operation == "Push" else there
    (source.docroot / "in").write_bytes(bytes(SIZE))
    jobs = [submit(here, order(there, operation, ("/in",), f"/{policy}{i}",
                               policy=policy, rate=100000))
            for i, policy in enumerate(policies)]
    # 40 on the wire, headers included; each alone would have 100.
    expect_mbps(here, jobs, 40 * 0.5, 40 * 1.03)
    for job in jobs:
        here.ferry("cancel", job)
        wait_job(here, job)


def test_a_trunk_that_is_off_caps_nothing(configured, make_node):
    there = configured("there", {"trunks/trunk": trunk(on="false"),
                                 TRUNK.format("in"): 7}, start=False)
    there.add_user()
    there.start()
    here = make_node("here").start()
    (here.docroot / "in").write_bytes(bytes(SIZE))
    job = submit(here, order(there, rate=80000, policy="Fixed"))
    expect_mbps(here, [job], 40 * 1.1, 80 * 1.1)
    here.ferry("cancel", job)


@pytest.mark.parametrize("settings,why", [
    ({TRUNK.format("in"): 7}, "no trunk of this id"),
    ({"trunks/trunk": {"on": "true"}}, "has no id"),
    ({"trunks/trunk": trunk(id=256)}, "0 to 255"),
    ({"trunks/trunk": trunk(**{"capacity/schedule": "9:00 500"})},
     "whole number"),
    ({TRUNK.format("out"): "seven"}, "or Disabled"),
])
def test_what_is_wrong_with_a_trunk_is_said(binary, tmp_path, settings, why):
    done = subprocess.run([binary, "check-config",
                           conf(tmp_path / "c.conf", settings)],
                          capture_output=True, text=True)
    assert done.returncode == 78 and why in done.stdout + done.stderr
