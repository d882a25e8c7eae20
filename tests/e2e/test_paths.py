"""Paths: IPv4 and IPv6, address translators that forget, datagrams of any size.

Those in namespaces need root; without it they are skipped by name.
"""

import json
import os
import random
import re
import subprocess

import pytest

from ferry import (PASSWORD, Node, order, session_of, submit, tree, wait_end,
                   wait_until)


def random_file(path, size):
    path.write_bytes(random.Random(size).randbytes(size))


def moved(here, there, job, operation="Push"):
    """The job is done, and the file of `in` is `out` at the other end."""
    info = wait_end(here, job)
    assert info.Status == "completed", (info.ErrorCode, info.ErrorDescription,
                                        there.log()[-3000:])
    source, sink = (here, there) if operation == "Push" else (there, here)
    assert tree(sink.docroot)[b"out"] == (source.docroot / "in").read_bytes()


# ---- IPv6 ----

@pytest.mark.parametrize("operation", ["Push", "Pull"])
@pytest.mark.parametrize("listen,address", [
    ("[::1]:0", "::1"), ("[::]:0", "::1"), ("[::]:0", "127.0.0.1"),
    ("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::ffff:127.0.0.1"),
    ("[::]:0", "localhost")])
def test_families(make_node, listen, address, operation):
    here = make_node("here", transfer="[::]:0").start()
    there = make_node("there", transfer=listen)
    there.add_user()
    there.start()
    source = here if operation == "Push" else there
    random_file(source.docroot / "in", 3_000_000)
    job = submit(here, order(there, operation, ("/in",), "/out",
                             address=address))
    moved(here, there, job, operation)


def test_a_port_of_ipv4_says_that_it_does_not_reach_ipv6(make_node):
    here = make_node("here", transfer="127.0.0.1:0").start()
    there = make_node("there", transfer="[::1]:0")
    there.add_user()
    there.start()
    random_file(here.docroot / "in", 1000)
    info = wait_end(here, submit(here, order(there, address="::1")))
    assert info.Status == "error"
    assert info.ErrorCode == 12, info


@pytest.mark.parametrize("target", ["lab@[::1]:{}:/out", "lab@localhost:{}:/out",
                                    "lab@127.0.0.1:{}:/out"])
def test_push_to_a_literal(make_node, tmp_path, target):
    there = make_node("there", transfer="[::]:0")
    there.add_user()
    there.start()
    random_file(tmp_path / "in", 100_000)
    there.ferry("push", tmp_path / "in", target.format(there.port), env={
        "FERRY_PASSWORD": PASSWORD, "HOME": str(tmp_path)})
    assert (there.docroot / "out").read_bytes() == (tmp_path / "in").read_bytes()


# ---- address translators ----

@pytest.mark.parametrize("operation", ["Push", "Pull"])
@pytest.mark.parametrize("source", [None, "127.0.0.3"],
                         ids=["another port", "another address"])
def test_the_session_follows_its_peer(path, operation, source):
    """The client's UDP address changes three times; another IP address has to
    answer a challenge first."""
    here, there, proxy = path
    random_file((here if operation == "Push" else there).docroot / "in",
                16_000_000)
    challenged = []

    def fate(data, to_far):
        if not to_far and data[0] == 4:
            challenged.append(data)
        return (0.002,)

    proxy.fate = fate
    job = submit(here, order(there, operation, ("/in",), "/out", rate=8000,
                             port=proxy.port))
    both = lambda: proxy.bytes_there + proxy.bytes_back
    for turn in range(3):
        begin = both()
        wait_until("data", lambda: both() > begin + 300_000)
        proxy.rebind(source if turn != 1 else None)
    begin = both()
    wait_until("data again", lambda: both() > begin + 300_000)
    here.client().SetTargetRate(SessionID=session_of(here, job).UUID,
                                TargetRate=200000)
    moved(here, there, job, operation)
    assert bool(challenged) == (source is not None)


# ---- sizes ----

@pytest.mark.parametrize("operation", ["Push", "Pull"])
@pytest.mark.parametrize("size,most", [(1300, 1300), (4000, 4000), (0, 8948),
                                       (100_000, 8948), (600, 1232)])
def test_datagram_size_of_the_order(path, operation, size, most):
    here, there, proxy = path
    random_file((here if operation == "Push" else there).docroot / "in",
                2_000_000)
    largest = [0]

    def fate(data, to_far):
        largest[0] = max(largest[0], len(data))
        return (0,)

    proxy.fate = fate
    job = submit(here, order(
        there, operation, ("/in",), "/out", port=proxy.port,
        extra="<ChannelParameters><DatagramSize>%d</DatagramSize>"
        "</ChannelParameters>" % size))
    moved(here, there, job, operation)
    assert largest[0] == most


