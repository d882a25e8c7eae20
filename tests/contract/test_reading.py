"""The contract, section 1: what is accepted, and what is refused and how."""

import pytest

from ferry import NS
from wire import (CALL, GOOD, SOAP11, SOAP12, TRANSFER, Wire, ask, check_answer,
                  envelope, fault_of, node, request, works)

BOM8 = b"\xef\xbb\xbf"
DECLARED = '<?xml version="1.0" encoding="{}"?>'
MEDIA = "Content-Type: "
UTF16 = envelope(before=DECLARED.format("UTF-16"))
STATUS = f'''<q:GetSessionInfoRequest xmlns:q="{NS["f09"]}">
  <SessionFilter><SessionStatus>{{}}</SessionStatus></SessionFilter>
</q:GetSessionInfoRequest>'''


def chunked(body, *sizes):
    """The body in chunks of these sizes, the rest in one."""
    out, body = b"", body.encode()
    for size in (*sizes, len(body)):
        piece, body = body[:size], body[size:]
        if piece:
            out += b"%x\r\n%s\r\n" % (len(piece), piece)
    return out + b"0\r\n\r\n"


ACCEPTED = [
    ("text/xml", GOOD),
    ("no media type", request(media="")),
    ("charset unquoted", request(media=MEDIA + "text/xml;charset=UTF-8")),
    ("charset quoted", request(media=MEDIA + 'text/xml; charset="utf-8"')),
    ("charset absent", request(media=MEDIA + "text/xml")),
    ("media type in capitals", request(media=MEDIA + "Text/XML; Charset=UTF-8")),
    ("a harmless parameter", request(media=MEDIA + 'text/xml; a=b; c="d;e"')),
    ("declared UTF-8", request(envelope(before=DECLARED.format("utf-8")))),
    ("BOM", request(BOM8 + envelope().encode())),
    ("BOM and declaration",
     request(BOM8 + envelope(before=DECLARED.format("UTF-8")).encode())),
    ("UTF-16 with BOM", request(UTF16.encode("utf-16"),
                                media=MEDIA + "text/xml; charset=utf-16")),
    ("UTF-16 big endian with BOM", request(
        b"\xfe\xff" + UTF16.encode("utf-16-be"), media=MEDIA + "text/xml")),
    ("UTF-16LE by charset", request(
        envelope().encode("utf-16-le"),
        media=MEDIA + "text/xml; charset=UTF-16LE")),
    ("charset wins over the declaration", request(
        envelope(before=DECLARED.format("UTF-16")),
        media=MEDIA + "text/xml; charset=utf-8")),
    ("SOAPAction of another operation",
     request(headers=['SOAPAction: "IScpTransferNET-200604#Cancel"'])),
    ("SOAPAction unquoted", request(headers=["SOAPAction: JobNET-200601#Submit"])),
    ("SOAPAction empty", request(headers=["SOAPAction:"])),
    ("Authorization on loopback",
     request(headers=["Authorization: Basic bm9ib2R5Om5vYm9keQ=="])),
    ("HTTP/1.0", request(version="HTTP/1.0")),
    ("HTTP/1.0 without Host", request(version="HTTP/1.0", host="")),
    ("chunked", request(b"", length=False,
                        headers=["Transfer-Encoding: chunked"]) +
     chunked(envelope(), 1, 7)),
    ("chunked with a trailer", request(
        b"", length=False, headers=["Transfer-Encoding: Chunked"]) +
     chunked(envelope())[:-2] + b"X-Sum: 1\r\n\r\n"),
    ("Connection: TE, close", request(headers=["TE: trailers",
                                               "Connection: TE, close"])),
    ("white space and comments around", request(
        "\n <!-- a -->" + envelope(f"\n {CALL} <!-- b --> ") + "\n")),
    ("an empty Header", request(envelope(head="<s:Header/>"))),
    ("an unknown header block", request(envelope(
        head='<s:Header><x:a xmlns:x="urn:x">1</x:a></s:Header>'))),
    ("mustUnderstand 0", request(envelope(
        head='<s:Header><x:a xmlns:x="urn:x" s:mustUnderstand="0"/></s:Header>'))),
    ("any path of a service", request(path="/services/soap/FASPSessionNET-200911")),
    ("other prefixes", request(
        f'<Envelope xmlns="{SOAP11}"><Body><ListTypesRequest '
        f'xmlns="{NS["job"]}"/></Body></Envelope>')),
    ("a Body with an attribute", request(envelope().replace(
        "<s:Body>", '<s:Body a="1">'))),
]


