"""Runs one program a SOAP stack against two real nodes; see README.md.

Usage: run.py FERRY [STACK...]

Everything a stack needs is installed by its own package client, by exact
version where it has one, below ~/.cache/ferry/clients.  A stack that cannot be
had is a skip if it is optional and a failure if it is not.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from answers import take_wrong  # noqa: E402
from ferry import PASSWORD, Node, Observer, order, subscribe  # noqa: E402
from lxml import etree  # noqa: E402
import quick  # noqa: E402
from tee import Tee  # noqa: E402

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME")
                     or pathlib.Path.home() / ".cache") / "ferry" / "clients"
SERVICES = ["Transfer-201210", "JobNET-200601", "IScpTransferNET-200604",
            "FASPSessionNET-200601", "FASPSessionNET-200911"]
OBSERVERS = ["JobObserver", "SessionObserver"]
ALSO_EXPECTED = [
    "observer of jobs", "observer of sessions",
    "fault JobTypeNotFoundFaultType", "fault JobFormatInvalidFaultType",
    "fault JobSubmissionErrorFaultType", "fault JobNotFoundFaultType",
    "fault SessionNotFoundFaultType",
    "fault SubscriptionNotFoundFaultType of jobs",
    "fault SubscriptionNotFoundFaultType of sessions",
    "fault FilterChangedErrorFaultElement", "fault Client",
]
PROGRAM_SECONDS = 180
LINE = re.compile(r"(ok|not ok) \d+ - ([^:#]*?)\s*(?:# SKIP (.*)|: (.*))?")


class CannotInstall(Exception):
    """Skips a stack that may be missing."""


class CannotBuild(Exception):
    """The stack is here and does not understand us: always a failure."""


def run(*command, seconds=1800, failure=CannotBuild, **options):
    """Runs a generator or compiler; its last words are the error."""
    done = subprocess.run([str(part) for part in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=seconds, **options)
    if done.returncode != 0:
        raise failure(f"{command[0]}: {done.stdout[-2000:]}")
    return done.stdout


def install(*command, **options):
    run(*command, failure=CannotInstall, **options)


updated = False


def debian(*packages):
    """Installs Debian packages that are not there."""
    global updated
    missing = [p for p in packages if subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", p], capture_output=True,
        text=True).stdout != "install ok installed"]
    if not missing:
        return
    root = [] if os.geteuid() == 0 else ["sudo"]
    try:
        if not updated:
            install(*root, "apt-get", "-q", "update")
            updated = True
        install(*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q",
            "-y", "install", "--no-install-recommends", *missing)
    except FileNotFoundError as error:
        raise CannotInstall(f"{missing}: {error}") from error


def have(command, *packages):
    """Installs what provides a command, unless something else already does."""
    if shutil.which(command) is None:
        debian(*packages)


def cached(name, *sources):
    """A folder of the cache for these exact sources, and whether it is new."""
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources))
    folder = CACHE / f"{name}-{digest.hexdigest()[:12]}"
    return folder, not (folder / "complete").exists()


def fill(folder, work):
    """Fills a folder of the cache whole, or not at all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    work(folder)
    (folder / "complete").touch()


# ---- Python ----

def zeep(base, work):
    return [sys.executable, HERE / "python/client.py"], {}


def spyne(base, work):
    wanted = HERE / "python/spyne.txt"
    folder, new = cached("spyne", wanted)
    if new:
        fill(folder, lambda to: install(
            sys.executable, "-m", "pip", "-q", "install", "--no-deps",
            "--disable-pip-version-check", "--require-hashes", "--target",
            to / "lib", "-r", wanted, "--root-user-action=ignore"))
    paths = [str(folder / "lib"), os.environ.get("PYTHONPATH", "")]
    return ([sys.executable, HERE / "python/client.py"],
            {"PYTHONPATH": ":".join(paths), "arguments": ["spyne"]})


# ---- Node ----

def node_modules():
    have("node", "nodejs")
    have("npm", "npm")
    files = [HERE / "node/package.json", HERE / "node/package-lock.json"]
    folder, new = cached("node", *files)

    def modules(to):
        for file in files:
            shutil.copy(file, to)
        install("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts",
                cwd=to)

    if new:
        fill(folder, modules)
    return {"NODE_PATH": str(folder / "node_modules")}


def node_soap(base, work):
    return ["node", HERE / "node/client.js"], {
        **node_modules(), "arguments": ["soap"]}


def strong_soap(base, work):
    return ["node", HERE / "node/client.js"], {
        **node_modules(), "arguments": ["strong-soap"]}


# ---- Java ----

