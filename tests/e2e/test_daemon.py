"""The server as administrators run it: background, logs, signals, scripts."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from ferry import READY, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "contrib/init.d/asperacentral"
UNIT = ROOT / "contrib/systemd/asperacentral.service"


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1][1] != "Z"
    except OSError:
        return False


class Daemon:
    """The binary under its old name, with a home of its own."""

    def __init__(self, binary, folder):
        self.binary = folder / "asperacentral"
        self.binary.symlink_to(binary)
        self.folder = folder
        self.pid_file = folder / "run" / "a.pid"
        self.pid_file.parent.mkdir()
        self.docroot = folder / "files"
        self.docroot.mkdir()
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.pids = set()

    def options(self, *more):
        return ["--state", self.folder / "state", "--docroot", self.docroot,
                "--soap", "127.0.0.1:0", "--transfer", "127.0.0.1:0", *more]

    def run(self, *arguments, cwd=None, env=None):
        done = subprocess.run([self.binary, *arguments], capture_output=True,
                              text=True, timeout=30, cwd=cwd, env=env)
        self.note()
        return done

    def note(self):
        text = self.pid_file.read_text() if self.pid_file.exists() else ""
        if text.strip().isdigit() and int(text) != os.getpid():
            self.pids.add(int(text))

    def start(self, *more):
        done = self.run("--pid-file", self.pid_file, *self.options("-L", self.logs, *more))
        assert done.returncode == 0, done.stderr
        match = READY.fullmatch(done.stdout)
        assert match, done.stdout
        self.soap = match[1]
        self.pid = int(self.pid_file.read_text())
        return self.pid

    def log(self):
        return (self.logs / "asperacentral.log").read_text()

    def end(self):
        for pid in self.pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def daemon(binary, tmp_path):
    daemon = Daemon(binary, tmp_path)
    yield daemon
    daemon.end()


def test_it_returns_when_it_listens_and_stops_in_order(daemon):
    pid = daemon.start()
    host, port = daemon.soap.removeprefix("http://").split(":")
    socket.create_connection((host, int(port))).close()
    assert "info server.ready" in daemon.log()
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()
    assert int(stat[3]) != pid and int(stat[4]) == 0, \
        "not the session's leader, no terminal"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"
    os.kill(pid, signal.SIGTERM)
    wait_until("the end", lambda: not alive(pid))
    assert not daemon.pid_file.exists()
    assert "info server.stopped" in daemon.log()


def test_relative_paths_are_the_callers(daemon):
    done = daemon.run("--pid-file", "run/a.pid", "--state", "state",
                      "--docroot", "files", "--soap", "127.0.0.1:0",
                      "--transfer", "127.0.0.1:0", "-L", "logs",
                      cwd=daemon.folder)
    assert done.returncode == 0, done.stderr
    assert (daemon.folder / "state/ferry.db").exists() and daemon.log()


def test_a_failed_start_is_told_where_it_was_asked_for(daemon):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    cases = [
        (["--soap", f"127.0.0.1:{port}"], 1, "in use"),
        (["--docroot", "/none"], 78, "/none does not exist"),
        (["-L", "/none"], 78, "log file"),
        (["-L-"], 2, "--no-daemon"),
        (["--wings"], 2, "usage"),
    ]
    for more, code, words in cases:
        done = daemon.run("--pid-file", daemon.pid_file,
                          *daemon.options("-L", daemon.logs, *more))
        assert done.returncode == code, (more, done)
        assert words in done.stderr and not done.stdout, (more, done)
        assert not daemon.pid_file.exists(), more
    taken.close()


def test_one_server_a_pid_file(daemon):
    daemon.pid_file.write_text("1\n")  # of a process that was something else
    pid = daemon.start()
    done = daemon.run("--pid-file", daemon.pid_file, *daemon.options(
        "-L", daemon.logs, "--state", daemon.folder / "other"))
    assert done.returncode == 1 and f"runs already, as process {pid}" in done.stderr
    assert int(daemon.pid_file.read_text()) == pid


def test_usr1_opens_the_log_again(daemon):
    pid = daemon.start()
    log = daemon.logs / "asperacentral.log"
    log.rename(daemon.logs / "moved")
    os.kill(pid, signal.SIGUSR1)
    wait_until("a new file", lambda: log.exists() and "log.reopened" in log.read_text())


def test_in_the_foreground_it_logs_where_it_is_told(daemon):
    process = subprocess.Popen(
        [daemon.binary, *daemon.options("--no-daemon", "-DDL-")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert READY.fullmatch(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and "server.ready" in errors


def test_the_second_signal_ends_it_at_once(daemon):
    pid = daemon.start()
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)  # two, before it turns
    os.kill(pid, signal.SIGCONT)
    wait_until("the end", lambda: not alive(pid))
    assert "server.stopping" in daemon.log()
    assert "server.stopped" not in daemon.log()
    assert not daemon.pid_file.exists()


@pytest.mark.skipif(os.geteuid() != 0 or os.path.exists("/dev/log"),
                    reason="needs to be the system's log")
def test_as_a_daemon_it_logs_to_local2(daemon):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as system:
        system.bind("/dev/log")
        try:
            system.settimeout(20)
            done = daemon.run("--pid-file", daemon.pid_file, *daemon.options())
            assert done.returncode == 0 and not done.stderr, done.stderr
            seen = []
            while not any("server.ready" in line for line in seen):
                seen.append(system.recv(4096).decode())
        finally:
            os.unlink("/dev/log")
    # 18 is local2, 6 is info.
    pid = daemon.pid_file.read_text().strip()
    assert re.match(rf"<{18 * 8 + 6}>.* asperacentral\[{pid}\]: .* info "
                    r"server\.ready", seen[-1]), seen


def test_no_core_file_and_no_new_rights(daemon):
    pid = daemon.start()
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_others_of_its_user_cannot_look_into_it(binary):
    home = pathlib.Path(tempfile.mkdtemp(prefix="ferry"))
    try:
        shutil.copy(binary, home / "ferry")
        for name in ("state", "files"):
            (home / name).mkdir()
        for path in (home, *home.iterdir()):
            os.chown(path, 65534, 65534)
        process = subprocess.Popen(
            [home / "ferry", "serve", "--state", home / "state", "--docroot",
             home / "files", "--soap", "127.0.0.1:0", "--transfer",
             "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            user=65534, group=65534, extra_groups=[])
        assert process.stdout.readline().startswith(b"ready")
        # What cannot be dumped belongs to root in /proc.
        assert os.stat(f"/proc/{process.pid}/mem").st_uid == 0
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("name", ["notify", "@ferry-test"])
def test_a_service_manager_is_told(daemon, name):
    path = name if name[0] == "@" else str(daemon.folder / name)
    path += str(os.getpid()) if name[0] == "@" else ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + path[1:] if path[0] == "@" else path)
        manager.settimeout(20)
        process = subprocess.Popen(
            [daemon.binary, *daemon.options("--no-daemon")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": path,
                 "WATCHDOG_USEC": "100000"})
        told = manager.recv(4096).decode().split("\n")
        assert told[0] == "READY=1"
        assert any(line.startswith("STATUS=ready soap=http://") for line in told)
        assert f"MAINPID={process.pid}" in told
        assert manager.recv(4096) == b"WATCHDOG=1"
        process.terminate()
        while not (last := manager.recv(4096)).startswith(b"STOPPING=1"):
            assert last == b"WATCHDOG=1"
        assert process.wait(20) == 0


# ---- the init script ----

def test_the_init_script_is_clean():
    checker = shutil.which("shellcheck")
    if not checker:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([checker, "-s", "sh", SCRIPT], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout


class Script:
    def __init__(self, daemon):
        self.daemon = daemon
        self.environment = {
            "PATH": os.environ["PATH"], "DAEMON": str(daemon.binary),
            "PIDFILE": str(daemon.pid_file),
            "OPTIONS": " ".join(map(str, daemon.options("-L", daemon.logs)))}

    def __call__(self, *arguments, **environment):
        done = subprocess.run([SCRIPT, *arguments], text=True, timeout=60,
                              capture_output=True,
                              env={**self.environment, **environment})
        self.daemon.note()
        return done.returncode

    def pid(self):
        return int(self.daemon.pid_file.read_text())


def test_the_lsb_table(daemon):
    script = Script(daemon)
    assert [script(a) for a in ("status", "stop", "try-restart", "reload",
                                "force-reload")] == [3, 0, 0, 7, 7]
    assert script("start") == 0
    first = script.pid()
    assert [script(a) for a in ("start", "status", "reload", "force-reload")
            ] == [0, 0, 0, 0]
    assert script.pid() == first and alive(first)
    assert script("restart") == 0
    second = script.pid()
    assert second != first and not alive(first)
    assert script("try-restart") == 0 and script.pid() != second
    assert script("stop") == 0 and script("status") == 3
    assert script() == 2 and script("fly") == 2
    assert script("start", "--wings") == 2
    assert script("start", "--docroot", "/none") == 6
    assert script("start", DAEMON="/none/asperacentral") == 5
    assert script("--no-daemon", DAEMON="/none/asperacentral") == 5


def test_status_of_what_died(daemon):
    script = Script(daemon)
    assert script("start") == 0
    pid = script.pid()
    os.kill(pid, signal.SIGKILL)
    wait_until("the end", lambda: not alive(pid))
    assert script("status") == 1
    assert script("start") == 0 and script("status") == 0
    assert script("stop") == 0
    daemon.pid_file.write_text(f"{os.getpid()}\n")  # somebody else's number
    assert script("status") == 1 and script("stop") == 0
    daemon.pid_file.write_text("?\n")
    assert script("status") == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_who_may_not():
    home = pathlib.Path(tempfile.mkdtemp(prefix="ferry"))
    try:
        home.chmod(0o755)
        shutil.copy(SCRIPT, home / "script")
        done = subprocess.run(
            [home / "script", "start"], capture_output=True, timeout=30,
            user=65534, group=65534, extra_groups=[],
            env={"PATH": os.environ["PATH"], "DAEMON": "/bin/true",
                 "PIDFILE": str(home / "a.pid")})
        assert done.returncode == 4, done.stderr
    finally:
        shutil.rmtree(home)


def test_options_are_passed_through(daemon):
    script = Script(daemon)
    assert script("restart", "-DD") == 0  # as the original's takes them
    assert b"-DD" in pathlib.Path(f"/proc/{script.pid()}/cmdline").read_bytes()
    assert script("stop") == 0
    process = subprocess.Popen(
        [SCRIPT, "--no-daemon", "-DDD", "-L-"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=script.environment)
    assert READY.fullmatch(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and "server.stopped" in errors
    assert not daemon.pid_file.exists()


# ---- the unit ----

def test_the_unit_is_well_formed_and_tight(binary, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/opt/aspera/sbin/asperacentral", str(binary))
    unit.write_text(re.sub("Documentation=.*\n", "", text))
    done = subprocess.run([analyze, "verify", unit], text=True,
                          capture_output=True)
    about_it = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert not about_it, done.stderr
    done = subprocess.run([analyze, "security", "--offline=yes",
                           "--threshold=15", unit], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout
