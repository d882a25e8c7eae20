"""The quick starts of docs/clients.md, run as they are written there: only the
server's address and the remote node of order.xml are put in."""

import html
import pathlib
import re
import shlex
import socket
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/clients.md"
ADDRESS = "http://127.0.0.1:40001"
FOUND = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} "
                   r"(waiting|running|completed)")
SECONDS = 120


def blocks():
    """The examples of each section; order.xml's is that of the preface."""
    section, found = "order.xml", {}
    for line, language, text in re.findall(
            r"^## ([^\n]*)$|^```(\w+)\n(.*?)^```$", PAGE.read_text(),
            re.M | re.S):
        section = line or section
        if language:
            found.setdefault(section, []).append(text)
    return found


def put_order(text, there, password, work):
    for old, new in (
            ("<Address>archive.example.org</Address>",
             f"<Address>127.0.0.1</Address><Port>{there.port}</Port>"),
            ("<Password>secret<",
             f"<Password>{html.escape(password)}<")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (work / "order.xml").write_text(text)


def shell(work, text, environment):
    """Runs lines as a person would type them."""
    done = subprocess.run(["sh", "-e"], input=text, text=True, cwd=work,
                          capture_output=True, timeout=SECONDS,
                          env=environment)
    return done.stdout + done.stderr


def expect(output, pattern=FOUND):
    if not re.search(pattern, output):
        raise AssertionError(f"no {pattern} in: {output[-2000:]}")


def file_and_run(name, command):
    def check(texts, base, work, environment):
        (work / name).write_text(texts[0].replace(ADDRESS, base))
        expect(shell(work, command.replace(ADDRESS, base), environment))
    return check


def curl(texts, base, work, environment):
    output = shell(work, texts[0].replace(ADDRESS, base), environment)
    expect(output, r"[<:]ID>[0-9a-f-]{36}</")
    expect(output, r"<ResultCount>\d+</ResultCount>")


def node_observer(texts, base, work, environment):
    """The second example of its section: subscribes, and prints what it is
    told of the first one's job."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    expect(shell(work, f"curl -s -o SessionObserver.wsdl '{base}/services/soap/"
                       "SessionObserver?wsdl'; echo got", environment), "got")
    (work / "observer.js").write_text(
        "const fs = require('fs'), soap = require('soap');\n"
        "(async () => {\n" + texts[1].replace(ADDRESS, base).replace(
            "8088", port) + "\nconsole.log('subscribed');\n})();\n")
    (work / "quick.js").write_text(texts[0].replace(ADDRESS, base))
    observer = subprocess.Popen(["node", "observer.js"], cwd=work, text=True,
                                env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    try:
        expect(observer.stdout.readline(), "subscribed")
        expect(shell(work, "node quick.js", environment))
        expect(observer.stdout.readline(), r"^\d+ Start [0-9a-f-]{36}$")
    finally:
        observer.kill()
        observer.wait()
        observer.stdout.close()


# Section, what it needs, what to do.
CHECKS = (
    ("Python", "zeep", file_and_run(
        "quick.py", f"{shlex.quote(sys.executable)} quick.py")),
    ("Node", "node-soap", file_and_run("quick.js", "node quick.js")),
    ("Node", "node-soap", node_observer),
    ("Java", "jaxws", file_and_run(
        "Quick.java",
        "java com.sun.tools.ws.WsImport -quiet -keep " # the program wsimport
        f"'{ADDRESS}/services/soap/Transfer-201210?wsdl'\n"
        'CLASSPATH="$CLASSPATH:."\njavac -nowarn Quick.java\njava Quick')),
    ("PHP", "php", file_and_run(
        "quick.php", "php -d soap.wsdl_cache_enabled=0 quick.php")),
    ("C#", "mono", file_and_run(
        "Quick.cs",
        "wsdl -out:Ferry.cs "
        f"'{ADDRESS}/services/soap/Transfer-201210?wsdl'\n"
        "mcs -r:System.Web.Services Quick.cs Ferry.cs\nmono Quick.exe")),
    ("curl", "curl", curl),
)
