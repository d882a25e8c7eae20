"""The image: the same each time, small, and it works without rights.

Needs root, buildah, podman, runc, jq; what is missing skips the tests by name.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from ferry import READY, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "contrib/container"
MISSING = [tool for tool in ("buildah", "podman", "runc", "jq")
           if not shutil.which(tool)]
pytestmark = pytest.mark.skipif(
    bool(MISSING) or os.geteuid() != 0,
    reason=f"needs root and {' '.join(MISSING) or 'nothing else'}")
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
TIGHT = ["--read-only", "--cap-drop", "ALL", "--security-opt",
         "no-new-privileges"]


class Store:
    """Images and containers of a test's own."""

    def __init__(self, folder):
        self.storage = ["--storage-driver", "vfs", "--root", str(folder / "store"),
                        "--runroot", str(folder / "run")]

    def build(self, binary, tag):
        done = subprocess.run([FOLDER / "build.sh", binary, tag, *self.storage],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def podman(self, *arguments, check=True, **options):
        done = subprocess.run(
            ["podman", *self.storage, "--cgroup-manager=cgroupfs", "--runtime",
             "runc", *map(str, arguments)], capture_output=True, text=True,
            timeout=60, **options)
        assert not check or done.returncode == 0, done.stderr
        return done


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("oci"))


@pytest.fixture(scope="module")
def image(store, binary):
    digest = store.build(binary, "ferry:test")
    return "localhost/ferry:test", digest


def test_two_builds_are_one_image(store, image, binary, tmp_path):
    touched = tmp_path / "ferry"
    shutil.copyfile(binary, touched)
    os.utime(touched, (1, 1))
    assert store.build(touched, "ferry:again") == image[1]


def test_what_is_in_it(store, image, binary):
    found, = json.loads(store.podman("image", "inspect", image[0]).stdout)
    assert found["Digest"] == image[1]
    config = found["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/ferry"]
    assert config["Cmd"][0] == "serve"
    assert config["StopSignal"] == "SIGTERM"
    assert found["Healthcheck"]["Test"] == ["CMD", "/ferry", "healthcheck"]
    assert set(config["Volumes"]) == {"/state", "/data"}
    assert set(config["ExposedPorts"]) == {"40001/tcp", "33001/tcp", "33001/udp"}
    assert found["Size"] < binary.stat().st_size + 100000


def profile_without_io_uring(folder):
    profile = json.loads((FOLDER / "seccomp.json").read_text())
    names = profile["syscalls"][0]["names"]
    profile["syscalls"][0]["names"] = [n for n in names if "io_uring" not in n]
    assert len(names) - len(profile["syscalls"][0]["names"]) == 3
    path = folder / "seccomp.json"
    path.write_text(json.dumps(profile))
    return path


def test_where_io_uring_is_refused_it_says_what_to_do(store, image, tmp_path):
    done = store.podman(
        "run", "--rm", "--network", "none", *LIMITS, *TIGHT, "--security-opt",
        f"seccomp={profile_without_io_uring(tmp_path)}", image[0], check=False)
    assert done.returncode == 78
    assert "io_uring" in done.stderr and "seccomp" in done.stderr


def test_as_it_is_it_needs_no_volumes(store, image):
    name = f"ferry-bare-{os.getpid()}"
    store.podman("run", "-d", "--name", name, "--network", "none", *LIMITS,
                 *TIGHT, "--security-opt",
                 f"seccomp={FOLDER / 'seccomp.json'}", image[0])
    try:
        wait_until("the start", lambda: READY.search(
            store.podman("logs", name).stdout))
        done = store.podman("healthcheck", "run", name)
        assert "unhealthy" not in done.stdout + done.stderr
    finally:
        store.podman("rm", "-f", "-v", name, check=False)


def test_it_serves_transfers_and_stops(store, image, binary, tmp_path):
    for name in ("state", "data"):
        (tmp_path / name).mkdir()
    name = f"ferry-test-{os.getpid()}"
    store.podman(
        "run", "-d", "--name", name, "--network", "host", *LIMITS, *TIGHT,
        "--security-opt", f"seccomp={FOLDER / 'seccomp.json'}",
        "-v", f"{tmp_path}/data:/data:U", "-v", f"{tmp_path}/state:/state:U",
        image[0], "serve", "--state", "/state", "--docroot", "/data",
        "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0")
    try:
        logs = lambda: store.podman("logs", name).stdout
        soap, _, port, _ = wait_until("the start", lambda: READY.search(
            logs())).groups()
        healthy = store.podman("exec", name, "/ferry", "healthcheck", "--soap", soap)
        assert healthy.stdout.strip() == "healthy"
        store.podman("exec", "-i", name, "/ferry", "user", "add", "lab",
                     "--docroot", "/data", "--password-stdin", "--state",
                     "/state", input="sesame\n")
        (tmp_path / "film").write_bytes(b"x" * 1000000)
        done = subprocess.run(
            [binary, "push", tmp_path / "film", f"lab@127.0.0.1:{port}:/"],
            env={"HOME": str(tmp_path), "FERRY_PASSWORD": "sesame"},
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        written = tmp_path / "data" / "film"
        assert written.stat().st_size == 1000000 and written.stat().st_uid == 65532
        store.podman("stop", "-t", "20", name)
        ended = store.podman("inspect", name, "--format", "{{.State.ExitCode}}")
        assert ended.stdout.strip() == "0"
    finally:
        store.podman("rm", "-f", name, check=False)