@pytest.mark.parametrize("data", [c[1] for c in ACCEPTED],
                         ids=[c[0] for c in ACCEPTED])
def test_what_is_accepted(node, data):
    answer = ask(node, data)
    assert answer.status == 200, answer
    assert "Aspera.IScpTransfer" in answer.text


CODINGS = [ # bytes of the envelope, charset
    ("UTF-8", lambda text: text.encode(), "utf-8"),
    ("UTF-8 without a charset", lambda text: text.encode(), None),
    ("UTF-8 with a BOM", lambda text: BOM8 + text.encode(), "UTF-8"),
    ("UTF-16 with a BOM", lambda text: text.encode("utf-16"), "utf-16"),
    ("UTF-16 with a BOM and no charset",
     lambda text: text.encode("utf-16"), None),
    ("UTF-16LE", lambda text: text.encode("utf-16-le"), "UTF-16LE"),
    ("UTF-16BE", lambda text: text.encode("utf-16-be"), "utf-16be"),
    ("UTF-16BE by its declaration alone",
     lambda text: (DECLARED.format("UTF-16") + text).encode("utf-16-be"),
     None),
]
WAYS = ["1.1 with a length", "1.1 in one chunk", "1.1 in chunks of a byte",
        "1.1 that asks first", "1.0"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encode, charset", [c[1:] for c in CODINGS],
                         ids=[c[0] for c in CODINGS])
@pytest.mark.parametrize("soap", [SOAP11, SOAP12], ids=["1.1", "1.2"])
def test_each_coding_comes_each_way(node, soap, encode, charset, way):
    """What is not ASCII is the same text again in the answer."""
    name = "K\u00f6\u20ac\U0001d11e"
    body = encode(envelope(
        f'<j:SubmitRequest xmlns:j="{NS["job"]}"><Type>{name}</Type>'
        "<Definition/></j:SubmitRequest>", ns=soap))
    media = MEDIA + ("text/xml" if soap == SOAP11 else "application/soap+xml")
    media += f"; charset={charset}" if charset else ""
    extra = (["Expect: 100-continue"] if "asks" in way else
             ["Transfer-Encoding: chunked"] if "chunk" in way else [])
    size = 1 if "byte" in way else len(body)
    sent = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + size]), body[i:i + size])
                    for i in range(0, len(body), size)) + b"0\r\n\r\n"
    data = request(body, media=media, headers=extra, length="chunk" not in way,
                   version="HTTP/1.0" if way == "1.0" else "HTTP/1.1")
    head, _, _ = data.partition(b"\r\n\r\n")
    with Wire(node, head + b"\r\n\r\n") as wire:
        if "asks" in way:
            assert wire.answer().status == 100
        wire.send(sent if "chunk" in way else body)
        answer = wire.answer()
    check_answer(answer)
    assert answer.status == (500 if soap == SOAP11 else 400), answer
    assert f"Type>{name}</" in answer.text, answer


ORDER = "<Order><Operation>Sideways</Operation></Order>"
ESCAPED = ORDER.replace("<", "&lt;").replace(">", "&gt;")
DEFINITIONS = [
    ("escaped", ESCAPED), ("CDATA", f"<![CDATA[{ORDER}]]>"),
    ("as child XML", ORDER), ("child XML and white space", f"\n {ORDER}\n "),
    ("with a declaration", "&lt;?xml version='1.0'?&gt;" + ESCAPED),
    ("with a declaration in CDATA",
     f"<![CDATA[<?xml version='1.0' encoding='UTF-8'?>\n{ORDER}]]>"),
    ("surrounded by white space", f"\n\t {ESCAPED} \n"),
    ("white space in CDATA", f"<![CDATA[  {ORDER}\n\n]]>"),
    ("in two CDATA sections",
     f"<![CDATA[{ORDER[:20]}]]><![CDATA[{ORDER[20:]}]]>"),
    ("a comment in it", ESCAPED[:30] + "<!-- a -->" + ESCAPED[30:]),
]


