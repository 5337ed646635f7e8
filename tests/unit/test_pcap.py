"""gateway.pcap: files and link layers made here, public captures with tshark as the judge, damage."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import struct
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pcap import Capture, CaptureError, Datagram

DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
CAPTURES = sorted((DATA / "pcap").glob("*.pcap*"))
A4, B4, A6, B6 = "192.0.2.1", "198.51.100.2", "2001:db8::1", "2001:db8::2"
BODY = b"INVITE sip:b@example.com SIP/2.0\r\n\r\n"


def udp(payload: bytes = BODY, source: int = 5060, destination: int = 5070) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, *, proto: int = 17, offset: int = 0, more: bool = False, ident: int = 7) -> bytes:
    flags = offset // 8 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), ident, flags, 64, proto, 0)
    return head + ip_address(A4).packed + ip_address(B4).packed + payload


def ipv6(payload: bytes, *, kind: int = 17) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(payload), kind, 64)
    return head + ip_address(A6).packed + ip_address(B6).packed + payload


def fragment6(data: bytes, offset: int, more: bool) -> bytes:
    return ipv6(struct.pack(">BxHI", 17, offset | more, 9) + data, kind=44)


def pcap(*packets: bytes, link: int = 101, order: str = "<", nano: bool = False, cut: int = 0) -> bytes:
    """Packet n is captured n seconds and 250 ms after the epoch."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    fraction = 250_000_000 if nano else 250_000
    for n, data in enumerate(packets):
        out += struct.pack(order + "IIII", n, fraction, len(data), len(data) + cut) + data
    return out


def block(kind: int, body: bytes, order: str) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(*packets: bytes, link: int = 101, order: str = "<", kind: int = 6, options: bytes = b"") -> bytes:
    """The clock of the interface ticks in nanoseconds; packet n is captured at n + 0.25 s."""
    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    options = options or struct.pack(order + "HHB3x", 9, 1, 9)
    out += block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)
    for n, data in enumerate(packets):
        ticks = n * 10**9 + 250_000_000
        if kind == 3:
            out += block(3, struct.pack(order + "I", len(data)) + data, order)
            continue
        head = struct.pack(order + ("I" if kind == 6 else "HH"), *([0] if kind == 6 else [0, 0]))
        rest = struct.pack(order + "IIII", ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        out += block(kind, head + rest + data, order)
    return out


def read(data: bytes) -> tuple[list[Datagram], dict[str, int]]:
    capture = Capture(io.BytesIO(data))
    return list(capture), dict(capture.counts)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_both_byte_orders_and_resolutions(order: str, nano: bool) -> None:
    found, counts = read(pcap(ipv4(udp()), ipv6(udp()), order=order, nano=nano))
    assert found == [
        Datagram(250_000_000, (A4, 5060), (B4, 5070), BODY),
        Datagram(1_250_000_000, (A6, 5060), (B6, 5070), BODY),
    ]
    assert counts == {"packets": 2, "udp": 2}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [2, 3, 6])
def test_pcapng_blocks_in_both_byte_orders(order: str, kind: int) -> None:
    found, _ = read(pcapng(ipv4(udp()), ipv4(udp(b"x")), order=order, kind=kind))
    assert [d.payload for d in found] == [BODY, b"x"]
    assert [d.time_ns for d in found] == ([0, 0] if kind == 3 else [250_000_000, 1_250_000_000])


def test_pcapng_4_2_clock_of_the_interface() -> None:
    binary = struct.pack("<HHB3x", 9, 1, 0x80 | 20) + struct.pack("<HHq", 14, 8, 100)
    (found,), _ = read(pcapng(ipv4(udp()), options=binary))
    assert found.time_ns == 250_000_000 * 10**9 // 2**20 + 100 * 10**9


def test_pcapng_sections_each_have_interfaces_and_byte_order_of_their_own() -> None:
    found, _ = read(pcapng(ipv4(udp(b"1")), order="<") + pcapng(ipv4(udp(b"2")), order=">"))
    assert [d.payload for d in found] == [b"1", b"2"]


