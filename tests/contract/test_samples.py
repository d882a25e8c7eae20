"""schemas/samples: each is valid, each request gets the answer beside it from
the real binary, and nothing that the tables of src/ name lacks its sample."""

import re

import pytest
from answers import NS, check_envelope, check_schema
from lxml import etree
from samples import (NO_ID, OBSERVERS, SAMPLES, SCHEMAS, SERVICES, WSDL, World,
                     content, faults, operations_of, path_of, read, table,
                     topics)

FOLDERS = {folder: prefix for prefix, folder in
           [*SERVICES.items(), *OBSERVERS.items()]}
PATHS = sorted(SAMPLES.glob("*/*.xml"))
TABLE = table()
FAULTS = faults()
# The constants of operations.def in the words of the WSDLs.
NAMES = {"JOB_NET": "JobNET-200601",
         "ISCP_TRANSFER_NET": "IScpTransferNET-200604",
         "FASP_SESSION_NET_2006": "FASPSessionNET-200601",
         "FASP_SESSION_NET_2009": "FASPSessionNET-200911",
         "EVENT_NET": "EventNET-202611",
         "JOB_OBSERVER": "JobObserver", "SESSION_OBSERVER": "SessionObserver"}


@pytest.fixture(scope="module")
def world(binary, tmp_path_factory):
    made = World(binary, tmp_path_factory.mktemp("samples"))
    yield made
    made.close()


@pytest.fixture
def clean(world):
    yield world
    world.clean()


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


def part(envelope):
    """What the schemas know of an envelope's content."""
    inside = content(envelope)
    if etree.QName(inside).localname != "Fault":
        return inside
    detail = inside.find("detail")
    assert len(detail) == 1
    return detail[0]


# ---- the samples by themselves ----

@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_it_is_valid(path):
    element = part(read(path))
    check_schema(element)
    name = etree.QName(element)
    assert name.namespace == NS[FOLDERS[path.parent.name]]
    assert name.localname == path.stem.partition("-")[0]


def wanted_samples():
    """The file of every message, fault and notification of the tables."""
    files = {path_of(SERVICES[prefix], element)
             for prefix, element in FAULTS.values()}
    for service, name, request, response, _ in TABLE:
        folder = NAMES[service]
        files.add(path_of(folder, response[1]))
        if name != "Notify":
            files.add(path_of(folder, request[1]))
    return files | {path_of(folder, f"NotifyRequest-{topic}")
                    for folder, topic in topics()}


def test_every_row_of_the_tables_has_its_sample():
    assert set(PATHS) == wanted_samples()
    assert len(TABLE) == 37 and len(FAULTS) == 9 and len(topics()) == 10, (
        "the tables have grown, and have been read: say so here")


def test_the_wsdls_are_what_the_table_says():
    """Name, request, response, faults; nothing more, nothing less."""
    said = {(NAMES[service], name, request, response,
             frozenset(FAULTS[d] for d in details))
            for service, name, request, response, details in TABLE}
    found = {(service, *row) for service in FOLDERS for row in declared(service)}
    assert found == said
    # The aggregate has no messages of its own.
    messages = {row[2:4] for row in said}
    aggregate = list(declared("Transfer-201210"))
    assert len(aggregate) == 18
    assert {row[1:3] for row in aggregate} <= messages


def declared(service):
    wsdl = etree.parse(str(SCHEMAS / f"{service}.wsdl"))
    elements = {
        m.get("name"): tuple(m.find("w:part", WSDL).get("element").split(":"))
        for m in wsdl.iterfind("w:message", WSDL)}

    def element(port):
        return elements[port.get("message").split(":")[1]]

    for operation in wsdl.iterfind("w:portType/w:operation", WSDL):
        yield (operation.get("name"),
               element(operation.find("w:input", WSDL)),
               element(operation.find("w:output", WSDL)),
               frozenset(element(f) for f in
                         operation.findall("w:fault", WSDL)))


# ---- against the real binary ----

CALLS = [(service, *row)
         for service in [*SERVICES.values(), "Transfer-201210"]
         for row in operations_of(service)]


def answer_to(world, service, action, request, status):
    got, answer = world.post(service, action, request)
    assert got == status, answer
    check_envelope(answer)
    return content(answer)


def known_ones(world, element):
    """A list without what other cases have made."""
    for child in element.findall("SubscriptionResource"):
        if child[0].text not in world.made.values():
            element.remove(child)
    return element


@pytest.mark.parametrize("service, name, action, request_element", CALLS,
                         ids=[f"{c[0]}#{c[1]}" for c in CALLS])
