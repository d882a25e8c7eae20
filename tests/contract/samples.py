"""The samples of schemas/samples, and two real nodes to hold them against.

An id in a sample stands for something that exists: `World.ids` says what, and
makes it when a sample names it.  So no case depends on another one.
"""

import pathlib
import re
import urllib.request

from ferry import NS, Node, Observer, order, submit, wait_end, wait_until
from lxml import etree
from wire import SCHEMAS

SAMPLES = SCHEMAS / "samples"
SOURCES = SCHEMAS.parent / "src"
SERVICES = {"job": "JobNET-200601", "isc": "IScpTransferNET-200604",
            "f06": "FASPSessionNET-200601", "f09": "FASPSessionNET-200911",
            "evt": "EventNET-202611"}
OBSERVERS = {"isc": "JobObserver", "f06": "SessionObserver"}
WSDL = {"w": "http://schemas.xmlsoap.org/wsdl/",
        "s": "http://schemas.xmlsoap.org/wsdl/soap/"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

NO_ID = "00000000-0000-4000-8000-000000000000"
JOB = "5b0e7c1a-2f64-4d8b-9a3e-61c7d2f80a01"
SESSION = "c41d9e7f-83a2-4b06-8f5d-0e92b7a6d301"
RUNNING_JOB = "5b0e7c1a-2f64-4d8b-9a3e-61c7d2f80a02"
RUNNING_SESSION = "c41d9e7f-83a2-4b06-8f5d-0e92b7a6d302"
CHANGED_SESSION = "c41d9e7f-83a2-4b06-8f5d-0e92b7a6d303"
FAILED_JOB = "5b0e7c1a-2f64-4d8b-9a3e-61c7d2f80a04"
FAILED_SESSION = "c41d9e7f-83a2-4b06-8f5d-0e92b7a6d304"
JOBS_SUBSCRIPTION = "8e62f0b3-1d57-4ac9-b7e0-4f3a95c81d01"
SESSIONS_SUBSCRIPTION = "8e62f0b3-1d57-4ac9-b7e0-4f3a95c81d02"
FAILING_SUBSCRIPTION = "8e62f0b3-1d57-4ac9-b7e0-4f3a95c81d03"
ENDED_JOBS_SUBSCRIPTION = "8e62f0b3-1d57-4ac9-b7e0-4f3a95c81d04"
ENDED_SESSIONS_SUBSCRIPTION = "8e62f0b3-1d57-4ac9-b7e0-4f3a95c81d05"

HOST = "transfer.example.com"
PORT = "33001"
ADDRESSES = ("192.0.2.10", "192.0.2.20") # of server and client, once known
OBSERVER = "http://observer.example.com/notify"
ENDER = "http://observer.example.com/ended"
PASSWORD = "open sesame"

# What is another each time: only that it is there, and its type, is held
# against the sample.
VOLATILE = {
    "StartDate", "EndDate", "Time", "LastErrorTime", "NextAttempt",
    "IterationToken", "EventID", "Sequence", "NextSequence", "FirstSequence",
    "LastSequence", "Backlog", "FailedAttempts", "LastError", "State",
    "TimeRemaining", "Elapsed", "uSecondsElapsed", "NetworkDelay", "Delay",
    "Efficiency", "BytesTransferred", "BytesLost"}
# What a session had reached at the moment of an event.
COUNTERS = {"FileCount", "FilesComplete", "FilesFailed", "FilesTransferring",
            "BytesWritten", "BytesContiguous", "Name", "Size", "FASPPort"}


def path_of(folder, name):
    return SAMPLES / folder / f"{name}.xml"


def read(path):
    return path.read_text(encoding="utf-8")


def content(text):
    """The one element of the Body of an envelope."""
    root = etree.fromstring(text.encode())
    body = root.findall("{*}Body")
    assert len(body) == 1 and len(body[0]) == 1, text[:300]
    return body[0][0]


# ---- what the tables of src/ say ----

def c_names():
    """{C name: (prefix of the namespace, element)} of all elements."""
    found = {}
    for path in (SOURCES / "soap").glob("*.def"):
        for match in re.finditer(
                r'(?:ELEMENT|EMPTY)\((\w+), (\w+),\s*"(\w+)"', read(path)):
            found[match[2]] = match[1].lower(), match[3]
    return found


def table():
    """The rows of operations.def: (service, name, request, response, details),
    each element as (prefix, name), each detail as its name in fault.h."""
    names = c_names()
    text = re.sub(r"/\*.*?\*/", "", read(SOURCES / "soap/operations.def"),
                  flags=re.S)
    rows = []
    for match in re.finditer(
            r'OPERATION\(\s*\w+,\s*"(\w+)",\s*(\w+),\s*(\w+),\s*(\w+),'
            r"\s*((?:[^()]|\(\w+\))*)\)", text):
        rows.append((match[2], match[1], names[match[3]], names[match[4]],
                     re.findall(r"DETAIL\((\w+)\)", match[5])))
    assert len(rows) == text.count("OPERATION(")
    return rows


def faults():
    """{detail: (prefix, element)} of fault.c."""
    names = c_names()
    return {match[1]: names[match[2]] for match in re.finditer(
        r"\[SOAP_DETAIL_(\w+)\]\s*=\s*\{&soap_type_(\w+)",
        read(SOURCES / "soap/fault.c"))}


def topics():
    """(folder of the observer, topic) of all kinds of events."""
    return [({"JOB": "JobObserver", "SESSION": "SessionObserver"}[match[1]],
             match[2]) for match in re.finditer(
                 r'\{STORE_TOPIC_([A-Z]+)_\w+, "(\w+)"\}',
                 read(SOURCES / "central/topics.c"))]


def operations_of(service):
    """(name, SOAPAction, request element) of what a WSDL declares."""
    wsdl = etree.parse(str(SCHEMAS / f"{service}.wsdl"))
    elements = {
        m.get("name"): m.find("w:part", WSDL).get("element").split(":")
        for m in wsdl.iterfind("w:message", WSDL)}
    for operation in wsdl.iterfind("w:binding/w:operation", WSDL):
        name = operation.get("name")
        port = wsdl.find(
            f"w:portType/w:operation[@name='{name}']/w:input", WSDL)
        message = port.get("message").split(":")[1]
        yield (name, operation.find("s:operation", WSDL).get("soapAction"),
               tuple(elements[message]))


# ---- the nodes ----

class World:
    """Two nodes, an observer of all events, and what the samples name."""

    def __init__(self, binary, folder):
        self.here, self.there = (Node(binary, folder, "here"),
                                 Node(binary, folder, "there"))
        self.there.add_user(password=PASSWORD)
        self.here.start()
        self.there.start()
        self.observer, self.ends = Observer(), Observer()
        (self.here.docroot / "reel.mov").write_bytes(bytes(range(256)) * 4096)
        (self.here.docroot / "long.mov").write_bytes(bytes(64 << 20))
        self.iscp = self.here.client(SERVICES["isc"])
        self.f06 = self.here.client(SERVICES["f06"])
        self.events = self.here.client(SERVICES["evt"])
        self.endpoint = {"Address": self.observer.url, "Action": ""}
        self.kept, self.made, self.cleanups = {}, {}, []
        self.all = [
            self.iscp.Subscribe(JobID="0", JobObserver=self.endpoint,
                                Topics={}).ID,
            self.f06.Subscribe(SessionID="0", SessionObserver=self.endpoint,
                               Topics={"Topic": ["*", "Statistics"]}).ID]

    def close(self):
        self.clean()
        self.here.stop()
        self.there.stop()
        self.observer.close()
        self.ends.close()

    # -- what an id stands for --

    def make(self, sample_id):
        """Makes what an id of a sample stands for; nothing for other ids."""
        if sample_id in self.made:
            return
        for ids, maker, keeps in (
                ((JOB, SESSION), self.whole, True),
                ((FAILED_JOB, FAILED_SESSION), self.failing, True),
                ((RUNNING_JOB, RUNNING_SESSION), self.running, False),
                ((None, CHANGED_SESSION), self.changed, False),
                ((JOBS_SUBSCRIPTION,), self.of_jobs, False),
                ((SESSIONS_SUBSCRIPTION,), self.of_sessions, False),
                ((FAILING_SUBSCRIPTION,), self.failing_delivery, False),
                ((ENDED_JOBS_SUBSCRIPTION,), self.ended_jobs, False),
                ((ENDED_SESSIONS_SUBSCRIPTION,), self.ended_sessions, False)):
            if sample_id not in ids:
                continue
            actual = self.kept.get(ids) or maker()
            if keeps:
                self.kept[ids] = actual
            self.made.update(
                (i, a) for i, a in zip(ids, actual) if i is not None)

    def fill(self, *texts):
        """Samples with what they name made, and its ids and addresses put in."""
        for found in UUID.finditer("".join(texts)):
            self.make(found[0])
        return tuple(self.put_in(text) for text in texts)

    def put_in(self, text):
        for sample, actual in self.replacements():
            text = text.replace(sample, actual)
        return text

    def replacements(self):
        return [*self.made.items(), (HOST, "127.0.0.1"),
                (f"<Port>{PORT}<", f"<Port>{self.there.port}<"),
                (OBSERVER, self.observer.url), (ENDER, self.ends.url)]

    def clean(self):
        while self.cleanups:
            self.cleanups.pop()()
        self.made.clear()

    def later(self, call, **arguments):
        self.cleanups.append(lambda: call(**arguments))

    # -- the makers --

    def start(self, definition):
        job = submit(self.here, definition)
        return job, self.iscp.QueryJob(JobID=job).Status.SessionID

    def whole(self):
        """The order of the sample of Submit, which completes."""
        request = content(self.put_in(read(
            path_of(SERVICES["job"], "SubmitRequest"))))
        job, session = self.start(request.findtext("Definition"))
        assert wait_end(self.here, job).Status == "completed"
        return job, session

    def running(self):
        job, session = self.start(order(
            self.there, sources=["/long.mov"], destination="/running/",
            password=PASSWORD, rate=8000))
        self.later(self.over, job=job)
        wait_until("bytes", lambda: (
            self.here.client().GetSessionInfo(SessionFilter={
                "SessionUUID": [session]}).SessionInfo[0].BytesWritten))
        return job, session

    def changed(self):
        job, session = self.running()
        self.f06.SetTargetRate(SessionID=session, TargetRate=20000)
        return job, session

    def failing(self):
        """Nobody listens there: it tries once more, and gives up."""
        job, session = self.start(order(
            self.there, sources=["/reel.mov"], password=PASSWORD, port=1,
            retries=1, retry_s=1))
        wait_until("the end", lambda: job not in (self.iscp.ListJobs() or []))
        return job, self.iscp.QueryJob(JobID=job).Status.SessionID

    def over(self, job):
        self.iscp.Cancel(JobID=job)

    def let_end(self, job):
        wait_end(self.here, job)

    def of_jobs(self, **more):
        made = self.iscp.Subscribe(
            JobID="0", JobObserver=self.endpoint,
            Topics={"Topic": ["Stop", "Error"]}, Duration=3600, **more).ID
        self.later(self.forget, prefix="isc", subscription=made)
        return (made,)

    def of_sessions(self, **more):
        made = self.f06.Subscribe(
            SessionID="0", SessionObserver=self.endpoint,
            Topics={"Topic": ["Stop", "Error"]}, Duration=3600, **more).ID
        self.later(self.forget, prefix="f06", subscription=made)
        return (made,)

    def forget(self, prefix, subscription):
        service = {"isc": self.iscp, "f06": self.f06}[prefix]
        if subscription in {s.ID for s in service.ListSubscriptions() or []}:
            service.Unsubscribe(SubscriptionID=subscription)

    def failing_delivery(self):
        made = self.iscp.Subscribe(
            JobID="0", Topics={}, JobObserver={
                "Address": "http://127.0.0.1:1/", "Action": ""}).ID
        self.later(self.forget, prefix="isc", subscription=made)
        wait_end(self.here, submit(self.here, order(
            self.there, sources=["/reel.mov"], password=PASSWORD)))
        wait_until("a failed delivery", lambda: (
            self.events.QueryDelivery(SubscriptionID=made).LastError))
        return (made,)

    def ended_jobs(self):
        ender = {"Address": self.ends.url, "Action": ""}
        (made,) = self.of_jobs(SubscriptionObserver=ender)
        self.iscp.Unsubscribe(SubscriptionID=made)
        return (made,)

    def ended_sessions(self):
        ender = {"Address": self.ends.url, "Action": ""}
        (made,) = self.of_sessions(SubscriptionObserver=ender)
        self.f06.Unsubscribe(SubscriptionID=made)
        return (made,)

    # -- comparing --

    def plain(self, text):
        """An actual value in the words of the samples."""
        words = {actual: sample for sample, actual in self.made.items()}
        words |= {str(self.there.port): PORT, str(self.here.port): PORT,
                  "127.0.0.1": "an address", HOST: "an address",
                  **dict.fromkeys(ADDRESSES, "an address"),
                  self.observer.url: OBSERVER, self.ends.url: ENDER}
        return words.get(text, text)

    def shape(self, element, is_running=False):
        """Its elements in order: "depth {namespace}name = text"."""
        lines = []

        def walk(at, depth, is_running):
            assert not at.attrib, etree.tostring(at)
            name = etree.QName(at).localname
            text = (at.text or "").strip() if len(at) == 0 else ""
            text = self.plain(text)
            if name in VOLATILE or (is_running and name in COUNTERS):
                text = "*"
            elif UUID.fullmatch(text) and text not in [NO_ID, *self.made]:
                text = "an id"
            elif is_running and text == "an address":
                text = "" # as long as it has not connected
            lines.append(f"{depth} {at.tag} = {text}")
            is_running |= name in ("NotifyRequest", "Event")
            for child in at:
                walk(child, depth + 1, is_running)

        walk(element, 0, False)
        return lines

    def post(self, service, action, envelope):
        """(status, answer) of an envelope."""
        request = urllib.request.Request(
            f"{self.here.soap}/services/soap/{service}", envelope.encode(),
            {"Content-Type": "text/xml; charset=utf-8",
             "SOAPAction": f'"{action}"'})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
