"""The rules of the house: layers, the homes of libraries, one static binary."""

import pathlib
import re
import struct

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = {"base": 0, "crypto": 1, "http": 1, "soap": 1, "fasp": 1, "io": 2,
          "net": 3, "store": 3, "transfer": 4, "central": 5, "cli": 6}
# Each library's headers are known to one folder.
HOMES = {"liburing": "io", "llhttp": "http", "expat": "soap",
         "wolfssl": "crypto", "sqlite3": "store"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def sources():
    return sorted(p for p in (ROOT / "src").rglob("*")
                  if p.suffix in (".c", ".h", ".def"))


def broken_rules(path, text):
    """What in `text`, at `path` below src/, breaks the rules."""
    folder = path.parts[0] if len(path.parts) > 1 else None
    for quote, name in INCLUDE.findall(text):
        library = name.split("/")[0].removesuffix(".h")
        if quote == "<":
            if HOMES.get(library, folder) != folder:
                yield f"{path}: <{name}> belongs to src/{HOMES[library]}"
            continue
        target = name.split("/")[0]
        if target not in LAYERS:
            yield f"{path}: \"{name}\" is in no layer"
        elif folder and target != folder and LAYERS[target] >= LAYERS[folder]:
            yield f"{path}: \"{name}\" is not in a lower layer"


def test_every_include_points_down():
    assert len(sources()) > 100
    found = [rule for path in sources()
             for rule in broken_rules(path.relative_to(ROOT / "src"),
                                      path.read_text())]
    assert found == []


@pytest.mark.parametrize("path, line", [
    ("base/text.h", '#include "io/loop.h"'),
    ("http/head.h", '#include "soap/types.h"'),
    ("net/http_client.c", '#include "store/store.h"'),
    ("soap/reader.c", "#include <wolfssl/ssl.h>"),
    ("fasp/sender.c", '#include "sender.h"'),
])
def test_the_rule_itself_can_fail(path, line):
    assert list(broken_rules(pathlib.Path(path), line + "\n"))


def test_layer_1_reads_no_clock_and_does_no_io():
    """What a protocol machine would need for it, it cannot even include."""
    forbidden = {"unistd.h", "fcntl.h", "sys/socket.h", "sys/mman.h",
                 "sys/time.h", "poll.h", "base/clock.h"}
    clock = re.compile(r"\b(clock_gettime|gettimeofday|time)\s*\(")
    for path in sources():
        if LAYERS.get(path.relative_to(ROOT / "src").parts[0]) == 1:
            text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
            names = {name for _, name in INCLUDE.findall(text)}
            assert not names & forbidden, f"{path}: {names & forbidden}"
            assert not clock.search(text), f"{path}: {clock.search(text)}"


def test_the_folders_of_the_build_are_the_layers():
    build = (ROOT / "build.zig").read_text()
    rows = dict((name, int(number)) for name, number in re.findall(
        r'\.folder = "(\w+)", \.number = (\d)', build))
    assert rows == LAYERS
    folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    assert folders == set(LAYERS)


def program_headers(data):
    """(type, file offset, file size) of each program header of a 64-bit ELF."""
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for at in range(start, start + size * count, size):
        kind, = struct.unpack_from("<I", data, at)
        offset, = struct.unpack_from("<Q", data, at + 8)
        length, = struct.unpack_from("<Q", data, at + 32)
        yield kind, offset, length


def test_the_binary_is_static(binary):
    data = binary.read_bytes()
    assert data[:5] == b"\x7fELF\x02"
    interpreter, dynamic, needed = 3, 2, 1
    for kind, offset, length in program_headers(data):
        assert kind != interpreter
        if kind == dynamic:
            tags = [t for t, _ in struct.iter_unpack(
                "<QQ", data[offset:offset + length])]
            assert needed not in tags[:tags.index(0)]