def test_a_request_gets_the_answer_of_the_sample(
        clean, service, name, action, request_element):
    prefix, element = request_element
    folder = SERVICES[prefix]
    request, answer = clean.fill(
        read(path_of(folder, element)),
        read(path_of(folder, element.replace("Request", "Response"))))
    got = answer_to(clean, service, action, request, 200)
    if name == "ListSubscriptions":
        known_ones(clean, got)
    assert clean.shape(got) == clean.shape(content(answer))
    if name == "Submit":
        clean.let_end(got.findtext(".//{*}ID"))
    elif name == "Subscribe":
        clean.forget(prefix, got.findtext(".//{*}ID"))


# What makes the sample of Submit one that is refused.
REFUSED = {
    "JOB_TYPE_NOT_FOUND": ("<Type>Aspera.IScpTransfer<",
                           "<Type>Example.Unknown<"),
    "JOB_FORMAT_INVALID": ("<Operation>Push<", "<Operation>Send<"),
    "JOB_SUBMISSION_ERROR": (
        "<SecurityParameters>",
        "<SecurityParameters><SSHFingerprint>none</SSHFingerprint>"),
}
REFUSALS = [(row, detail) for row in TABLE for detail in row[4]]


def refused(detail, request):
    """The request, such that the fault `detail` answers it."""
    if detail in REFUSED:
        pattern, instead = REFUSED[detail]
    elif detail == "FILTER_CHANGED":
        pattern = "(Filter>)"
        instead = r"\1<IterationToken>of another filter</IterationToken>"
    else:
        pattern = "<((?:Job|Session|Subscription)ID)>[^<]*<"
        instead = rf"<\1>{NO_ID}<"
    changed, count = re.subn(pattern, instead, request, count=1)
    assert count == 1
    return changed


@pytest.mark.parametrize("row, detail", REFUSALS,
                         ids=[f"{r[0]}#{r[1]}-{d}" for r, d in REFUSALS])
def test_a_refusal_is_the_fault_of_the_sample(clean, row, detail):
    prefix, element = FAULTS[detail]
    request = refused(detail, read(path_of(NAMES[row[0]], row[2][1])))
    request, fault = clean.fill(
        request, read(path_of(SERVICES[prefix], element)))
    got = answer_to(clean, NAMES[row[0]], "", request, 500)
    assert clean.shape(got) == clean.shape(content(fault))


NOTIFICATIONS = [(folder, topic) for folder, topic in topics()]


@pytest.mark.parametrize("folder, topic", NOTIFICATIONS,
                         ids=[f"{f}-{t}" for f, t in NOTIFICATIONS])
def test_a_notification_is_that_of_the_sample(clean, folder, topic):
    (sample,) = clean.fill(read(path_of(folder, f"NotifyRequest-{topic}")))
    wanted = content(sample)
    subject = next(e.text for e in wanted.iter("{*}ID", "{*}SessionID"))
    kind = "job" if folder == "JobObserver" else "session"
    found = clean.observer.wait_for(topic, lambda got: [
        n for n in got if n.kind == kind and n.topic == topic
        and subject == getattr(n, f"{kind}_id")])[0]
    check_envelope(found.body.decode())
    assert clean.shape(found.element) == clean.shape(wanted)


@pytest.mark.parametrize("folder", OBSERVERS.values())
def test_the_end_of_a_subscription_is_told_as_in_the_sample(clean, folder):
    (sample,) = clean.fill(read(path_of(folder, "SubscriptionNotifyRequest")))
    wanted = content(sample)
    subject = wanted.findtext("SubscriptionResource/{*}ID")
    found = clean.ends.wait_for("the end", lambda got: [
        n for n in got if n.element.findtext(
            "SubscriptionResource/{*}ID") == subject])[0]
    check_envelope(found.body.decode())
    assert clean.shape(found.element) == clean.shape(wanted)


def test_a_shape_tells_what_differs(clean):
    """The comparison sees each kind of difference, and no volatile value."""
    text = read(path_of("JobNET-200601", "SubmitResponse"))
    (filled,) = clean.fill(text)
    same = clean.shape(content(filled))
    assert clean.shape(content(filled.replace("ns1", "other"))) == same
    for old, new in (
            ("<ns1:Type>", "<ns1:Type> x"), ("<ns1:Type>", "<ns1:Kind>"),
            ("<ns1:Type>", "<Type>"), ("<JobResult>", "<JobResult><New/>")):
        changed = filled.replace(old, new)
        closing = (old.replace("<", "</"), new.replace("<", "</"))
        if "x" not in new and "New" not in new:
            changed = changed.replace(*closing)
        assert clean.shape(content(changed)) != same, new
    first, second = content(filled)[0]
    first.addprevious(second)
    assert clean.shape(first.getparent().getparent()) != same, "order"
