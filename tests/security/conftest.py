import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "contract"))


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true",
                     help="the attacks that take long, too")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a second or two")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
