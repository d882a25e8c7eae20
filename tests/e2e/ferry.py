"""Drives the real binary over loopback: nodes, orders, observers.

Every wait has a limit and fails the test itself, with the node's log.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import zeep
from answers import NS, look
from lxml import etree

PASSWORD = "sesame & 'more'"
READY = re.compile(
    r"ready soap=(https?://\S+) transfer=(\S+):(\d+) fingerprint=(SHA256:\S{43})\n")


def wait_until(what, condition, seconds=20):
    """Waits for a true value of condition() and returns it."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.01)


class Node:
    """One `ferry serve` with a state folder and a docroot of its own."""

    def __init__(self, binary, folder, name, soap="127.0.0.1:0",
                 transfer="127.0.0.1:0", options=(), env=()):
        self.binary = str(binary)
        self.name = name
        self.state = folder / f"{name}.state"
        self.docroot = folder / f"{name}.files"
        self.docroot.mkdir()
        self.log_path = folder / f"{name}.log"
        self.options = list(options)
        self.env = dict(env)
        self.soap_listen, self.transfer_listen = soap, transfer
        self.process = None

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--state", self.state, "--docroot",
             self.docroot, "--soap", self.soap_listen, "--transfer",
             self.transfer_listen, "-D", *self.options],
            stdout=subprocess.PIPE, stderr=log, env={**os.environ, **self.env})
        log.close()
        line = self.process.stdout.readline().decode()
        match = READY.fullmatch(line)
        assert match, f"{self.name} printed {line!r}\n{self.log()}"
        self.soap = match[1]
        self.port = int(match[3])
        self.fingerprint = match[4]
        # A restart takes the same ports: clients and peers know them.
        self.soap_listen = self.soap.partition("://")[2]
        self.transfer_listen = f"{match[2]}:{self.port}"
        return self

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = f"no end for 20 s ({self.process.wait()})"
        self.process.stdout.close()
        self.process = None
        assert code == 0, f"{self.name} ended with {code}\n{self.log()[-8000:]}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def ferry(self, *arguments, stdin=None, check=True, env=None):
        """Runs a client command against this node."""
        done = subprocess.run(
            [self.binary, *map(str, arguments)], input=stdin, text=True,
            capture_output=True, timeout=120,
            env={**os.environ, "FERRY_SOAP": getattr(self, "soap", ""),
                 **(env or {})})
        assert not check or done.returncode == 0, (
            f"ferry {arguments}: {done.returncode}\n{done.stderr}")
        return done

    def add_user(self, name="lab", docroot=None, key=None, password=PASSWORD):
        arguments = ["user", "add", name, "--docroot",
                     docroot or self.docroot, "--state", self.state]
        if key:
            arguments += ["--key", key]
        if password:
            arguments.append("--password-stdin")
        self.ferry(*arguments, stdin=f"{password}\n")

    def client(self, service="Transfer-201210"):
        """A zeep service proxy from the served WSDL, old cache or none."""
        wsdl = f"{self.soap}/services/soap/{service}?wsdl"
        return zeep.Client(wsdl).service


def order(node, operation="Push", sources=("/in",), destination="/out",
          user="lab", password=PASSWORD, extra="", rate=1000000,
          policy="Fixed", file_parameters="", port=None, address="127.0.0.1",
          retries=0, retry_s=1):
    """An Order to or from `node`, as a client would write it."""
    escape = lambda text: (text.replace("&", "&amp;").replace("<", "&lt;"))
    paths = lambda names: "".join(f"<Path>{escape(n)}</Path>" for n in names)
    if "<RetryParameters>" not in extra:
        extra += (f"<RetryParameters><Count>{retries}</Count><BaseInterval>"
                  f"{retry_s}</BaseInterval></RetryParameters>")
    here, there = (sources, [destination])
    if operation == "Pull":
        here, there = there, here
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Order>
  <Version>2</Version>
  <Agent>ferry.tests</Agent>
  <Operation>{operation}</Operation>
  <RemoteLocation>
    <System>
      <Address>{address}</Address>
      <Port>{port or node.port}</Port>
      <UserName>{user}</UserName>
      <Password>{escape(password)}</Password>
    </System>
    <Authentication><Methods><Method>Password</Method></Methods></Authentication>
    <Files>{paths(there)}</Files>
  </RemoteLocation>
  <LocalLocation><Files>{paths(here)}</Files></LocalLocation>
  <FileParameters>{file_parameters}</FileParameters>
  <RateParameters><Policy>{policy}</Policy><TargetRate>{rate}</TargetRate></RateParameters>
  {extra}
