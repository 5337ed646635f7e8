"""gateway.journal: layout against the C struct, segments under damage, the writer's bounds, queries."""

from __future__ import annotations

import errno
import os
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Journal
from gateway.journal import segment
from gateway.journal.reader import Filter, SegmentReader, follow, query, scan
from gateway.journal.record import NONE, RECORD, Names, decode, facts_of, names_for, sequences
from gateway.journal.segment import BadSegment, SegmentFile, pack_names, path_of, segments
from gateway.journal.writer import JournalWriter
from native.numbers import num_text
from native.world import RECORD_BYTES, caller_in
from tests.support.edge import LISTS, Edge, invite, request

ROOT = Path(__file__).resolve().parents[2]
NAMES = names_for(
    1, rules=["fraud", "card", "warn"], trunks=["peer"], hops=["core", "other"], lists=list(LISTS)
)
CALLER, FRAUD = "+8613800000009", 8613800000001


def one(call: int = 1, *, seq: int = 1, time_ns: int = 0, caller: int = 0, rule: int = NONE) -> bytes:
    """A record as the data plane writes it."""
    return RECORD.pack(
        time_ns or call, seq, caller, 0, 0, bytes(32), 0, 0, 0, rule, NONE, NONE, NONE, NONE, 0, 0, 1,
        bytes(16), 0, len(str(call)), 0, 0, str(call).encode(), b"", b"",
    )  # fmt: skip


def calls(directory: Path, limit: int = 0, **wanted: Any) -> list[int]:
    return [int(r.call_id) for r in query(directory, Filter(**wanted), limit).records]


# --- record


def test_layout_is_that_of_struct_cw_record() -> None:
    """Names, order and sizes as native/csrc/cw_ring.h declares them."""
    text = (ROOT / "native/csrc/cw_ring.h").read_text()
    body = text[text.index("struct cw_record {") : text.index("_Static_assert")]
    sizes = {"uint64_t": 8, "cw_num": 8, "uint32_t": 4, "uint16_t": 2, "uint8_t": 1, "struct cw_facts": 32}
    arrays = {"CW_REC_CALL_ID": 64, "CW_REC_RAW": 40}
    declared: list[int] = []
    for kind, fields in re.findall(r"^\s+((?:struct )?\w+) ([^;]+);", body, re.M):
        for field in fields.split(","):
            name, _, count = field.strip().rstrip("]").partition("[")
            if name != "zero":
                declared.append(sizes[kind] * int(arrays.get(count, count or 1)))
    mine: list[int] = []
    for count, code in re.findall(r"(\d*)([QIHBs])", RECORD.format):
        one_size = struct.calcsize("<" + code)
        mine += [int(count)] if code == "s" else [one_size] * int(count or 1)
    assert mine == declared
    assert sum(declared) + 3 == RECORD.size == RECORD_BYTES


def test_a_decision_of_the_engine_in_words() -> None:
    edge = Edge()
    edge.flag(FRAUD)
    edge.handle(invite("+8613800000001", call_id="a(b"), ("198.51.100.7", 5066), now_s=1_800_000_000)
    record = decode(RECORD.unpack(edge.engine.record()), NAMES)
    assert (record.action, record.code, record.reason, record.rule) == ("intercept", 603, "rule", "fraud")
    assert (record.caller, record.presented, record.callee) == ("+8613800000001", "", "+8613900000002")
    assert (record.caller_raw, record.callee_raw) == ("+8613800000001", "+8613900000002")
    assert (record.trunk, record.hop, record.target, record.shadow) == ("peer", None, None, None)
    assert (record.method, record.source, record.call_id) == ("INVITE", "198.51.100.7:5066", "a(b")
    assert (record.rules_seq, record.time_ns) == (1, 1_800_000_000 * 10**9)
    assert "caller.in.fraud" in record.facts
    edge.handle(request("MESSAGE", "alice"), ("198.51.100.7", 5066))
    message = decode(RECORD.unpack(edge.engine.record()), NAMES)
    assert (message.method, message.caller, message.caller_raw) == ("MESSAGE", "", "alice")
    assert (message.action, message.hop, message.target) == ("pass", "core", 0)


