import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "e2e"))

from answers import take_wrong  # noqa: E402
from ferry import Node, Observer  # noqa: E402
from proxy import FAR, Proxy  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--ferry", required=True, help="the binary under test")
    parser.addoption("--clock", help="the same, with a clock that tests set")


@pytest.fixture(scope="session")
def binary(request):
    return pathlib.Path(request.config.getoption("--ferry")).resolve()


@pytest.fixture(autouse=True)
def every_answer_is_valid():
    """No test passes that saw an answer or a notification of a wrong form."""
    yield
    wrong = take_wrong()
    assert not wrong, wrong


@pytest.fixture
def make_node(binary, tmp_path):
    """Makes nodes that are stopped, and must stop in order, after the test."""
    nodes = []

    def make(name="a", binary=binary, **options):
        node = Node(binary, tmp_path, name, **options)
        nodes.append(node)
        return node

    yield make
    failures = []
    for node in nodes:
        try:
            node.stop()
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@pytest.fixture
def pair(make_node):
    """Two running nodes; the second knows the user lab."""
    here, there = make_node("here").start(), make_node("there")
    there.add_user()
    return here, there.start()


@pytest.fixture
def path(make_node):
    """Two running nodes as in `pair`, and the proxy between them."""
    # One port for TCP and UDP: a node that takes free ones takes two.
    proxy = Proxy()
    here, there = make_node("here").start(), make_node(
        "there", transfer=f"{FAR}:{proxy.port}")
    there.add_user()
    there.start()
    yield here, there, proxy
    proxy.close()


@pytest.fixture
def observe():
    observers = []

    def make(*arguments, **options):
        observers.append(Observer(*arguments, **options))
        return observers[-1]

    yield make
    for observer in observers:
        observer.close()