</Order>"""


class Notification:
    def __init__(self, body):
        self.root = etree.fromstring(body)
        self.element = self.root.find("soap:Body", NS)[0]
        self.kind = ("job" if etree.QName(self.element).namespace == NS["isc"]
                     else "session")
        text = self.element.findtext
        self.name = etree.QName(self.element).localname
        self.subscription = text("SubscriptionID")
        self.headers = {}
        self.event_id = text("EventID")
        self.sequence = int(text("Sequence") or 0)
        self.topic = text("Topic")
        job, session = self.element.find("Job"), self.element.find("Session")
        if job is not None:
            self.job_id = job.findtext("isc:ID", namespaces=NS)
            self.session_id = job.findtext("isc:Status/isc:SessionID",
                                           namespaces=NS)
        if session is not None:
            self.session_id = session.findtext("f06:SessionID", namespaces=NS)

    def __repr__(self):
        return f"<{self.kind} {self.topic} #{self.sequence} {self.event_id}>"


class Observer:
    """Hosts an observer; `answer(notification)` may delay or change the answer:
    it returns a status, or None for no answer at all.  With an ssl.SSLContext
    it is one of https."""

    def __init__(self, answer=lambda notification: 200, port=0, context=None,
                 host="127.0.0.1"):
        self.received = []
        self.arrived = threading.Condition()
        observer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                look(body, "a notification")
                notification = Notification(body)
                notification.action = self.headers.get("SOAPAction")
                notification.headers = self.headers
                notification.body = body
                with observer.arrived:
                    observer.received.append(notification)
                    observer.arrived.notify_all()
                status = answer(notification)
                if status is None:
                    self.close_connection = True
                    return
                reply = (b'<?xml version="1.0"?><e:Envelope xmlns:e="http://'
                         b'schemas.xmlsoap.org/soap/envelope/"><e:Body/>'
                         b"</e:Envelope>")
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            address_family = (socket.AF_INET6 if host == "[::1]"
                              else socket.AF_INET)

            def finish_request(self, request, client):
                if context is None:
                    return super().finish_request(request, client)
                try:
                    request = context.wrap_socket(request, server_side=True)
                except OSError:
                    return None  # who called did not like our certificate
                super().finish_request(request, client)
                request.close()

        self.server = Server(
            ("::1" if host == "[::1]" else "127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = (f"{'https' if context else 'http'}://{host}:{self.port}"
                    "/observer")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, what, condition, seconds=20):
        """Waits until condition(received) is true and returns it."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: condition(self.received),
                                         seconds), (
                f"{what} did not arrive in {seconds} s; had {self.received}")
            return condition(self.received)


def subscribe(node, observer, kind="both", topics=(), duration=None):
    """Subscribes to all jobs, sessions, or both; returns the ids."""
    ids = []
    topics = {"Topic": list(topics)}
    endpoint = {"Address": observer.url, "Action": "urn:test#Notify"}
    if kind in ("job", "both"):
        ids.append(node.client("IScpTransferNET-200604").Subscribe(
            JobID="0", JobObserver=endpoint, Topics=topics,
            Duration=duration).ID)
    if kind in ("session", "both"):
        ids.append(node.client("FASPSessionNET-200601").Subscribe(
            SessionID="0", SessionObserver=endpoint, Topics=topics,
            Duration=duration).ID)
    return ids


def submit(node, definition):
    return node.client().Submit(Type="Aspera.IScpTransfer",
                                Definition=definition).ID


def session_of(node, job_id):
    answer = node.client().GetSessionInfo(SessionFilter={"JobId": [job_id]})
    assert answer.ResultCount == 1, answer
    return answer.SessionInfo[0]


def sessions_of(node, job_id):
    """All sessions of a job, the newest first."""
    return node.client().GetSessionInfo(
        SessionFilter={"JobId": [job_id]}).SessionInfo


def wait_job(node, job_id, seconds=60):
    """Waits until a job is over and returns its sessions, newest first."""
    jobs = node.client("IScpTransferNET-200604")
    wait_until(f"the end of job {job_id}",
               lambda: job_id not in (jobs.ListJobs() or []), seconds)
    return sessions_of(node, job_id)


def wait_end(node, job_id, seconds=60):
    """Waits for the end of a job's session and returns its SessionInfo."""
    ended = ("completed", "error", "cancelled", "orphaned")
    client = node.client()

    def look():
        info = client.GetSessionInfo(
            SessionFilter={"JobId": [job_id]}).SessionInfo[0]
        return info if info.Status in ended else None

    return wait_until(f"the end of job {job_id}", look, seconds)


def tree(folder):
    """What a folder holds: {relative name as bytes: content, None = folder}."""
    found = {}
    root = os.fsencode(folder)
    for base, folders, files in os.walk(root):
        for name in folders:
            path = os.path.join(base, name)
            found[os.path.relpath(path, root)] = None
        for name in files:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found
