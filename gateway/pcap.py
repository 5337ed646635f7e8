"""Captures: UDP datagrams out of pcap and pcapng files, and nothing more.

    reader = Capture(stream)
    for datagram in reader: ...
    reader.counts     packets, datagrams, and what was passed over, by kind

Formats: draft-ietf-opsawg-pcap (both byte orders, micro- and nanoseconds), draft-ietf-opsawg-pcapng (section
header, interface description, enhanced, simple and obsolete packet blocks). Link layers: Ethernet with 802.1Q
and 802.1ad tags and PPPoE sessions (RFC 2516), Linux cooked v1 and v2, BSD loopback, raw IP. IPv4, IPv6 with
extension headers (RFC 8200), fragments put together; fragments that overlap are dropped (RFC 5722). TCP is
counted and passed over.

Rules: a capture is foreign input: every length is checked, memory is bounded, and a file that ends in the
middle of a packet (tcpdump was killed) gives what it has; only what is no capture at all raises CaptureError.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import IO, NamedTuple

PACKET_MAX = 1 << 20  # bytes of one packet or block
FRAGMENTED_MAX = 256  # datagrams that are put together at one time
LINK_NULL, LINK_ETHERNET, LINK_LOOP, LINK_SLL, LINK_SLL2 = 0, 1, 108, 113, 276
LINK_IP = {12, 14, 101, 228, 229}  # raw IP under all its numbers
IPV4, IPV6 = 0x0800, 0x86DD
PPPOE, PPP = 0x8864, {0x0021: IPV4, 0x0057: IPV6}
VLAN_TAGS = {0x8100, 0x88A8, 0x9100}
UDP, TCP = 17, 6
IPV6_OPTIONS = {0, 43, 60, 135, 139, 140}  # extension headers of 8 * (1 + length) bytes
IPV6_FRAGMENT, IPV6_AUTH = 44, 51


class CaptureError(Exception):
    """Not a capture, or one that cannot be read from a place on; str says which."""


class Datagram(NamedTuple):
    time_ns: int  # unix
    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes


class _Packet(NamedTuple):
    time_ns: int
    link: int
    data: bytes
    cut: bool  # by the capture's snap length


class _Fragments:
    """The pieces of one datagram."""

    def __init__(self) -> None:
        self.pieces: dict[int, bytes] = {}
        self.total: int | None = None

    def add(self, offset: int, data: bytes, more: bool) -> bytes | None:
        """The whole, once it is there. ValueError: pieces that overlap or reach beyond the end."""
        end = offset + len(data)
        if not more:
            if self.total not in (None, end):
                raise ValueError("two ends")
            self.total = end
        if self.pieces.get(offset) == data:
            return None  # the same one twice: a capture on two ports
        if end > 65535 or any(o < end and offset < o + len(d) for o, d in self.pieces.items()):
            raise ValueError("overlap")
        self.pieces[offset] = data
        if self.total is None or sum(map(len, self.pieces.values())) < self.total:
            return None
        whole = b"".join(data for _, data in sorted(self.pieces.items()))
        if len(whole) != self.total:
            raise ValueError("beyond the end")
        return whole


class Capture:
    """Iterate once. CaptureError at construction when the stream is no capture."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.counts: Counter[str] = Counter()
        self._stream = stream
        self._fragments: OrderedDict[tuple[object, ...], _Fragments] = OrderedDict()
        magic = stream.read(4)
        if magic == b"\x0a\x0d\x0d\x0a":
            self._packets = self._pcapng()
        elif (order := _PCAP_MAGIC.get(magic)) is not None:
            self._packets = self._pcap(*order)
        else:
            raise CaptureError("this is no pcap or pcapng file")

    def __iter__(self) -> Iterator[Datagram]:
        for packet in self._packets:
            self.counts["packets"] += 1
            if packet.cut:
                self.counts["cut by the capture"] += 1
                continue
            ip = _network(packet.link, packet.data)
            if ip is None:
                self.counts["not ip"] += 1
                continue
            try:
                found = self._ip(packet.time_ns, ip)
            except (struct.error, IndexError, ValueError):
                self.counts["malformed"] += 1
                continue
            if found is not None:
                self.counts["udp"] += 1
                yield found
        if waiting := len(self._fragments):
            self.counts["incomplete fragments"] += waiting

    # --- files

    def _read(self, size: int) -> bytes | None:
        """Exactly so many bytes, or None at the end of a file, which is counted when it is in the middle."""
        data = self._stream.read(size)
        if len(data) == size:
            return data
        if data:
            self.counts["torn end"] = 1
        return None

    def _pcap(self, order: str, tick_ns: int) -> Iterator[_Packet]:
        head = self._read(20)
        if head is None:
            return
        link = struct.unpack(order + "HHiIII", head)[5] & 0x0FFFFFFF
        record = struct.Struct(order + "IIII")
        while (head := self._read(16)) is not None:
            seconds, fraction, captured, length = record.unpack(head)
            if captured > PACKET_MAX:
                raise CaptureError(f"a packet of {captured} bytes: the file is damaged")
            data = self._read(captured)
            if data is None:
                self.counts["torn end"] = 1
                return
            yield _Packet(seconds * 10**9 + fraction * tick_ns, link, data, captured < length)

    def _pcapng(self) -> Iterator[_Packet]:
        kind, order = 0x0A0D0D0A, "<"
        links: list[tuple[int, int, int, int]] = []  # link, ticks a second, offset in seconds, snap length
        head: bytes | None = b"\x0a\x0d\x0d\x0a" + (self._read(4) or b"")
        while head is not None and len(head) == 8:
            kind = struct.unpack(order + "I", head[:4])[0]
            mark = b""
            if kind == 0x0A0D0D0A:  # a section: its byte order comes behind the length
                mark = self._read(4) or b""
                if mark not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                    raise CaptureError("a section without byte-order magic")
                order = ">" if mark[0] == 0x1A else "<"
                links = []
            size = struct.unpack(order + "I", head[4:])[0]
            if size < 12 + len(mark) or size > PACKET_MAX:
                raise CaptureError(f"a block of {size} bytes: the file is damaged")
            body = self._read(size - 8 - len(mark))
            if body is None:
                self.counts["torn end"] = 1
                return
            packet = None
            try:
                if kind == 1:
                    links.append(_interface(order, body[:-4]))
                elif kind in (2, 3, 6):
                    packet = _block(order, kind, body[:-4], links)
            except (struct.error, IndexError):
                self.counts["malformed"] += 1
            if packet is not None:
                yield packet
            head = self._read(8)

    # --- packets

    def _ip(self, time_ns: int, data: bytes) -> Datagram | None:
        version = data[0] >> 4
        if version == 4:
            return self._ipv4(time_ns, data)
        if version == 6:
            return self._ipv6(time_ns, data)
        raise ValueError("version")

    def _ipv4(self, time_ns: int, data: bytes) -> Datagram | None:
        header = (data[0] & 15) * 4
        length, ident, flags = struct.unpack_from(">HHH", data, 2)
        length = length or len(data)  # segmentation offload leaves 0
        if header < 20 or length < header or length > len(data):
            raise ValueError("length")
        src, dst = str(IPv4Address(data[12:16])), str(IPv4Address(data[16:20]))
        key = (src, dst, data[9], ident)
        payload = data[header:length]
        return self._joined(time_ns, key, data[9], payload, (flags & 0x1FFF) * 8, bool(flags & 0x2000))

    def _ipv6(self, time_ns: int, data: bytes) -> Datagram | None:
        (length,) = struct.unpack_from(">H", data, 4)
        if 40 + length > len(data):
            raise ValueError("length")
        src, dst = str(IPv6Address(data[8:24])), str(IPv6Address(data[24:40]))
        kind, at, end = data[6], 40, 40 + length if length else len(data)
        data = data[:end]
        while kind in IPV6_OPTIONS or kind == IPV6_AUTH:
            unit = 4 * (data[at + 1] + 2) if kind == IPV6_AUTH else 8 * (data[at + 1] + 1)
            kind, at = data[at], at + unit
        if kind != IPV6_FRAGMENT:
            return self._joined(time_ns, (src, dst), kind, data[at:], 0, False)
        kind, offset, ident = struct.unpack_from(">BxHI", data, at)
        return self._joined(
            time_ns, (src, dst, kind, ident), kind, data[at + 8 :], offset & 0xFFF8, bool(offset & 1)
        )

    def _joined(
        self, time_ns: int, key: tuple[object, ...], kind: int, payload: bytes, offset: int, more: bool
    ) -> Datagram | None:
        """A datagram, once all fragments are there."""
        if offset or more:
            self.counts["fragments"] += 1
            entry = self._fragments.setdefault(key, _Fragments())
            try:
                whole = entry.add(offset, payload, more)
            except ValueError:
                del self._fragments[key]
                raise
            if whole is None:
                if len(self._fragments) > FRAGMENTED_MAX:
                    self._fragments.popitem(last=False)
                    self.counts["incomplete fragments"] += 1
                return None
            del self._fragments[key]
            payload = whole
        if kind != UDP:
            self.counts["tcp" if kind == TCP else "other"] += 1
            return None
        source_port, port, length = struct.unpack_from(">HHH", payload)
        length = length or len(payload)  # RFC 2675
        if length < 8 or length > len(payload):
            raise ValueError("length")
        source, destination = (str(key[0]), source_port), (str(key[1]), port)
        return Datagram(time_ns, source, destination, payload[8:length])


