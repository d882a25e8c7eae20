#!/usr/bin/env python3
"""A ferry observer in Python, without any package: subscribes to the jobs of a
server and prints each event once.

    observer.py [http://127.0.0.1:40001 [PORT]]

With FERRY_SECRET=whsec_... (`ferry subscriptions secret ID`) it takes only what
is signed with it.  What a real one adds: keep LAST on disk, with the work that
an event causes, in one transaction; then no restart does anything twice.
"""

import base64
import hashlib
import hmac
import os
import sys
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVER = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:40001"
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0
SECRET = os.environ.get("FERRY_SECRET", "")
ISC = "urn:Aspera:XML:IScpTransferNET:2006/04:Types"
ENVELOPE = ('<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.'
            'org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>')
last = 0  # Sequence of the newest event that was dealt with


def is_signed(headers, body):
    content = (f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
               .encode() + body)
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(
        hmac.new(key, content, hashlib.sha256).digest()).decode()
    recent = abs(time.time() - int(headers["webhook-timestamp"] or 0)) < 300
    return recent and any(hmac.compare_digest(expected, one) for one in
                          (headers["webhook-signature"] or "").split(" "))


class Observer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global last
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if SECRET and not is_signed(self.headers, body):
            return self.reply(401, "")
        notify = ElementTree.fromstring(body)[0][0]
        if notify.tag == f"{{{ISC}}}NotifyRequest":
            sequence = int(notify.findtext("Sequence"))
            if sequence > last:  # at least once, in order: the rest repeats
                print(sequence, notify.findtext("Topic"),
                      notify.findtext(f"Job/{{{ISC}}}ID"), flush=True)
                last = sequence
        name = notify.tag.split("}")[1].replace("Request", "Response")
        self.reply(200, ENVELOPE.format(f'<n:{name} xmlns:n="{ISC}"/>'))

    def reply(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


def subscribe(url):
    request = ENVELOPE.format(
        f'<s:SubscribeRequest xmlns:s="{ISC}"><JobID>0</JobID><JobObserver>'
        f"<Address>{url}</Address></JobObserver></s:SubscribeRequest>")
    answer = urllib.request.urlopen(urllib.request.Request(
        SERVER + "/services/soap/IScpTransferNET-200604", request.encode(),
        {"Content-Type": "text/xml; charset=utf-8"}))
    return ElementTree.fromstring(answer.read()).find(f".//{{{ISC}}}ID").text


server = ThreadingHTTPServer(("127.0.0.1", PORT), Observer)
print("subscribed", subscribe(f"http://127.0.0.1:{server.server_port}/"),
      file=sys.stderr, flush=True)
server.serve_forever()
