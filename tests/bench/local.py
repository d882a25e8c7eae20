"""zig build bench:local: a file over loopback, tmpfs to tmpfs, both ends on
this machine's cores.  Whole command: `ferry submit --wait`, with a password
that the other node has just seen.  Beside it, in the same run, iperf3 over TCP:
between the same two files, and from memory to memory.

usage: local.py FERRY [MIB] [RUNS]
"""

import json
import os
import shutil
import socket
import subprocess
import sys

import nodes


def have_iperf3():
    if shutil.which("iperf3") is None:
        root = [] if os.geteuid() == 0 else ["sudo"]
        for command in (["update"], ["-y", "install",
                                     "--no-install-recommends", "iperf3"]):
            subprocess.run([*root, "env", "DEBIAN_FRONTEND=noninteractive",
                            "apt-get", "-q", *command], check=False,
                           stdout=subprocess.DEVNULL)
    return shutil.which("iperf3") is not None


def tcp(size, source=None, copy=None):
    """Returns (seconds, CPU seconds of the sender, of the receiver)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = subprocess.Popen(
        ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port, "--forceflush",
         *(["-F", copy] if copy else [])],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while "listening" not in server.stdout.readline():
        pass
    done = subprocess.run(
        ["iperf3", "-J", "-c", "127.0.0.1", "-p", port, "-n", str(size),
         *(["-F", source] if source else [])],
        capture_output=True, text=True)
    server.stdout.close()
    server.wait()
    end = json.loads(done.stdout)["end"]
    seconds = end["sum_received"]["seconds"]
    cpu = end["cpu_utilization_percent"]
    return (seconds, seconds * cpu["host_total"] / 100,
            seconds * cpu["remote_total"] / 100)


def show(name, size, figures, equal):
    gib = size / (1 << 30)
    rates = [size * 8 / f[0] / 1e9 for f in figures]
    sender, receiver = (nodes.median([f[i] for f in figures]) / gib
                        for i in (1, 2))
    print(f"{name:16} {nodes.median(rates):6.2f} {min(rates):5.2f} "
          f"{max(rates):5.2f}  {sender:12.2f} {receiver:8.2f} "
          f"{sender + receiver:5.2f}  {equal}", flush=True)


def main(ferry, mib=2048, runs=5):
    size = int(mib) << 20
    folder = nodes.tmpfs_folder()
    here = nodes.Node(ferry, folder, "here")
    there = nodes.Node(ferry, folder, "there")
    try:
        nodes.make_file(here.docroot + "/file", size)
        print(f"{mib} MiB over loopback, {os.cpu_count()} cores, median of "
              f"{runs}\n")
        print("                 Gbit/s   min   max  CPU s/GiB: sender receiver"
              "  both  equal")
        nodes.push(here, there, "/file", "/copy")  # the password is known now
        os.unlink(there.docroot + "/copy")
        for cipher in ("AES-128", "AES-256", "None"):
            figures, equal = [], True
            for _ in range(int(runs)):
                figures.append(nodes.push(here, there, "/file", "/copy",
                                          cipher=cipher))
                equal = equal and nodes.same(here, there, "/file", "/copy")
                os.unlink(there.docroot + "/copy")
            show(f"ferry {cipher}", size, figures, "yes" if equal else "NO")
            if not equal:
                raise SystemExit("bench: the copy differs")
        if not have_iperf3():
            print("iperf3 is missing and cannot be installed")
            return
        show("TCP, files", size,
             [tcp(size, here.docroot + "/file", there.docroot + "/tcp")
              for _ in range(int(runs))], "-")
        show("TCP, memory", size, [tcp(size) for _ in range(int(runs))], "-")
    finally:
        here.stop()
        there.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
