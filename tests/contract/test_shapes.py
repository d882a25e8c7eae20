"""The contract, section 8: six clients of the original, to the byte.

Each test sends what such a client sends, and reads the answer as it does: a
text search, the first element of a local name, an element in no namespace, or
a place in the tree.
"""

import base64
import re
import subprocess

from ferry import NS, PASSWORD, wait_until
from lxml import etree
from wire import TRANSFER, Wire, ask, check_answer, nodes


def first(text, name):
    """The first descendant of a local name, in whatever namespace."""
    for element in etree.fromstring(text.encode()).iter():
        if etree.QName(element).localname == name:
            return element
    return None


def in_no_namespace(text, name):
    """What a client finds that looks for the bare name only."""
    return etree.fromstring(text.encode()).find(f".//{name}")


def at(text, *places):
    """An element by its position in the tree."""
    element = etree.fromstring(text.encode())
    for place in places:
        element = element[place]
    return element


def escape(text):
    return (text.replace("&", "&amp;").replace("<", "&lt;")
            .replace(">", "&gt;"))


def message(head, body):
    body = body.encode()
    return (head.format(size=len(body)).replace("\n", "\r\n").encode()
            + b"\r\n" + body)


def put_file(here, name="in/one", size=3000):
    path = here.docroot / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(size))


def test_1_a_java_client_with_keep_alive(nodes):
    here, there = nodes
    put_file(here)
    key = here.state.parent / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        key], check=True)
        there.ferry("user", "add", "java", "--docroot", there.docroot, "--key",
                    f"{key}.pub", "--state", there.state)
    host = here.soap.removeprefix("http://")
    order = (
        "<Order><ApplicationData><Cookie>java</Cookie></ApplicationData>"
        "<Operation>Push</Operation><RemoteLocation><System>"
        f"<Address>127.0.0.1</Address><Port>{there.port}</Port>"
        "<UserName>java</UserName></System><Authentication><Methods>"
        f"<Method>Public Key</Method></Methods><KeyPath>{key}</KeyPath>"
        "</Authentication><Files><Path>/arrived/</Path></Files>"
        "</RemoteLocation><LocalLocation><Files><Path>/in</Path></Files>"
        "</LocalLocation></Order>")
    head = (f"POST {TRANSFER} HTTP/1.1\n"
            'Accept: text/xml, multipart/related\n'
            'Content-Type: text/xml; charset=utf-8\n'
            'SOAPAction: "{action}"\n'
            'User-Agent: JAX-WS RI 2.3.1\n'
            f'Host: {host}\n'
            'Connection: keep-alive\n'
            'Content-Length: {{size}}\n')

    def soap(action, body):
        return message(
            head.format(action=action),
            "<?xml version='1.0' encoding='UTF-8'?><S:Envelope xmlns:S=\""
            'http://schemas.xmlsoap.org/soap/envelope/"><S:Body>' + body +
            "</S:Body></S:Envelope>")

    submit = soap("JobNET-200601#Submit", (
        '<ns3:SubmitRequest xmlns:ns2="urn:Aspera:XML:FASPSessionNET:2009/11:'
        'Types" xmlns:ns3="urn:Aspera:XML:JobNET:2006/01:Types">'
        f"<Type>Aspera.IScpTransfer</Type><Definition>{escape(order)}"
        "</Definition></ns3:SubmitRequest>"))
    with Wire(here) as wire:
        wire.send((f"GET /console/services/soap/Transfer201210.wsdl HTTP/1.1\n"
                   "User-Agent: Java/1.8.0_362\n"
                   f"Host: {host}\n"
                   "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\n"
                   "Connection: keep-alive\n\n").replace("\n", "\r\n").encode())
        wsdl = wire.answer()
        assert wsdl.status == 200
        assert f'location="{here.soap}{TRANSFER}"' in wsdl.text
        wire.send(submit)
        answer = wire.answer()
        check_answer(answer)
        job = at(answer.text, 0, 0, 0)[1].text
        info = soap("FASPSessionNET-200911#GetInfo", (
            '<ns2:GetInfoRequest xmlns:ns2="urn:Aspera:XML:FASPSessionNET:2009/'
            f'11:Types"><FileTransferFilter><JobId>{job}</JobId>'
            "</FileTransferFilter></ns2:GetInfoRequest>"))

        def status():
            wire.send(info)
            answer = wire.answer()
            check_answer(answer)
            return in_no_namespace(answer.text, "SessionInfo").findtext("Status")

        assert status() in ("waiting", "running", "completed"), "at once"
        wait_until("the end", lambda: status() == "completed")
    assert (there.docroot / "arrived/in/one").read_bytes() == bytes(3000)


