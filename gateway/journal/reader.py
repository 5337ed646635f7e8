"""Reading the journal: segments straight from the disk, with or without a running gateway.

    scan(path)          the frames of one segment that check, and how many bytes behind them do not
    query(directory)    records that match a Filter, the newest `limit` of them, in the order of the journal
    follow(directory)   records as they are written

Rules: nothing is trusted before its CRC checked; the first bad frame ends a segment; a segment that cannot
be read is named and passed over; a file that is deleted meanwhile (retention) is no error. Records are
compared by their fixed fields first, and only what may match is decoded.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.journal.record import NONE, RECORD, Names, Record, decode
from gateway.journal.segment import (
    BLOCK,
    HEAD_BYTES,
    HEADER_BYTES,
    NAMES,
    BadSegment,
    Header,
    is_whole,
    path_of,
    segments,
    unpack_head,
    unpack_header,
    unpack_names,
)

SLACK_NS = 60 * 10**9  # records are that much older than their frame at most, and clocks may step
_TIME, _SEQ, _CALLER, _PRESENTED, _CALLEE, _FACTS, _LATENCY, _TEXT = range(8)
_REASON, _RULE, _SHADOW, _TRUNK, _HOP, _TARGET, _CODE, _ACTION, _METHOD = range(8, 17)


class Block(NamedTuple):
    offset: int  # of its records in the file
    size: int
    time_ns: int
    names: dict[int, Names]  # by rules_seq, as they hold for this block


class Scan(NamedTuple):
    header: Header
    blocks: list[Block]
    records: int
    good_bytes: int
    unreadable_bytes: int


class SegmentReader:
    """A segment that may still grow: poll() gives the blocks that are new."""

    def __init__(self, path: Path) -> None:
        """BadSegment, OSError."""
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.header = unpack_header(os.pread(self._fd, HEADER_BYTES, 0))
        except BaseException:
            os.close(self._fd)
            raise
        self.good_bytes = HEADER_BYTES
        self._names: dict[int, Names] = {}

    def poll(self) -> Iterator[Block]:
        """Until the first frame that is not (yet) whole."""
        while (head_bytes := os.pread(self._fd, HEAD_BYTES, self.good_bytes)) and (
            head := unpack_head(head_bytes)
        ):
            at = self.good_bytes + HEAD_BYTES
            payload = os.pread(self._fd, head.payload_bytes, at)
            if len(payload) < head.payload_bytes or not is_whole(head_bytes, payload, head.crc):
                return
            if head.kind == NAMES:
                try:
                    names = unpack_names(payload)
                except msgspec.DecodeError:
                    return
                self._names = {**self._names, names.rules_seq: names}
            self.good_bytes = at + head.payload_bytes
            if head.kind == BLOCK:
                yield Block(at, head.payload_bytes, head.time_ns, self._names)

    def read(self, block: Block) -> bytes:
        return os.pread(self._fd, block.size, block.offset)

    def unreadable_bytes(self) -> int:
        return max(0, os.fstat(self._fd).st_size - self.good_bytes)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def scan(path: Path) -> Scan:
    """BadSegment, OSError."""
    reader = SegmentReader(path)
    try:
        blocks = list(reader.poll())
        records = sum(b.size for b in blocks) // RECORD.size
        return Scan(reader.header, blocks, records, reader.good_bytes, reader.unreadable_bytes())
    finally:
        reader.close()


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a record must be; empty means anything. Numbers are keys, times unix ns."""

    caller: int = 0  # the screening or the presented number
    callee: int = 0
    since_ns: int = 0
    until_ns: int = 0
    action: str = ""
    rule: str = ""
    shadow: str = ""
    reason: str = ""
    trunk: str = ""
    call_id: str = ""
    fact: str = ""

    def fixed(self, fields: tuple[Any, ...]) -> bool:
        """What can be said of a record without its names."""
        return not (
            (self.since_ns and fields[_TIME] < self.since_ns)
            or (self.until_ns and fields[_TIME] >= self.until_ns)
            or (self.caller and self.caller not in (fields[_CALLER], fields[_PRESENTED]))
            or (self.callee and fields[_CALLEE] != self.callee)
            or (self.rule and fields[_RULE] == NONE)
            or (self.shadow and fields[_SHADOW] == NONE)
        )

    def words(self, record: Record) -> bool:
        return (
            self.action in ("", record.action)
            and self.rule in ("", record.rule)
            and self.shadow in ("", record.shadow)
            and self.reason in ("", record.reason)
            and self.trunk in ("", record.trunk)
            and self.call_id in ("", record.call_id)
            and (not self.fact or self.fact in record.facts)
        )


