"""The log: what is appended is read again, and what is not exactly a change is refused with its sequence
number.
"""

import sqlite3
from pathlib import Path

import msgpack
import pytest

from gateway.feed import EmbeddedFeed, FeedError
from gateway.feed.changes import (
    CardAdd,
    CardRemove,
    Change,
    ListAdd,
    ListClear,
    ListDefine,
    ListRemove,
    ListReplace,
    PolicyMode,
    PolicySet,
    Record,
    pack,
    unpack,
)

KEY = (8613800000001).to_bytes(8, "little")

EVERY_CHANGE: list[Change] = [
    ListDefine(name="vip", kind="allow"),
    ListAdd(
        list="fraud",
        numbers=KEY * 3,
        patterns=("+861380013*",),
        category="fake-police",
        score=200,
        expiry_s=9,
        note="n",
    ),
    ListReplace(list="fraud", numbers=KEY),
    ListRemove(list="fraud", numbers=KEY, patterns=("106*",)),
    ListClear(list="fraud"),
    CardAdd(
        numbers=KEY,
        name="反诈中心",
        organisation="XX市公安局",
        reason="核实",
        icon="https://x.example/i-64x64.png",
    ),
    CardRemove(numbers=KEY),
    PolicySet(text="[[rule]]"),
    PolicyMode(rule="r", mode="enforce"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "feed.sqlite"


def insert(path: Path, seq: int, body: bytes) -> None:
    db = sqlite3.connect(path)
    db.execute("INSERT INTO log VALUES (?, ?)", (seq, body))
    db.commit()
    db.close()


@pytest.mark.parametrize("change", EVERY_CHANGE, ids=lambda change: type(change).__name__)
def test_every_change_survives_packing(change: Change) -> None:
    record = Record(seq=7, time_ms=1767225600123, origin="cli:root", change=change)
    assert unpack(pack(record), expected_seq=7) == record


def test_a_record_is_one_flat_msgpack_map() -> None:
    fields = msgpack.unpackb(
        pack(Record(seq=7, time_ms=5, origin="cli", change=ListAdd(list="fraud", numbers=KEY)))
    )
    assert fields == {"seq": 7, "time": 5, "origin": "cli", "op": "list.add", "list": "fraud", "numbers": KEY}


def test_appended_changes_are_read_in_order_after_reopening(path: Path) -> None:
    with EmbeddedFeed(path, clock=lambda: 1767225600.5) as feed:
        assert feed.head() == 0
        assert [feed.append(change, "test") for change in EVERY_CHANGE] == list(
            range(1, len(EVERY_CHANGE) + 1)
        )
    with EmbeddedFeed(path) as feed:
        assert feed.head() == len(EVERY_CHANGE)
        assert [change for _, _, change in feed.read()] == EVERY_CHANGE
        assert [seq for seq, _, _ in feed.read(after=4)] == list(range(5, len(EVERY_CHANGE) + 1))
        assert {time_s for _, time_s, _ in feed.read()} == {1767225600.5}


def test_a_gap_is_refused_and_named(path: Path) -> None:
    with EmbeddedFeed(path) as feed:
        for _ in range(4):
            feed.append(ListClear(list="fraud"), "test")
    db = sqlite3.connect(path)
    db.execute("DELETE FROM log WHERE seq = 3")
    db.commit()
    db.close()
    with EmbeddedFeed(path) as feed, pytest.raises(FeedError, match="gap: 3 missing") as caught:
        list(feed.read())
    assert caught.value.seq == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xc1", "cannot be read"),
        (b"", "cannot be read"),
        (msgpack.packb([1, 2]), "cannot be read"),
        (msgpack.packb({"seq": 1, "time": 1, "origin": "x", "op": "list.explode"}), "list.explode"),
        (
            msgpack.packb({"seq": 1, "time": 1, "origin": "x", "op": "list.clear", "list": "a", "also": 1}),
            "also",
        ),
        (msgpack.packb({"seq": 1, "time": 1, "origin": "x", "op": "list.clear"}), "list"),
        (msgpack.packb({"seq": 1, "time": 1, "op": "list.clear", "list": "a"}), "origin"),
        (msgpack.packb({"seq": 2, "time": 1, "origin": "x", "op": "list.clear", "list": "a"}), "seq 2"),
        (pack(Record(seq=1, time_ms=1, origin="x", change=ListClear(list="a"))) + b"\x00", "cannot be read"),
    ],
)
def test_a_record_that_is_not_a_known_change_is_refused(path: Path, body: bytes, reason: str) -> None:
    with EmbeddedFeed(path):
        pass
    insert(path, 1, body)
    with EmbeddedFeed(path) as feed, pytest.raises(FeedError, match=reason) as caught:
        list(feed.read())
    assert caught.value.seq == 1


def test_only_one_process_writes(path: Path) -> None:
    with EmbeddedFeed(path) as writer:
        with pytest.raises(FeedError, match="in use"):
            EmbeddedFeed(path)
        with EmbeddedFeed(path, write=False) as reader:
            writer.append(ListClear(list="fraud"), "test")
            assert reader.head() == 1
            with pytest.raises(FeedError, match="cannot write"):
                reader.append(ListClear(list="fraud"), "test")
    with EmbeddedFeed(path) as writer:
        assert writer.append(ListClear(list="fraud"), "test") == 2


def test_a_failed_append_leaves_no_record(path: Path) -> None:
    with EmbeddedFeed(path) as feed:
        feed.append(ListClear(list="fraud"), "test")
        db = sqlite3.connect(path)
        db.execute("INSERT INTO log VALUES (2, x'00')")  # somebody wrote behind our back
        db.commit()
        db.close()
        with pytest.raises(FeedError, match="cannot write"):
            feed.append(ListClear(list="fraud"), "test")
        assert feed.head() == 1


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(FeedError, match="not a database"):
        EmbeddedFeed(path)


def test_the_log_is_private_to_its_user(path: Path) -> None:
    with EmbeddedFeed(path) as feed:
        feed.append(ListClear(list="fraud"), "test")
        assert path.stat().st_mode & 0o077 == 0
