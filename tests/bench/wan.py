"""zig build bench:wan: a file over an emulated wide-area path between two
network namespaces (root), tmpfs to tmpfs, AES-128.  Whole command: `ferry
submit --wait` between two running nodes, or `ferry push`.

usage: wan.py FERRY WAN [--runs N] [--grid] [--rivals] [CELL...]
       CELL is policy,target Mbit/s,RTT ms,loss %,MiB,path Mbit/s; for example
       fixed,200,100,1,256,1000; "push" in place of a policy is `ferry push`,
       fair.  Without cells: those with a goal, 5 runs each (6 minutes).
       --grid: RTT 10 to 1000 ms by loss 0 to 30 %, fixed and fair, 1 run each.
       --rivals: iperf3, rsync and uftp over three of the paths, cut at 60 s.

Mbit/s are of the file's bytes, medians of the runs.  Steady: while the middle
half of the file arrives.  Ramp: until 90 % of that arrives.  Again: bytes sent
again, beyond the loss itself.  MiB: the most that each node had in memory; of a
push, the sender's is that of the idle node.  Queue: what datagrams waited at the
narrow link.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import nodes

PATHS = ((100, 0), (100, 1), (200, 2), (100, 10))
GOALS = {"fixed": (840, 815, 735, None), "fair": (800, 770, 670, 690)}
RTTS = (10, 50, 100, 200, 300, 1000)
LOSSES = (0, 0.1, 1, 2, 5, 10, 30)
MIB = 512
CUT_SECONDS = 60
QUEUE_MS = 100
# Enough for TCP at 1 Gbit/s and 200 ms; the namespace's own.
TCP_BUFFERS = "4096 1048576 268435456"


def enter(name):
    return ["ip", "netns", "exec", os.environ[name]]


class Watch(threading.Thread):
    """Notes what the receiver has, five times a second."""

    def __init__(self, node):
        super().__init__()
        self.node, self.samples, self.over = node, [], threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            said = subprocess.run(
                [*self.node.prefix, self.node.ferry, "sessions", "--soap",
                 self.node.soap, "--json", "--active"], capture_output=True,
                text=True).stdout
            now = time.monotonic()
            for row in json.loads(said or "[]"):
                self.samples.append((now, row["BytesTransferred"]))

    def figures(self, start, size):
        """(steady bytes a second, seconds until 90 % of it)."""
        middle = [s for s in self.samples if size / 4 <= s[1] <= size * 3 / 4]
        if len(middle) < 2:
            return None, None
        (t0, b0), (t1, b1) = middle[0], middle[-1]
        steady = (b1 - b0) / (t1 - t0)
        for (t0, b0), (t1, b1) in zip(self.samples, self.samples[1:]):
            if b1 > b0 and (b1 - b0) / (t1 - t0) >= 0.9 * steady:
                return steady, t1 - start
        return steady, None


def pushed(here, there, target):
    """`ferry push`: one end is the command itself, so that its CPU is that of
    a child."""
    before = os.times()
    cpu = there.cpu_seconds()
    start = time.monotonic()
    done = subprocess.run(
        [*here.prefix, here.ferry, "push", here.docroot + "/file",
         f"bench@{there.address}:{there.port}:/copy", "--password-stdin",
         "--rate", f"{target}m"], input=nodes.PASSWORD + "\n", text=True,
        capture_output=True, env={**os.environ, "HOME": here.state})
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"bench: the push failed: {done.stderr}")
    after = os.times()
    return (seconds, after.children_user + after.children_system -
            before.children_user - before.children_system,
            there.cpu_seconds() - cpu)


def one_run(here, there, policy, target, size):
    watch = Watch(there)
    watch.start()
    start = time.monotonic()
    try:
        if policy == "push":
            seconds, sender, receiver = pushed(here, there, target)
        else:
            seconds, sender, receiver = nodes.push(
                here, there, "/file", "/copy", int(float(target) * 1000),
                policy.capitalize())
    finally:
        watch.over.set()
        watch.join()
    equal = nodes.same(here, there, "/file", "/copy")
    os.unlink(there.docroot + "/copy")
    steady, ramp = watch.figures(start, size)
    gib = size / (1 << 30)
    return {"rate": size * 8 / seconds / 1e6, "ramp": ramp, "equal": equal,
            "steady": steady and steady * 8 / 1e6, "sender": sender / gib,
            "receiver": receiver / gib, "here_mib": here.peak_mib(),
            "there_mib": there.peak_mib()}


def inside(ferry, runs, cell):
    """Runs between the two namespaces that the emulator has made."""
    policy, target, _, _, mib, _ = cell.split(",")
    size = int(float(mib) * (1 << 20))
    folder = nodes.tmpfs_folder()
    here = nodes.Node(ferry, folder, "here", os.environ["WAN_A_IP"],
                      enter("WAN_A"))
    there = nodes.Node(ferry, folder, "there", os.environ["WAN_B_IP"],
                       enter("WAN_B"))
    try:
        nodes.make_file(here.docroot + "/file", size)
        for _ in range(int(runs)):
            print(json.dumps(one_run(here, there, policy, target, size)),
                  flush=True)
    finally:
        here.stop()
        there.stop()
        sent = re.findall(
            r"transfer.datagrams .* end=(?:client|server) sent=(\d+) came=\d+ "
            r"lost=(\d+) repeated=(\d+)",
            open(os.path.join(folder, "here.log")).read())
        if sent:
            print(json.dumps({"sent": [[int(n) for n in row]
                                       for row in sent]}), flush=True)
        nodes.remove(folder)
    return 0


def emulate(wan, path, rtt, loss, name, seconds, command):
    """Runs a command between two namespaces; returns (its lines of output,
    what the emulator says of the way there)."""
    done = subprocess.run(
        [wan, "--rate", str(path), "--rtt", str(rtt), "--loss", str(loss),
         "--queue", str(QUEUE_MS), "--name", f"{name}{os.getpid() % 10000}",
         "--for", str(seconds), "--", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(" ".join(done.stderr.strip().splitlines()[-3:]), flush=True)
    said = re.search(r"a->b: (\d+) packets.*lost (\d+), queue drops (\d+).*"
                     r"q50 (\S+) q95 (\S+)", done.stderr)
    return done.returncode, done.stdout.splitlines(), said and said.groups()


def median_of(rows, key):
    values = [row[key] for row in rows if row[key] is not None]
    return nodes.median(values) if values else float("nan")


def measure(ferry, wan, cell, runs):
    policy, target, rtt, loss, mib, path = cell.split(",")
    print(f"{policy:6} {target:>6} {rtt:>5} {loss:>5} ", end=" ", flush=True)
    code, lines, queue = emulate(
        wan, path, rtt, loss, "ferry", 120 * runs,
        [sys.executable, __file__, "--inside", ferry, str(runs), cell])
    rows = [json.loads(line) for line in lines]
    sent = [row for part in rows if "sent" in part for row in part["sent"]]
    rows = [row for row in rows if "rate" in row]
    if not rows:
        print("no run ended", flush=True)
        return code or 1
    again = "   -"
    if sent and queue:
        total = sum(row[0] for row in sent)
        repeated = sum(row[2] for row in sent)
        gone = int(queue[1]) + int(queue[2])
        again = f"{100 * (repeated - gone) / total:4.1f}"
    rates = [row["rate"] for row in rows]
    print(f"{nodes.median(rates):6.0f} {min(rates):5.0f} {max(rates):5.0f} "
          f"{median_of(rows, 'steady'):7.0f} {median_of(rows, 'ramp'):6.2f} "
          f"{again:>6} {median_of(rows, 'sender'):7.2f} "
          f"{median_of(rows, 'receiver'):6.2f} "
          f"{rows[-1]['here_mib']:5.0f} {rows[-1]['there_mib']:5.0f} "
          f"{queue[3] if queue else '-':>7} {queue[4] if queue else '-':>6}  "
          f"{'yes' if all(row['equal'] for row in rows) else 'NO'}", flush=True)
    return 0 if all(row["equal"] for row in rows) else 1


# ---- others ----

def cut(command, **options):
    """Seconds that the command took, or None when it was cut off."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL,
                               start_new_session=True, **options)
    try:
        code = process.wait(CUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
    if code != 0:
        raise SystemExit(f"bench: {command[4]} failed with {code}")
    return time.monotonic() - start


def rival_commands(folder, source):
    """(name, what serves in B, what sends from A)."""
    b = os.environ["WAN_B_IP"]
    config = os.path.join(folder, "rsyncd.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"[m]\npath = {folder}/there\nread only = no\n"
                   "use chroot = no\nuid = root\n")
    size = str(os.path.getsize(source))
    for tcp in ("cubic", "bbr"):
        for flows in (1, 8):
            yield (f"iperf3 {flows} x TCP {tcp}",
                   ["iperf3", "-s", "-1", "-B", b],
                   ["iperf3", "-c", b, "-n", size, "-P", str(flows), "-C", tcp])
    for tcp in ("cubic", "bbr"):
        yield (f"rsync TCP {tcp}",
               ["rsync", "--daemon", "--no-detach", "--port", "8730",
                "--config", config],
               ["rsync", "-W", "--inplace", source, f"rsync://{b}:8730/m/"])
    yield ("uftp 950 Mbit/s",
           ["uftpd", "-d", "-D", f"{folder}/there", "-I", b, "-B", "16777216"],
           ["uftp", "-R", "950000", "-M", b, "-I", os.environ["WAN_A_IP"],
            "-B", "16777216", source])


def rivals_inside():
    folder = nodes.tmpfs_folder()
    source = os.path.join(folder, "file")
    os.mkdir(os.path.join(folder, "there"))
    try:
        nodes.make_file(source, MIB << 20)
        for space in ("WAN_A", "WAN_B"):
            for key in ("rmem", "wmem"):
                subprocess.run([*enter(space), "sysctl", "-qw",
                                f"net.ipv4.tcp_{key}={TCP_BUFFERS}"],
                               check=True)
        for name, serve, send in rival_commands(folder, source):
            if shutil.which(send[0]) is None:
                print(f"{name:24} not installed", flush=True)
                continue
            if "TCP" in name:
                for space in ("WAN_A", "WAN_B"):
                    subprocess.run(
                        [*enter(space), "sysctl", "-qw",
                         "net.ipv4.tcp_congestion_control=" + name.split()[-1]],
                        check=True)
            server = subprocess.Popen([*enter("WAN_B"), *serve],
                                      stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            seconds = cut([*enter("WAN_A"), *send])
            server.kill()
            server.wait()
            rate = f"{(MIB << 23) / seconds / 1e6:6.0f}" if seconds else \
                f"cut off: below {(MIB << 23) / CUT_SECONDS / 1e6:.0f}"
            print(f"{name:24} {rate}", flush=True)
    finally:
        nodes.remove(folder)
    return 0


def rivals(wan):
    print("\nothers, 512 MiB, Mbit/s of the whole command")
    for rtt, loss in PATHS[:3]:
        print(f"\n{rtt} ms, {loss} %", flush=True)
        _, lines, _ = emulate(wan, 1000, rtt, loss, "other", 600,
                              [sys.executable, __file__, "--rivals-inside"])
        print("\n".join(lines), flush=True)


# ---- the table ----

def main(ferry, wan, *words):
    if os.geteuid() != 0:
        raise SystemExit("bench:wan needs root, for network namespaces")
    words = list(words)
    runs = 5
    if "--runs" in words:
        at = words.index("--runs")
        runs = int(words[at + 1])
        del words[at:at + 2]
    with_rivals, grid = "--rivals" in words, "--grid" in words
    cells = [word for word in words if not word.startswith("--")]
    if grid:
        runs = 1
        cells = [f"{policy},{rate},{rtt},{loss},{MIB},1000"
                 for policy, rate in (("fixed", 950), ("fair", 1000))
                 for rtt in RTTS for loss in LOSSES]
    elif not cells and not with_rivals:
        cells = [f"{policy},{rate},{rtt},{loss},{MIB},1000"
                 for policy, rate in (("fixed", 950), ("fair", 1000))
                 for rtt, loss in PATHS]
        cells += [f"push,1000,{rtt},{loss},{MIB},1000"
                  for rtt, loss in PATHS[:3]]
        for policy, goals in GOALS.items():
            print(f"goals, {policy}: " + "; ".join(
                f"{rtt} ms {loss} % {goal}" for (rtt, loss), goal
                in zip(PATHS, goals) if goal))
    worst = 0
    if cells:
        print(f"\n{os.cpu_count()} cores for both ends and the path, {runs} "
              "runs\n\n                          whole command       steady   "
              "ramp   again  CPU s/GiB      peak MiB      queue ms\npolicy "
              "target   RTT  loss    Mbit/s   min   max  Mbit/s      s       %  "
              "sender   recv  send  recv     q50    q95  equal")
    for cell in cells:
        worst = max(worst, measure(ferry, wan, cell, runs))
    if with_rivals:
        rivals(wan)
    return worst


if sys.argv[1] == "--inside":
    sys.exit(inside(*sys.argv[2:]))
if sys.argv[1] == "--rivals-inside":
    sys.exit(rivals_inside())
sys.exit(main(*sys.argv[1:]))
