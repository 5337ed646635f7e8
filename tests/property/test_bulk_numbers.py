"""The bulk reader in C against the plain way: every line on its own, through gateway.numbers.parse_entry.

The rules of the file are written down here a second time, in the simplest way: Python's universal newlines,
csv.reader for rows, parse_entry for entries.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.numberfile import Attributes, Line, Numbers, read
from gateway.numbers import DialPlan, NumberFault, parse_entry
from native.numbers import BulkReader

PLANS = (
    DialPlan(),
    DialPlan(86, "10", ("17951", "12593")),
    DialPlan(86, "755"),
    DialPlan(33),
    DialPlan(1, "212"),
    DialPlan(0),
)
NOW_S = 1_700_000_000.0

# an entry, category and score of its line; "" and a line number: bad
Read = tuple[Counter[tuple[int | str, str, int]], list[int]]


def plain_way(data: bytes, plan: DialPlan) -> Read:
    good: Counter[tuple[int | str, str, int]] = Counter()
    bad: list[int] = []
    columns: list[str] | None = None
    for n, raw in enumerate(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", "replace", newline=""), 1):
        line = raw.strip()
        if not line or (raw if columns and columns[0] else line).startswith("#"):
            continue
        if columns is None:
            header = [c.strip().lower() for c in next(csv.reader([line]))]
            columns = header if "number" in header else [""]
            if columns[0]:
                continue
        category, score = "", ""
        if columns[0]:
            cells = next(csv.reader([raw.rstrip("\r\n")]))
            if len(cells) > len(columns):
                bad.append(n)
                continue
            row = dict(zip(columns, cells, strict=False))
            line, category, score = (
                row.get("number", "").strip(),
                row.get("category", "").strip(),
                row.get("score", ""),
            )
            if score.strip() and not (
                score.strip().isascii() and score.strip().isdigit() and int(score) <= 255
            ):
                bad.append(n)
                continue
        else:
            line = line.replace("\t#", " #").partition(" #")[0].strip()
        try:
            if len(line) > 64:
                raise NumberFault
            good[parse_entry(line.replace("#", "?"), plan), category, int(score or 0)] += 1
        except NumberFault:
            bad.append(n)
    return good, bad


def bulk_way(data: bytes, plan: DialPlan) -> Read:
    good: Counter[tuple[int | str, str, int]] = Counter()
    bad: list[int] = []
    for found in read(io.BytesIO(data), plan, Attributes(), NOW_S):
        if isinstance(found, Numbers):
            known = found.attributes
            good.update((key, known.category, known.score) for key in array("Q", found.keys))
        elif found.fault:
            bad.append(found.number)
        else:
            good[found.entry, found.attributes.category, found.attributes.score] += 1
    return good, bad


number = st.from_regex(r"(\+|00|0|86|\+86|17951)?[0-9]{1,15}", fullmatch=True)
mobile = st.from_regex(r"(\+86|86|0)?1[3-9][0-9]{9}", fullmatch=True)
code = st.sampled_from(
    ("110", "+86110", "010110", "95588", "+8695588", "+86138", "10086", "1069012345678", "000", "12")
)
spaced = st.from_regex(r"\+?[0-9]{1,5}([ ().\-/\t]{0,2}[0-9]{1,5}){1,4}\)?", fullmatch=True)
ranged = st.from_regex(r"\+?[0-9]{1,12} ?(-|\.\.|\u2013) ?\+?[0-9]{1,12}", fullmatch=True)
wild = st.from_regex(r"\+?[0-9]{3,9}(\*|\?{1,4}|#{1,4})", fullmatch=True)
junk = st.text(st.sampled_from(" \t+-.()/#*?%;,0189ax\u00a0\u0661\uff11\x0b\x1c\x00\ufeff"), max_size=14)
nearly = st.from_regex(r"\+861[0-9]{9,11}", fullmatch=True)
entry = st.one_of(mobile, nearly, number, code, spaced, ranged, wild, junk)
space = st.sampled_from(("", "", "", " ", "\t", " \t ", "\u00a0"))
comment = st.sampled_from(("", "", "", " # c", "\t#c", "#c", " #", "  # a # b"))
ending = st.sampled_from(("\n", "\n", "\r\n", "\r"))
text_line = st.tuples(space, entry, space, comment, ending).map("".join)
cell = st.sampled_from(("", "sim", " sim ", "\u8bc8\u9a97", "a b", '"q"', "x" * 30))
score = st.sampled_from(("", "1", " 7 ", "255", "0"))
row = st.tuples(cell, entry.filter(lambda t: "," not in t and '"' not in t), score).map(",".join)
odd_row = st.sampled_from(
    ("sim", "sim,13800000001", "", "   ", "# c", " # c", ",", ",,", "a,1,2,3", "a,13800000001,999")
)
csv_line = st.tuples(row | row | row | odd_row, ending).map("".join)


@given(st.lists(text_line, max_size=30), st.sampled_from(PLANS))
@example(
    ["+8613800000001\n", "1-2\n", "13800000000-13800009999\n", "0755-88888888\n", "95500-95599\n"], PLANS[0]
)
@example(["(138)\n", "1..2\n", "1.2\n", "+\n", "-\n", "1" * 65 + "\n", " " * 70 + "110\n"], PLANS[0])
@example(["+8612800000001\n", "+8610000000000\n", "+86138000000011\n", "+861380000000x\n"], PLANS[0])
@settings(deadline=None, max_examples=400)
def test_plain_text_is_read_as_line_by_line(lines: list[str], plan: DialPlan) -> None:
    data = ("110\n" + "".join(lines)).encode()  # the first line decides that this is no CSV
    assert bulk_way(data, plan) == plain_way(data, plan)


@given(st.lists(csv_line, max_size=30), st.sampled_from(PLANS))
@settings(deadline=None, max_examples=400)
def test_csv_is_read_as_line_by_line(lines: list[str], plan: DialPlan) -> None:
    data = ("category,number,score\n" + "".join(lines)).encode()
    assert bulk_way(data, plan) == plain_way(data, plan)


@given(st.binary(max_size=60) | st.lists(text_line, max_size=6).map(lambda x: "".join(x).encode()), st.data())
@settings(deadline=None, max_examples=300)
def test_octets_of_any_kind_are_read_as_line_by_line(tail: bytes, draw: st.DataObject) -> None:
    for begin in (b"110\n", b"number,category\n"):
        data = begin + tail.replace(b'"', b"'")
        cut = draw.draw(st.integers(0, len(data)))
        data = data[:cut] + draw.draw(st.binary(max_size=3)).replace(b'"', b"'") + data[cut:]
        if b"number" in begin and not data.startswith(begin):
            continue  # another header
        assert bulk_way(data, PLANS[0]) == plain_way(data, PLANS[0])


@given(st.integers(1, 6_000), st.integers(1, 5_000))
@settings(deadline=None, max_examples=20)
def test_more_groups_and_odd_lines_than_one_call_takes(rows: int, groups: int) -> None:
    """Limits of one call (CW_BULK_GROUPS, CW_BULK_ODD) are no limits of the file."""
    lines = [f"g{i % groups},1380000{i:04d},{'' if i % 3 else 1}\n170{i:04d}*,," for i in range(rows)]
    data = (
        ("number,category,score\n" + "\n".join(lines)).replace("number,category", "category,number").encode()
    )
    assert bulk_way(data, PLANS[0]) == plain_way(data, PLANS[0])


@given(st.lists(mobile, min_size=1, max_size=50), st.integers(0, 3))
def test_a_call_takes_whole_lines_and_says_where_the_rest_begins(texts: list[str], skip: int) -> None:
    data = b"?" * skip + "\n".join(texts).encode()
    end, lines, ((head, tail, keys),), odd = BulkReader().read(data, skip)
    assert (end, lines, head, tail, odd) == (len(data), len(texts), b"", b"", [])
    assert list(array("Q", keys)) == [parse_entry(text) for text in texts]


def test_lines_that_python_reads_are_only_the_unusual_ones() -> None:
    """Speed is a contract too: what stands in every file must not fall back to Python."""
    usual = b"+8613800000001\n13800000001\n008613800000001\r\n+86 138-0000-0001 # x\n0755-88888888\n"
    usual += b"(010) 12345678\n110\n95588\n"
    found = list(read(io.BytesIO(usual), DialPlan(), Attributes(), NOW_S))
    assert [type(x) for x in found] == [Numbers]
    rows = b"category,number\n" + b"".join(
        b"%s,%s\n" % (b"x", line.strip()) for line in usual.split(b"\n")[:2]
    )
    (only,) = read(io.BytesIO(rows), DialPlan(), Attributes(), NOW_S)
    assert isinstance(only, Numbers)
    assert not isinstance(only, Line)