def java_libraries(name):
    """A class path of what `name`.xml depends on."""
    have("javac", "default-jdk-headless")
    have("mvn", "maven")
    pom = HERE / f"java/{name}.xml"
    folder, new = cached(name, pom)

    def jars(to):
        shutil.copy(pom, to / "pom.xml")
        install(
            "mvn", "-B", "-q",
            "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:"
            "copy-dependencies", "-DoutputDirectory=lib", cwd=to)

    if new:
        fill(folder, jars)
    return f"{folder}/lib/*"


def java(name, generate):
    """Classes from the served WSDLs, and one program for both stacks."""
    def prepare(base, work):
        libraries = java_libraries(name)
        sources, classes = work / "sources", work / "classes"
        sources.mkdir()
        classes.mkdir()
        for service in SERVICES + OBSERVERS:
            generate(libraries, sources, f"{base}/services/soap/{service}?wsdl")
        shutil.copy(HERE / "java/Client.java", sources)
        run("javac", "-nowarn", "-cp", libraries, "-d", classes,
            *sources.rglob("*.java"))
        return ["java", "-Xmx256m", "-cp", f"{classes}:{libraries}",
                "Client"], {}
    return prepare


def wsimport(libraries, sources, wsdl):
    run("java", "-cp", libraries, "com.sun.tools.ws.WsImport", "-quiet",
        "-keep", "-Xnocompile", "-s", sources, "-d", sources, wsdl)


# CXF would end these packages in _wsdl, Metro does not: one program for both.
PACKAGES = {
    f"http://www.asperasoft.com/xml/{net}/{date}/{name}.wsdl":
    f"com.asperasoft.xml.{net.replace('-', '_')}."
    f"_{date.replace('/', '._')}.{name.lower()}"
    for net, date, name in (("job-net", "2006/01", "JobNET"),
                            ("iscptransfer-net", "2006/04", "IScpTransferNET"),
                            ("faspsession-net", "2006/01", "FASPSessionNET"),
                            ("faspsession-net", "2009/11", "FASPSessionNET"))
}


def wsdl2java(libraries, sources, wsdl):
    packages = [word for namespace, package in PACKAGES.items()
                for word in ("-p", f"{namespace}={package}")]
    run("java", "-cp", libraries, "org.apache.cxf.tools.wsdlto.WSDLToJava",
        *packages, "-suppress-generated-date", "-d", sources, wsdl)


# ---- C++, PHP, Perl ----

def gsoap(base, work):
    debian("gsoap", "libgsoap-dev", "g++")
    wsdls = [f"{base}/services/soap/{s}?wsdl" for s in SERVICES + OBSERVERS]
    run("wsdl2h", "-o", "ferry.h", "-t", HERE / "gsoap/typemap.dat", *wsdls,
        cwd=work)
    # Service classes for the observers, plain functions for the calls: the
    # proxy classes of the two FASPSessionNET services have one name.
    for kind in (["-j", "-S"], ["-C"]):
        run("soapcpp2", "-1", "-w", "-x", "-L", *kind,
            "-I/usr/share/gsoap/import", "ferry.h", cwd=work)
    run("g++", "-std=c++17", "-O0", "-DWITH_PURE_VIRTUAL", "-I.", "-o", "client",
        HERE / "gsoap/client.cpp", "soapC.cpp", "soapClient.cpp",
        *(f"soap{o}PortBindingService.cpp" for o in OBSERVERS), "-lgsoap++",
        "-lpthread", cwd=work)
    return [work / "client"], {}


def php(base, work):
    debian("php-cli", "php-soap")
    return ["php", "-d", "soap.wsdl_cache_enabled=0",
            HERE / "php/client.php"], {}


def perl(base, work):
    debian("perl", "libsoap-lite-perl", "libhttp-daemon-perl")
    return ["perl", HERE / "perl/client.pl"], {}


STACKS = [ # name, must run, prepare
    ("zeep", True, zeep),
    ("spyne", False, spyne),
    ("node-soap", True, node_soap),
    ("strong-soap", True, strong_soap),
    ("jaxws", True, java("jaxws", wsimport)),
    ("cxf", False, java("cxf", wsdl2java)),
    ("gsoap", True, gsoap),
    ("php", True, php),
    ("perl", False, perl),
]


class Count:
    passed = failed = skipped = 0

    def passes(self):
        self.passed += 1

    def fails(self, what):
        print(f"FAILED {what}", flush=True)
        self.failed += 1

    def skips(self, what):
        print(f"SKIPPED {what}", flush=True)
        self.skipped += 1


def expected_names(base):
    """Every operation of every service, as its WSDL names them, and faults."""
    names = []
    for service in SERVICES:
        with urllib.request.urlopen(
                f"{base}/services/soap/{service}?wsdl") as answer:
            wsdl = etree.parse(answer)
        names += [f"{service} {operation.get('name')}" for operation in
                  wsdl.iterfind(".//{*}portType/{*}operation")]
    return names + ALSO_EXPECTED


