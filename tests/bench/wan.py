"""zig build bench:wan: a file over an emulated wide-area path between two
network namespaces (root).  Whole command: `ferry submit --wait`, tmpfs to
tmpfs, AES-128.

usage: wan.py FERRY WAN [CELL...]
       CELL is policy,target Mbit/s,RTT ms,loss %,MiB,path Mbit/s; for example
       fixed,200,100,1,256,1000
"""

import os
import subprocess
import sys

import nodes

CELLS = ["fixed,200,100,1,256,1000", "fair,1000,100,1,256,1000",
         "fixed,950,100,0,512,1000", "fixed,950,100,1,512,1000",
         "fixed,950,200,2,512,1000", "fair,1000,100,0,512,1000",
         "fair,1000,200,2,512,1000", "fixed,950,100,10,512,1000"]


def inside(ferry, cell):
    """Runs between the two namespaces that the emulator has made."""
    policy, target, _, _, mib, _ = cell.split(",")
    size = int(mib) << 20
    folder = nodes.tmpfs_folder()
    enter = lambda name: ["ip", "netns", "exec", os.environ[name]]
    here = nodes.Node(ferry, folder, "here", os.environ["WAN_A_IP"],
                      enter("WAN_A"))
    there = nodes.Node(ferry, folder, "there", os.environ["WAN_B_IP"],
                       enter("WAN_B"))
    try:
        nodes.make_file(here.docroot + "/file", size)
        seconds, sender, receiver = nodes.push(
            here, there, "/file", "/copy", int(float(target) * 1000),
            policy.capitalize())
        equal = nodes.same(here, there, "/file", "/copy")
        lost = subprocess.run(
            [*here.prefix, ferry, "sessions", "--soap", here.soap, "--json"],
            capture_output=True, text=True, check=True).stdout
        again = int(lost.split('"BytesLost":')[1].split(",")[0])
        gib = size / (1 << 30)
        print(f"{size * 8 / seconds / 1e6:7.0f} {100 * again / size:8.2f} "
              f"{sender / gib:10.2f} {receiver / gib:8.2f}  "
              f"{'yes' if equal else 'NO'}", flush=True)
        return 0 if equal else 1
    finally:
        here.stop()
        there.stop()
        nodes.remove(folder)


def main(ferry, wan, *cells):
    if os.geteuid() != 0:
        raise SystemExit("bench:wan needs root, for network namespaces")
    print("policy  target    RTT   loss   MiB   path   Mbit/s  again %"
          "  CPU s/GiB: sender receiver  equal")
    worst = 0
    for cell in cells or CELLS:
        policy, target, rtt, loss, mib, path = cell.split(",")
        print(f"{policy:6} {target:>7} {rtt:>6} {loss:>6} {mib:>5} {path:>6} ",
              end=" ", flush=True)
        done = subprocess.run(
            [wan, "--rate", path, "--rtt", rtt, "--loss", loss, "--queue",
             "100", "--name", f"ferry{os.getpid() % 10000}", "--for", "300",
             "--", sys.executable, __file__, "--inside", ferry, cell],
            stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            print(" ".join(done.stderr.strip().splitlines()[-3:]), flush=True)
        worst = max(worst, done.returncode)
    return worst


if sys.argv[1] == "--inside":
    sys.exit(inside(*sys.argv[2:]))
sys.exit(main(*sys.argv[1:]))
