"""What an answer or a notification must be: the layout of the envelope that
clients read by position, to the byte, and the schemas.

`look()` is told of every answer and every notification that the tests see, in
whatever thread; a test in which one was wrong fails (`wrong`, conftest.py).
"""

import pathlib
import re
import threading

import requests
from lxml import etree

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
NS = {
    "soap": SOAP11,
    "job": "urn:Aspera:XML:JobNET:2006/01:Types",
    "isc": "urn:Aspera:XML:IScpTransferNET:2006/04:Types",
    "f06": "urn:Aspera:XML:FASPSessionNET:2006/01:Types",
    "f09": "urn:Aspera:XML:FASPSessionNET:2009/11:Types",
    "evt": "urn:ferry:xml:EventNET:2026/11:Types",
}


def all_schemas():
    """One schema of all namespaces.  That of EventNET imports two of the
    others without saying where they are: they have to be there before it."""
    places = {"job": "JobNET-2006-01.xsd", "isc": "IScpTransferNET-200604.xsd",
              "f06": "FASPSessionNET-200601.xsd",
              "f09": "FASPSessionNET-2009-11.xsd",
              "evt": "EventNET-202611.xsd"}
    imports = "".join(
        f'<xs:import namespace="{NS[name]}" schemaLocation="{SCHEMAS / file}"/>'
        for name, file in places.items())
    return etree.XMLSchema(etree.fromstring(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f"{imports}</xs:schema>"))


SCHEMA = all_schemas()


def check_schema(element):
    SCHEMA.assertValid(etree.ElementTree(element))


OPEN = re.compile(
    r'<\?xml version="1\.0" encoding="UTF-8"\?>\s*'
    r'<soapenv:Envelope xmlns:soapenv="([^"]*)"(?: xmlns:ns1="([^"]*)")?>'
    r"<soapenv:Body>(<soapenv:Fault>|<ns1:(\w+)(?:>|/>))")
checked = {"answers": 0}


def check_envelope(text):
    """The layout that clients read by position, and the schemas."""
    match = OPEN.match(text)
    assert match, text[:400]
    assert match[1] in (SOAP11, SOAP12)
    fault = match[4] is None
    end = "</soapenv:Fault>" if fault else f"</ns1:{match[4]}>"
    assert re.search(re.escape(end) + r"</soapenv:Body></soapenv:Envelope>\s*$",
                     text) or (not fault and f"<ns1:{match[4]}/></soapenv:Body>"
                               in text), text[-300:]
    root = etree.fromstring(text.encode())
    assert len(root) == 1 and not root[0].attrib and len(root[0]) == 1
    content = root[0][0]
    declared = sum(tag.count(" xmlns") for tag in re.findall("<[^>]*>", text))
    if match[2] == NS["evt"]: # whose events hold types of other schemas
        declared -= len(re.findall(r"<(?:Job|Session) xmlns:ns2=", text))
    assert declared == (2 if match[2] else 1), "two declarations"
    if not fault:
        assert match[2] == etree.QName(content).namespace
        check_schema(content)
    else:
        check_fault(content, match)
    checked["answers"] += 1
    return content


def check_fault(fault, match):
    soap12 = match[1] == SOAP12
    names = [etree.QName(child).localname for child in fault]
    wanted = ["Code", "Reason"] if soap12 else ["faultcode", "faultstring"]
    assert names[:2] == wanted, names
    assert names[2:] in ([], ["Detail" if soap12 else "detail"]), names
    assert (len(names) == 3) == (match[2] is not None), "ns1 is the detail's"
    if len(names) == 3:
        assert len(fault[2]) == 1
        check_schema(fault[2][0])


# ---- all that is seen ----

wrong = []
one_at_a_time = threading.Lock()


def look(text, what):
    """Checks an envelope that came from a node, whoever asked for it."""
    try:
        if isinstance(text, bytes):
            text = text.decode()
        with one_at_a_time: # the schema keeps its last errors
            check_envelope(text)
    except (AssertionError, UnicodeDecodeError, etree.LxmlError) as error:
        wrong.append(f"{what}: {type(error).__name__}: {error}\n{text[:3000]}")


def take_wrong():
    """What was wrong since it was asked last, as one text."""
    found = "\n".join(wrong)
    wrong.clear()
    return found


requests_send = requests.Session.send


def send_and_look(self, request, **options):
    """requests, and zeep on it: every answer to a POST is a SOAP envelope."""
    answer = requests_send(self, request, **options)
    if request.method == "POST":
        look(answer.content, f"the answer of {request.url}")
    return answer


requests.Session.send = send_and_look
