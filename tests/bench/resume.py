"""zig build bench:resume: a large file, on disk and not sparse, whose receiver
is killed at 99 %: how long the next order takes that sends the rest.

The whole command is timed: connecting, checking what is there, the last
hundredth of the file, bringing it onto the disk.  "before data" is from the
order to the first byte that the receiver has written beyond what was there.

usage: resume.py FERRY [GIB] [FOLDER]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import nodes

LEVELS = ("Attributes", "Sparse Checksum", "Full Checksum")
HEADER, RECORD, BLOCK = 128, 16, 1 << 20


def order(node, level, rate_kbps):
    return nodes.order(node, "/file", "/copy", rate_kbps, "Fixed",
                       "AES-128").replace("</Order>", f"""<FileParameters>
<ResumeCheck>{level}</ResumeCheck></FileParameters>
<RetryParameters><Count>0</Count></RetryParameters></Order>""")


def submit(here, text, *options):
    done = subprocess.run([here.ferry, "submit", "--soap", here.soap, *options],
                          input=text, text=True, capture_output=True)
    if done.returncode != 0 and "--wait" in options:
        raise SystemExit(f"bench: the job failed: {done.stderr}")


def side_file(there):
    names = [n for n in os.listdir(there.docroot)
             if n.endswith(".ferry-resume")]
    return os.path.join(there.docroot, names[0]) if names else None


def recorded_bytes(there):
    side = side_file(there)
    if side is None:
        return 0
    return max(0, os.path.getsize(side) - HEADER) // RECORD * BLOCK


def cut(here, there, size, level):
    """Runs a session until 99 % are on disk, and kills the receiver."""
    submit(here, order(there, level, 3000000))
    while recorded_bytes(there) < size * 99 // 100:
        time.sleep(0.005)
    there.process.send_signal(signal.SIGKILL)
    there.process.wait()
    return recorded_bytes(there)


def take_up(here, there, level, before):
    side = os.path.getsize(side_file(there))
    start = time.monotonic()
    process = subprocess.Popen(
        [here.ferry, "submit", "--soap", here.soap, "--wait"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    process.stdin.write(order(there, level, 3000000))
    process.stdin.close()
    first = None
    while process.poll() is None:
        try:
            if first is None and os.path.getsize(side_file(there)) > side:
                first = time.monotonic() - start
        except (OSError, TypeError):
            pass  # it is whole, and has its name
        time.sleep(0.001)
    if process.returncode != 0:
        raise SystemExit("bench: the job failed")
    return time.monotonic() - start, first


def moved_bytes(here):
    done = subprocess.run([here.ferry, "sessions", "--soap", here.soap,
                           "--json"], text=True, capture_output=True,
                          check=True)
    return int(json.loads(done.stdout)[0]["BytesTransferred"])


def main(ferry, gib=10, folder=None):
    size = int(float(gib) * (1 << 30))
    folder = tempfile.mkdtemp(prefix="ferry-bench-", dir=folder)
    here = nodes.Node(ferry, folder, "here")
    print(f"{gib} GiB in {folder}, cut at 99 %\n")
    print("ResumeCheck      before data s  whole s  MiB sent  equal", flush=True)
    there = None
    try:
        nodes.make_file(here.docroot + "/file", size)
        for i, level in enumerate(LEVELS):
            there = nodes.Node(ferry, folder, f"there{i}")
            docroot = there.docroot
            before = cut(here, there, size, level)
            there = nodes.Node(ferry, folder, f"again{i}")
            for name in os.listdir(docroot):
                os.rename(os.path.join(docroot, name),
                          os.path.join(there.docroot, name))
            os.sync()
            whole, first = take_up(here, there, level, before)
            equal = nodes.same(here, there, "/file", "/copy")
            print(f"{level:16} {first or whole:13.2f} {whole:8.2f} "
                  f"{moved_bytes(here) / (1 << 20):9.0f}  "
                  f"{'yes' if equal else 'NO'}", flush=True)
            if not equal:
                raise SystemExit("bench: the copy differs")
            os.unlink(there.docroot + "/copy")
            there.stop()
    finally:
        here.stop()
        if there is not None and there.process.poll() is None:
            there.stop()
        nodes.remove(folder)


main(*sys.argv[1:])
