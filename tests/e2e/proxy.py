"""A path between two nodes that a test can cut, block and measure.

The far node listens at 127.0.0.2; the proxy takes the same port numbers at
127.0.0.1, TCP and UDP, so that the port which the far node announces leads
through here as well.
"""

import selectors
import socket
import threading
import time

FAR = "127.0.0.2"
NEAR = "127.0.0.1"


class Proxy:
    def __init__(self):
        self.tcp_blocked = self.udp_blocked = False
        self.bytes_there = self.bytes_back = 0  # of UDP payload
        self.selector = selectors.DefaultSelector()
        self.streams = {}  # socket: the one that it is joined to
        self.near_of = {}  # UDP socket to the far node: address of the client
        self.far_of = {}   # the same, the other way round
        self.stopping = False
        self.cut_asked = threading.Event()
        self.listener = socket.create_server((NEAR, 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        self.far = (FAR, self.port)
        self.udp = self._udp_socket()
        self.udp.bind((NEAR, self.port))
        self._watch(self.listener, self._accept)
        self._watch(self.udp, self._from_client)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @staticmethod
    def _udp_socket():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        return udp

    def _watch(self, sock, function):
        self.selector.register(sock, selectors.EVENT_READ, function)

    def _run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.02):
                key.data(key.fileobj)
            if self.cut_asked.is_set():
                for stream in list(self.streams):
                    self._drop(stream)
                self.cut_asked.clear()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()

    def _accept(self, listener):
        client, _ = listener.accept()
        if self.tcp_blocked:
            client.close()
            return
        try:
            far = socket.create_connection(self.far, timeout=2)
        except OSError:
            client.close()
            return
        for one, other in ((client, far), (far, client)):
            one.settimeout(5)
            self.streams[one] = other
            self._watch(one, self._stream)

    def _drop(self, stream):
        other = self.streams.pop(stream, None)
        if other is None:
            return
        self.selector.unregister(stream)
        stream.close()
        self._drop(other)

    def _stream(self, stream):
        if stream not in self.streams:
            return
        try:
            data = stream.recv(1 << 16)
            if data:
                self.streams[stream].sendall(data)
                return
        except OSError:
            pass
        self._drop(stream)

    def _datagrams(self, sock):
        for _ in range(200):
            try:
                yield sock.recvfrom(65536)
            except OSError:
                return

    def _from_client(self, udp):
        for data, client in self._datagrams(udp):
            far = self.far_of.get(client)
            if far is None:
                far = self.far_of[client] = self._udp_socket()
                far.connect(self.far)
                self.near_of[far] = client
                self._watch(far, self._from_far)
            if self.udp_blocked:
                continue
            self.bytes_there += len(data)
            try:
                far.send(data)
            except OSError:
                pass

    def _from_far(self, far):
        for data, _ in self._datagrams(far):
            if self.udp_blocked:
                continue
            self.bytes_back += len(data)
            try:
                self.udp.sendto(data, self.near_of[far])
            except OSError:
                pass

    def cut(self):
        """Closes every TCP connection that there is, as a reset would."""
        self.cut_asked.set()
        while self.cut_asked.is_set():
            time.sleep(0.005)

    def bytes_during(self, seconds):
        """The bytes that arrive at the far node from now on, for so long."""
        before = self.bytes_there
        time.sleep(seconds)
        return self.bytes_there - before

    def close(self):
        self.stopping = True
        self.thread.join()
