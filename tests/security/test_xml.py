"""security.md part B, row by row: attacks on XML and SOAP."""

import re
import socket
import threading

import pytest

from attack import cpu_seconds, faulted, node, refused, unharmed
from ferry import NS
from wire import (CALL, GOOD, SOAP11, SOAP12, TRANSFER, Wire, ask, check_answer,
                  envelope, fault_of, request, works)

JOB = NS["job"]
F09 = NS["f09"]


def info(inside):
    """A GetSessionInfo request with this inside its filter."""
    return request(envelope(
        f'<q:GetSessionInfoRequest xmlns:q="{F09}"><SessionFilter>{inside}'
        "</SessionFilter></q:GetSessionInfoRequest>"))


def submit(type_, definition="&lt;Order/>"):
    return request(envelope(
        f'<j:SubmitRequest xmlns:j="{JOB}"><Type>{type_}</Type><Definition>'
        f"{definition}</Definition></j:SubmitRequest>"))


LAUGHS = "<!DOCTYPE l [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{i} '&a{i - 1};&a{i - 1};'>" for i in range(1, 30)) + "]>"
B1 = [
    ("billion laughs", LAUGHS + envelope("<a>&a29;</a>")),
    ("quadratic", f"<!DOCTYPE q [<!ENTITY a '{'x' * 50000}'>]>" +
     envelope("<a>" + "&a;" * 5000 + "</a>")),
    ("a file", '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' +
     envelope("<a>&f;</a>")),
    ("an address", '<!DOCTYPE x [<!ENTITY f SYSTEM "{url}">]>' +
     envelope("<a>&f;</a>")),
    ("ftp", '<!DOCTYPE x [<!ENTITY f SYSTEM "ftp://127.0.0.1/x">]>' + envelope()),
    ("expect", '<!DOCTYPE x [<!ENTITY f SYSTEM "expect://id">]>' + envelope()),
    ("parameter entities", '<!DOCTYPE x [<!ENTITY % p SYSTEM "{url}"> %p;]>' +
     envelope()),
    ("an external subset", '<!DOCTYPE x SYSTEM "{url}">' + envelope()),
    ("a public one", '<!DOCTYPE x PUBLIC "-//A//B" "{url}">' + envelope()),
    ("an empty one", "<!DOCTYPE x>" + envelope()),
    ("attribute defaults", '<!DOCTYPE x [<!ATTLIST a b CDATA "c">]>' +
     envelope()),
    ("without an end", "<!DOCTYPE x [" + "<!ENTITY a 'b'>" * 1000),
]


