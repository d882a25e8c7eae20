"""A second implementation of the receiving end, from docs/protocol.md.

It fetches files (Pull) as the client, in one thread and without any care for
speed.  Section numbers are the page's.
"""

import base64
import bisect
import hashlib
import os
import select
import socket
import time

from OpenSSL import SSL
from cryptography.hazmat.primitives.serialization import (Encoding,
                                                          PublicFormat)

import packets

MS = 0.001
WINDOW = 131072


class Failed(Exception):
    def __init__(self, error, text):
        super().__init__(f"error {error}: {text}")
        self.error = error


class Ranges:
    """Separate [first, end), ascending."""

    def __init__(self):
        self.firsts, self.ends = [], []

    def add(self, first, end):
        low = bisect.bisect_left(self.ends, first)
        high = bisect.bisect_right(self.firsts, end)
        if low < high:
            first = min(first, self.firsts[low])
            end = max(end, self.ends[high - 1])
        self.firsts[low:high], self.ends[low:high] = [first], [end]

    def missing(self, first, end):
        """What of [first, end) is not in it."""
        out, at = [], first
        for i in range(bisect.bisect_right(self.ends, first), len(self.ends)):
            if self.firsts[i] >= end:
                break
            if self.firsts[i] > at:
                out.append((at, self.firsts[i]))
            at = max(at, self.ends[i])
        return out + [(at, end)] if at < end else out