@pytest.mark.parametrize("definition", [c[1] for c in DEFINITIONS],
                         ids=[c[0] for c in DEFINITIONS])
def test_how_an_order_may_come(node, definition):
    """Each is read as far as its one mistake."""
    answer = ask(node, request(envelope(
        f'<j:SubmitRequest xmlns:j="{NS["job"]}"><Type>Aspera.IScpTransfer'
        f"</Type><Definition>{definition}</Definition></j:SubmitRequest>")))
    assert "JobFormatInvalidFaultType" in answer.text, answer
    assert "Operation" in answer.text and "Sideways" in answer.text, answer


VALUES = [ # what is sent as the body, what the answer must hold
    ("a local name without namespace",
     f'<j:SubmitRequest xmlns:j="{NS["job"]}"><Type>x</Type><Definition/>'
     "</j:SubmitRequest>", "JobTypeNotFound"),
    ("a local name in the namespace",
     f'<j:SubmitRequest xmlns:j="{NS["job"]}"><j:Type>x</j:Type>'
     "<j:Definition/></j:SubmitRequest>", "JobTypeNotFound"),
    ("children in another order",
     f'<j:SubmitRequest xmlns:j="{NS["job"]}"><Definition/><Type>x</Type>'
     "</j:SubmitRequest>", "JobTypeNotFound"),
    ("lower case children of SubmitRequest",
     f'<j:SubmitRequest xmlns:j="{NS["job"]}"><type>x</type><definition/>'
     "</j:SubmitRequest>", "JobTypeNotFound"),
    ("white space around a word", STATUS.format(" \n running\t"),
     "<ResultCount>0</ResultCount>"),
    ("a comment in a value", STATUS.format("run<!-- x -->ning"),
     "<ResultCount>0</ResultCount>"),
    ("CDATA", STATUS.format("<![CDATA[running]]>"),
     "<ResultCount>0</ResultCount>"),
    ("character references", STATUS.format("runn&#105;n&#x67;"),
     "<ResultCount>0</ResultCount>"),
    ("white space around a number", STATUS.format("running").replace(
        "<SessionStatus>", "<MaxResults> 5\n</MaxResults><SessionStatus>"),
     "<ResultCount>0</ResultCount>"),
    ("many where many are allowed", STATUS.format(
        "running</SessionStatus><SessionStatus>error"),
     "<ResultCount>0</ResultCount>"),
    ("a date with an offset", STATUS.format("running").replace(
        "<SessionStatus>", "<MinSessionStartDate> 2026-01-01T00:00:00.5+14:00 "
        "</MinSessionStartDate><SessionStatus>"), "<ResultCount>0</ResultCount>"),
]


@pytest.mark.parametrize("body, word", [c[1:] for c in VALUES],
                         ids=[c[0] for c in VALUES])
def test_how_values_are_read(node, body, word):
    answer = ask(node, request(envelope(body)))
    assert word in answer.text, answer