class Namespaces:
    """here --- router --- there, with links of their own MTUs."""

    def __init__(self, first, second):
        base = f"ferry-{os.getpid()}-"
        self.here, self.router, self.there = (
            base + name for name in ("here", "router", "there"))
        self.run("ip", "netns", "add", self.here)
        self.run("ip", "netns", "add", self.router)
        self.run("ip", "netns", "add", self.there)
        for name in (self.here, self.router, self.there):
            self.inside(name, "ip", "link", "set", "lo", "up")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.inside(self.router, "sysctl", "-qw", f"{key}=1")
        for number, name, mtu in ((1, self.here, first), (2, self.there, second)):
            self.run("ip", "link", "add", "out", "netns", name, "type", "veth",
                     "peer", "name", f"to{number}", "netns", self.router)
            for where, device, host in ((name, "out", 2),
                                        (self.router, f"to{number}", 1)):
                self.inside(where, "ip", "link", "set", device, "mtu", str(mtu))
                self.inside(where, "ip", "address", "add",
                            f"10.9.{number}.{host}/24", "dev", device)
                self.inside(where, "ip", "address", "add",
                            f"fd09:{number}::{host}/64", "dev", device, "nodad")
                self.inside(where, "ip", "link", "set", device, "up")
            self.inside(name, "ip", "route", "add", "default", "via",
                        f"10.9.{number}.1")
            self.inside(name, "ip", "route", "add", "default", "via",
                        f"fd09:{number}::1")

    @staticmethod
    def run(*command):
        subprocess.run(command, check=True, capture_output=True)

    def inside(self, name, *command):
        self.run("ip", "netns", "exec", name, *command)

    def set_second(self, mtu):
        """At both ends, so that what is larger vanishes on its way."""
        self.inside(self.router, "ip", "link", "set", "to2", "mtu", str(mtu))

    def close(self):
        for name in (self.here, self.router, self.there):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.fixture
def namespaces():
    made = []

    def make(*mtus):
        if os.geteuid() != 0:
            pytest.skip("paths of another MTU: needs root for namespaces")
        try:
            made.append(Namespaces(*mtus))
        except (subprocess.CalledProcessError, FileNotFoundError) as why:
            pytest.skip(f"paths of another MTU: no namespaces here: {why}")
        return made[-1]

    yield make
    for one in made:
        one.close()


def binary_in(namespace, binary, tmp_path):
    script = tmp_path / f"ferry-{namespace}"
    script.write_text(f"#!/bin/sh\nexec ip netns exec {namespace} {binary} "
                      '"$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("operation,headers,host", [
    ("push", 28, "10.9.2.2"), ("pull", 48, "[fd09:2::2]")],
    ids=["push-IPv4", "pull-IPv6"])
@pytest.mark.parametrize("first,second,later", [
    (9000, 9000, None), (9000, 1500, None), (1500, 9000, None),
    (1500, 1300, None), (9000, 9000, 1400)],
    ids=lambda mtu: str(mtu or "stays"))
def test_the_size_of_datagrams_is_that_of_the_path(
        namespaces, binary, tmp_path, operation, headers, host, first, second,
        later):
    net = namespaces(first, second)
    there = Node(binary_in(net.there, binary, tmp_path), tmp_path, "there",
                 transfer="[::]:0")
    there.add_user()
    there.start()
    try:
        random_file(tmp_path / "a", 8_000_000)
        random_file(there.docroot / "a", 8_000_000)
        far = f"lab@{host}:{there.port}:/a"
        ends = ([tmp_path / "a", far.replace("/a", "/b")] if operation == "push"
                else [far, tmp_path / "b"])
        client = subprocess.Popen(
            [binary_in(net.here, binary, tmp_path), operation, *ends, "--rate",
             "4m" if later else "40m"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "FERRY_PASSWORD": PASSWORD,
                 "HOME": str(tmp_path)})
        if later is not None:
            moved = lambda: sum(
                os.path.getsize(os.path.join(folder, name))
                for root in (there.docroot, tmp_path)
                for folder, _, names in os.walk(root) for name in names
                if name.startswith(".ferry-") or name == "b")
            wait_until("data", lambda: moved() > 1_000_000)
            net.set_second(later)
            session, = json.loads(there.ferry("sessions", "--json").stdout)
            there.ferry("rate", session["UUID"], "40m")
        output, _ = client.communicate(timeout=60)
        assert client.returncode == 0, output.decode()
    finally:
        there.stop()
    arrived = (there.docroot if operation == "push" else tmp_path) / "b"
    assert arrived.read_bytes() == (tmp_path / "a").read_bytes()
    size = int(re.search(r"transfer\.datagrams .* size=(\d+)", there.log())[1])
    carried = min(first, second, later or second, 8948 + headers) - headers
    assert carried - 32 < size <= carried
