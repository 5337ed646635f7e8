"""gateway.numberfile: lines, their numbers and their faults.

tests/property/test_bulk_numbers.py holds the lines that are read in C against the full parse.
"""

from __future__ import annotations

import io
import time
from array import array

import pytest

from gateway.numberfile import Attributes, FileFault, Numbers, read
from gateway.numbers import DialPlan

PLAN = DialPlan()


def _read(text: bytes, plan: DialPlan = PLAN) -> tuple[list[int], list[tuple[int, int | str, str]]]:
    """Numbers that came in bulk, and lines."""
    keys: list[int] = []
    lines = []
    for found in read(io.BytesIO(text), plan, Attributes(), time.time()):
        if isinstance(found, Numbers):
            keys += array("Q", found.keys)
        else:
            lines.append((found.number, found.entry, found.fault))
    return keys, lines


def test_lines_keep_their_numbers_over_comments_blank_lines_bom_and_crlf() -> None:
    text = b"\xef\xbb\xbf# head\r\n\r\n13800000001\r\n170000*\r\n"
    assert _read(text) == ([8613800000001], [(4, "+86170000*", "")])
    assert _read(text.removeprefix(b"\xef\xbb\xbf# head")) == ([8613800000001], [(4, "+86170000*", "")])


def test_a_comment_behind_a_wildcard_is_a_comment() -> None:
    assert _read(b"+331626210##\t# Paris\n") == ([], [(1, "+331626210??", "")])
    assert _read(b"13800000001 # a #1\n") == ([8613800000001], [])


def test_lines_keep_their_numbers_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [b"13800000001", b"", b"# x", b"bad", b"170000*", b"+86 138-0000-0002 # y"] * 20
    want = _read(b"\r\n".join(rows))
    assert [n for n, _, fault in want[1] if fault] == list(range(4, 120, 6))
    for size in range(1, 40):
        monkeypatch.setattr("gateway.numberfile.CHUNK", size)
        long = size < max(map(len, rows)) + 2  # such a line is cut
        assert long or _read(b"\r\n".join(rows)) == want


def test_a_line_without_end_takes_no_memory_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.numberfile.CHUNK", 100)
    keys, ((number, _, fault),) = _read(b"13800000001\n" + b"1" * 100_000 + b"\n13800000002\n")
    assert (keys, number) == ([8613800000001, 8613800000002], 2)
    assert "too long" in fault


def test_bad_attributes_are_told_line_by_line_among_the_others() -> None:
    rows = b"number,score\n13800000001,1\n13800000002,x\nbad,1\n13800000003,x\n170000*,1\n"
    keys, lines = _read(rows)
    assert keys == []
    assert [(n, bool(fault)) for n, _, fault in lines] == [(2, 0), (3, 1), (4, 1), (5, 1), (6, 0)]
    assert lines[0][1] == 8613800000001


def test_octets_that_are_no_utf8_are_a_bad_line_and_no_crash() -> None:
    _, ((number, entry, fault),) = _read(b"\xff\xfe138\n")
    assert (number, entry) == (1, "")
    assert fault


def test_a_huge_line_is_a_short_fault() -> None:
    _, ((_, _, fault),) = _read(b"1" * 100_000)
    assert len(fault) < 100


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (b"13800000001,x,1,2", "4 cells for 3 columns"),
        (b",sim,1", "no number"),
        (b"13800000001,sim,256", "score '256' is not 0-255"),
        (b"13800000001,sim,-1", "score '-1' is not 0-255"),
    ],
)
def test_bad_rows_say_why(row: bytes, fault: str) -> None:
    assert _read(b"number,category,score\n" + row + b"\n") == ([], [(2, "", fault)])


@pytest.mark.parametrize("header", [b"number,number\n", b"number,color\n"])
def test_bad_headers_are_refused(header: bytes) -> None:
    with pytest.raises(FileFault):
        _read(header + b"13800000001,x\n")


def test_empty_file_holds_nothing() -> None:
    assert _read(b"") == ([], [])
    assert _read(b"number\n") == ([], [])