def test_2_a_script_with_a_connection_for_each_message(nodes):
    here, there = nodes
    put_file(here, "drop/two")
    order = f"""<?xml version="1.0" encoding="UTF-8"?>
<Order>
  <Version>2</Version>
  <Agent>script</Agent>
  <ApplicationData><Cookie>a script</Cookie></ApplicationData>
  <Operation>push</Operation>
  <RemoteLocation>
    <System><Address>127.0.0.1</Address><Port>{there.port}</Port>
      <UserName>lab</UserName><Password>{escape(PASSWORD)}</Password></System>
    <Authentication><Methods><Method>Password</Method></Methods></Authentication>
    <Files><RootPath>/script</RootPath><Path>sub/</Path></Files>
    <Proxy><Url>null</Url><UserName>null</UserName><Password>null</Password></Proxy>
  </RemoteLocation>
  <LocalLocation>
    <System><UserName>me</UserName><Password>null</Password></System>
    <Files><RootPath>/drop</RootPath><Path>two</Path></Files>
  </LocalLocation>
  <FileParameters>
    <CreatePath>Yes</CreatePath>
    <Overwrite>Always</Overwrite>
    <ExlcudeNewerThan>0</ExlcudeNewerThan>
  </FileParameters>
  <RateParameters><Policy>fair</Policy><TargetRate>100000</TargetRate></RateParameters>
  <SecurityParameters><EncryptionCypher>AES-128</EncryptionCypher></SecurityParameters>
</Order>"""

    def soap(action, body):
        return message(
            f"POST {TRANSFER} HTTP/1.1\n"
            "Content-Type: text/xml;charset=UTF-8\n"
            f"SOAPAction: {action}\n"
            f"Host: 127.0.0.1:{here.soap.rpartition(':')[2]}\n"
            "Content-Length: {size}\n"
            "Connection: close\n",
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/'
            'envelope/" xmlns:typ="urn:Aspera:XML:JobNET:2006/01:Types" '
            'xmlns:typ1="urn:Aspera:XML:FASPSessionNET:2009/11:Types">\n'
            f"   <soapenv:Header/>\n   <soapenv:Body>\n{body}\n"
            "   </soapenv:Body>\n</soapenv:Envelope>")

    submitted = ask(here, soap("JobNET-200601#Submit", (
        "<typ:SubmitRequest><Type>Aspera.IScpTransfer</Type>"
        f"<Definition><![CDATA[{order}]]></Definition></typ:SubmitRequest>")))
    assert submitted.status == 200, submitted
    result = first(submitted.text, "JobResult")
    job = [e for e in result.iter() if etree.QName(e).localname == "ID"][0].text

    def ended():
        answer = ask(here, soap("FASPSessionNET-200911#GetSessionStatistics", (
            "<typ1:GetSessionStatisticsRequest><SessionFilter>"
            f"<JobId>{job}</JobId></SessionFilter>"
            "</typ1:GetSessionStatisticsRequest>")))
        assert len(re.findall("<SessionStatistics>", answer.text)) == 1
        return first(answer.text, "Status").text == "completed"

    wait_until("the end", ended)
    files = ask(here, soap("FASPSessionNET-200911#GetFileTransferStatistics", (
        "<typ1:GetFileTransferStatisticsRequest><FileTransferFilter>"
        f"<JobId>{job}</JobId></FileTransferFilter>"
        "</typ1:GetFileTransferStatisticsRequest>")))
    assert first(files.text, "Size").text == "3000"
    assert (there.docroot / "script/sub/two").exists()


def test_2_a_checksum_that_is_not_built_is_refused_by_name(nodes):
    """The same script asks for md5, which the node may not have yet."""
    here, there = nodes
    put_file(here, "drop/two")
    order = (f"<Order><Operation>Push</Operation><RemoteLocation><System>"
             f"<Address>127.0.0.1</Address><Port>{there.port}</Port>"
             f"<UserName>lab</UserName><Password>{escape(PASSWORD)}</Password>"
             "</System><Files><Path>/</Path></Files></RemoteLocation>"
             "<LocalLocation><Files><Path>/drop/two</Path></Files>"
             "</LocalLocation><FileParameters><FileChecksum>md5</FileChecksum>"
             "</FileParameters></Order>")
    answer = ask(here, message(
        f"POST {TRANSFER} HTTP/1.1\nHost: a\nContent-Type: text/xml\n"
        "Content-Length: {size}\n",
        f'<e:Envelope xmlns:e="{NS["soap"]}"><e:Body><j:SubmitRequest xmlns:j="'
        f'{NS["job"]}"><Type>Aspera.IScpTransfer</Type><Definition>'
        f"{escape(order)}</Definition></j:SubmitRequest></e:Body></e:Envelope>"))
    if answer.status != 200:
        assert "JobSubmissionErrorFaultType" in answer.text
        assert "FileChecksum" in answer.text