@pytest.fixture(scope="module")
def bystander():
    """A listener that nobody may connect to; its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("body", [c[1] for c in B1], ids=[c[0] for c in B1])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-be"])
def test_b1_document_types(node, bystander, body, coding):
    data = body.replace("{url}", bystander).encode(coding)
    if coding == "utf-16-be":
        data = b"\xfe\xff" + data
    before = cpu_seconds(node)
    answer = faulted(node, request(data, media=(
        "Content-Type: text/xml; charset=" + coding[:6].rstrip("-"))))
    assert "DTD" in fault_of(answer)[1]
    assert "root:" not in answer.text
    assert cpu_seconds(node) - before < 0.5, "nothing was expanded"


def test_b1_hidden_in_utf_7(node):
    hidden = "+ADwAIQ-DOCTYPE x [+ADwAIQ-ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    for media in ("text/xml; charset=utf-7", "text/xml"):
        answer = ask(node, request(
            '<?xml version="1.0" encoding="UTF-7"?>' + hidden,
            media=f"Content-Type: {media}"))
        assert answer.status in (415, 500) and "root:" not in answer.text


@pytest.mark.parametrize("body", [
    "<a>" * 200000 + "</a>" * 200000, "<a>" * 200000,
    "<a xmlns='urn:a'>" * 100000,
    f'<q:GetSessionInfoRequest xmlns:q="{F09}">' + "<SessionFilter>" * 65,
])
def test_b2_deep(node, body):
    faulted(node, request(envelope(body)))


B3 = [
    ("40,000 attributes", " ".join(f'a{i}="1"' for i in range(40000))),
    ("40,000 namespaces", " ".join(f'xmlns:a{i}="u"' for i in range(40000))),
    ("257 attributes", " ".join(f'a{i}="1"' for i in range(257))),
    ("the same twice", 'a="1" a="2"'),
    ("the same by namespace", 'xmlns:x="u" xmlns:y="u" x:a="1" y:a="2"'),
]


@pytest.mark.parametrize("attributes", [c[1] for c in B3],
                         ids=[c[0] for c in B3])
def test_b3_wide(node, attributes):
    faulted(node, request(envelope(f"<a {attributes}/>")))


def test_b3_as_many_as_are_allowed(node):
    many = " ".join(f'x:a{i}="1"' for i in range(250))
    assert ask(node, request(envelope(
        head=f'<s:Header><x:a xmlns:x="urn:x" {many}/></s:Header>'))
        ).status == 200


def colliding(count):
    """Names with one hash under the multiplicative hashes by 33 and 31."""
    from itertools import islice, product
    pairs = ("Ez", "FY")
    return ["a" + "".join(p) for p in islice(product(pairs, repeat=16), count)]


@pytest.mark.slow
@pytest.mark.parametrize("names", [colliding(40000), [
    f"n{i:016d}" for i in range(40000)]], ids=["colliding", "plain"])
def test_b4_names_that_collide(node, names):
    """Names of elements: their cost is linear whatever they are."""
    body = "".join(f"<{name}/>" for name in names)
    before = cpu_seconds(node)
    ask(node, request(envelope(
        head=f'<s:Header><x:a xmlns:x="urn:x">{body}</x:a></s:Header>')))
    assert cpu_seconds(node) - before < 2


B5 = [
    ("a name of 1 MiB", "<" + "a" * (1 << 20) + "/>"),
    ("an attribute of 1 MiB", f'<a b="{"c" * (1 << 20)}"/>'),
    ("300,000 elements", "<a/>" * 300000),
    ("a comment of 1 MiB", f"<!--{'c' * (1 << 20)}--><a/>"),
    ("CDATA of 1 MiB", f"<a><![CDATA[{'c' * (1 << 20)}]]></a>"),
]


@pytest.mark.parametrize("body", [c[1] for c in B5], ids=[c[0] for c in B5])
def test_b5_large(node, body):
    faulted(node, request(envelope(body)))


def test_b5_300000_where_many_are_allowed(node):
    before = cpu_seconds(node)
    answer = ask(node, info("<SessionUUID>x</SessionUUID>" * 250000))
    assert answer.status in (200, 500), answer.status
    assert cpu_seconds(node) - before < 5


def test_b5_a_body_beyond_the_limit(node):
    for data in (request(b"x" * ((8 << 20) + 1)),
                 request(b"", headers=["Transfer-Encoding: chunked"],
                         length=False) + b"FFFFFFFF\r\n" + b"x" * 4096):
        answer = refused(node, data, (413,), closes=False)
        assert answer.status == 413


def test_b5_64_kib_without_an_end_a_byte_at_a_time(node):
    """A token that grows byte by byte is not parsed anew with each."""
    body = envelope("<a b='" + "c" * 70000).encode()
    head = request(b"", headers=[f"Content-Length: {len(body)}"], length=False)
    before = cpu_seconds(node)
    with Wire(node, head) as wire:
        for i in range(len(body)):
            wire.send(body[i:i + 1])
        answer = wire.answer()
    assert answer.status == 500
    assert cpu_seconds(node) - before < 20, "66,000 wake-ups and one parse"


@pytest.mark.slow
def test_b5_time_is_linear_in_bytes(node):
    """Twice the elements cost about twice the time, and not four times."""
    def cost(count):
        before = cpu_seconds(node)
        for _ in range(5):
            ask(node, info("<SessionUUID>x</SessionUUID>" * count))
        return cpu_seconds(node) - before

    cost(1000)
    small, large = cost(50000), cost(200000)
    assert large < 12 * max(small, 0.05), (small, large)


ENC = "http://schemas.xmlsoap.org/soap/encoding/"
B6 = [
    ("encodingStyle on the Envelope", request(envelope().replace(
        "<s:Envelope ", f'<s:Envelope s:encodingStyle="{ENC}" '))),
    ("encodingStyle on the request", request(envelope(
        f'<j:ListTypesRequest xmlns:j="{JOB}" s:encodingStyle="{ENC}"/>'))),
    ("an array of 2 thousand million", request(envelope(
        f'<j:SubmitRequest xmlns:j="{JOB}" xmlns:e="{ENC}"><Type e:arrayType='
        '"xsd:int[2147483647]"><x/></Type><Definition/></j:SubmitRequest>'))),
    ("references in a loop", request(envelope(
        f'<j:SubmitRequest xmlns:j="{JOB}"><Type href="#a"/><Definition id="a" '
        'href="#a"/></j:SubmitRequest><m id="a" href="#a"/>'))),
]


@pytest.mark.parametrize("data", [c[1] for c in B6], ids=[c[0] for c in B6])
def test_b6_encoded_messages(node, data):
    faulted(node, data)


def test_b7_comments_cdata_and_references_are_one_value(node):
    for text in ("Aspera.IScp<!-- x -->Transfer", "<![CDATA[Aspera.IScpTransfer"
                 "]]>", "Aspera.IScp&#84;ransfer",
                 "A<![CDATA[spera.I]]><!---->Scp&#x54;ransfer"):
        assert "JobFormatInvalid" in ask(node, submit(text)).text, text
    assert ask(node, info("<MaxResults>1<!--x-->2</MaxResults>")).status == 200


@pytest.mark.parametrize("text", [
    "&#0;", "&#xD800;", "&#1114112;", "&#xFFFE;", "&#1;", "&nbsp;", "&a", "& ",
    "&#;", "&#x;", "&#99999999999999999999;", "<?pi?>", "<?xml version='1.0'?>",
    "]]>", "<!-- -- -->", "<![CDATA[", "\x01", "\uffff"])
def test_b7_what_is_no_xml(node, text):
    faulted(node, submit(text))


def test_b7_instructions_anywhere(node):
    for body in ("<?a?>" + envelope(), envelope() + "<?a?>",
                 envelope(head="<?a?>"), envelope("<?a?>")):
        faulted(node, request(body))


TEXT = envelope()
B8 = [
    ("BOM and another declaration", b"\xef\xbb\xbf" + (
        '<?xml version="1.0" encoding="UTF-16"?>' + TEXT).encode(), "text/xml",
     (200, 415, 500)),
    ("UTF-32", TEXT.encode("utf-32"), "text/xml", (415, 500)),
    ("UTF-32 by charset", TEXT.encode("utf-32"), "text/xml; charset=utf-32",
     (415, 500)),
    ("EBCDIC", TEXT.encode("cp500"), "text/xml", (415, 500)),
    ("ISO-8859-1 declared", b'<?xml version="1.0" encoding="ISO-8859-1"?>' +
     TEXT.encode(), "text/xml", (415, 500)),
    ("ISO-8859-1 by charset", TEXT.encode(), "text/xml; charset=iso-8859-1",
     (415, 500)),
    ("an unknown encoding", b'<?xml version="1.0" encoding="x"?>' +
     TEXT.encode(), "text/xml", (415, 500)),
    ("overlong", envelope("<a>\xc0\xaf</a>").encode("latin-1"), "text/xml",
     (500,)),
    ("overlong in three", envelope("<a>\xe0\x80\xaf</a>").encode("latin-1"),
     "text/xml", (500,)),
    ("overlong NUL", envelope("<a>\xc0\x80</a>").encode("latin-1"), "text/xml",
     (500,)),
    ("a surrogate", envelope("<a>\xed\xa0\x80</a>").encode("latin-1"),
     "text/xml", (500,)),
    ("beyond Unicode", envelope("<a>\xf4\x90\x80\x80</a>").encode("latin-1"),
     "text/xml", (500,)),
    ("a lone byte", envelope("<a>\xff</a>").encode("latin-1"), "text/xml",
     (500,)),
    ("cut in a character", envelope("<a>\xe2\x82</a>").encode("latin-1"),
     "text/xml", (500,)),
    ("NUL", envelope("<a>\0</a>").encode(), "text/xml", (500,)),
    ("half a UTF-16 unit", TEXT.encode("utf-16") + b"<",
     "text/xml; charset=utf-16", (500,)),
    ("a lone UTF-16 surrogate", b"\xff\xfe" + envelope("<a>X</a>").encode(
        "utf-16-le").replace(b"X\0", b"\0\xd8"), "text/xml; charset=utf-16",
     (500,)),
]


@pytest.mark.parametrize("data, media, statuses", [c[1:] for c in B8],
                         ids=[c[0] for c in B8])
def test_b8_encodings(node, data, media, statuses):
    answer = ask(node, request(data, media=f"Content-Type: {media}"))
    assert answer.status in statuses, answer


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
def test_b8_utf_16_is_read(node, coding):
    mark = "\ufeff".encode(coding)
    assert ask(node, request(mark + TEXT.encode(coding))).status == 200


B9 = [
    ("another root", "<a/>", "Client"),
    ("another root in the namespace", f'<Body xmlns="{SOAP11}"/>', "Client"),
    ("no namespace", "<Envelope><Body/></Envelope>", "VersionMismatch"),
    ("another namespace", envelope(ns="http://www.w3.org/2001/12/soap-envelope"),
     "VersionMismatch"),
    ("a 1.2 Body in a 1.1 Envelope", f'<s:Envelope xmlns:s="{SOAP11}">'
     f'<s:Body xmlns:s="{SOAP12}">{CALL}</s:Body></s:Envelope>', "Client"),
    ("two Bodies", envelope().replace(
        "</s:Body>", f"</s:Body><s:Body>{CALL}</s:Body>"), "Client"),
    ("Header after Body", envelope().replace(
        "</s:Body>", "</s:Body><s:Header/>"), "Client"),
    ("two Headers", envelope(head="<s:Header/><s:Header/>"), "Client"),
    ("no Body", f'<s:Envelope xmlns:s="{SOAP11}"><s:Header/></s:Envelope>',
     "Client"),
    ("two operations", envelope(CALL * 2), "Client"),
    ("text in the Body", envelope("text" + CALL), "Client"),
    ("a Fault as a request", envelope("<s:Fault/>"), "Client"),
    ("a response as a request", envelope(
        f'<j:ListTypesResponse xmlns:j="{JOB}"/>'), "Client"),
    ("a notification as a request", envelope(
        f'<i:NotifyRequest xmlns:i="{NS["isc"]}"/>'), "Client"),
    ("an undeclared prefix", envelope("<undeclared:a/>"), "Client"),
    ("two documents", envelope() * 2, "Client"),
    ("cut off", envelope()[:-8], "Client"),
]


@pytest.mark.parametrize("body, code", [c[1:] for c in B9],
                         ids=[c[0] for c in B9])
def test_b9_envelopes(node, body, code):
    faulted(node, request(body), code)


NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
B10 = [ # the attributes of an unknown header block, whether it is for us
    ('s:mustUnderstand="1"', True), ('s:mustUnderstand="true"', True),
    (f's:mustUnderstand="1" s:actor="{NEXT}"', True),
    ('s:mustUnderstand="1" s:actor=""', True),
    ('s:mustUnderstand="0"', False), ('s:mustUnderstand="false"', False),
    ('s:mustUnderstand="1" s:actor="urn:somebody-else"', False),
    ('mustUnderstand="1"', False), ("", False),
]


@pytest.mark.parametrize("attributes, is_ours", B10)
def test_b10_must_understand(node, attributes, is_ours):
    head = (f'<s:Header><x:a xmlns:x="urn:x" {attributes}/></s:Header>')
    data = request(envelope(submit("no.such.type").decode().partition(
        "<s:Body>")[2].partition("</s:Body>")[0], head=head))
    answer = ask(node, data)
    assert fault_of(answer)[0] == ("MustUnderstand" if is_ours else "Client")
    assert ("JobTypeNotFound" in answer.text) != is_ours, "before anything"


@pytest.mark.parametrize("value", ["2", "", "yes"])
def test_b10_other_values_are_an_answer(node, value):
    answer = ask(node, request(envelope(head=(
        f'<s:Header><x:a xmlns:x="urn:x" s:mustUnderstand="{value}"/>'
        "</s:Header>"))))
    assert answer.status in (200, 500), answer


@pytest.mark.parametrize("role, is_ours", [
    ("", True), (f"{SOAP12}/role/next", True),
    (f"{SOAP12}/role/ultimateReceiver", True), (f"{SOAP12}/role/none", False)])
def test_b10_roles_of_soap_12(node, role, is_ours):
    answer = ask(node, request(envelope(ns=SOAP12, head=(
        f'<s:Header><x:a xmlns:x="urn:x" s:mustUnderstand="true" s:role="{role}"'
        "/></s:Header>"))))
    assert (answer.status != 200) == is_ours, answer


def test_b11_the_body_decides_and_not_the_action(node):
    for action in ('"IScpTransferNET-200604#Cancel"', "Submit", '""', "a'b\"c"):
        answer = ask(node, request(headers=[f"SOAPAction: {action}"]))
        assert answer.status == 200 and "ListTypesResponse" in answer.text


def test_b12_addressing_connects_nowhere(node, bystander):
    wsa = "http://www.w3.org/2005/08/addressing"
    parts = "".join(f"<w:{name}><w:Address>{bystander}</w:Address></w:{name}>"
                    for name in ("ReplyTo", "FaultTo", "From"))
    for body in (CALL, "<unknown/>"):
        ask(node, request(envelope(body, head=(
            f'<s:Header xmlns:w="{wsa}">{parts}<w:To>{bystander}</w:To>'
            "</s:Header>"))))


@pytest.mark.parametrize("media", [
    'multipart/related; type="text/xml"; boundary="b"; start="<a>"',
    'multipart/related; type="application/xop+xml"; boundary="b"',
    "application/xop+xml", "application/dime", "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded", "text/plain", "image/png", "*/*",
    "text", "/", "text/xml/x", "text/html"])
def test_b13_other_media(node, media):
    body = "--b\r\nContent-Type: text/xml\r\n\r\n" + envelope() + "\r\n--b--\r\n"
    answer = ask(node, request(body, media=f"Content-Type: {media}"))
    assert answer.status in ((415,) if media.count("/") == 1 and len(media) > 1
                             else (400, 415)), answer


def bad(name, value):
    return f"<{name}>{value}</{name}>"


B14 = [(f"{name} {value[:24]!r}", bad(name, value), name)
       for name, values in (
    ("MaxResults", ("-1", "0", "1e9", "INF", "NaN", "1.0", "0x10", "", " ",
                    "5 5", "five", "--1", "1_0")),
    ("LastSessionOnly", ("yes", "TRUE", "2", "", "tru e")),
    ("MinSessionStartDate", (
        "0000-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-01-01T25:00:00Z", "2026-01-01T24:00:01Z", "2026-01-01T00:60:00Z",
        "99999-01-01T00:00:00Z", "2026-01-01", "now", "", "2026-01-01T00:00:00+15:00",
        "2026-1-1T0:0:0Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.Z",
        "-2026-01-01T00:00:00Z"))) for value in values] + [
    ("MaxResults twice", bad("MaxResults", "1") * 2, "MaxResults"),
    ("an unknown one", "<Nonsense>1</Nonsense>", "Nonsense"),
    ("a child in a number", "<MaxResults><a/></MaxResults>", ""),
    ("TransferId in a session filter", bad("TransferId", "1"), "TransferId"),
]


@pytest.mark.parametrize("name, inside, word", B14, ids=[c[0] for c in B14])
def test_b14_values(node, name, inside, word):
    assert word in fault_of(faulted(node, info(inside)))[1]


@pytest.mark.parametrize("name, value", [
    ("Direction", "sideways"), ("Direction", ""), ("SessionStatus", "asleep")])
def test_b14_an_unknown_word_finds_nothing_or_is_named(node, name, value):
    answer = ask(node, info(bad(name, value)))
    if answer.status == 200:
        assert "<ResultCount>0</ResultCount>" in answer.text
    else:
        assert name in fault_of(answer)[1]


@pytest.mark.parametrize("value", [
    "5", " 5 ", "+5", "\n5\t", "005", "1000", "1001", "2147483648",
    "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "9" * 100])
def test_b14_large_and_padded_numbers_are_clamped_or_named(node, value):
    answer = ask(node, info(bad("MaxResults", value)))
    assert answer.status == 200 or "MaxResults" in fault_of(answer)[1]
    if len(value.strip()) < 5:
        assert answer.status == 200, answer


@pytest.mark.parametrize("value", [
    "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+14:00",
    "2026-01-01T00:00:00-14:00", " 2026-01-01T00:00:00Z\n",
    "2026-01-01T00:00:00", "2026-01-01T00:00:00.123456789Z"])
def test_b14_legal_dates(node, value):
    assert ask(node, info(bad("MinSessionStartDate", value))).status == 200


def test_b14_other_operations_name_their_fields(node):
    session = "<SessionID>x</SessionID>"
    for operation, inside, word in (
            ("SetTargetRate", session + bad("TargetRate", "-1"), "TargetRate"),
            ("SetTargetRate", session + bad("TargetRate", "4294967296"),
             "TargetRate"),
            ("SetTargetRate", session, "TargetRate"),
            ("SetTargetRate", bad("TargetRate", "1"), "SessionID"),
            ("SetPolicy", session * 2 + bad("Policy", "Fair"), "SessionID"),
            ("Subscribe", session + "<SessionObserver><Address>http://a/"
             "</Address></SessionObserver>" + bad("Duration", "PT1H"),
             "Duration")):
        answer = faulted(node, request(envelope(
            f'<f:{operation}Request xmlns:f="{NS["f06"]}">{inside}'
            f"</f:{operation}Request>")))
        assert word in fault_of(answer)[1], answer


def test_b14_xsi_attributes_mean_nothing(node, bystander):
    xsi = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    for attributes in ('i:type="x:Evil"', 'i:type="q:FileTransferFilter"',
                       'i:type=""', f'i:schemaLocation="urn:x {bystander}"',
                       f'i:noNamespaceSchemaLocation="{bystander}"'):
        answer = ask(node, request(envelope(
            f'<q:GetSessionInfoRequest xmlns:q="{F09}" {xsi} {attributes}>'
            f"<SessionFilter {attributes}/></q:GetSessionInfoRequest>")))
        assert answer.status in (200, 500), answer


MARKUP = ["<x>", "&amp;", "]]&gt;", "&lt;script>alert(1)&lt;/script>", '"\'',
          "%s%n", "\u202e\u2028", "&#13;&#10;Set-Cookie: a=b", "a" * 60000]


@pytest.mark.parametrize("text", MARKUP, ids=range(len(MARKUP)))
def test_b15_what_a_fault_repeats_is_text(node, text):
    for data in (submit(text), info(bad("MaxResults", text)),
                 info(f"<{'n' * 3000}>{text}</{'n' * 3000}>")):
        with Wire(node, data) as wire:
            answer = wire.answer()
        check_answer(answer)
        assert "<script" not in answer.text and "<x>" not in answer.text
        assert answer.header("Set-Cookie") is None
        if answer.status != 200:
            assert len(fault_of(answer)[1]) < 2000
        for inner in ("0x7f", ".c:", str(node.state)):
            assert inner not in answer.text


def test_b16_nothing_of_the_request_but_a_checked_host_is_in_the_wsdl(node):
    evil = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher",
            "Forwarded: host=evil.example", "X-Original-URL: /evil",
            "X-Forwarded-Prefix: /evil"]
    for host, shown in (("a.example", "a.example"), ("b.example:1", "b.example:1")):
        answer = ask(node, request("", f"{TRANSFER}?wsdl", "GET", media="",
                                   host=f"Host: {host}", headers=evil,
                                   length=False))
        assert answer.status == 200 and "evil" not in answer.text
        assert re.findall('location="([^"]*)"', answer.text) == [
            f"http://{shown}{TRANSFER}"], "each Host gets its own"


def test_b_many_attackers_at_once_do_not_stop_a_good_client(node):
    stop = threading.Event()

    def attack():
        bodies = [LAUGHS + envelope(), envelope("<a>" * 20000), "x" * 100000]
        while not stop.is_set():
            for body in bodies:
                with Wire(node, request(body)) as wire:
                    wire.answer()

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with Wire(node) as wire:
            for _ in range(100):
                wire.send(GOOD)
                assert wire.answer().status == 200
        works(node)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