def test_indexes_without_names_are_shown_as_numbers() -> None:
    record = decode(RECORD.unpack(one(rule=7)), None)
    assert (record.rule, record.action, record.reason, record.trunk) == ("#7", "#0", "#0", None)
    assert decode(RECORD.unpack(one(rule=7)), NAMES).rule == "#7"
    assert facts_of((1 << 250).to_bytes(32, "little"), ()) == ("#250",)
    assert facts_of((1 << caller_in(1)).to_bytes(32, "little"), NAMES.facts) == ("caller.in.fraud",)


@given(st.binary(min_size=RECORD_BYTES, max_size=RECORD_BYTES))
def test_any_bytes_decode(data: bytes) -> None:
    record = decode(RECORD.unpack(data), NAMES)
    msgspec.json.encode(record)
    assert record.caller == "" or record.caller == num_text(RECORD.unpack(data)[2])


def test_sequences_of_a_block() -> None:
    assert sequences(one(seq=3) + one(seq=9) + one(seq=3)) == {3, 9}
    assert sequences(b"") == set()


# --- segment


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """names, calls 1 to 3, names of seq 2, call 4"""
    file = SegmentFile(tmp_path, 1, node="n", created_ns=5)
    file.append_names(pack_names(NAMES), 1, 6)
    file.append_block(one(1) + one(2, rule=0) + one(3), 7)
    file.append_names(pack_names(msgspec.structs.replace(NAMES, rules_seq=2, rules=("new",))), 2, 8)
    file.append_block(one(4, seq=2, rule=0), 9)
    file.sync()
    file.close()
    return file.path


def test_segment_round_trip(full: Path) -> None:
    found = scan(full)
    assert found.header == segment.Header(1, RECORD_BYTES, 1, 5, "n")
    assert (found.records, found.unreadable_bytes) == (4, 0)
    assert [b.time_ns for b in found.blocks] == [7, 9]
    rules = [r.rule for r in query(full.parent, Filter(), 0).records]
    assert rules == [None, "fraud", None, "new"]


def test_every_prefix_gives_the_whole_frames_before_the_tear(full: Path) -> None:
    data = full.read_bytes()
    ends = [b.offset + b.size for b in scan(full).blocks]
    for size in range(segment.HEADER_BYTES, len(data)):
        full.write_bytes(data[:size])
        found = scan(full)
        assert len(found.blocks) == sum(end <= size for end in ends)
        assert found.good_bytes + found.unreadable_bytes == size


@settings(max_examples=300)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_any_changed_byte_ends_the_segment_before_it(at: int, change: int) -> None:
    data = bytearray(DAMAGED)
    at %= len(data)
    data[at] ^= change
    DAMAGE_PATH.write_bytes(data)
    try:
        found = scan(DAMAGE_PATH)
    except BadSegment:
        assert at < segment.HEADER_BYTES
        return
    assert found.good_bytes <= at < len(data)
    assert found.unreadable_bytes > 0


@pytest.fixture(scope="module", autouse=True)
def damaged(tmp_path_factory: pytest.TempPathFactory) -> None:
    global DAMAGED, DAMAGE_PATH
    file = SegmentFile(tmp_path_factory.mktemp("damage"), 1, node="n", created_ns=5)
    file.append_names(pack_names(NAMES), 1, 6)
    file.append_block(one(1) + one(2), 7)
    file.close()
    DAMAGE_PATH, DAMAGED = file.path, file.path.read_bytes()


DAMAGED, DAMAGE_PATH = b"", Path()


@pytest.mark.parametrize("data", [b"", b"CWJRNL", b"x" * 200, segment.pack_header(1, 1, "n")[:-1]])
def test_what_is_no_segment_is_named_and_the_others_are_read(full: Path, data: bytes) -> None:
    path_of(full.parent, 2).write_bytes(data)
    found = query(full.parent, Filter(), 0)
    assert len(found.records) == 4
    assert len(found.faults) == 1
    assert found.faults[0].startswith("000000000002.cwj ")