HEADER = '<s:Header><x:a xmlns:x="urn:x" s:mustUnderstand="{}"{}/></s:Header>'
REFUSED = [ # name, data, status, fault code, a word of the text
    ("GET of a service", request("", method="GET", length=False), 405, "Client",
     ""),
    ("PUT of a service", request(method="PUT"), 405, "Client", ""),
    ("an unknown path", request(path="/services/soap/Nothing-1"), 404, "Client",
     ""),
    ("JSON", request("{}", media=MEDIA + "application/json"), 415, "Client", ""),
    ("MIME", request(media=MEDIA + 'multipart/related; type="text/xml"; '
                     'boundary="b"'), 415, "Client", ""),
    ("MTOM", request(media=MEDIA + 'application/xop+xml; type="text/xml"'), 415,
     "Client", ""),
    ("compressed", request(headers=["Content-Encoding: gzip"]), 415, "Client",
     ""),
    ("another charset", request(
        media=MEDIA + "text/xml; charset=iso-8859-1"), 415, "Client", ""),
    ("no XML", request("hello"), 500, "Client", ""),
    ("nothing", request(""), 500, "Client", ""),
    ("a DTD", request('<!DOCTYPE a [<!ENTITY b "c">]>' + envelope()), 500,
     "Client", "DTD"),
    ("an instruction", request(envelope("<?x y?>" + CALL)), 500, "Client",
     "instruction"),
    ("an unknown operation", request(envelope('<x:No xmlns:x="urn:x"/>')), 500,
     "Client", "No"),
    ("an operation in no namespace", request(envelope("<ListTypesRequest/>")),
     500, "Client", "ListTypesRequest"),
    ("two operations", request(envelope(CALL + CALL)), 500, "Client", ""),
    ("an empty Body", request(envelope("")), 500, "Client", ""),
    ("no Body", request(f'<s:Envelope xmlns:s="{SOAP11}"/>'), 500, "Client",
     ""),
    ("an unknown envelope", request(envelope(ns="urn:x")), 500,
     "VersionMismatch", ""),
    ("no envelope namespace", request("<Envelope><Body/></Envelope>"), 500,
     "VersionMismatch", ""),
    ("encodingStyle", request(envelope().replace(
        "<s:Body>", f'<s:Body s:encodingStyle="{SOAP11[:-9]}encoding/">')), 500,
     "Client", "encodingStyle"),
    ("mustUnderstand 1", request(envelope(head=HEADER.format(1, ""))), 500,
     "MustUnderstand", ""),
    ("mustUnderstand true", request(envelope(head=HEADER.format("true", ""))),
     500, "MustUnderstand", ""),
    ("a missing child", request(envelope(
        f'<j:SubmitRequest xmlns:j="{NS["job"]}"><Type>x</Type>'
        "</j:SubmitRequest>")), 500, "Client", "Definition"),
    ("an unknown child", request(envelope(
        f'<j:ListTypesRequest xmlns:j="{NS["job"]}"><Nonsense/>'
        "</j:ListTypesRequest>")), 500, "Client", "Nonsense"),
    ("a second child", request(envelope(STATUS.format(
        "running</SessionStatus><CookieFilter>a</CookieFilter>"
        "<CookieFilter>b</CookieFilter><SessionStatus>error"))), 500, "Client",
     "CookieFilter"),
    ("a date beyond year 9999", request(envelope(STATUS.format(
        "running</SessionStatus><MinSessionStartDate>10000-01-01T00:00:00Z"
        "</MinSessionStartDate><SessionStatus>error"))), 500, "Client",
     "MinSessionStartDate"),
    ("MaxResults 0", request(envelope(STATUS.format(
        "running</SessionStatus><MaxResults>0</MaxResults><SessionStatus>error"))),
     500, "Client", "MaxResults"),
    ("another case of an element", request(envelope(
        f'<j:listtypesrequest xmlns:j="{NS["job"]}"/>')), 500, "Client",
     "listtypesrequest"),
]


@pytest.mark.parametrize("data, status, code, word", [c[1:] for c in REFUSED],
                         ids=[c[0] for c in REFUSED])
def test_what_is_refused(node, data, status, code, word):
    answer = ask(node, data)
    assert (answer.status, fault_of(answer)[0]) == (status, code), answer
    assert word in fault_of(answer)[1]
    if status == 405:
        assert "POST" in answer.header("Allow")
    works(node)


MEDIA12 = MEDIA + "application/soap+xml; charset=utf-8"


@pytest.mark.parametrize("media", [
    MEDIA12, MEDIA + 'application/soap+xml; charset=utf-8; action="a#b"',
    MEDIA + "application/soap+xml;action=JobNET-200601#ListTypes",
    MEDIA + "text/xml"])
def test_soap_12_is_answered_in_12(node, media):
    answer = ask(node, request(envelope(ns=SOAP12), media=media))
    assert answer.status == 200, answer
    assert answer.header("Content-Type").startswith("application/soap+xml")


def test_the_envelope_decides_the_version(node):
    answer = ask(node, request(media=MEDIA12))
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/xml")


