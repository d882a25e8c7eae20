import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--flood", type=int, default=30_000,
                     help="datagrams of each kind that the victim gets")
