"""The bytes of docs/protocol.md: datagrams, reports, records, messages.

Written from that page alone, so that what the page does not say, or says
otherwise than the program, shows.  Section numbers are the page's.
"""

import dataclasses
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DATA, PROBE, REPORT, PATH_CHALLENGE, PATH_RESPONSE, TRAIN = range(1, 7)
LONG_HEADERS = (DATA, PROBE, TRAIN)
TAG = 16
WIRE = 28  # what IPv4 and UDP add (section 1)

(HELLO, AUTH, ACCEPT, REFUSE, FILE_RESULTS, SKIP, PROGRESS, DONE, DONE_ACK,
 ABORT, RATE, CHECK, CHECKED, GO) = range(1, 15)
FOLDER, FILE, SYMLINK, FAILED, END = range(1, 6)


class Malformed(Exception):
    """Bytes that the page does not allow."""


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def raw(self, count):
        if self.left() < count:
            raise Malformed("the bytes end too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def uint(self, count):
        return int.from_bytes(self.raw(count), "big")

    def text(self):
        return self.raw(self.uint(2))


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


# ---- 3. Keys ----

class Direction:
    """Key and IV of one direction."""

    def __init__(self, key, iv, sealed=True):
        self.aead, self.iv, self.sealed = AESGCM(key), iv, sealed

    def nonce(self, number):
        return bytes(a ^ b for a, b in zip(self.iv, number.to_bytes(12, "big")))

    def seal(self, number, header, content):
        if not self.sealed:
            tag = self.aead.encrypt(self.nonce(number), b"", header + content)
            return content + tag
        return self.aead.encrypt(self.nonce(number), content, header)

    def open(self, number, header, body):
        """The content, or None for a tag that does not fit."""
        try:
            if self.sealed:
                return self.aead.decrypt(self.nonce(number), body, header)
            content, tag = body[:-TAG], body[-TAG:]
            self.aead.decrypt(self.nonce(number), tag, header + content)
            return content
        except InvalidTag:
            return None


def key_bytes(cipher):
    return 32 if cipher == 2 else 16


def directions(secret, cipher):
    """From the client, and to it."""
    key = key_bytes(cipher)
    cursor = Cursor(secret)
    return [Direction(cursor.raw(key), cursor.raw(12), cipher != 0)
            for _ in range(2)]


# ---- 4. Datagrams ----

@dataclasses.dataclass
class Datagram:
    type: int
    connection: int
    number: int
    space: int = 0
    place: int = 0
    time_us: int = 0
    seen: int = 0
    content: bytes = b""
    size: int = 0


def read_header(data):
    cursor = Cursor(data)
    kind, flags = cursor.uint(1), cursor.uint(1)
    if not DATA <= kind <= TRAIN or flags & ~(1 if kind == DATA else 0):
        raise Malformed("type or flags")
    packet = Datagram(kind, cursor.uint(4), cursor.uint(6), space=flags & 1,
                      size=len(data))
    if kind in LONG_HEADERS:
        packet.place = cursor.uint(6)
        packet.time_us, packet.seen = cursor.uint(4), cursor.uint(4)
    inner = cursor.left() - TAG
    fits = {DATA: inner >= 1, PROBE: inner >= 0, TRAIN: inner >= 1,
            REPORT: inner >= 100, PATH_CHALLENGE: inner == 8,
            PATH_RESPONSE: inner == 8}
    if packet.number == 0 or not fits[kind] or len(data) > 8948:
        raise Malformed("number or length")
    return packet, cursor.at


def read_datagram(data, direction):
    """A Datagram, or None for a forged one."""
    packet, size = read_header(data)
    packet.content = direction.open(packet.number, data[:size], data[size:])
    return None if packet.content is None else packet


def write_datagram(packet, direction):
    header = struct.pack(">BBI", packet.type, packet.space, packet.connection)
    header += packet.number.to_bytes(6, "big")
    if packet.type in LONG_HEADERS:
        header += packet.place.to_bytes(6, "big")
        header += struct.pack(">II", packet.time_us, packet.seen)
    return header + direction.seal(packet.number, header, packet.content)


# ---- 5. Reports ----

REPORT_FIELDS = (
    ("flags", 1), ("from", 6), ("to", 6), ("delivered", 8), ("late", 8),
    ("rx_time", 8), ("judged", 6), ("lost", 6), ("runs", 6), ("owd_min", 4),
    ("owd_mean", 4), ("sent_echo", 4), ("hold", 4), ("disk_queue", 4),
    ("free", 8), ("train_rate", 8), ("ce", 4), ("vlink_queue", 4))
FRESH, ECHO = 1, 2


def groups(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def read_groups(cursor):
    value = 0
    for i in range(7):
        byte = cursor.uint(1)
        value |= (byte & 0x7f) << 7 * i
        if byte < 0x80:
            return value
    raise Malformed("a number of more than 7 bytes")


def write_report(fields, ranges):
    """`ranges` are (first, end), ascending, within from and to."""
    out = bytearray([100])
    for name, size in REPORT_FIELDS:
        out += fields.get(name, 0).to_bytes(size, "big")
    assert len(out) == 100
    at = fields["from"]
    for first, end in ranges:
        out += groups(first - at) + groups(end - first - 1)
        at = end
    return bytes(out)


def read_report(content):
    cursor = Cursor(content)
    fixed = cursor.uint(1)
    if fixed < 100:
        raise Malformed("a report is too short")
    fields = {name: cursor.uint(size) for name, size in REPORT_FIELDS}
    cursor.raw(fixed - 100)
    at, ranges = fields["from"], []
    while cursor.left():
        first = at + read_groups(cursor)
        at = first + read_groups(cursor) + 1
        ranges.append((first, at))
    if at > fields["to"] and ranges:
        raise Malformed("the list ends behind `to`")
    return fields, ranges


# ---- 10. Catalogue ----

@dataclasses.dataclass
class Record:
    kind: int
    path: bytes = b""
    target: bytes = b""
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
    error: int = 0
    totals: tuple = ()


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def read_record(cursor):
    record = Record(cursor.uint(1))
    flags = cursor.uint(1)
    if not FOLDER <= record.kind <= END:
        raise Malformed("a record of no kind")
    if record.kind == END:
        record.totals = tuple(cursor.uint(8) for _ in range(5))
        return record
    record.path = cursor.text()
    if record.kind == SYMLINK:
        record.target = cursor.text()
    if record.kind == FAILED:
        record.error = cursor.uint(4)
        return record
    if record.kind == FILE:
        record.size = cursor.uint(8)
    record.mtime_ns = signed(cursor.uint(8))
    if record.kind == SYMLINK:
        return record
    record.mode = cursor.uint(2)
    if flags & 1:
        cursor.raw(8)  # uid, gid
    if flags & 2:
        cursor.raw(8)  # access time
    if any(part in (b"", b".", b"..") for part in record.path.split(b"/")):
        raise Malformed("a path leads elsewhere")
    return record


# ---- 11. Control messages ----

def message(kind, fields, version=1):
    return struct.pack(">IHB", 3 + len(fields), kind, version) + fields


def split_message(buffer):
    """(type, fields, the size of it all), or None while it is not complete."""
    if len(buffer) < 4:
        return None
    size = struct.unpack_from(">I", buffer)[0]
    if not 3 <= size <= 1 << 20:
        raise Malformed("the size of a message")
    if len(buffer) < 4 + size:
        return None
    kind, version = struct.unpack_from(">HB", buffer, 4)
    if version == 0:
        raise Malformed("version 0")
    return kind, bytes(buffer[7:4 + size]), 4 + size


def rates(policy, target, minimum=0, cap=0):
    return struct.pack(">BQQQ", policy, target, minimum, cap)


def password_auth(password):
    return b"\0" + text(password) + 3 * text("")


def hello_pull(session, connection, user, password, sources, rate,
               cipher=1, datagram_bytes=0):
    """An order to fetch `sources` into an empty folder."""
    return message(HELLO, b"".join((
        struct.pack(">H", 1), session, bytes(16), b"\1", text(user),
        password_auth(password), struct.pack(">I", len(sources)), text(""),
        rate, struct.pack(">I", datagram_bytes), bytes([cipher]),
        b"\0",          # overwrite always
        b"\1",          # links are copied
        b"\0",          # no resume
        b"\1\1",        # create the path, preserve times
        b"\0",          # awaits no GO
        struct.pack(">I", 0), b"\0", text(""), text(""), text(""), text(""),
        struct.pack(">qq", -1 << 63, (1 << 63) - 1),
        struct.pack(">I", connection), text(""), text("second 1"),
        struct.pack(">I", len(sources)), *map(text, sources))))


def read_accept(fields):
    cursor = Cursor(fields)
    return {
        "session": cursor.raw(16), "udp_port": cursor.uint(2),
        "connection": cursor.uint(4), "policy": cursor.uint(1),
        "target": cursor.uint(8), "minimum": cursor.uint(8),
        "cap": cursor.uint(8), "datagram_bytes": cursor.uint(4),
        "cipher": cursor.uint(1), "challenges": cursor.uint(1),
        "awaits_go": cursor.uint(1)}


def read_failure(fields):
    cursor = Cursor(fields)
    return cursor.uint(4), cursor.text().decode()


def totals(done, failed, skipped, size):
    return struct.pack(">QQQQ", done, failed, skipped, size)


def file_results(results):
    """(first id, count, status, error) each."""
    return struct.pack(">I", len(results)) + b"".join(
        struct.pack(">QIBI", *result) for result in results)
