"""What is wrong with an answer is seen, whichever way it comes."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from answers import NS, look, take_wrong
from ferry import Observer

START = '<?xml version="1.0" encoding="UTF-8"?>\n'
GOOD = (f'{START}<soapenv:Envelope xmlns:soapenv="{NS["soap"]}" '
        f'xmlns:ns1="{NS["job"]}"><soapenv:Body><ns1:ListTypesResponse><Type>a'
        "</Type></ns1:ListTypesResponse></soapenv:Body></soapenv:Envelope>")
DELIVERY = (
    f'{START}<soapenv:Envelope xmlns:soapenv="{NS["soap"]}" '
    f'xmlns:ns1="{NS["evt"]}"><soapenv:Body><ns1:QueryDeliveryResponse><State>'
    "idle</State><LastSequence>1</LastSequence><Backlog>0</Backlog>"
    "<FailedAttempts>0</FailedAttempts><Signed>false</Signed>"
    "</ns1:QueryDeliveryResponse></soapenv:Body></soapenv:Envelope>")
WRONG = [
    ("no envelope", "Not found", "", ""),
    ("another child", GOOD, "Type>", "Kind>"),
    ("a child in a namespace", GOOD, "Type>", "ns1:Type>"),
    ("an unknown element", GOOD, "ListTypesResponse", "ListKindsResponse"),
    ("a space", GOOD, "<soapenv:Body>", "<soapenv:Body> "),
    ("no declaration", GOOD, START, ""),
    ("no number", DELIVERY, "<Backlog>0<", "<Backlog>many<"),
    ("another order", DELIVERY, "<State>idle</State>", ""),
    ("one more declaration", DELIVERY, "<State>", '<State xmlns:x="urn:x">'),
]


def test_good_ones_pass():
    look(GOOD, "good")
    look(DELIVERY.encode(), "good")
    assert take_wrong() == ""


@pytest.mark.parametrize("name, text, old, new", WRONG,
                         ids=[row[0] for row in WRONG])
def test_a_wrong_one_is_remembered(name, text, old, new):
    look(text.replace(old, new), name)
    assert take_wrong().startswith(f"{name}: ")
    assert take_wrong() == ""


def test_answers_to_requests_and_notifications_are_looked_at():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(GOOD.replace("Type>", "Kind>").encode())

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    requests.post(f"http://127.0.0.1:{server.server_port}/", "x")
    assert "element" in take_wrong()
    server.shutdown()
    server.server_close()

    observer = Observer()
    requests.post(observer.url, GOOD.replace("Type>", "Kind>"))
    told = take_wrong()
    assert "a notification: " in told
    observer.close()