def run_stack(name, must, prepare, tee, orders, expected, count):
    base, answers_before = tee.base, tee.answers
    with tempfile.TemporaryDirectory() as work:
        try:
            command, environment = prepare(base, pathlib.Path(work))
        except (CannotInstall, subprocess.TimeoutExpired, OSError) as error:
            (count.fails if must else count.skips)(
                f"{name}: cannot be installed: {error}")
            return
        except CannotBuild as error:
            count.fails(f"{name}: cannot be built from the WSDLs: {error}")
            return
        arguments = environment.pop("arguments", [])
        try:
            done = subprocess.run(
                [*map(str, command), base, *map(str, orders), *arguments],
                text=True, capture_output=True, cwd=work,
                timeout=PROGRAM_SECONDS, env={**os.environ, **environment})
        except subprocess.TimeoutExpired as error:
            count.fails(f"{name}: no end in {PROGRAM_SECONDS} s: "
                        f"{(error.stdout or b'')[-500:]!r}")
            return
    before = count.passed, count.failed, count.skipped
    seen = set()
    for line in done.stdout.splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            continue
        seen.add(match[2])
        if match[1] == "not ok":
            count.fails(f"{name}: {match[2]}: {match[4]}")
        elif match[3]:
            count.skips(f"{name}: {match[2]}: {match[3]}")
        else:
            count.passes()
    missing = [n for n in expected if n not in seen]
    if missing:
        count.fails(f"{name}: not called: {', '.join(missing)}")
    plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.M)
    if done.returncode != 0 or plan is None or count.failed > before[1]:
        if done.returncode != 0 or plan is None:
            count.fails(f"{name}: ended with {done.returncode} before its end")
        print(done.stderr[-6000:], file=sys.stderr)
    if wrong := take_wrong():
        count.fails(f"{name}: not as the schemas say: {wrong}")
    if tee.answers - answers_before < len(expected):
        count.fails(f"{name}: {tee.answers - answers_before} answers seen")
    print(f"{name}: {count.passed - before[0]} passed, "
          f"{count.failed - before[1]} failed, "
          f"{count.skipped - before[2]} skipped", flush=True)


# ---- the quick starts of docs/clients.md ----

# What each needs, and whether it has to run.
QUICK_STACKS = {
    "zeep": (True, lambda: {}),
    "node-soap": (True, node_modules),
    "jaxws": (True, lambda: {"CLASSPATH": java_libraries("jaxws")}),
    "php": (True, lambda: debian("php-cli", "php-soap") or {}),
    "mono": (False, lambda: debian("mono-mcs", "mono-devel") or {}),
    "curl": (True, lambda: have("curl", "curl") or {}),
}


def run_quick_starts(base, there, wanted, count):
    page = quick.blocks()
    for section, stack, check in quick.CHECKS:
        name = f"docs/clients.md, {section}"
        must, prepare = QUICK_STACKS[stack]
        if wanted and stack not in wanted and "quick" not in wanted:
            continue
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            try:
                environment = {**os.environ, **prepare()}
            except (CannotInstall, subprocess.TimeoutExpired, OSError) as error:
                (count.fails if must else count.skips)(
                    f"{name}: cannot be installed: {error}")
                continue
            quick.put_order(page["order.xml"][0], there, PASSWORD, work)
            try:
                check(page[section], base, work, environment)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                count.fails(f"{name}: {error}")
                continue
        count.passes()
        print(f"{name}: as it says", flush=True)


def main():
    binary, *wanted = sys.argv[1:]
    binary = pathlib.Path(binary).resolve()
    unknown = set(wanted) - {name for name, _, _ in STACKS} - {
        *QUICK_STACKS, "quick"}
    assert not unknown, f"no such stack: {unknown}"
    count = Count()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        here, there = Node(binary, folder, "here"), Node(binary, folder, "there")
        try:
            there.add_user()
            here.start()
            there.start()
            (here.docroot / "in").write_bytes(bytes(64 << 20))
            text = order(there, rate=4000)
            orders = folder / "order.xml", folder / "refused.xml"
            orders[0].write_text(text)
            orders[1].write_text(text.replace(
                "<Method>Password</Method></Methods>",
                "<Method>Public Key</Method></Methods>"
                "<KeyPath>/no/such/key</KeyPath>"))
            expected = expected_names(here.soap)
            # What the stacks' own observers get, this one is told as well.
            observer = Observer()
            subscribe(here, observer)
            tee = Tee(here.soap)
            for name, must, prepare in STACKS:
                if not wanted or name in wanted:
                    run_stack(name, must, prepare, tee, orders, expected,
                              count)
            run_quick_starts(tee.base, there, wanted, count)
            tee.close()
            observer.close()
            if not observer.received:
                count.fails("no notification was seen")
        finally:
            here.stop()
            there.stop()
    print(f"{count.passed} passed, {count.failed} failed, "
          f"{count.skipped} skipped")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
