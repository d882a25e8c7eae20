"""Rows E of the table of attacks: what anybody can send to the UDP port, and
what a peer can who has the keys.  The real binary is the victim."""

import itertools
import os
import random
import re
import resource
import socket
import time

import pytest

import packets
from ferry import PASSWORD, order, session_of, submit, tree, wait_end, wait_until
from proxy import FAR
from second import Control, Failed, Receiver

FIXED, HIGH, FAIR, LOW = range(4)
UDP_SEGMENT = 103  # linux/udp.h


def cpu_seconds(node):
    with open(f"/proc/{node.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(node):
    with open(f"/proc/{node.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def flood(address, datagrams, count):
    """Sends `count` of them, all of one size, in trains."""
    size = len(datagrams[0])
    train = min(60, 60_000 // max(size, 1)) or 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size if train > 1 else 0)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        begin = time.monotonic()
        for first in range(0, count, train):
            part = [datagrams[i % len(datagrams)]
                    for i in range(first, min(first + train, count))]
            udp.sendto(b"".join(part), address)
        seconds = time.monotonic() - begin
        udp.settimeout(0.05)
        try:
            answer = udp.recvfrom(65536)
        except (TimeoutError, ConnectionRefusedError):
            answer = None
    return seconds, answer


# What is made of one datagram that the victim got before.  `chance` is a
# seeded random.Random.
def flipped(data, chance):
    at = chance.randrange(12, len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]


ATTACKS = {
    "random": lambda data, chance: chance.randbytes(len(data)),
    "forged": lambda data, chance: data[:6] + chance.randbytes(len(data) - 6),
    "bits flipped": flipped,
    "truncated": lambda data, chance: data[:30],
    "header only": lambda data, chance: data[:12],
    "tiny": lambda data, chance: data[:5],
    "longer": lambda data, chance: data + b"\0" * (9000 - len(data)),
    "another number": lambda data, chance: (
        data[:6] + chance.randbytes(6) + data[12:]),
    "another session": lambda data, chance: (
        data[:2] + chance.randbytes(4) + data[6:]),
    "another type": lambda data, chance: (
        bytes([chance.choice((0, 2, 3, 4, 5, 6, 7, 255))]) + data[1:]),
    "a train's": lambda data, chance: (
        b"\6\0" + chance.randbytes(len(data) - 2)),
    "replayed": lambda data, chance: data,
}


@pytest.mark.parametrize("operation", ["Push", "Pull"])
def test_e2_floods_cost_little_change_nothing_and_are_counted(path, operation,
                                                              request):
    """E1, E2: nobody is answered either."""
    here, there, proxy = path
    count = request.config.getoption("--flood")
    sender, receiver = (here, there) if operation == "Push" else (there, here)
    (sender.docroot / "in").write_bytes(os.urandom(16 << 20))
    captured = []

    def fate(data, to_far):
        if to_far and len(captured) < 2000 and data[0] != packets.TRAIN:
            captured.append(data)
        return (0,)

    proxy.fate = fate
    job = submit(here, order(there, operation, ("/in",), "/out", rate=4000,
                             port=proxy.port))
    wait_until("datagrams", lambda: len(captured) > 100)
    chance = random.Random(operation)
    memory = resident_bytes(there)
    for name, attack in ATTACKS.items():
        # Of one size each, so that a train can hold them.
        size = len(captured[-1])
        same = [data for data in captured if len(data) == size]
        bad = [attack(chance.choice(same), chance) for _ in range(500)]
        before = cpu_seconds(there)
        seconds, answer = flood((FAR, there.port), bad, count)
        cost = cpu_seconds(there) - before
        print(f"{operation} {name}: {count / seconds:,.0f}/s, "
              f"{cost / count * 1e6:.2f} us each")
        assert answer is None, name
        # At most half a core at 100,000 a second.
        assert cost < count * 5e-6 + 0.05, name
    assert resident_bytes(there) - memory < 16 << 20
    here.ferry("rate", session_of(here, job).UUID, "1g")
    assert wait_end(here, job).Status == "completed"
    assert tree(receiver.docroot)[b"out"] == (sender.docroot / "in").read_bytes()

    counted = re.search(r"transfer\.datagrams .* end=server .* "
                        r"duplicate=(\d+) refused=(\d+)", there.log())
    assert int(counted[1]) > 100 and int(counted[2]) > 100, counted[0]
    there.stop()
    assert sum(map(int, re.findall(r"transfer\.strays count=(\d+)",
                                   there.log()))) > 100


class Fetch(Receiver):
    """Fetches /data of a node that is reached without the proxy."""

    def __init__(self, node, folder, **options):
        folder.mkdir()
        super().__init__(("127.0.0.1", node.port), node.fingerprint, "lab",
                         PASSWORD, ["/data"], folder, **options)


@pytest.fixture
def node(make_node):
    node = make_node("a")
    node.add_user()
    (node.docroot / "data").write_bytes(os.urandom(4 << 20))
    return node.start()


class Elsewhere(Fetch):
    """Sends from an address that is not that of its control connection."""
    proves_itself = False

    def __init__(self, *arguments, **options):
        self.sent, self.arrived = 0, []
        super().__init__(*arguments, source="127.0.0.3", **options)

    def send(self, data):
        if data[0] == packets.PATH_RESPONSE and not self.proves_itself:
            return
        self.sent += len(data)
        super().send(data)

    def take(self, data, now):
        self.arrived.append(data)
        super().take(data, now)


def test_e1_an_address_without_proof_gets_challenges_only(node, tmp_path):
    victim = Elsewhere(node, tmp_path / "out", policy=FIXED, target=1000000)
    with pytest.raises(Failed):
        victim.run(seconds=2)
    assert victim.arrived
    assert {data[0] for data in victim.arrived} <= {packets.PATH_CHALLENGE,
                                                    packets.PATH_RESPONSE}
    assert sum(map(len, victim.arrived)) <= 3 * victim.sent


def test_e1_an_address_that_answers_gets_the_files(node, tmp_path):
    honest = Elsewhere(node, tmp_path / "out", policy=FIXED, target=100000)
    honest.proves_itself = True
    honest.run()
    assert tree(tmp_path / "out")[b"data"] == (node.docroot / "data").read_bytes()


U48, U64 = (1 << 48) - 1, (1 << 64) - 1
LIES = {
    "from is 0": lambda f: {"from": 0},
    "from is above to": lambda f: {"from": f["to"] + 1},
    "to is above judged": lambda f: {"to": f["judged"] + 1},
    "judged is above what was sent": lambda f: {"judged": U48, "to": U48},
    "more lost than judged": lambda f: {"lost": f["judged"] + 1},
    "more runs than lost": lambda f: {"runs": f["lost"] + 1},
    "more late than delivered": lambda f: {"late": f["delivered"] + 1},
    "delivered what was never sent": lambda f: {"delivered": 1 << 40},
    "delivered all there is": lambda f: {"delivered": U64},
    "time runs back": lambda f: {"rx_time": 0},
    "delivered falls": lambda f: {"delivered": 0, "late": 0},
    "judged falls": lambda f: {"from": 1, "to": 1, "judged": 1, "lost": 0,
                               "runs": 0},
}
LISTS = {
    "beyond to": lambda f: packets.groups(f["to"]) + packets.groups(0),
    "huge": lambda f: packets.groups(0) + packets.groups(U48),
    "a number too long": lambda f: b"\xff" * 8,
    "half a pair": lambda f: b"\0",
    "unfinished": lambda f: b"\x80",
}


class Liar(Fetch):
    """Lies in each report from the 20th on."""

    def __init__(self, *arguments, lie=None, tail=None, **options):
        self.lie, self.tail_bytes, self.told = lie, tail, 0
        super().__init__(*arguments, **options)

    def report_bytes(self, fields, ranges):
        self.told += 1
        if self.told < 20:
            return packets.write_report(fields, ranges)
        if self.lie is not None:
            fields.update(self.lie(fields))
            return packets.write_report(fields, [])
        return packets.write_report(fields, []) + self.tail_bytes(fields)


@pytest.mark.parametrize("lie,tail", [
    *[pytest.param(lie, None, id=name) for name, lie in LIES.items()],
    *[pytest.param(None, tail, id=name) for name, tail in LISTS.items()]])
def test_e3_a_report_that_cannot_be_true_ends_the_session(node, tmp_path, lie,
                                                          tail):
    with pytest.raises(Failed) as failure:
        Liar(node, tmp_path / "out", policy=FAIR, target=20000, lie=lie,
             tail=tail).run()
    assert failure.value.error == 1
    assert node.process.poll() is None


TALES = {
    "a fast path": lambda f: {"train_rate": U64},
    "no queue, no round trip": lambda f: {"owd_min": 0, "owd_mean": 0,
                                          "sent_echo": f["sent_echo"],
                                          "hold": (1 << 32) - 1},
    "a clock that races": lambda f: {"rx_time": f["rx_time"] + (1 << 62)},
    "a clock that crawls": lambda f, ticks=itertools.count(1 << 50): {
        "rx_time": next(ticks)},
    "a clock that leaps": lambda f, ticks=itertools.count(200): {
        "rx_time": (1 << 50) + (1 << min(next(ticks) // 4, 62))},
    "a disk that needs an hour": lambda f: {"disk_queue": (1 << 32) - 1,
                                            "vlink_queue": (1 << 32) - 1},
    "a clock that stands": lambda f: {"rx_time": 1 << 62},
    "all flags": lambda f: {"flags": 255},
    "marked": lambda f: {"ce": (1 << 32) - 1},
    "memory without end": lambda f: {"free": U64, "disk_queue": 0},
    "all came": lambda f: {"lost": 0, "runs": 0},
}


@pytest.mark.parametrize("policy,tale", [
    *[pytest.param(FAIR, tale, id=name) for name, tale in TALES.items()],
    pytest.param(FIXED, TALES["all came"], id="fixed, all came"),
    pytest.param(HIGH, TALES["a clock that crawls"], id="high, crawls")])
def test_e3_no_report_makes_a_sender_faster(node, tmp_path, tale, policy):
    """What cannot be told from the truth does not lead above the target."""
    liar = Liar(node, tmp_path / "out", policy=policy, target=20000, lie=tale)
    begin = time.monotonic()
    with pytest.raises(Failed):
        liar.run(seconds=1)
    seconds = time.monotonic() - begin
    assert node.process.poll() is None
    # 20 Mbit/s, and what the trains before the session were.
    assert liar.statistics["bytes"] <= 2.5e6 * 1.02 * seconds + 200_000


def test_e4_half_open_connections_keep_nobody_out(node, tmp_path):
    """More than may be in their handshake, and all of them silent."""
    idle = []
    try:
        for _ in range(300):
            idle.append(socket.create_connection(("127.0.0.1", node.port), 20))
        Fetch(node, tmp_path / "out").run()
    finally:
        for connection in idle:
            connection.close()


def test_e4_who_ends_tls_and_says_nothing_keeps_nobody_out(make_node, tmp_path):
    """Beyond 128 the one that has waited longest goes, long before its time."""
    conf = tmp_path / "patient.conf"
    conf.write_text("<CONF><default><connection_timeout_sec>600"
                    "</connection_timeout_sec></default></CONF>")
    conf.chmod(0o640)
    node = make_node("a", options=("--config", conf))
    node.add_user()
    (node.docroot / "data").write_bytes(bytes(100_000))
    node.start()
    silent = []

    def is_closed(control):
        try:
            return not control.tcp.recv(1 << 16)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    try:
        for _ in range(140):
            silent.append(Control(("127.0.0.1", node.port), node.fingerprint))
        Fetch(node, tmp_path / "out").run()
        for control in silent[:10]:
            wait_until("the end of the oldest", lambda: is_closed(control))
        assert not any(is_closed(control) for control in silent[-100:])
    finally:
        for control in silent:
            control.tcp.close()


def test_e5_a_session_without_encryption_is_refused_it(node, tmp_path):
    plain = Fetch(node, tmp_path / "out", cipher=0)
    plain.run()
    assert plain.accept["cipher"] == 1


def test_e5_each_session_has_keys_of_its_own(node, tmp_path):
    """What one session sent is nothing to the next, whatever its id."""
    class Recorder(Fetch):
        def take(self, data, now):
            kept.append(data)
            super().take(data, now)

    kept = []
    Recorder(node, tmp_path / "one").run()
    second = Fetch(node, tmp_path / "two")
    while second.accept is None:
        for message in second.control.messages():
            second.take_message(*message)
    for data in kept[:100]:
        second.take(data[:2] + second.id.to_bytes(4, "big") + data[6:],
                    time.monotonic())
    assert second.statistics["forged"] == len(kept[:100])
    second.run()
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


def test_e6_a_receiver_cannot_ask_for_more_than_the_server_allows(
        make_node, tmp_path):
    cap = tmp_path / "cap.conf"
    cap.write_text("<CONF><default><transfer><out><bandwidth><flow><target_rate>"
                   "<cap>20000</cap></target_rate></flow></bandwidth></out>"
                   "</transfer></default></CONF>")
    cap.chmod(0o640)
    node = make_node("a", options=("--config", cap))
    node.add_user()
    (node.docroot / "data").write_bytes(bytes(64 << 20))
    node.start()
    begin = time.monotonic()
    greedy = Fetch(node, tmp_path / "out", policy=FIXED, target=10 ** 11)
    while greedy.accept is None:
        for message in greedy.control.messages():
            greedy.take_message(*message)
    greedy.control.say(packets.message(packets.RATE, packets.rates(
        FIXED, 10 ** 11)))
    with pytest.raises(Failed):
        greedy.run(seconds=2)
    seconds = time.monotonic() - begin
    assert greedy.accept["target"] == 20000
    assert greedy.statistics["bytes"] <= 2.5e6 * 1.02 * seconds + 200_000