class Found(NamedTuple):
    records: list[Record]  # oldest first
    faults: list[str]  # what could not be read, a line each
    end: tuple[int, int] = (0, 0)  # newest segment and how far it was read: where follow() goes on


Test = Callable[[tuple[Any, ...]], bool]


def _quick(wanted: Filter, names: Names) -> Test:
    """What must hold of the indexes of a record, so that few records are put into words."""
    pairs = []
    for text, field, known in (
        (wanted.action, _ACTION, names.actions),
        (wanted.rule, _RULE, names.rules),
        (wanted.shadow, _SHADOW, names.rules),
        (wanted.reason, _REASON, names.reasons),
        (wanted.trunk, _TRUNK, names.trunks),
    ):
        if text in known:
            pairs.append((field, known.index(text)))
        elif text and not text.startswith("#"):
            return lambda fields: False
    bit = 1 << names.facts.index(wanted.fact) if wanted.fact in names.facts and wanted.fact else 0

    def test(fields: tuple[Any, ...]) -> bool:
        return all(fields[field] == index for field, index in pairs) and (
            not bit or bool(int.from_bytes(fields[_FACTS], "little") & bit)
        )

    return test


def matches(block: Block, data: bytes, wanted: Filter) -> list[Record]:
    tests = {seq: _quick(wanted, names) for seq, names in block.names.items()}
    found = []
    for fields in RECORD.iter_unpack(data):
        test = tests.get(fields[_SEQ])
        if wanted.fixed(fields) and (test is None or test(fields)):
            record = decode(fields, block.names.get(fields[_SEQ]))
            if wanted.words(record):
                found.append(record)
    return found


def query(directory: Path, wanted: Filter, limit: int) -> Found:
    """The newest `limit` (0: all) records that match, oldest first."""
    parts: list[list[Record]] = []  # newest first
    faults: list[str] = []
    count, newer_created_ns, end = 0, 0, (0, 0)
    for number, path in reversed(segments(directory)):
        if wanted.since_ns and newer_created_ns and newer_created_ns < wanted.since_ns - SLACK_NS:
            break
        try:
            reader = SegmentReader(path)
        except FileNotFoundError:
            continue
        except BadSegment as fault:
            faults.append(f"{path.name} {fault}")
            end = max(end, (number, 0))
            continue
        try:
            newer_created_ns = reader.header.created_ns
            blocks = _settled(reader, newest=end == (0, 0))
            end = max(end, (number, reader.good_bytes))
            for block in reversed(blocks):
                if block.time_ns < wanted.since_ns or (limit and count >= limit):
                    break
                hits = matches(block, reader.read(block), wanted)
                parts.append(hits)
                count += len(hits)
            if unreadable := reader.unreadable_bytes():
                faults.append(f"{path.name}: {unreadable} bytes behind the last whole frame are unreadable")
        finally:
            reader.close()
        if limit and count >= limit:
            break
    records = [record for part in reversed(parts) for record in part]
    records = sorted(records[-limit:] if limit else records, key=lambda r: r.time_ns)  # threads take turns
    return Found(records, faults[::-1], end)


def _settled(reader: SegmentReader, *, newest: bool) -> list[Block]:
    """All blocks; a frame that the gateway writes in this moment is waited for."""
    blocks = list(reader.poll())
    for _ in range(5 if newest else 0):
        if not reader.unreadable_bytes():
            break
        time.sleep(0.02)
        blocks += reader.poll()
    return blocks


def follow(
    directory: Path,
    wanted: Filter,
    after: tuple[int, int],
    *,
    wait: Callable[[], bool],
    fault: Callable[[str], None],
) -> Iterator[Record]:
    """Records behind `after` (Found.end) as they come. `wait` sleeps and says whether to go on."""
    last, seen_bytes = after
    reader = _open(path_of(directory, last), fault) if last else None
    try:
        while True:
            newer = [item for item in segments(directory) if item[0] > last]  # before the older one is read
            if reader is not None:
                for block in reader.poll():
                    if block.offset >= seen_bytes:
                        yield from matches(block, reader.read(block), wanted)
            if newer:
                if reader is not None:
                    if torn := reader.unreadable_bytes():
                        fault(f"{reader.path.name}: {torn} bytes behind the last whole frame are unreadable")
                    reader.close()
                last, path = newer[0]
                reader, seen_bytes = _open(path, fault), 0
            elif not wait():
                return
    finally:
        if reader is not None:
            reader.close()


def _open(path: Path, fault: Callable[[str], None]) -> SegmentReader | None:
    try:
        return SegmentReader(path)
    except FileNotFoundError:
        return None
    except BadSegment as why:
        fault(f"{path.name} {why}")
        return None
