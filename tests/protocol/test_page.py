"""The examples of docs/protocol.md are what the page says they are."""

import pathlib
import re

import pytest

import packets

PAGE = pathlib.Path(__file__).parents[2] / "docs/protocol.md"
SECRET = bytes(range(56))
MTIME = 1600000000123456789


def examples():
    section = PAGE.read_text().partition("## 15. Examples")[2]
    return [bytes.fromhex(block)
            for block in re.findall(r"```\n([0-9a-f\s]+)```", section)]


(DATA, PLAIN, PROBE, REPORT, CHALLENGE, TRAIN, CATALOGUE, ACCEPT, RESULTS,
 DONE) = examples()


def opened(data, to_client=False, cipher=1):
    return packets.read_datagram(
        data, packets.directions(SECRET, cipher)[to_client])


@pytest.mark.parametrize("data,to_client,cipher,expected", [
    (DATA, False, 1, (packets.DATA, 0x0a0b0c0d, 7, 1, 65536, 1000000, 3,
                      b"ferry")),
    (PLAIN, False, 0, (packets.DATA, 0x0a0b0c0d, 7, 1, 65536, 1000000, 3,
                       b"ferry")),
    (PROBE, False, 1, (packets.PROBE, 0x0a0b0c0d, 8, 0, 0, 1005000, 3, b"")),
    (CHALLENGE, True, 1, (packets.PATH_CHALLENGE, 0x01020304, 4, 0, 0, 0, 0,
                          b"12345678")),
    (TRAIN, False, 1, (packets.TRAIN, 0xdeadbeef, 34, 0, 33, 5, 0, bytes(3)))])
def test_datagrams(data, to_client, cipher, expected):
    packet = opened(data, to_client, cipher)
    assert (packet.type, packet.connection, packet.number, packet.space,
            packet.place, packet.time_us, packet.seen,
            packet.content) == expected
    for at in range(len(data)):  # each byte is under the tag
        bad = data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1:]
        try:
            assert opened(bad, to_client, cipher) is None, at
        except packets.Malformed:
            pass


def test_report():
    packet = opened(REPORT, to_client=True)
    assert (packet.type, packet.connection, packet.number) == (
        packets.REPORT, 0x01020304, 3)
    fields, ranges = packets.read_report(packet.content)
    assert ranges == [(4, 6), (8, 9)]
    assert packet.content[100:] == bytes.fromhex("03 01 02 00")
    assert fields == {
        "flags": 3, "from": 1, "to": 10, "delivered": 7500, "late": 0,
        "rx_time": 2000000, "judged": 10, "lost": 3, "runs": 2,
        "owd_min": 999000, "owd_mean": 999500, "sent_echo": 1005000,
        "hold": 1500, "disk_queue": 20, "free": 1 << 20,
        "train_rate": 12500000, "ce": 0, "vlink_queue": 0}


def test_catalogue():
    cursor = packets.Cursor(CATALOGUE)
    records = [packets.read_record(cursor) for _ in range(5)]
    assert cursor.left() == 0
    assert records == [
        packets.Record(packets.FOLDER, b"f", mtime_ns=MTIME, mode=0o755),
        packets.Record(packets.FILE, b"f/a", size=5, mtime_ns=MTIME,
                       mode=0o640),
        packets.Record(packets.SYMLINK, b"l", b"f/a", mtime_ns=MTIME),
        packets.Record(packets.FAILED, b"p", error=21),
        packets.Record(packets.END, totals=(1, 1, 1, 1, 5))]


def test_messages():
    kind, fields, size = packets.split_message(ACCEPT)
    assert (kind, size) == (packets.ACCEPT, len(ACCEPT))
    assert packets.read_accept(fields) == {
        "session": bytes(range(16)), "udp_port": 33001,
        "connection": 0x0a0b0c0d, "policy": 2, "target": 100000, "minimum": 0,
        "cap": 0, "datagram_bytes": 1472, "cipher": 1, "challenges": 0,
        "awaits_go": 0}
    kind, fields, _ = packets.split_message(RESULTS)
    assert (kind, fields) == (packets.FILE_RESULTS, packets.file_results(
        [(0, 2, 0, 0), (2, 1, 1, 25)]))
    kind, fields, _ = packets.split_message(DONE)
    assert (kind, fields) == (packets.DONE, packets.totals(2, 1, 0, 12345))