def test_a_frame_that_does_not_fit_is_cut_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SegmentFile(tmp_path, 1, node="n", created_ns=1)
    file.append_block(one(1), 1)
    real = os.writev

    def short(fd: int, parts: list[bytes]) -> int:
        return real(fd, [b"".join(parts)[:100]])

    def full_disk(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as m:
        m.setattr(os, "writev", short)
        m.setattr(os, "write", full_disk)
        with pytest.raises(OSError, match="full"):
            file.append_block(one(2), 2)
    file.append_block(one(3), 3)
    file.close()
    assert calls(tmp_path) == [1, 3]
    assert scan(file.path).unreadable_bytes == 0


def test_a_segment_that_cannot_be_begun_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(fd: int, parts: list[bytes]) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "writev", full_disk)
    with pytest.raises(OSError, match="full"):
        SegmentFile(tmp_path, 1, node="n", created_ns=1)
    assert list(tmp_path.iterdir()) == []


def test_format_is_documented_with_its_sizes() -> None:
    text = (ROOT / "docs/journal.md").read_text()
    for word in (
        "CWJRNL\\r\\n",
        "CWF\\n",
        f"{segment.HEADER_BYTES} bytes",
        f"{RECORD_BYTES} bytes",
        "CRC-32",
    ):
        assert word in text, word


# --- query


def test_query_by_every_field(tmp_path: Path) -> None:
    file = SegmentFile(tmp_path, 1, node="n", created_ns=1)
    edge = Edge()
    edge.flag(FRAUD)
    names = pack_names(NAMES)
    file.append_names(names, 1, 1)
    for n, caller in enumerate(("+8613800000001", CALLER), 1):
        edge.handle(invite(caller, call_id=str(n)), now_s=1_000_000 + n)
        file.append_block(edge.engine.record(), (1_000_000 + n) * 10**9)
    file.close()
    assert calls(tmp_path, caller=FRAUD) == [1]
    assert calls(tmp_path, callee=8613900000002) == [1, 2]
    assert calls(tmp_path, callee=FRAUD) == []
    assert calls(tmp_path, since_ns=1_000_002 * 10**9) == [2]
    assert calls(tmp_path, until_ns=1_000_002 * 10**9) == [1]
    assert calls(tmp_path, action="pass") == [2]
    assert calls(tmp_path, rule="fraud") == [1]
    assert calls(tmp_path, rule="card") == []
    assert calls(tmp_path, shadow="fraud") == []
    assert calls(tmp_path, reason="pass") == [2]
    assert calls(tmp_path, trunk="peer") == [1, 2]
    assert calls(tmp_path, fact="caller.in.fraud") == [1]
    assert calls(tmp_path, call_id="2") == [2]
    assert calls(tmp_path, trunk="#0") == [], "what has a name is not found by its index"


def test_records_whose_names_are_lost_are_found_by_their_indexes(tmp_path: Path) -> None:
    file = SegmentFile(tmp_path, 1, node="n", created_ns=1)
    file.append_block(one(1, rule=7) + one(2, rule=8), 1)
    file.close()
    assert calls(tmp_path, rule="#7") == [1]
    assert calls(tmp_path, rule="fraud") == []