# magic as it stands in the file: byte order, nanoseconds of one tick
_PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}


def _network(link: int, data: bytes) -> bytes | None:
    """The IP packet in a frame; None when it holds none."""
    if link in LINK_IP:
        return data or None
    if link == LINK_ETHERNET:
        at = 12
        kind = int.from_bytes(data[at : at + 2])
        while kind in VLAN_TAGS:
            at += 4
            kind = int.from_bytes(data[at : at + 2])
        at += 2
        if kind == PPPOE:
            kind, at = PPP.get(int.from_bytes(data[at + 6 : at + 8]), 0), at + 8
    elif link == LINK_SLL:
        kind, at = int.from_bytes(data[14:16]), 16
    elif link == LINK_SLL2:
        kind, at = int.from_bytes(data[0:2]), 20
    elif link in (LINK_NULL, LINK_LOOP):  # an address family, in the byte order of its host
        family = min(int.from_bytes(data[:4]), int.from_bytes(data[:4], "little"))
        kind, at = {2: IPV4, 24: IPV6, 28: IPV6, 30: IPV6}.get(family, 0), 4
    else:
        return None
    return (data[at:] or None) if kind in (IPV4, IPV6) else None


def _interface(order: str, body: bytes) -> tuple[int, int, int, int]:
    """pcapng 4.2: link type, ticks a second (if_tsresol), seconds to add (if_tsoffset), snap length."""
    link, snap = struct.unpack_from(order + "H2xI", body)
    ticks, offset, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
        if code == 9 and len(value) == 1:
            power = value[0] & 0x7F
            ticks = 2**power if value[0] & 0x80 else 10**power
        elif code == 14 and len(value) == 8:
            (offset,) = struct.unpack(order + "q", value)
        elif code == 0:
            break
    return link, ticks, offset, snap


def _block(order: str, kind: int, body: bytes, links: list[tuple[int, int, int, int]]) -> _Packet:
    """pcapng 4.3 enhanced (6), 4.4 simple (3), and the obsolete packet block (2)."""
    if kind == 3:
        (length,) = struct.unpack_from(order + "I", body)
        link, _, _, snap = links[0]
        captured = min(length, snap) if snap else length
        return _Packet(0, link, body[4 : 4 + captured], len(body) < 4 + captured or captured < length)
    layout = "IIIII" if kind == 6 else "HxxIIII"
    interface, high, low, captured, length = struct.unpack_from(order + layout, body)
    link, ticks, offset, _ = links[interface]
    data = body[20 : 20 + captured]
    time_ns = ((high << 32) | low) * 10**9 // ticks + offset * 10**9
    return _Packet(time_ns, link, data, len(data) < captured or captured < length)
