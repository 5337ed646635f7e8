"""gateway.numberfile: usual lines are read without the full parse, and must come out the same."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.numberfile import Attributes, FileFault, _usual, read
from gateway.numbers import DialPlan, NumberFault, parse_entry


@given(
    st.from_regex(r"\+?86?1?[0-9]{9,12}", fullmatch=True) | st.from_regex(r"\+861[0-9]{10}", fullmatch=True)
)
@example("+8613800000001")
@example("+8610000000000")
@example("+86138000000011")
@example("+861380000000１")
def test_usual_lines_are_what_the_full_parse_makes_of_them(text: str) -> None:
    short = _usual(text)
    if short is None:
        return
    try:
        assert parse_entry(text, DialPlan()) == short
    except NumberFault as e:
        raise AssertionError(f"{text} is refused by the full parse: {e}") from None


def test_most_mobiles_are_usual() -> None:
    assert _usual("+8613800000001") == 8613800000001
    assert _usual("+8612800000001") is None
    assert _usual("13800000001") is None


def _read(text: bytes) -> list[tuple[int, object, str]]:
    lines = read(io.BytesIO(text), DialPlan(), Attributes(), time.time())
    return [(x.number, x.entry, x.fault) for x in lines]


def test_lines_keep_their_numbers_over_comments_blank_lines_bom_and_crlf() -> None:
    assert _read(b"\xef\xbb\xbf# head\r\n\r\n13800000001\r\n170000*\r\n") == [
        (3, 8613800000001, ""),
        (4, "+86170000*", ""),
    ]


def test_octets_that_are_no_utf8_are_a_bad_line_and_no_crash() -> None:
    ((number, entry, fault),) = _read(b"\xff\xfe138\n")
    assert (number, entry) == (1, "")
    assert fault


def test_a_huge_line_is_a_short_fault() -> None:
    ((_, _, fault),) = _read(b"1" * 100_000)
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
    assert _read(b"number,category,score\n" + row + b"\n") == [(2, "", fault)]


@pytest.mark.parametrize("header", [b"number,number\n", b"number,color\n"])
def test_bad_headers_are_refused(header: bytes) -> None:
    with pytest.raises(FileFault):
        _read(header + b"13800000001,x\n")


def test_empty_file_holds_nothing() -> None:
    assert _read(b"") == []
    assert _read(b"number\n") == []
