"""A node's address for the stacks: passes bytes on as they are, and looks at
every answer that goes by.  The node takes the Host header for its own address,
so what the WSDLs name leads through here as well.
"""

import re
import socket
import threading

from answers import look

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Tee:
    def __init__(self, base):
        host, _, port = base.removeprefix("http://").partition(":")
        self.node = host, int(port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answers = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return # closed
            node = socket.create_connection(self.node)
            for one, other, tell in ((client, node, lambda data: None),
                                     (node, client, Answers(self).take)):
                threading.Thread(target=self.copy, args=(one, other, tell),
                                 daemon=True).start()

    @staticmethod
    def copy(one, other, tell):
        try:
            while data := one.recv(1 << 16):
                tell(data) # first: who has the answer may ask what was wrong
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            other.close()

    def close(self):
        self.listener.close()


class Answers:
    """Cuts what a node sends on a connection into answers."""

    def __init__(self, tee):
        self.tee, self.held = tee, b""

    def take(self, data):
        self.held += data
        while b"\r\n\r\n" in self.held:
            head, _, rest = self.held.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            size = int(length[1]) if length else 0 # none: 100 Continue
            if len(rest) < size:
                return
            body, self.held = rest[:size], rest[size:]
            if size and b"definitions" not in body[:300]:
                self.tee.answers += 1
                look(body, "an answer")