def test_limit_keeps_the_newest_over_segments_oldest_first(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        file = SegmentFile(tmp_path, number, node="n", created_ns=number)
        file.append_block(one(number * 10 + 1) + one(number * 10 + 2), number)
        file.append_block(one(number * 10 + 3), number)
        file.close()
    assert calls(tmp_path, 4) == [23, 31, 32, 33]
    assert calls(tmp_path) == [11, 12, 13, 21, 22, 23, 31, 32, 33]


def test_follow_goes_on_where_the_query_ended_and_into_the_next_segment(tmp_path: Path) -> None:
    file = SegmentFile(tmp_path, 1, node="n", created_ns=1)
    file.append_names(pack_names(NAMES), 1, 1)
    file.append_block(one(1), 1)
    found = query(tmp_path, Filter(), 0)
    file.append_block(one(2, rule=0), 2)
    steps = iter([lambda: file.append_block(one(3), 3), lambda: later(4), lambda: None])

    def later(call: int) -> None:
        file.append_block(one(call), 4)
        following = SegmentFile(tmp_path, 2, node="n", created_ns=4)
        following.append_block(one(call + 1), 5)
        following.close()

    def wait() -> bool:
        step = next(steps, None)
        if step:
            step()
        return step is not None

    faults: list[str] = []
    seen = list(follow(tmp_path, Filter(), found.end, wait=wait, fault=faults.append))
    assert [r.call_id for r in seen] == ["2", "3", "4", "5"]
    assert seen[0].rule == "fraud", "names from before the start are known"
    assert faults == []
    file.close()


# --- writer


class Rings:
    """A source of records, as Plane.drain_records is one."""

    def __init__(self) -> None:
        self.waiting = b""
        self.lock = threading.Lock()

    def put(self, *records: bytes) -> None:
        with self.lock:
            self.waiting += b"".join(records)

    def drain(self, most: int) -> bytes:
        with self.lock:
            taken, self.waiting = self.waiting[: most * RECORD_BYTES], self.waiting[most * RECORD_BYTES :]
        return taken


@pytest.fixture
def rings() -> Rings:
    return Rings()


Make = Callable[..., JournalWriter]


@pytest.fixture
def make(tmp_path: Path, rings: Rings) -> Iterator[Make]:
    made: list[JournalWriter] = []

    def writer(**options: int) -> JournalWriter:
        journal = Journal(**options)  # type: ignore[arg-type]
        new = JournalWriter(journal, tmp_path / "j", node="n", drain=rings.drain, dropped=lambda: 0)
        new.set_names(NAMES)
        new.start()
        made.append(new)
        return new

    yield writer
    for item in made:
        item.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_stop_writes_all_that_was_decided(make: Make, rings: Rings, tmp_path: Path) -> None:
    journal = make()
    rings.put(*(one(n) for n in range(1, 20_001)))
    journal.stop()
    assert calls(tmp_path / "j") == list(range(1, 20_001))
    assert journal.status()["written"] == 20_000
    assert journal.lost() == {"ring": 0, "memory": 0, "disk": 0}


def test_no_calls_no_files(make: Make, tmp_path: Path) -> None:
    make().stop()
    assert segments(tmp_path / "j") == []


def test_segments_end_at_segment_bytes_and_carry_their_names(
    make: Make, rings: Rings, tmp_path: Path
) -> None:
    journal = make(segment_bytes=65_536)
    rings.put(*(one(n, rule=0) for n in range(1, 1001)))
    journal.stop()
    found = segments(tmp_path / "j")
    assert len(found) >= 4
    assert all(path.stat().st_size <= 65_536 for _, path in found)
    records = query(tmp_path / "j", Filter(), 0).records
    assert [int(r.call_id) for r in records] == list(range(1, 1001))
    assert {r.rule for r in records} == {"fraud"}


def test_oldest_segments_go_to_stay_within_keep_bytes(make: Make, rings: Rings, tmp_path: Path) -> None:
    journal = make(segment_bytes=65_536, keep_bytes=1 << 20)
    for start in range(0, 10_000, 1000):
        rings.put(*(one(n) for n in range(start + 1, start + 1001)))
    until(lambda: journal.status()["written"] == 10_000)
    status = journal.status()
    journal.stop()
    sizes = [path.stat().st_size for _, path in segments(tmp_path / "j")]
    assert sum(sizes) == status["bytes"] <= 1 << 20
    assert status["deleted_segments"] > 0
    kept = calls(tmp_path / "j")
    assert kept == list(range(kept[0], 10_001))
    assert len(kept) > 2000


def test_a_new_run_never_appends_to_an_older_file(make: Make, rings: Rings, tmp_path: Path) -> None:
    for n in (1, 2):
        journal = make()
        rings.put(one(n))
        journal.stop()
    assert [number for number, _ in segments(tmp_path / "j")] == [1, 2]
    assert calls(tmp_path / "j") == [1, 2]


def test_a_torn_tail_is_measured_at_the_next_start(make: Make, rings: Rings, tmp_path: Path) -> None:
    journal = make()
    rings.put(one(1))
    journal.stop()
    path = path_of(tmp_path / "j", 1)
    path.write_bytes(path.read_bytes() + segment.pack_head(segment.BLOCK, one(2), 1, 1) + b"half")
    again = make()
    assert again.status()["torn_bytes"] == segment.HEAD_BYTES + 4
    rings.put(one(3))
    again.stop()
    found = query(tmp_path / "j", Filter(), 0)
    assert [r.call_id for r in found.records] == ["1", "3"]
    assert found.faults == ["000000000001.cwj: 68 bytes behind the last whole frame are unreadable"]


def test_names_of_one_rules_seq_may_change_and_each_record_keeps_its_own(
    make: Make, rings: Rings, tmp_path: Path
) -> None:
    """A SIGHUP that renames things publishes a world of the same rules_seq."""
    journal = make()
    rings.put(one(1, rule=0))
    journal.set_names(msgspec.structs.replace(NAMES, rules=("renamed",)))
    rings.put(one(2, rule=0))
    journal.stop()
    assert [r.rule for r in query(tmp_path / "j", Filter(), 0).records] == ["fraud", "renamed"]


def test_memory_is_bounded_and_the_loss_is_counted(
    make: Make, rings: Rings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(self: SegmentFile, parts: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(SegmentFile, "_append", full_disk)
        journal = make(buffer_bytes=1 << 20)
        for start in range(0, 20_000, 1000):
            rings.put(*(one(n) for n in range(start + 1, start + 1001)))
            until(lambda: not rings.waiting)
        status = journal.status()
        assert status["waiting_bytes"] <= 1 << 20
        assert status["lost"] > 20_000 - (1 << 20) // RECORD_BYTES - 1
        assert status["error"] == "No space left on device"
    until(lambda: journal.status()["waiting_bytes"] == 0)
    rings.put(one(30_000))
    journal.stop()
    kept = calls(tmp_path / "j")
    assert len(kept) == journal.status()["written"] == 20_001 - journal.lost()["memory"]
    assert kept[-1] == 30_000
    assert journal.status()["error"] == ""


def test_other_faults_of_the_disk_begin_a_new_segment(
    make: Make, rings: Rings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make(sync_ms=10)
    rings.put(one(1))
    until(lambda: journal.status()["written"] == 1)

    def broken(self: SegmentFile) -> None:
        monkeypatch.undo()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(SegmentFile, "sync", broken)
    rings.put(one(2))
    until(lambda: journal.status()["segments"] == 1 and journal.status()["error"] != "")
    rings.put(one(3))
    journal.stop()
    assert [number for number, _ in segments(tmp_path / "j")] == [1, 2]
    assert calls(tmp_path / "j") == [1, 2, 3]


def test_what_the_disk_never_takes_is_counted_at_the_end(
    make: Make, rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(self: SegmentFile, parts: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SegmentFile, "_append", full_disk)
    journal = make()
    rings.put(one(1), one(2))
    journal.stop()
    assert journal.lost() == {"ring": 0, "memory": 0, "disk": 2}
    assert journal.status()["written"] == 0


def test_a_reader_closes_what_it_opened(full: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    for _ in range(50):
        scan(full)
        query(full.parent, Filter(), 1)
        list(follow(full.parent, Filter(), (1, 0), wait=lambda: False, fault=str))
    reader = SegmentReader(full)
    assert open_files() == before + 1
    reader.close()
    assert open_files() == before


def test_names_of_a_later_program_are_read(full: Path) -> None:
    more = msgspec.to_builtins(NAMES) | {"something": "new"}
    assert segment.unpack_names(msgspec.msgpack.encode(more)) == NAMES
    assert isinstance(NAMES, Names)
