"""zig build bench:local: a file over loopback, tmpfs to tmpfs, both ends on
this machine's cores.  Whole command: `ferry submit --wait`.

usage: local.py FERRY [MIB] [RUNS]
"""

import os
import sys

import nodes


def main(ferry, mib=1024, runs=5):
    size = int(mib) << 20
    folder = nodes.tmpfs_folder()
    here = nodes.Node(ferry, folder, "here")
    there = nodes.Node(ferry, folder, "there")
    try:
        nodes.make_file(here.docroot + "/file", size)
        print(f"{mib} MiB over loopback, {os.cpu_count()} cores, median of "
              f"{runs}\n")
        print("cipher    Gbit/s   min   max   CPU s/GiB: sender receiver  equal")
        for cipher in ("AES-128", "AES-256", "None"):
            figures, equal = [], True
            for _ in range(int(runs)):
                seconds, sender, receiver = nodes.push(
                    here, there, "/file", "/copy", cipher=cipher)
                equal = equal and nodes.same(here, there, "/file", "/copy")
                os.unlink(there.docroot + "/copy")
                figures.append((size * 8 / seconds / 1e9, sender, receiver))
            gib = size / (1 << 30)
            rates = [f[0] for f in figures]
            print(f"{cipher:8}  {nodes.median(rates):6.2f} {min(rates):5.2f} "
                  f"{max(rates):5.2f}              "
                  f"{nodes.median([f[1] for f in figures]) / gib:6.2f} "
                  f"{nodes.median([f[2] for f in figures]) / gib:8.2f}  "
                  f"{'yes' if equal else 'NO'}", flush=True)
            if not equal:
                raise SystemExit("bench: the copy differs")
    finally:
        here.stop()
        there.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