MAC = bytes(12)
LINKS = {
    "ethernet": (1, MAC + b"\x08\x00"),
    "802.1Q": (1, MAC + b"\x81\x00\x00\x05\x08\x00"),
    "802.1ad": (1, MAC + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00"),
    "PPPoE": (1, MAC + b"\x88\x64\x11\x00\x00\x01\x00\x2a\x00\x21"),
    "cooked": (113, bytes(14) + b"\x08\x00"),
    "cooked v2": (276, b"\x08\x00" + bytes(18)),
    "loopback": (0, b"\x02\x00\x00\x00"),
    "loopback of a big-endian host": (0, b"\x00\x00\x00\x02"),
    "OpenBSD loopback": (108, b"\x00\x00\x00\x02"),
    "raw": (101, b""),
    "raw of old": (12, b""),
    "IPv4": (228, b""),
}


@pytest.mark.parametrize("name", LINKS)
def test_link_layers(name: str) -> None:
    link, head = LINKS[name]
    (found,), _ = read(pcap(head + ipv4(udp()) + bytes(6), link=link))  # Ethernet pads short frames
    assert found.payload == BODY


def test_what_is_no_udp_is_counted_and_passed_over() -> None:
    arp = MAC + b"\x08\x06" + bytes(28)
    eth = MAC + b"\x08\x00"
    found, counts = read(pcap(arp, eth + ipv4(bytes(20), proto=6), eth + ipv4(bytes(8), proto=1), link=1))
    assert found == []
    assert counts == {"packets": 3, "not ip": 1, "tcp": 1, "other": 1}


def test_rfc791_fragments_in_any_order_are_put_together() -> None:
    whole = udp(bytes(range(256)) * 12)
    pieces = [ipv4(whole[i : i + 1000], offset=i, more=i + 1000 < len(whole)) for i in range(0, 3080, 1000)]
    random.Random(5).shuffle(pieces)
    found, counts = read(pcap(ipv4(udp(), ident=8), *pieces))
    assert [len(d.payload) for d in found] == [len(BODY), 3072]
    assert found[1].payload == whole[8:]
    assert counts["fragments"] == 4


def test_rfc8200_4_5_fragments_behind_extension_headers() -> None:
    whole = udp(bytes(2000))
    options = ipv6(b"\x11\x00" + bytes(6) + udp(), kind=60)
    first, last = fragment6(whole[:1000], 0, True), fragment6(whole[1000:], 1000, False)
    found, _ = read(pcap(options, last, first))
    assert [d.payload for d in found] == [BODY, bytes(2000)]


def test_rfc5722_overlapping_fragments_are_dropped() -> None:
    whole = udp(bytes(2000))
    pieces = [ipv4(whole[:1000], more=True), ipv4(b"x" * 1000, offset=504, more=True)]
    found, counts = read(pcap(*pieces, ipv4(whole[1000:], offset=1000)))
    assert found == []
    assert counts["malformed"] == 1


def test_fragments_that_never_become_whole_are_bounded_and_counted() -> None:
    pieces = [ipv4(bytes(64), more=True, ident=n) for n in range(1000)]
    capture = Capture(io.BytesIO(pcap(*pieces)))
    assert list(capture) == []
    assert len(capture._fragments) <= 257
    assert capture.counts["incomplete fragments"] == 1000


def test_packets_cut_by_the_snap_length_are_counted() -> None:
    found, counts = read(pcap(ipv4(udp()), cut=5))
    assert found == []
    assert counts["cut by the capture"] == 1


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_every_prefix_of_a_capture_gives_its_whole_packets(make: object) -> None:
    assert callable(make)
    data = make(ipv4(udp(b"1")), ipv4(udp(b"2")))
    for size in range(4, len(data)):
        try:
            found, counts = read(data[:size])
        except CaptureError:
            assert make is pcapng
            assert size < 12, "only the head of the first section is needed"
            continue
        assert len(found) <= 1 or size > len(data) - 4, "the last block's trailing length may be missing"
        assert "malformed" not in counts
    assert len(read(data)[0]) == 2


@pytest.mark.parametrize("data", [b"", b"\x00", b"INVITE sip:x SIP/2.0\r\n", b"\x1f\x8b\x08\x00" + bytes(40)])
def test_what_is_no_capture_is_refused(data: bytes) -> None:
    with pytest.raises(CaptureError, match="no pcap or pcapng"):
        Capture(io.BytesIO(data))


def test_absurd_lengths_are_refused_not_read() -> None:
    data = pcap(ipv4(udp())) + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)
    capture = Capture(io.BytesIO(data))
    with pytest.raises(CaptureError, match="the file is damaged"):
        list(capture)
    assert capture.counts["udp"] == 1


@given(st.data())
def test_damage_never_raises_anything_else(data: st.DataObject) -> None:
    made = pcapng if data.draw(st.booleans()) else pcap
    raw = bytearray(made(ipv4(udp()), ipv6(udp()), fragment6(udp()[:16], 0, True)))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)))):
        raw[at] = value
    with contextlib.suppress(CaptureError):
        read(bytes(raw))


@pytest.mark.skipif(not CAPTURES, reason="no third-party data: set CALLWARDEN_TEST_DATA")
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: make test-packages")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_public_captures_read_as_tshark_reads_them(path: Path) -> None:
    fields = ["ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.payload"]
    command = ["tshark", "-r", str(path), "-Y", "udp && !icmp", "-T", "fields"]
    out = subprocess.run(
        command + [x for f in fields for x in ("-e", f)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    want = [
        (a, int(b), c, int(d), bytes.fromhex(e))
        for a, b, c, d, e in map(lambda x: x.split("\t"), out.splitlines())
    ]
    with path.open("rb") as f:
        got = [(*d.source, *d.destination, d.payload) for d in Capture(f)]
    assert got == want
