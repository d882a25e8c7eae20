"""What every attack test does: send, see the defined end, and go on."""

import time

import pytest
from ferry import Node
from wire import Closed, Wire, check_answer, fault_of, works

# What a node may hold after whatever a table of attacks has sent: the body
# limit is 8 MiB and the loop's arenas and buffers are bounded.
RESIDENT_BYTES_MAX = 96 << 20


def resident_bytes(node, what="VmRSS:"):
    with open(f"/proc/{node.process.pid}/status") as status:
        for line in status:
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    raise AssertionError("the node has no memory")


def cpu_seconds(node):
    with open(f"/proc/{node.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.fixture(scope="module")
def node(binary, tmp_path_factory):
    node = Node(binary, tmp_path_factory.mktemp("node"), "node").start()
    yield node
    node.stop()


@pytest.fixture(autouse=True)
def unharmed(node):
    """After each test a good request is answered and memory is bounded."""
    yield
    works(node)
    assert resident_bytes(node) < RESIDENT_BYTES_MAX
    assert node.process.poll() is None


def refused(node, data, statuses, closes=True):
    """The one answer has one of the statuses, and the connection closes."""
    with Wire(node, data) as wire:
        answer = wire.answer()
        assert answer.status in statuses, answer
        check_answer(answer)
        if closes:
            assert answer.header("Connection").lower() == "close", answer
            wire.closes()
    return answer


def faulted(node, data, code="Client", status=500):
    """A Fault with this code, and nothing of the server's inside in it."""
    with Wire(node, data) as wire:
        answer = wire.answer()
    check_answer(answer)
    assert answer.status == status, answer
    assert fault_of(answer)[0] == code, answer
    for inner in ("/src/", ".c:", "0x7f", "ferry", str(node.state)):
        assert inner not in fault_of(answer)[1], answer
    return answer
