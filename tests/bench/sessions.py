"""Many sessions on one loop: memory and CPU of a node that holds them.

    ./zigw build bench:sessions [-- SESSIONS]

Two nodes over loopback; each session is a push of its own at 1 Mbit/s.  All
of them are submitted to one node, so that it has as many ends as the other.
"""

import os
import pathlib
import re
import resource
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from ferry import Node, order, submit  # noqa: E402


def memory_mib(node):
    with open(f"/proc/{node.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2 ** 20


def cpu_seconds(node):
    with open(f"/proc/{node.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(name, nodes, seconds, running):
    before = [cpu_seconds(node) for node in nodes]
    time.sleep(seconds)
    used = [(cpu_seconds(node) - one) / seconds * 100
            for node, one in zip(nodes, before)]
    print(f"{name:24} {running:9} {memory_mib(nodes[0]):10.0f} "
          f"{memory_mib(nodes[1]):10.0f} {used[0]:8.1f} {used[1]:8.1f}",
          flush=True)


def main(binary, count=1000):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        conf = folder / "many.conf"
        conf.write_text(
            "<CONF><ferry><sessions_max>1024</sessions_max><jobs_running_max>"
            "1024</jobs_running_max></ferry></CONF>")
        conf.chmod(0o640)
        nodes = [Node(binary, folder, name, options=("--config", conf))
                 for name in ("here", "there")]
        here, there = nodes
        there.add_user()
        for node in nodes:
            node.start()
        try:
            print(f"{'':24} {'sessions':>9} {'MiB':>10} {'MiB':>10} "
                  f"{'CPU %':>8} {'CPU %':>8}\n{'':34} {'sender':>10} "
                  f"{'receiver':>10} {'sender':>8} {'receiver':>8}")
            row("at rest", nodes, 5, 0)
            (here.docroot / "in").write_bytes(bytes(64 << 20))
            begin = time.monotonic()
            for i in range(count):
                submit(here, order(there, sources=("/in",),
                                   destination=f"/{i}", rate=1000,
                                   policy="Fair"))
            # Sessions that are let in, less those that ended.
            def running():
                log = there.log()
                return (len(re.findall(r"transfer\.let_in", log)) -
                        len(re.findall(r"transfer\.ended .*end=server", log)))
            while running() < count and time.monotonic() - begin < 300:
                time.sleep(0.5)
            print(f"# all let in {time.monotonic() - begin:.1f} s after the "
                  "first was submitted")
            row(f"{count} at 1 Mbit/s", nodes, 10, running())
        except Exception:
            print([(node.process.poll(), node.log()[-1500:]) for node in nodes])
            raise
        finally:
            for node in nodes:
                node.kill()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
