"""zig build bench:files: many small files over an emulated path between two
network namespaces (root).  Whole command: `ferry submit --wait`, tmpfs to
tmpfs, AES-128, so that what is counted is on disk and known to both ends.

usage: files.py FERRY WAN [COUNT] [BYTES] [RTT_MS] [LOSS_%] [MBIT/S]
       for example 100000 4096 100 1 1000, which it does without arguments
"""

import os
import subprocess
import sys

import nodes

RUNS = 3
A_FOLDER = 1000


def make_files(folder, count, size):
    """Each file differs, and they lie a thousand to a folder."""
    os.mkdir(folder)
    content = os.urandom(size)
    for i in range(count):
        if i % A_FOLDER == 0:
            os.mkdir(f"{folder}/{i // A_FOLDER}")
        with open(f"{folder}/{i // A_FOLDER}/{i}", "wb") as file:
            file.write((i.to_bytes(8, "big") + content)[:size])


def inside(ferry, count, size, mbps):
    """Runs between the two namespaces that the emulator has made."""
    folder = nodes.tmpfs_folder()
    enter = lambda name: ["ip", "netns", "exec", os.environ[name]]
    here = nodes.Node(ferry, folder, "here", os.environ["WAN_A_IP"],
                      enter("WAN_A"))
    there = nodes.Node(ferry, folder, "there", os.environ["WAN_B_IP"],
                       enter("WAN_B"))
    try:
        make_files(here.docroot + "/files", count, size)
        print("    files/s   seconds   CPU s/100,000 files: sender receiver"
              "  equal")
        for i in range(RUNS):
            copy = f"/copy{i}"
            os.mkdir(there.docroot + copy)
            seconds, sender, receiver = nodes.push(
                here, there, "/files", copy, mbps * 1000, "Fixed")
            equal = subprocess.run(
                ["diff", "-rq", here.docroot + "/files",
                 there.docroot + copy + "/files"]).returncode == 0
            each = 100000 / count
            print(f"{count / seconds:11.0f} {seconds:9.2f} "
                  f"{sender * each:30.2f} {receiver * each:8.2f}  "
                  f"{'yes' if equal else 'NO'}", flush=True)
            subprocess.run(["rm", "-rf", there.docroot + copy], check=True)
            if not equal:
                return 1
        return 0
    finally:
        here.stop()
        there.stop()
        nodes.remove(folder)


def main(ferry, wan, count="100000", size="4096", rtt="100", loss="1",
         mbps="1000"):
    if os.geteuid() != 0:
        raise SystemExit("bench:files needs root, for network namespaces")
    print(f"{count} files of {size} bytes, RTT {rtt} ms, loss {loss} %, "
          f"{mbps} Mbit/s, {os.cpu_count()} cores\n", flush=True)
    done = subprocess.run(
        [wan, "--rate", mbps, "--rtt", rtt, "--loss", loss, "--queue", "100",
         "--name", f"ferry{os.getpid() % 10000}", "--for", "600", "--",
         sys.executable, __file__, "--inside", ferry, count, size, mbps],
        stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
    return done.returncode


if sys.argv[1] == "--inside":
    sys.exit(inside(sys.argv[2], *map(int, sys.argv[3:])))
sys.exit(main(*sys.argv[1:]))