class Control:
    """TLS 1.3, and messages in it."""

    def __init__(self, address, fingerprint):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        begin = time.monotonic()
        self.tcp = socket.create_connection(address, timeout=20)
        self.rtt = time.monotonic() - begin
        self.tcp.setblocking(True)
        self.tls = SSL.Connection(context, self.tcp)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        key = self.tls.get_peer_certificate().get_pubkey().to_cryptography_key()
        digest = hashlib.sha256(key.public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        found = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
        if found != fingerprint:
            raise Failed(51, f"{found} is another host's key")
        self.tcp.setblocking(False)
        self.buffer, self.over = bytearray(), False

    def export(self, label, context, count):
        return self.tls.export_keying_material(label, count, context)

    def say(self, data):
        while data:
            try:
                data = data[self.tls.send(data):]
            except SSL.WantWriteError:
                select.select([], [self.tcp], [], 1)

    def messages(self):
        ended = False
        try:
            while True:
                self.buffer += self.tls.recv(65536)
        except SSL.WantReadError:
            pass
        except (SSL.ZeroReturnError, SSL.SysCallError):
            ended = True  # maybe behind its last message
        while (found := packets.split_message(self.buffer)) is not None:
            kind, fields, size = found
            del self.buffer[:size]
            yield kind, fields
        if ended and not self.over:
            raise Failed(39, "the peer ended the connection")


class Receiver:
    def __init__(self, address, fingerprint, user, password, sources, folder,
                 policy=2, target=100000, cipher=1, free=None, source=None,
                 bare=False):
        """`free` are the bytes that may be held in memory, `source` is the
        address that datagrams come from; `bare` sends no knocks."""
        self.folder, self.udp_peer, self.free = folder, None, free
        self.address, self.source = address, source
        self.session = os.urandom(16)
        self.id = int.from_bytes(os.urandom(4), "big") | 1
        self.socket = self.new_socket()
        self.statistics = dict.fromkeys(
            ("forged", "malformed", "duplicate", "late", "bytes", "no_room"), 0)

        self.control = Control(address, fingerprint)
        self.rtt = self.control.rtt
        # 4. Trains and knocks.
        secret = self.control.export(b"EXPORTER-ferry-train", self.session, 56)
        self.train_out, self.train_in = packets.directions(secret, 1)
        self.trains, self.train_places = {}, set()
        self.owd = []
        self.control.say(packets.hello_pull(
            self.session, self.id, user, password, sources,
            packets.rates(policy, target), cipher))
        self.knocks, self.knock_due = 3 if bare else 0, 0.0
        self.accept = None

        # 6. Receiving.
        self.number = 1          # of our next datagram
        self.next_pn = 1         # one above the highest that came
        self.came = Ranges()     # packet numbers
        self.open_holes = []     # [first, end, since]
        self.declared = Ranges() # ever
        self.confirmed = Ranges()
        self.lost = self.runs = self.delivered = self.late = 0
        self.newest = self.newest_time = 0
        self.tail = self.reordered = self.fresh = False
        self.spacing = 0.0
        self.reports = {}        # number: (from, to, when)
        self.echoed = 0
        self.report_due, self.last_free = 0.0, None
        self.challenge = os.urandom(8)
        self.challenge_due = 0.0

        # 10. What came.
        self.had = [Ranges(), Ranges()]
        self.bytes = [bytearray(), bytearray()]
        self.catalogue_at = 0
        self.files, self.links, self.folders = [], [], []
        self.failures = 0
        self.end = None
        self.file_at = self.written = self.done_files = 0
        self.file = None
        self.is_done = self.done_said = False

    def new_socket(self):
        udp = socket.socket(socket.AF_INET6 if ":" in self.address[0]
                            else socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        if self.source is not None:
            udp.bind((self.source, 0))
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        return udp

    # ---- the loop ----

    def run(self, seconds=60):
        limit = time.monotonic() + seconds
        while not self.is_done:
            now = time.monotonic()
            if now > limit:
                raise Failed(40, f"{self.statistics} {len(self.bytes[1])}")
            ready, _, _ = select.select([self.control.tcp, self.socket], [], [],
                                        0.002)
            if self.control.tcp in ready:
                for kind, fields in self.control.messages():
                    self.take_message(kind, fields)
            if self.socket in ready:
                self.take_datagrams()
            self.knock(time.monotonic())
            if self.accept is not None:
                self.speak(time.monotonic())
        self.control.tcp.close()
        self.socket.close()

    def take_message(self, kind, fields):
        if kind == packets.ACCEPT and self.accept is None:
            self.accept = accept = packets.read_accept(fields)
            cipher = accept["cipher"]
            secret = self.control.export(b"EXPORTER-ferry-data", self.session,
                                         2 * (packets.key_bytes(cipher) + 12))
            self.out, self.into = packets.directions(secret, cipher)
            if self.udp_peer is None:
                self.udp_peer = (self.address[0], accept["udp_port"])
        elif kind in (packets.REFUSE, packets.ABORT):
            raise Failed(*packets.read_failure(fields))
        elif kind == packets.DONE_ACK:
            self.is_done = self.control.over = True
        elif kind == packets.FILE_RESULTS:
            raise Failed(27, "the sender could not read a file")
        elif kind == packets.RATE or kind >= 0x8000:
            pass
        else:
            raise Failed(1, f"a message of type {kind}")

    def knock(self, now):
        """4: three knocks, 4 ms apart."""
        if self.knocks == 3 or now < self.knock_due:
            return
        self.knock_due = now + 4 * MS
        place = 96 + self.knocks
        self.knocks += 1
        self.send(packets.write_datagram(packets.Datagram(
            packets.TRAIN, int.from_bytes(self.session[:4], "big"), place + 1,
            place=place, time_us=self.us(now), content=b"\0"), self.train_out))

    def speak(self, now):
        """2: the client of a pull shows the way; 6: reports."""
        if self.newest == 0 and now >= self.challenge_due:
            self.challenge_due = now + 0.1
            self.send_path(packets.PATH_CHALLENGE, self.challenge)
        if now >= self.report_due:
            self.report(now)
        self.write_files()

    # ---- datagrams ----

    @staticmethod
    def us(seconds):
        return int(seconds * 1e6) & 0xffffffff

    def send(self, data):
        try:
            self.socket.sendto(data, self.udp_peer or self.address)
        except OSError:
            pass  # as if the network had lost it

    def send_path(self, kind, token):
        self.send(packets.write_datagram(packets.Datagram(
            kind, self.accept["connection"], self.number, content=token),
            self.out))
        self.number += 1

    def take_datagrams(self):
        for _ in range(200):
            try:
                data, _ = self.socket.recvfrom(65536)
            except OSError:
                return
            now = time.monotonic()
            try:
                if data[:1] == bytes([packets.TRAIN]):
                    self.take_train(data, now)
                elif self.accept is not None:
                    self.take(data, now)
            except packets.Malformed:
                self.statistics["malformed"] += 1

    def take_train(self, data, now):
        packet, _ = packets.read_header(data)
        if packet.place >= 99 or packet.number != packet.place + 1 or \
                packet.place in self.train_places:
            return
        if packets.read_datagram(data, self.train_in) is None:
            self.statistics["forged"] += 1
            return
        self.train_places.add(packet.place)
        if not self.trains:
            self.owd.append((self.us(now) - packet.time_us) & 0xffffffff)
        if packet.place < 96:
            self.trains.setdefault(packet.place // 32, []).append(
                (now, len(data) + packets.WIRE))

    def train_rate(self):
        """4: bytes a second, of the middle train."""
        found = []
        for arrivals in self.trains.values():
            if len(arrivals) >= 5:
                span = max(arrivals[-1][0] - arrivals[0][0], 1e-6)
                found.append(sum(size for _, size in arrivals[1:]) / span)
        return int(sorted(found)[(len(found) - 1) // 2]) if found else 0

    def is_new(self, number):
        return (number > self.next_pn - WINDOW and
                self.came.missing(number, number + 1))

    def take(self, data, now):
        packet, _ = packets.read_header(data)
        if packet.connection != self.id or packet.type == packets.REPORT:
            self.statistics["malformed"] += 1
            return
        if not self.is_new(packet.number):
            self.statistics["duplicate"] += 1
            return
        packet = packets.read_datagram(data, self.into)
        if packet is None:
            self.statistics["forged"] += 1
            return
        if packet.type == packets.DATA and not self.place(packet):
            self.statistics["no_room"] += 1
            return
        self.count(packet, now)
        if packet.type == packets.PATH_CHALLENGE:
            self.send_path(packets.PATH_RESPONSE, packet.content)

    def count(self, packet, now):
        """6: what every genuine datagram says."""
        size = packet.size + packets.WIRE
        self.delivered += size
        self.statistics["bytes"] += size
        number = packet.number
        if number >= self.next_pn:
            if number > self.next_pn:
                self.open_holes.append([self.next_pn, number, now])
            self.next_pn = number + 1
        else:
            self.reordered = True
            if not self.declared.missing(number, number + 1):
                self.late += size
                self.statistics["late"] += 1
            self.fill(number)
        self.came.add(number, number + 1)
        if packet.type in (packets.DATA, packets.PROBE):
            self.owd.append((self.us(now) - packet.time_us) & 0xffffffff)
            self.fresh = True
            if packet.type == packets.DATA and not self.tail and self.newest:
                self.spacing += (now - self.newest - self.spacing) / 8
            self.newest, self.newest_time = now, packet.time_us
            self.tail = packet.type == packets.PROBE
            self.take_seen(packet.seen, now)

    def fill(self, number):
        for i, (first, end, since) in enumerate(self.open_holes):
            if first <= number < end:
                self.open_holes[i:i + 1] = [
                    hole for hole in ([first, number, since],
                                      [number + 1, end, since])
                    if hole[0] < hole[1]]
                return

    def take_seen(self, seen, now):
        for number, (first, end, when) in list(self.reports.items()):
            if number & 0xffffffff == seen:
                if number > self.echoed:
                    self.echoed = number
                    sample = now - when
                    self.rtt = (sample if sample < self.rtt else
                                self.rtt + (sample - self.rtt) / 8)
                if first < end:
                    self.confirmed.add(first, end)
                del self.reports[number]
                return

    # ---- 5, 6: reports ----

    def slack(self):
        slack = max(self.rtt / (8 if self.reordered else 32), 2 * MS,
                    3 * self.spacing)
        return min(slack, 200 * MS)

    def declare(self, now):
        """Ascending: all up to the first hole that is still young."""
        slack = self.slack()
        while self.open_holes:
            first, end, since = self.open_holes[0]
            if now - since < slack and first > self.next_pn - WINDOW:
                return
            self.open_holes.pop(0)
            # A run that goes on is no new one.
            if not self.declared.ends or self.declared.ends[-1] != first:
                self.runs += 1
            self.declared.add(first, end)
            self.lost += end - first

    def interval(self, now):
        if self.newest and now - self.newest > 1:
            return 0.25
        if self.tail:
            return min(max(self.rtt / 16, 5 * MS), 25 * MS)
        return min(max(self.rtt / 4, 5 * MS), 50 * MS)

    def room(self):
        if self.free is None:
            return (1 << 64) - 1
        return max(0, self.free - (self.had[1].ends[-1] - self.written
                                   if self.had[1].ends else 0))

    def report(self, now):
        self.report_due = now + self.interval(now)
        self.declare(now)
        judged = self.open_holes[0][0] if self.open_holes else self.next_pn
        begin = 1
        if self.confirmed.firsts and self.confirmed.firsts[0] == 1:
            begin = self.confirmed.ends[0]
        missing = [
            part for first, end in zip(self.declared.firsts, self.declared.ends)
            if end > begin
            for part in self.confirmed.missing(max(first, begin), end)]
        fields = {
            "delivered": self.delivered, "late": self.late,
            "rx_time": int(now * 1e6), "judged": judged, "lost": self.lost,
            "runs": self.runs, "free": self.room(),
            "train_rate": self.train_rate(), "flags": 0}
        self.last_free = fields["free"]
        if self.newest:
            fields["flags"] |= packets.ECHO
            fields["sent_echo"] = self.newest_time
            fields["hold"] = int((now - self.newest) * 1e6)
        if self.fresh:
            # Modulo 2^32, so from the first of them on.
            around = [(owd - self.owd[0] + (1 << 31)) % (1 << 32) - (1 << 31)
                      for owd in self.owd]
            fields["flags"] |= packets.FRESH
            fields["owd_min"] = (self.owd[0] + min(around)) & 0xffffffff
            fields["owd_mean"] = (self.owd[0] + sum(around) //
                                  len(around)) & 0xffffffff
            self.owd, self.fresh = [], False
        # As many ranges as fit into one datagram, at most 128 of those.
        for _ in range(128):
            part, missing = missing[:300], missing[300:]
            fields["from"] = begin
            fields["to"] = begin = part[-1][1] if missing else judged
            self.reports[self.number] = (fields["from"], fields["to"], now)
            self.send(packets.write_datagram(packets.Datagram(
                packets.REPORT, self.accept["connection"], self.number,
                content=self.report_bytes(dict(fields), part)), self.out))
            self.number += 1
            if not missing:
                break
        for number in list(self.reports)[:-1024]:
            del self.reports[number]

    def report_bytes(self, fields, ranges):
        return packets.write_report(fields, ranges)

    # ---- places and files ----

    def place(self, packet):
        """6: bytes that came are never written again."""
        space, first = packet.space, packet.place
        end = first + len(packet.content)
        data = self.bytes[space]
        if space == 1 and self.free is not None and \
                end > self.written + self.free:
            return False
        if len(data) < end:
            data += bytes(end - len(data))
        for low, high in self.had[space].missing(first, end):
            data[low:high] = packet.content[low - first:high - first]
        self.had[space].add(first, end)
        return True

    def contiguous(self, space):
        had = self.had[space]
        return had.ends[0] if had.firsts and had.firsts[0] == 0 else 0

    def read_catalogue(self):
        cursor = packets.Cursor(bytes(
            self.bytes[0][self.catalogue_at:self.contiguous(0)]))
        while self.end is None and cursor.left():
            begin = cursor.at
            try:
                record = packets.read_record(cursor)
            except packets.Malformed:
                return  # not complete yet
            self.catalogue_at += cursor.at - begin
            if record.kind == packets.FILE:
                self.files.append((self.file_at, record))
                self.file_at += record.size
            elif record.kind == packets.FOLDER:
                self.folders.append(record)
                os.makedirs(self.path(record.path), exist_ok=True)
            elif record.kind == packets.SYMLINK:
                self.links.append(record)
                os.symlink(record.target, self.path(record.path))
            elif record.kind == packets.FAILED:
                self.failures += 1
            else:
                self.end = record.totals

    def path(self, name):
        return os.path.join(os.fsencode(self.folder), name)

    def write_files(self):
        """In order; a whole file is synced, has its times, and is told of."""
        self.read_catalogue()
        contiguous, before = self.contiguous(1), self.done_files
        while self.done_files < len(self.files):
            at, record = self.files[self.done_files]
            if self.file is None:
                self.file = open(self.path(record.path), "xb", buffering=0)
            end = min(at + record.size, contiguous)
            if end > self.written:
                self.file.write(self.bytes[1][self.written:end])
                self.written = end
            if end < at + record.size:
                break
            os.fchmod(self.file.fileno(), record.mode & 0o777)
            os.utime(self.file.fileno(), ns=(record.mtime_ns, record.mtime_ns))
            os.fsync(self.file.fileno())
            self.file.close()
            self.file = None
            self.done_files += 1
        if self.last_free is not None and self.last_free < 65536 <= self.room():
            self.report_due = 0.0
        if before < self.done_files:
            self.control.say(packets.message(packets.FILE_RESULTS, packets.file_results(
                [(before, self.done_files - before, 0, 0)])))
        if self.end is None or self.done_said or \
                self.done_files < len(self.files):
            return
        counted = (len(self.files), len(self.folders), len(self.links),
                   self.failures, self.file_at)
        if counted != self.end:
            raise Failed(1, f"the catalogue's sums are not {counted}")
        for record in reversed(self.folders):
            os.chmod(self.path(record.path), record.mode)
            os.utime(self.path(record.path),
                     ns=(record.mtime_ns, record.mtime_ns))
        self.control.say(packets.message(packets.DONE, packets.totals(
            len(self.files), self.failures, 0, self.file_at)))
        self.done_said = True
