"""A path between two nodes that a test can cut, block and measure.

The far node listens at 127.0.0.2; the proxy takes the same port numbers at
127.0.0.1, TCP and UDP, so that the port which the far node announces leads
through here as well.
"""

import heapq
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
        # What becomes of a datagram: the seconds after which copies of it go
        # on, () for none.  `there` says whether it is for the far node.
        self.fate = lambda data, there: (0,)
        self.delayed = []  # (when, order, socket, data, address or None)
        self.order = 0
        self.rebind_asked = threading.Event()
        self.far_source = None
        self.selector = selectors.DefaultSelector()
        self.streams = {}  # socket: the one that it is joined to
        self.near_of = {}  # UDP socket to the far node: address of the client
        self.far_of = {}   # the same, the other way round
        self.stopping = False
        self.cut_asked = threading.Event()
        self.turn_asked = threading.Event()
        self.freeze_asked = threading.Event()
        self.frozen = []
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
            for key, _ in self.selector.select(self._send_delayed()):
                key.data(key.fileobj)
            self.turn_asked.clear()
            if self.rebind_asked.is_set():
                self._rebind()
                self.rebind_asked.clear()
            if self.cut_asked.is_set():
                for stream in list(self.streams):
                    self._drop(stream)
                self.cut_asked.clear()
            if self.freeze_asked.is_set():
                for stream in self.streams:
                    self.selector.unregister(stream)
                self.frozen += self.streams
                self.streams.clear()
                self.freeze_asked.clear()
        for stream in self.frozen:
            stream.close()
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

    def _open_far(self, client):
        far = self.far_of[client] = self._udp_socket()
        if self.far_source is not None:
            far.bind((self.far_source, 0))
        far.connect(self.far)
        self.near_of[far] = client
        self._watch(far, self._from_far)
        return far

    def _from_client(self, udp):
        for data, client in self._datagrams(udp):
            far = self.far_of.get(client) or self._open_far(client)
            if self.udp_blocked:
                continue
            self.bytes_there += len(data)
            self._send(far, data, None, self.fate(data, True))

    def _from_far(self, far):
        for data, _ in self._datagrams(far):
            if self.udp_blocked or far not in self.near_of:
                continue
            self.bytes_back += len(data)
            self._send(self.udp, data, self.near_of[far],
                       self.fate(data, False))

    def _send(self, sock, data, address, delays):
        for delay in delays:
            if delay > 0:
                self.order += 1
                heapq.heappush(self.delayed, (time.monotonic() + delay,
                                              self.order, sock, data, address))
                continue
            try:
                if address is None:
                    sock.send(data)
                else:
                    sock.sendto(data, address)
            except OSError:
                pass

    def _send_delayed(self):
        """Sends what is due; returns the seconds until more is, at most 20 ms.
        """
        now = time.monotonic()
        while self.delayed and self.delayed[0][0] <= now:
            _, _, sock, data, address = heapq.heappop(self.delayed)
            self._send(sock, data, address, (0,))
        return min(0.02, self.delayed[0][0] - now) if self.delayed else 0.02

    def _rebind(self):
        """Each client is another port, or address, to the far node now, and
        what comes to the old ones is lost."""
        for client, far in list(self.far_of.items()):
            self.selector.unregister(far)
            del self.near_of[far]
            far.close()
            self._open_far(client)

    def rebind(self, source=None):
        """What an address translator does when it forgets; `source` is an
        address of this host for what goes to the far node from now on."""
        self.far_source = source
        self.rebind_asked.set()
        while self.rebind_asked.is_set():
            time.sleep(0.005)

    def block_udp(self):
        """Nothing comes through from now on, nor what was on its way."""
        self.udp_blocked = True
        self.turn_asked.set()
        while self.turn_asked.is_set():
            time.sleep(0.005)

    def cut(self):
        """Closes every TCP connection that there is, as a reset would."""
        self.cut_asked.set()
        while self.cut_asked.is_set():
            time.sleep(0.005)

    def freeze(self):
        """Every TCP connection that there is stays open, and nothing comes
        through any more: as when a machine loses its power."""
        self.freeze_asked.set()
        while self.freeze_asked.is_set():
            time.sleep(0.005)

    def bytes_during(self, seconds):
        """The bytes that arrive at the far node from now on, for so long."""
        before = self.bytes_there
        time.sleep(seconds)
        return self.bytes_there - before

    def close(self):
        self.stopping = True
        self.thread.join()
