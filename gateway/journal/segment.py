"""One file of the journal: a header, then frames; docs/journal.md holds the same layout for readers in other
languages. All integers little-endian.

    header   128 bytes, once
    frame    64 bytes of head, then the payload: "names" (msgpack of record.Names) or "block" (records as the
             data plane wrote them). Head and payload are covered by one CRC-32.

Rules: only the writer appends, a frame at a time, and a frame that could not be written whole is cut off
again, so nothing half ever stands before something good. The first frame that does not check ends the file
for every reader (a crash tore it). `chain` is room for a hash chain over the frames; zero means: none.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.journal.record import Names
from native.world import RECORD_BYTES

MAGIC = b"CWJRNL\r\n"
VERSION = 1
SUFFIX = ".cwj"
# magic, version, header bytes, record bytes, segment number, created (unix ns), node; then crc32 of these
HEADER = struct.Struct("<8sHHIQQ64s28xI")
HEADER_BYTES = 128
MARK = b"CWF\n"
# mark, kind, flags, payload bytes, records, drained at (unix ns), chain; then crc32 of these and the payload
HEAD = struct.Struct("<4sHHIIQ32s4xI")
HEAD_BYTES = 64
assert (HEADER.size, HEAD.size) == (HEADER_BYTES, HEAD_BYTES)
NAMES, BLOCK = 1, 2
PAYLOAD_MAX = 64 << 20
_NO_CHAIN = bytes(32)
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


class Header(NamedTuple):
    version: int
    record_bytes: int
    number: int
    created_ns: int
    node: str


class Head(NamedTuple):
    kind: int
    payload_bytes: int
    records: int
    time_ns: int
    crc: int


class BadSegment(Exception):
    """The file is no segment that this program reads; the text says why."""


def pack_header(number: int, created_ns: int, node: str) -> bytes:
    name = node.encode()[:64]
    packed = HEADER.pack(MAGIC, VERSION, HEADER_BYTES, RECORD_BYTES, number, created_ns, name, 0)[:-4]
    return packed + zlib.crc32(packed).to_bytes(4, "little")


def unpack_header(data: bytes) -> Header:
    """BadSegment when the bytes are no header of this version."""
    if len(data) < HEADER_BYTES or data[:8] != MAGIC:
        raise BadSegment("is no journal segment" if data[:8] != MAGIC[: len(data)] else "has no whole header")
    _, version, size, record_bytes, number, created_ns, node, crc = HEADER.unpack(data[:HEADER_BYTES])
    if zlib.crc32(data[: HEADER_BYTES - 4]) != crc:
        raise BadSegment("has a damaged header")
    if version != VERSION or size != HEADER_BYTES or record_bytes != RECORD_BYTES:
        raise BadSegment(
            f"is of version {version} with {record_bytes}-byte records: this program cannot read it"
        )
    return Header(version, record_bytes, number, created_ns, node.rstrip(b"\0").decode("utf-8", "replace"))


def pack_head(kind: int, payload: bytes | memoryview, records: int, time_ns: int) -> bytes:
    packed = HEAD.pack(MARK, kind, 0, len(payload), records, time_ns, _NO_CHAIN, 0)[:-4]
    return packed + zlib.crc32(payload, zlib.crc32(packed)).to_bytes(4, "little")


def unpack_head(data: bytes) -> Head | None:
    """None when these are no frame's first bytes."""
    if len(data) < HEAD_BYTES:
        return None
    mark, kind, _, size, records, time_ns, _, crc = HEAD.unpack(data[:HEAD_BYTES])
    if mark != MARK or size > PAYLOAD_MAX or (kind == BLOCK and size != records * RECORD_BYTES):
        return None
    return Head(kind, size, records, time_ns, crc)


def is_whole(head_bytes: bytes, payload: bytes, crc: int) -> bool:
    return zlib.crc32(payload, zlib.crc32(head_bytes[: HEAD_BYTES - 4])) == crc


def path_of(directory: Path, number: int) -> Path:
    return directory / f"{number:012d}{SUFFIX}"


def segments(directory: Path) -> list[tuple[int, Path]]:
    """(number, path), oldest first; files that are named otherwise are not ours."""
    found = []
    for path in directory.glob(f"*{SUFFIX}"):
        if path.stem.isascii() and path.stem.isdigit():
            found.append((int(path.stem), path))
    return sorted(found)


class SegmentFile:
    """A new segment, open for appending. OSError when it cannot be made; nothing is left behind then."""

    def __init__(self, directory: Path, number: int, *, node: str, created_ns: int) -> None:
        self.path = path_of(directory, number)
        self.number = number
        self.bytes = 0  # all of it whole
        self.blocks = 0
        self.known: dict[int, bytes] = {}  # names frames in this segment, by rules_seq
        self._fd = os.open(self.path, CREATE, 0o600)
        try:
            self._append([pack_header(number, created_ns, node)])
            _sync_directory(directory)
        except OSError:
            os.close(self._fd)
            self.path.unlink(missing_ok=True)
            raise

    def append_names(self, packed: bytes, rules_seq: int, time_ns: int) -> None:
        self._append([pack_head(NAMES, packed, 0, time_ns), packed])
        self.known[rules_seq] = packed

    def append_block(self, block: bytes | memoryview, time_ns: int) -> None:
        self._append([pack_head(BLOCK, block, len(block) // RECORD_BYTES, time_ns), block])
        self.blocks += 1

    def _append(self, parts: list[bytes | memoryview]) -> None:
        """All of it, or OSError and the file as it was before."""
        try:
            written = os.writev(self._fd, parts)
            whole = sum(len(part) for part in parts)
            if written < whole:  # the rest: rare, a disk that fills up says why at the second call
                rest = memoryview(b"".join(parts))[written:]
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self.bytes)
            raise
        self.bytes += whole

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def pack_names(names: Names) -> bytes:
    return msgspec.msgpack.encode(names)


def unpack_names(packed: bytes) -> Names:
    """Fields that a later program added are skipped. msgspec.DecodeError when it is none."""
    return msgspec.msgpack.decode(packed, type=Names)