def test_3_a_monitor_that_reads_no_namespace_only(nodes):
    request = message(
        f"POST {TRANSFER} HTTP/1.1\nHost: localhost:40001\n"
        "Content-Type: text/xml; charset=utf-8\nSOAPAction: \n"
        "Content-Length: {size}\n",
        '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap'
        '.org/soap/envelope/"><soap:Body><GetSessionInfoRequest xmlns="urn:'
        'Aspera:XML:FASPSessionNET:2009/11:Types"><SessionFilter>'
        "<SessionStatus>running</SessionStatus></SessionFilter>"
        "</GetSessionInfoRequest></soap:Body></soap:Envelope>")

    def running():
        answer = ask(nodes[0], request)
        assert answer.status == 200
        return in_no_namespace(answer.text, "ResultCount").text

    # The test before may have left a transfer that is about to end.
    wait_until("the end of what ran", lambda: running() == "0")


def test_4_a_portal_with_credentials_that_reads_by_position(nodes):
    here, _ = nodes
    secret = base64.b64encode(b"portal:secret").decode()

    def post(body):
        return ask(here, message(
            f"POST {TRANSFER} HTTP/1.1\nHost: localhost:40001\n"
            f"Authorization: Basic {secret}\n"
            "Content-Type: text/xml\n"
            'SOAPAction: "FASPSessionNET-200911#GetSessionInfo"\n'
            "Content-Length: {size}\n",
            '<?xml version="1.0" encoding="utf-8"?>\n<env:Envelope xmlns:env="'
            'http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="urn:Aspera:XML:'
            f'FASPSessionNET:2009/11:Types">\n<env:Body>{body}</env:Body>\n'
            "</env:Envelope>\n"))

    for operation in ("GetInfo", "GetFileTransferStatistics"):
        answer = post(f"<t:{operation}Request><FileTransferFilter>"
                      "<Cookie>no such cookie</Cookie></FileTransferFilter>"
                      f"</t:{operation}Request>")
        assert answer.status == 200, answer
        result = at(answer.text, 0, 0, 0)
        assert result[0].text == "0" and result[1].text == "0"
        assert result[2].text, "the token is the third"


def test_4_finds_what_the_script_sent_by_its_cookie(nodes):
    here, there = nodes
    test_2_a_script_with_a_connection_for_each_message(nodes)
    answer = ask(here, message(
        f"POST {TRANSFER} HTTP/1.1\nHost: a\nContent-Type: text/xml\n"
        "Content-Length: {size}\n",
        f'<e:Envelope xmlns:e="{NS["soap"]}"><e:Body><t:GetInfoRequest xmlns:t='
        f'"{NS["f09"]}"><FileTransferFilter><Cookie>a script</Cookie>'
        "</FileTransferFilter></t:GetInfoRequest></e:Body></e:Envelope>"))
    assert int(at(answer.text, 0, 0, 0, 0).text) >= 2
    # A session's third child is its Status, by the order of the schema.
    assert at(answer.text, 0, 0, 0, 3)[2].text == "completed"


def test_5_a_health_check(nodes):
    with Wire(nodes[0], message(
            f"POST {TRANSFER} HTTP/1.0\nUser-Agent: check\n"
            "Content-Type: text/xml\nContent-Length: {size}\n",
            f'<e:Envelope xmlns:e="{NS["soap"]}"><e:Body><f:GetSessionInfoRequest'
            f' xmlns:f="{NS["f09"]}"><SessionFilter><SessionStatus>running'
            "</SessionStatus></SessionFilter></f:GetSessionInfoRequest></e:Body>"
            "</e:Envelope>")) as wire:
        assert 200 <= wire.answer().status < 300
        wire.closes()


def test_6_a_ruby_script_with_children_in_lower_case(nodes):
    here, there = nodes
    put_file(here, "ruby/three")
    order = f"""

<Order>
  <Operation>Push</Operation>
  <RemoteLocation>
    <System><Address>127.0.0.1</Address><Port>{there.port}</Port>
      <UserName>lab</UserName><Password>{escape(PASSWORD)}</Password></System>
    <RootPath>/ruby</RootPath>
    <Files><Path>here/</Path></Files>
  </RemoteLocation>
  <LocalLocation>
    <RootPath>/ruby</RootPath>
    <Files><Path>three</Path></Files>
  </LocalLocation>
  <FileParameters><CreatePath>Yes</CreatePath></FileParameters>
</Order>

"""
    answer = ask(here, message(
        f"POST {TRANSFER} HTTP/1.1\nSOAPAction: \"submit\"\n"
        "Content-Type: text/xml;charset=UTF-8\nContent-Length: {size}\n"
        "Accept: */*\nUser-Agent: Ruby\nHost: localhost:40001\n",
        '<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:xsd="http://'
        'www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-'
        'instance" xmlns:ins0="urn:Aspera:XML:JobNET:2006/01:Types" xmlns:env="'
        'http://schemas.xmlsoap.org/soap/envelope/"><env:Body>'
        "<ins0:SubmitRequest><type>Aspera.IScpTransfer</type>"
        f"<definition>{escape(order)}</definition></ins0:SubmitRequest>"
        "</env:Body></env:Envelope>"))
    assert answer.status == 200, answer
    wait_until("the file", (there.docroot / "ruby/here/three").exists)
