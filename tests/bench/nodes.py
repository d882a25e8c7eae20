"""What the benchmarks share: two nodes, a file on tmpfs, one measured job.

Figures go to standard output as a table; nothing here passes or fails by time.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time

PASSWORD = "bench"
READY = re.compile(r"ready soap=(http://\S+) transfer=\S+:(\d+) ")


class Node:
    """A `ferry serve`, in a network namespace if `prefix` says so."""

    def __init__(self, ferry, folder, name, address="127.0.0.1", prefix=()):
        self.ferry, self.prefix = ferry, list(prefix)
        self.address = address
        self.state = os.path.join(folder, name + ".state")
        self.docroot = os.path.join(folder, name + ".files")
        os.mkdir(self.docroot)
        subprocess.run([ferry, "user", "add", "bench", "--docroot",
                        self.docroot, "--password-stdin", "--state",
                        self.state], input=PASSWORD + "\n", text=True,
                       check=True)
        self.log = open(os.path.join(folder, name + ".log"), "wb")
        self.process = subprocess.Popen(
            [*self.prefix, ferry, "serve", "--state", self.state, "--docroot",
             self.docroot, "--soap", "127.0.0.1:0", "--transfer",
             address + ":0"], stdout=subprocess.PIPE, stderr=self.log)
        match = READY.match(self.process.stdout.readline().decode())
        self.soap, self.port = match[1], int(match[2])

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_mib(self):
        """The most memory that it ever had, its binary's pages included."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def order(node, source, destination, rate_kbps, policy, cipher):
    return f"""<Order><Operation>Push</Operation><RemoteLocation>
<System><Address>{node.address}</Address><Port>{node.port}</Port>
<UserName>bench</UserName><Password>{PASSWORD}</Password></System>
<Authentication><Methods><Method>Password</Method></Methods></Authentication>
<Files><Path>{destination}</Path></Files></RemoteLocation>
<LocalLocation><Files><Path>{source}</Path></Files></LocalLocation>
<RateParameters><Policy>{policy}</Policy><TargetRate>{rate_kbps}</TargetRate>
</RateParameters><SecurityParameters><EncryptionCipher>{cipher}
</EncryptionCipher></SecurityParameters></Order>"""


def push(here, there, source, destination, rate_kbps=100000000, policy="Fixed",
         cipher="AES-128"):
    """Submits, waits, and returns (seconds of the whole command, CPU seconds
    here, CPU seconds there)."""
    before = here.cpu_seconds(), there.cpu_seconds()
    start = time.monotonic()
    done = subprocess.run(
        [*here.prefix, here.ferry, "submit", "--soap", here.soap, "--wait"],
        input=order(there, source, destination, rate_kbps, policy, cipher),
        text=True, capture_output=True)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"bench: the job failed: {done.stderr}")
    return (seconds, here.cpu_seconds() - before[0],
            there.cpu_seconds() - before[1])


def same(here, there, source, destination):
    return subprocess.run(["cmp", here.docroot + source,
                           there.docroot + destination]).returncode == 0


def tmpfs_folder():
    """A fresh folder in memory, if the system has such a place."""
    shared = "/dev/shm"
    return tempfile.mkdtemp(prefix="ferry-bench-",
                            dir=shared if os.path.isdir(shared) else None)


def make_file(path, size):
    """Random bytes: nothing on the way can make them smaller."""
    with open("/dev/urandom", "rb") as random, open(path, "wb") as file:
        left = size
        while left:
            piece = random.read(min(left, 1 << 20))
            file.write(piece)
            left -= len(piece)


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


def median(values):
    return sorted(values)[len(values) // 2]