def test_faults_of_soap_12(node):
    sender = ask(node, request(envelope("<x/>", ns=SOAP12), media=MEDIA12))
    assert sender.status == 400 and ":Sender<" in sender.text
    typed = ask(node, request(envelope(VALUES[0][1], ns=SOAP12), media=MEDIA12))
    assert typed.status == 400 and "JobTypeNotFoundFaultType" in typed.text
    must = ask(node, request(envelope(
        ns=SOAP12, head=HEADER.format("true", "")), media=MEDIA12))
    assert must.status == 500 and ":MustUnderstand<" in must.text
    other = ask(node, request(envelope(ns="urn:x"), media=MEDIA12))
    assert other.status == 500 and "VersionMismatch" in other.text
    assert other.header("Content-Type").startswith(("text/xml",
                                                    "application/soap+xml"))


def test_keep_alive_for_many_messages(node):
    with Wire(node) as wire:
        for _ in range(500):
            wire.send(GOOD)
            answer = wire.answer()
            check_answer(answer)
            assert answer.status == 200
            assert (answer.header("Connection") or "").lower() != "close"


def test_faults_keep_the_connection(node):
    with Wire(node) as wire:
        for body, status in ((envelope("<x/>"), 500), (None, 200)) * 3:
            wire.send(request(body))
            answer = wire.answer()
            check_answer(answer)
            assert answer.status == status


def test_pipelined_requests_are_answered_in_order(node):
    bodies = [None, envelope("<x/>"), None,
              envelope(STATUS.format("running")), None]
    with Wire(node, b"".join(request(body) for body in bodies)) as wire:
        answers = [wire.answer() for _ in bodies]
    assert [a.status for a in answers] == [200, 500, 200, 200, 200]
    assert "ResultCount" in answers[3].text


@pytest.mark.parametrize("data", [
    request(headers=["Connection: close"]),
    request(version="HTTP/1.0"),
    request(headers=["TE: trailers", "Connection: TE, close"])])
def test_who_asks_for_it_is_closed_and_told(node, data):
    with Wire(node, data) as wire:
        answer = wire.answer()
        assert answer.status == 200
        assert answer.header("Connection").lower() == "close"
        wire.closes()


def test_http_10_may_ask_for_keep_alive(node):
    with Wire(node, request(version="HTTP/1.0",
                            headers=["Connection: keep-alive"])) as wire:
        answer = wire.answer()
        assert answer.status == 200
        if (answer.header("Connection") or "").lower() == "keep-alive":
            wire.send(GOOD)
            assert wire.answer().status == 200
        else:
            wire.closes()


def test_expect_100_continue(node):
    head, _, body = request(
        headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
    with Wire(node, head + b"\r\n\r\n") as wire:
        assert wire.answer().status == 100
        wire.send(body)
        assert wire.answer().status == 200


def test_expect_is_refused_before_the_body_comes(node):
    head, _, _ = request(headers=["Expect: 100-continue"],
                         media=MEDIA + "image/png").partition(b"\r\n\r\n")
    with Wire(node, head + b"\r\n\r\n") as wire:
        assert wire.answer().status == 415


def test_cut_at_every_byte(node):
    """However the bytes come, the answer is the same."""
    with Wire(node) as wire:
        for cut in range(1, len(GOOD), 7):
            wire.send(GOOD[:cut])
            wire.send(GOOD[cut:])
            assert wire.answer().status == 200


def test_addresses_of_the_wsdl(node):
    host = "ferry.example:8080"
    for path, own in [
            ("/services/soap/Transfer-201210?wsdl", "Transfer-201210"),
            ("/services/soap/JobNET-200601?WSDL", "JobNET-200601"),
            ("/services/soap/FASPSessionNET-200601?Wsdl",
             "FASPSessionNET-200601"),
            ("/console/services/soap/Transfer201210.wsdl", "Transfer-201210"),
            ("/console/services/soap/Job.wsdl", "JobNET-200601"),
            ("/console/services/soap/FASPSession.wsdl",
             "FASPSessionNET-200911"),
            ("/console/services/soap/IScpTransfer.wsdl",
             "IScpTransferNET-200604")]:
        answer = ask(node, request("", path, "GET", host=f"Host: {host}",
                                   media="", length=False))
        assert answer.status == 200, path
        assert answer.header("Content-Type") == "text/xml; charset=utf-8"
        assert (f'location="http://{host}/services/soap/{own}"'
                in answer.text), path
        assert "schemaLocation" not in answer.text, "nothing to follow"
    assert TRANSFER.endswith("Transfer-201210")
